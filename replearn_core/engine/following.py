"""Runs that another server works on, where several share a store and a scheduler: listened to here, wanted here, ended there.

The foreman calls `attend`. A row of the shared index says who works on a run (store.py); its events come from the workers, which
tell every server, and what they had said before this one listened is asked from the worker.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from replearn_core.engine.books import Books, Job
from replearn_core.engine.dask_side import DaskSide
from replearn_core.engine.views import RUNNING, WAITING
from replearn_core.kept import Kept
from replearn_core.store import StoreUnavailable

log = logging.getLogger(__name__)

OTHERS = "another server"  # stands for the visitors of other servers among a run's owners
PAUSE = 0.5  # seconds between two looks at the index
PATIENCE = 60.0  # seconds that a run is followed which nobody looks at


class Following:
    """`cancel(run_id, owner=…)` and `resubmit(job)`: the engine's. Where one server has a store for itself, this does nothing."""

    def __init__(self, books: Books, dask: DaskSide, cancel: Callable[..., None], resubmit: Callable[[Job], None]):
        self.books, self.dask = books, dask
        self._cancel, self._resubmit = cancel, resubmit
        self._looked = 0.0
        self._looking = threading.Lock()

    # ---- for the engine, which holds the books' lock ----

    def join(self, run_id: str, owner: str) -> bool:
        """One more owner of a run that another server works on; False where it does no more."""
        kept = self.books.store.kept(run_id)
        if kept is None or not kept.elsewhere or kept.experiment is None:
            return False
        job = self.books.follow(kept)
        if not job.owners:
            self._tell(run_id, True)
        job.owners.add(owner)
        return True

    def leave(self, run_id: str, owner: str) -> None:
        """One owner less; with the last one, the other server may end it."""
        job = self.books.followed.get(run_id)
        if job is None or owner not in job.owners:
            return
        job.owners.discard(owner)
        if not job.owners:
            self._tell(run_id, False)

    def kept_for_others(self, run_id: str, job: Job) -> bool:
        """Whether a run that nobody here wants any more goes on, because another server's visitors wait for it."""
        if job.task is not None or not self.books.store.wanted_elsewhere([run_id]):
            return False
        job.owners.add(OTHERS)
        if job.state == WAITING:
            self.books.queue.put_back(run_id, OTHERS)
        return True

    def _tell(self, run_id: str, wanted: bool) -> None:
        try:
            self.books.store.want(run_id, wanted)
        except StoreUnavailable as error:
            log.warning("the other servers do not hear who waits for %s: %s", run_id, error)

    # ---- for the foreman ----

    def attend(self) -> None:
        """Look at the index, at most every PAUSE seconds. Waits for the database and for workers: call it in a thread."""
        neighbours = self.books.store.neighbours
        if neighbours is None or time.monotonic() - self._looked < PAUSE or not self._looking.acquire(blocking=False):
            return
        try:
            with self.books.lock:
                neighbours.busy = len(self.books.running())
            if neighbours.take_revived():
                self._mark_again()
            self._follow()
            self._release()
        except StoreUnavailable as error:
            log.info("the index is not asked: %s", error)
        finally:
            self._looked = time.monotonic()
            self._looking.release()

    def _mark_again(self) -> None:
        """The others had taken this server for dead: its runs for interrupted, and nobody here for waiting for theirs."""
        with self.books.lock:
            states = {run_id: job.state for run_id, job in self.books.jobs.items() if job.task is None and not job.ended}
            wanted = [run_id for run_id, job in self.books.followed.items() if job.owners]
        for run_id, state in states.items():
            self.books.store.mark(run_id, state)
        for run_id in wanted:
            self.books.store.want(run_id, True)

    def _follow(self) -> None:
        """Go with the followed runs' states, drop those that have ended or that nobody looks at, and fill gaps."""
        with self.books.lock:
            followed = list(self.books.followed)
        if not followed:
            return
        now: Mapping[str, Kept] = self.books.store.kept_now(followed)
        behind, again = [], []
        with self.books.changed:
            for run_id in followed:
                job, kept = self.books.followed.get(run_id), now.get(run_id)
                if job is None:
                    continue
                if kept is not None and kept.elsewhere and (job.owners or time.monotonic() - job.seen < PATIENCE):
                    if self.books.follow(kept).stream.behind and job.state == RUNNING:
                        behind.append(job)
                    continue
                del self.books.followed[run_id]
                if job.owners and kept is not None and kept.state in ("interrupted", "stopped"):
                    job.again = job.owners  # who waits here did not stop it
                    again.append(job)
            self.books.changed.notify_all()
        for job in behind:
            self._catch_up(job)
        for job in again:
            self._resubmit(job)

    def _catch_up(self, job: Job) -> None:
        attempt, since = job.attempt, job.stream.received
        told = self.dask.told(job.key, since)
        if told is not None and told[0] != attempt and since:
            since = 0
            told = self.dask.told(job.key, since)
        if told is not None:
            self.books.catch_up(job, told[0], since, told[1])

    def _release(self) -> None:
        """Runs that went on for other servers' visitors alone end when those have left too."""
        with self.books.lock:
            lent = [run_id for run_id, job in self.books.jobs.items() if OTHERS in job.owners]
        if lent and not self.books.store.problem:
            for run_id in set(lent) - self.books.store.wanted_elsewhere(lent):
                self._cancel(run_id, owner=OTHERS)
