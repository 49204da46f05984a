"""Pretraining and fine-tuning strategies as data: tuples of `Phase`. `training.py` carries them out, pages show them as they are.

Levels count the encoder's layers: level 0 is the input, level i the output of `encoder.{i-1}`, the last level the code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from replearn_core.experiment import Experiment


@dataclass(frozen=True)
class Phase:
    """Train the part of the stack between two levels, as an autoencoder of what the lower level says.

    epochs: passes over the training data. frozen: name patterns ("encoder.0.*") of parameters that must not move.
    rates: (pattern, factor) pairs; a parameter's learning rate is the run's times the factor of the first pattern that fits.
    """

    name: str
    epochs: int
    bottom: int = 0
    top: int = 1
    frozen: tuple[str, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()

    def trains(self, parameter: str) -> bool:
        return not any(fnmatchcase(parameter, pattern) for pattern in self.frozen)

    def rate(self, parameter: str) -> float:
        return next((factor for pattern, factor in self.rates if fnmatchcase(parameter, pattern)), 1.0)


def end_to_end(levels: int, epochs: int) -> tuple[Phase, ...]:
    """Everything at once."""
    return (Phase("end_to_end", epochs, 0, levels),)


def greedy(levels: int, epochs: int) -> tuple[Phase, ...]:
    """Each layer as an autoencoder of the one below, for half of the time in all, then everything (Bengio et al. 2007)."""
    fine_tuning = max(1, epochs // 2)
    return (*greedy_frozen(levels, epochs - fine_tuning), Phase("fine_tuning", fine_tuning, 0, levels))


def greedy_frozen(levels: int, epochs: int) -> tuple[Phase, ...]:
    """Each layer as an autoencoder of the layer below; lower layers stay as they are."""
    ends = [round(epochs * (i + 1) / levels) for i in range(levels)]
    return tuple(Phase(f"layer_{i + 1}", end - start, i, i + 1) for i, (start, end) in enumerate(zip([0, *ends], ends)))


STRATEGIES: Mapping[str, Callable[[int, int], tuple[Phase, ...]]] = {
    "end_to_end": end_to_end,
    "greedy": greedy,
    "greedy_frozen": greedy_frozen,
}


def phases(experiment: Experiment) -> tuple[Phase, ...]:
    """The phases of a run from epoch 0 to its last epoch; a continuation begins inside them, at its own first epoch."""
    first = experiment.continues[1] if experiment.continues else 0
    return STRATEGIES[experiment.strategy](len(experiment.hidden) + 1, first + experiment.epochs)
