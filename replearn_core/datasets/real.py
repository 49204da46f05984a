"""The real sets: MNIST, Fashion-MNIST and Kuzushiji-MNIST from a folder or from OpenML, dSprites from a folder.

The folder is what `REPLEARN_DATA` names, laid out as `<folder>/<name>/<files>`; only files in it are read, never pickles.
"""

from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

import numpy as np

from replearn_core.datasets import download, files
from replearn_core.datasets.dataset import Part, Progress, Raw, Unavailable, mixed_order, rng, split

IDX = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
KMNIST = ("kmnist-train-imgs.npz", "kmnist-train-labels.npz", "kmnist-test-imgs.npz", "kmnist-test-labels.npz")
KMNIST_EXCERPT = ("kmnist-train-first7011-imgs.npz", *KMNIST[1:])
DSPRITES = ("dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",)  # the authors' file, 737,280 images
DSPRITES_EXCERPT = ("dsprites_downsampled_46080.npz",)

TRAIN, TEST = 60_000, 10_000
DSPRITES_TEST = 0.2  # of the images


@dataclass(frozen=True)
class Real:
    """What is known about a real set beforehand. layouts: the file lists that a folder may hold, the preferred one first."""

    layouts: tuple[tuple[str, ...], ...]
    openml: str  # its name on OpenML, version 1; empty where it is not read from there
    class_names: tuple[str, ...]
    source: str
    licence: str


FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SETS = {
    "mnist": Real(
        (IDX,),
        "mnist_784",
        tuple(map(str, range(10))),
        "LeCun, Cortes & Burges 1998, The MNIST database of handwritten digits",
        "CC BY-SA 3.0",
    ),
    "fashion_mnist": Real((IDX,), "Fashion-MNIST", FASHION, "Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747", "MIT"),
    "kmnist": Real(
        (KMNIST, KMNIST_EXCERPT),
        "Kuzushiji-MNIST",
        tuple("おきすつなはまやれを"),
        "Clanuwat et al. 2018, arXiv 1812.01718; KMNIST dataset (created by CODH), adapted from Kuzushiji Dataset (NIJL et al.)",
        "CC BY-SA 4.0",
    ),
    "dsprites": Real(
        (DSPRITES_EXCERPT, DSPRITES),
        "",
        ("square", "ellipse", "heart"),
        "Matthey, Higgins, Hassabis & Lerchner 2017, dSprites; every 4th angle, every 2nd position, averaged to 32×32",
        "Apache-2.0",
    ),
}


def expected_files(name: str, folder: Path | None) -> tuple[str, ...]:
    """The files that would make the set available, the preferred layout; below "REPLEARN_DATA" if no folder is named."""
    return tuple(str((folder or Path("REPLEARN_DATA")) / name / file) for file in SETS[name].layouts[0])


def found(name: str, folder: Path | None) -> tuple[Path, ...] | None:
    """The first complete layout in the folder, or None."""
    if folder is None:
        return None
    for layout in SETS[name].layouts:
        paths = tuple(folder / name / file for file in layout)
        if all(map(isfile, paths)):  # not Path.is_file, which raises where looking is forbidden
            return paths
    return None


def origin(name: str, folder: Path | None, home: Path) -> str:
    """Where `read` would take it from: `folder`, `cache` (fetched before), `download`, or `missing`."""
    openml = SETS[name].openml
    if found(name, folder):
        return "folder"
    if not openml:
        return "missing"
    return "cache" if download.cached(name, openml, home) else "download"


def read(name: str, folder: Path | None, home: Path, on_progress: Progress | None = None) -> Raw:
    """The whole set, from the folder if it is there, else from OpenML. Raises Unavailable, files.Damaged, OSError."""
    paths = found(name, folder)
    if name == "dsprites":
        if paths is None:
            raise Unavailable(name, "missing", expected_files(name, folder))
        return _dsprites(paths[0], on_progress)
    if paths is None:
        train, test = _from_openml(name, folder, home, on_progress)
    else:
        train, test = (_pair(paths[0], paths[1], TRAIN), _pair(paths[2], paths[3], TEST))
    train = train.rows(mixed_order(train.y, len(train.x), rng(name)))
    about = SETS[name]
    return Raw(train, test, 1 / 255, about.class_names, (), about.source, about.licence)


def _pair(images: Path, labels: Path, most: int) -> Part:
    """Images and labels 0 to 9 of one half, from IDX or npz, at most `most` of them. Only KMNIST's labels may be more."""
    if images.suffix == ".gz":
        x, y = files.read_idx(images, (most, 28, 28)), files.read_idx(labels, (most,))
    else:
        x, y = files.read_npz(images, "arr_0", (most, 28, 28)), files.read_npz(labels, "arr_0", (most,))
    excerpt = images.name in KMNIST_EXCERPT
    if len(y) != len(x) and not (excerpt and len(y) > len(x)) or y.dtype != np.uint8 or y.max() > 9:
        raise files.Damaged(labels)
    if x.dtype != np.uint8:
        raise files.Damaged(images)
    return Part(x, y[: len(x)])


def _from_openml(name: str, folder: Path | None, home: Path, on_progress: Progress | None) -> tuple[Part, Part]:
    """The copy that an earlier download left, or a new download; OpenML keeps the first 60,000 rows for training."""
    copy = download.copy_of(name, home)
    if not isfile(copy):
        try:
            download.fetch(name, SETS[name].openml, home, on_progress)
        except download.Failed as error:
            raise Unavailable(name, "download", expected_files(name, folder)) from error
    x = files.read_npz(copy, "x", (TRAIN + TEST, 28, 28))
    y = files.read_npz(copy, "y", (TRAIN + TEST,))
    if not len(x) == len(y) == TRAIN + TEST or x.dtype != np.uint8 or y.dtype != np.uint8 or y.max() > 9:
        raise files.Damaged(copy)
    return Part(x[:TRAIN], y[:TRAIN]), Part(x[TRAIN:], y[TRAIN:])


def _dsprites(file: Path, on_progress: Progress | None) -> Raw:
    """46,080 images on a complete grid of 3 shapes × 6 scales × 10 angles × 16 × 16 places; y is the shape.

    From the authors' file only every 4th angle and every 2nd position is kept, which is what the excerpt holds. Images are
    averaged over 2×2 pixels, 64×64 → 32×32, since 46,080 full ones would take 750 MB as float32. A square or an ellipse
    turned by 180° is the same image but for a few rim pixels: such twins stay on one side of the split.
    """
    total, columns = (737_280, 6) if file.name in DSPRITES else (46_080, 5)
    classes = files.read_npz(file, "latents_classes", (total, columns))[:, -5:].astype(np.int64)
    kept = np.ones(len(classes), bool) if columns == 5 else _every_few(classes)
    levels = np.stack([np.unique(column, return_inverse=True)[1] for column in classes[kept].T], 1)
    x = np.empty((len(levels), 32, 32), np.uint8)
    done = seen = 0
    for images in files.stream_npz(file, "imgs", (total, 64, 64), rows=1024):
        here = kept[seen : seen + len(images)]
        if images.dtype != np.uint8 or images.max() > 1 or len(here) != len(images):
            raise files.Damaged(file)
        x[done : done + here.sum()] = _halved(images[here])
        done, seen = done + int(here.sum()), seen + len(images)
        if on_progress:
            on_progress(seen, total)
    if seen != len(kept) or levels[:, 0].max() > 2:
        raise files.Damaged(file)
    train, test = _split_distinct(x, levels)
    about = SETS["dsprites"]
    return Raw(train, test, 1 / 4, about.class_names, ("shape", "scale", "angle", "x", "y"), about.source, about.licence)


def _every_few(classes: np.ndarray) -> np.ndarray:
    return (classes[:, 2] % 4 == 0) & (classes[:, 3] % 2 == 0) & (classes[:, 4] % 2 == 0)


def _halved(images: np.ndarray) -> np.ndarray:
    """Sums over 2×2 pixels, uint8 0 to 4, (N, 32, 32)."""
    return images[:, ::2, ::2] + images[:, ::2, 1::2] + images[:, 1::2, ::2] + images[:, 1::2, 1::2]


def _split_distinct(x: np.ndarray, levels: np.ndarray) -> tuple[Part, Part]:
    """A split of 80 : 20 in which twins, the same shape turned by 180°, are on one side. Hearts have no twin."""
    random = rng("dsprites")
    shape, looks = levels[:, 0], levels.copy()  # (N,), (N, 5)
    looks[:, 2] %= np.where(shape < 2, 5, 10)  # ten angles of 36°: level k + 5 repeats level k, but for hearts
    _, first, look = np.unique(looks, axis=0, return_index=True, return_inverse=True)
    _, held_out = split(Part(np.arange(len(first)), shape[first]), round(DSPRITES_TEST * len(first)), random)
    in_test = np.isin(look, held_out.x)
    halves = (np.flatnonzero(~in_test), np.flatnonzero(in_test))
    train, test = (Part(x, shape, levels).rows(half[mixed_order(shape[half], len(half), random)]) for half in halves)
    return train, test
