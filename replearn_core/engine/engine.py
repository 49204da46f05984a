"""The engine, as pages see it: submit, watch, cancel, branch. See "Engine" in docs/architecture.md.

Pages call it from any thread. It reads and writes the `Books`; what has to wait for Dask or the disk is the `Foreman`'s, but for
`checkpoint` and `branch`, which say so.
"""

import itertools
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from replearn_core import datasets, tasks
from replearn_core.cost import estimated_seconds, too_costly
from replearn_core.engine import cluster, work
from replearn_core.engine.books import Books, Job, from_event, key_of, shown
from replearn_core.engine.dask_side import DaskSide
from replearn_core.engine.fair import FairQueue, Full
from replearn_core.engine.following import Following
from replearn_core.engine.foreman import Foreman
from replearn_core.engine.lineage import recorded_epochs, retraining
from replearn_core.engine.views import RUNNING, WAITING, Refused, RunView, TaskView
from replearn_core.events import Event
from replearn_core.experiment import Experiment, Problem
from replearn_core.own import kept as own
from replearn_core.store import BUSY, Damaged, Store, StoreUnavailable
from replearn_core.tasks import CannotAnswer, Task

log = logging.getLogger(__name__)

MAX_LINEAGE = 50  # the longest chain of continuations that is shown as one history


class Engine:
    """Accepts runs and tasks about them, shows them, stops them. One in a server process.

    limit, owner_limit: runs that may wait, in all and of one owner. seconds: wall-clock limit of a run. task: what a worker runs.
    """

    def __init__(
        self,
        store: Store,
        processes: cluster.Cluster,
        *,
        limit: int | None = None,
        owner_limit: int = 10,
        seconds: float | None = None,
        device: str = "auto",
        task: Callable[[work.Order], Mapping[str, Any]] = work.run,
    ):
        self.store = store
        self.books = Books(store, FairQueue(limit or int(os.environ.get("REPLEARN_QUEUE") or 200), owner_limit))
        self.dask = DaskSide(processes, self.books.hear, self.books.worker_lost)
        self.following = Following(self.books, self.dask, self.cancel, self._resubmit)
        limit_s = seconds or float(os.environ.get("REPLEARN_RUN_SECONDS") or 900)
        self._tries = itertools.count(1)
        processes.share(store.storage.url)
        self.foreman = Foreman(
            self.books, self.dask, self.following, task, seconds=limit_s, device=device, resubmit=self._resubmit
        )

    @property
    def problem(self) -> Problem | None:
        """Why no run would be accepted now, or None."""
        return self.dask.problem or self.store.problem

    def submit(self, experiment: Experiment, *, owner: str) -> str:
        """Queue a run and return its id at once. Joins an equal run, finished or not, of any server that shares the store.

        Raises Refused.
        """
        run_id = experiment.id
        if self._join(run_id, owner):
            return run_id
        self._check(experiment)
        with self.books.lock:
            if self._join(run_id, owner):
                return run_id
            self._make_room(run_id, owner)
            self._trace(experiment, run_id)
            try:
                attempts = self.store.enter(experiment)
            except StoreUnavailable as error:
                self.books.queue.discard(run_id)
                raise Refused(error.problem) from None
            if attempts is None:  # another server has it since a moment ago, or has just ended it
                self.books.queue.discard(run_id)
                self.following.join(run_id, owner)
                return run_id
            self.books.accept(run_id, Job(experiment, key_of(run_id, attempts), {owner}))
        self.dask.wake.set()
        return run_id

    def watch(self, run_id: str, since: int = 0) -> RunView:
        """The run as it is now, with its events from `since` on. Never waits for the network."""
        return from_event(self.books.view(run_id), since)

    def cancel(self, run_id: str, *, owner: str) -> None:
        """The owner wants the run, or the task, no more. It stops when nobody does; what a run learned is kept, to be resumed."""
        with self.books.lock:
            self.following.leave(run_id, owner)
            job = self.books.jobs.get(run_id)
            if job is None:
                return
            wanted = bool(job.owners)
            job.owners.discard(owner)
            job.again.discard(owner)
            self.books.queue.discard(run_id, owner)
            if job.owners or job.stopping or job.ended or (wanted and self.following.kept_for_others(run_id, job)):
                return
            if job.state == WAITING:
                self.books.drop(run_id)
                if job.task is None:
                    self._note_stopped(run_id)
                return
            job.stopping = True
        self.foreman.stop(job)

    def forget(self, job_id: str) -> bool:
        """End a run or a task for all who want it and take it out of the store; False while it is still ending.

        Raises StoreUnavailable.
        """
        with self.books.lock:
            jobs = filter(None, (self.books.jobs.get(job_id), self.books.followed.get(job_id)))
            owners = {owner for job in jobs for owner in (*job.owners, *job.again)}
        for owner in owners:
            self.cancel(job_id, owner=owner)
        kept = self.store.kept(job_id)
        if job_id in self.books.jobs or (kept is not None and kept.state in BUSY):  # here, or on another server
            return False
        self.store.delete(job_id)
        self.store.forget_task(job_id)
        self.books.forget(job_id)
        return True

    def checkpoint(self, run_id: str) -> int | None:
        """Keep the latest whole state of a run in the store, and say after how many epochs it was; None where there is none.

        Asks the run's worker, so it may take a moment. Raises Refused where the store cannot be written or read.
        """
        try:
            return self._checkpoint(run_id)
        except (StoreUnavailable, Damaged) as error:
            raise Refused(error.problem) from None

    def branch(self, run_id: str, changes: Mapping[str, Any], *, owner: str) -> str:
        """Leave a run and go on from its latest weights with other settings. Returns the continuation's id.

        Waits as `checkpoint` does. Without `epochs` among the changes, a run that had not ended keeps the epochs that it had
        left; a finished one gets as many again. A run without any learned state begins anew. Raises Refused, and
        InvalidExperiment as `Experiment.changed` does.
        """
        old = self.books.view(run_id)
        if old.experiment is None:
            raise Refused(Problem("problem.unknown_run"))
        old.experiment.changed(**changes)  # what is not valid is refused before anything waits or stops
        first = old.experiment.continues[1] if old.experiment.continues else 0
        epoch = self.checkpoint(run_id)
        fields = dict(changes)
        if epoch is not None and epoch > first:
            self.books.wait_for(lambda job: job is None or _has_come_to(job, epoch), run_id, 3)
            left = first + old.experiment.epochs - epoch
            if left > 0:
                fields.setdefault("epochs", left)
            fields["continues"] = (run_id, epoch)
        experiment = old.experiment.changed(**fields)
        branched = self.submit(experiment, owner=owner)
        if branched != run_id:
            self.cancel(run_id, owner=owner)
        return branched

    def lineage(self, run_id: str) -> tuple[tuple[str, int | None], ...]:
        """(ancestor, its last epoch shown) from the first ancestor on, and the run itself with None."""
        chain: list[tuple[str, int | None]] = [(run_id, None)]
        experiment = self.books.experiment(run_id)
        while experiment is not None and experiment.continues is not None and len(chain) < MAX_LINEAGE:
            chain.append(experiment.continues)
            experiment = self.books.experiment(experiment.continues[0])
        return tuple(reversed(chain))

    def history(self, run_id: str, since: int = 0) -> RunView:
        """Like watch, over the whole lineage: the ancestors' events up to the epoch that was continued, then the run's own."""
        own = self.books.view(run_id)
        events: list[Event] = []
        origins: list[str] = []
        for ancestor, last in self.lineage(run_id)[:-1]:
            part = shown(self.books.view(ancestor).events, last)
            events += part
            origins += [ancestor] * len(part)
        whole = replace(own, events=(*events, *own.events), origins=(*origins, *own.origins), count=len(events) + own.count)
        return from_event(whole, since)

    # ---- tasks ----

    def compute(self, task: Task, *, owner: str, again: bool = False) -> str:
        """Queue a task and return its id at once. Joins an equal one, ended or not. Raises Refused.

        The id is that of the settled task (`tasks.settled`): its epoch is a recorded one, its baseline needs no run. again: try
        once more what has failed. The latest state of a *running* run is at hand after `checkpoint`; any other epoch that the
        store does not keep is trained again.
        """
        task, experiment = self._settled(task)
        task_id = task.id
        if self._joins_task(task_id, owner, again):
            return task_id
        if self.dask.problem is not None:
            raise Refused(self.dask.problem)
        self._check_data(experiment)
        with self.books.lock:
            if self._joins_task(task_id, owner, again):
                return task_id
            self._make_room(task_id, owner)
            self._trace(experiment, task_id)
            kept = task.run is None or (task.kind != "film" and self._keeps(task.run, task.epoch))
            seconds = 0.0 if kept else retraining(experiment, task.epoch or 0, estimated_seconds(experiment))
            key = f"{task_id}-{next(self._tries)}"
            self.books.accept(task_id, Job(experiment, key, {owner}, task=task, retrained=seconds))
        self.dask.wake.set()
        return task_id

    def task(self, task_id: str) -> TaskView:
        """The task as it is now. Never waits for the network. `missing`: nobody asked, or it was left, or made room."""
        return self.books.task(task_id)

    def experiment(self, run_id: str) -> Experiment | None:
        """A run's experiment, without reading its events; None for an unknown one."""
        return self.books.experiment(run_id)

    def weights(self, run_id: str, epoch: int | None = None) -> bytes | None:
        """A run's kept weights after so many epochs, or the last, as a safetensors file, or None. Raises Damaged."""
        found = self.store.state(run_id, epoch)
        return found and found[0]

    def close(self) -> None:
        """End all that was started here, within seconds. Runs that had not ended are interrupted at the next start."""
        if not self.foreman.closing.is_set():
            self.foreman.close()
            self.store.close()

    # ---- inside ----

    def _join(self, run_id: str, owner: str) -> bool:
        """Whether there is an equal run that answers this submission. Raises Refused."""
        with self.books.lock:
            job = self.books.jobs.get(run_id)
            if job is None:
                known = self.books.unkept.get(run_id) or self.store.kept(run_id)
                if known is not None and known.state in ("finished", "diverged"):
                    return True
                return self.following.join(run_id, owner)
            return self._joins(job, run_id, owner)

    def _settled(self, task: Task) -> tuple[Task, Experiment]:
        """(the settled task, the experiment that it is about). Raises Refused."""
        experiment = task.experiment
        epochs: tuple[int, ...] = ()
        if task.run is not None:
            view = self.books.view(task.run)
            if view.experiment is None or view.state == "damaged":
                raise Refused(view.problem or Problem("problem.unknown_run", "run"))
            experiment, epochs = view.experiment, recorded_epochs(view.events)
        assert experiment is not None  # a task has one of the two
        try:
            task = tasks.settled(task, experiment, epochs)
            tasks.check(task, experiment)
        except CannotAnswer as error:
            raise Refused(error.problem) from None
        return task, task.experiment or experiment

    def _joins_task(self, task_id: str, owner: str, again: bool) -> bool:
        """Whether there is an equal task that answers this one. Raises Refused."""
        with self.books.lock:
            job = self.books.jobs.get(task_id)
            if job is not None:
                return self._joins(job, task_id, owner)
        state = self.books.task(task_id).state
        return state == "finished" or (state == "failed" and not again)

    def _joins(self, job: Job, job_id: str, owner: str) -> bool:
        """One more owner of a job that has not ended. The caller holds the lock. Raises Refused."""
        if job.stopping:
            job.again.add(owner)
            return True
        if job.state == WAITING and owner not in job.owners:
            self._make_room(job_id, owner)
        job.owners.add(owner)
        return True

    def _keeps(self, run_id: str, epoch: float | None) -> bool:
        try:
            return self.store.state(run_id, int(epoch or 0)) is not None
        except Damaged:
            return True  # said by the task itself

    def _check(self, experiment: Experiment) -> None:
        """Raises Refused where a run could not be done."""
        problem = too_costly(experiment) or self.problem
        if problem is not None:
            raise Refused(problem)
        self._check_data(experiment)
        if experiment.continues is None:
            return
        run_id, epoch = experiment.continues
        try:
            there = self.store.pin_state(run_id, epoch)
        except (Damaged, StoreUnavailable) as error:
            raise Refused(error.problem) from None
        if not there:
            raise Refused(Problem("problem.parent_missing", "continues", {"run": run_id, "epoch": epoch}))

    def _check_data(self, experiment: Experiment) -> None:
        """Raises Refused where the data set cannot be had."""
        origin = datasets.origin(experiment.dataset)
        if origin in ("missing", "unknown", "left"):
            files = datasets.expected_files(experiment.dataset)
            raise Refused(work.unavailable(datasets.Unavailable(experiment.dataset, origin, files)))

    def _trace(self, experiment: Experiment, job_id: str) -> None:
        """What is made of a visitor's own data leaves with them: note it before there is anything of it. Raises Refused."""
        try:
            own.trace(experiment.dataset, job_id)
        except OSError as error:
            self.books.queue.discard(job_id)
            log.error("cannot note what is made of a visitor's data: %s", error)
            raise Refused(Problem("problem.own_not_kept", "dataset")) from None

    def _make_room(self, run_id: str, owner: str) -> None:
        """A place in the queue. The caller holds the lock. Raises Refused."""
        try:
            self.books.queue.push(run_id, owner)
        except Full as full:
            if full.own:
                raise Refused(Problem("problem.owner_queue_full", "", {"limit": full.limit})) from None
            soonest = min((job.seconds_left(self.books.pace) for job in self.books.running()), default=5.0)
            raise Refused(Problem("problem.queue_full", "", {"limit": full.limit, "seconds": max(1, round(soonest))})) from None

    def _checkpoint(self, run_id: str) -> int | None:
        with self.books.lock:
            job = self.books.jobs.get(run_id) or self.books.followed.get(run_id)
        if job is not None and job.state == RUNNING and not job.ended:
            found = self.dask.checkpoint(job.key)
            if found is not None:
                epoch, weights, optimizer = found
                self.store.keep_state(run_id, weights, optimizer, epoch)
                return epoch
        self.books.wait_for(lambda now: now is None or not now.ended, run_id, 10)
        if run_id in self.books.jobs:
            return None
        kept = self.store.state(run_id)
        if kept is not None:
            self.store.pin_state(run_id, kept[2])
        return kept and kept[2]

    def _resubmit(self, job: Job) -> None:
        """Somebody pressed Train while the run was stopping."""
        for owner in job.again:
            try:
                if job.task is not None:
                    self.compute(job.task, owner=owner)
                else:
                    self.submit(job.experiment, owner=owner)
            except Refused as refused:
                log.info("run %s is not tried again: %s", job.key, refused)

    def _note_stopped(self, run_id: str) -> None:
        try:
            self.store.mark(run_id, "stopped")
        except StoreUnavailable:
            log.warning("that run %s was stopped could not be noted", run_id)


def _has_come_to(job: Job, epoch: int) -> bool:
    return any(event.kind == "progress" and event.epoch >= epoch for event in reversed(job.events))  # type: ignore[union-attr]


def made(store: Store | None = None, processes: cluster.Cluster | None = None, **options: Any) -> Engine:
    """An engine on the usual store and the processes that the environment asks for, where none are given."""
    return Engine(store or Store(), processes or cluster.chosen(), **options)
