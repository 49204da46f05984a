"""Short links: a random code → a page of this app and its parameters, in SQL. The share button and the route `/s/<code>` call it.

A code leads nowhere but to a page of this app. When there are too many, the least recently used goes.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from replearn_core.experiment import Problem

T = TypeVar("T")
LETTERS = "abcdefghjkmnpqrtuvwxyz2346789"
LENGTH = 9  # 43.7 bits
MOST = 20_000
MOST_EACH_HOUR = 600  # new ones: whoever floods this pushes nobody's link out before the class is over
MOST_QUERY = 4_096  # characters
PAGE = re.compile(r"[a-z]{0,24}")
QUERY = re.compile(r"[A-Za-z0-9._~%+*=&:;,@!$'()/-]*")
_META = sql.MetaData()
LINKS = sql.Table(
    "links_1",
    _META,
    sql.Column("code", sql.String(16), primary_key=True),
    sql.Column("digest", sql.String(64), nullable=False, index=True),
    sql.Column("page", sql.String(24), nullable=False),
    sql.Column("query", sql.Text, nullable=False),
    sql.Column("created", sql.Double, nullable=False, index=True),
    sql.Column("used", sql.Double, nullable=False, index=True),
)


class LinkRefused(Exception):
    """No short link can be made, or this one is not known. `problem` says why."""

    def __init__(self, key: str, **numbers: object):
        self.problem = Problem(key, "link", numbers)
        super().__init__(f"{key} {numbers}")


class Links:
    """All short links of one database. Safe to call from any thread."""

    def __init__(self, engine: sql.Engine, most: int = MOST, now: Callable[[], float] = time.time):
        self._engine, self._most, self._now = engine, most, now
        self._lock = threading.Lock()
        self._asked(lambda: _META.create_all(engine))

    def make(self, page: str, query: str) -> str:
        """The code of a page and its encoded parameters; the same for the same ones. Raises LinkRefused."""
        if not PAGE.fullmatch(page) or not QUERY.fullmatch(query):
            raise LinkRefused("problem.link_bad")
        if len(query) > MOST_QUERY:
            raise LinkRefused("problem.link_long", limit=MOST_QUERY)
        with self._lock:
            return self._asked(lambda: self._make(page, query))

    def follow(self, code: str) -> tuple[str, str]:
        """(page, query). Raises LinkRefused for a code that never was, or has made room."""
        if len(code) != LENGTH or any(letter not in LETTERS for letter in code):
            raise LinkRefused("problem.link_unknown")
        with self._lock:
            return self._asked(lambda: self._follow(code))

    def _make(self, page: str, query: str) -> str:
        now, digest = self._now(), sha256(f"{page}?{query}".encode()).hexdigest()
        with self._engine.begin() as connection:
            known = connection.scalar(sql.select(LINKS.c.code).where(LINKS.c.digest == digest))
            if known is not None:
                connection.execute(sql.update(LINKS).where(LINKS.c.code == known).values(used=now))
                return str(known)
            lately = sql.select(sql.func.count()).select_from(LINKS).where(LINKS.c.created > now - 3600)
            if (connection.scalar(lately) or 0) >= MOST_EACH_HOUR:
                raise LinkRefused("problem.link_flooded", limit=MOST_EACH_HOUR)
            count = connection.scalar(sql.select(sql.func.count()).select_from(LINKS)) or 0
            if count >= self._most:
                oldest = sql.select(LINKS.c.code).order_by(LINKS.c.used).limit(count - self._most + 1)
                connection.execute(sql.delete(LINKS).where(LINKS.c.code.in_(list(connection.scalars(oldest)))))
            code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
            row = {"code": code, "digest": digest, "page": page, "query": query, "created": now, "used": now}
            connection.execute(sql.insert(LINKS).values(**row))
            return code

    def _follow(self, code: str) -> tuple[str, str]:
        with self._engine.begin() as connection:
            row = connection.execute(sql.select(LINKS).where(LINKS.c.code == code)).first()
            if row is None:
                raise LinkRefused("problem.link_unknown")
            if self._now() - row.used > 60:
                connection.execute(sql.update(LINKS).where(LINKS.c.code == code).values(used=self._now()))
            return str(row.page), str(row.query)

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except SQLAlchemyError:
            raise LinkRefused("problem.link_unreachable") from None
