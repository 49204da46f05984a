"""How a task comes to the state of a run at an epoch: kept, or by training which runs again, from which kept state."""

from replearn_core.engine.books import Books
from replearn_core.events import Event
from replearn_core.experiment import Experiment
from replearn_core.store import Damaged
from replearn_core.tasks import Task

MAX_CHAIN = 50  # continuations of continuations
Chain = tuple[tuple[str, int], ...]


def chain_to(books: Books, task: Task) -> tuple[Chain, tuple[bytes, bytes] | None, str | None]:
    """(runs to train again, the kept state to begin with, whose it is) for a settled task about a run; see `questions.Question`.

    A film needs every state of its run, so that one is always trained again. Raises Damaged where a state cannot be read or
    an ancestor is gone.
    """
    run_id, epoch = task.run, int(task.epoch or 0)
    chain: list[tuple[str, int]] = []
    while len(chain) < MAX_CHAIN:
        assert run_id is not None
        if chain or task.kind != "film":
            found = books.store.state(run_id, epoch)
            if found is not None:
                return tuple(chain), found[:2], run_id
        experiment = books.experiment(run_id)
        if experiment is None:
            raise Damaged("weights.safetensors")
        chain.insert(0, (experiment.as_json(), epoch))
        if experiment.continues is None:
            return tuple(chain), None, None
        run_id, epoch = experiment.continues
    raise Damaged("weights.safetensors")


def recorded_epochs(events: tuple[Event, ...]) -> tuple[int, ...]:
    """Whole epochs whose states a run recorded, ascending."""
    moments = [event.epoch for event in events if event.kind == "progress"]  # type: ignore[union-attr]
    return tuple(int(epoch) for epoch in moments if float(epoch).is_integer())


def retraining(experiment: Experiment, epoch: float, seconds: float) -> float:
    """The part of a run's estimated seconds that comes before an epoch."""
    first = experiment.continues[1] if experiment.continues else 0
    return seconds * min(1.0, max(0.0, (epoch - first) / experiment.epochs))
