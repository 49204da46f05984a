"""Models of a click: one-hot logistic regression, boosted trees, learned embeddings, and mixtures of them. `fit(family, …)`.

torch and scikit-learn are imported inside the functions: pages read the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from replearn_core.applications.notifications import features
from replearn_core.applications.notifications.measures import log_loss
from replearn_core.applications.notifications.tables import Log, validation

if TYPE_CHECKING:
    import torch

FAMILIES = ("one_hot", "boosting", "embedding", "boosting_rates", "embedding_rates", "fed")
"""Logistic regression; trees; embeddings; the last two with rates out of fold; trees fed with the embeddings and the rates."""
STRENGTHS = (0.03, 0.1, 0.3)  # C of the logistic regression, chosen on validation rows
PAIRS = {"kdd": (("ad_id", "position"), ("advertiser_id", "position"), ("url_hash", "depth"), ("advertiser_id", "depth"))}
OWN_PLACE = {"embedding": 10, "embedding_rates": 30}
"""Training rows of a level that gets an embedding of its own: fewer, and it learns those very rows by heart (KDD, trials)."""
DROPPED = 0.15  # share of levels that training replaces by "unknown", so that unknown ones are met before they matter
TREES, DEPTH = 120, 15  # most trees, leaves of each
BATCH, LEAST_BATCH = 256, 32  # rows of a step; smaller ones where a log is small, so that an epoch has forty steps
UPDATES = 300  # at least so many steps: a small log is read more often, and the best moment on held rows is kept

Predict = Callable[[Log], np.ndarray]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model: `predict(log)` gives float64 (N,). vectors: column → float32 (levels, width), of embeddings only."""

    family: str
    predict: Predict
    vectors: dict[str, np.ndarray] = field(default_factory=dict)
    net: Any = None


def fit(family: str, log: Log, seed: int, *, width: int = 8, epochs: int = 4, base: Fitted | None = None) -> Fitted:
    """One model of these training rows. width, epochs: of the embeddings. base: the embeddings that `fed` is fed with."""
    if family == "one_hot":
        return _one_hot(log, seed)
    if family == "boosting":
        return _boosting(family, log, lambda rows: rows, seed)
    if family == "embedding":
        return _embedding(family, log, log, lambda rows: rows, seed, width, epochs)
    pairs = [pair for pair in PAIRS.get(log.name, ()) if set(pair) <= set(log.categories)]
    learned = features.rates(log, pairs)
    told = log.with_numbers(features.out_of_fold(log, seed, pairs) | features.sizes_of_ids(log))

    def with_rates(rows: Log) -> Log:
        return rows.with_numbers(learned.of(rows) | features.sizes_of_ids(rows))

    if family == "boosting_rates":
        return _boosting(family, told, with_rates, seed)
    if family == "embedding_rates":
        return _embedding(family, told, log, with_rates, seed, width, epochs)
    if family == "fed":
        return _fed(log, told, with_rates, seed, width, epochs, base)
    raise KeyError(family)


# ---- the two that scikit-learn has ----


def one_hot_matrix(log: Log, least: int = features.LEAST) -> Callable[[Log], Any]:
    """A function log → sparse matrix: a column for each level, rare ones hashed together, and the numbers."""
    from scipy.sparse import csr_array, hstack

    codes, scale = features.codes(log, least), features.scale(log)
    starts = np.r_[0, np.cumsum(codes.sizes)]

    def matrix(rows: Log) -> Any:
        places = codes.of(rows) + starts[:-1]  # (N, C)
        many, columns = places.shape
        data = (np.ones(many * columns, np.float64), places.ravel(), np.arange(0, many * columns + 1, columns))
        return hstack(
            [csr_array(data, shape=(many, int(starts[-1]))), csr_array(scale.of(rows).astype(np.float64))], format="csr"
        )

    return matrix


def _one_hot(log: Log, seed: int) -> Fitted:
    from sklearn.linear_model import LogisticRegression

    matrix = one_hot_matrix(log)
    x, y, held = matrix(log), log.clicked, validation(log, seed)

    def fitted(strength: float, rows: np.ndarray) -> Any:
        return LogisticRegression(C=strength, max_iter=300, tol=1e-3).fit(x[np.flatnonzero(rows)], y[rows])

    def loss(strength: float) -> float:
        return log_loss(y[held], fitted(strength, ~held).predict_proba(x[np.flatnonzero(held)])[:, 1])

    model = fitted(min(STRENGTHS, key=loss), np.ones(len(log), bool))
    return Fitted("one_hot", lambda rows: model.predict_proba(matrix(rows))[:, 1])


def _boosting(
    family: str, told: Log, prepared: Callable[[Log], Log], seed: int, extra: Callable[[Log], np.ndarray] | None = None
):
    """Boosted trees on ordinals, numbers, and `extra` columns; the number of trees is chosen on validation rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    few = [place for place, name in enumerate(told.categories) if 2 < len(told.levels[name]) <= 60]

    def matrix(rows: Log) -> np.ndarray:
        parts = [features.ordinals(rows), *(values[:, None] for values in rows.numbers.values())]
        return np.hstack([*parts, *([extra(rows)] if extra else [])]).astype(np.float32)

    x, y, held = matrix(told), told.clicked, validation(told, seed)
    shared = {"max_leaf_nodes": DEPTH, "learning_rate": 0.08, "l2_regularization": 1.0, "min_samples_leaf": 20}
    model = HistGradientBoostingClassifier(
        **shared,
        max_iter=TREES,
        categorical_features=_as_categories(x, few),
        early_stopping=True,
        n_iter_no_change=10,
        random_state=seed,
    )
    model.fit(x[~held], y[~held], X_val=x[held], y_val=y[held])
    trees = max(model.n_iter_ - 10, 10)
    final = HistGradientBoostingClassifier(
        **shared, max_iter=trees, categorical_features=_as_categories(x, few), early_stopping=False, random_state=seed
    ).fit(x, y)
    return Fitted(family, lambda rows: final.predict_proba(matrix(prepared(rows)))[:, 1])


def _as_categories(x: np.ndarray, few: Sequence[int]) -> np.ndarray | None:
    """Mask of the columns that the trees may split as sets."""
    mask = np.zeros(x.shape[1], bool)
    mask[[place for place in few if x[:, place].min() >= 0]] = True
    return mask if mask.any() else None


# ---- embeddings ----


def click_net(sizes: Sequence[int], numbers: int, width: int, generator: torch.Generator) -> Any:
    """σ(linear terms + pairwise products of embeddings + a small network over both), as factorisation machines and DeepFM
    (Rendle 2010; Guo et al. 2017) have it."""
    import torch
    from torch import nn

    class ClickNet(nn.Module):
        starts: torch.Tensor

        def __init__(self):
            super().__init__()
            total = int(sum(sizes))
            self.register_buffer("starts", torch.tensor([0, *np.cumsum(sizes)[:-1].tolist()]))
            self.vectors = nn.Parameter(0.05 * torch.randn(total, width, generator=generator))
            self.weights = nn.Parameter(torch.zeros(total))
            inner = len(sizes) * width + width + numbers
            self.hidden = nn.Linear(inner, 32)
            self.out = nn.Linear(32, 1)
            self.straight = nn.Linear(numbers, 1) if numbers else None
            if self.straight is not None:
                torch.nn.init.zeros_(self.straight.weight)
                torch.nn.init.zeros_(self.straight.bias)
            for layer in (self.hidden, self.out):
                bound = layer.in_features**-0.5
                for tensor in (layer.weight, layer.bias):
                    tensor.data.uniform_(-bound, bound, generator=generator)

        def forward(self, codes: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            """codes (B, C), x (B, D) → logits (B,)."""
            places = codes + self.starts
            v = self.vectors[places]  # (B, C, K)
            summed = v.sum(dim=1)
            products = (summed.square() - v.square().sum(dim=1)) / 2  # (B, K): Σ_{i<j} v_i ∘ v_j
            inner = torch.cat([v.flatten(1), products, x], dim=1)
            logit = self.out(torch.relu(self.hidden(inner))).squeeze(1) + self.weights[places].sum(dim=1) + products.sum(dim=1)
            return logit + self.straight(x).squeeze(1) if self.straight is not None else logit

    return ClickNet()


def _embedding(family: str, told: Log, plain: Log, prepared: Callable[[Log], Log], seed: int, width: int, epochs: int) -> Fitted:
    import torch

    generator = torch.Generator().manual_seed(seed)
    codes, scale, steps = features.codes(plain, OWN_PLACE[family]), features.scale(told), features.steps(told)

    def read(rows: Log) -> tuple[np.ndarray, np.ndarray]:
        return np.hstack([codes.of(rows), steps.of(rows)]), scale.of(rows)

    places, numbers = read(told)
    net = click_net((*codes.sizes, *steps.sizes), numbers.shape[1], width, generator)
    held = validation(told, seed)
    _learn(net, places, numbers, told.clicked, held, epochs, generator)
    slope, shift = platt(logit(probabilities(net, places[held], numbers[held])), told.clicked[held])

    def predict(rows: Log) -> np.ndarray:
        return sigmoid(slope * logit(probabilities(net, *read(prepared(rows)))) + shift)

    starts = np.r_[0, np.cumsum(codes.sizes)]
    vectors = net.vectors.detach().numpy()
    own = {name: vectors[starts[place] + codes.tables[name]] for place, name in enumerate(told.categories)}
    return Fitted(family, predict, own, net)


def _learn(net: Any, codes: np.ndarray, x: np.ndarray, y: np.ndarray, held: np.ndarray, epochs: int, generator: Any) -> None:
    """AdamW with decay on the embeddings; the epoch with the least loss on the held rows is kept."""
    import torch
    from torch.nn import functional

    decayed, rest = [net.vectors, net.weights], [p for name, p in net.named_parameters() if name not in ("vectors", "weights")]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "lr": 4e-3, "weight_decay": 1.0}, {"params": rest, "lr": 2e-3, "weight_decay": 1e-2}], fused=True
    )
    net.out.bias.data.fill_(float(np.log(max(y.mean(), 1e-3) / max(1 - y.mean(), 1e-3))))
    c, numbers, target = torch.from_numpy(codes), torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))
    places = torch.from_numpy(np.flatnonzero(~held))
    size = min(BATCH, max(LEAST_BATCH, len(places) // 40))
    best, kept = np.inf, None
    for _ in range(max(epochs, -(-UPDATES * size // max(len(places), 1)))):
        order = places[torch.randperm(len(places), generator=generator)]
        for batch in order.split(size):
            hidden = torch.rand(len(batch), c.shape[1], generator=generator) < DROPPED
            blank = torch.rand(len(batch), x.shape[1], generator=generator) < DROPPED
            logits = net(c[batch].masked_fill(hidden, 0), numbers[batch].masked_fill(blank, 0))
            loss = functional.binary_cross_entropy_with_logits(logits, target[batch])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        now = log_loss(y[held], probabilities(net, codes[held], x[held]))
        if now < best:
            best, kept = now, {name: value.clone() for name, value in net.state_dict().items()}
    if kept is not None:
        net.load_state_dict(kept)


def probabilities(net: Any, codes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """float64 (N,)."""
    import torch

    with torch.no_grad():
        parts = [
            net(torch.from_numpy(codes[first : first + 8192]), torch.from_numpy(x[first : first + 8192])).sigmoid()
            for first in range(0, len(codes), 8192)
        ]
    return torch.cat(parts).numpy().astype(np.float64) if parts else np.zeros(0)


def _fed(
    log: Log, told: Log, with_rates: Callable[[Log], Log], seed: int, width: int, epochs: int, base: Fitted | None
) -> Fitted:
    """Trees over the rates and, out of fold, the embedding network's own answer.

    The embeddings of a row's rare levels have learned that very row, so the trees get the network's logit for each row from a
    network that has not seen it (stacking, Wolpert 1992), three folds; at prediction the network of all training rows answers.
    """
    net = base or _embedding("embedding", log, log, lambda rows: rows, seed, width, epochs)
    fold = np.random.default_rng([seed, 0xFED]).integers(3, size=len(log))
    answered = np.empty(len(log))
    for one in range(3):
        here = fold == one
        part = log.rows(~here)
        answered[here] = _embedding("embedding", part, part, lambda rows: rows, seed, width, epochs).predict(log.rows(here))

    def with_answer(rows: Log) -> Log:
        return with_rates(rows).with_numbers({"network": logit(net.predict(rows))})

    return _boosting("fed", told.with_numbers({"network": logit(answered)}), with_answer, seed)


def platt(logits: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(slope, shift) that calibrate logits on held rows by logistic regression (Platt 1999), held near (1, 0) by as much as
    twenty rows weigh: dropped levels shrink what a network says, and this undoes it."""
    x = np.stack([logits, np.ones(len(logits))], axis=1).astype(np.float64)
    weights, centre = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(25):
        p = sigmoid(x @ weights)
        slope = x.T @ (p - y) + 5.0 * (weights - centre)
        curvature = x.T @ (x * (p * (1 - p))[:, None]) + 5.0 * np.eye(2)
        weights = weights - np.linalg.solve(curvature, slope)
    return float(weights[0]), float(weights[1])


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30).astype(np.float64)))


def logit(p: np.ndarray) -> np.ndarray:
    safe = np.clip(p, 1e-5, 1 - 1e-5)
    return np.log(safe / (1 - safe)).astype(np.float32)
