"""What pages see of a run: `RunView`, and `Refused` where a run was not accepted."""

from dataclasses import dataclass

from replearn_core.events import Event
from replearn_core.experiment import Experiment, Problem

WAITING, RUNNING = "queued", "running"
KEPT = ("finished", "stopped", "diverged", "failed", "quarantined", "interrupted", "damaged")
STATES = ("missing", WAITING, RUNNING, *KEPT)


class Refused(Exception):
    """A run that was not accepted; `problem` says why and what to change."""

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

    @property
    def live(self) -> bool:
        """Whether more events may come without another press of Train."""
        return self.state in (WAITING, RUNNING)
