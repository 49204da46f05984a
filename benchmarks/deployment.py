"""What serving costs: one answer by PyTorch and by ONNX Runtime, and the memory of a process that does nothing else.

Method: the deep preset on the small digits, trained briefly; the deployment page's own measuring, forms in turn, one thread.
"""

import torch

from replearn_core import datasets
from replearn_core.applications.deployment.measure import measure
from replearn_core.latent import Subject
from replearn_core.presets import preset
from replearn_core.properties.study import trained
from side_by_side import machine, one_thread, table, verdict

SHOWN = ("float32", "half", "pruned", "distilled", "onnx", "onnx_int8")
EPOCHS, ROUNDS = 20, 60


def main() -> None:
    one_thread()
    experiment = preset("digits", "deep", epochs=EPOCHS)
    data = datasets.load(experiment.dataset, experiment.train_size)
    state: dict[str, torch.Tensor] = dict(trained(experiment, data).state_dict())
    subject = Subject(experiment, data, "run", state, float(EPOCHS))
    found = measure(subject, pruned=0.8, energy=0.9, student=0.25, rounds=ROUNDS).numbers
    print(f"\n### Serving\n\n{machine()}. One thread, {ROUNDS * 20} calls of each form, in turn.\n")
    rows = [[name, *(_cell(found, f"{name}.{one}", scale) for one, scale in COLUMNS.values())] for name in SHOWN]
    print(table(["form", *COLUMNS], rows))
    promise = verdict(1e6 * found["onnx.p50_1"], "below", round(1e6 * found["float32.p50_1"], 1))
    print(f"\nBatch-1 latency, ONNX Runtime's against PyTorch's, µs: {promise}.")
    print(f"Largest difference of any output: {found['onnx.difference']:.1e}.")


COLUMNS = {
    "p50, µs": ("p50_1", 1e6),
    "p95, µs": ("p95_1", 1e6),
    "p50 of 64, µs": ("p50_64", 1e6),
    "file, kB": ("bytes", 1e-3),
    "serving process, MB": ("process", 1e-6),
    "accuracy, %": ("quality", 100.0),
}
"""Heading → (measure, its scale)."""


def _cell(found: dict[str, float], key: str, scale: float) -> str:
    return f"{scale * found[key]:.3g}" if key in found else "–"


if __name__ == "__main__":
    main()
