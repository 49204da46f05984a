"""Source and target tasks of transfer, all as pictures of one size; studies load them, pages name them. No torch here.

A network is trained on a source task and then used for a target task, so both need one input size: every picture becomes
16×16 by `fitted`, which keeps each pixel's mean over its area.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np

from replearn_core import catalog, datasets
from replearn_core.comparisons import byteplots
from replearn_core.experiment import Problem
from replearn_core.options import Choice

SIDE = 16
SIZE = SIDE * SIDE
MOST_SOURCE = 500  # training images a class of a source task
MOST_TESTS = 1_000
CROP = 3  # pixels of a glyph's frame that are left out on each side, so that it fills the picture as a written digit does
MOST_LABELS = 6_000  # of a class that a visitor may ask for; the data may have fewer


@dataclass(frozen=True, eq=False)
class Side:
    """One task. x float32 (N, 256) in [0, 1], y int64 (N,) in 0 … classes − 1; training and test images never overlap."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class About:
    """What is known of a task before it is loaded. most: training images a class. dataset: what it is made of, or ""."""

    classes: tuple[str, ...]
    most: int
    dataset: str
    read: Callable[[About, int], tuple[np.ndarray, ...]]
    chosen: tuple[int, ...] = ()  # classes of the data set, in the order of `classes`; () for all


@dataclass(frozen=True)
class Pair:
    """A source task, a target task, and whether a person would call them alike."""

    source: str
    target: str
    likeness: Literal["similar", "different", ""]

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that it reads, without repetition."""
        return tuple(dict.fromkeys(about(name).dataset for name in (self.source, self.target) if about(name).dataset))


# ---- one size for all ----


def fitted(x: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Pictures (N, H, W) as (N, side · side) float32: each new pixel is the mean of the old ones over its area."""
    rows, columns = _areas(x.shape[1], side), _areas(x.shape[2], side)
    blocks = [x[start : start + 4_096].astype(np.float32) for start in range(0, len(x), 4_096)]
    return np.concatenate([(rows @ block @ columns.T).reshape(len(block), -1) for block in blocks])


def _areas(old: int, new: int) -> np.ndarray:
    """(new, old) float32: the share of each new pixel's length that lies in each old pixel. Rows sum to 1."""
    edges = np.arange(new + 1) * old / new
    left, right = edges[:-1, None], edges[1:, None]
    place = np.arange(old)[None]
    overlap = np.clip(np.minimum(right, place + 1) - np.maximum(left, place), 0, None)
    return (overlap * new / old).astype(np.float32)


# ---- the tasks ----


def _of_dataset(about: About, per_class: int) -> tuple[np.ndarray, ...]:
    """The first images of a named data set in its own mixed order: enough for `per_class` of every class."""
    own = catalog.is_own(about.dataset)
    total = len(about.chosen or about.classes) if about.dataset in datasets.names() else 0
    whole = {"mnist": 10, "fashion_mnist": 10, "kmnist": 10}.get(about.dataset, total)
    most = None if own else round(1.2 * per_class * whole) + 2 * whole  # classes differ in their shares; a visitor's by much
    data = datasets.load(about.dataset, most, compact=True)
    assert data.y_train is not None and data.y_test is not None
    train, y_train = _kept(data.x_train, data.y_train, about.chosen)
    test, y_test = _kept(data.x_test, data.y_test, about.chosen)
    scale = np.float32(data.scale if train.dtype == np.uint8 else 1)
    return fitted(train) * scale, y_train, fitted(test[:MOST_TESTS]), y_test[:MOST_TESTS]


def _kept(x: np.ndarray, y: np.ndarray, chosen: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The samples of the chosen classes, with labels that count from 0."""
    if not chosen:
        return x, y
    place = np.full(int(y.max()) + 1, -1)
    place[list(chosen)] = np.arange(len(chosen))
    rows = place[y] >= 0
    return x[rows], place[y[rows]]


def _of_glyphs(about: About, per_class: int) -> tuple[np.ndarray, ...]:
    """Printed characters, each drawn anew in many sizes, slants, weights, typefaces and places."""
    images, labels = _drawn("".join(about.classes))
    images = images[:, CROP:-CROP, CROP:-CROP]
    tests = MOST_TESTS // len(about.classes) * len(about.classes)
    return fitted(images[tests:]) / 255, labels[tests:], fitted(images[:tests]) / 255, labels[:tests]


def _drawn(characters: str) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 (N, 28, 28), labels), N = 700 a character, in an order that mixes the characters evenly."""
    from replearn_core.datasets import glyphs

    if not glyphs.present():
        raise datasets.Unavailable("glyphs", "missing")
    faces, weights = glyphs.LEVELS["typeface"], glyphs.LEVELS["weight"]
    slants, sizes = (-14.0, -7.0, 0.0, 7.0, 14.0), (13.0, 15.0, 17.0, 19.0, 21.0)
    random = np.random.default_rng(714)
    looks = np.indices((len(faces), len(weights), len(slants), len(sizes), 5, 5)).reshape(6, -1).T  # (3750, 6)
    images = np.empty((700, len(characters), glyphs.SIDE, glyphs.SIDE), np.uint8)
    for place, character in enumerate(characters):
        frames: dict[tuple[int, ...], np.ndarray] = {}
        for row, look in enumerate(looks[random.permutation(len(looks))[: len(images)]]):
            face, weight, slant, size, right, down = (int(one) for one in look)
            key = face, weight, slant, size
            if key not in frames:
                frames[key] = glyphs._drawn(character, faces[face], weights[weight], slants[slant], sizes[size])
            images[row, place] = glyphs._shifted(frames[key], right - 2, down - 2)
    return images.reshape(-1, *images.shape[2:]), np.tile(np.arange(len(characters)), len(images))


def _of_bytes(about: About, per_class: int) -> tuple[np.ndarray, ...]:
    train, y_train = byteplots.render(min(per_class, about.most), 0)
    test, y_test = byteplots.render(MOST_TESTS // len(about.classes), 1)
    return fitted(train) / 255, y_train, fitted(test) / 255, y_test


_TEN = tuple("0123456789")
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_HALF, _REST = (0, 1, 2, 5, 8), (3, 4, 6, 7, 9)  # each half has tops, shoes and something else

SIDES: Mapping[str, About] = MappingProxyType(
    {
        "digits": About(_TEN, 140, "digits", _of_dataset),
        "printed_digits": About(_TEN, 600, "glyphs", _of_glyphs),
        "letters": About(tuple("ACEGIKMOQSUWY"), 620, "glyphs", _of_glyphs),
        "other_letters": About(tuple("BDFHJLNPRTVXZ"), 620, "glyphs", _of_glyphs),
        "sprites": About(("square", "ellipse", "heart"), 3_000, "sprites", _of_dataset),
        "byte_plots": About(tuple(byteplots.KINDS), 1_000, "", _of_bytes),
        "mnist": About(_TEN, 5_400, "mnist", _of_dataset),
        "kmnist": About(tuple("おきすつなはまやれを"), 600, "kmnist", _of_dataset),
        "clothes": About(tuple(_FASHION[i] for i in _HALF), 6_000, "fashion_mnist", _of_dataset, _HALF),
        "other_clothes": About(tuple(_FASHION[i] for i in _REST), 6_000, "fashion_mnist", _of_dataset, _REST),
    }
)

PAIRS: Mapping[str, Pair] = MappingProxyType(
    {
        "digits_printed": Pair("digits", "printed_digits", "similar"),
        "digits_sprites": Pair("digits", "sprites", "different"),
        "letters_letters": Pair("letters", "other_letters", "similar"),
        "letters_bytes": Pair("letters", "byte_plots", "different"),
        "mnist_kmnist": Pair("mnist", "kmnist", "similar"),
        "clothes_clothes": Pair("clothes", "other_clothes", "similar"),
        "clothes_bytes": Pair("clothes", "byte_plots", "different"),
        "mnist_clothes": Pair("mnist", "other_clothes", "different"),
    }
)
"""Pairs of tasks; those that need only what comes with the app first."""


OWN_SOURCES = ("digits", "letters")
"""Source tasks for a visitor's own target: those whose weights come with the app."""
PAIR = Choice("pair", tuple(PAIRS), "letters_letters", own=tuple(f"{source}_" for source in OWN_SOURCES))
"""A pair by name, or a source before the name of a visitor's own labelled images: `digits_own-…`."""


def pair_of(name: str) -> Pair:
    """A pair by its name. Whether a visitor's images are like the source is for them to say: `likeness` is "" there. KeyError."""
    if name in PAIRS:
        return PAIRS[name]
    source, _, target = name.partition("_")
    if name not in PAIR:
        raise KeyError(name)
    return Pair(source, target, "")


def about(name: str) -> About:
    """What is known of a task by its name. KeyError."""
    if not catalog.is_own(name):
        return SIDES[name]
    found = catalog.dataset(name)
    return About(tuple(str(place + 1) for place in range(found.classes)), found.train_size // found.classes, name, _of_dataset)


def missing(pair: str) -> tuple[str, ...]:
    """Names of the data sets of a pair that cannot be loaded here and now; no file is opened."""
    return tuple(name for name in pair_of(pair).datasets if not datasets.available(name))


def side(name: str, per_class: int = MOST_SOURCE) -> Side:
    """A task with at least `per_class` training images of each class, where there are so many. Raises datasets.Unavailable."""
    return _made(name, per_class) if catalog.is_own(name) else _remembered(name, per_class)  # own data leave with their visitor


@lru_cache(maxsize=4)
def _remembered(name: str, per_class: int) -> Side:
    return _made(name, per_class)


def _made(name: str, per_class: int) -> Side:
    known = about(name)
    arrays = known.read(known, min(per_class, known.most))
    x_train, y_train, x_test, y_test = (np.ascontiguousarray(one) for one in arrays)
    return Side(name, x_train, y_train.astype(np.int64), x_test, y_test.astype(np.int64), known.classes)


# ---- who is labelled ----


def drawn(y: np.ndarray, classes: int, per_class: int, seed: int) -> np.ndarray:
    """Places (classes · per_class,) of the labelled samples, an equal number of each class, in a mixed order.

    The choice for a smaller `per_class` is contained in that for a larger one. Raises CannotAnswer where a class is
    missing or has too few samples.
    """
    counts = np.bincount(y, minlength=classes)
    if len(y) < classes:
        raise refused("problem.fewer_than_classes", "per_class", count=len(y), classes=classes)
    if counts.min() == 0:
        raise refused("problem.class_missing", "pair", value=int(counts.argmin()) + 1, classes=classes)
    if counts.min() < per_class:
        raise refused("problem.few_in_class", "per_class", value=per_class, limit=int(counts.min()))
    random = np.random.default_rng([seed, 11])
    order = random.permutation(len(y))
    by_class = [order[y[order] == label][:per_class] for label in range(classes)]
    return np.stack(by_class, axis=1).reshape(-1)  # class after class in turn; batches are mixed by the loop


def refused(key: str, setting: str, **numbers: float) -> Exception:
    """A refusal that the engine hands to the page as a Problem."""
    from replearn_core.tasks import CannotAnswer  # here, for it imports the studies

    return CannotAnswer(key, setting, **numbers)


def problem(pair: str, per_class: int) -> Problem | None:
    """What stands in the way of this pair with so many labels a class, told without loading anything; None where nothing does."""
    lacking = missing(pair)
    if lacking:
        name = lacking[0]
        if catalog.is_own(name):
            return Problem("problem.own_left", "pair")
        numbers = {"dataset": name, "reason": "missing", "files": datasets.expected_files(name)}
        return Problem("problem.dataset_unavailable", "pair", numbers)
    limit = about(pair_of(pair).target).most
    if per_class > limit:
        return Problem("problem.few_in_class", "per_class", {"value": per_class, "limit": limit})
    return None
