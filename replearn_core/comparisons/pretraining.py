"""Greedy layer-wise pretraining against random weights and against today's remedies, over seeds (claims C16, C17).

`run_pretraining(settings)` builds the stack layer by layer, races the fine-tuning, then repeats it for other numbers of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from replearn_core.comparisons.deep import (
    LEARNT,
    WATCHED,
    Deep,
    Family,
    Labelled,
    divergence_told,
    epochs_of,
    families,
    halves,
    labelled_data,
    labelled_rows,
    network,
    pretrain,
    raced,
    tune,
    tuned_error,
)
from replearn_core.properties.study import (
    Finding,
    Interval,
    Study,
    Tell,
    as_pictures,
    difference,
    finding,
    finished,
    interval,
    signed_pictures,
    silent,
)

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.members import Members

COUNTS = (20, 50, 100, 300, 1_000, 3_000, 10_000)
MOMENTS, STOPS = 40, 14  # of a learning curve, and of those the ones at which outputs are kept
SHOWN, FEATURES, OUTPUTS = 8, 20, 200  # pictures, features a layer, pictures whose outputs make a path
SWEPT = ("random", "pretrained", "modern")  # families of the curve over labels: the fourth would cost as much as all of them
NAMES = ("random", "pretrained", "modern", "batch_norm")


class Pretraining(Deep):
    """The knobs of `Deep`."""

    def subject(self) -> tuple[str, int]:
        return self.dataset, self.train_size

    def seconds(self) -> float:
        steps = epochs_of(self.updates, self.labels, self.batch_size) * -(-self.labels // self.batch_size)
        tuned = sum(self.cost("stack", max(self.updates, -(-n // self.batch_size)), 2) for n in self.counts if n != self.labels)
        return 1 + self.pretraining_cost() + self.cost("stack", steps, 2) + self.cost("norm", steps) + 1.6 * tuned

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of labels that are compared, all of them last."""
        some = {n for n in (*COUNTS, self.labels) if self.classes <= n <= 0.8 * self.train_size}
        return (*sorted(some), self.train_size)


@dataclass
class Found:
    """What there is so far. arrays: as `run_pretraining` says. at: [stage, place in it] as the page shows them."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    at: tuple[int, int] = (0, 0)

    def partial(self) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        return dict(self.arrays), {"stage": float(self.at[0]), "place": float(self.at[1])}


def run_pretraining(settings: Pretraining, *, tell: Tell = silent) -> Study:
    """Four families of equal networks, `seeds` of each, as stacked members: `random`, `pretrained` (same first weights, same
    labelled pictures, same batches), `modern` (ReLU and He) and `batch_norm`.

    values for each family: `.error` (share of held-out pictures), `.loss` (nats), `.train_error`, `.train_loss`,
    `.first_gradient` (norm by the first layer's weights over that by the classifier's, before any step), `.spread` (mean distance
    between the outputs of its seeds at the end, as `apart` shares it among them: how far apart training ends in function space);
    `random.matched` and `pretrained.matched` (held-out loss at the first moment when the training loss is as low as the worse of
    the two ends);
    `<family>.all_labels` (error with every label).
    arrays: `layer.epoch` (P,), `layer.place` (P,), `layer.error` (S, P): held-out squared error of the layer in training over
    that of the mean; `layer.rebuilt` uint8 (depth, 8, H, W): held-out pictures rebuilt from each level, and `clean`;
    `features.random`, `.pretrained` and `.tuned` uint8 (depth, 20, H, W): each unit's weights carried down to the pixels;
    `updates` (T,), and for each family `<family>.error`, `.loss`, `.train_error`, `.train_loss` (S, T) and `.gradient`
    (S, T, depth + 1); `path` (4, S, 14, 2), outputs on held-out pictures at 14 moments on their first two principal components,
    with `path.share` (2,); `counts` (V,), `counts.error` (3, S, V).
    """
    data, seeds = labelled_data(settings), tuple(settings.each_seed)
    rows, found = labelled_rows(data, settings.labels, seeds), Found()
    found.arrays["clean"] = as_pictures(data.x_test[:SHOWN].numpy().reshape(-1, *data.shape))
    own = families(settings)
    shares = _shares(settings)
    with divergence_told(settings):
        stack = network(settings, data, own[0], seeds)
        _build(settings, data, stack, found, _between(tell, shares, 0, found))
        outputs: dict[str, list[np.ndarray]] = {}
        members = raced(settings, data, stack)
        _race(settings, data, members, ("random", "pretrained"), rows, found, outputs, _between(tell, shares, 1, found))
        found.arrays["features.tuned"] = features_of(members, len(seeds), data.shape)
        for place, family in enumerate(own[2:], 2):
            remedy = network(settings, data, family, seeds)
            _race(settings, data, remedy, (family.name,), rows, found, outputs, _between(tell, shares, place, found))
        found.arrays |= _paths([outputs[name] for name in NAMES])
        _sweep(settings, data, stack, own, found, _between(tell, shares, 4, found))
    values = _values(found.arrays, outputs)
    return finished("pretraining", settings, values, found.arrays, _findings(settings, values, found.arrays), ())


def _shares(settings: Pretraining) -> np.ndarray:
    """Where each of the five stages begins and ends, as shares of the whole."""
    whole = settings.seconds()
    steps = settings.updates
    parts = [
        settings.pretraining_cost(),
        settings.cost("stack", steps, 2),
        settings.cost("stack", steps),
        settings.cost("norm", steps),
    ]
    return np.minimum(np.array([0.0, *np.cumsum(parts), max(whole, sum(parts))]) / max(whole, sum(parts)), 1.0)


def _between(tell: Tell, shares: np.ndarray, stage: int, found: Found) -> Callable[[float, int], None]:
    """told(share, place) of one stage."""

    def told(share: float, place: int = 0) -> None:
        found.at = (stage, place)
        tell(float(shares[stage] + (shares[stage + 1] - shares[stage]) * min(share, 1.0)), found.partial)

    return told


# ---- stage 0: the stack is built ----


def _build(settings: Deep, data: Labelled, stack: Members, found: Found, told: Callable[..., None]) -> None:
    from replearn_core.supervised import features

    total = settings.depth * settings.pretrain_epochs
    found.arrays["features.random"] = found.arrays["features.pretrained"] = features_of(stack, 0, data.shape)
    epochs: list[float] = []
    places: list[int] = []
    errors: list[np.ndarray] = []
    below, place = data.x_test[:WATCHED], -1
    rebuilt_pictures: list[np.ndarray] = []
    for moment in pretrain(settings, data, stack):
        if moment.place != place:
            place = moment.place
            below = features(stack, data.x_test[:WATCHED], place) if place else below
            rebuilt_pictures.append(np.empty(0))
        epochs.append(moment.epoch)
        places.append(place)
        errors.append(_unexplained(stack, place, below))
        rebuilt_pictures[place] = _rebuilt(stack, place, data)
        found.arrays |= {
            "layer.epoch": np.array(epochs, np.float32),
            "layer.place": np.array(places, np.int16),
            "layer.error": np.stack(errors, axis=1).astype(np.float32),
            "layer.rebuilt": np.stack(rebuilt_pictures),
            "features.pretrained": features_of(stack, 0, data.shape),
        }
        told(moment.epoch / total, place)


def _unexplained(stack: Members, i: int, below: Tensor) -> np.ndarray:
    """(S,): ‖x − x̂‖² of layer i's input, over that of its mean: 1 is no better than the mean, 0 is perfect."""
    from replearn_core.supervised import rebuilt

    x = below if below.dim() == 3 else below.expand(len(stack), *below.shape)
    error = (rebuilt(stack, i, x) - x).square().sum(dim=(1, 2))
    return (error / (x - x.mean(dim=1, keepdim=True)).square().sum(dim=(1, 2)).clamp_min(1e-9)).numpy()


def _rebuilt(stack: Members, top: int, data: Labelled) -> np.ndarray:
    """uint8 (8, H, W): the first seed's pictures after layer `top`, carried down through every decoder."""
    import torch

    with torch.no_grad():
        h = stack.up(data.x_test[:SHOWN], 0, top + 1)
        for i in range(top, -1, -1):
            h = stack.down(h, i)
            if i == 0 or stack.blueprint.activation == "sigmoid":
                h = torch.sigmoid(h)
    return as_pictures(h[0].numpy().reshape(-1, *data.shape))


def features_of(members: Members, member: int, shape: Sequence[int]) -> np.ndarray:
    """uint8 (depth, 20, H, W), 128 = 0: W_1ᵀ … W_iᵀ for the first units of each layer i, the linear picture of what they look for
    (Lee, Ekanadham & Ng 2008)."""
    down, pictures = None, []
    for i in range(members.blueprint.levels):
        weight = members.weights[f"encoder.{i}.weight"][member].detach()
        down = weight if down is None else weight @ down
        chosen = down[:FEATURES].numpy().reshape(-1, *shape)
        pictures.append(signed_pictures(chosen))
    return np.stack(pictures)


# ---- stages 1 to 3: fine-tuning ----


def moments_of(last: int) -> list[int]:
    """Steps at which a curve has a point: closer together at the beginning, where it changes most."""
    return sorted({max(1, round(last * (place / MOMENTS) ** 1.7)) for place in range(1, MOMENTS + 1)})


def _race(
    settings: Deep,
    data: Labelled,
    members: Members,
    names: Sequence[str],
    rows: Tensor,
    found: Found,
    outputs: dict[str, list[np.ndarray]],
    told: Callable[..., None],
) -> None:
    """Fine-tune the families in `names`, which share a stack, and note their curves."""
    from replearn_core.supervised import evaluate, gathered

    repeated = rows.repeat(len(names), 1)[:, :LEARNT]
    seen, labels = gathered(data.x, repeated), data.y[repeated]
    last = epochs_of(settings.updates, rows.shape[1], settings.batch_size) * -(-rows.shape[1] // settings.batch_size)
    points = [0, *moments_of(last)]
    kept = {points[round(place * (len(points) - 1) / (STOPS - 1))] for place in range(STOPS)}
    curves: dict[str, list[np.ndarray]] = {name: [] for name in ("loss", "error", "train_loss", "train_error", "gradient")}
    wanted = set(points)
    for place, moment in enumerate(tune(settings, data, members, rows, lambda step, _: step in wanted)):
        step = points[place]
        loss, error = evaluate(members, data.x_test[:WATCHED], data.y_test[:WATCHED])
        if step == last:
            loss, error = evaluate(members, data.x_test, data.y_test)
        train_loss, train_error = evaluate(members, seen, labels)
        for name, value in zip(curves, (loss, error, train_loss, train_error, moment.gradient)):
            curves[name].append(value)
        if step in kept:
            _note_outputs(outputs, members, names, data)
        found.arrays["updates"] = np.array(points[: place + 1] if len(names) == 2 else points, np.int32)
        half = len(members) // len(names)
        for row, name in enumerate(names):
            mine = slice(row * half, (row + 1) * half)
            found.arrays |= {f"{name}.{key}": np.stack(rest, axis=1)[mine].astype(np.float32) for key, rest in curves.items()}
        told(step / last)


def _note_outputs(outputs: dict[str, list[np.ndarray]], members: Members, names: Sequence[str], data: Labelled) -> None:
    """Probabilities on the same held-out pictures, (S, OUTPUTS · classes) for each family."""
    import torch

    with torch.no_grad():
        said = members.logits(data.x_test[:OUTPUTS]).softmax(dim=2).flatten(1).numpy()
    half = len(members) // len(names)
    for row, name in enumerate(names):
        outputs.setdefault(name, []).append(said[row * half : (row + 1) * half])


def _paths(outputs: Sequence[Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
    """Every network at every moment as a point: its outputs on held-out pictures, on two principal components of all."""
    points = np.stack([np.stack(one, axis=1) for one in outputs])  # (F, S, T, P · C)
    rows = points.reshape(-1, points.shape[-1]).astype(np.float64)
    rows -= rows.mean(axis=0)
    left, size, _ = np.linalg.svd(rows, full_matrices=False)
    flat = (left[:, :2] * size[:2]).reshape(*points.shape[:3], 2)
    return {"path": flat.astype(np.float32), "path.share": (size[:2] ** 2 / (size**2).sum()).astype(np.float32)}


# ---- stage 4: other numbers of labels ----


def _sweep(
    settings: Pretraining, data: Labelled, stack: Members, own: Sequence[Family], found: Found, told: Callable[..., None]
) -> None:
    seeds, counts = tuple(settings.each_seed), settings.counts
    errors = np.full((len(SWEPT), len(seeds), len(counts)), np.nan, np.float32)
    found.arrays |= {"counts": np.array(counts, np.int32), "counts.error": errors}
    for place, count in enumerate(counts):

        def here(share: float, place: int = place) -> None:
            told((place + share) / len(counts), place)

        if count == settings.labels:
            errors[:, :, place] = [found.arrays[f"{name}.error"][:, -1] for name in SWEPT]
            continue
        rows = labelled_rows(data, count, seeds)
        both = halves(tuned_error(settings, data, raced(settings, data, stack), rows, lambda share: here(0.6 * share)))
        errors[0, :, place], errors[1, :, place] = both["random"], both["pretrained"]
        modern = network(settings, data, own[2], seeds)
        errors[2, :, place] = tuned_error(settings, data, modern, rows, lambda share: here(0.6 + 0.4 * share))
        here(1.0)


# ---- what it says ----


def _values(arrays: Mapping[str, np.ndarray], outputs: Mapping[str, Sequence[np.ndarray]]) -> dict[str, list[float]]:
    values: dict[str, Any] = {}
    for name in NAMES:
        for key in ("error", "loss", "train_error", "train_loss"):
            values[f"{name}.{key}"] = arrays[f"{name}.{key}"][:, -1]
        gradient = arrays[f"{name}.gradient"][:, 0]
        values[f"{name}.first_gradient"] = gradient[:, 0] / np.maximum(gradient[:, -1], 1e-30)
        values[f"{name}.spread"] = apart(outputs[name][-1])
    for row, name in enumerate(SWEPT):
        values[f"{name}.all_labels"] = arrays["counts.error"][row, :, -1]
    values |= _matched(arrays)
    return {name: [float(one) for one in rest] for name, rest in values.items()}


def apart(rows: np.ndarray) -> np.ndarray:
    """(S,) jackknife pseudo-values of the mean distance between two of the rows (S, n), S ≥ 3; their mean is that mean.

    Each is S times the mean over all pairs, less S − 1 times that without this row (Tukey 1958, Ann. Math. Stat. 29:614). Every
    row's own mean distance would not do: two rows share theirs, and an interval over five such held the truth 61 times in 100.
    """
    count = len(rows)
    own = np.linalg.norm(rows[:, None] - rows[None], axis=2).sum(axis=1) / (count - 1)  # (S,)
    without = (count * own.mean() - 2 * own) / (count - 2)
    return count * own.mean() - (count - 1) * without


def _matched(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Held-out loss at equal training loss: of each seed, where its curve first is as low as the worse of the two ends."""
    ends = np.maximum(arrays["random.train_loss"].min(axis=1), arrays["pretrained.train_loss"].min(axis=1))  # (S,)
    found = {}
    for name in ("random", "pretrained"):
        first = (arrays[f"{name}.train_loss"] <= ends[:, None] + 1e-7).argmax(axis=1)
        found[f"{name}.matched"] = np.take_along_axis(arrays[f"{name}.loss"], first[:, None], axis=1)[:, 0]
    return found


def _findings(settings: Pretraining, values: Mapping[str, Sequence[float]], arrays: Mapping[str, np.ndarray]) -> list[Finding]:
    """Each as random minus pretrained, or remedy minus pretrained: higher is better for pretraining."""

    def against(key: str, other: str = "random", log: bool = False) -> Interval:
        a, b = (np.array(values[f"{name}.{key}"]) for name in (other, "pretrained"))
        return interval(np.log10(np.maximum(a, 1e-30) / np.maximum(b, 1e-30))) if log else interval(a - b)  # paired by seed

    found = [
        finding("pretraining.error", against("error"), labels=settings.labels),
        finding("pretraining.optimises", against("train_loss")),
        finding("pretraining.regularises", against("matched")),
        finding("pretraining.modern", against("error", "modern")),
        finding("pretraining.batch_norm", against("error", "batch_norm")),
        finding("pretraining.all_labels", against("all_labels"), labels=settings.train_size),
        finding("pretraining.spread", against("spread")),
        finding("pretraining.gradient", against("first_gradient", log=True)),
    ]
    return [*found, border(arrays["counts"], arrays["counts.error"])]


def border(counts: np.ndarray, errors: np.ndarray) -> Finding:
    """Where the gain ends: the fewest labels from which on none shows one. `.none`: all leave one; `.never`: none does.

    errors (3, S, V): random, pretrained, modern.
    """
    effects = [difference(errors[0, :, place].tolist(), errors[1, :, place].tolist()) for place in range(len(counts))]
    helped = [place for place, one in enumerate(effects) if one.direction == "higher"]
    at = helped[-1] + 1 if helped else 0
    kind = "never" if not helped else "none" if at == len(counts) else "at"
    at = min(at, len(counts) - 1)
    one = effects[at]
    numbers = {"effect": one.mean, "low": one.low, "high": one.high, "seeds": one.seeds, "labels": float(counts[at])}
    return Finding(f"finding.pretraining.border.{kind}", numbers)
