"""What pages see: `RunView` of a run, `TaskView` of a task, and `Refused` where one was not accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from replearn_core.engine import wire
from replearn_core.events import Event
from replearn_core.experiment import Experiment, Problem

WAITING, RUNNING = "queued", "running"
KEPT = ("finished", "stopped", "diverged", "failed", "quarantined", "interrupted", "damaged")
STATES = ("missing", WAITING, RUNNING, *KEPT)


class Refused(Exception):
    """A run or a task that was not accepted; `problem` says why and what to change."""

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(f"{problem.key} {dict(problem.numbers)}")


@dataclass(frozen=True)
class RunView:
    """One run as it is now. `state` is one of STATES."""

    run_id: str
    experiment: Experiment | None
    state: str
    position: int | None = None  # place in the queue, 1 = next
    seconds_left: float | None = None
    restarts: int = 0  # how often a lost worker made it begin again: `count` then starts from 0 again
    problem: Problem | None = None
    events: tuple[Event, ...] = ()  # those from `since` on
    count: int = 0  # events so far: the next `since`
    origins: tuple[str, ...] = ()  # for each of `events`, the lineage member that it belongs to
    loading: tuple[int, int | None] | None = None  # before the first event: how much of the data is there, of how much if known

    @property
    def live(self) -> bool:
        """Whether more events may come without another press of Train."""
        return self.state in (WAITING, RUNNING)


@dataclass(frozen=True)
class TaskView:
    """One task as it is now. `state`: missing, queued, running, finished or failed. `answer`: its bytes, once it is finished;
    `partial`: what a study has so far, in the same form, while it runs."""

    task_id: str
    state: str
    position: int | None = None  # place in the queue, 1 = next
    progress: float = 0.0  # the share that is done
    seconds_left: float | None = None
    problem: Problem | None = None
    answer: bytes | None = field(default=None, repr=False)
    partial: bytes | None = field(default=None, repr=False)
    restarts: int = 0  # how often a lost worker made it begin again

    @property
    def live(self) -> bool:
        """Whether it will change by itself."""
        return self.state in (WAITING, RUNNING)

    @cached_property
    def numbers(self) -> Mapping[str, float]:
        """Its numbers by name, those so far while it runs."""
        content = self.answer or self.partial
        numbers: Mapping[str, float] = wire.header_of(content)["numbers"] if content else {}
        return numbers

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """Its arrays by name, read when they are asked for; those so far while it runs."""
        content = self.answer or self.partial
        return wire.arrays_of(content) if content else {}

    def header(self) -> dict[str, Any]:
        """What stands before the arrays on their way to a browser."""
        p = self.problem
        return {
            "state": self.state,
            "progress": round(self.progress, 3),
            "restarts": self.restarts,
            "position": self.position,
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "problem": p and {"key": p.key, "setting": p.setting, "numbers": dict(p.numbers)},
            "numbers": dict(self.numbers),
        }
