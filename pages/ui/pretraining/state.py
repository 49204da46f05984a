"""Which part is on screen, with which knobs, and how its question stands. Nothing is computed here, and no link starts work."""

from pages.ui import questions
from pages.ui.address import Address
from pages.ui.questions import Asked
from replearn_core import datasets, studies
from replearn_core.experiment import Problem
from replearn_core.options import Option

PARTS = ("pretraining", "borders")


def options_of(name: str) -> dict[str, Option]:
    """The settings of a part, which is the name of its study."""
    return {one.name: one for one in studies.options_of(name)}


ADDRESS = Address("pretraining", options_of, parts=PARTS)


# ---- the question ----


def question() -> Asked:
    """How the study on screen stands; asking for it is `questions.press`'s."""
    options = ADDRESS.settings()
    return questions.asked(ADDRESS.part(), options, lacking=lambda task: _missing(str(options["dataset"])))


def _missing(dataset: str) -> Problem | None:
    """Data that are not here."""
    if datasets.available(dataset):
        return None
    numbers = {"dataset": dataset, "reason": "missing", "files": datasets.expected_files(dataset)}
    return Problem("problem.dataset_unavailable", "dataset", numbers)
