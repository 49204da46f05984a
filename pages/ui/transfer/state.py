"""Which part is on screen, with which knobs, and how its question stands. The address and the session are its two spellings.

Nothing is computed here, and no link starts work: `press` asks the engine, everything else only looks.
"""

from pages.ui import questions
from pages.ui.address import Address
from pages.ui.questions import Asked
from replearn_core import claims, studies, tasks
from replearn_core.catalog import Knob
from replearn_core.comparisons import pairs, quadrant, sources
from replearn_core.experiment import Problem
from replearn_core.options import Choice, Option

PARTS = ("race", "quadrant", "layers", "advice")
OWN_DATA: dict[str, Option] = {
    "labels": Knob("labels", r"\text{labels}", 2, 100_000, 100, integer=True),
    "classes": Knob("classes", r"\text{classes}", 2, 1_000, 10, integer=True),
    "likeness": Choice("likeness", quadrant.LIKENESSES, "similar"),
    "compute": Choice("compute", tuple(quadrant.ALLOWED), "some"),
}
"""What the adviser asks about a visitor's own data."""
SHARED = ("pair", "source", "width", "depth", "seeds", "first_seed")  # settings that mean the same in every part


def options_of(name: str) -> dict[str, Option]:
    """The settings of a part by name."""
    return OWN_DATA if name == "advice" else {one.name: one for one in studies.options_of(name)}


ADDRESS = Address("transfer", options_of, parts=PARTS, shared=lambda part, other: SHARED)


# ---- the question ----


def question(name: str | None = None, chosen: dict[str, float | str] | None = None) -> Asked:
    """How the study of a part stands, with its settings; asking for it is `questions.press`'s."""
    name = name or ADDRESS.part()
    options = ADDRESS.settings() if chosen is None else chosen
    folders = (claims.SHIPPED, sources.FOLDER)
    return questions.asked(name, options, lacking=lambda task: _in_the_way(name, task), folders=folders)


def _in_the_way(name: str, task: tasks.Task) -> Problem | None:
    """Data that are not here, or shipped weights that do not fit the network: told before anybody waits."""
    settings = studies.settings_of(name, task.options)
    chosen = [settings.similar, settings.different] if name == "quadrant" else [settings.pair]  # type: ignore[attr-defined]
    for pair in chosen:
        found = pairs.problem(pair, 1)
        source = pairs.pair_of(pair).source
        if found is None and settings.source == "shipped" and source in sources.SHIPPED:  # type: ignore[attr-defined]
            found = sources.problem(source, settings.recipe)  # type: ignore[attr-defined]
        if found is not None:
            return found
    return None
