"""What the latent explorer asks of a run: points, a map, a film, neighbours; the rest is in `walks.py`. A worker calls `answer`.

Every function takes a `Subject` (a trained network or a baseline, with its data) and returns `Answer`: named arrays and
numbers. A sample's index is its place in the held-out set; after the last held-out sample the training samples go on.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from replearn_core import measures, projection, properties, studies, tasks, training, unfolding
from replearn_core.datasets import Dataset
from replearn_core.datasets.dataset import rng
from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder
from replearn_core.projection import OnProgress
from replearn_core.properties.study import Tell, silent
from replearn_core.tasks import CannotAnswer, Task

FLOAT16_MOST = 60_000.0
CHUNK = 2_048  # samples that go through the network at once
UMAP_KNOBS = ("n_neighbors", "min_dist", "metric", "seed")


class Answer(NamedTuple):
    """What a task gives back: arrays by name, and plain numbers by name."""

    arrays: dict[str, np.ndarray]
    numbers: dict[str, float]


@dataclass(frozen=True, eq=False)
class Samples:
    """Chosen samples. index (N,) int32, x (N, D) float32, labels (N,) int16 (−1: none), factors (N, F), held_out (N,) uint8."""

    index: np.ndarray
    x: np.ndarray
    labels: np.ndarray
    factors: np.ndarray
    held_out: np.ndarray


@dataclass(eq=False)
class Subject:
    """A run's network at one epoch (or no network: raw pixels, or PCA at the experiment's code size), and its data."""

    experiment: Experiment
    data: Dataset
    source: str = "run"
    state: Mapping[str, Any] | None = None
    epoch: float | None = None
    _network: Autoencoder | None = field(default=None, repr=False)
    _pca: Any = field(default=None, repr=False)

    @property
    def network(self) -> Autoencoder:
        """In evaluation mode, on the CPU. Raises CannotAnswer where the state does not fit the experiment."""
        if self._network is None:
            network = Autoencoder(self.experiment, training.generator(self.experiment.seed, "weights"))
            if self.state is None:
                raise CannotAnswer("problem.task_needs_run", "run")
            try:
                training.load(network, self.state)
            except ValueError:
                raise CannotAnswer("problem.state_does_not_fit", "run") from None
            self._network = network.eval().requires_grad_(False)
        return self._network

    def samples(self, index: np.ndarray) -> Samples:
        """The samples at these places. Raises CannotAnswer for a place that is none."""
        train, test = training_part(self.data, self.experiment), len(self.data.x_test)
        index = np.asarray(index, np.int64)
        if len(index) and not 0 <= index.min() <= index.max() < test + train:
            raise CannotAnswer("problem.out_of_range", "index", value=int(index.max()), low=0, high=test + train - 1)
        held_out = index < test

        def rows(of_test: np.ndarray | None, of_train: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
            if of_test is None or of_train is None:
                return otherwise
            out = np.empty((len(index), *of_test.shape[1:]), of_test.dtype)
            out[held_out], out[~held_out] = of_test[index[held_out]], of_train[index[~held_out] - test]
            return out

        d, none = self.data, np.full(len(index), -1)
        x = rows(d.x_test, d.x_train, none).reshape(len(index), -1).astype(np.float32)
        factors = rows(d.factors_test, d.factors_train, np.zeros((len(index), 0)))
        labels = rows(d.y_test, d.y_train, none)
        return Samples(index.astype(np.int32), x, labels.astype(np.int16), factors.astype(np.float32), held_out.astype(np.uint8))

    def chosen(self, size: int, part: str) -> Samples:
        """`size` samples, the same for every source, a smaller choice being the beginning of a larger one.

        part: held_out, or all: the held-out ones first, then training samples. In an order of the data set's own seed.
        """
        test = len(self.data.x_test)
        index = rng(f"latent {self.data.name}").permutation(test)
        if part == "all" and size > test:
            rest = training_part(self.data, self.experiment)
            index = np.concatenate([index, test + rng(f"latent {self.data.name} training").permutation(rest)])
        return self.samples(index[:size])

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes (N, K) of samples (N, D): one pass of the encoder, principal components, or the samples themselves."""
        if self.source == "pixels":
            return x
        if self.source == "pca":
            return self._components().transform(x).astype(np.float32)
        with torch.no_grad():
            return np.concatenate([self.network.encode(part).numpy() for part in torch.from_numpy(x).split(CHUNK)])

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Samples (N, D) from codes (N, K)."""
        if self.source == "pixels":
            return codes
        if self.source == "pca":
            return self._components().inverse_transform(codes).astype(np.float32)
        with torch.no_grad():
            parts = torch.from_numpy(np.ascontiguousarray(codes, np.float32)).split(CHUNK)
            return np.concatenate([self.network.decode(part).numpy() for part in parts])

    def pictures(self, x: np.ndarray) -> np.ndarray:
        """(..., D) as they travel: uint8 (..., H, W) of images, float32 (..., D) of points."""
        if self.experiment.data.kind == "points":
            return x.astype(np.float32)
        return (x.clip(0, 1) * 255).round().astype(np.uint8).reshape(*x.shape[:-1], *self.experiment.data.shape)

    @property
    def pictures_name(self) -> str:
        return "samples" if self.experiment.data.kind == "points" else "images"

    def _components(self) -> Any:
        from sklearn.decomposition import PCA

        if self._pca is None:
            x = self.data.x_train[: self.experiment.samples].reshape(-1, self.experiment.data.size)
            count = min(self.experiment.code_size, *x.shape)
            self._pca = PCA(count, svd_solver="covariance_eigh" if x.shape[1] <= 1_000 else "randomized", random_state=0).fit(x)
        return self._pca


def training_part(data: Dataset, experiment: Experiment) -> int:
    """How many training samples there are to choose from."""
    return min(len(data.x_train), experiment.samples)


# ---- points and maps ----


def points(s: Subject, *, size: int, part: str) -> Answer:
    """The samples of every map: index, images (or samples), labels, factors, held_out, error, codes, density.

    error (N,): squared error of the one-pass reconstruction, summed over pixels. codes (N, K) float16 (float32 where they are
    too large), not for raw pixels. density (N,): see `projection.log_density`. Numbers: nearest_median and nearest_95, distances
    of a code to its nearest other one: further from every code than these, a decoder extrapolates.
    """
    chosen = s.chosen(size, part)
    codes = projection.checked(s.encode(chosen.x))
    rebuilt = s.decode(codes)
    arrays = {
        "index": chosen.index,
        s.pictures_name: s.pictures(chosen.x),
        "labels": chosen.labels,
        "factors": chosen.factors,
        "held_out": chosen.held_out,
        "error": np.square(rebuilt - chosen.x).sum(axis=1).astype(np.float32),
        "density": projection.log_density(codes),
    }
    if s.source != "pixels":
        arrays["codes"] = codes.astype(np.float16) if np.abs(codes).max() < FLOAT16_MOST else codes
    _, nearest = projection.neighbours(codes, 1)
    numbers = {
        "count": len(codes),
        "held_out": int(chosen.held_out.sum()),
        "classes": len(s.data.class_names),
        "units": codes.shape[1],
        "error": float(arrays["error"].mean()),
        "nearest_median": float(np.median(nearest)),
        "nearest_95": float(np.percentile(nearest, 95)),
    }
    return Answer(arrays, {name: float(value) for name, value in numbers.items()})


def map_points(
    s: Subject, *, size: int, part: str, method: str, dimensions: int, on_progress: OnProgress = lambda share: None, **knobs: Any
) -> Answer:
    """One map of the same samples as `points`: points (N, 2 or 3), and how far to trust it.

    Numbers: trustworthiness and continuity (5 neighbours), knn_accuracy of the map and knn_accuracy_source of what it maps,
    intrinsic_dimension (TwoNN) of the codes, seconds. What cannot be said (no labels, too few points) is left out.
    """
    began = time.perf_counter()
    chosen = s.chosen(size, part)
    codes = projection.checked(s.encode(chosen.x))
    placed = projection.project(codes, method, dimensions=dimensions, on_progress=lambda share: on_progress(0.9 * share), **knobs)
    numbers = {"seconds": time.perf_counter() - began, "count": float(len(codes))}
    numbers |= projection.faithfulness(codes, placed) | _class_numbers(codes, placed, chosen.labels)
    with contextlib.suppress(ValueError):  # too few distinct codes, a grid: it says nothing then
        numbers["intrinsic_dimension"] = measures.intrinsic_dimension(codes[: projection.MEASURED])
    return Answer({"points": placed, "index": chosen.index}, numbers)


def _class_numbers(codes: np.ndarray, placed: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    if len(labels) < 7 or len(np.unique(labels)) < 2:
        return {}
    few = slice(0, projection.MEASURED)
    return {
        "knn_accuracy": projection.neighbour_accuracy(placed[few], labels[few]),
        "knn_accuracy_source": projection.neighbour_accuracy(codes[few], labels[few]),
    }


def film(
    s: Subject,
    states: Iterable[tuple[int, Mapping[str, Any]]],
    *,
    size: int,
    part: str,
    method: str,
    frames: int,
    on_progress: OnProgress = lambda share: None,
    **knobs: Any,
) -> Answer:
    """The map at each recorded whole epoch: points (E, N, 2), epochs (E,), trustworthiness (E,).

    Each UMAP starts from the previous one (`unfolding.carry_on`), and each map is laid over it (`projection.align`), so that a
    cluster can be followed; a two-dimensional code is shown as it is. An epoch whose codes are all the same, or not finite,
    repeats the previous frame.
    """
    chosen = s.chosen(size, part)
    kept, recorded = _thinned(states, frames, lambda state: Subject(s.experiment, s.data, "run", state).encode(chosen.x))
    placed: list[np.ndarray] = []
    trust: list[float] = []
    epochs: list[int] = []
    near = None
    for number, (epoch, codes) in enumerate(kept):
        try:
            if placed and method == "umap":
                frame, near = unfolding.carry_on(codes, placed[-1], near, **{name: knobs[name] for name in UMAP_KNOBS})
            else:
                frame = projection.project(codes, method, **knobs)
        except CannotAnswer:
            if number + 1 == len(kept) and not placed:
                raise
            if not placed:
                continue  # nothing learned yet that could be mapped
            frame = placed[-1]
        placed.append(frame if method == "code" or not placed else projection.align(frame, placed[-1]))
        epochs.append(epoch)
        trust.append(projection.trustworthiness(codes, placed[-1]))
        on_progress((number + 1) / len(kept))
    together = np.stack(placed)
    arrays = {
        "points": together if method == "code" or np.abs(together).max() > FLOAT16_MOST else together.astype(np.float16),
        "epochs": np.array(epochs, np.float32),
        "trustworthiness": np.array(trust, np.float32),
        "index": chosen.index,
    }
    return Answer(arrays, {"frames": float(len(placed)), "count": float(len(chosen.index)), "recorded": float(recorded)})


def _thinned(
    states: Iterable[tuple[int, Mapping[str, Any]]], most: int, encode: Callable[[Mapping[str, Any]], np.ndarray]
) -> tuple[list[tuple[int, np.ndarray]], int]:
    """((epoch, codes) of at most so many states, evenly spread, the first and the last among them; how many there were).

    Nobody knows beforehand how many come, up to some hundred. So of more than twice `most` every second is dropped, again and
    again: all of them at once could take gigabytes.
    """
    found: list[tuple[int, np.ndarray]] = []
    count, stride, last = 0, 1, None
    for count, (epoch, state) in enumerate(states, 1):
        last = epoch, state
        if (count - 1) % stride == 0:
            found.append((epoch, encode(state)))
            last = None
        if len(found) > 2 * most:
            found, stride = found[::2], 2 * stride
    if last is not None:
        found.append((last[0], encode(last[1])))
    places = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[place] for place in places], count


def neighbours(s: Subject, indices: tuple[int, ...], *, size: int, part: str, count: int) -> Answer:
    """The nearest samples of each asked one, in code space and in pixel space: code and pixels (Q, count), with distances."""
    chosen, asked = s.chosen(size, part), s.samples(np.array(indices))
    arrays: dict[str, np.ndarray] = {"index": asked.index}
    for name, encode in (("code", s.encode), ("pixels", lambda x: x)):
        known, queries = projection.checked(encode(chosen.x)), encode(asked.x)
        near, distances = projection.neighbours_among(queries, known, min(count + 1, len(known)))
        places = chosen.index[near]  # (Q, count + 1), with the sample itself where it is one of them
        others = np.argsort(places == asked.index[:, None], axis=1, kind="stable")[:, : min(count, near.shape[1] - 1)]
        arrays[name] = np.take_along_axis(places, others, 1)
        arrays[f"{name}_distances"] = np.take_along_axis(distances, others, 1)
    arrays["labels"] = asked.labels
    return Answer(arrays, {"count": float(arrays["code"].shape[1])})


def weights(s: Subject) -> Answer:
    """Every parameter by name, float32: the network at an epoch whose file the store does not keep, for a decoder elsewhere."""
    arrays = {name: value.numpy() for name, value in s.network.state_dict().items()}
    return Answer(arrays, {"parameters": float(sum(array.size for array in arrays.values()))})


# ---- which function answers which task ----


def answer(
    task: Task,
    subject: Subject,
    states: Callable[[], Iterable[tuple[int, Mapping[str, Any]]]] = tuple,
    on_progress: Tell = silent,
) -> Answer:
    """The answer to a settled task about this subject. states: those of a film. Raises CannotAnswer.

    on_progress: gets the share that is done, and from a study also a function that gives what there is so far.
    """
    from replearn_core import walks

    tasks.check(task, subject.experiment)
    o: dict[str, Any] = {
        option.name: int(task.options[option.name]) if getattr(option, "integer", False) else task.options[option.name]
        for option in tasks.KINDS[task.kind].options
    }
    if task.source == "study":
        return Answer(*studies.answer(task.kind, task.options, on_progress))
    if task.kind == "scorecard":
        return Answer({}, properties.measure_run(subject.network, subject.data, tell=on_progress))
    if task.kind == "deployment":
        from replearn_core.applications.deployment.measure import measure

        return measure(subject, on_progress=on_progress, **o)
    o.pop("source", None)
    if task.kind == "points":
        return points(subject, **o)
    if task.kind == "map":
        return map_points(subject, on_progress=on_progress, **o)
    if task.kind == "film":
        return film(subject, states(), on_progress=on_progress, **o)
    if task.kind == "weights":
        return weights(subject)
    if task.kind == "neighbours":
        o.pop("indices")
        return neighbours(subject, tasks.indices(task), **o)
    return walks.ANSWERS[task.kind](subject, **o)
