"""Paired measurements: contenders take turns within one run, and their ratio is taken turn by turn. Used by every benchmark here.

Method: one warm-up of each contender, then rounds in which each runs once, in an order that rotates, so that a busy neighbour or
a warm processor meets all of them alike. A table gives medians, and minimum–maximum over the rounds.
"""

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Samples = list[float]


def one_thread() -> None:
    """Hold this process to one computing thread, as a worker is. Call before any tensor is made."""
    import torch

    torch.set_num_threads(1)


def take_turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Samples]:
    """Each contender's measurements, `rounds` of them. What a contender returns is what is compared."""
    names = list(contenders)
    for name in names:
        contenders[name]()
    measured: dict[str, Samples] = {name: [] for name in names}
    for i in range(rounds):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            measured[name].append(contenders[name]())
    return measured


def ratios(above: Samples, below: Samples) -> Samples:
    """above ÷ below, round by round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(samples: Sequence[float], digits: int = 2, scale: float = 1.0) -> str:
    """`median (minimum–maximum)`."""
    low, middle, high = (f"{scale * f(samples):,.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low}–{high})"


def verdict(value: float, promise: str, limit: float) -> str:
    """The promise, and whether the value keeps it: `at least` and `at most`, `below` and `above` the limit."""
    kept = value >= limit if promise in ("at least", "above") else value <= limit
    return f"{promise} {limit:g}: {'kept' if kept else '**missed**'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, as README quotes it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """One line: processor, cores, memory, versions."""
    import numpy
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}; "
        f"Python {platform.python_version()}, PyTorch {torch.__version__}, NumPy {numpy.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
