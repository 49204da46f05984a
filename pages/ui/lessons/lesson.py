"""A guided lesson as written: `assets/lessons/guided/<language>/<id>.md`, read into values. Called by the guide and the list.

The front matter, TOML between two lines of `+++`, is the same in every language; the words are the Markdown below it:

    +++
    order = 1
    minutes = 6
    claims = ["C9"]

    [[steps]]
    view = "autoencoder"                                 # the page, as its address has it
    knobs = { variant = "undercomplete", code_size = "2" }   # its own parameters, as in a link
    highlight = ["code_size"]                            # knobs, or panels of `views.PANELS`
    ask = { result = "run:explained", choices = ["little", "much"], bounds = [0.5] }
    +++
    # The lesson's title
    Its question in a sentence.

    ## The first step's title
    What to look at, and what will happen.
    ### ask
    The question?
    - little: words of the choice
    - much: words of the other
    ### told
    What came out: {explained_percent} %.
    ### little
    Said only where it came out so.
    ### why
    Said whichever way it came out.

A step without `ask` has its text only. `results.py` has what can be asked.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pages.ui.text import folder as text_folder
from pages.ui.text import spaced

SIDES = ("lower", "unclear", "higher")  # how a study's finding can lie to zero
_FRONT = re.compile(r"\A\+\+\+\n(.*?)^\+\+\+\n(.*)\Z", re.DOTALL | re.MULTILINE)
_CHOICE = re.compile(r"^- (\w+)[:：]\s*(.+)$", re.MULTILINE)
_FIELDS = {"order", "minutes", "claims", "steps"}
_STEP_FIELDS = {"view", "knobs", "highlight", "free", "ask"}
_ASK_FIELDS = {"result", "where", "against", "choices", "bounds", "guess", "near", "times", "unit"}


class BadLesson(ValueError):
    """A lesson file that cannot be used; the message names file, step and what is wrong."""


@dataclass(frozen=True)
class Ask:
    """What is asked before the step's run, and where the visitor's own answer is read.

    result: `run:<measure>`, `study:<finding>`, `mean:<a study's measure>`, `evidence:<claim>:<finding>`. where: numbers that tell
    findings of one name apart. against: an earlier step; the result is then the relative change from it. choices with bounds: the
    value's place among the bounds is the choice; without bounds the finding's side of zero is. guess: lowest, highest and step of
    a number, which is right within `near`. times: the number asked for is so many times the result. unit: of that number.
    """

    result: str
    where: Mapping[str, float]
    against: int
    choices: tuple[str, ...]
    bounds: tuple[float, ...]
    guess: tuple[float, float, float] | None
    near: float
    times: float
    unit: str
    question: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """view, knobs: the page and its own parameters. free: knobs that the visitor may turn without leaving the lesson.

    parts: `told`, `why`, and what is said for one outcome by the choice's name.
    """

    view: str
    knobs: Mapping[str, str]
    highlight: tuple[str, ...]
    free: tuple[str, ...]
    ask: Ask | None
    title: str
    text: str
    parts: Mapping[str, str]


@dataclass(frozen=True)
class Lesson:
    id: str
    order: int
    minutes: int
    claims: tuple[str, ...]
    title: str
    question: str
    steps: tuple[Step, ...]
    front: str  # the front matter as written: equal in all languages


@lru_cache
def lessons(lang: str, folder: Path | None = None) -> Mapping[str, Lesson]:
    """Id → lesson, in their order. Raises BadLesson."""
    guided = folder or text_folder(lang) / "lessons" / "guided"
    read_all = [read(path) for path in sorted((guided / lang).glob("*.md"))]
    return {one.id: one for one in sorted(read_all, key=lambda one: (one.order, one.id))}


def read(path: Path) -> Lesson:
    """One file. Raises BadLesson."""
    found = _FRONT.match(path.read_text("utf-8"))
    if found is None:
        raise BadLesson(f"{path.name}: no front matter between two lines of +++ at the beginning")
    front, body = found.groups()
    try:
        said = tomllib.loads(front)
    except tomllib.TOMLDecodeError as error:
        raise BadLesson(f"{path.name}: the front matter is not TOML: {error}") from None
    _known(said, _FIELDS, path.name)
    head, *sections = re.split(r"^## ", body, flags=re.MULTILINE)
    titled = re.fullmatch(r"\s*# ([^\n]+)\n+(.+?)\s*", head, re.DOTALL)
    if titled is None:
        raise BadLesson(f"{path.name}: below the front matter comes `# title` and the lesson's question")
    plans = said["steps"]
    if len(sections) != len(plans):
        raise BadLesson(f"{path.name}: {len(plans)} steps in the front matter, {len(sections)} sections `## ` below it")
    steps = tuple(_step(one, text, f"{path.name}, step {n}") for n, (one, text) in enumerate(zip(plans, sections), 1))
    title, question = (spaced(one.strip()) for one in titled.groups())
    return Lesson(path.stem, int(said["order"]), int(said["minutes"]), tuple(said["claims"]), title, question, steps, front)


def _step(plan: Mapping[str, Any], section: str, where: str) -> Step:
    _known(plan, _STEP_FIELDS, where, optional={"highlight", "free", "ask", "knobs"})
    words, *rest = re.split(r"^### ", section, flags=re.MULTILINE)
    title, _, text = words.partition("\n")
    parts = {name.strip(): spaced(said.strip()) for name, _, said in (one.partition("\n") for one in rest)}
    ask = _ask(plan["ask"], parts.pop("ask", ""), where) if "ask" in plan else None
    wanted = {"told", "why"} if ask else set()
    if missing := wanted - parts.keys():
        raise BadLesson(f"{where}: a step that asks needs the parts {', '.join(f'### {one}' for one in sorted(missing))}")
    if strange := parts.keys() - wanted - set(ask.choices if ask else ()):
        raise BadLesson(f"{where}: unknown parts {', '.join(f'### {one}' for one in sorted(strange))}")
    knobs = {name: str(value) for name, value in plan.get("knobs", {}).items()}
    return Step(
        plan["view"], knobs, tuple(plan.get("highlight", ())), tuple(plan.get("free", ())), ask,
        spaced(title.strip()), spaced(text.strip()), parts,
    )  # fmt: skip


def _ask(plan: Mapping[str, Any], text: str, where: str) -> Ask:
    _known(plan, _ASK_FIELDS, where, optional=_ASK_FIELDS - {"result"})
    labels = dict(_CHOICE.findall(text))
    choices, bounds = tuple(plan.get("choices", ())), tuple(map(float, plan.get("bounds", ())))
    guess = tuple(map(float, plan["guess"])) if "guess" in plan else None
    question = _CHOICE.sub("", text).strip()
    if not question:
        raise BadLesson(f"{where}: asks something, but has no question below ### ask")
    if bool(choices) == (guess is not None) or (guess is not None and len(guess) != 3):
        raise BadLesson(f"{where}: asks either by `choices` or by `guess = [lowest, highest, step]`")
    if tuple(labels) != choices:
        raise BadLesson(f"{where}: choices {list(choices)}, but the words below ### ask are for {list(labels)}")
    if choices and (
        list(bounds) != sorted(bounds) or (len(bounds) != len(choices) - 1 and not (not bounds and choices == SIDES))
    ):
        raise BadLesson(f"{where}: {len(choices)} choices need {len(choices) - 1} ascending bounds, or are {list(SIDES)}")
    against, near, times = int(plan.get("against", 0)), float(plan.get("near", 0)), float(plan.get("times", 1))
    return Ask(
        plan["result"], dict(plan.get("where", {})), against, choices, bounds, guess, near, times, plan.get("unit", ""),
        question, labels,
    )  # fmt: skip


def _known(said: Mapping[str, Any], fields: set[str], where: str, optional: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    if strange := said.keys() - fields:
        raise BadLesson(f"{where}: unknown {', '.join(sorted(strange))}; known are {', '.join(sorted(fields))}")
    if missing := fields - optional - said.keys():
        raise BadLesson(f"{where}: {', '.join(sorted(missing))} is missing")
