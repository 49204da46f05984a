"""What does each layer know? Probes, similarity, preferred inputs and trees of classes, layer by layer (claim C6).

Called by a worker: `run_hierarchical(settings)`. Level 0 is the input, the last level is the code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.own.refusal import Refused
from replearn_core.properties.dimension import untrained
from replearn_core.properties.study import (
    Pictures,
    Study,
    Tell,
    as_pictures,
    difference,
    encoded,
    finding,
    finished,
    part,
    silent,
    trained,
)

if TYPE_CHECKING:
    from replearn_core.networks import Autoencoder

ATTRIBUTES = ("intensity", "position", "angle")
TESTED, COMPARED = 1_000, 500  # held-out pictures for probes and for CKA, whose cost grows with wide feature maps
UNITS, BEST = 12, 6  # units shown a level, and pictures each
ASCENT, RATE = 60, 0.05
RIDGE = 1.0
NUMBERS = 2**24  # of the widest level that the probes read: 128 MB; a feature map of 64×64 pictures has thousands a sample
STRIDE, KERNEL = 2, 4  # of every convolutional stage


class Hierarchical(Pictures):
    """network: dense, or conv with kernels of 4 and stride 2. depth: hidden layers before the code, of conv at most two."""

    network: Literal["dense", "conv"] = "dense"
    depth: Annotated[int, Field(ge=1, le=4)] = 3
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    corruption: Annotated[float, Field(ge=0, le=0.9)] = 0.0


def run_hierarchical(settings: Hierarchical, *, tell: Tell = silent) -> Study:
    """A deep autoencoder trained without labels, and the same one untrained: what can be read off each level by least squares.

    values: `level<i>.class` (held-out accuracy), `level<i>.intensity`, `.position`, `.angle` (held-out R², at least 0), and
    `untrained.level<i>.*` likewise; `cka.ends` (input and code), `cka.steps` (mean of neighbouring levels).
    arrays: `cka` (S, L + 1, L + 1); `tree` (L + 1, C − 1, 4), SciPy's linkage of class means, `tree.order` (L + 1, C) and
    `tree.classes` (C,), first seed; `level<i>.best` uint8 (units, 6, H, W), held-out pictures (for conv, patches) that excite a
    unit most;
    `level<i>.ideal` uint8 (units, H, W), by gradient ascent; `probes` (S, L + 1, 4) and `untrained.probes`:
    class, intensity, position, angle.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    data = replace(data, x_test=data.x_test[:TESTED], y_test=None if data.y_test is None else data.y_test[:TESTED])
    assert data.y_train is not None and data.y_test is not None
    if len(np.unique(data.y_test)) < 2:  # of a visitor's own data, all but one of whose classes are too small to be held out
        raise Refused("problem.own_study_held", "dataset", count=len(data.y_test))
    widest = max(level.shape[1] for level in levels_of(untrained(experiment_of(settings, settings.first_seed)), data.x_test[:1]))
    read = slice(max(1, NUMBERS // widest))  # training pictures that the probes are fitted on
    fitted = replace(data, x_train=data.x_train[read], y_train=data.y_train[read])
    targets = tuple(attributes(x) for x in (fitted.x_train, fitted.x_test))
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {}
    cka: list[np.ndarray] = []
    probed: dict[str, list[np.ndarray]] = {"": [], "untrained.": []}
    runs = []
    for index, seed in enumerate(settings.each_seed):
        experiment = experiment_of(settings, seed)
        network = trained(experiment, data, part(tell, index / settings.seeds, (index + 0.7) / settings.seeds))
        runs.append(experiment.id)
        for prefix, one in (("", network), ("untrained.", untrained(experiment))):
            train, test = levels_of(one, fitted.x_train), levels_of(one, fitted.x_test)
            found = [probes(a, b, fitted, targets) for a, b in zip(train, test)]
            probed[prefix].append(np.array([list(row.values()) for row in found]))
            for level, row in enumerate(found):
                for name, value in row.items():
                    values.setdefault(f"{prefix}level{level}.{name}", []).append(value)
        test = levels_of(network, data.x_test)
        similar = np.array([[measures.linear_cka(a[:COMPARED], b[:COMPARED]) for b in test] for a in test])
        cka.append(similar)
        values.setdefault("cka.ends", []).append(float(similar[0, -1]))
        values.setdefault("cka.steps", []).append(float(np.diag(similar, 1).mean()))
        if seed == settings.first_seed:
            arrays |= class_trees(test, data.y_test) | preferred(network, data.x_test)
        tell((index + 1) / settings.seeds)
    arrays["cka"] = np.array(cka, np.float32)
    arrays |= {f"{prefix}probes": np.array(one, np.float32) for prefix, one in probed.items()}
    findings = _findings(values)
    return finished("hierarchical", settings, values, arrays, findings, runs)


def experiment_of(settings: Hierarchical, seed: int) -> Experiment:
    digits = settings.dataset == "digits"
    hidden: tuple[int, ...]
    if settings.network == "conv":
        hidden = (8, 16) if settings.depth > 1 else (8,)  # 28 and 8 can be halved twice at least; no further for 28
    else:
        hidden = ((64, 48, 32, 24) if digits else (256, 128, 64, 48))[: settings.depth]
    fields: dict[str, Any] = {
        "network": settings.network,
        "hidden": hidden,
        "activation": settings.activation,
        "code": "linear",
        "code_size": 16,
    }
    if settings.corruption:
        fields["corruption"] = {"name": "masking", "weight": settings.corruption}
    return settings.experiment(seed, **fields)


def levels_of(network: Autoencoder, x: np.ndarray) -> list[np.ndarray]:
    """Activations (N, width) at level 0 … L."""
    return [x.reshape(len(x), -1)] + [encoded(network, x, level) for level in range(1, network.levels + 1)]


# ---- what a level knows ----


def attributes(x: np.ndarray) -> dict[str, np.ndarray]:
    """Low-level facts of pictures (N, H, W): intensity (N, 1), the mean; position (N, 2), centre of mass; angle (N, 2).

    angle: (cos 2θ, sin 2θ) times the strokes' elongation, from the second moments; θ is the long axis, so it has no arrow.
    Empty pictures are in the middle, with no angle.
    """
    rows, columns = np.mgrid[: x.shape[1], : x.shape[2]].astype(np.float64)
    mass = x.astype(np.float64).sum(axis=(1, 2))
    share = x / np.where(mass > 0, mass, 1)[:, None, None]
    share = np.where(mass[:, None, None] > 0, share, 1 / x[0].size)
    cx, cy = (share * columns).sum(axis=(1, 2)), (share * rows).sum(axis=(1, 2))
    dx, dy = columns - cx[:, None, None], rows - cy[:, None, None]
    xx, yy, xy = ((share * product).sum(axis=(1, 2)) for product in (dx * dx, dy * dy, dx * dy))
    spread = np.maximum(xx + yy, 1e-12)
    return {
        "intensity": x.mean(axis=(1, 2), dtype=np.float64)[:, None],
        "position": np.stack([cx, cy], axis=1),
        "angle": np.stack([(xx - yy) / spread, -2 * xy / spread], axis=1),  # minus: rows count downwards
    }


def probes(train: np.ndarray, test: np.ndarray, data, targets) -> dict[str, float]:
    """class: held-out accuracy; the ATTRIBUTES: held-out R², mean of their columns, at least 0. All by ridge regression, α = 1.
    One learner for everything, so that a difference between levels is theirs. Features standardised on the training samples.
    """
    classes = np.eye(int(data.y_train.max()) + 1)[data.y_train]
    wanted = np.hstack([classes, *targets[0].values()])
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    a, b = ((rows - mean) / spread for rows in (train.astype(np.float64), test.astype(np.float64)))
    centre = wanted.mean(axis=0)
    said = b @ ridge(a, wanted - centre) + centre
    out = {"class": float((said[:, : classes.shape[1]].argmax(axis=1) == data.y_test).mean())}
    begin = classes.shape[1]
    for name in ATTRIBUTES:
        true = targets[1][name]
        error = np.square(said[:, begin : begin + true.shape[1]] - true).sum(axis=0)
        whole = np.square(true - true.mean(axis=0)).sum(axis=0)
        out[name] = float(np.clip(1 - error / np.where(whole > 0, whole, 1), 0, 1).mean())
        begin += true.shape[1]
    return out


def ridge(a: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(K, T) weights (aᵀa + αI)⁻¹ aᵀ y = aᵀ (a aᵀ + αI)⁻¹ y, α = 1, of features a (N, K) for y (N, T): by the smaller matrix."""
    if a.shape[1] <= len(a):
        return np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T @ wanted)
    return a.T @ np.linalg.solve(a @ a.T + RIDGE * np.eye(len(a)), wanted)


def class_trees(levels: list[np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """`tree` (L + 1, C − 1, 4): average linkage (Sokal & Michener 1958) of the classes' mean activations; `tree.order` (L + 1,
    C), its leaves from left to right; `tree.classes` (C,), the class of each leaf: one without a label here has none.

    Each level's distances are over its largest, so that trees of levels can stand side by side. ValueError for one class.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage

    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(f"all {len(labels)} labels are {classes[0]}; a tree needs at least two classes")
    trees = []
    for level in levels:
        means = np.stack([level[labels == label].mean(axis=0) for label in classes]).astype(np.float64)
        tree = linkage(means, "average")
        tree[:, 2] /= max(tree[:, 2].max(), 1e-12)
        trees.append(tree)
    order = np.array([leaves_list(tree) for tree in trees], np.int32)
    return {"tree": np.array(trees, np.float32), "tree.order": order, "tree.classes": classes.astype(np.int32)}


# ---- what a unit prefers ----


def preferred(network: Autoencoder, x: np.ndarray) -> dict[str, np.ndarray]:
    """`level<i>.best` and `level<i>.ideal` for the first UNITS units of each level; for feature maps, channels."""
    out = {}
    for level in range(1, network.levels + 1):
        maps = feature_maps(network, x, level)  # (N, units, places)
        units = range(min(UNITS, maps.shape[1]))
        out[f"level{level}.best"] = as_pictures(np.stack([_best(maps[:, unit], x, level) for unit in units]))
        out[f"level{level}.ideal"] = as_pictures(ideal_inputs(network, level, _liked(maps[:, : len(units)], x)))
    return out


def feature_maps(network: Autoencoder, x: np.ndarray, level: int) -> np.ndarray:
    """(N, units, places): one place for a dense level, one for each position of a convolutional one."""
    flat = encoded(network, x, level)
    channels = network.encoder[level - 1].weight.shape[0] if _is_map(network, level) else flat.shape[1]
    return flat.reshape(len(flat), channels, -1)


def _is_map(network: Autoencoder, level: int) -> bool:
    return network.experiment.network == "conv" and level < network.levels


def _best(activity: np.ndarray, x: np.ndarray, level: int) -> np.ndarray:
    """(BEST, h, w): the pictures that excite a unit most; for a feature map its receptive field in them. activity (N, places)."""
    order = np.argsort(-activity.max(axis=1), kind="stable")[:BEST]
    if activity.shape[1] == 1:
        return x[order]
    place = activity[order].argmax(axis=1)
    return np.stack([receptive_patch(x[row], level, int(where)) for row, where in zip(order, place)])


def receptive_patch(picture: np.ndarray, level: int, place: int) -> np.ndarray:
    """The part of a picture (H, W) that unit `place` of a feature map sees, (r, r), r = 4, 10, 22 at level 1, 2, 3; black
    outside.

    Kernels of 4 with stride 2 and a border of 1: field r_l = 3·2^l − 2, first corner of place (i, j) at 2^l (i, j) − (2^l − 1).
    """
    side, step = picture.shape[0] >> level, STRIDE**level
    field = (KERNEL - 1) * step - 2
    padded = np.pad(picture, field)
    row, column = (step * where - (step - 1) + field for where in divmod(place, side))
    return padded[row : row + field, column : column + field]


def _liked(maps: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(units, H, W): the picture that each unit likes most at its middle place. maps (N, units, places)."""
    side = round(maps.shape[2] ** 0.5)
    return x[maps[:, :, (side // 2) * side + side // 2].argmax(axis=0)]


def ideal_inputs(network: Autoencoder, level: int, start: np.ndarray) -> np.ndarray:
    """(units, H, W) in [0, 1]: start (units, H, W) changed by ASCENT steps of Adam to excite each unit most (Erhan et al. 2009).

    For a feature map, its middle place. A start at which a ReLU unit is silent has no gradient: begin where the unit is active.
    """
    import torch

    from replearn_core.adam import Adam

    units = len(start)
    begin = torch.from_numpy(np.array(start, np.float32)).reshape(units, -1)
    picture = torch.logit(begin.clamp(0.05, 0.95)).requires_grad_()
    optimiser = Adam([([picture], RATE * 4)])
    places = torch.arange(units)
    if _is_map(network, level):
        side = network.shape[0] >> level
        places = places * side * side + (side // 2) * side + side // 2
    for _ in range(ASCENT):
        excited = network.encode(torch.sigmoid(picture), 0, level)[torch.arange(units), places]
        picture.grad = None
        (-excited.sum()).backward()
        optimiser.step()
    network.zero_grad()
    return torch.sigmoid(picture).detach().numpy().reshape(units, *network.shape)


def _findings(values: dict[str, list[float]]):
    code = max(int(name[5 : name.index(".")]) for name in values if name.startswith("level"))

    def change(name: str, prefix: str = "") -> np.ndarray:
        return np.subtract(values[f"{prefix}level{code}.{name}"], values[f"{prefix}level1.{name}"])

    learned = difference(list(change("class")), list(change("class", "untrained.")))
    falls = [finding(f"hierarchical.{name}", difference(list(change(name)), [0.0] * len(change(name)))) for name in ATTRIBUTES]
    means = {"code": float(np.mean(values[f"level{code}.class"])), "first": float(np.mean(values["level1.class"]))}
    return (
        finding("hierarchical.class", difference(values[f"level{code}.class"], values["level1.class"]), **means),
        finding("hierarchical.class_against_untrained", learned),
        finding("hierarchical.class_against_pixels", difference(values[f"level{code}.class"], values["level0.class"])),
        *falls,
    )
