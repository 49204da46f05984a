"""The database of the store's index, by SQLAlchemy URL: SQLite in the store's folder, or one that several servers share.

Called by store.py; nothing else talks SQL but index.py. SQLAlchemy takes about 0.13 s and 14 MB: workers never import this.
"""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool, StaticPool

FILE = "index.sqlite"


def connect(url: str | None = None, root: Path | None = None) -> sql.Engine:
    """The database at `url` (`postgresql+psycopg://user:password@host/name`, `sqlite:////folder/file`), else SQLite in `root`.

    Opens nothing yet, but for a wrong URL: sqlalchemy.exc.ArgumentError, and ModuleNotFoundError for a driver that is missing
    (requirements-cluster.txt has PostgreSQL's).
    """
    if url is None:
        if root is None:
            raise ValueError(
                "REPLEARN_STORE is no folder of this machine: REPLEARN_DATABASE must name the index of its runs, "
                "postgresql+psycopg://… for several servers or sqlite:////folder/index.sqlite for one"
            )
        url = sql.URL.create("sqlite", database=str(root / FILE)).render_as_string()
    engine = sql.create_engine(url, **_options(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _bound)
    return engine


def read_only(path: Path) -> sql.Engine:
    """An SQLite file that another server writes."""
    return sql.create_engine("sqlite://", creator=lambda: _opened(path), poolclass=QueuePool)


def in_memory() -> sql.Engine:
    """An index that lives as long as its process, for a folder in which no file can be made."""
    return sql.create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)


def file_of(engine: sql.Engine) -> Path | None:
    """The file of an SQLite database, which one server has for itself; None for a database of several servers."""
    name = engine.url.database
    return Path(name) if engine.dialect.name == "sqlite" and name else None


def is_busy_or_full(error: DatabaseError) -> bool:
    """Whether SQLite says that a file cannot be had or written now, which says nothing against what is in it."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return code in (
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
    )  # fmt: skip


def _options(url: str) -> dict[str, object]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 5, "check_same_thread": False}}
    # A network that swallows packets says nothing: without these, a question waits a quarter of an hour for its answer.
    silence = {"tcp_user_timeout": 5_000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
    waits = {"connect_timeout": 5} | silence if url.startswith("postgresql") else {}
    return {"connect_args": waits, "pool_pre_ping": True, "pool_size": 4, "max_overflow": 8, "pool_timeout": 5}


def _prepare(connection: Any, _: Any) -> None:
    """Readers beside one writer; a commit is safe against a killed server, though the last one may go with the power."""
    cursor = connection.cursor()
    try:
        cursor.execute("pragma journal_mode = wal")
        cursor.execute("pragma synchronous = normal")
    finally:
        cursor.close()


def _bound(connection: Any, _: Any) -> None:
    """A server that hangs, or vanished amid a transaction, holds the others up for seconds and not for hours."""
    with connection.cursor() as cursor:
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"set {name} = '{5 if name == 'lock_timeout' else 15}s'")
    connection.commit()


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False, timeout=5)
