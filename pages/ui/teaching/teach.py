"""`teach=` in the address, as a value: which knobs are locked or hidden, whose seed, which question. People can read it.

    teach=lock:dataset,epochs;hide:sparsity;seed:own;q:What does a code of two numbers keep?

`open:a,b` locks every knob but these. `seed:own` draws one for each student, `seed:7` fixes it. `q:` comes last, with all that
follows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from replearn_core import catalog
from replearn_core.experiment import Experiment, Problem
from replearn_core.room_values import MOST_TEXT, plain

MOST = 1_000  # characters of the whole value
OWN = "own"
SEEDS = ("seed", "first_seed")  # what a page calls it
LAB = (
    *("dataset", "variant", "code_size", "epochs", "learning_rate", "seed", "corruption", "sparsity", "contraction"),
    *("hidden", "activation", "code", "network", "tied", "reconstruction", "strategy", "batch_size", "train_size"),
)
"""The lab's knobs; each stands for all that belongs to it, so `sparsity` also for its kind and strength."""
_PART_OF = {
    "variant_other": "variant",
    "corruption_kind": "corruption",
    **dict.fromkeys(("sparsity_kind", "k", "target"), "sparsity"),
    **dict.fromkeys(("alpha", "steps", "layers", "gaussian_kl", "prediction"), "code"),
}
_MORE = {"latent": ("run", "epoch", "classes", "errors"), "deployment": ("run",)}
"""Knobs that a link sets and a lesson does not."""
_PENALTIES = {"l1": "sparsity", "kl_sparsity": "sparsity", "contraction": "contraction"}


@dataclass(frozen=True)
class Teach:
    """lock, hide: names of knobs. open_only: the only ones that are free, where there are any. seed: OWN, a number, or None."""

    lock: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    open_only: tuple[str, ...] = ()
    seed: int | str | None = None
    question: str = ""

    @property
    def named(self) -> tuple[str, ...]:
        return (*self.lock, *self.hide, *self.open_only)

    def hidden(self, name: str) -> bool:
        return name in self.hide

    def locked(self, name: str) -> bool:
        """Whether a knob cannot be turned; a hidden one cannot either."""
        if name in self.lock or name in self.hide or (self.seed is not None and name in SEEDS):
            return True
        return bool(self.open_only) and name not in self.open_only


NOTHING = Teach()


def spelled(said: Teach) -> str:
    """As it stands in the address; empty for nothing."""
    parts = [f"{name}:{','.join(names)}" for name, names in _lists(said) if names]
    parts += [f"seed:{said.seed}"] if said.seed is not None else []
    parts += [f"q:{said.question}"] if said.question else []
    return ";".join(parts)


def _lists(said: Teach) -> Iterable[tuple[str, tuple[str, ...]]]:
    return (("lock", said.lock), ("hide", said.hide), ("open", said.open_only))


@lru_cache(maxsize=256)
def read(text: str) -> tuple[Teach, tuple[Problem, ...]]:
    """What a link says, and what of it could not be used; the rest works. Names of knobs are not looked up here."""
    problems: list[Problem] = []
    if len(text) > MOST:
        return NOTHING, (Problem("problem.teach_long", "teach", {"limit": MOST}),)
    before, marker, question = text.partition(";q:") if not text.startswith("q:") else ("", "q:", text[2:])
    lists: dict[str, tuple[str, ...]] = {}
    seed: int | str | None = None
    for part in filter(None, before.split(";")):
        word, _, rest = part.partition(":")
        if word in ("lock", "hide", "open") and word not in lists:
            lists[word] = tuple(dict.fromkeys(plain(one, 40) for one in rest.split(",") if plain(one, 40)))
        elif word == "seed" and seed is None:
            seed = _seed(rest, problems)
        else:
            problems.append(Problem("problem.teach_part", "teach", {"value": plain(part, 40)}))
    asked = plain(question, MOST_TEXT) if marker else ""
    if len(question) > MOST_TEXT:
        problems.append(Problem("problem.teach_question", "teach", {"limit": MOST_TEXT}))
    return Teach(lists.get("lock", ()), lists.get("hide", ()), lists.get("open", ()), seed, asked), tuple(problems)


def _seed(text: str, problems: list[Problem]) -> int | str | None:
    knob = catalog.BOUNDS["seed"]
    if text == OWN:
        return OWN
    if text.isascii() and text.isdigit() and len(text) < 12 and knob.low <= int(text) <= knob.high:
        return int(text)
    problems.append(Problem("problem.out_of_range", "seed", {"value": plain(text, 40), "low": knob.low, "high": knob.high}))
    return None


# ---- which knobs there are ----


def knob_of(field: str) -> str:
    """The knob to which a widget of the lab belongs: `penalty.l1` and `target` to `sparsity`."""
    head, _, tail = field.partition(".")
    if head == "corruption":
        return head
    return _PENALTIES.get(tail, _PART_OF.get(tail, "code")) if head == "penalty" else _PART_OF.get(field, field)


def known(name: str) -> bool:
    """Whether any page has a knob of this name."""
    return name in LAB or name in _elsewhere()


def of_page(page: str) -> tuple[str, ...]:
    """The knobs of a page, in its own order; none where a page has no settings."""
    if page == "autoencoder":
        return LAB
    return tuple(dict.fromkeys(name for names in parts_of(page).values() for name in names))


@lru_cache
def parts_of(page: str) -> Mapping[str, tuple[str, ...]]:
    """Part of a page → its knobs; one part "" where it has none. Imports the page's modules."""
    from pages.ui.lessons import views

    if page not in views.PANELS or page == "autoencoder":
        return {}
    part = views.options_of(page, {}).get("part")
    parts = getattr(part, "values", ()) or ("",)
    options = {one: views.options_of(page, {"part": one} if one else {}) for one in parts}
    return {one: tuple(name for name in (*_MORE.get(page, ()), *found) if name != "part") for one, found in options.items()}


@lru_cache
def _elsewhere() -> frozenset[str]:
    from pages.ui.lessons import views

    return frozenset({name for page in views.PANELS for name in of_page(page)} | {"part", *Experiment.model_fields} - {"version"})
