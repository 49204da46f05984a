"""Paired measurements: contenders take turns within one run, and their ratio is taken turn by turn. Used by every benchmark here.

Method: one warm-up of each contender, then rounds in which each runs once, in an order that rotates, so that a busy neighbour or
a warm processor meets all of them alike. A table gives medians, and minimum–maximum over the rounds.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Speed:
    """Units of work a second: by the wall clock, and by the processor time of this process alone."""

    wall: float
    processor: float


class Watch:
    """Both clocks, started together."""

    def __init__(self):
        self.restart()

    def restart(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def speed(self, work: float) -> Speed:
        """Work a second since the start; the watch runs on."""
        return Speed(work / (time.perf_counter() - self.wall), work / (time.process_time() - self.processor))


def one_thread() -> None:
    """Hold this process to one computing thread, as a worker is. Call before any tensor is made."""
    import torch

    torch.set_num_threads(1)


def take_turns(contenders: Mapping[str, Callable[[], Speed]], rounds: int) -> dict[str, list[Speed]]:
    """Each contender's measurements, `rounds` of them."""
    names = list(contenders)
    for name in names:
        contenders[name]()
    measured: dict[str, list[Speed]] = {name: [] for name in names}
    for i in range(rounds):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            measured[name].append(contenders[name]())
    return measured


def ratios(above: Sequence[Speed], below: Sequence[Speed], clock: str = "wall") -> list[float]:
    """above ÷ below by one of the clocks, round by round."""
    return [getattr(a, clock) / getattr(b, clock) for a, b in zip(above, below, strict=True)]


def walls(speeds: Sequence[Speed]) -> list[float]:
    return [speed.wall for speed in speeds]


def spread(samples: Sequence[float], digits: int = 2) -> str:
    """`median (minimum–maximum)`."""
    low, middle, high = (f"{f(samples):,.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low}–{high})"


def verdict(value: float, promise: str, limit: float) -> str:
    """The promise (`at least`, `at most`, `above` or `below` the limit), and whether the value keeps it."""
    kept = value >= limit if promise in ("at least", "above") else value <= limit
    return f"{promise} {limit:g}: {'kept' if kept else '**missed**'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, as README quotes it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """One line: processor, cores, memory, versions, and how busy the machine is at this moment."""
    from importlib.metadata import version

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}; Python {platform.python_version()}, "
        f"PyTorch {version('torch')}, Streamlit {version('streamlit')}; load average {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
