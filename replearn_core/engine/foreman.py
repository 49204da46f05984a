"""The engine's own thread: hands queued runs to Dask, takes their results in, ends those past their limit. See `Engine`."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from replearn_core.engine import questions, work
from replearn_core.engine.books import Books, Job, with_events
from replearn_core.engine.dask_side import DaskSide, Lost
from replearn_core.engine.following import Following
from replearn_core.engine.lineage import chain_to
from replearn_core.engine.views import RUNNING, RunView, TaskView
from replearn_core.engine.wire import Stream
from replearn_core.experiment import Problem
from replearn_core.own import kept as own
from replearn_core.store import Damaged, StoreUnavailable
from replearn_core.tasks import Task

log = logging.getLogger(__name__)

GRACE = 15.0  # seconds that a run past its limit has to end by itself, before its worker is restarted
MOST_RESTARTS = 3
RETRY = 5.0  # seconds between two tries to have the store
PAUSE = 0.25  # seconds between two rounds, unless something wakes the thread


class Foreman:
    """`task`: what a worker runs. `seconds`: wall-clock limit of a run. `resubmit`: called where a run is wanted again."""

    def __init__(
        self,
        books: Books,
        dask: DaskSide,
        following: Following,
        task: Callable[[work.Order], Mapping[str, Any]],
        *,
        seconds: float,
        device: str,
        resubmit: Callable[[Job], None],
    ):
        self.books, self.dask, self.following, self.task = books, dask, following, task
        self.seconds, self.device, self._resubmit = seconds, device, resubmit
        self.closing = threading.Event()
        self.chores = ThreadPoolExecutor(3, thread_name_prefix="replearn-chore")
        self._asked = self._retried = 0.0
        self._asking: Future[None] | None = None  # the last time that workers were asked to stop
        self._thread = threading.Thread(target=self._work, daemon=True, name="replearn-engine")
        self._thread.start()

    def stop(self, job: Job) -> None:
        """Ask a job's worker to end it; asked again every second until it has."""
        self.chores.submit(self.dask.stop, [job.key])

    def close(self) -> None:
        self.closing.set()
        self.dask.wake.set()
        self._thread.join(5)
        self.dask.close()
        self.chores.shutdown(wait=True, cancel_futures=True)

    # ---- the thread ----

    def _work(self) -> None:
        while not self.closing.is_set():
            self.dask.wake.wait(PAUSE)
            self.dask.wake.clear()
            try:
                if not self.closing.is_set():
                    self._round()
            except Lost as error:
                log.warning("the scheduler does not answer: %s", error)
            except Exception:
                log.exception("the engine's thread goes on after an error")
                time.sleep(PAUSE)

    def _round(self) -> None:
        self._look_around()
        if not self.dask.attend():
            with self.books.lock:
                lost = {run_id: job for run_id, job in self.books.jobs.items() if job.state == RUNNING and not job.ended}
            self._requeue(lost)
            return
        self.books.slots = self.dask.slots
        self._take_in()
        self._hand_out()
        self._repeat_stops()
        self._end_overdue()

    def _look_around(self) -> None:
        """What other servers do that share the store; and whether one that could not be had at the start can be had now."""
        store, now = self.books.store, time.monotonic()
        if store.neighbours is not None and not self.closing.is_set():
            self.chores.submit(self.following.attend)
        elif store.problem is not None and now - self._retried > RETRY and not self.closing.is_set():
            self._retried = now
            self.chores.submit(store.try_again)

    def _room(self) -> int:
        """How many jobs workers may have from this server: all that there is room for, or its share where others are busy too.

        The others are counted every two seconds, so for a moment a few more may be out than run; Dask holds these.
        """
        neighbours = self.books.store.neighbours
        if neighbours is None or self.dask.processes.workers is not None:  # the workers are this server's alone
            return self.dask.slots
        return max(self.dask.slots - neighbours.others_busy, -(-self.dask.slots // neighbours.live))

    def _hand_out(self) -> None:
        room = self._room()
        while True:
            with self.books.lock:
                if len(self.books.running()) >= room or (run_id := self.books.queue.pop()) is None:
                    return
                job = self.books.jobs[run_id]
                job.state, job.begun = RUNNING, time.monotonic()
            try:
                order: work.Order | questions.Question = self._order(job) if job.task is None else self._question(job, job.task)
                if job.task is None:
                    self.books.store.mark(run_id, RUNNING)
            except (StoreUnavailable, Damaged) as error:
                self._keep(run_id, job, None, error.problem)
                continue
            try:
                self.dask.submit(self.task if job.task is None else questions.answer, order)
            except Exception:
                self._requeue({run_id: job})
                raise

    def _order(self, job: Job) -> work.Order:
        """What the worker needs. Raises Damaged."""
        weights, parent = None, None
        if job.experiment.continues is not None:
            parent, epoch = job.experiment.continues
            found = self.books.store.state(parent, epoch)
            if found is None:
                raise Damaged("weights.safetensors")
            weights = found[:2]
        return work.Order(job.key, job.experiment.as_json(), self.seconds, self.device, weights, parent)

    def _question(self, job: Job, task: Task) -> questions.Question:
        """What the worker needs for a task: the kept state, or the runs to train again. Raises Damaged."""
        chain, weights, owner = chain_to(self.books, task) if task.run else ((), None, None)
        return questions.Question(
            job.key, task.as_json(), job.experiment.as_json(), self.seconds, self.device, chain, weights, owner
        )

    def _take_in(self) -> None:
        """Results go to the store, by another thread."""
        for key, result, problem in self.dask.ended():
            with self.books.lock:
                job = self.books.jobs.get(key[:32])
                if job is None or job.key != key or job.ended:
                    continue
                if result is None and problem is None and job.restarts < MOST_RESTARTS:
                    self._requeue({key[:32]: job})
                    continue
                if job.task is not None and result and "unwanted" in result and not job.stopping:
                    job.key = f"{key}-again"  # another server had asked the same, and wants it no more
                    self._requeue({key[:32]: job})
                    continue
                job.ended = True
            if result is None and problem is None:
                problem = Problem("problem.quarantined", "", {"restarts": job.restarts})
            self.chores.submit(self._keep, key[:32], job, result, problem)

    def _requeue(self, jobs: Mapping[str, Job]) -> None:
        for run_id in self.books.requeue(jobs):
            try:
                self.books.store.mark(run_id, "stopped")
            except StoreUnavailable:
                log.warning("that run %s was stopped could not be noted", run_id)

    def _repeat_stops(self) -> None:
        """Asked again, in case a worker had just been replaced, once the last question has its answer: a worker may hang."""
        if time.monotonic() - self._asked < 1.0 or (self._asking is not None and not self._asking.done()):
            return
        self._asked = time.monotonic()
        with self.books.lock:
            stopping = [job.key for job in self.books.running() if job.stopping]
        if stopping:
            self._asking = self.chores.submit(self.dask.stop, stopping)

    def _end_overdue(self) -> None:
        """A run that did not end at its limit by itself is ended with its worker."""
        now = time.monotonic()
        with self.books.lock:
            late = {
                run_id: job
                for run_id, job in self.books.jobs.items()
                if job.state == RUNNING and not job.ended and now - self._since(job, now) > self.seconds + GRACE
            }
            for job in late.values():
                job.ended = True
        for run_id, job in late.items():
            log.warning("run %s did not end at its limit; its worker is restarted", run_id)
            self.dask.abandon(job.key)
            self.chores.submit(self._keep, run_id, job, None, self._time_limit())

    def _since(self, job: Job, now: float) -> float:
        """When a job began. Among several servers, one that has said nothing may still wait for another server's."""
        return job.heard or (job.begun if self.books.store.neighbours is None else now)

    # ---- keeping ----

    def _keep(self, run_id: str, job: Job, result: Mapping[str, Any] | None, problem: Problem | None) -> None:
        """A run or a task has ended: keep it and take it out of the books, whatever happens on the way."""
        job.ended = True
        if job.task is not None:
            self._keep_task(run_id, job, result or {}, problem)
            return
        view = RunView(run_id, job.experiment, "failed", None, None, job.restarts, problem)
        kept = there = True
        try:
            view, files = self._outcome(view, job, result, problem)
            there = self.books.store.write(job.experiment, view.events, view.state, problem=view.problem, **files)
        except StoreUnavailable as error:
            log.error("run %s could not be kept: %s", run_id, error)
            kept = False
            self._note_lost(run_id, error.problem)
        except Exception:
            log.exception("run %s could not be kept, error id %s", run_id, run_id[:8])
            view = RunView(run_id, job.experiment, "failed", problem=Problem("problem.run_failed", "", {"error": run_id[:8]}))
            kept = False
            self._note_lost(run_id, view.problem)
        self.books.end(run_id, view, kept)
        if not there:
            self.books.forget(run_id)
        elif self._its_data_left(job):
            self._take_out(run_id)
        if job.again:
            self._resubmit(job)
        self.dask.wake.set()

    def _keep_task(self, task_id: str, job: Job, result: Mapping[str, Any], problem: Problem | None) -> None:
        """A task has ended: its answer goes to the store, or stays in memory where that cannot be written."""
        if "problem" in result:
            problem = Problem(*result["problem"])
        if problem is not None and problem.key == "problem.run_failed":
            problem = Problem("problem.task_failed", "", problem.numbers)
        view, stored = TaskView(task_id, "failed", problem=problem), False
        if "answer" in result:
            view = TaskView(task_id, "finished", progress=1.0, answer=result["answer"])
            try:
                self.books.store.write_task(task_id, result["answer"])
                stored = True
            except StoreUnavailable as error:
                log.warning("the answer %s is not kept: %s", task_id, error)
        self.books.end_task(task_id, None if "unwanted" in result else view, stored)
        if self._its_data_left(job):
            self._take_out(task_id)
        if job.again:
            self._resubmit(job)
        self.dask.wake.set()

    def _note_lost(self, run_id: str, problem: Problem | None) -> None:
        """The index may still be writable where the folder was not: then no server shows the run as running for ever."""
        with suppress(StoreUnavailable):
            self.books.store.mark(run_id, "failed", problem)

    def _its_data_left(self, job: Job) -> bool:
        """Whether a visitor deleted the data while this was made of them, on any server.

        Asked after keeping: whoever deletes takes the data away first and looks for what is made of them then, so that one of the
        two sees the other (`own.kept.leave`).
        """
        return own.is_gone(job.experiment.dataset)

    def _take_out(self, job_id: str) -> None:
        """Keep nothing of a run or a task that was deleted while it went on."""
        try:
            self.books.store.delete(job_id)
            self.books.store.forget_task(job_id)
        except StoreUnavailable as error:
            log.error("%s, whose data have left, could not be deleted: %s", job_id, error)
        self.books.forget(job_id)

    def _outcome(
        self, view: RunView, job: Job, result: Mapping[str, Any] | None, problem: Problem | None
    ) -> tuple[RunView, dict[str, Any]]:
        """(the view of the ended run, files for the store)."""
        if result is None:
            state = "quarantined" if problem is not None and problem.key == "problem.quarantined" else "failed"
            return _with(with_events(view, job.events), state, problem), {}
        state, problem = result["state"], Problem(*result["problem"]) if result["problem"] else None
        events = Stream.whole(result["stream"])
        if result["timed_out"]:
            state, problem = "failed", self._time_limit()
        if state == "finished":
            with self.books.lock:
                self.books.pace.learn(job.estimate, events[-1].seconds, time.monotonic() - job.heard)  # type: ignore[union-attr]
        files = {name: result[name] for name in ("weights", "optimizer", "metrics")}
        return _with(with_events(view, events), state, problem), files

    def _time_limit(self) -> Problem:
        return Problem("problem.time_limit", "", {"seconds": round(self.seconds)})


def _with(view: RunView, state: str, problem: Problem | None) -> RunView:
    return RunView(view.run_id, view.experiment, state, None, None, view.restarts, problem, view.events, view.count, view.origins)
