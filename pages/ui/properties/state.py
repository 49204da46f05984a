"""Which study is on screen, with which knobs, and how its question stands. The address and the session are its two spellings.

Nothing is computed here, and no link starts work: `press` asks the engine, everything else only looks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import PydanticCustomError

from pages.ui import address_bar, questions, session
from pages.ui.questions import Asked
from pages.ui.teaching import locks, teach
from pages.ui.text import has, t
from replearn_core import properties, studies
from replearn_core.catalog import Knob
from replearn_core.experiment import RUN_ID_PATTERN, Problem
from replearn_core.options import Option, checked

NOW = "properties.now"  # the Now on screen
QUERY = "properties.query"  # the query that this page wrote last
NOTICES = "properties.notices"  # Problems of the link that was opened
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
    """part: one of PARTS. turned: settings that differ from a study's defaults, by study. run: of the scorecard, "" for the usual
    one."""

    part: str = PARTS[0]
    turned: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    run: str = ""

    @property
    def group(self) -> str:
        return next(group for group, parts in GROUPS.items() if self.part in parts)

    def options(self) -> dict[str, float | str]:
        """Every setting of the study on screen."""
        usual, turned = defaults(self.part), dict(self.turned.get(self.part, {}))
        if (seed := locks.seed()) is not None:  # the teacher's, or this student's own
            turned |= {name: float(seed) for name in teach.SEEDS if name in usual}
        return usual | turned


def known_options(part: str) -> dict[str, Option]:
    """A study's settings by name; `plane` and `scorecard` have none."""
    if part not in properties.STUDIES:
        return {}
    return {one.name: one for one in studies.options_of(part)}


def defaults(part: str) -> dict[str, float | str]:
    return {name: one.default for name, one in known_options(part).items()}


def name_of(setting: str) -> str:
    """A setting as its knob is labelled."""
    key = f"properties.knob.{setting}"
    return t(key) if has(key) else setting


# ---- the session ----


def now() -> Now:
    return session.get(NOW) or Now()


def show(part: str) -> None:
    if part in PARTS:
        session.put(NOW, replace(now(), part=part))


def choose_run(run_id: str) -> None:
    """The run that the scorecard is about."""
    session.put(NOW, replace(now(), run=run_id))


def take(setting: str, value: Any) -> None:
    """The visitor turned a knob. A value that no widget could offer is refused and told."""
    part, turned = now().part, dict(now().turned)
    problems: list[Problem] = []
    if (refused := locks.refusal(setting, name_of(setting))) is not None:
        problems.append(refused)
    elif (checked := _checked(part, setting, value, problems)) is not None:
        changed = dict(turned.get(part, {})) | {setting: checked}
        turned[part] = {name: one for name, one in changed.items() if one != defaults(part)[name]}
        session.put(NOW, replace(now(), turned=turned))
    session.put(NOTICES, tuple(problems))


def usual() -> None:
    """All knobs of the study on screen back to their defaults."""
    session.put(NOW, replace(now(), turned={name: one for name, one in now().turned.items() if name != now().part}))


# ---- the address ----


def follow_link() -> None:
    """Take over what the address says, once per address."""
    query = address_bar.own()
    address = repr(sorted(query.items()))
    if session.get(NOW) is not None and (address == session.get(QUERY) or not query):
        return
    session.put(QUERY, address)
    problems: list[Problem] = []
    part = query.pop("part", [now().part])[-1]
    if part not in PARTS:
        problems.append(_problem("unknown_choice", "part", value=part[:40], choices=list(PARTS)))
        part = PARTS[0]
    found: dict[str, float | str] = {}
    run = _run_of(query.pop("run", []), problems) if part == "scorecard" else ""
    for name, values in query.items():
        if name not in known_options(part):
            problems.append(_problem("unknown_field", name[:40]))
        elif len(values) != 1:
            problems.append(_problem("repeated", name))
        elif (value := _checked(part, name, values[0], problems)) is not None:
            found[name] = value
    session.put(NOW, Now(part, {**now().turned, part: found}, run or now().run))
    session.put(NOTICES, tuple(problems))


def _run_of(values: list[str], problems: list[Problem]) -> str:
    """A run's id that a link names; whether there is such a run is said where its scorecard would stand."""
    if len(values) > 1:
        problems.append(_problem("repeated", "run"))
    elif values and re.fullmatch(RUN_ID_PATTERN, values[0]):
        return values[0]
    elif values:
        problems.append(_problem("bad_value", "run", value=values[0][:40]))
    return ""


def write_link() -> None:
    """Put what is on screen into the address; no rerun follows from it."""
    shown = now()
    query = {"part": shown.part} | {
        name: value if isinstance(value, str) else f"{value:.10g}" for name, value in shown.turned.get(shown.part, {}).items()
    }
    if shown.part == "scorecard" and shown.run:
        query["run"] = shown.run
    session.put(QUERY, repr(sorted((key, [value]) for key, value in query.items())))
    address_bar.write(query)


def _checked(part: str, name: str, value: Any, problems: list[Problem]) -> float | str | None:
    option = known_options(part)[name]
    if isinstance(option, Knob):
        try:
            value = float(value)
        except (TypeError, ValueError):
            problems.append(_problem("bad_value", name, value=str(value)[:40]))
            return None
    try:
        return checked(option, value)
    except PydanticCustomError as error:
        numbers = {key: one for key, one in (error.context or {}).items() if key != "setting"}
        problems.append(_problem(error.type.removeprefix("problem."), name, **numbers))
        return None


def _problem(kind: str, setting: str, **numbers: Any) -> Problem:
    return Problem(f"problem.{kind}", setting, {"setting": name_of(setting), **numbers})


# ---- the question ----


def question(shown: Now) -> Asked:
    """The question as it stands; asking for it is `questions.press`'s."""
    return questions.asked(shown.part, shown.options())
