"""Does the most accurate model earn most (claim C26)? Called by a worker; times are the machine's.

Each seed trains a menu of models, serves them by onnxruntime, and chooses twice: by accuracy, as a paper does, and by money, as a
product does. Choices are made on one half of the held-out samples and timed calls, and judged on the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from replearn_core.applications.deployment.decisions import Model, earnings
from replearn_core.properties.study import Finding, Settings, Study, Tell, finding, finished, interval, part, silent

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZES: Mapping[str, tuple[int, int]] = {
    "linear": (0, 1),
    "narrow": (16, 1),
    "middle": (64, 1),
    "wide": (256, 1),
    "ensemble": (256, 10),
}
"""Units of the hidden layer, 0 for none, and how many such networks answer together."""
MENU = tuple(name + form for name in SIZES for form in ("", "_int8"))
"""Every model as it is and with 8-bit weights."""
TERMS = {"traffic": 1e8, "price": 0.05, "storage": 0.0}
"""What the page starts from: decisions a day, dollars a core-hour, dollars a day for a megabyte delivered."""
BUDGET = 1e-2  # seconds
PER_MILLION = (0.001, 0.1, 10.0)  # dollars for a million right decisions: where the effects are told
REVENUES = tuple(10.0 ** (power / 2) for power in range(-20, 1))  # dollars for one
BUDGETS = tuple(base * 10.0**power for power in range(-5, 0) for base in (1, 2, 5))
"""The stops of the page's two sliders; the wins are counted over all of their pairs."""
ROUNDS, CALLS, BATCH, RATE, MOST_HELD_OUT = 20, 20, 64, 3e-3, 4_000


class Product(Settings):
    """epochs: of every network. train_size: the other samples are held out, half of them to choose by, half to judge by."""

    dataset: Literal["digits", "mnist", "fashion_mnist"] = "digits"
    train_size: Annotated[int, Field(ge=200, le=10_000)] = 700
    epochs: Annotated[int, Field(ge=1, le=200)] = 100


class Half(NamedTuple):
    """One half of what is known of the menu. quality: (M,) shares of right answers. times: (M, calls) seconds at batch 1."""

    quality: np.ndarray
    times: np.ndarray
    bytes: np.ndarray

    def models(self) -> list[Model]:
        return [_model(*row) for row in zip(MENU, self.quality, self.bytes, self.times)]


def run_product(settings: Product, *, tell: Tell = silent) -> Study:
    """The menu, seed by seed, with another split each.

    values: `<model>.accuracy` (on the half that judges), `<model>.latency_seconds` (median). arrays: `quality` (S, 2, M),
    `times` (S, 2, M, calls), `bytes` (M,), the halves in the order chosen by, judged by. Findings say what the choice by money
    has over the choice by accuracy: `product.money` (share of what answers all right, at once and for nothing would earn),
    `product.accuracy` (share of right answers), `product.wait` (log of the 95th percentile), at each of PER_MILLION;
    `product.wins`: settings of the page's sliders in which it earns more, less those in which it earns less, as a share.
    """
    from replearn_core.datasets import load

    x, y = _whole(load(settings.dataset))
    values: dict[str, list[float]] = {}
    chosen_by, judged_by = [], []
    for done, seed in enumerate(settings.each_seed):
        halves = _seed(settings, x, y, seed, part(tell, done / settings.seeds, (done + 1) / settings.seeds))
        chosen_by.append(halves[0])
        judged_by.append(halves[1])
        for place, name in enumerate(MENU):
            values.setdefault(f"{name}.accuracy", []).append(float(halves[1].quality[place]))
            both = np.concatenate([half.times[place] for half in halves])
            values.setdefault(f"{name}.latency_seconds", []).append(float(np.median(both)))
    pairs = list(zip(chosen_by, judged_by))
    arrays = {
        "quality": np.array([[half.quality for half in pair] for pair in pairs], np.float32),
        "times": np.array([[half.times for half in pair] for pair in pairs], np.float32),
        "bytes": chosen_by[0].bytes.astype(np.int32),
    }
    return finished("product", settings, values, arrays, findings(pairs), ())


# ---- choosing ----


def findings(pairs: Sequence[tuple[Half, Half]]) -> list[Finding]:
    """What choosing by money does, for each worth of a right decision, then over all settings of the sliders."""
    found = []
    for per_million in PER_MILLION:
        worth = per_million / 1e6
        rows = [_compared(*pair, worth, BUDGET) for pair in pairs]
        for name, values in zip(("money", "accuracy", "wait"), zip(*rows)):
            found.append(finding(f"product.{name}", interval(values), per_million=per_million))
    return [*found, finding("product.wins", interval([wins(*pair) for pair in pairs]))]


def halves_of(arrays: Mapping[str, np.ndarray]) -> list[tuple[Half, Half]]:
    """(chosen by, judged by) of each seed of an answer, or of as much of it as there is."""
    quality, times, sizes = (np.asarray(arrays[name], np.float64) for name in ("quality", "times", "bytes"))
    return [(Half(q[0], t[0], sizes), Half(q[1], t[1], sizes)) for q, t in zip(quality, times)]


def choices(half: Half, **terms: float) -> tuple[int, int]:
    """Places in the menu of (the most accurate, the smaller one of equals; the one that earns most). terms: as `earned`'s."""
    models = half.models()
    accurate = max(range(len(models)), key=lambda i: (models[i].quality, -models[i].size))
    return accurate, max(range(len(models)), key=lambda i: earned(models[i], **terms))


def gained(judged_by: Half, picked: tuple[int, int], **terms: float) -> float:
    """Money a day that the choice by money earns more than the choice by accuracy."""
    models, (accurate, rich) = judged_by.models(), picked
    return earned(models[rich], **terms) - earned(models[accurate], **terms)


def earned(model: Model, *, revenue: float, budget: float, **terms: float) -> float:
    """Money a day; terms that are not given are the page's first ones."""
    return earnings(model, revenue=revenue, budget=budget, **(TERMS | terms))


def _compared(chosen_by: Half, judged_by: Half, revenue: float, budget: float) -> tuple[float, float, float]:
    """(money as a share of the best that could be, accuracy, log of the slow answer's time): by money less by accuracy."""
    accurate, rich = choices(chosen_by, revenue=revenue, budget=budget)
    money = gained(judged_by, (accurate, rich), revenue=revenue, budget=budget) / (TERMS["traffic"] * revenue)
    a, b = (judged_by.models()[place] for place in (rich, accurate))
    return money, a.quality - b.quality, float(np.log(a.slow / b.slow))


def wins(chosen_by: Half, judged_by: Half) -> float:
    """Over all settings of the sliders in which any model earns anything."""
    models, score, counted = judged_by.models(), 0, 0
    for revenue in REVENUES:
        for budget in BUDGETS:
            money = [earned(one, revenue=revenue, budget=budget) for one in models]
            if max(money) <= 0:
                continue
            accurate, rich = choices(chosen_by, revenue=revenue, budget=budget)
            counted += 1
            score += int(np.sign(money[rich] - money[accurate]))
    return score / max(counted, 1)


def _model(name: str, quality: float, size: float, times: np.ndarray) -> Model:
    times = np.sort(np.asarray(times, np.float64))
    shares = (np.arange(len(times)) + 1) / len(times)
    p50, p95 = (float(np.quantile(times, share)) for share in (0.5, 0.95))
    return Model(name, float(quality), float(size), p50, p95, tuple(zip(times.tolist(), shares.tolist())))


# ---- the menu ----


def _whole(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """All samples (N, D) float32 and their classes: each seed splits them anew."""
    x = np.concatenate([data.x_train, data.x_test])
    return x.reshape(len(x), -1), np.concatenate([data.y_train, data.y_test])


def _seed(settings: Product, x: np.ndarray, y: np.ndarray, seed: int, tell: Tell) -> tuple[Half, Half]:
    """(to choose by, to judge by)."""
    import torch

    from replearn_core.applications.deployment import forms

    torch.set_num_threads(1)
    order = np.random.default_rng([2_026, seed]).permutation(len(x))
    train, rest = order[: settings.train_size], order[settings.train_size :][: 2 * MOST_HELD_OUT]
    files = {}
    for place, (name, (width, count)) in enumerate(SIZES.items()):
        model = _trained(x[train], y[train], width, count, int(y.max()) + 1, seed, settings.epochs)
        files[name] = forms.as_onnx(model, x.shape[1])
        files[f"{name}_int8"] = forms.as_int8(files[name])
        tell(0.8 * (place + 1) / len(SIZES))
    runs = [forms.onnx_runner(files[name]) for name in MENU]
    times, sizes = _timed(runs, torch.from_numpy(x[rest[:CALLS]])), np.array([len(files[name]) for name in MENU], float)
    tell(1.0)
    right = np.stack([run(torch.from_numpy(x[rest])).argmax(dim=1).numpy() == y[rest] for run in runs])  # (M, held out)
    middle, half = len(rest) // 2, times.shape[1] // 2
    return (
        Half(right[:, :middle].mean(axis=1), times[:, :half], sizes),
        Half(right[:, middle:].mean(axis=1), times[:, half:], sizes),
    )


def _timed(runs: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> np.ndarray:
    """(M, ROUNDS · CALLS) seconds of one sample, the models in turn, so that what disturbs one disturbs all."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, times in zip(runs, taken):
            run(x[:1])  # not counted: what ran before has emptied the caches
            for place in range(CALLS):
                begun = time.perf_counter()
                run(x[place : place + 1])
                times.append(time.perf_counter() - begun)
    return np.array(taken)


def _trained(x: np.ndarray, y: np.ndarray, width: int, count: int, classes: int, seed: int, epochs: int) -> nn.Module:
    """A classifier, or several whose probabilities are averaged."""
    members = [_member(x, y, width, classes, 100 * seed + number, epochs) for number in range(count)]
    return members[0] if count == 1 else _together(members)


def _together(members: Sequence[nn.Module]) -> nn.Module:
    import torch

    class Together(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.members = torch.nn.ModuleList(members)

        def forward(self, x: Tensor) -> Tensor:
            return sum(member(x).softmax(dim=1) for member in self.members) / len(self.members)

    return Together().eval()


def _member(x: np.ndarray, y: np.ndarray, width: int, classes: int, seed: int, epochs: int) -> nn.Module:
    """Adam on the cross-entropy, a rate that falls to zero along a cosine."""
    import torch
    from torch import nn

    random = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    widths = [x.shape[1], *([width] if width else []), classes]
    layers: list[nn.Module] = []
    for below, above in zip(widths, widths[1:]):
        layer = nn.Linear(below, above)
        nn.init.kaiming_uniform_(layer.weight, a=1.0, generator=random)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=random).split(BATCH):
            optimiser.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimiser.step()
        schedule.step()
    return network.eval().requires_grad_(False)
