"""The study `log_pretraining`: an autoencoder learns from unlabelled logs with swap noise, then few labels tune its encoder.

Called through `studies.STUDIES`. Unlabelled rows are cheap: every moment of a phone's day is one, whether or not a message came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core.applications.notifications import features, measures, models, simulator, tables
from replearn_core.properties.study import Finding, Settings, Study, Tell, difference, finding, finished, silent

KINDS = ("pretrained", "frozen", "scratch", "one_hot", "boosting")
"""Encoder tuned with the labels; encoder as it is, with a logistic regression; the same network from random weights; rivals."""
COUNTS = (100, 300, 1_000, 3_000)
LEVELS = 300  # kept of each column
MOST_UNLABELLED = 30_000
HIDDEN = 96


class LogPretraining(Settings):
    """noise: share of cells that are swapped. code_size: of the autoencoder. epochs: of its pretraining."""

    dataset: Literal["simulator", "kdd", "push_2019"] = "simulator"
    noise: Annotated[float, Field(ge=0, le=0.6)] = 0.15
    code_size: Annotated[int, Field(ge=4, le=128)] = 32
    epochs: Annotated[int, Field(ge=1, le=20)] = 5

    def subject(self) -> tuple[str, None]:
        """No picture data is needed."""
        return "digits", None

    def seconds(self) -> float:
        return self.seeds * (3.5 + 0.7 * self.epochs * (3 if self.dataset == "kdd" else 1))


def run_log_pretraining(settings: LogPretraining, *, tell: Tell = silent) -> Study:
    """AUC on later messages with 100 to 3,000 labels, for each of KINDS; the labelled rows are the same for all.

    values: `<kind>.auc_<labels>`, `.log_loss_<labels>`; `recovered` (share of swapped cells that the autoencoder puts right on
    held-out rows) and `guessed` (share that the commonest level of the column would).
    arrays: `labels` (4,), `auc` (S, 5, 4), `recovered` (S, C), `guessed` (S, C), loss of the pretraining `loss` (S, E).
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    values: dict[str, list[float]] = {}
    found: dict[str, list[np.ndarray]] = {"auc": [], "recovered": [], "guessed": [], "loss": []}
    arrays: dict[str, np.ndarray] = {"labels": np.array(COUNTS, np.int32)}

    def partial() -> tuple[dict[str, np.ndarray], dict[str, float]]:
        done = {name: np.stack(rows) for name, rows in found.items() if rows}
        return {**arrays, **done}, {name: rows[0] for name, rows in values.items()}

    with threadpool_limits(1):
        for place, seed in enumerate(settings.each_seed):
            unlabelled, train, test = rows_of(settings, seed)
            codes = features.codes(unlabelled, least=1, most=LEVELS)
            stack, losses = pretrained(codes.of(unlabelled), codes.sizes, settings, seed)
            tell((place + 0.5) / settings.seeds, partial)
            right, common = recovery(stack, codes.of(test), codes.of(unlabelled), settings.noise, seed)
            values.setdefault("recovered", []).append(float(right.mean()))
            values.setdefault("guessed", []).append(float(common.mean()))
            for name, one in (("recovered", right), ("guessed", common), ("loss", losses)):
                found[name].append(np.asarray(one, np.float32))
            table = np.empty((len(KINDS), len(COUNTS)), np.float32)
            for column, count in enumerate(COUNTS):
                chosen = np.sort(np.random.default_rng([seed, 0x1AB, 0]).permutation(len(train))[:count])
                for row, kind in enumerate(KINDS):
                    p = _answer(kind, stack, codes, train.rows(chosen), test, settings, seed)
                    table[row, column] = measures.auc(test.clicked, p)
                    values.setdefault(f"{kind}.auc_{count}", []).append(float(table[row, column]))
                    values.setdefault(f"{kind}.log_loss_{count}", []).append(measures.log_loss(test.clicked, p))
            found["auc"].append(table)
            arrays["columns"] = np.arange(len(codes.sizes), dtype=np.int32)
            tell((place + 1) / settings.seeds, partial)
    stacked = {**arrays, **{name: np.stack(rows) for name, rows in found.items()}}
    return finished("log_pretraining", settings, values, stacked, _findings(values), ())


def rows_of(settings: LogPretraining, seed: int) -> tuple[tables.Log, tables.Log, tables.Log]:
    """(unlabelled, labelled, held-out) rows. Unlabelled rows are of the training time and users alone."""
    if settings.dataset == "simulator":
        world = simulator.world(300, 30, 1.0, seed)
        log = tables.of_replay(world, simulator.replay(world, simulator.by_coin(world)))
        parts = tables.split(log, seed)
        assert log.time is not None
        users = np.unique(log.user[parts.train])
        t, user = np.meshgrid(np.arange(int(log.time[parts.train].max()) + 1), users, indexing="ij")
        unlabelled = tables.at(world, t.ravel(), user.ravel(), np.zeros(t.size))
    else:
        log = tables.load(settings.dataset)
        parts = tables.split(log, seed)
        unlabelled = log.rows(parts.train)
    some = np.random.default_rng([seed, 0x0B5]).permutation(len(unlabelled))[:MOST_UNLABELLED]
    return unlabelled.rows(some), log.rows(parts.train), log.rows(parts.test)


# ---- the autoencoder ----


def network(sizes: tuple[int, ...], settings: LogPretraining, generator: Any) -> Any:
    """Embeddings of the columns → hidden → code → hidden → a softmax over each column's levels."""
    import torch
    from torch import nn

    width = 8

    class LogAutoencoder(nn.Module):
        starts: torch.Tensor

        def __init__(self):
            super().__init__()
            self.register_buffer("starts", torch.tensor([0, *np.cumsum(sizes)[:-1].tolist()]))
            self.vectors = nn.Parameter(0.3 * torch.randn(int(sum(sizes)), width, generator=generator))
            self.first = nn.Linear(len(sizes) * width, HIDDEN)
            self.second = nn.Linear(HIDDEN, settings.code_size)
            self.back = nn.Linear(settings.code_size, HIDDEN)
            self.out = nn.Linear(HIDDEN, int(sum(sizes)))
            for layer in (self.first, self.second, self.back, self.out):
                bound = (3 / layer.in_features) ** 0.5
                layer.weight.data.uniform_(-bound, bound, generator=generator)
                layer.bias.data.zero_()

        def encode(self, codes: torch.Tensor) -> torch.Tensor:
            """(B, C) → (B, K)."""
            return torch.relu(self.second(torch.relu(self.first(self.vectors[codes + self.starts].flatten(1)))))

        def decode(self, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """Logits over the levels of each column."""
            return self.out(torch.relu(self.back(h))).split(list(sizes), dim=1)

    return LogAutoencoder()


def swapped(codes: Any, noise: float, generator: Any) -> tuple[Any, Any]:
    """(rows with cells of other rows in their place, mask of those cells): swap noise keeps every column's own distribution."""
    import torch

    mask = torch.rand(codes.shape, generator=generator) < noise
    other = torch.randint(len(codes), codes.shape, generator=generator)
    return torch.where(mask, codes.gather(0, other), codes), mask


def pretrained(codes: np.ndarray, sizes: tuple[int, ...], settings: LogPretraining, seed: int) -> tuple[Any, list[float]]:
    """(network, mean loss of each epoch in nats a column)."""
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed)
    net = network(sizes, settings, generator)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3, fused=True)
    rows, losses = torch.from_numpy(codes), []
    for _ in range(settings.epochs):
        total = 0.0
        for batch in torch.randperm(len(rows), generator=generator).split(256):
            clean = rows[batch]
            noisy, _ = swapped(clean, settings.noise, generator)
            parts = net.decode(net.encode(noisy))
            loss = torch.stack([functional.cross_entropy(one, clean[:, place]) for place, one in enumerate(parts)]).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(rows))
    return net, losses


def recovery(net: Any, codes: np.ndarray, seen: np.ndarray, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Per column (C,): share of swapped cells of held-out rows that the network puts right; that the commonest level would."""
    import torch

    clean = torch.from_numpy(codes)
    noisy, mask = swapped(clean, max(noise, 0.05), torch.Generator().manual_seed(seed + 1))
    with torch.no_grad():
        said = torch.stack([one.argmax(dim=1) for one in net.decode(net.encode(noisy))], dim=1)
    common = torch.tensor([int(np.bincount(column).argmax()) for column in seen.T])
    many = mask.sum(dim=0).clamp_min(1)
    right = ((said == clean) & mask).sum(dim=0) / many
    return right.numpy(), (((common == clean) & mask).sum(dim=0) / many).numpy()


# ---- few labels ----


def _answer(kind: str, stack: Any, codes: features.Codes, labelled, test, settings: LogPretraining, seed: int) -> np.ndarray:
    if kind in ("one_hot", "boosting"):
        return models.fit(kind, labelled, seed).predict(test)
    if kind == "frozen":
        return _probe(stack, codes.of(labelled), labelled.clicked, codes.of(test))
    import torch

    generator = torch.Generator().manual_seed(seed)
    net = network(codes.sizes, settings, generator)
    if kind == "pretrained":
        net.load_state_dict(stack.state_dict())
    return tuned(net, codes.of(labelled), labelled.clicked, codes.of(test), tables.validation(labelled, seed), seed)


def _probe(net: Any, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Logistic regression on the code, its strength chosen by three folds."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    with torch.no_grad():
        own, other = (net.encode(torch.from_numpy(one)).numpy().astype(np.float64) for one in (x, test))
    mean, spread = own.mean(axis=0), own.std(axis=0) + 1e-6
    own, other = (own - mean) / spread, (other - mean) / spread

    def score(strength: float) -> float:
        return float(cross_val_score(LogisticRegression(C=strength, max_iter=300), own, y, cv=3, scoring="neg_log_loss").mean())

    best = max((0.003, 0.03, 0.3), key=score)
    return LogisticRegression(C=best, max_iter=300).fit(own, y).predict_proba(other)[:, 1]


def tuned(net: Any, x: np.ndarray, y: np.ndarray, test: np.ndarray, held: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities after training encoder and a linear output on the labels; the best of up to 12 epochs on held labels."""
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed + 2)
    w = torch.zeros(net.second.out_features, requires_grad=True)
    rate = float(np.clip(y.mean(), 0.01, 0.99))
    b = torch.full((1,), float(np.log(rate / (1 - rate))), requires_grad=True)
    encoder = [net.vectors, *net.first.parameters(), *net.second.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": encoder, "lr": 5e-4}, {"params": [w, b], "lr": 5e-3}], weight_decay=0.02, fused=True
    )
    rows, target, other = torch.from_numpy(x), torch.from_numpy(y.astype(np.float32)), torch.from_numpy(test)
    places = torch.from_numpy(np.flatnonzero(~held))

    def said(codes: Any) -> np.ndarray:
        with torch.no_grad():
            return (net.encode(codes) @ w + b).sigmoid().numpy().astype(np.float64)

    best, answer = np.inf, np.full(len(test), rate)
    for _ in range(12):
        for batch in places[torch.randperm(len(places), generator=generator)].split(32 if len(x) < 1_000 else 128):
            noisy, _ = swapped(rows[batch], 0.1, generator)
            loss = functional.binary_cross_entropy_with_logits(net.encode(noisy) @ w + b, target[batch])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        now = measures.log_loss(y[held], said(rows[torch.from_numpy(np.flatnonzero(held))]))
        if now < best:
            best, answer = now, said(other)
    return answer


def _findings(values: Mapping[str, list[float]]) -> tuple[Finding, ...]:
    found = []
    for other in ("scratch", "one_hot", "boosting"):
        for count in COUNTS:
            effect = difference(values[f"pretrained.auc_{count}"], values[f"{other}.auc_{count}"])
            found.append(finding(f"log_pretraining.pretrained_{other}", effect, labels=count))
    for count in COUNTS:
        effect = difference(values[f"frozen.auc_{count}"], values[f"one_hot.auc_{count}"])
        found.append(finding("log_pretraining.frozen_one_hot", effect, labels=count))
    found.append(finding("log_pretraining.recovered", difference(values["recovered"], values["guessed"])))
    return (found[1], found[0], *found[2:])
