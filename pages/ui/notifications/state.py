"""Which part is on screen, with which knobs, and how its question stands. Nothing is computed here, and no link starts work."""

import streamlit as st

from pages.ui import questions
from pages.ui.address import Address
from pages.ui.questions import Asked
from replearn_core import studies
from replearn_core.applications.notifications import models, tables
from replearn_core.catalog import Knob
from replearn_core.experiment import Problem
from replearn_core.options import Choice, Option

STUDY = {"clicks": "clicks", "decide": "clicks", "uplift": "uplift", "few": "log_pretraining"}
PARTS = (*STUDY, "own")
MISSING = "notifications.missing"  # the key of a log that is not here
PRICES: dict[str, tuple[float, ...]] = {
    "revenue": (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
    "disturbance": (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    "uninstall": (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
}
"""Money of a click, of an ignored message, of an uninstall: the stops of their knobs."""
_USUAL = {"revenue": 1.0, "disturbance": 0.05, "uninstall": 5.0}


def options_of(name: str) -> dict[str, Option]:
    """The settings of a part by name. Those of a decision move lines in a picture and start no work."""
    options: dict[str, Option] = {}
    if name in ("decide", "own"):
        options["family"] = Choice("family", models.FAMILIES, "embedding")
        options["budget"] = Knob("budget", r"\text{budget}", 0, 100, 30, integer=True)
    if name == "decide":
        options |= {one: Knob(one, rf"\text{{{one}}}", min(stops), max(stops), _USUAL[one]) for one, stops in PRICES.items()}
    if name in STUDY:
        options |= {one.name: one for one in studies.options_of(STUDY[name])}
    return options


def _shared(part: str, other: str) -> tuple[str, ...] | None:
    """What stays on the way to another part: all where it shows the same study."""
    return None if STUDY.get(part) == STUDY.get(other) else ("seeds", "first_seed", "family", "budget")


ADDRESS = Address("notifications", options_of, parts=PARTS, shared=_shared)


def values() -> dict[str, float | str]:
    """Every setting of the study on screen."""
    wanted = {one.name for one in studies.options_of(STUDY[ADDRESS.part()])}
    return {name: value for name, value in ADDRESS.settings().items() if name in wanted}


# ---- the question ----


def question() -> Asked:
    """How the study on screen stands; asking for it is `questions.press`'s."""
    options = values()
    return questions.asked(STUDY[ADDRESS.part()], options, lacking=lambda task: _missing(str(options["dataset"])))


def _missing(dataset: str) -> Problem | None:
    """Logs that are not here; the page says how to get them."""
    return None if tables.available(dataset) or tables.fetchable(dataset) else Problem(MISSING, "dataset", {"dataset": dataset})


def is_dark() -> bool:
    return st.context.theme.type == "dark"
