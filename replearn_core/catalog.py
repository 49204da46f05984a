"""What can be chosen: data sets, code types, corruptions, penalties, variants; with bounds, defaults, equations and papers.

Read by `experiment.py` (to validate), by the pages (to make widgets) and by `python -m replearn_core catalog` (as JSON).
Names here are keys: the sentences for them stand in assets/i18n, one per language, and a test refuses an entry without them.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal


@dataclass(frozen=True)
class Knob:
    """One number that a visitor can set. `low` and `high` are inclusive; `symbol` is LaTeX."""

    name: str
    symbol: str
    low: float
    high: float
    default: float
    integer: bool = False
    logarithmic: bool = False


@dataclass(frozen=True)
class Entry:
    """One named choice. `strength` is the meaning of a Term's weight; `options` are its further numbers."""

    name: str
    equation: str
    paper: str = ""
    strength: Knob | None = None
    options: tuple[Knob, ...] = ()
    code_names: str = ""  # the function that computes it, shown beside the equation


@dataclass(frozen=True)
class DatasetEntry:
    """A data set as the pages need it before any array is loaded. `classes` is 0 where there are no labels."""

    name: str
    kind: Literal["image", "points"]
    shape: tuple[int, ...]
    train_size: int  # all that there is
    test_size: int
    usual_train_size: int  # what a first visit trains on, so that it is quick
    classes: int
    embedded: bool
    licence: str
    source: str

    @property
    def size(self) -> int:
        """Numbers per sample, D."""
        product = 1
        for side in self.shape:
            product *= side
        return product


@dataclass(frozen=True)
class Variant:
    """A preset over the five slots: the fields of an Experiment that it sets; the rest keep their defaults."""

    name: str
    equation: str
    paper: str
    lecture: bool  # one of the six of the lecture, shown as a card
    settings: Mapping[str, Any] = field(default_factory=dict)


def _by_name(*entries):
    return MappingProxyType({entry.name: entry for entry in entries})


ACTIVATIONS = ("relu", "sigmoid", "tanh", "leaky_relu", "linear")
NETWORKS = ("dense", "conv")
STRATEGIES = ("end_to_end", "greedy", "greedy_frozen")

# Bounds of the plain numbers of an Experiment, used by its validation and by the pages' sliders alike.
BOUNDS = _by_name(
    Knob("train_size", "N", 16, 60_000, 2_000, integer=True, logarithmic=True),
    Knob("code_size", "K", 1, 2_048, 32, integer=True, logarithmic=True),
    Knob("hidden", "H", 1, 2_048, 128, integer=True, logarithmic=True),
    Knob("epochs", r"\text{epochs}", 1, 2_000, 60, integer=True, logarithmic=True),
    Knob("batch_size", "B", 1, 4_096, 128, integer=True, logarithmic=True),
    Knob("learning_rate", r"\eta", 1e-6, 1.0, 2e-3, logarithmic=True),
    Knob("seed", r"\text{seed}", 0, 2**31 - 1, 0, integer=True),
)
MAX_HIDDEN_LAYERS = 6

RECONSTRUCTIONS = _by_name(
    Entry("squared_error", r"\lVert x-\hat x\rVert^2", "Goodfellow, Bengio & Courville 2016, ch. 14", code_names="squared_error"),
    Entry(
        "cross_entropy",
        r"-\sum_i x_i\log\hat x_i+(1-x_i)\log(1-\hat x_i)",
        "Vincent et al. 2010, JMLR 11",
        code_names="cross_entropy",
    ),
)

CODES = _by_name(
    Entry("linear", r"h=Wx+b", "Bourlard & Kamp 1988"),
    Entry("sigmoid", r"h=\sigma(Wx+b)", "Goodfellow, Bengio & Courville 2016, ch. 14"),
    Entry("tanh", r"h=\tanh(Wx+b)", "Goodfellow, Bengio & Courville 2016, ch. 14"),
    Entry("relu", r"h=\max(0,Wx+b)", "Glorot, Bordes & Bengio 2011"),
    Entry(
        "k_sparse",
        r"h=\operatorname{top}_k(Wx+b)",
        "Makhzani & Frey 2013, arXiv 1312.5663",
        options=(Knob("k", "k", 1, 2_048, 8, integer=True), Knob("alpha", r"\alpha", 1, 10, 1.5)),
        code_names="k_sparse",
    ),
    Entry("gaussian", r"h=\mu(x)+\sigma(x)\odot\varepsilon", "Kingma & Welling 2013, arXiv 1312.6114"),
    Entry(
        "predictive",
        r"f(x)=G\tanh(Wx+b)",
        "Kavukcuoglu, Ranzato & LeCun 2008, arXiv 1010.3467",
        options=(Knob("steps", "T", 1, 200, 15, integer=True),),
    ),
    Entry(
        "lista",
        r"z\leftarrow h_\theta(W_ex+Sz)",
        "Gregor & LeCun 2010, ICML",
        options=(Knob("steps", "T", 1, 200, 15, integer=True), Knob("layers", "L", 1, 20, 3, integer=True)),
    ),
)

CORRUPTIONS = _by_name(
    Entry(
        "gaussian",
        r"\tilde x=x+\sigma\varepsilon",
        "Vincent et al. 2010, JMLR 11",
        strength=Knob("gaussian", r"\sigma", 0, 1, 0.3),
        code_names="gaussian",
    ),
    Entry(
        "masking",
        r"\tilde x=x\odot m,\;m_i\sim\mathrm{Bernoulli}(1-\nu)",
        "Vincent et al. 2008, ICML",
        strength=Knob("masking", r"\nu", 0, 0.95, 0.3),
        code_names="masking",
    ),
    Entry(
        "salt_and_pepper",
        r"\tilde x_i\in\{0,1\}\text{ with probability }\nu",
        "Vincent et al. 2010, JMLR 11",
        strength=Knob("salt_and_pepper", r"\nu", 0, 0.95, 0.2),
        code_names="salt_and_pepper",
    ),
)

PENALTIES = _by_name(
    Entry(
        "l1",
        r"\lambda\sum_j|h_j|",
        "Olshausen & Field 1996, Nature 381",
        strength=Knob("l1", r"\lambda", 0, 100, 0.05, logarithmic=True),
        code_names="l1",
    ),
    Entry(
        "kl_sparsity",
        r"\beta\sum_j\mathrm{KL}(\rho\,\Vert\,\hat\rho_j)",
        "Ng 2011, CS294A lecture notes",
        strength=Knob("kl_sparsity", r"\beta", 0, 100, 1.0, logarithmic=True),
        options=(Knob("target", r"\rho", 0.001, 0.5, 0.05),),
        code_names="kl_sparsity",
    ),
    Entry(
        "contraction",
        r"\lambda\lVert\partial h/\partial x\rVert_F^2",
        "Rifai et al. 2011, ICML",
        strength=Knob("contraction", r"\lambda", 0, 100, 0.1, logarithmic=True),
        code_names="contraction",
    ),
    Entry(
        "gaussian_kl",
        r"\beta\,\mathrm{KL}(q(h|x)\,\Vert\,\mathcal N(0,I))",
        "Higgins et al. 2017, ICLR",
        strength=Knob("gaussian_kl", r"\beta", 0, 100, 1.0, logarithmic=True),
        code_names="gaussian_kl",
    ),
    Entry(
        "prediction",
        r"\gamma\lVert z^*-f(x)\rVert^2",
        "Kavukcuoglu, Ranzato & LeCun 2008, arXiv 1010.3467",
        strength=Knob("prediction", r"\gamma", 0, 100, 1.0, logarithmic=True),
        code_names="prediction",
    ),
)


def _image(name, side, train, test, usual, classes, embedded, licence, source):
    return DatasetEntry(name, "image", (side, side), train, test, usual, classes, embedded, licence, source)


def _points(name, size, classes, source):
    return DatasetEntry(name, "points", (size,), 2_000, 1_000, 2_000, classes, True, "Apache-2.0", source)


_OWN = "Representation Learning Lab, replearn_core.datasets"
DATASETS = _by_name(
    _image("digits", 8, 1_437, 360, 1_437, 10, True, "CC BY 4.0", "Alpaydin & Kaynak 1998, UCI Machine Learning Repository"),
    _image("glyphs", 28, 8_000, 2_000, 8_000, 99, True, "SIL OFL 1.1", _OWN),
    _image("sprites", 32, 10_000, 2_000, 8_000, 3, True, "Apache-2.0", _OWN),
    _image("patches", 12, 10_000, 2_000, 10_000, 0, True, "CC BY 2.0", "scikit-learn sample images; Olshausen & Field 1996"),
    _image("mnist", 28, 60_000, 10_000, 10_000, 10, False, "CC BY-SA 3.0", "LeCun, Cortes & Burges 1998"),
    _image("fashion_mnist", 28, 60_000, 10_000, 10_000, 10, False, "MIT", "Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747"),
    _image("kmnist", 28, 60_000, 10_000, 7_011, 10, False, "CC BY-SA 4.0", "Clanuwat et al. 2018, arXiv 1812.01718"),
    _image("dsprites", 32, 36_864, 9_216, 4_000, 3, False, "Apache-2.0", "Matthey, Higgins, Hassabis & Lerchner 2017"),
    _points("spirals", 2, 2, _OWN),
    _points("moons", 2, 2, "scikit-learn make_moons"),
    _points("s_curve", 3, 0, "scikit-learn make_s_curve"),
    _points("swiss_roll", 3, 0, "Tenenbaum, de Silva & Langford 2000; scikit-learn make_swiss_roll"),
)


OWN = re.compile(r"own-([iv])(\d{1,3})-(\d{1,5})-(\d{1,5})-(\d{1,3})-([0-9a-f]{32})", re.ASCII)
"""A visitor's own data set: kind, side or width, training and held-out samples, classes, and 128 random bits.

Its name says what must be known before any array is read, so that an experiment is checked alike in every process; and nobody can
guess it: who has the name has the data (`own/kept.py`).
"""
OWN_SIDES = (8, 16, 28, 32, 64)  # of images, in pixels
OWN_WIDTH = 200  # numbers a sample of a table, at most
OWN_USUAL = 10_000, 4_000  # training samples of a first run, of usual images and of those beyond 32 pixels


def own_name(images: bool, size: int, train: int, test: int, classes: int, secret: str) -> str:
    """The name of a visitor's data set; `secret` is 128 random bits as 32 hexadecimal digits."""
    return f"own-{'i' if images else 'v'}{size}-{train}-{test}-{classes}-{secret}"


def dataset(name: str) -> DatasetEntry:
    """What is known of a data set by its name alone, a visitor's own among them. KeyError for a name that can be none."""
    if name in DATASETS:
        return DATASETS[name]
    found = OWN.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise KeyError(name)
    size, train, test, classes = (int(found[place]) for place in (2, 3, 4, 5))
    images = found[1] == "i"
    sizes = size in OWN_SIDES if images else 2 <= size <= OWN_WIDTH
    counts = 16 <= train <= 60_000 and 1 <= test <= 60_000 and classes != 1
    if not sizes or not counts or name != own_name(images, size, train, test, classes, found[6]):
        raise KeyError(name)
    usual = min(train, OWN_USUAL[images and size > 32])
    shape = (size, size) if images else (size,)
    return DatasetEntry(name, "image" if images else "points", shape, train, test, usual, classes, False, "–", "")


def is_own(name: str) -> bool:
    """Whether this names a visitor's own data set."""
    return isinstance(name, str) and name.startswith("own-")


def _settings(**fields):
    return MappingProxyType(fields)


# The order of the cards follows the lecture. Sizes are words (`narrow`, `wide`): `presets.preset` turns them into numbers.
VARIANTS = _by_name(
    Variant(
        "undercomplete",
        r"\lVert x-g(f(x))\rVert^2,\quad K\ll D",
        "Goodfellow, Bengio & Courville 2016, 14.1",
        True,
        _settings(code="sigmoid", code_size="narrow"),
    ),
    Variant(
        "sparse",
        r"\lVert x-\hat x\rVert^2+\beta\sum_j\mathrm{KL}(\rho\,\Vert\,\hat\rho_j)",
        "Ng 2011, CS294A lecture notes",
        True,
        _settings(code="sigmoid", code_size="wide", penalties=(("kl_sparsity", 0.3, {"target": 0.05}),)),
    ),
    Variant(
        "denoising",
        r"\lVert x-g(f(\tilde x))\rVert^2",
        "Vincent et al. 2008, ICML",
        True,
        _settings(code="sigmoid", code_size="wide", tied=True, corruption=("masking", 0.3, {})),
    ),
    Variant(
        "contractive",
        r"\lVert x-\hat x\rVert^2+\lambda\lVert\partial h/\partial x\rVert_F^2",
        "Rifai et al. 2011, ICML",
        True,
        _settings(code="sigmoid", code_size="wide", tied=True, penalties=(("contraction", 0.1, {}),)),
    ),
    Variant(
        "deep",
        r"\lVert x-g_1(g_2(f_2(f_1(x))))\rVert^2",
        "Hinton & Salakhutdinov 2006, Science 313",
        True,
        _settings(code="linear", code_size="narrow", hidden="deep", activation="relu"),
    ),
    Variant(
        "psc",
        r"\lVert x-Dz\rVert^2+\lambda\lVert z\rVert_1+\gamma\lVert z-f(x)\rVert^2",
        "Kavukcuoglu, Ranzato & LeCun 2008, arXiv 1010.3467",
        True,
        _settings(code="predictive", code_size="wide", penalties=(("l1", 0.5, {}), ("prediction", 1.0, {}))),
    ),
    Variant(
        "overcomplete", r"K>D", "Goodfellow, Bengio & Courville 2016, 14.2", False, _settings(code="sigmoid", code_size="wide")
    ),
    Variant("linear", r"\hat x=VWx", "Bourlard & Kamp 1988", False, _settings(code="linear", code_size="narrow")),
    Variant(
        "sparse_l1",
        r"\lVert x-\hat x\rVert^2+\lambda\sum_j|h_j|",
        "Goodfellow, Bengio & Courville 2016, 14.2.1",
        False,
        _settings(code="relu", code_size="wide", penalties=(("l1", 0.05, {}),)),
    ),
    Variant(
        "k_sparse",
        r"\hat x=W^\top\operatorname{top}_k(Wx+b)+c",
        "Makhzani & Frey 2013, arXiv 1312.5663",
        False,
        _settings(code="k_sparse", code_size="wide", tied=True),
    ),
    Variant(
        "lista",
        r"z\leftarrow h_\theta(W_ex+Sz)",
        "Gregor & LeCun 2010, ICML",
        False,
        _settings(code="lista", code_size="wide", penalties=(("l1", 0.5, {}), ("prediction", 1.0, {}))),
    ),
    Variant(
        "vae",
        r"-\mathbb E_q\log p(x|h)+\mathrm{KL}(q(h|x)\,\Vert\,p(h))",
        "Kingma & Welling 2013, arXiv 1312.6114",
        False,
        _settings(
            code="gaussian",
            code_size="latent",
            hidden="shallow",
            reconstruction="cross_entropy",
            penalties=(("gaussian_kl", 1.0, {}),),
        ),
    ),
    Variant(
        "beta_vae",
        r"-\mathbb E_q\log p(x|h)+\beta\,\mathrm{KL}(q(h|x)\,\Vert\,p(h))",
        "Higgins et al. 2017, ICLR",
        False,
        _settings(
            code="gaussian",
            code_size="latent",
            hidden="shallow",
            reconstruction="cross_entropy",
            penalties=(("gaussian_kl", "strong", {}),),
        ),
    ),
)


def as_json() -> dict[str, Any]:
    """The whole catalogue as plain values: what `python -m replearn_core catalog` prints."""
    groups = {
        "datasets": DATASETS,
        "variants": VARIANTS,
        "codes": CODES,
        "corruptions": CORRUPTIONS,
        "penalties": PENALTIES,
        "reconstructions": RECONSTRUCTIONS,
        "bounds": BOUNDS,
    }
    listed = {group: [_plain(entry) for entry in entries.values()] for group, entries in groups.items()}
    return listed | {"activations": list(ACTIVATIONS), "networks": list(NETWORKS), "strategies": list(STRATEGIES)}


def _plain(entry) -> dict[str, Any]:
    return dict(vars(entry)) | {"settings": dict(entry.settings)} if isinstance(entry, Variant) else asdict(entry)
