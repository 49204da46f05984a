"""Which study is on screen, with which knobs, and how its question stands. The address and the session are its two spellings.

Nothing is computed here, and no link starts work: `questions.press` asks the engine, everything else only looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pages.ui import questions, session
from pages.ui.address import Address
from pages.ui.questions import Asked
from replearn_core import properties, studies
from replearn_core.options import Option

NOW = "properties.turned"  # settings of the part on screen that differ from its defaults: `Address` keeps them
KEPT = "properties.kept"  # the same of the other parts, by part
NOTICES = "properties.problems"  # Problems of the link that was opened
KNOB = "properties.knob."  # prefix of every knob's widget key

GROUPS: Mapping[str, tuple[str, ...]] = {
    "disentangled": ("disentangled",),
    "distributed": ("plane", "distributed"),
    "smooth": ("smooth", "boundary"),
    "hierarchical": ("hierarchical",),
    "sparse": ("sparse", "atoms"),
    "manifold": ("manifold", "field", "dimension"),
    "useful": ("few_labels", "causes", "scorecard"),
}
"""Property → its parts on this page. Two are no studies: `plane` is counted at once, `scorecard` is about one run."""

PARTS = tuple(part for parts in GROUPS.values() for part in parts)


@dataclass(frozen=True)
class Now:
    """part: one of PARTS. settings: every setting of its study. run: of the scorecard, "" for the usual one."""

    part: str = PARTS[0]
    settings: Mapping[str, float | str] = field(default_factory=dict)
    run: str = ""

    @property
    def group(self) -> str:
        return next(group for group, parts in GROUPS.items() if self.part in parts)

    def options(self) -> dict[str, float | str]:
        """Every setting of the study on screen."""
        return dict(self.settings)


def known_options(part: str) -> dict[str, Option]:
    """A study's settings by name; `plane` and `scorecard` have none."""
    if part not in properties.STUDIES:
        return {}
    return {one.name: one for one in studies.options_of(part)}


ADDRESS = Address("properties", known_options, parts=PARTS, about_run=True)


def name_of(setting: str) -> str:
    """A setting as its knob is labelled."""
    return ADDRESS.label(setting)


# ---- the session ----


def now() -> Now:
    return Now(ADDRESS.part(), ADDRESS.settings(), str(ADDRESS.values["run"]))


def show(part: str) -> None:
    """Another part, with its knobs as they were left."""
    if part not in PARTS:
        return
    _keep(ADDRESS.part(), session.get(NOW, {}))
    session.put(NOW, {**session.get(KEPT).get(part, {}), "part": part})
    session.put(NOTICES, ())


def _keep(part: str, turned: Mapping[str, float | str]) -> None:
    session.put(KEPT, {**session.get(KEPT, {}), part: turned})


def choose_run(run_id: str) -> None:
    """The run that the scorecard is about."""
    take("run", run_id)


def take(setting: str, value: Any) -> None:
    """The visitor turned a knob. A value that no widget could offer is refused and told."""
    ADDRESS.take(setting, value)


# ---- the address ----


def follow_link() -> None:
    """Take over what the address says, once per address."""
    before, turned = ADDRESS.part(), session.get(NOW, {})
    ADDRESS.follow()
    if ADDRESS.part() != before:
        _keep(before, turned)


# ---- the question ----


def question(shown: Now) -> Asked:
    """The question as it stands; asking for it is `questions.press`'s."""
    return questions.asked(shown.part, shown.options())
