"""Finished and running runs: a folder a run (folder.py) in a storage (storage.py), and an SQL index (index.py) over them.

The engine writes here and reads for the pages. By default one server has a folder and an SQLite index for itself; with a database
that REPLEARN_DATABASE names, several servers share one store (neighbours.py).
"""

import errno
import logging
import math
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from replearn_core.answers import Answers
from replearn_core.events import Event
from replearn_core.experiment import RUN_ID_PATTERN, Experiment, Problem
from replearn_core.folder import BROUGHT, Damaged, Run, read_run, read_state, write_run, write_state
from replearn_core.kept import INTERRUPTED, Kept, as_text, kept_of, row_of
from replearn_core.places import ASSETS
from replearn_core.storage import Storage, default_url

if TYPE_CHECKING:  # workers import this module with the engine, and never the database's
    import sqlalchemy as sql

    from replearn_core.index import Index, Row
    from replearn_core.neighbours import Neighbours

try:
    import fcntl
except ImportError:  # not on Windows, where two servers on one store are not told apart
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

BUSY = ("queued", "running")
SHIPPED = ASSETS / "pretrained"
T = TypeVar("T")


class StoreUnavailable(Exception):
    """A write that could not be made. `problem` says why; reading goes on."""

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(f"{problem.key} {dict(problem.numbers)}")


class Store:
    """All runs of one server, or of several that share a database. Safe to call from any thread.

    where: a folder, or a URL as `Storage` takes it; REPLEARN_STORE without one. quota: bytes; beyond them the least recently used
    finished runs go, but never one that a kept continuation needs. shipped: a folder of runs, and of answers to questions
    about them, that come with the app; they are only read. database: as `database.connect` takes it; without one
    REPLEARN_DATABASE.
    """

    def __init__(
        self,
        where: Path | str | None = None,
        *,
        shipped: Path | None = SHIPPED,
        quota: int | None = None,
        database: str | None = None,
    ):
        self.storage = Storage(where or default_url())
        self.quota = quota if quota is not None else int(os.environ.get("REPLEARN_STORE_MB") or 2048) * 2**20
        self._answers = Answers(self.storage, shipped / "answers" if shipped else None)
        self._lock = threading.RLock()
        self._used: dict[str, float] = {}
        self._evicted = 0.0
        self._held: Any = None
        self._neighbours: Neighbours | None = None
        self._shipped = {name: Storage(shipped / name) for name in _run_folders(Storage(shipped))} if shipped else {}
        self._closed = False
        self._database = database or os.environ.get("REPLEARN_DATABASE") or None
        self._name = uuid.uuid4().hex
        self._taken, self._index = self._opened(*self._reached())

    @property
    def root(self) -> Path:
        """The store's folder, where it is one of this machine."""
        if self.storage.folder is None:
            raise ValueError(f"{self.storage} is no folder of this machine")
        return self.storage.folder

    @property
    def problem(self) -> Problem | None:
        """Why nothing can be written now, or None."""
        if self._neighbours is not None and self._neighbours.lost:
            return self._taken or Problem("problem.store_unreachable", "", {"path": self._index.name})
        return self._taken

    @property
    def neighbours(self) -> "Neighbours | None":
        """The servers that share this store; None where one has it for itself."""
        return self._neighbours

    def try_again(self) -> bool:
        """Take a store that could not be had at the start: the server before this one has ended, or the disk is there again.

        Returns whether it is had now. May read every run folder, so call it in a thread.
        """
        with self._lock:
            if self._taken is None or self._closed:
                return self._taken is None
            if self._held is not None:
                self._held.close()
                self._held = None
            problem, engine = self._reached()
            if problem is not None:
                engine.dispose()
                return False
            self._index.close()  # first: SQLite would share what a reader of this file has open
            self._taken, self._index = self._opened(None, engine)
            return self._taken is None

    def close(self) -> None:
        self._closed = True
        if self._neighbours is not None:
            self._neighbours.close()
        with self._lock:
            self._index.close()
            if self._held is not None:
                self._held.close()  # which also gives the lock back
                self._held = None

    # ---- reading ----

    def folder(self, run_id: str) -> Storage | None:
        """Where a run lies, or None for an id that is none or that nobody knows. Never a place outside the store."""
        if not re.fullmatch(RUN_ID_PATTERN, run_id):
            return None
        if run_id in self._shipped:
            return self._shipped[run_id]
        return self.storage.below(run_id) if self._row(run_id) else None

    def kept(self, run_id: str) -> Kept | None:
        """What the index says of a run, or None."""
        if not re.fullmatch(RUN_ID_PATTERN, run_id):
            return None
        row = self._row(run_id)
        if row is not None and (row.state not in ("interrupted", "damaged") or run_id not in self._shipped):
            return self._kept(row)
        return self._shipped_run(run_id)

    def kept_now(self, run_ids: Collection[str]) -> dict[str, Kept]:
        """What the index says of these runs, in one question; nothing of those that it does not know. Raises StoreUnavailable."""
        with self._saying():
            return {row.id: self._kept(row) for row in self._index.rows(run_ids)}

    def runs(self, limit: int = 200) -> tuple[Kept, ...]:
        """The latest runs, newest first, and then those that came with the app."""
        rows: list[Row] = self._asked(lambda: self._index.latest(limit), list)
        own = [self._kept(row) for row in rows]
        shipped = [self._shipped_run(run_id) for run_id in self._shipped if run_id not in {run.run_id for run in own}]
        return (*own, *filter(None, shipped))

    def read(self, run_id: str) -> Run:
        """The run's events and metrics. Raises Damaged, and marks it so; KeyError for an unknown one."""
        folder = self.folder(run_id)
        if folder is None:
            raise KeyError(run_id)
        try:
            run = read_run(folder)
            if run.experiment.id != run_id:
                raise Damaged("experiment.json")
        except Damaged as error:
            with suppress(StoreUnavailable):  # a note that would have been useful, no more
                self.mark(run_id, "damaged", error.problem)
            raise
        self.touch(run_id)
        return run

    def touch(self, run_id: str) -> None:
        """Note that a run was looked at, once a minute at most: the least recently used make room."""
        now = time.monotonic()
        if now - self._used.get(run_id, -math.inf) < 60 or self.problem is not None:
            return
        if len(self._used) > 10_000:
            self._used.clear()
        self._used[run_id] = now
        with suppress(StoreUnavailable), self._writing():
            self._index.change(run_id, used=time.time())

    def state(self, run_id: str, epoch: int | None = None) -> tuple[bytes, bytes, int] | None:
        """(weights, optimiser, epoch); see `read_state`. Raises Damaged."""
        folder = self.folder(run_id)
        return None if folder is None else read_state(folder, epoch)

    # ---- writing; each of these raises StoreUnavailable ----

    def enter(self, experiment: Experiment) -> int | None:
        """A run was accepted: it is queued from now on, and this server's. Returns how often it was tried before.

        None where several servers share the store and another one works on it, or has just ended it well.
        """
        from replearn_core.index import Row

        with self._writing():
            text, now = experiment.as_json(), time.time()
            self.storage.write(f"{experiment.id}/experiment.json", text.encode(), durable=False)
            parent = experiment.continues[0] if experiment.continues else None
            row = Row(experiment.id, "queued", text, parent, now, now, len(text), 0, None, None, 1, self._server())
            tried = self._index.claim(row)
            if tried:
                self.storage.remove(f"{experiment.id}/{BROUGHT}")  # from now on it is one that was trained here
            return tried

    def mark(self, run_id: str, state: str, problem: Problem | None = None) -> None:
        """Change a run's state, and nothing else of it. One that another server has taken over meanwhile stays as it is."""
        with self._writing():
            self._index.change(
                run_id, server=None if state == "damaged" else self._server(), state=state, problem=as_text(problem)
            )

    def write(
        self,
        experiment: Experiment,
        events: Sequence[Event],
        state: str,
        *,
        weights: bytes = b"",
        optimizer: bytes = b"",
        metrics: Mapping[str, float] | None = None,
        problem: Problem | None = None,
    ) -> bool:
        """Keep a run that has ended, then make room where the quota is passed. False where it was deleted while it ran."""
        run_id = experiment.id
        with self._saying():  # without the lock: compressing and syncing take a while, and pages read the index meanwhile
            write_run(self.storage.below(run_id), experiment, events, weights, optimizer, metrics)
        seconds = next((event.seconds for event in reversed(events) if hasattr(event, "seconds")), None)
        return self._ended(run_id, state, len(events), seconds, problem)

    def take_in(
        self, experiment: Experiment, files: Mapping[str, bytes], mark: bytes, state: str, count: int, seconds: float | None
    ) -> bool:
        """Keep a run that was trained elsewhere, its files as they are; `bundle` has checked them. Raises StoreUnavailable.

        False where another server works on it, has ended it well, or has deleted it meanwhile. A run that does not get here whole
        is interrupted, and one that does has its mark from the beginning.
        """
        run_id = experiment.id
        if self.enter(experiment) is None:
            return False
        try:
            with self._saying():
                self.storage.write(f"{run_id}/{BROUGHT}", mark)
                for name in sorted(files, key=lambda name: name == "events.jsonl"):  # last: see `write_run`
                    self.storage.write(f"{run_id}/{name}", files[name])
            return self._ended(run_id, state, count, seconds, None)
        except Exception as error:
            with suppress(StoreUnavailable):
                self.mark(run_id, "interrupted", getattr(error, "problem", self._failed()))
            raise

    def _ended(self, run_id: str, state: str, count: int, seconds: float | None, problem: Problem | None) -> bool:
        """The files are there: the index says so, and room is made. False where the run was deleted while it ran."""
        with self._saying():
            size = self._bytes(run_id)
        with self._writing():
            self._index.change(
                run_id,
                server=None if state in ("finished", "diverged") else self._server(),
                state=state,
                bytes=size,
                count=count,
                seconds=seconds,
                used=time.time(),
                problem=as_text(problem),
            )
            if self._neighbours is not None:
                self._index.unwant(run_id)
            if self._index.row(run_id) is None:
                self.storage.remove(run_id)
                return False
            self._evict()
            return True

    def keep_state(self, run_id: str, weights: bytes, optimizer: bytes, epoch: int) -> None:
        """Keep the state of an earlier epoch for a continuation. Of a run that was deleted meanwhile nothing is left."""
        with self._saying():
            write_state(self.storage.below(run_id), weights, optimizer, epoch)
            size = self._bytes(run_id)
        with self._writing():
            if not self._index.change(run_id, bytes=size):
                self.storage.remove(run_id)

    def pin_state(self, run_id: str, epoch: int) -> bool:
        """Whether the state after `epoch` epochs is kept; from now on it also outlives a re-run of its run. Raises Damaged."""
        found = self.state(run_id, epoch)
        if found and run_id not in self._shipped:
            with self._saying():
                pinned = {file.name for file in self.storage.names(run_id)}
            if f"{run_id}/weights-{epoch}.safetensors" not in pinned:
                self.keep_state(run_id, found[0], found[1], epoch)
        return found is not None

    def delete(self, run_id: str) -> None:
        """Take a run out of the store. Shipped ones stay."""
        if re.fullmatch(RUN_ID_PATTERN, run_id):
            with self._writing():
                if self._index.remove(run_id):
                    self.storage.remove(run_id)

    # ---- answers of tasks, the first to go where room is needed ----

    def read_task(self, task_id: str) -> bytes | None:
        """A task's answer as it was written, or None."""
        return self._answers.read(task_id, used=self.problem is None)

    def has_task(self, task_id: str) -> bool:
        """Whether an answer that was here once still is."""
        return self._answers.there(task_id)

    def write_task(self, task_id: str, answer: bytes) -> None:
        """Keep an answer, then make room where the quota is passed. Raises StoreUnavailable."""
        with self._saying():
            self._answers.write(task_id, answer)
        with self._writing():
            self._evict(newest=task_id)

    def forget_task(self, task_id: str) -> None:
        """Take an answer out, one that cannot be read for instance."""
        if self.problem is None:
            with suppress(OSError):
                self._answers.remove(task_id)

    # ---- several servers ----

    def want(self, run_id: str, wanted: bool) -> None:
        """Visitors of this server wait for a run that another one works on, or wait no more. Raises StoreUnavailable."""
        with self._writing():
            if wanted:
                self._index.want(run_id, self._server())
            else:
                self._index.unwant(run_id, self._server())

    def wanted_elsewhere(self, run_ids: Collection[str]) -> frozenset[str]:
        """Those of this server's runs that other servers' visitors wait for."""
        if self._neighbours is None or not run_ids:
            return frozenset()
        return self._asked(lambda: self._index.wanted(run_ids, self._server()), frozenset)

    # ---- inside ----

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the index, and say what went wrong."""
        with self._saying(), self._lock:
            yield

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """Whatever goes wrong while writing, as a StoreUnavailable."""
        from sqlalchemy.exc import SQLAlchemyError

        if (problem := self.problem) is not None:
            raise StoreUnavailable(problem)
        try:
            yield
        except SQLAlchemyError as error:
            if self._neighbours is not None and not _is_full(error):
                self._neighbours.lose(error)
                raise StoreUnavailable(self.problem or self._failed()) from None
            full = Problem("problem.store_full", "", self._path())
            raise StoreUnavailable(full if _is_full(error) else self._failed()) from None
        except OSError as error:
            log.error("cannot write to the store %s: %s", self.storage, error)
            raise StoreUnavailable(_disk_problem(error, self._path())) from None

    def _asked(self, question: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """The index's answer; where it does not answer, what can be said without it: pages stay readable."""
        from sqlalchemy.exc import SQLAlchemyError

        if self._neighbours is not None and self._neighbours.lost:
            return otherwise()
        try:
            return question()
        except SQLAlchemyError as error:
            if self._neighbours is not None:
                self._neighbours.lose(error)
            else:
                log.error("the index cannot be read: %s", error)
            return otherwise()

    def _path(self) -> dict[str, str]:
        return {"path": str(self.storage)}

    def _failed(self) -> Problem:
        return Problem("problem.store_failed", "", self._path())

    def _server(self) -> str:
        return self._neighbours.server if self._neighbours is not None else self._name

    def _reached(self) -> "tuple[Problem | None, sql.Engine]":
        """(why nothing can be written, the database of the index). Raises ValueError for a storage without a database."""
        from replearn_core import database

        engine = database.connect(self._database, self.storage.folder)
        file = database.file_of(engine)
        return self._take(file.parent if file else self.storage.folder, exclusive=file is not None), engine

    def _opened(self, problem: Problem | None, engine: "sql.Engine") -> "tuple[Problem | None, Index]":
        """(why nothing can be written, the index). What was queued or running when the last server ended is so no more."""
        from sqlalchemy.exc import SQLAlchemyError

        from replearn_core import database, index
        from replearn_core.neighbours import Neighbours

        file = database.file_of(engine)
        if file is None:
            shared = index.Index(engine)
            if problem is None:
                self._neighbours = Neighbours(shared, lambda: shared.prepare(self._rows), INTERRUPTED)
            return problem, shared
        try:
            if problem is None:
                own = index.opened(engine, self._rows)
                own.interrupt(INTERRUPTED)
                with suppress(OSError):
                    self.storage.tidy()
                return None, own
        except SQLAlchemyError as error:
            log.error("the index %s cannot be written: %s", file, error)
            problem = Problem("problem.store_full", "", self._path()) if _is_full(error) else self._failed()
        return problem, index.readable(file, self._rows)

    def _take(self, folder: Path | None, exclusive: bool) -> Problem | None:
        """Make the folder and, for a server alone, take its lock. Returns why that is not possible."""
        if folder is None:
            return None  # object storage says so when it is written to
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._held = open(folder / ".lock", "a+b")  # noqa: SIM115
            if exclusive and fcntl is not None:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._held.close()
            self._held = None
            return Problem("problem.store_locked", "", self._path())
        except OSError as error:
            return _disk_problem(error, self._path())
        return None

    def _rows(self) -> Iterable["Row"]:
        """One row for each run folder."""
        for run_id in _run_folders(self.storage):
            yield row_of(run_id, self.storage.below(run_id))

    def _row(self, run_id: str) -> "Row | None":
        return self._asked(lambda: self._index.row(run_id), lambda: self._unlisted(run_id))

    def _unlisted(self, run_id: str) -> "Row | None":
        """A row without the index, for a run that has ended."""
        folder = self.storage.below(run_id)
        try:
            return row_of(run_id, folder) if folder.read("events.jsonl", most=0) else None
        except OSError as error:
            return row_of(run_id, folder) if error.errno == errno.EFBIG else None

    def _evict(self, newest: str = "") -> None:
        """Take out the least recently used until the quota holds: answers first, but not the newest, and then runs."""
        if self.storage.folder is None and time.monotonic() - self._evicted < 60:
            return  # object storage takes a while to list
        self._evicted = time.monotonic()
        size = self._answers.shrink(self.quota - self._index.total(), newest)
        while self._index.total() + size > self.quota:
            run_id = self._index.coldest()
            if run_id is None or not self._index.remove(run_id, still_free=True):
                return  # another server has begun it again, or goes on from it
            log.info("run %s makes room", run_id)
            self.storage.remove(run_id)

    def _bytes(self, run_id: str) -> int:
        return sum(file.bytes for file in self.storage.names(run_id))

    def _kept(self, row: "Row") -> Kept:
        busy_elsewhere = row.state in BUSY and self._neighbours is not None and row.server != self._neighbours.server
        return kept_of(row, elsewhere=busy_elsewhere)

    def _shipped_run(self, run_id: str) -> Kept | None:
        if run_id not in self._shipped:
            return None
        return kept_of(row_of(run_id, self._shipped[run_id]), shipped=True)


def _run_folders(storage: Storage) -> list[str]:
    try:
        return [name for name in storage.folders() if re.fullmatch(RUN_ID_PATTERN, name)]
    except OSError:
        return []


def _is_full(error: Exception) -> bool:
    """By the database's own words: those of the statement that failed are anybody's."""
    return "full" in str(getattr(error, "orig", ""))


def _disk_problem(error: OSError, numbers: Mapping[str, Any]) -> Problem:
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) or isinstance(error, PermissionError):
        return Problem("problem.store_read_only", "", numbers)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem("problem.store_full", "", numbers)
    return Problem("problem.store_failed", "", numbers)
