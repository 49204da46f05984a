"""What a run is seen doing on held-out data: the frames and cheap measures while it trains, all measures at its end.

Called by `training.py` only. Nothing here touches the randomness of training, so looking does not change a run.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from replearn_core import measures
from replearn_core.batches import Samples
from replearn_core.codes import active_tolerance
from replearn_core.corruptions import corrupt
from replearn_core.cost import macs
from replearn_core.datasets import Dataset
from replearn_core.events import Baseline, Frame, Progress, Started
from replearn_core.experiment import INFERRED_CODES, Experiment
from replearn_core.networks import Autoencoder, Pass
from replearn_core.penalties import Terms
from replearn_core.strategies import Phase

LIVE_SAMPLES = 256  # held-out samples behind the curves
LIVE_SAMPLES_INFERRED = 64  # where each costs an inference
SHOWN_IMAGES = 12
SHOWN_POINTS = 300
DRAWN_AS_POINTS = 3  # axes; rows of more numbers are drawn as grey cells
SHOWN_FEATURES = 36
SHOWN_UNITS = 64
SHOWN_SAMPLES = 48
EXPLODED = 1e6  # squared error per pixel of pictures in [0, 1]: finite still, but nothing that could be drawn or come back
SPECTRUM_COST = 150  # a spectrum is drawn after this many times its own work
FRAME_BYTES = 48_000  # of one array, so that a frame travels in few messages
FINAL_SAMPLES = 1_000  # for measures that compare all pairs
BLOCK = 10_000  # held-out samples that go through a dense network at once
PROBE_SAMPLES = 2_000  # labelled training samples of "all labels", at most
FEW_LABELS = 10  # per class


class Window(Protocol):
    """What `training` hands over: the objective's terms since the last recorded moment."""

    def means(self) -> list[float]: ...
    def speed(self) -> float: ...


class View:
    """The held-out samples of one run and what can be drawn of them; `seen` is one draw of noise, kept for the whole film."""

    def __init__(self, e: Experiment, network: Autoencoder, data: Dataset, x_test: Tensor, noise: Generator):
        self.e, self.network, self.data, self.x_test = e, network, data, x_test
        shown = chosen(
            data.y_test,
            len(x_test),
            SHOWN_POINTS
            if e.data.kind == "points" and e.data.size <= DRAWN_AS_POINTS
            else min(SHOWN_IMAGES, FRAME_BYTES // e.data.size),
        )
        live = LIVE_SAMPLES_INFERRED if e.code in INFERRED_CODES else LIVE_SAMPLES
        rest = np.setdiff1d(np.arange(len(x_test)), shown)[: max(0, live - len(shown))]
        self.shown = shown
        self.x = x_test[torch.from_numpy(np.concatenate([shown, rest]))]  # (V, D), the shown ones first
        self.noise_seed = noise.initial_seed()
        self.seen = corrupt(self.x, e.corruption, self._noise())
        self.spectrum_due = 0.0

    def started(self, first: int, last: int, samples: int, device: str, phases: Sequence[Phase]) -> Started:
        names = (self.e.reconstruction, *(term.name for term in self.e.penalties))
        count = sum(p.numel() for p in self.network.parameters())
        frame = {"clean": self._pictures(self.x[: len(self.shown)])}
        if self.e.corruption is not None:
            frame["seen"] = self._pictures(self.seen[: len(self.shown)])
        if self.data.y_test is not None:
            frame["labels"] = self.data.y_test[self.shown].astype(np.int64)
        return Started(
            self.e.id,
            first,
            last,
            count,
            device,
            samples,
            len(self.x_test),
            names,
            tuple(phases),
            tuple(self.data.class_names),
            self.data.source,
            self.data.licence,
            frame,
        )

    def progress(
        self,
        phase: Phase,
        objective: Terms,
        epoch: float,
        seconds: float,
        window: Window | None,
        work: float,
        state: Mapping[str, Any] | None = None,
    ) -> Progress:
        """One recorded moment. window: the terms since the last one. work: multiply-adds since the run began.

        FloatingPointError names the term, or "weights" or "code", that is not finite.
        """
        network = self.network
        network.eval()
        p = self._held_out_pass(phase, objective)
        held_out = [float(term(p).detach()) for _, _, term in objective]
        for (name, _, _), value in zip(objective, held_out):
            if not math.isfinite(value):
                raise FloatingPointError(name)
        with torch.no_grad():
            codes, rebuilt, error = self._codes_and_pictures(p, phase)
            if not (error < EXPLODED * self.e.data.size and bool(torch.isfinite(codes).all())):
                raise FloatingPointError("code")
            if not all(math.isfinite(weight.sum()) for weight in network.parameters()):  # one pass, where isfinite() takes three
                raise FloatingPointError("weights")
            frame = self._frame(phase, codes, rebuilt, work)
        codes_array = codes.cpu().numpy()
        tolerance = active_tolerance(p.code_name)
        numbers = {
            "squared_error": error,
            "l0": measures.l0(codes_array, tolerance),
            "hoyer": measures.hoyer(codes_array),
            "dead": int(measures.dead_units(codes_array).sum()),
            "samples_per_second": window.speed() if window else 0.0,
        }
        named = [(name, weight) for name, weight, _ in objective]
        raw = {} if window is None else {name: value for (name, _), value in zip(named, window.means())}
        return Progress(
            float(epoch),
            seconds,
            raw,
            {name: weight * raw[name] for name, weight in named if name in raw},
            {name: value for (name, _), value in zip(named, held_out)},
            {name: weight * value for (name, weight), value in zip(named, held_out)},
            numbers,
            frame,
            state,
        )

    def baseline(self, x_train: Samples) -> Baseline:
        return Baseline(*baseline_errors(self.data, x_train, self.x_test, self.e.code_size))

    # ---- the pieces of a moment ----

    def _noise(self) -> Generator:
        return Generator(device=self.x.device).manual_seed(self.noise_seed)

    def _held_out_pass(self, phase: Phase, objective: Terms) -> Pass:
        target, seen, noise = self.x, self.seen, self._noise()
        deep = any(name == "contraction" for name, _, _ in objective)
        if phase.bottom:
            with torch.no_grad():
                target = self.network.encode(self.x, 0, phase.bottom)
            seen = corrupt(target, self.e.corruption, noise)
        with torch.set_grad_enabled(deep):
            if deep:
                seen = seen.detach().requires_grad_()
            return self.network(seen, target, noise, phase.bottom, phase.top, inference_weights(self.e))

    def _codes_and_pictures(self, p: Pass, phase: Phase) -> tuple[Tensor, Tensor, float]:
        """Codes of the clean samples (V, K), pictures rebuilt from what was seen (V, D), squared error from the clean ones."""
        network = self.network
        if self.e.code in INFERRED_CODES:
            clean = network.decode(p.features)  # the picture shows prediction: one pass, no inference
            return p.code, clean, _error(clean, self.x)
        if self.e.corruption is None and phase.bottom == 0:  # the pass has just made both
            clean = network.picture(p.output).detach()
            return p.features.detach(), clean, _error(clean, self.x)
        features = network.encode(self.x, 0, phase.top)
        clean = network.decode(features, 0, phase.top)
        if self.e.corruption is None:
            return features, clean, _error(clean, self.x)
        return features, network.decode(network.encode(self.seen, 0, phase.top), 0, phase.top), _error(clean, self.x)

    def _frame(self, phase: Phase, codes: Tensor, rebuilt: Tensor, work: float) -> Frame:
        frame = {"reconstruction": self._pictures(rebuilt[: len(self.shown)])}
        if self.e.data.kind == "image":
            frame["filters"] = signed_pictures(first_weights(self.network), self._feature_count(), self.e.data.shape)
            frame["atoms"] = signed_pictures(self._atoms(codes, phase.top), self._feature_count(), self.e.data.shape)
        strength = codes[:SHOWN_SAMPLES, :SHOWN_UNITS].abs().cpu().numpy()
        frame["activity"] = (255 * strength / max(float(strength.max()), 1e-12)).round().astype(np.uint8)
        frame["histogram"], frame["histogram_edges"] = code_histogram(codes.cpu().numpy())
        if work >= self.spectrum_due:
            self.spectrum_due = work + SPECTRUM_COST * spectrum_work(self.e)
            frame["spectrum"] = spectrum(self.network, self.x[:2], phase.top)
        return frame

    def _atoms(self, codes: Tensor, top: int) -> Tensor:
        """(m, D): g(h̄ + s_j e_j) − g(h̄) for the first units, with h̄ the mean code and s_j the unit's standard deviation."""
        mean, spread = codes.mean(dim=0), codes.std(dim=0)
        steps = torch.diag(spread)[: self._feature_count()]  # (m, K)
        decoded = self.network.decode(torch.cat([mean[None], mean + steps]), 0, top)
        return decoded[1:] - decoded[0]

    def _feature_count(self) -> int:
        return min(SHOWN_FEATURES, FRAME_BYTES // 2 // self.e.data.size)

    def _pictures(self, x: Tensor) -> np.ndarray:
        """(n, H, W) uint8 of flat images and of rows of many numbers (`tiles`), or (n, D) float32 of points."""
        array = x.detach().cpu().numpy()
        if self.e.data.kind == "points" and self.e.data.size <= DRAWN_AS_POINTS:
            return array.astype(np.float32)
        pictures = (array.clip(0, 1) * 255).round().astype(np.uint8)
        return tiles(pictures) if self.e.data.kind == "points" else pictures.reshape(-1, *self.e.data.shape)


def tiles(rows: np.ndarray) -> np.ndarray:
    """(n, D) as (n, H, W) pictures, a grey cell for each number, row by row; the cells left over are black."""
    width = math.ceil(math.sqrt(rows.shape[1]))
    height = -(-rows.shape[1] // width)
    padded = np.pad(rows, ((0, 0), (0, height * width - rows.shape[1])))
    return padded.reshape(len(rows), height, width)


def code_histogram(codes: np.ndarray, bins: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Counts (bins,) and edges (bins + 1,) of all code values; a collapsed code gets a bin of its own width."""
    low, high = float(codes.min()), float(codes.max())
    if high - low < 1e-6 * max(1.0, abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(codes.astype(np.float64), bins=bins, range=(low, high))
    return counts, edges.astype(np.float32)


def chosen(labels: np.ndarray | None, samples: int, count: int) -> np.ndarray:
    """Indices of held-out samples to show, of so many: the first of each class in turn, until there are `count`."""
    if labels is None:
        return np.arange(min(count, samples))
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        rank[members] = np.arange(len(members))
    return np.lexsort((labels, rank))[:count]


def inference_weights(e: Experiment) -> tuple[float, float] | None:
    """(λ, γ) of an inferred code's objective, read off its penalties; None for other codes."""
    if e.code not in INFERRED_CODES:
        return None
    weights = {term.name: term.weight for term in e.penalties}
    return weights.get("l1", 0.0), weights.get("prediction", 0.0)


def first_weights(network: Autoencoder) -> np.ndarray:
    """(m, ...) weights of the encoder's first stage, one row a unit."""
    stage: Any = network.encoder[0]
    weight = stage.weight if isinstance(stage, (nn.Linear, nn.Conv2d)) else stage.encoder
    return weight.detach().cpu().numpy()


def signed_pictures(rows: np.ndarray | Tensor, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """(m, H, W) uint8 with 128 = 0, each row scaled by its own largest magnitude."""
    rows = rows.cpu().numpy() if isinstance(rows, Tensor) else rows
    rows = rows[:count]
    rows = rows.reshape(len(rows), *shape) if rows[0].size == np.prod(shape) else rows[:, 0]
    peak = np.abs(rows).max(axis=(1, 2), keepdims=True)
    return (128 + 127 * rows / np.maximum(peak, 1e-12)).round().astype(np.uint8)


def spectrum(network: Autoencoder, x: Tensor, top: int | None = None) -> np.ndarray:
    """(s,) singular values of ∂f/∂x, mean over the images x, descending."""
    values = measures.jacobian_spectrum(lambda inputs: network.encode(inputs, 0, top), x)
    return values.mean(axis=0).astype(np.float32)


def spectrum_work(e: Experiment) -> float:
    """Multiply-adds of `spectrum` for two images, about."""
    small, large = sorted((e.data.size, e.code_size))
    return 2 * (small * macs(e) + 20 * small * small * large) + 1e8


def _error(rebuilt: Tensor, x: Tensor) -> float:
    return float(F.mse_loss(rebuilt, x, reduction="sum") / len(x))


# What depends on the data alone, by their checksum and how many are trained on: many runs of a class share it. Few numbers each.
_of_data: dict[tuple, Any] = {}


def baseline_errors(data: Dataset, x_train: Samples, x_test: Tensor, size: int) -> tuple[float, float]:
    """Held-out squared error per image of PCA with `size` components, and of the mean picture. x_train, x_test: of `data`."""
    key = ("baseline", size, len(x_train), data.checksum)
    if key not in _of_data:
        train, test = x_train.kept.cpu().numpy(), x_test.cpu().numpy()
        mean = float(np.square(test - x_train.mean().cpu().numpy()).sum(axis=1).mean())
        pca = measures.pca_error(train, test if x_train.scale == 1 else test / x_train.scale, size)  # in the units of `kept`
        _of_data[key] = (pca * x_train.scale**2, mean)
    return _of_data[key]


# ---- at the end ----


def final_measures(e: Experiment, network: Autoencoder, data: Dataset, x_train: Samples, x_test: Tensor) -> dict[str, float]:
    """All measures of a finished run on held-out data, as numbers by name.

    squared_error, pca_error, mean_error: per image. l0, hoyer: of the codes. dead: units. jacobian: mean ‖J‖_F.
    probe_few, probe_all: accuracy of a linear probe on the codes; pixels_few, pixels_all: on the raw input.
    trustworthiness, continuity: of the codes against the input, 5 neighbours.
    For inferred codes the encoder's one pass is measured; squared_error_inferred and l0_inferred are those of z*.
    """
    network.eval()
    with torch.no_grad():
        codes, train_codes = _encoded(network, x_test), _encoded(network, x_train[:PROBE_SAMPLES])
        pairs = zip(codes.split(rows_at_once(e)), x_test.split(rows_at_once(e)))
        numbers = {"squared_error": sum(_error(network.decode(h), x) * len(x) for h, x in pairs) / len(x_test)}
        if (weights := inference_weights(e)) is not None:
            inferred = network.infer(x_test[:FINAL_SAMPLES], *weights)
            numbers["squared_error_inferred"] = _error(network.decode(inferred), x_test[:FINAL_SAMPLES])
            numbers["l0_inferred"] = measures.l0(inferred.cpu().numpy(), active_tolerance("linear"))
    numbers["pca_error"], numbers["mean_error"] = baseline_errors(data, x_train, x_test, e.code_size)
    test_pixels = x_test.cpu().numpy()
    h = codes.cpu().numpy()
    numbers["l0"] = measures.l0(h, active_tolerance(e.code))
    numbers["hoyer"] = measures.hoyer(h)
    numbers["dead"] = float(measures.dead_units(h).sum())
    numbers["jacobian"] = measures.mean_jacobian_norm(network.encode, x_test[:64])
    few = slice(0, FINAL_SAMPLES)
    numbers["trustworthiness"] = measures.trustworthiness(test_pixels[few], h[few], 5)
    numbers["continuity"] = measures.continuity(test_pixels[few], h[few], 5)
    if data.y_train is not None:
        numbers |= _probes("probe", train_codes.cpu().numpy(), h, data, e.seed, standardise=True)
        assert data.y_test is not None
        key = ("pixels", e.seed, len(x_train), data.checksum)
        if key not in _of_data:
            pixels = x_train[:PROBE_SAMPLES].cpu().numpy()
            _of_data[key] = _probes("pixels", pixels, test_pixels, data, e.seed, standardise=False)
        numbers |= _of_data[key]
    return {name: float(value) for name, value in numbers.items()}


def rows_at_once(e: Experiment) -> int:
    """How many samples go through the network at once: all that there are, or for wide feature maps what 64 MB hold."""
    if e.network != "conv":
        return BLOCK
    widest = max(width * (e.data.shape[0] >> level) ** 2 for level, width in enumerate(e.hidden, 1))
    return max(1, min(BLOCK, 2**24 // widest))


def _encoded(network: Autoencoder, x: Tensor) -> Tensor:
    """(N, K), some rows at a time."""
    return torch.cat([network.encode(rows) for rows in x.split(rows_at_once(network.experiment))])


def _probes(name: str, train: np.ndarray, test: np.ndarray, data: Dataset, seed: int, standardise: bool) -> dict[str, float]:
    """Accuracies with all and with few labels; none where there is one class only. Raw pixels are not standardised: that would
    flatter the codes."""
    assert data.y_train is not None and data.y_test is not None
    y_train, y_test = data.y_train[: len(train)], data.y_test
    if len(np.unique(y_train)) < 2:
        return {}
    numbers = {f"{name}_all": measures.linear_probe(train, y_train, test, y_test, standardise=standardise)}
    if np.unique(y_train, return_counts=True)[1].min() >= FEW_LABELS:
        draws = [seed, seed + 1, seed + 2]
        accuracies = measures.few_label_probe(train, y_train, test, y_test, FEW_LABELS, draws, standardise=standardise)
        numbers[f"{name}_few"] = float(accuracies.mean())
    return numbers
