"""The index of a store's runs, in SQL: lists are quick, and servers that share it agree through it who works on which run.

Called by store.py alone. It can always be rebuilt from the run folders. A method is one transaction and raises SQLAlchemyError.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import DatabaseError, IntegrityError, SQLAlchemyError

from replearn_core import database

log = logging.getLogger(__name__)

BUSY = ("queued", "running")
WELL = ("finished", "diverged")
_META = sql.MetaData()
_ID = sql.String(32)
RUNS = sql.Table(  # a changed table gets a new number: servers of two versions may share a database while one is replaced
    "runs_2",
    _META,
    sql.Column("id", _ID, primary_key=True),
    sql.Column("state", sql.String(16), nullable=False),
    sql.Column("experiment", sql.Text),
    sql.Column("parent", _ID),
    sql.Column("created", sql.Double, nullable=False, index=True),
    sql.Column("used", sql.Double, nullable=False),
    sql.Column("bytes", sql.BigInteger, nullable=False),
    sql.Column("count", sql.Integer, nullable=False),
    sql.Column("seconds", sql.Double),
    sql.Column("problem", sql.Text),
    sql.Column("attempts", sql.Integer, nullable=False),
    sql.Column("server", _ID),  # who works on it, or did last
)
SERVERS = sql.Table(
    "servers_1",
    _META,
    sql.Column("id", _ID, primary_key=True),
    sql.Column("beat", sql.BigInteger, nullable=False),  # counts up while the server lives
    sql.Column("busy", sql.Integer, nullable=False),  # jobs that workers have from it
)
WANTS = sql.Table(  # a server whose visitors wait for a run that another one works on
    "wants_1", _META, sql.Column("run", _ID, primary_key=True), sql.Column("server", _ID, primary_key=True)
)
FILLED = sql.Table(  # there once all run folders are listed
    "filled_1", sql.MetaData(), sql.Column("id", sql.Integer, primary_key=True)
)


@dataclass(frozen=True)
class Row:
    """One run; see store.Kept. `problem` and `experiment` are JSON."""

    id: str
    state: str
    experiment: str | None
    parent: str | None
    created: float
    used: float
    bytes: int
    count: int
    seconds: float | None
    problem: str | None
    attempts: int
    server: str | None = None


class Index:
    """The rows of one database, which `prepare` makes usable."""

    def __init__(self, engine: sql.Engine):
        self.engine = engine
        self.alone = engine.dialect.name == "sqlite"  # one server has it for itself

    @property
    def name(self) -> str:
        """Where it lies, for messages: without user and password."""
        return self.engine.url.set(username=None, password=None, query={}).render_as_string()

    def close(self) -> None:
        self.engine.dispose()

    def prepare(self, rows: Callable[[], Iterable[Row]]) -> None:
        """Make the tables where they are missing, and fill them from the run folders. Raises where they cannot be used."""
        with self.engine.connect() as connection:
            if self.alone and connection.exec_driver_sql("pragma quick_check").scalar() != "ok":
                raise DatabaseError("pragma quick_check", None, ValueError("damaged"))
        if not sql.inspect(self.engine).has_table(FILLED.name):
            self._make(_META, RUNS)
            self._fill(rows())
            self._make(FILLED.metadata, FILLED)  # last: whoever is killed while filling is followed by one who fills the rest
        self.latest(1)

    def _make(self, tables: sql.MetaData, needed: sql.Table) -> None:
        try:
            tables.create_all(self.engine)
        except (DatabaseError, IntegrityError):  # another server makes them at this moment
            if self.alone or not sql.inspect(self.engine).has_table(needed.name):
                raise

    def _fill(self, rows: Iterable[Row]) -> None:
        with self.engine.begin() as connection:
            known = set(connection.scalars(sql.select(RUNS.c.id)))
        for row in rows:
            if row.id not in known:
                try:
                    with self.engine.begin() as connection:
                        connection.execute(sql.insert(RUNS).values(asdict(row)))
                except IntegrityError:
                    continue  # another server was quicker

    # ---- runs ----

    def row(self, run_id: str) -> Row | None:
        return next(iter(self.rows([run_id])), None)

    def rows(self, run_ids: Collection[str]) -> list[Row]:
        return self._rows(sql.select(RUNS).where(RUNS.c.id.in_(run_ids)))

    def latest(self, limit: int) -> list[Row]:
        """Newest first."""
        return self._rows(sql.select(RUNS).order_by(RUNS.c.created.desc()).limit(limit))

    def _rows(self, query: sql.Select[Any]) -> list[Row]:
        with self.engine.connect() as connection:
            return [Row(*found) for found in connection.execute(query)]

    def claim(self, row: Row) -> int | None:
        """Make a run `row.server`'s own, as `row` says. Returns how often it was tried before; None where it has ended well, or
        another server that lives works on it: of two that ask at once, one gets it."""
        for _ in range(3):
            try:
                with self.engine.begin() as connection:
                    return _claimed(connection, row)
            except IntegrityError:  # between our look and our row came another server's
                continue
        return None

    def change(self, run_id: str, *, server: str | None = None, **values: Any) -> bool:
        """Set columns of a run; with `server`, only while it is that server's. Whether there was such a run."""
        change = sql.update(RUNS).where(RUNS.c.id == run_id)
        if server is not None:
            change = change.where(RUNS.c.server == server)
        with self.engine.begin() as connection:
            return connection.execute(change.values(**values)).rowcount > 0

    def remove(self, run_id: str, *, still_free: bool = False) -> bool:
        """Whether there was such a run. still_free: only if it is still one that may make room, see `coldest`."""
        gone = sql.delete(RUNS).where(RUNS.c.id == run_id)
        with self.engine.begin() as connection:
            if connection.execute(gone.where(_free()) if still_free else gone).rowcount == 0:
                return False
            connection.execute(sql.delete(WANTS).where(WANTS.c.run == run_id))
            return True

    def total(self) -> int:
        """Bytes of all runs."""
        with self.engine.connect() as connection:
            return int(connection.scalar(sql.select(sql.func.coalesce(sql.func.sum(RUNS.c.bytes), 0))) or 0)

    def coldest(self) -> str | None:
        """The run to make room: the least recently used that has ended, is no kept run's ancestor and not the latest of all."""
        latest = sql.select(RUNS.c.id).order_by(RUNS.c.used.desc()).limit(1)
        query = sql.select(RUNS.c.id).where(_free()).order_by(RUNS.c.used).limit(1)
        with self.engine.connect() as connection:
            found = connection.scalar(query)
            return None if found is None or found == connection.scalar(latest) else str(found)

    def interrupt(self, problem: str, server: str | None = None) -> None:
        """What was queued or running is so no more: all of it, or one server's."""
        with self.engine.begin() as connection:
            _interrupt(connection, problem, server)

    def interrupt_orphans(self, problem: str) -> None:
        """What servers work on that nobody knows any more."""
        orphans = sql.or_(RUNS.c.server.is_(None), RUNS.c.server.not_in(sql.select(SERVERS.c.id)))
        with self.engine.begin() as connection:
            connection.execute(
                sql.update(RUNS).where(RUNS.c.state.in_(BUSY), orphans).values(state="interrupted", problem=problem)
            )

    # ---- servers ----

    def beat(self, server: str, busy: int) -> bool:
        """This server lives. False where the others had taken it for dead, or never heard of it."""
        with self.engine.begin() as connection:
            change = sql.update(SERVERS).where(SERVERS.c.id == server).values(beat=SERVERS.c.beat + 1, busy=busy)
            if connection.execute(change).rowcount:
                return True
            connection.execute(sql.insert(SERVERS).values(id=server, beat=0, busy=busy))
            return False

    def servers(self) -> Mapping[str, tuple[int, int]]:
        """Server → (beats, busy)."""
        with self.engine.connect() as connection:
            return {name: (beat, busy) for name, beat, busy in connection.execute(sql.select(SERVERS))}

    def bury(self, server: str, beat: int | None, problem: str) -> None:
        """A server is gone: what it worked on is interrupted, unless it has counted on from `beat`."""
        gone = sql.delete(SERVERS).where(SERVERS.c.id == server)
        with self.engine.begin() as connection:
            if connection.execute(gone if beat is None else gone.where(SERVERS.c.beat == beat)).rowcount:
                connection.execute(sql.delete(WANTS).where(WANTS.c.server == server))
                _interrupt(connection, problem, server)

    # ---- who waits for another server's runs ----

    def want(self, run_id: str, server: str) -> None:
        try:
            with self.engine.begin() as connection:
                connection.execute(sql.insert(WANTS).values(run=run_id, server=server))
        except IntegrityError:
            pass

    def unwant(self, run_id: str, server: str | None = None) -> None:
        """One server waits no more, or all."""
        gone = sql.delete(WANTS).where(WANTS.c.run == run_id)
        with self.engine.begin() as connection:
            connection.execute(gone if server is None else gone.where(WANTS.c.server == server))

    def wanted(self, run_ids: Collection[str], server: str) -> frozenset[str]:
        """Those runs that servers but this one wait for."""
        query = sql.select(WANTS.c.run).where(WANTS.c.run.in_(run_ids), WANTS.c.server != server)
        with self.engine.connect() as connection:
            return frozenset(connection.scalars(query))


# ---- opening one ----


def opened(engine: sql.Engine, rows: Callable[[], Iterable[Row]]) -> Index:
    """The index in this database, ready. A damaged SQLite file is set aside and made anew from the run folders.

    Raises SQLAlchemyError where the file is sound and cannot be written: a full or read-only disk, or somebody's lock on it.
    """
    index = Index(engine)
    try:
        index.prepare(rows)
    except DatabaseError as error:
        index.close()
        file = database.file_of(engine)
        if file is None or database.is_busy_or_full(error):
            raise
        log.warning("the index %s is damaged; it is set aside and rebuilt from the run folders", file)
        for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            if path.exists():
                path.replace(path.with_name(f"{path.name}.damaged"))
        index.prepare(rows)
    return index


def readable(file: Path | None, rows: Callable[[], Iterable[Row]]) -> Index:
    """Another server's SQLite index, to be read only, or one in memory where that cannot be had."""
    if file is not None:
        index = Index(database.read_only(file))
        try:
            index.latest(1)
            return index
        except SQLAlchemyError:
            index.close()
    index = Index(database.in_memory())
    index.prepare(rows)
    return index


# ---- inside ----


def _free() -> sql.ColumnElement[bool]:
    """Which runs may make room: those that have ended and that no kept run continues."""
    continued = RUNS.alias()
    parents = sql.select(continued.c.parent).where(continued.c.parent.is_not(None))
    return sql.and_(RUNS.c.state.not_in(BUSY), RUNS.c.id.not_in(parents))


def _claimed(connection: sql.Connection, row: Row) -> int | None:
    old = connection.execute(sql.select(RUNS).where(RUNS.c.id == row.id).with_for_update()).first()
    if old is None:
        connection.execute(sql.insert(RUNS).values(asdict(row)))
        return 0
    if old.state in WELL and old.server != row.server:
        return None
    if old.state in BUSY and old.server != row.server:
        lives = connection.scalar(sql.select(SERVERS.c.id).where(SERVERS.c.id == old.server))
        if lives is not None:
            return None
    values = asdict(replace(row, attempts=old.attempts + 1, bytes=old.bytes))
    connection.execute(sql.update(RUNS).where(RUNS.c.id == row.id).values(values))
    return int(old.attempts)


def _interrupt(connection: sql.Connection, problem: str, server: str | None) -> None:
    change = sql.update(RUNS).where(RUNS.c.state.in_(BUSY))
    if server is not None:
        change = change.where(RUNS.c.server == server)
    connection.execute(change.values(state="interrupted", problem=problem))
