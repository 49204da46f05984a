"""Class rooms: a code, nicknames, answers and runs of a class as they arrive, in SQL. The board and the class bar call it.

No accounts, and nothing of a person but the nickname; a room's rows leave with it. A `Rooms` is safe to call from any thread, and
servers that share a database share their rooms. Raises `RoomRefused` and nothing else.
"""

import hmac
import json
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from replearn_core.room_values import (
    CODE_LENGTH,
    CODE_LETTERS,
    MOST_ANSWERS,
    MOST_HOURS,
    MOST_MEMBERS,
    MOST_QUESTIONS,
    MOST_ROOMS,
    MOST_RUNS,
    SHOWN,
    USUAL_HOURS,
    Board,
    Member,
    Opened,
    Question,
    Ran,
    Room,
    RoomRefused,
    checked_answer,
    nickname,
    read_code,
)

MEMBER_PACE = (6, 0.5)  # answers at once, and then each second
ROOM_PACE = (150, 40.0)
EMPTY = 3600.0  # seconds after which a room that nobody has joined may make room for another
SWEEP = 60.0  # seconds between two looks for rooms that are over
SKEW = 60.0  # seconds by which clocks of servers that share a database may differ
_META = sql.MetaData()
_CODE, _HASH = sql.String(8), sql.String(64)
ROOMS = sql.Table(
    "rooms_1",
    _META,
    sql.Column("code", _CODE, primary_key=True),
    sql.Column("secret", _HASH, nullable=False),
    sql.Column("until", sql.Double, nullable=False, index=True),
    sql.Column("link", sql.String(16), nullable=False),  # the short link that brings a participant, or empty
    sql.Column("shown", sql.String(16), nullable=False),
    sql.Column("closed", sql.Boolean, nullable=False),
    sql.Column("left", sql.Double, nullable=False),  # what may still be written at once, and when that was so
    sql.Column("at", sql.Double, nullable=False),
)
QUESTIONS = sql.Table(
    "room_questions_1",
    _META,
    sql.Column("room", _CODE, primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("asked", sql.Text, nullable=False),  # a Question as JSON
)
MEMBERS = sql.Table(
    "room_members_1",
    _META,
    sql.Column("room", _CODE, primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("token", _HASH, nullable=False),
    sql.Column("name", sql.String(40), nullable=False),
    sql.Column("hidden", sql.Boolean, nullable=False),
    sql.Column("left", sql.Double, nullable=False),
    sql.Column("at", sql.Double, nullable=False),
)
ANSWERS = sql.Table(
    "room_answers_1",
    _META,
    sql.Column("room", _CODE, primary_key=True),
    sql.Column("member", sql.Integer, primary_key=True),
    sql.Column("question", sql.String(80), primary_key=True),
    sql.Column("answer", sql.Text, nullable=False),  # JSON: a number, or a choice's text
    sql.Column("at", sql.Double, nullable=False),
)
RUNS = sql.Table(
    "room_runs_1",
    _META,
    sql.Column("room", _CODE, primary_key=True),
    sql.Column("member", sql.Integer, primary_key=True),
    sql.Column("run", sql.String(32), primary_key=True),
    sql.Column("dataset", sql.String(80), nullable=False),
    sql.Column("code_size", sql.Integer, nullable=False),
    sql.Column("settled", sql.Boolean, nullable=False),
    sql.Column("error", sql.Double),
)
_PARTS = (QUESTIONS, MEMBERS, ANSWERS, RUNS)
Settled = tuple[bool, float | None]
"""(whether it is known how a run ended, its held-out squared error per image or None where it does not count)."""


class Rooms:
    """All rooms of one database. now: Unix time, another clock in tests."""

    def __init__(self, engine: sql.Engine, now: Callable[[], float] = time.time):
        self._engine, self._now = engine, now
        self._lock = threading.RLock()  # SQLite has one writer, and one that waits for it may be turned away
        self._swept = -math.inf
        with self._saying():
            _META.create_all(engine)

    # ---- the teacher ----

    def open(self, question: Question, hours: float = USUAL_HOURS) -> Opened:
        """A new room with its first question. The secret opens what only its teacher may do; it is kept as a hash only."""
        self.sweep(at_once=True)
        now, secret = self._now(), secrets.token_urlsafe(16)
        until = now + 3600 * min(max(hours, 0.25), MOST_HOURS)
        with self._writing() as connection:
            if _count(connection, ROOMS) >= MOST_ROOMS:  # who opens rooms that nobody comes into keeps no class out for long
                _take_out(connection, ROOMS.c.at < now - EMPTY, ROOMS.c.code.not_in(sql.select(MEMBERS.c.room)))
            if _count(connection, ROOMS) >= MOST_ROOMS:
                raise RoomRefused("problem.rooms_full", limit=MOST_ROOMS)
            code = _new_code(connection)
            row = {"code": code, "secret": _hash(secret), "until": until, "link": "", "shown": SHOWN[0], "closed": False}
            connection.execute(sql.insert(ROOMS).values(**row, left=ROOM_PACE[0], at=now))
            connection.execute(sql.insert(QUESTIONS).values(room=code, number=1, asked=question.as_json()))
        return Opened(code, secret)

    def is_teacher(self, code: str, secret: str) -> bool:
        """Whether this is the room's secret."""
        with self._reading() as connection:
            return hmac.compare_digest(str(self._row(connection, code).secret), _hash(secret))

    def lead(self, code: str, secret: str, link: str) -> None:
        """The short link with which participants come."""
        with self._taught(code, secret) as connection:
            connection.execute(sql.update(ROOMS).where(ROOMS.c.code == code).values(link=link[:16]))

    def ask(self, code: str, secret: str, question: Question) -> None:
        """The next question; answers to those before it stay."""
        with self._taught(code, secret) as connection:
            asked = _count(connection, QUESTIONS, QUESTIONS.c.room == code)
            if asked >= MOST_QUESTIONS:
                raise RoomRefused("problem.room_questions", limit=MOST_QUESTIONS)
            connection.execute(sql.insert(QUESTIONS).values(room=code, number=asked + 1, asked=question.as_json()))

    def show(self, code: str, secret: str, how: str) -> None:
        """When the answers are seen: one of SHOWN."""
        if how not in SHOWN:
            raise RoomRefused("problem.unknown_choice", value=how[:40], choices=list(SHOWN))
        with self._taught(code, secret) as connection:
            connection.execute(sql.update(ROOMS).where(ROOMS.c.code == code).values(shown=how))

    def hide(self, code: str, secret: str, numbers: frozenset[int]) -> None:
        """These participants, and no others, are hidden: no name, no answers, no runs, and no more of either."""
        with self._taught(code, secret) as connection:
            mine = sql.update(MEMBERS).where(MEMBERS.c.room == code)
            connection.execute(mine.values(hidden=False))
            connection.execute(mine.where(MEMBERS.c.number.in_(numbers)).values(hidden=True))

    def close(self, code: str, secret: str) -> None:
        """Nobody joins or answers any more; the board stays until the room is over."""
        with self._taught(code, secret) as connection:
            connection.execute(sql.update(ROOMS).where(ROOMS.c.code == code).values(closed=True))

    # ---- a participant ----

    def join(self, code: str, name: str) -> Member:
        """A place in the room under this nickname, numbered where another one has it already."""
        wanted = nickname(name)
        token, now = secrets.token_hex(16), self._now()
        with self._writing() as connection:
            room = self._row(connection, code, locked=True)
            self._still_open(room)
            self._pace(connection, ROOMS, ROOMS.c.code == code, room, ROOM_PACE, "problem.room_flooded")
            here = connection.execute(sql.select(MEMBERS).where(MEMBERS.c.room == code)).all()
            if sum(not one.hidden for one in here) >= MOST_MEMBERS or len(here) >= 4 * MOST_MEMBERS:
                raise RoomRefused("problem.room_full", limit=MOST_MEMBERS)
            number = max((one.number for one in here), default=0) + 1
            given = _numbered(wanted, {one.name.casefold() for one in here})
            row = {"room": code, "number": number, "token": _hash(token), "name": given, "hidden": False}
            connection.execute(sql.insert(MEMBERS).values(**row, left=MEMBER_PACE[0], at=now))
        return Member(number, given, token)

    def member(self, code: str, token: str) -> Member | None:
        """Who has this token, or None: the room is another one, or the teacher has hidden them."""
        with self._reading() as connection:
            self._row(connection, code)
            found = _member(connection, code, token)
        return Member(found.number, found.name, token) if found is not None and not found.hidden else None

    def answer(self, code: str, token: str, question: str, value: float | str) -> None:
        """Keep an answer, in place of an earlier one to the same question.

        question: `q<number>` for the teacher's, checked against it; any other short word for one that a page asks.
        """
        now = self._now()
        with self._writing() as connection:
            room, who = self._participant(connection, code, token)
            self._pace(connection, MEMBERS, _is(who, code), who, MEMBER_PACE, "problem.room_too_fast")
            self._pace(connection, ROOMS, ROOMS.c.code == code, room, ROOM_PACE, "problem.room_flooded")
            value = checked_answer(question, value, _questions(connection, code))
            mine = sql.and_(ANSWERS.c.room == code, ANSWERS.c.member == who.number)
            change = sql.update(ANSWERS).where(mine, ANSWERS.c.question == question)
            if connection.execute(change.values(answer=json.dumps(value), at=now)).rowcount:
                return
            if _count(connection, ANSWERS, mine) >= MOST_ANSWERS:
                raise RoomRefused("problem.room_answers", limit=MOST_ANSWERS)
            row = {"room": code, "member": who.number, "question": question, "answer": json.dumps(value), "at": now}
            connection.execute(sql.insert(ANSWERS).values(**row))

    def answer_of(self, code: str, token: str, question: str) -> float | str | None:
        """What this participant has answered."""
        with self._reading() as connection:
            who = _member(connection, code, token)
            if who is None:
                return None
            mine = sql.and_(ANSWERS.c.room == code, ANSWERS.c.member == who.number, ANSWERS.c.question == question)
            found = connection.scalar(sql.select(ANSWERS.c.answer).where(mine))
        return None if found is None else json.loads(found)

    def ran(self, code: str, token: str, run_id: str, dataset: str, code_size: int) -> None:
        """This participant pressed Train on that run; what came of it `settle` finds out from the run."""
        with self._writing() as connection:
            _, who = self._participant(connection, code, token)
            mine = sql.and_(RUNS.c.room == code, RUNS.c.member == who.number)
            known = list(connection.scalars(sql.select(RUNS.c.run).where(mine)))
            if run_id in known:
                return
            if len(known) >= MOST_RUNS:
                raise RoomRefused("problem.room_runs", limit=MOST_RUNS)
            row = {"room": code, "member": who.number, "run": run_id, "dataset": dataset, "code_size": code_size}
            connection.execute(sql.insert(RUNS).values(**row, settled=False, error=None))

    # ---- what all see ----

    def room(self, code: str) -> Room:
        """The room with its present question."""
        with self._reading() as connection:
            return self._room(connection, code)

    def board(self, code: str) -> Board:
        """All of a class's results as they are now."""
        self.sweep()
        with self._reading() as connection:
            room, questions = self._room(connection, code), _questions(connection, code)
            members = connection.execute(
                sql.select(MEMBERS.c.number, MEMBERS.c.name, MEMBERS.c.hidden)
                .where(MEMBERS.c.room == code)
                .order_by(MEMBERS.c.number)
            ).all()
            names = {one.number: one.name for one in members if not one.hidden}
            hidden = {one.number: one.name for one in members if one.hidden}
            answers: dict[str, dict[int, float | str]] = {}
            for one in connection.execute(sql.select(ANSWERS).where(ANSWERS.c.room == code).order_by(ANSWERS.c.at)):
                if one.member in names:
                    answers.setdefault(one.question, {})[one.member] = json.loads(one.answer)
            rows = connection.execute(sql.select(RUNS).where(RUNS.c.room == code, RUNS.c.error.is_not(None))).all()
            going = _count(connection, RUNS, RUNS.c.room == code, RUNS.c.settled.is_(False))
        runs = tuple(Ran(one.run, one.member, one.dataset, one.code_size, one.error) for one in rows if one.member in names)
        return Board(room, questions, names, hidden, answers, runs, going)

    def settle(self, code: str, read: Callable[[str], Settled]) -> None:
        """Ask how the runs ended of which that is not known yet. read: from the run itself, never from a browser."""
        waiting = sql.and_(RUNS.c.room == code, RUNS.c.settled.is_(False))
        with self._reading() as connection:
            open_runs = set(connection.scalars(sql.select(RUNS.c.run).where(waiting)))
        found = {run: error for run in open_runs for known, error in [read(run)] if known}
        if not found:
            return
        with self._writing() as connection:
            for run, error in found.items():
                good = error if error is not None and math.isfinite(error) else None
                connection.execute(sql.update(RUNS).where(waiting, RUNS.c.run == run).values(settled=True, error=good))

    def sweep(self, at_once: bool = False) -> None:
        """Take out all of the rooms that are over, nicknames among them; a look each minute is enough."""
        if not at_once and abs(self._now() - self._swept) < SWEEP:
            return
        self._swept = self._now()
        with self._writing() as connection:
            _take_out(connection, ROOMS.c.until < self._now())

    # ---- inside ----

    @contextmanager
    def _reading(self) -> Iterator[sql.Connection]:
        with self._saying(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        with self._saying(), self._lock, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError:
            raise RoomRefused("problem.room_unreachable") from None

    @contextmanager
    def _taught(self, code: str, secret: str) -> Iterator[sql.Connection]:
        with self._writing() as connection:
            if not hmac.compare_digest(str(self._row(connection, code, locked=True).secret), _hash(secret)):
                raise RoomRefused("problem.room_not_teacher")
            yield connection

    def _row(self, connection: sql.Connection, code: str, locked: bool = False) -> Any:
        """One that is over, and one that never was, get the same answer."""
        read_code(code)
        wanted = sql.select(ROOMS).where(ROOMS.c.code == code, ROOMS.c.until >= self._now())
        row = connection.execute(wanted.with_for_update() if locked else wanted).first()
        if row is None:
            raise RoomRefused("problem.unknown_room", value=code)
        return row

    def _room(self, connection: sql.Connection, code: str) -> Room:
        row, questions = self._row(connection, code), _questions(connection, code)
        number = max(questions)
        return Room(code, number, questions[number], row.shown, row.until, bool(row.closed), row.link)

    def _participant(self, connection: sql.Connection, code: str, token: str) -> tuple[Any, Any]:
        room = self._row(connection, code, locked=True)
        self._still_open(room)
        who = _member(connection, code, token)
        if who is None or who.hidden:
            raise RoomRefused("problem.room_not_joined")
        return room, who

    def _still_open(self, room: Any) -> None:
        if room.closed:
            raise RoomRefused("problem.room_closed")

    def _pace(
        self, connection: sql.Connection, table: sql.Table, which: Any, row: Any, pace: tuple[float, float], key: str
    ) -> None:
        """Take one of what may be written now, or refuse: some at once, then so many a second."""
        most, each_second = pace
        now = self._now()
        passed = now - row.at
        if passed < -SKEW:  # the clock was set back: what had been taken until then is over
            passed = math.inf
        left = min(most, row.left + each_second * max(0.0, passed))
        if left < 1:
            raise RoomRefused(key, seconds=math.ceil((1 - left) / each_second))
        connection.execute(sql.update(table).where(which).values(left=left - 1, at=now))


def _is(who: Any, code: str) -> Any:
    return sql.and_(MEMBERS.c.room == code, MEMBERS.c.number == who.number)


def _member(connection: sql.Connection, code: str, token: str) -> Any:
    return connection.execute(sql.select(MEMBERS).where(MEMBERS.c.room == code, MEMBERS.c.token == _hash(token))).first()


def _questions(connection: sql.Connection, code: str) -> Mapping[int, Question]:
    rows = connection.execute(sql.select(QUESTIONS).where(QUESTIONS.c.room == code).order_by(QUESTIONS.c.number))
    return {one.number: Question.from_json(one.asked) for one in rows}


def _count(connection: sql.Connection, table: sql.Table, *which: Any) -> int:
    return int(connection.scalar(sql.select(sql.func.count()).select_from(table).where(*which)) or 0)


def _take_out(connection: sql.Connection, *which: Any) -> None:
    """Delete these rooms with all that was said in them."""
    codes = list(connection.scalars(sql.select(ROOMS.c.code).where(*which)))
    for table in _PARTS if codes else ():
        connection.execute(sql.delete(table).where(table.c.room.in_(codes)))
    if codes:
        connection.execute(sql.delete(ROOMS).where(ROOMS.c.code.in_(codes)))


def _new_code(connection: sql.Connection) -> str:
    while True:
        code = "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
        if connection.scalar(sql.select(ROOMS.c.code).where(ROOMS.c.code == code)) is None:
            return code


def _numbered(name: str, taken: set[str]) -> str:
    """`Mia`, then `Mia 2`, `Mia 3`, …"""
    given, n = name, 2
    while given.casefold() in taken:
        given, n = f"{name} {n}", n + 1
    return given


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
