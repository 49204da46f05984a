"""Which part is on screen, with which knobs, and how its question stands. Nothing is computed here, and no link starts work."""

from pages.ui import questions, session
from pages.ui.address import Address
from pages.ui.questions import Asked
from replearn_core import datasets, studies
from replearn_core.experiment import Problem
from replearn_core.options import Choice, Option

PARTS = ("pretraining", "borders")


def part() -> str:
    """The part on screen: the name of its study."""
    found = session.get("pretraining.turned", {}).get("part", PARTS[0])
    return found if found in PARTS else PARTS[0]


def options_of(name: str) -> dict[str, Option]:
    """The settings of a part by name."""
    chosen: dict[str, Option] = {"part": Choice("part", PARTS, PARTS[0])}
    return chosen | {one.name: one for one in studies.options_of(name)}


ADDRESS = Address("pretraining", lambda: options_of(part()))


def follow_link() -> None:
    """Take over what the address says, once per address."""
    ADDRESS.follow(PARTS)


def show(name: str) -> None:
    """Another part: settings that both have stay."""
    if name not in PARTS:
        return
    known = options_of(name)
    kept = {key: value for key, value in dict(session.get("pretraining.turned", {})).items() if key in known and key != "part"}
    session.put("pretraining.turned", kept | ({"part": name} if name != PARTS[0] else {}))
    session.put("pretraining.problems", ())


def usual() -> None:
    """All knobs of the part on screen back to their defaults."""
    session.put("pretraining.turned", {"part": part()} if part() != PARTS[0] else {})


def values() -> dict[str, float | str]:
    """Every setting of the part on screen."""
    return {name: ADDRESS.values[name] for name in options_of(part()) if name != "part"}


# ---- the question ----


def question() -> Asked:
    """How the study on screen stands; asking for it is `questions.press`'s."""
    options = values()
    return questions.asked(part(), options, lacking=lambda task: _missing(str(options["dataset"])))


def _missing(dataset: str) -> Problem | None:
    """Data that are not here."""
    if datasets.available(dataset):
        return None
    numbers = {"dataset": dataset, "reason": "missing", "files": datasets.expected_files(dataset)}
    return Problem("problem.dataset_unavailable", "dataset", numbers)
