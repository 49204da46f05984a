"""Finished and running runs on disk: a folder a run (folder.py), and an SQLite index that can be rebuilt from the folders.

The engine writes here and reads for the pages.
"""

import errno
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replearn_core.events import ENDS, Event
from replearn_core.experiment import RUN_ID_PATTERN, Experiment, InvalidExperiment, Problem
from replearn_core.folder import (
    Damaged,
    Run,
    read_experiment,
    read_file,
    read_run,
    read_state,
    write_file,
    write_run,
    write_state,
)

try:
    import fcntl
except ImportError:  # not on Windows, where two servers on one store are not told apart
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

VERSION = 1
BUSY = ("queued", "running")
TASKS = "tasks"  # the folder of answers
SHIPPED = Path(__file__).resolve().parents[1] / "assets" / "pretrained"
_COLUMNS = "id, state, experiment, parent, created, used, bytes, count, seconds, problem, attempts"
_TABLE = """create table if not exists runs(id text primary key, state text, experiment text, parent text, created real,
used real, bytes integer, count integer, seconds real, problem text, attempts integer)"""


class StoreUnavailable(Exception):
    """A write that could not be made. `problem` says why; reading goes on."""

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(f"{problem.key} {dict(problem.numbers)}")


@dataclass(frozen=True)
class Kept:
    """One row of the index. `experiment` is None where it cannot be read; `seconds` is training time; `created` a Unix time."""

    run_id: str
    state: str
    experiment: Experiment | None
    created: float
    count: int = 0
    seconds: float | None = None
    problem: Problem | None = None
    attempts: int = 0  # how often it was handed to a worker
    shipped: bool = False


# ---- the store ----


def default_root() -> Path:
    """REPLEARN_STORE, else a folder of this user: ~/.local/share/replearn, or the system's own place for such data.

    For a user without a home that can be written to, a temporary folder: runs then live as long as that, and the log says so.
    """
    if named := os.environ.get("REPLEARN_STORE"):
        return Path(named).expanduser()
    name = "LOCALAPPDATA" if os.name == "nt" else "XDG_DATA_HOME"
    try:
        root = Path(os.environ.get(name) or Path.home() / ".local" / "share") / "replearn"
        root.mkdir(parents=True, exist_ok=True)
        if os.access(root, os.W_OK):
            return root
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        pass
    root = Path(tempfile.mkdtemp(prefix="replearn-store-"))
    log.warning("this user has no folder that can be written to: runs are kept in %s; REPLEARN_STORE names a lasting place", root)
    return root


class Store:
    """All runs of one server. Safe to call from any thread. `problem` is not None where it cannot be written to.

    quota: bytes; beyond them the least recently used finished runs go, but never one that a kept continuation needs.
    shipped: a folder of runs that come with the app; they are only read.
    """

    def __init__(self, root: Path | None = None, *, shipped: Path | None = SHIPPED, quota: int | None = None):
        self.root = Path(root or default_root())
        self.quota = quota if quota is not None else int(os.environ.get("REPLEARN_STORE_MB") or 2048) * 2**20
        self._lock = threading.RLock()
        self._used: dict[str, float] = {}
        self._held: Any = None
        self.problem = self._take()
        self._index = self._open_index()
        self._shipped = dict(_shipped(shipped)) if shipped else {}
        if self.problem is None:
            self._interrupt()

    def close(self) -> None:
        with self._lock:
            self._index.close()
            if self._held is not None:
                self._held.close()  # which also gives the lock back
                self._held = None

    # ---- reading ----

    def folder(self, run_id: str) -> Path | None:
        """Where a run lies, or None for an id that is none or that nobody knows. Never a path outside the store."""
        if not re.fullmatch(RUN_ID_PATTERN, run_id):
            return None
        if run_id in self._shipped:
            return self._shipped[run_id]
        return self.root / run_id if self._row(run_id) else None

    def kept(self, run_id: str) -> Kept | None:
        """What the index says of a run, or None."""
        if not re.fullmatch(RUN_ID_PATTERN, run_id):
            return None
        row = self._row(run_id)
        if row is not None and (row[1] not in ("interrupted", "damaged") or run_id not in self._shipped):
            return _kept(row)
        return self._shipped_run(run_id)

    def runs(self, limit: int = 200) -> tuple[Kept, ...]:
        """The latest runs, newest first, and then those that came with the app."""
        with self._lock:
            rows = self._index.execute(f"select {_COLUMNS} from runs order by created desc limit ?", (limit,)).fetchall()
        own = [_kept(row) for row in rows]
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
        self._touch(run_id)
        return run

    def state(self, run_id: str, epoch: int | None = None) -> tuple[bytes, bytes, int] | None:
        """(weights, optimiser, epoch); see `read_state`. Raises Damaged."""
        folder = self.folder(run_id)
        return None if folder is None else read_state(folder, epoch)

    # ---- writing; each of these raises StoreUnavailable ----

    def enter(self, experiment: Experiment) -> int:
        """A run was accepted: it is queued from now on. Returns how often it was tried before."""
        with self._writing():
            folder = self.root / experiment.id
            folder.mkdir(parents=True, exist_ok=True)
            write_file(folder / "experiment.json", experiment.as_json().encode(), durable=False)
            row = self._row(experiment.id)
            attempts, now = (row[10] if row else 0), time.time()
            parent = experiment.continues[0] if experiment.continues else None
            self._put(
                (experiment.id, "queued", experiment.as_json(), parent, now, now, _bytes(folder), 0, None, None, attempts + 1)
            )
            return attempts

    def mark(self, run_id: str, state: str, problem: Problem | None = None) -> None:
        """Change a run's state, and nothing else of it."""
        with self._writing():
            text = json.dumps([problem.key, problem.setting, dict(problem.numbers)]) if problem else None
            self._index.execute("update runs set state = ?, problem = ? where id = ?", (state, text, run_id))

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
    ) -> None:
        """Keep a run that has ended, then make room where the quota is passed."""
        folder = self.root / experiment.id
        with self._saying():  # without the lock: compressing and syncing take a while, and pages read the index meanwhile
            write_run(folder, experiment, events, weights, optimizer, metrics)
        with self._writing():
            seconds = next((event.seconds for event in reversed(events) if hasattr(event, "seconds")), None)
            self._index.execute(
                "update runs set state = ?, bytes = ?, count = ?, seconds = ?, used = ? where id = ?",
                (state, _bytes(folder), len(events), seconds, time.time(), experiment.id),
            )
            self.mark(experiment.id, state, problem)
            self._evict()

    def keep_state(self, run_id: str, weights: bytes, optimizer: bytes, epoch: int) -> None:
        """Keep the state of an earlier epoch for a continuation."""
        with self._saying():
            write_state(self.root / run_id, weights, optimizer, epoch)

    def pin_state(self, run_id: str, epoch: int) -> bool:
        """Whether the state after `epoch` epochs is kept; from now on it also outlives a re-run of its run. Raises Damaged."""
        found = self.state(run_id, epoch)
        folder = self.folder(run_id)
        if found and folder and run_id not in self._shipped and not (folder / f"weights-{epoch}.safetensors").exists():
            self.keep_state(run_id, found[0], found[1], epoch)
        return found is not None

    def delete(self, run_id: str) -> None:
        """Take a run out of the store. Shipped ones stay."""
        with self._writing():
            if self._row(run_id):
                shutil.rmtree(self.root / run_id, ignore_errors=True)
                self._index.execute("delete from runs where id = ?", (run_id,))

    # ---- answers of tasks: one file each, beside the runs, and the first to go where room is needed ----

    def read_task(self, task_id: str) -> bytes | None:
        """A task's answer as it was written, or None."""
        if not re.fullmatch(RUN_ID_PATTERN, task_id):
            return None
        path = self.root / TASKS / task_id
        with suppress(OSError):
            data = path.read_bytes()
            if self.problem is None:
                os.utime(path)  # used now
            return data
        return None

    def write_task(self, task_id: str, answer: bytes) -> None:
        """Keep an answer, then make room where the quota is passed. Raises StoreUnavailable."""
        with self._saying():
            (self.root / TASKS).mkdir(exist_ok=True)
            write_file(self.root / TASKS / task_id, answer, durable=False)
        with self._writing():
            self._evict(newest=task_id)

    def forget_task(self, task_id: str) -> None:
        """Take an answer out, one that cannot be read for instance."""
        if self.problem is None and re.fullmatch(RUN_ID_PATTERN, task_id):
            with suppress(OSError):
                (self.root / TASKS / task_id).unlink(missing_ok=True)

    def _answers(self) -> list[tuple[float, int, str]]:
        """(last used, bytes, id) of the kept answers, the least recently used first."""
        found = []
        with suppress(OSError):
            for entry in os.scandir(self.root / TASKS):
                with suppress(OSError):
                    about = entry.stat()
                    found.append((about.st_mtime, about.st_size, entry.name))
        return sorted(found)

    # ---- inside ----

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the index, and say what went wrong."""
        with self._saying(), self._lock:
            yield

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """Whatever goes wrong while writing, as a StoreUnavailable."""
        if self.problem is not None:
            raise StoreUnavailable(self.problem)
        try:
            yield
        except sqlite3.Error as error:
            full = "full" in str(error)
            raise StoreUnavailable(Problem("problem.store_full" if full else "problem.store_failed", "", self._path())) from None
        except OSError as error:
            log.error("cannot write to the store %s: %s", self.root, error)
            raise StoreUnavailable(_disk_problem(error, self._path())) from None

    def _path(self) -> dict[str, str]:
        return {"path": str(self.root)}

    def _take(self) -> Problem | None:
        """Make the folder and take its lock. Returns why that is not possible."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._held = open(self.root / ".lock", "a+b")  # noqa: SIM115
            if fcntl is not None:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._held.close()
            self._held = None
            return Problem("problem.store_locked", "", self._path())
        except OSError as error:
            return _disk_problem(error, self._path())
        return None

    def _open_index(self) -> sqlite3.Connection:
        path = self.root / "index.sqlite"
        if self.problem is not None:
            return self._read_index(path)
        try:
            return self._write_index(path)
        except sqlite3.DatabaseError:
            log.warning("the index of %s is damaged; it is set aside and rebuilt from the run folders", self.root)
            for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
                if (self.root / name).exists():
                    os.replace(self.root / name, self.root / f"{name}.damaged")
            return self._write_index(path)

    def _write_index(self, path: Path) -> sqlite3.Connection:
        """The index, made from the folders where it is new or of another version. Raises sqlite3.DatabaseError."""
        index = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        try:
            index.execute("pragma journal_mode = wal")
            index.execute("pragma synchronous = normal")
            if index.execute("pragma quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("quick_check")
            version = index.execute("pragma user_version").fetchone()[0]
            if version != VERSION:
                index.execute("drop table if exists runs")
                index.execute(_TABLE)
                self._fill(index)
                index.execute(f"pragma user_version = {VERSION}")
            index.execute(f"select {_COLUMNS} from runs limit 1").fetchall()
        except sqlite3.DatabaseError:
            index.close()
            raise
        return index

    def _read_index(self, path: Path) -> sqlite3.Connection:
        """The other server's index, or one in memory where it cannot be had."""
        try:
            index = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=5)
            index.execute(f"select {_COLUMNS} from runs limit 1").fetchall()
        except sqlite3.Error:
            index = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            index.execute(_TABLE)
            self._fill(index)
        return index

    def _fill(self, index: sqlite3.Connection) -> None:
        """One row for each run folder."""
        try:
            folders = [path for path in self.root.iterdir() if re.fullmatch(RUN_ID_PATTERN, path.name) and path.is_dir()]
        except OSError:
            folders = []
        marks = ", ".join("?" * 11)
        for folder in folders:
            index.execute(f"insert or replace into runs({_COLUMNS}) values ({marks})", _row_of(folder))

    def _interrupt(self) -> None:
        """What was queued or running when the last server ended is interrupted now, not running for ever."""
        with self._writing():
            problem = json.dumps(["problem.interrupted", "", {}])
            self._index.execute("update runs set state = 'interrupted', problem = ? where state in (?, ?)", (problem, *BUSY))

    def _row(self, run_id: str) -> tuple[Any, ...] | None:
        with self._lock:
            return self._index.execute(f"select {_COLUMNS} from runs where id = ?", (run_id,)).fetchone()

    def _put(self, row: tuple[Any, ...]) -> None:
        self._index.execute(f"insert or replace into runs({_COLUMNS}) values ({', '.join('?' * 11)})", row)

    def _touch(self, run_id: str) -> None:
        """Note that a run was looked at, once a minute at most."""
        now = time.time()
        if now - self._used.get(run_id, 0.0) < 60 or self.problem is not None:
            return
        self._used[run_id] = now
        if len(self._used) > 10_000:
            self._used.clear()

        with suppress(StoreUnavailable), self._writing():
            self._index.execute("update runs set used = ? where id = ?", (now, run_id))

    def _evict(self, newest: str = "") -> None:
        """Take out the least recently used until the quota holds: answers first, but not the newest, and then runs."""
        answers = self._answers()
        size = sum(bytes_of for _, bytes_of, _ in answers)
        for _, bytes_of, task_id in answers:
            if self._total() + size <= self.quota:
                return
            if task_id != newest:
                self.forget_task(task_id)
                size -= bytes_of
        while self._total() + size > self.quota:
            row = self._index.execute(
                "select id from runs where state not in ('queued', 'running') "
                "and id not in (select parent from runs where parent is not null) order by used limit 1"
            ).fetchone()
            latest = self._index.execute("select id from runs order by used desc limit 1").fetchone()
            if row is None or row == latest:
                return
            log.info("run %s makes room", row[0])
            self.delete(row[0])

    def _total(self) -> int:
        return self._index.execute("select coalesce(sum(bytes), 0) from runs").fetchone()[0]

    def _shipped_run(self, run_id: str) -> Kept | None:
        if run_id not in self._shipped:
            return None
        row = _row_of(self._shipped[run_id])
        kept = _kept(row)
        return Kept(run_id, kept.state, kept.experiment, kept.created, kept.count, kept.seconds, kept.problem, 0, True)


def _shipped(root: Path) -> Iterable[tuple[str, Path]]:
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if re.fullmatch(RUN_ID_PATTERN, path.name):
            yield path.name, path


def _row_of(folder: Path) -> tuple[Any, ...]:
    """A row of the index, from what the folder holds."""
    created, state, problem, text, parent, count, seconds = time.time(), "interrupted", None, None, None, 0, None
    try:
        created = folder.stat().st_mtime
        experiment = read_experiment(folder)
        text, parent = experiment.as_json(), experiment.continues[0] if experiment.continues else None
        if experiment.id != folder.name:
            raise Damaged("experiment.json")
        lines = read_file(folder, "events.jsonl", missing=b"").splitlines()
        end = json.loads(lines[-1]) if lines else {}
        state = end["kind"] if end.get("kind") in ENDS else "interrupted"
        count, seconds = len(lines), end.get("seconds")
    except Damaged as error:
        state, problem = "damaged", json.dumps([error.problem.key, "", dict(error.problem.numbers)])
    except (ValueError, TypeError, AttributeError, OSError, RecursionError):
        state, problem = "damaged", json.dumps(["problem.damaged", "", {"file": "events.jsonl"}])
    return folder.name, state, text, parent, created, created, _bytes(folder), count, seconds, problem, 0


def _kept(row: tuple[Any, ...]) -> Kept:
    try:
        experiment = Experiment.from_json(row[2]) if row[2] else None
    except InvalidExperiment:
        experiment = None
    problem = Problem(*json.loads(row[9])) if row[9] else None
    return Kept(row[0], row[1], experiment, row[4], row[7], row[8], problem, row[10])


def _bytes(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def _disk_problem(error: OSError, numbers: Mapping[str, Any]) -> Problem:
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return Problem("problem.store_read_only", "", numbers)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem("problem.store_full", "", numbers)
    return Problem("problem.store_failed", "", numbers)
