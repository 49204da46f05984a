"""What does a larger network cost in answering and in training (claims C24, C25)? Called by a worker; times are the machine's."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core.properties.study import Study, Tell, finding, finished, interval, note, part, silent, trained
from replearn_core.variants.lab import Variants, against, error

ANSWERS = 300  # single pictures behind a median
FLOAT = 4  # bytes


class Scale(Variants):
    """small, large: width of the first hidden layer; the second has half of it. epochs: of both."""

    epochs: Annotated[int, Field(ge=1, le=500)] = 6
    small: Annotated[int, Field(ge=2, le=2_048)] = 32
    large: Annotated[int, Field(ge=2, le=2_048)] = 512


def run_scale(settings: Scale, *, tell: Tell = silent) -> Study:
    """The deep preset narrow and wide, both trained for as many epochs; one thread, the CPU, one picture at a time.

    values for small and large: `.latency_seconds` (median over 300 held-out pictures, one by one, through the encoder),
    `.training_seconds` (processor time), `.bytes` of its weights, `.error` (squared, per held-out image).
    arrays: `widths` (2,).
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    values: dict[str, list[float]] = {}
    runs: list[str] = []
    for seed in settings.each_seed:
        for name, width in (("small", settings.small), ("large", settings.large)):
            experiment = settings.preset("deep", seed, hidden=(width, max(width // 2, 1)))
            began = time.process_time()
            total = 2 * settings.seeds
            network = trained(experiment, data, part(tell, len(runs) / total, (len(runs) + 1) / total))
            spent = time.process_time() - began
            runs.append(experiment.id)
            found = {
                "latency_seconds": latency(network, data.x_test),
                "training_seconds": max(spent, 1e-9),
                "bytes": FLOAT * sum(one.numel() for one in network.parameters()),
                "error": error(network, data.x_test),
            }
            note(values, name, found)
    findings = tuple(
        finding(f"scale.{measure}", interval(against(values, name, "large", "small")), small=settings.small, large=settings.large)
        for measure, name in (
            ("latency", "latency_seconds"),
            ("training", "training_seconds"),
            ("bytes", "bytes"),
            ("error", "error"),
        )
    )
    arrays = {"widths": np.array([settings.small, settings.large], np.int32)}
    return finished("scale", settings, values, arrays, findings, runs)


def latency(network: Any, x: np.ndarray) -> float:
    """Median seconds in which the encoder answers one picture of x (N, *shape)."""
    import torch

    pictures = torch.from_numpy(x[:ANSWERS].reshape(min(len(x), ANSWERS), 1, -1).copy())
    times = []
    with torch.no_grad():
        network.encode(pictures[0])
        for picture in pictures:
            began = time.perf_counter()
            network.encode(picture)
            times.append(time.perf_counter() - began)
    return float(max(np.median(times), 1e-9))
