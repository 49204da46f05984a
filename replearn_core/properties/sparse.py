"""Few active units: how few, what they keep, what they save, what they teach with few labels (claim C7). `run_sparse(settings)`.

The atoms of natural patches have a module of their own, `atoms.py`.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.study import (
    Pictures,
    Study,
    Tell,
    as_pictures,
    check_labels,
    decoded,
    difference,
    encoded,
    finding,
    finished,
    interval,
    note,
    part,
    silent,
    trained,
)

FAMILIES = ("plain", "l1", "kl", "k_sparse")
KEPT = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100)  # strongest units that are kept
SHOWN = 8
LABELS = (1, 5)  # a class
DRAWS = 3
TIMED_SAMPLES, TIMED_OUTPUTS, REPEATS = 512, 784, 7


class Sparse(Pictures):
    """l1, kl: the two penalties' weights. k: active units of the k-sparse code while it trains (1.5 times as many afterwards)."""

    units: Annotated[int, Field(ge=10, le=500)] = 100
    l1: Annotated[float, Field(ge=0, le=10)] = 0.1
    kl: Annotated[float, Field(ge=0, le=10)] = 0.3
    k: Annotated[int, Field(ge=1, le=100)] = 10
    epochs: Annotated[int, Field(ge=1, le=500)] = 30


def run_sparse(settings: Sparse, *, tell: Tell = silent) -> Study:
    """One-layer codes of equal width: plain ReLU, ReLU with L1, sigmoid with the KL to 5 %, and top-k.

    values for each family: `.l0` (share of active units), `.hoyer`, `.population`, `.lifetime` (Treves and Rolls), `.dead`
    (units), `.error` (squared, per image), `.kept_5` (error when the 5 strongest units alone are decoded, over that of the mean
    picture), `.labels_1`, `.labels_5` (accuracy of a linear probe, mean of 3 draws); `pixels.labels_*` likewise. `.saved`:
    share of the decoder's multiply-adds that zeros spare; `.speedup`: measured time of the dense product over that with zeros
    skipped (compressed rows, one thread, decoder of 784 outputs): below 1, skipping costs more than it saves.
    arrays: `kept` (10,) and `curve.kept` (S, 4, 10), error over that of the mean picture; `<family>.kept` uint8 (8, 10, H, W);
    `<family>.activity` uint8 (48, units); `clean` uint8 (8, H, W); `curve.speedup` (13,) against `curve.share` (13,) of active
    units.
    """
    from replearn_core.codes import active_tolerance
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    assert data.y_train is not None
    check_labels(settings.dataset, data.y_train, LABELS[-1])
    values: dict[str, list[float]] = {}
    arrays = {"kept": np.array(KEPT, np.int32), "clean": as_pictures(data.x_test[:SHOWN])}
    curves: list[list[np.ndarray]] = []
    runs: list[str] = []
    total = len(FAMILIES) * settings.seeds
    pixels = data.x_train.reshape(len(data.x_train), -1), data.x_test.reshape(len(data.x_test), -1)
    nothing = float(np.square(data.x_test - data.x_train.mean(axis=0)).sum(axis=(1, 2)).mean())
    for seed in settings.each_seed:
        note(values, "pixels", few_labels(*pixels, data, seed, standardise=False))
        rows = []
        for family in FAMILIES:
            experiment = experiment_of(settings, family, seed)
            network = trained(experiment, data, part(tell, len(runs) / total, (len(runs) + 0.7) / total))
            runs.append(experiment.id)
            train, test = encoded(network, data.x_train), encoded(network, data.x_test)
            errors, pictures = keep_strongest(network, test, data.x_test, train.mean(axis=0))
            rows.append(errors / nothing)
            found = sparsity(test, active_tolerance(experiment.code)) | few_labels(train, test, data, seed)
            found |= {"kept_5": errors[KEPT.index(5)] / nothing} | savings(active(test, experiment.code))
            found["error"] = measures.reconstruction_error(data.x_test, decoded(network, test))  # of all units, beyond KEPT's too
            note(values, family, found)
            if seed == settings.first_seed:
                arrays[f"{family}.kept"] = pictures
                arrays[f"{family}.activity"] = as_pictures(np.abs(test[:48]) / max(float(np.abs(test[:48]).max()), 1e-9))
        curves.append(rows)
    arrays["curve.kept"] = np.array(curves, np.float32)
    arrays["curve.share"] = np.linspace(0.02, 0.5, 13, dtype=np.float32)
    arrays["curve.speedup"] = np.array([savings(_random_code(share))["speedup"] for share in arrays["curve.share"]], np.float32)
    return finished("sparse", settings, values, arrays, _findings(values), runs)


def experiment_of(settings: Sparse, family: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {"code_size": settings.units, "code": {"kl": "sigmoid", "k_sparse": "k_sparse"}.get(family, "relu")}
    if family == "l1":
        fields["penalties"] = ({"name": "l1", "weight": settings.l1},)
    if family == "kl":
        fields["penalties"] = ({"name": "kl_sparsity", "weight": settings.kl, "options": {"target": 0.05}},)
    if family == "k_sparse":
        fields |= {"tied": True, "code_options": {"k": min(settings.k, settings.units)}}
    return settings.experiment(seed, **fields)


# ---- how few ----


def sparsity(codes: np.ndarray, tolerance: float) -> dict[str, float]:
    """l0, hoyer, population, lifetime and dead of codes (N, K)."""
    return {
        "l0": measures.l0(codes, tolerance),
        "hoyer": measures.hoyer(codes),
        "population": measures.population_sparsity(codes),
        "lifetime": measures.lifetime_sparsity(codes),
        "dead": float(measures.dead_units(codes).sum()),
    }


def active(codes: np.ndarray, code: str) -> np.ndarray:
    """Codes with inactive units made exactly zero: what a sigmoid unit below 0.1 counts as."""
    from replearn_core.codes import active_tolerance

    return np.where(np.abs(codes) > active_tolerance(code), codes, 0).astype(np.float32)


# ---- what the strongest keep ----


def keep_strongest(network, codes: np.ndarray, x: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(10,) squared error per image when the k strongest units keep their value, k = KEPT, and uint8 (8, 10, H, W) of them.

    Strongest: largest |h_j − b_j| ‖D_j‖ where D_j is unit j's atom and b = `mean` (K,), of the training codes, the value that the
    others fall back to. For plain codes zero would be no fair fall-back: their units rest elsewhere.
    """
    base = decoded(network, mean[None])[0]
    atoms = decoded(network, mean + np.eye(len(mean), dtype=np.float32)) - base
    strength = np.abs(codes - mean) * np.linalg.norm(atoms.reshape(len(mean), -1), axis=1)  # (N, K)
    rank = np.argsort(np.argsort(-strength, axis=1, kind="stable"), axis=1)
    errors, pictures = [], []
    for k in KEPT:
        rebuilt = decoded(network, np.where(rank < k, codes, mean).astype(np.float32))
        errors.append(measures.reconstruction_error(x, rebuilt))
        pictures.append(as_pictures(rebuilt[:SHOWN]))
    return np.array(errors), np.stack(pictures, axis=1)


# ---- what they save ----


def savings(codes: np.ndarray) -> dict[str, float]:
    """saved: share of the multiply-adds of h D that exact zeros in the codes (N, K) spare. speedup: time of the dense product
    over that of the sparse one, each the best of REPEATS in turn, one thread, with a decoder of TIMED_OUTPUTS outputs, on this
    machine.

    Both products are checked to be equal. The rows are compressed before the clock starts, as a sparse encoder would hand them
    over.
    """
    from scipy.sparse import csr_array
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    h = np.tile(codes, (-(-TIMED_SAMPLES // len(codes)), 1))[:TIMED_SAMPLES].astype(np.float32)
    decoder = np.random.default_rng(0).normal(size=(h.shape[1], TIMED_OUTPUTS)).astype(np.float32)
    rows = csr_array(h)
    if not np.allclose(rows @ decoder, h @ decoder, rtol=1e-3, atol=1e-3):
        raise RuntimeError("the sparse product differs from the dense one")
    with threadpool_limits(1):
        times = [(_seconds(lambda: h @ decoder), _seconds(lambda: rows @ decoder)) for _ in range(REPEATS)]
    dense, sparse = (max(min(column), 1e-9) for column in zip(*times))
    return {"saved": 1 - np.count_nonzero(h) / h.size, "speedup": dense / sparse}


def _seconds(product) -> float:
    began = time.perf_counter()
    product()
    return time.perf_counter() - began


def _random_code(share: float, units: int = 256) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(TIMED_SAMPLES, units)) * (random.uniform(size=(TIMED_SAMPLES, units)) < share)


# ---- what they teach ----


def few_labels(train: np.ndarray, test: np.ndarray, data, seed: int, standardise: bool = True) -> dict[str, float]:
    """Accuracy with 1 and 5 labels a class, mean of DRAWS draws; the same samples are labelled for every code."""
    draws = [seed * DRAWS + draw for draw in range(DRAWS)]
    probe = measures.few_label_probe
    return {
        f"labels_{count}": float(probe(train, data.y_train, test, data.y_test, count, draws, standardise=standardise).mean())
        for count in LABELS
    }


def _findings(values: dict[str, list[float]]):
    found = [finding("sparse.l0", difference(values["plain.l0"], values["kl.l0"]))]
    for family in ("l1", "kl", "k_sparse"):
        for count in LABELS:
            label = difference(values[f"{family}.labels_{count}"], values[f"plain.labels_{count}"])
            found.append(finding(f"sparse.labels.{family}", label, labels=count))
        found.append(finding(f"sparse.kept.{family}", difference(values["plain.kept_5"], values[f"{family}.kept_5"])))
    found.append(finding("sparse.saved", difference(values["k_sparse.saved"], values["plain.saved"])))
    found.append(finding("sparse.speedup", interval(np.array(values["k_sparse.speedup"]) - 1)))
    return tuple(found)
