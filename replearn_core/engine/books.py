"""The engine's books: which runs wait, run or have ended, and what a page may see of them.

`Engine` (pages' threads), `Foreman` (its own thread) and Dask's thread share one `Books`; whoever changes something holds `lock`.
Nothing here waits for the network.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from replearn_core.cost import estimated_seconds
from replearn_core.engine import wire
from replearn_core.engine.fair import FairQueue
from replearn_core.engine.views import RUNNING, WAITING, RunView, TaskView
from replearn_core.engine.wire import Stream
from replearn_core.events import ENDS, Event
from replearn_core.experiment import Experiment
from replearn_core.kept import Kept
from replearn_core.store import Damaged, Store
from replearn_core.tasks import Task
from replearn_core.tasks import estimated_seconds as seconds_of_task

T = TypeVar("T")
MEMORY = 48 * 2**20  # bytes of ended runs' events that are kept for reading again
MOST_REMEMBERED = 20
MOST_ANSWERS = 200
LOOK = 5.0  # seconds for which an answer is shown from memory before the store that several servers share is asked again


@dataclass
class Pace:
    """How this machine's runs compare with their estimates, learnt from those that have finished."""

    factor: float = 1.0  # seconds of training ÷ seconds estimated
    overhead: float = 0.5  # seconds beside training: reading data, drawing frames, the measures at the end

    def seconds(self, estimate: float) -> float:
        return self.overhead + self.factor * estimate

    def learn(self, estimate: float, training: float, took: float) -> None:
        """One more finished run; short ones say little about the factor."""
        trust = 0.3 * min(1.0, estimate)
        self.factor = min(20.0, max(0.05, (1 - trust) * self.factor + trust * training / estimate))
        self.overhead = min(30.0, 0.7 * self.overhead + 0.3 * max(0.0, took - training))


@dataclass
class Job:
    """One accepted run, or one task about a run, that has not been kept yet. Its id is the first 32 characters of its key."""

    experiment: Experiment  # of the run, or of the run that the task is about
    key: str  # of its Dask task: the id, or the id and a number where it was tried before
    owners: set[str]
    task: Task | None = None
    retrained: float = 0.0  # seconds, estimated, that the task needs to come to its state
    progress: float = 0.0  # the share of a task that is done
    partial: bytes | None = None  # what a task has so far
    arriving: bytearray = field(default_factory=bytearray)  # the next `partial`, as far as it is here
    loading: tuple[int, int | None] | None = None  # how much of the data is there, of how much
    state: str = WAITING
    events: list[Event] = field(default_factory=list)
    stream: Stream = field(default_factory=Stream)
    attempt: str = ""
    restarts: int = 0
    begun: float = 0.0  # when it was handed to Dask, monotonic seconds
    heard: float = 0.0  # when it first said something, monotonic seconds
    stopping: bool = False
    again: set[str] = field(default_factory=set)  # who pressed Train while it was stopping
    seen: float = 0.0  # when somebody last looked at a followed one, monotonic seconds
    ended: bool = False  # nothing more is heard of it; it is being kept

    def __post_init__(self) -> None:
        self.estimate = (
            seconds_of_task(self.task, self.experiment) + self.retrained if self.task else estimated_seconds(self.experiment)
        )

    def begin_anew(self) -> None:
        """Its worker or its scheduler is gone: all is to be told again."""
        self.restarts += 1
        self.events, self.stream, self.attempt, self.progress, self.partial = [], Stream(), "", 0.0, None
        self.begun, self.heard = time.monotonic(), 0.0

    def take(self, at: int, size: int, piece: bytes) -> None:
        """A part of what the task has so far. One that is cut off by the next is dropped."""
        if at != len(self.arriving):
            self.arriving.clear()
        if at == len(self.arriving):
            self.arriving += piece
        if len(self.arriving) == size:
            self.partial, self.arriving = bytes(self.arriving), bytearray()

    def seconds_left(self, pace: Pace) -> float:
        """About how long it still takes once it runs."""
        if self.task is not None:
            ran = time.monotonic() - self.heard
            return ran * (1 - self.progress) / self.progress if self.progress > 0.1 else pace.seconds(self.estimate)
        progress: Any = next((event for event in reversed(self.events) if event.kind == "progress"), None)
        started: Any = self.events[0] if self.events else None
        if progress is None or started.kind != "started":
            return pace.seconds(self.estimate)
        done = (progress.epoch - started.first_epoch) / max(1, started.last_epoch - started.first_epoch)
        return pace.seconds(self.estimate) if done < 0.05 else pace.overhead + progress.seconds * (1 - done) / done


class Books:
    """Accepted runs and remembered ones. `changed` is notified whenever a run moves on."""

    def __init__(self, store: Store, queue: FairQueue):
        self.store, self.queue = store, queue
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.jobs: dict[str, Job] = {}
        self.followed: dict[str, Job] = {}  # runs that another server works on; see following.py
        self.unkept: OrderedDict[str, RunView] = OrderedDict()  # ended, but the store could not be written: the latest ones
        self.pace = Pace()
        self.slots = 0
        self._memory: OrderedDict[str, tuple[RunView, int]] = OrderedDict()
        self._answers: OrderedDict[str, tuple[TaskView, float]] = OrderedDict()  # ended tasks, and when they were looked for last

    # ---- reading ----

    def view(self, run_id: str) -> RunView:
        """The run as it is now, with all its events."""
        with self.lock:
            job = self.jobs.get(run_id)
            if job is not None:
                return self._view(run_id, job) if job.task is None else RunView(run_id, None, "missing")
            if run_id in self.unkept:
                return self.unkept[run_id]
            if run_id in self.followed:
                return self._followed(run_id)
            remembered = self._memory.get(run_id)
            if remembered is not None:
                self._memory.move_to_end(run_id)
        if remembered is None or not self._still(remembered[0]):
            return self._from_store(run_id)
        self.store.touch(run_id)  # a run that is looked at from memory is used all the same
        return remembered[0]

    def experiment(self, run_id: str) -> Experiment | None:
        """The run's experiment, without its events."""
        with self.lock:
            job = self.jobs.get(run_id) or self.followed.get(run_id)
            if job is not None and job.task is None:
                return job.experiment
            if run_id in self._memory:
                return self._memory[run_id][0].experiment
        kept = self.store.kept(run_id)
        return kept.experiment if kept else None

    def task(self, task_id: str) -> TaskView:
        """The task as it is now, with its answer once there is one."""
        with self.lock:
            job = self.jobs.get(task_id)
            if job is not None:
                position, left = self._place(task_id, job)
                if job.task is None:
                    return TaskView(task_id, "missing")
                return TaskView(task_id, job.state, position, job.progress, left, partial=job.partial, restarts=job.restarts)
            remembered, looked = self._answers.get(task_id, (None, 0.0))
            if remembered is not None:
                self._answers.move_to_end(task_id)
        if remembered is not None and self._still_there(task_id, looked):
            return remembered
        answer = self.store.read_task(task_id)
        if answer is None:
            return TaskView(task_id, "missing")
        view = TaskView(task_id, "finished", progress=1.0, answer=answer)
        try:
            wire.header_of(answer)
        except ValueError:
            self.store.forget_task(task_id)  # it is computed again when somebody asks
            return TaskView(task_id, "missing")
        self.remember_task(view, stored=True)
        return view

    def running(self) -> list[Job]:
        """Runs and tasks that a worker has. The caller holds the lock."""
        return [job for job in self.jobs.values() if job.state == RUNNING and not job.ended]

    def wait_for(self, condition: Callable[[Job | None], bool], run_id: str, seconds: float) -> bool:
        """Wait until the condition holds for the run's job (None once it is kept)."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.jobs.get(run_id) or self.followed.get(run_id)), seconds)

    def _view(self, run_id: str, job: Job) -> RunView:
        position, left = self._place(run_id, job)
        events = tuple(job.events)
        return RunView(
            run_id,
            job.experiment,
            job.state,
            position,
            left,
            job.restarts,
            None,
            events,
            len(events),
            (run_id,) * len(events),
            None if events else job.loading,
        )

    def _place(self, job_id: str, job: Job) -> tuple[int | None, float]:
        """(place in the queue or None, about how many seconds until it has ended)."""
        left = job.seconds_left(self.pace)
        if job.state != WAITING:
            return None, left
        places = self.queue.places()
        position = places.get(job_id, 1)
        return position, left + self._seconds_until([other for other, place in places.items() if place < position])

    def _seconds_until(self, ahead: Sequence[str]) -> float:
        """About how long until a run starts that has these before it."""
        running = [job.seconds_left(self.pace) for job in self.running()]
        waiting = sum(self.pace.seconds(self.jobs[run_id].estimate) for run_id in ahead if run_id in self.jobs)
        slots = max(1, self.slots)
        return 0.0 if len(running) < slots and not waiting else (sum(running) + waiting) / slots

    def _from_store(self, run_id: str) -> RunView:
        kept = self.store.kept(run_id)
        if kept is None:
            return RunView(run_id, None, "missing")
        if kept.elsewhere and kept.experiment is not None:
            with self.lock:
                self.follow(kept)
                return self._followed(run_id)
        view = RunView(run_id, kept.experiment, kept.state, problem=kept.problem)
        if kept.state == "damaged":
            return view
        try:
            view = with_events(view, self.store.read(run_id).events)
        except Damaged as error:
            return replace(view, state="damaged", problem=error.problem)
        except KeyError:
            return RunView(run_id, None, "missing")
        self.remember(view)
        return view

    def _still(self, view: RunView) -> bool:
        """Whether a remembered run is as it was: another server may begin it again or delete it, a bundle may bring more."""
        if self.store.neighbours is None and view.state in ("finished", "diverged"):
            return True
        kept = self.store.kept(view.run_id)
        return kept is not None and (kept.state, kept.count) == (view.state, view.count)

    def _still_there(self, task_id: str, looked: float) -> bool:
        """Whether a remembered answer is in the store, looked for now and then: another server may have deleted it."""
        if self.store.neighbours is None or time.monotonic() - looked < LOOK:
            return True
        there = self.store.has_task(task_id)
        with self.lock:
            if task_id in self._answers:
                view, _ = self._answers.pop(task_id)
                if there:
                    self._answers[task_id] = (view, time.monotonic())
        return there

    def _followed(self, run_id: str) -> RunView:
        job = self.followed[run_id]
        job.seen = time.monotonic()
        return replace(self._view(run_id, job), position=None)

    # ---- changing ----

    def follow(self, kept: Kept) -> Job:
        """Listen to a run that another server works on, from now on. The caller holds the lock."""
        job = self.followed.get(kept.run_id)
        if job is None:
            assert kept.experiment is not None
            job = self.followed[kept.run_id] = Job(kept.experiment, "", set())
            self._memory.pop(kept.run_id, None)
            job.seen = time.monotonic()
        key = key_of(kept.run_id, kept.attempts - 1)
        if job.key != key:  # tried again there
            job.begin_anew()
            job.key, job.restarts, job.stream.behind = key, 0, True
        job.state = RUNNING if job.events else kept.state  # what it said may be quicker than the index
        return job

    def catch_up(self, job: Job, attempt: str, since: int, data: bytes) -> None:
        """What a followed run had said before this server listened."""
        with self.changed:
            if job.attempt != attempt:
                job.attempt, job.stream, job.events, job.heard = attempt, Stream(), [], time.monotonic()
            job.events += job.stream.feed(since, data)
            job.state = RUNNING
            self.changed.notify_all()

    def remember(self, view: RunView) -> None:
        """Keep an ended run's events at hand, within bounds."""
        with self.lock:
            if view.run_id in self.jobs or not view.events:
                return
            self._memory[view.run_id] = (view, _bytes(view.events))
            _shrink(self._memory, lambda one: one[1], MOST_REMEMBERED)

    def remember_task(self, view: TaskView, stored: bool) -> None:
        """Keep an ended task's answer at hand, within bounds; one that could not be stored lives here alone."""
        with self.lock:
            self._answers[view.task_id] = (view, time.monotonic() if stored else math.inf)
            self._answers.move_to_end(view.task_id)
            _shrink(self._answers, lambda one: len(one[0].answer or b""), MOST_ANSWERS)

    def accept(self, run_id: str, job: Job) -> None:
        """A new job. The caller holds the lock."""
        self._answers.pop(run_id, None)
        self._memory.pop(run_id, None)
        self.unkept.pop(run_id, None)
        self.followed.pop(run_id, None)
        self.jobs[run_id] = job

    def forget(self, job_id: str) -> None:
        """Keep nothing in memory of a run or task that was taken out of the store."""
        with self.lock:
            for remembered in (self._answers, self._memory, self.unkept):
                remembered.pop(job_id, None)

    def end(self, run_id: str, view: RunView, kept: bool) -> None:
        """A job has ended and was kept, or could not be."""
        with self.changed:
            self.jobs.pop(run_id, None)
            self.queue.discard(run_id)
            if kept:
                self.remember(view)
            else:
                self.unkept[run_id] = view
                _shrink(self.unkept, lambda one: _bytes(one.events), MOST_REMEMBERED)
            self.changed.notify_all()

    def end_task(self, task_id: str, view: TaskView | None, stored: bool = False) -> None:
        """A task has ended: with a view, or because nobody wanted it any more. stored: whether its answer is in the store."""
        with self.changed:
            self.jobs.pop(task_id, None)
            self.queue.discard(task_id)
            if view is not None:
                self.remember_task(view, stored)
            self.changed.notify_all()

    def drop(self, run_id: str) -> None:
        """A job that nobody wants and that never began."""
        with self.changed:
            self.jobs.pop(run_id, None)
            self.queue.discard(run_id)
            self.changed.notify_all()

    def hear(self, message: Mapping[str, Any]) -> None:
        """What a worker says of its run."""
        run_id = str(message.get("key", ""))[:32]
        with self.changed:
            job = self.jobs.get(run_id) or self.followed.get(run_id)
            if job is None or job.key != message["key"] or job.ended:
                return
            if job.attempt != message["attempt"]:
                job.attempt, job.stream, job.events = message["attempt"], Stream(), []
                job.heard = time.monotonic()
            if "share" in message:
                job.progress = message["share"]
            elif "partial" in message:
                job.take(*message["partial"])
            elif "loading" in message:
                done, total = message["loading"]
                job.loading = (done, total)
            else:
                job.events += job.stream.feed(message["at"], message["data"])
            if run_id in self.followed:
                job.state = RUNNING
            self.changed.notify_all()

    def worker_lost(self, keys: Sequence[str]) -> None:
        """A worker is gone that had these tasks; Dask gives them to another one."""
        with self.changed:
            for key in keys:
                job = self.jobs.get(key[:32]) or self.followed.get(key[:32])
                if job is not None and job.key == key and job.state == RUNNING and not job.ended:
                    job.begin_anew()
            self.changed.notify_all()

    def requeue(self, jobs: Mapping[str, Job]) -> list[str]:
        """Tasks that Dask has lost for good stand at the head of the line again. Returns those that nobody wants: dropped."""
        unwanted = []
        with self.changed:
            for run_id, job in jobs.items():
                job.begin_anew()
                owners = job.again if job.stopping else job.owners
                job.state, job.stopping, job.owners, job.again = WAITING, False, owners, set()
                for owner in owners:
                    self.queue.put_back(run_id, owner)
                if not owners:
                    unwanted.append(run_id)
                    self.drop(run_id)
            self.changed.notify_all()
        return unwanted


def key_of(job_id: str, tries: int) -> str:
    """The key of a run's or a task's Dask task, when it was tried so often before. On every server the same."""
    return f"{job_id}-{tries}" if tries else job_id


def with_events(view: RunView, events: Sequence[Event]) -> RunView:
    """The view with these events, all of its own run."""
    return replace(view, events=tuple(events), origins=(view.run_id,) * len(events), count=len(events))


def from_event(view: RunView, first: int) -> RunView:
    """The view with its events from `first` on; `count` stays."""
    first = max(0, first)
    return replace(view, events=view.events[first:], origins=view.origins[first:])


def shown(events: Sequence[Event], last: int | None) -> tuple[Event, ...]:
    """An ancestor's events up to the record after `last` epochs, from which a continuation went on.

    Cut by place, not by epoch alone: what the ancestor still says while it stops must not lengthen a history that a page has
    counted already.
    """
    for number, event in enumerate(events):
        if event.kind == "progress" and event.epoch == last:  # type: ignore[union-attr]
            return tuple(events[: number + 1])
    return tuple(event for event in events if event.kind not in ENDS and getattr(event, "epoch", 0) <= (last or 0))


def _shrink(remembered: OrderedDict[str, T], size: Callable[[T], int], most: int) -> None:
    """Forget the oldest until at most `most` of them, of MEMORY bytes together, are left; the newest stays."""
    while len(remembered) > 1 and (len(remembered) > most or sum(map(size, remembered.values())) > MEMORY):
        remembered.popitem(last=False)


def _bytes(events: Sequence[Event]) -> int:
    return sum(1_000 + sum(array.nbytes for array in getattr(event, "frame", {}).values()) for event in events)
