"""Measures a run's model and its smaller forms on this machine, in turn, so that what disturbs one disturbs all. In a worker."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replearn_core.applications.deployment import forms, resident
from replearn_core.latent import Answer, Subject
from replearn_core.networks import Autoencoder
from replearn_core.properties.study import Tell, part, silent

BATCHES = (1, 64)
CALLS = 20  # of one form with one batch size, in one round
WARM = 10  # calls before any is counted
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(eq=False)
class Form:
    """One form of the model: how to run it, its file, and what it weighs."""

    name: str
    run: Callable[[Tensor], Tensor]
    file: bytes
    parameters: int
    operations: int
    memory: int  # bytes of its weights as they are used, reckoned


def measure(
    s: Subject, *, pruned: float, energy: float, student: float, rounds: int, again: int = 0, on_progress: Tell = silent
) -> Answer:
    """What each form of the run's model weighs, how good it is and how long it takes.

    pruned: the share of weights that are dropped. energy: the share of each weight matrix's squared norm that a low rank keeps.
    student: width of the distilled model's hidden layer as a share of the model's widest. rounds: of timing. again: which try.
    Numbers `<form>.<measure>`: quality, bytes, parameters, operations, memory, p50_1 … p99_64 (seconds), throughput (samples a
    second in batches of 64), process and grown (bytes of a fresh process that serves it; of float32 and the ONNX forms, and where
    the system tells), difference (largest from the float32 model's answer). Arrays: `<form>.times_1` and `_64` (calls,)
    float32 seconds; `onnx` and `onnx_int8` (bytes,) uint8, the files.
    """
    torch.set_num_threads(1)
    network = forms.needed(s.network, s.data)
    model = forms.deployed(network, s.data)
    found = _forms(s, network, model, pruned, energy, student, part(on_progress, 0.0, 0.4))
    x = forms.flat(s.data.x_test)
    numbers: dict[str, float] = {"classes": float(len(s.data.class_names)), "held_out": float(len(x))}
    reference = found[0].run(x[:256])
    for form in found:
        numbers |= {
            f"{form.name}.quality": forms.quality(form.run, s.data),
            f"{form.name}.bytes": float(len(form.file)),
            f"{form.name}.parameters": float(form.parameters),
            f"{form.name}.operations": float(form.operations),
            f"{form.name}.memory": float(form.memory),
            f"{form.name}.difference": float((form.run(x[:256]) - reference).abs().max()),
        }
    numbers |= _processes(found, s)
    on_progress(0.5)
    times = _timed(found, x, rounds, part(on_progress, 0.5, 1.0), numbers)
    files = {form.name: np.frombuffer(form.file, np.uint8) for form in found if form.name.startswith("onnx")}
    return Answer({**times, **files}, numbers)


def _forms(
    s: Subject, network: Autoencoder, model: forms.Deployed, pruned: float, energy: float, student: float, tell: Tell
) -> list[Form]:
    width = s.experiment.data.size
    widest = max([*s.experiment.hidden, s.experiment.code_size]) if s.experiment.network == "dense" else 64
    hidden = max(4, round(student * widest))
    small = {
        "float32": model,
        "half": forms.Halved(model),
        "pruned": forms.deployed(forms.pruned(network, pruned), s.data),
        "low_rank": forms.deployed(forms.low_rank(network, energy), s.data),
        "distilled": forms.distilled(model, s.data, hidden, s.experiment.seed, tell),
    }
    found = [_torch_form(name, one, width) for name, one in small.items()]
    whole = found[0].parameters  # where nothing could be left out, there is no other form
    found = [form for form in found if form.name not in ("pruned", "low_rank") or form.parameters < whole]
    onnx = forms.as_onnx(model, width)
    first = found[0]
    for name, file in (("onnx", onnx), ("onnx_int8", forms.as_int8(onnx))):
        memory = first.memory if name == "onnx" else first.parameters
        found.append(Form(name, forms.onnx_runner(file), file, first.parameters, first.operations, memory))
    return found


def _torch_form(name: str, model: nn.Module, width: int) -> Form:
    def run(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return model(x)

    file = forms.file_of(model)
    return Form(name, run, file, forms.parameters_of(model), forms.operations_of(model, width), len(file))


def _processes(found: list[Form], s: Subject) -> dict[str, float]:
    """What serving takes in memory: PyTorch's process for the model as trained, ONNX Runtime's for its two forms."""
    numbers: dict[str, float] = {}
    for form in found:
        if form.name != "float32" and not form.name.startswith("onnx"):
            continue
        told = resident.serving(form.file, s.experiment.data.size, s.experiment.as_json() if form.name == "float32" else "")
        if told is not None:
            numbers |= {f"{form.name}.process": float(told[0]), f"{form.name}.grown": float(told[1])}
    return numbers


def _timed(found: list[Form], x: Tensor, rounds: int, tell: Tell, numbers: dict[str, float]) -> dict[str, np.ndarray]:
    """Seconds of every call, by form and batch size; `numbers` gets their percentiles, and `tell` what there is so far."""
    taken: dict[str, list[float]] = {f"{form.name}.times_{batch}": [] for form in found for batch in BATCHES}
    inputs = {batch: [x[torch.arange(i * batch, (i + 1) * batch) % len(x)] for i in range(CALLS)] for batch in BATCHES}
    for form in found:
        for batch in BATCHES:
            for sample in inputs[batch][:WARM]:
                form.run(sample)

    def so_far() -> tuple[dict[str, np.ndarray], dict[str, float]]:
        return {name: np.array(times, np.float32) for name, times in taken.items()}, numbers | _summary(taken)

    for turn in range(rounds):
        for form in found:
            for batch in BATCHES:
                times = taken[f"{form.name}.times_{batch}"]
                form.run(inputs[batch][0])  # not counted: what ran before has emptied the caches
                for sample in inputs[batch]:
                    begun = time.perf_counter()
                    form.run(sample)
                    times.append(time.perf_counter() - begun)
        tell((turn + 1) / rounds, so_far)
    numbers |= _summary(taken)
    return so_far()[0]


def _summary(taken: dict[str, list[float]]) -> dict[str, float]:
    numbers: dict[str, Any] = {}
    for name, times in taken.items():
        form, _, batch = name.partition(".times_")
        for percentile, share in PERCENTILES.items():
            numbers[f"{form}.{percentile}_{batch}"] = float(np.quantile(times, share))
        if batch == "64":
            numbers[f"{form}.throughput"] = 64 / float(np.median(times))
    return numbers
