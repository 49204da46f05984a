"""Walks through a latent space: between two images, along one unit, over the plane, along tangents, down the denoising field.

`latent.answer` calls them. Lines are drawn in code space and, to compare, in pixel space.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from replearn_core import projection
from replearn_core.latent import Answer, Subject
from replearn_core.measures import jacobian
from replearn_core.measures.checks import finite
from replearn_core.tasks import CannotAnswer

CODES_SEEN = 1_000  # samples whose codes say where codes lie
PROBE_SAMPLES = 2_000
MARGIN = 0.1  # around the box of the codes, of its side
_probes: OrderedDict[tuple, Any] = OrderedDict()  # fitted classifiers, the latest few


def walk(s: Subject, *, a: int, b: int, steps: int) -> Answer:
    """From image a to image b: g((1 − t) f(a) + t f(b)) beside (1 − t) a + t b, for t = 0 … 1.

    Arrays: code_images and pixel_images (steps, …), t (steps,); with labels code_confidence, pixel_confidence (steps, classes),
    what `probe` makes of each. The code walk's ends are the two reconstructions. Source: Bengio et al. (2013), ICML.
    """
    x = s.samples(np.array([a, b])).x
    codes = projection_of(s.encode(x))
    t = np.linspace(0, 1, steps, dtype=np.float32)
    along, mixed = _line(codes, t), _line(x, t)
    decoded = s.decode(along)
    arrays = {"t": t, "code_images": s.pictures(decoded), "pixel_images": s.pictures(mixed), "codes": along}
    numbers: dict[str, float] = {"length": float(np.linalg.norm(codes[1] - codes[0]))}
    fitted = probe(s)
    if fitted is not None:
        arrays["code_confidence"] = fitted.predict_proba(decoded.clip(0, 1)).astype(np.float32)
        arrays["pixel_confidence"] = fitted.predict_proba(mixed).astype(np.float32)
        arrays["classes"] = fitted.classes_.astype(np.int16)
        held_out = s.chosen(PROBE_SAMPLES, "held_out")
        numbers["classifier_accuracy"] = float(fitted.score(held_out.x, held_out.labels))
    return Answer(arrays, numbers)


def traverse(s: Subject, *, index: int, units: int, steps: int) -> Answer:
    """One sample's code with one unit at a time moved from its 1st to its 99th percentile over the held-out codes.

    The units that vary most, so many: units (m,), values (m, steps), images (m, steps, …). Source: Higgins et al. (2017), ICLR.
    """
    codes = _codes(s)
    chosen = np.argsort(-codes.std(axis=0), kind="stable")[:units]
    low, high = np.percentile(codes[:, chosen], [1, 99], axis=0)
    values = np.linspace(low, high, steps, axis=1).astype(np.float32)  # (m, steps)
    moved = np.tile(s.encode(s.samples(np.array([index])).x), (len(chosen), steps, 1))
    for row, unit in enumerate(chosen):
        moved[row, :, unit] = values[row]
    decoded = s.decode(moved.reshape(-1, codes.shape[1])).reshape(len(chosen), steps, -1)
    return Answer(
        {"units": chosen.astype(np.int32), "values": values, s.pictures_name: s.pictures(decoded)}, {"count": float(len(chosen))}
    )


def grid(s: Subject, *, steps: int) -> Answer:
    """The decoded plane of a two-dimensional code: images (steps, steps, …), rows from the largest second unit down.

    xs, ys (steps,): where in code space, the box of the 1st to 99th percentile with a margin. distance (steps, steps): to the
    nearest held-out code; beyond `nearest_95` the decoder extrapolates. Source: Kingma & Welling (2014), ICLR, figure 4.
    """
    codes = _codes(s)
    if codes.shape[1] != 2:
        raise CannotAnswer("problem.code_is_not_flat", "code_size", size=codes.shape[1], dimensions=2)
    low, high = np.percentile(codes, [1, 99], axis=0)
    side = np.maximum(high - low, 1e-6)
    low, high = low - MARGIN * side, high + MARGIN * side
    xs, ys = (np.linspace(low[axis], high[axis], steps, dtype=np.float32) for axis in (0, 1))
    plane = np.stack(np.meshgrid(xs, ys[::-1]), axis=-1).reshape(-1, 2)
    _, distance = projection.neighbours_among(plane, codes, 1)
    _, nearest = projection.neighbours(codes, 1)
    arrays = {
        "xs": xs,
        "ys": ys[::-1].copy(),
        s.pictures_name: s.pictures(s.decode(plane).reshape(steps, steps, -1)),
        "distance": distance.reshape(steps, steps),
    }
    return Answer(arrays, {"nearest_95": float(np.percentile(nearest, 95))})


def tangents(s: Subject, *, index: int, count: int, of: str) -> Answer:
    """Directions in picture space along which the code says something, at one sample: vectors (m, …) float32 and values (r,).

    of encoder: right singular vectors of ∂f/∂x, the changes of x to which the code answers most (Rifai et al. 2011, NIPS,
    "The manifold tangent classifier"). of decoder: left singular vectors of ∂g/∂h at f(x), the changes of the picture that the
    code can make. values: all singular values up to 64, descending. The largest pixel of each vector is positive.
    """
    x = torch.from_numpy(s.samples(np.array([index])).x)
    network = s.network
    if of == "encoder":
        slope = _jacobian(network.encode, x)  # (K, D)
        _, values, vectors = torch.linalg.svd(slope, full_matrices=False)
    else:
        slope = _jacobian(network.decode, network.encode(x))  # (D, K)
        left, values, _ = torch.linalg.svd(slope, full_matrices=False)
        vectors = left.T
    rows = vectors[:count]
    rows = rows * torch.sign(rows.gather(1, rows.abs().argmax(dim=1, keepdim=True)))
    pictures = rows.numpy().astype(np.float32).reshape(-1, *s.experiment.data.shape)
    arrays = {
        "vectors": pictures,
        "values": values[:64].numpy().astype(np.float32),
        "image": s.pictures(x.numpy())[0],
        "reconstruction": s.pictures(s.decode(s.encode(x.numpy())))[0],
    }
    return Answer(arrays, {"frobenius": float(torch.linalg.vector_norm(slope))})


def field(s: Subject, *, steps: int, paths: int, length: int, rate: float) -> Answer:
    """For points in the plane, where reconstruction pulls: at and pull = g(f(x)) − x, (steps, steps, 2), over the data's box.

    trajectories (paths, length + 1, 2): x ← x + rate · (g(f(x)) − x), from places all over the box. For a denoiser trained with
    small Gaussian noise pull ≈ σ² ∂ log p/∂x (Alain & Bengio 2014, JMLR 15, theorem 2).
    """
    if s.experiment.data.shape != (2,):
        raise CannotAnswer("problem.field_needs_plane", "dataset", size=s.experiment.data.size)
    samples = _flat(s.data.x_test)
    return Answer(denoising_field(lambda x: s.decode(s.encode(x)), samples, steps, paths, length, rate), {"count": float(paths)})


def denoising_field(
    rebuild: Callable[[np.ndarray], np.ndarray], samples: np.ndarray, steps: int, paths: int, length: int, rate: float
) -> dict[str, np.ndarray]:
    """The arrays of `field` for any map (N, 2) → (N, 2)."""
    low, high = samples.min(axis=0), samples.max(axis=0)
    margin = 1.5 * MARGIN * (high - low)
    low, high = low - margin, high + margin
    axes = [np.linspace(low[axis], high[axis], steps, dtype=np.float32) for axis in (0, 1)]
    at = np.stack(np.meshgrid(*axes), axis=-1)  # (steps, steps, 2)
    pull = rebuild(at.reshape(-1, 2)).reshape(at.shape) - at
    x = (low + (high - low) * np.random.default_rng(0).random((paths, 2))).astype(np.float32)
    trajectory = [x]
    for _ in range(length):
        x = (x + rate * (rebuild(x) - x)).astype(np.float32)
        trajectory.append(x)
    finite("the field", pull)
    return {"at": at, "pull": pull.astype(np.float32), "trajectories": np.stack(trajectory, axis=1), "samples": samples[:1_000]}


ANSWERS: Mapping[str, Callable[..., Answer]] = {
    "walk": walk,
    "traverse": traverse,
    "grid": grid,
    "tangents": tangents,
    "field": field,
}


# ---- what they share ----


def probe(s: Subject) -> Any:
    """Logistic regression (L2, scikit-learn) on the pixels of PROBE_SAMPLES training images; None without labels.

    It has seen no picture of any network, so its confidence says what a picture looks like, not what a code means.
    """
    from sklearn.linear_model import LogisticRegression

    count = min(PROBE_SAMPLES, s.experiment.samples)
    if s.data.y_train is None or len(np.unique(s.data.y_train[:count])) < 2:
        return None
    key = (s.data.name, count, id(s.data) if s.data.source.startswith("made") else 0)
    if key not in _probes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged: near enough for a confidence, and quick
            probe_of = LogisticRegression(C=0.1, max_iter=100)
            _probes[key] = probe_of.fit(_flat(s.data.x_train[:count]), s.data.y_train[:count])
        while len(_probes) > 4:
            _probes.popitem(last=False)
    return _probes[key]


def projection_of(codes: np.ndarray) -> np.ndarray:
    """Two codes, finite. Raises CannotAnswer."""
    bad = ~np.isfinite(codes)
    if bad.any():
        raise CannotAnswer(
            "problem.codes_not_finite", "codes", count=int(bad.sum()), total=codes.size, first=int(np.argmax(bad.any(axis=1)))
        )
    return codes


def _codes(s: Subject) -> np.ndarray:
    """Held-out codes (N, K) that say where codes lie. Raises CannotAnswer."""
    return projection.checked(s.encode(s.chosen(CODES_SEEN, "held_out").x))


def _line(ends: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(steps, n) from the first row to the second, both ends exactly."""
    line: np.ndarray = (1 - t)[:, None] * ends[0] + t[:, None] * ends[1]
    return line.astype(np.float32)


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def _jacobian(function: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor) -> torch.Tensor:
    """(outputs, inputs) at one place (1, inputs)."""
    found = jacobian(function, at)[0]
    if not bool(torch.isfinite(found).all()):
        raise CannotAnswer(
            "problem.codes_not_finite", "codes", count=int((~torch.isfinite(found)).sum()), total=found.numel(), first=0
        )
    return found
