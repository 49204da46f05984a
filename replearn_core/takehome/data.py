"""The part of a script that makes x_train and x_test: the same images, split and order as in the app."""

from replearn_core import catalog
from replearn_core.experiment import Experiment
from replearn_core.takehome.source import quoted

DIGITS = """
from sklearn.datasets import load_digits

bunch = load_digits()
images, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
random = rng("digits")
order = mixed_order(labels, len(images), random)
test, rest = order[:360], order[360:]
rest = rest[mixed_order(labels[rest], len(rest), random)]
x_train, x_test = unit_range(images[rest], 1 / 16), unit_range(images[test], 1 / 16)
"""
OPENML = """
from sklearn.datasets import fetch_openml

bunch = fetch_openml("{openml}", version=1, as_frame=False, parser="auto")  # some minutes and a gigabyte of memory, once
images = bunch.data.astype(np.uint8).reshape(-1, 28, 28)
labels = bunch.target.astype(np.float64).astype(np.uint8)
order = mixed_order(labels[:60_000], 60_000, rng("{name}"))[:{samples}]
x_train, x_test = unit_range(images[order], 1 / 255), unit_range(images[60_000:], 1 / 255)
"""
FROM_FILE = """
arrays = np.load("data.npz")  # beside this script: x_train and x_test, bytes, and what to multiply them with
x_train, x_test = (unit_range(arrays[name], float(arrays["scale"])) for name in ("x_train", "x_test"))
"""
OWN = """
import os

if not os.path.isfile("data.npz"):
    raise SystemExit("data.npz is missing: your own data. Download it beside the run, and put it into the folder of this script.")
with np.load("data.npz") as arrays:
    if (len(arrays["x_train"]), len(arrays["x_test"])) != ({train}, {test}):
        raise SystemExit("This data.npz is another one: this run was trained on {train} samples and tested on {test}.")
"""
PATCHES = """
from sklearn.datasets import load_sample_images

luma = np.array([0.299, 0.587, 0.114], np.float32) / 255
photographs = [image @ luma for image in load_sample_images().images]
random = rng("patches")
places = _places([photograph.shape for photograph in photographs], random)
x_train, x_test = (_cut(photographs, part, count) for part, count in zip(places, (TRAIN, TEST)))
matrix = _whitening(x_train)
x_train, x_test = x_train @ matrix, x_test @ matrix
scale = 1 / (2 * SPAN * x_train.std())
x_train, x_test = (np.clip(0.5 + v * scale, 0, 1).astype(np.float32) for v in (x_train, x_test))
x_train, x_test = unit_range(x_train, 1.0), unit_range(x_test, 1.0)
"""
SPRITES = """
levels = grid()
random = rng("sprites")
order = mixed_order(levels[:, 0], len(levels), random)
test, rest = order[:TEST], order[TEST:]
rest = rest[mixed_order(levels[rest, 0], len(rest), random)][:TRAIN]
x_train, x_test = unit_range(render_levels(levels[rest]), 1 / 255), unit_range(render_levels(levels[test]), 1 / 255)
"""
POINTS = """
random = rng("{name}")
(train, labels, _), (test, _, _) = {name}(TRAIN, random), {name}(TEST, random)
low, high = train.min(0), train.max(0)
scale = (1 - 2 * MARGIN) / (high - low).max()
train, test = ((x - (low + high) / 2) * scale + 0.5 for x in (train, test))
train = train[mixed_order(labels, TRAIN, random)]
x_train, x_test = unit_range(train, 1.0), unit_range(test, 1.0)
"""
OPENML_NAMES = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST"}
_PHOTOGRAPHS = ("SIDE", "TRAIN", "TEST", "BLOCKS", "TEST_BLOCKS", "CUTOFF", "MIN_CONTRAST", "CONTRAST_FLOOR", "SPAN")
_SPRITES = ("SIDE", "SHAPES", "LEVELS", "TRAIN", "TEST", "HEART_AREA")


def data_code(e: Experiment) -> str:
    """Code that leaves x_train (N, D) and x_test (M, D), float32 tensors in [0, 1]."""
    ending = f"x_train = torch.from_numpy(x_train[:{e.samples}]).flatten(1)  # (N, {e.data.size})\n"
    ending += "x_test = torch.from_numpy(x_test).flatten(1)\n"
    return _made(e) + "\n" + ending


def _made(e: Experiment) -> str:
    shared = quoted("datasets/dataset.py", "rng", "mixed_order", "unit_range") + "\n"
    name = e.dataset
    if name == "digits":
        return shared + DIGITS
    if name == "patches":
        return (
            shared + quoted("datasets/photographs.py", *_PHOTOGRAPHS, "_places", "_cut", "_whitening", "_frequencies") + PATCHES
        )
    if name == "sprites":
        drawing = quoted("datasets/sprites.py", *_SPRITES, "_render", "_square", "_ellipse", "_heart", "grid", "render_levels")
        return shared + drawing + SPRITES
    if name in ("spirals", "moons", "s_curve", "swiss_roll"):
        helpers = ("_spiral_length", "_spiral_angle") if name in ("spirals", "swiss_roll") else ()
        return shared + quoted("datasets/manifolds.py", "TRAIN", "TEST", "MARGIN", name, *helpers) + POINTS.format(name=name)
    if name in OPENML_NAMES:
        return shared + OPENML.format(openml=OPENML_NAMES[name], name=name, samples=e.samples)
    asked = OWN.format(name=name, train=e.data.train_size, test=e.data.test_size) if catalog.is_own(name) else ""
    return quoted("datasets/dataset.py", "unit_range") + "\n" + asked + FROM_FILE
