"""The state of a run at any recorded epoch: kept ones as they are, others trained again to the same bits. For `latent`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from replearn_core import datasets, training
from replearn_core.experiment import Experiment
from replearn_core.tasks import CannotAnswer

State = Mapping[str, Any]


class Unwanted(Exception):
    """Nobody waits for the answer any more."""


def states(
    chain: Sequence[tuple[Experiment, int]],
    start: State | None,
    *,
    device: str = "auto",
    wanted: Callable[[], bool] = lambda: True,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Iterator[tuple[int, State]]:
    """(epoch, state) at each recorded whole epoch of the chain's last run, up to the epoch that stands beside it.

    chain: (experiment, its last epoch wanted) of the oldest run to be trained again, its continuation, and so on. start: the
    state that the first of them continues, if it continues one. Raises CannotAnswer where a run never reaches its epoch,
    Unwanted where `wanted` says so.
    """
    state = start
    for number, (experiment, until) in enumerate(chain):
        reached = -1
        first = experiment.continues[1] if experiment.continues else 0
        data = datasets.load(experiment.dataset, experiment.train_size)
        for event in training.train(
            experiment, data, device=device, weights=state if experiment.continues else None, wanted=wanted
        ):
            if event.kind == "stopped":
                raise Unwanted
            if event.kind != "progress" or event.state is None:  # type: ignore[union-attr]
                continue
            reached, state = int(event.epoch), event.state  # type: ignore[union-attr]
            if number + 1 == len(chain):
                yield reached, state
            on_progress((number + (reached - first) / max(1, until - first)) / len(chain))
            if reached >= until:
                break
        if reached != until:
            raise CannotAnswer("problem.epoch_not_reached", "epoch", value=until, last=max(reached, 0))


def last_state(chain: Sequence[tuple[Experiment, int]], start: State | None, **options: Any) -> State:
    """The state at the chain's end; `start` itself where there is nothing to train again. Raises as `states`."""
    state = start
    for _, recorded in states(chain, start, **options):
        state = recorded
    assert state is not None, "a chain or a state is needed"
    return state
