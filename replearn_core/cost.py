"""What an experiment will cost: an estimate for queues and refusals, not for claims. Asked by the engine and the pages."""

import math

from replearn_core.experiment import INFERRED_CODES, Experiment, Problem
from replearn_core.presets import preset, variant_of

MAX_SECONDS = 900.0  # refused above this estimate on one core of a small machine


def macs(experiment: Experiment) -> float:
    """Multiply-adds of one sample's forward pass, encoder and decoder."""
    widths = [experiment.data.size, *experiment.hidden, experiment.code_size]
    if experiment.network == "conv":
        side, channels, total = experiment.data.shape[0], 1, 0.0
        for width in experiment.hidden:
            side //= 2
            total += side * side * channels * width * 16
            channels = width
        return 2 * (total + side * side * channels * experiment.code_size)
    return 2 * sum(a * b for a, b in zip(widths, widths[1:]))


def estimated_seconds(experiment: Experiment) -> float:
    """Seconds of training on one core of a small machine: a figure for queues and refusals, not for claims."""
    work = 3 * macs(experiment)
    if any(term.name == "contraction" for term in experiment.penalties):
        work *= 2 if not experiment.hidden else 4
    if experiment.code in INFERRED_CODES:
        steps = experiment.code_options["steps"]
        work += 2 * steps * experiment.data.size * experiment.code_size
    steps = experiment.epochs * math.ceil(experiment.samples / experiment.batch_size)
    return steps * 2.5e-4 + experiment.epochs * experiment.samples * work / 3e10


def too_costly(experiment: Experiment) -> Problem | None:
    """The one knob to lower when the product of legal values is too much work, else None."""
    seconds = estimated_seconds(experiment)
    if seconds <= MAX_SECONDS:
        return None
    usual = preset(experiment.dataset, variant_of(experiment))
    excess = {
        "epochs": experiment.epochs / usual.epochs,
        "train_size": experiment.samples / usual.samples,
        "batch_size": usual.batch_size / experiment.batch_size,
        "code_size": experiment.code_size / usual.code_size,
        "hidden": sum(experiment.hidden) / max(1, sum(usual.hidden) or 128),
    }
    knob = max(excess, key=lambda name: excess[name])
    return Problem("problem.too_costly", knob, {"seconds": round(seconds), "limit": round(MAX_SECONDS)})
