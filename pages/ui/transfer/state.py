"""Which part is on screen, with which knobs, and how its question stands. The address and the session are its two spellings.

Nothing is computed here, and no link starts work: `press` asks the engine, everything else only looks.
"""

from pages.ui import questions, session
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


def part() -> str:
    """The part on screen."""
    found = session.get("transfer.turned", {}).get("part", PARTS[0])
    return found if found in PARTS else PARTS[0]


def options_of(name: str) -> dict[str, Option]:
    """The settings of a part by name."""
    chosen: dict[str, Option] = {"part": Choice("part", PARTS, PARTS[0])}
    if name == "advice":
        return chosen | OWN_DATA
    return chosen | {one.name: one for one in studies.options_of(name)}


ADDRESS = Address("transfer", lambda: options_of(part()))


def follow_link() -> None:
    """Take over what the address says, once per address."""
    ADDRESS.follow(PARTS)


def show(name: str) -> None:
    """Another part: settings that both have stay, the others go back to their defaults."""
    if name not in PARTS:
        return
    known, before = options_of(name), dict(session.get("transfer.turned", {}))
    kept = {key: before[key] for key in SHARED if key in before and key in known}
    session.put("transfer.turned", kept | ({"part": name} if name != PARTS[0] else {}))
    session.put("transfer.problems", ())


def usual() -> None:
    """All knobs of the part on screen back to their defaults."""
    session.put("transfer.turned", {"part": part()} if part() != PARTS[0] else {})


def values() -> dict[str, float | str]:
    """Every setting of the part on screen."""
    return {name: ADDRESS.values[name] for name in options_of(part()) if name != "part"}


# ---- the question ----


def question(name: str | None = None, chosen: dict[str, float | str] | None = None) -> Asked:
    """How the study of a part stands, with its settings; asking for it is `questions.press`'s."""
    name = name or part()
    options = values() if chosen is None else chosen
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
