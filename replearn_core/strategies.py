"""Pretraining and fine-tuning strategies as data: tuples of `Phase`. `training.py` carries them out, pages show them as they are.

Levels count the encoder's layers: level 0 is the input, level i the output of `encoder.{i-1}`, the last level the code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from replearn_core.experiment import Experiment


@dataclass(frozen=True)
class Phase:
    """Train the part of the stack between two levels, as an autoencoder of what the lower level says, or classify.

    objective: "reconstruction" of level `bottom`, or "classification": from the input through every level to the classes, with
    `bottom` and `top` unread. epochs: passes over the training data. frozen: name patterns ("encoder.0.*") of what must not move.
    rates: (pattern, factor) pairs; a parameter's learning rate is the run's times the factor of the first pattern that fits.
    """

    name: str
    epochs: int
    bottom: int = 0
    top: int = 1
    frozen: tuple[str, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()
    objective: str = "reconstruction"

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


def pretraining_phases(levels: int, layer_epochs: int, epochs: int) -> tuple[Phase, ...]:
    """Each layer without labels for `layer_epochs`, then a classifier on top and everything with labels (Hinton et al. 2006,
    Bengio et al. 2007): the plan of `supervised.learn`."""
    layers = (Phase(f"layer_{i + 1}", layer_epochs, i, i + 1) for i in range(levels))
    return (*layers, Phase("fine_tuning", epochs, 0, levels, objective="classification"))


STRATEGIES: Mapping[str, Callable[[int, int], tuple[Phase, ...]]] = {
    "end_to_end": end_to_end,
    "greedy": greedy,
    "greedy_frozen": greedy_frozen,
}


def phases(experiment: Experiment, begun: Sequence[int] = ()) -> tuple[Phase, ...]:
    """The phases of a run from epoch 0 to its last epoch; a continuation begins inside them, at its own first epoch.

    begun: the epochs of each phase in the plan of the run that is continued. They stay, and the last phase takes what comes on
    top: laid anew, a longer plan would go back to a layer below those that were trained on it. Another strategy, or fewer epochs
    in all, make a new plan.
    """
    first = experiment.continues[1] if experiment.continues else 0
    plan = STRATEGIES[experiment.strategy](len(experiment.hidden) + 1, first + experiment.epochs)
    more = first + experiment.epochs - sum(begun)
    if len(begun) != len(plan) or more < 0 or min(begun) < 0:
        return plan
    return tuple(replace(phase, epochs=epochs) for phase, epochs in zip(plan, [*begun[:-1], begun[-1] + more]))


# ---- transfer: what is copied from a source network, and what is then trained on the target's labels ----

ALONE = 10.0  # factor of a classifier that trains alone: its problem is convex, and at the rate of a whole network it would lag
DISCRIMINATIVE = 2.6  # η of a layer ÷ η of the layer below (Howard & Ruder 2018, section 3.2)


@dataclass(frozen=True)
class Transfer:
    """One way to use a network that was trained on a source task for a target task.

    copied: so many layers, from the input on, begin with the source's weights; the others and the classifier begin anew.
    phases: what is trained, one after another, on the target's labels. svm: the level whose features an SVM reads instead.
    """

    name: str
    copied: int
    phases: tuple[Phase, ...]
    svm: int | None = None


def tune(name: str, epochs: int, levels: int, first: int, rates: tuple[tuple[str, float], ...] = ()) -> Phase:
    """Train the layers from `first` on (0 is the lowest, `levels` is none of them) and the classifier; the others are frozen."""
    alone = (("head.*", ALONE),) if first == levels else ()
    return Phase(name, epochs, 0, levels, stage_patterns(range(first)), rates or alone, "classification")


def stage_patterns(layers: range) -> tuple[str, ...]:
    """Patterns of all that belongs to these layers: weights, and with batch normalisation its scale and statistics."""
    return tuple(f"{part}.{layer}.*" for layer in layers for part in ("encoder", "norm"))


def layer_rates(levels: int, factors: tuple[float, ...] = ()) -> tuple[tuple[str, float], ...]:
    """A factor for each layer, the lowest first, then the classifier's; without `factors` η_{l−1} = η_l / 2.6, the last being 1.

    ValueError unless there are `levels` + 1 factors, or none.
    """
    if factors and len(factors) != levels + 1:
        raise ValueError(f"{len(factors)} factors for {levels} layers and a classifier; {levels + 1} are needed")
    shares = factors or tuple(DISCRIMINATIVE ** (layer - levels) for layer in range(levels + 1))
    named = [(pattern, share) for layer, share in enumerate(shares[:-1]) for pattern in stage_patterns(range(layer, layer + 1))]
    return (*named, ("head.*", shares[-1]))


def transfers(
    levels: int, epochs: int, *, last: int = 1, early: int = 1, factors: tuple[float, ...] = ()
) -> Mapping[str, Transfer]:
    """Every transfer strategy for a network of `levels` layers. last: how many layers `last_layers` tunes; early: the level that
    the SVM reads; factors: of `layer_rates`. Epochs add up to `epochs` in each; the SVM needs none."""
    everything, head = tune("everything", epochs, levels, 0), tune("classifier", epochs, levels, levels)
    begun = tune("classifier", epochs // 2, levels, levels)
    ends = [round(epochs * (i + 1) / (levels + 1)) for i in range(levels + 1)]
    thaw = tuple(
        tune(f"from_layer_{levels - i + 1}" if i else "classifier", end - start, levels, levels - i)
        for i, (start, end) in enumerate(zip([0, *ends], ends))
    )
    found = (
        Transfer("from_scratch", 0, (everything,)),
        Transfer("random_features", 0, (head,)),
        Transfer("fixed_features", levels, (head,)),
        Transfer("early_svm", early, (), early),
        Transfer("last_layers", levels, (tune("last_layers", epochs, levels, levels - last),)),
        Transfer("all_layers", levels, (everything,)),
        Transfer("layer_rates", levels, (tune("everything", epochs, levels, 0, layer_rates(levels, factors)),)),
        Transfer("gradual", levels, thaw),
        Transfer("probe_then_tune", levels, (begun, tune("everything", epochs - epochs // 2, levels, 0))),
    )
    return {one.name: one for one in found}


TRANSFERS = tuple(transfers(1, 2))
"""Names of the transfer strategies: the two that copy nothing first, then the more of the network is trained the later."""
