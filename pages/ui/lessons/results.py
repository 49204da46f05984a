"""The visitor's own result of a lesson's step: read from the run or the study that the page shows, never from the lesson.

`read` says how it stands and, once it is there, all numbers that the lesson's words may name.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from pages.ui import draft, runs
from pages.ui.lessons import views
from pages.ui.lessons.lesson import Ask, Lesson, Step
from pages.ui.questions import Asked, press
from replearn_core import claims
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment, Problem
from replearn_core.options import checked
from replearn_core.properties import read_answer

MOST_LOGARITHM = 30.0
OWN = ("view", "panel")  # parameters of the lab that are no settings of a run


@dataclass(frozen=True)
class Result:
    """state: `open` (nothing yet), `going`, `ready`, `elsewhere` (the knobs are not the lesson's), `earlier` (a step before it is
    missing), `refused` (problem says why it cannot be had).

    value: the number asked for, in the lesson's unit; outcome: the choice that it means. numbers: for the words. begin: what a
    press of the guide's button does. shipped: nobody has computed it here. long: seconds that it will take.
    """

    state: str
    value: float = float("nan")
    outcome: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    begin: Callable[[], None] | None = None
    problem: Problem | None = None
    shipped: bool = False


def read(lesson: Lesson, step: Step, ask: Ask) -> Result:
    """How the step's result stands now, after the page has been drawn."""
    kind, _, name = ask.result.partition(":")
    return {"run": _of_run, "study": _of_study, "mean": _of_study, "evidence": _of_evidence}[kind](lesson, step, ask, name)


def outcome(ask: Ask, value: float, direction: str = "") -> str:
    """The choice that a value means: its place among the bounds, or the side of zero on which its interval lies."""
    if not ask.choices:
        return ""
    return ask.choices[sum(value >= bound for bound in ask.bounds)] if ask.bounds else direction


def possible(ask: Ask, guess: object) -> bool:
    """Whether this can be guessed: one of the choices, or a number within the bounds of the slider."""
    if ask.guess is None:
        return guess in ask.choices
    return isinstance(guess, int | float) and not isinstance(guess, bool) and ask.guess[0] <= guess <= ask.guess[1]


def right(ask: Ask, guess: float | str, result: Result) -> bool:
    return guess == result.outcome if ask.choices else abs(float(guess) - result.value) <= ask.near


def kind_of(ask: Ask) -> str:
    return ask.result.partition(":")[0]


# ---- a run of the lab ----


def experiment(step: Step) -> Experiment:
    """What the step's knobs mean in the lab."""
    return Experiment.from_query({name: value for name, value in step.knobs.items() if name not in OWN})[0]


def _of_run(lesson: Lesson, step: Step, ask: Ask, name: str) -> Result:
    wanted, view = experiment(step), runs.on_screen()
    on_it = _alike(draft.last_valid(), wanted, step.free)
    if view.experiment is None or not _alike(draft.from_the_start(view.experiment), wanted, step.free):
        return Result("open", begin=runs.train) if on_it else Result("elsewhere")
    if view.live:
        return Result("going")
    if view.state != "finished" or not on_it:
        return Result("open", begin=runs.train) if on_it else Result("elsewhere")
    numbers = measured(view)
    if name not in numbers:
        return Result("refused", problem=Problem("problem.bad_value", name, {"value": name}))
    value = numbers[name]
    if ask.against:
        before = _before(lesson.steps[ask.against - 1], name)
        if before is None:
            return Result("earlier")
        numbers |= {"before": before, "change": value / before - 1, "ratio": value / before}
        value = value / before - 1
    return Result("ready", ask.times * value, outcome(ask, value), with_percent(numbers), begin=runs.train)


def _before(step: Step, name: str) -> float | None:
    """The same measure in an earlier step's run, if it has been trained."""
    view = runs.history(experiment(step).id)
    return measured(view).get(name) if view.state == "finished" else None


def measured(view: RunView) -> dict[str, float]:
    """What was measured of a run at its end, and two shares made of it: error taken away, and error against PCA's."""
    found = runs.measures_of(view)
    if "mean_error" in found and found["mean_error"] > 0:
        found["explained"] = 1 - found["squared_error"] / found["mean_error"]
    if (pca := runs.pca_error(found)) is not None:
        found["against_pca"] = found["squared_error"] / pca - 1
    started = runs.events_of(view, "started")
    return found | {"seconds": runs.seconds_of(view)} | ({"parameters": started[-1].parameters} if started else {})


def _alike(one: Experiment, other: Experiment, free: tuple[str, ...]) -> bool:
    """Whether two settings differ in nothing but free knobs (and in where a run began)."""
    names = [name for name in Experiment.model_fields if name not in (*free, "continues", "version")]
    return all(getattr(one, name) == getattr(other, name) for name in names)


# ---- a study ----


def question(view: str) -> Asked:
    """The question that a page shows, as it stands."""
    state: Any = import_module(f"pages.ui.{view}.state")
    return state.question(state.now()) if view == "properties" else state.question()


def part_of(view: str) -> str:
    state: Any = import_module(f"pages.ui.{view}.state")
    return str(state.ADDRESS.part())


def _of_study(lesson: Lesson, step: Step, ask: Ask, name: str) -> Result:
    options = views.options_of(step.view, step.knobs)
    if part_of(step.view) != step.knobs.get("part", next(iter(options.values())).default):
        return Result("elsewhere")
    asked = question(step.view)
    if asked.task is None:
        return Result("refused", problem=asked.problem)
    for setting, value in asked.task.options.items():
        option = options[setting]
        said = step.knobs.get(setting)
        wanted = option.default if said is None else checked(option, views.as_value(option, said))
        if value != wanted and setting not in step.free:
            return Result("elsewhere")
    if asked.view.live:
        return Result("going")
    if asked.view.state != "finished":
        return Result("open", begin=lambda: press(asked.task), problem=asked.problem)  # type: ignore[arg-type]
    found = told(read_answer(asked.view.arrays), ask, name)
    return Result("ready", *found, shipped=asked.shipped)


def told(answer: Mapping[str, Any], ask: Ask, name: str) -> tuple[float, str, dict[str, float]]:
    """(the number asked for, its choice, all numbers for the words) of what a study's answer carries. KeyError where it has none
    of this name."""
    means = {measure.replace(".", "_"): one[0] for measure, one in answer["summary"].items()}
    settings = {key: one for key, one in answer["settings"].items() if isinstance(one, (int, float))}
    numbers, side = {**settings, **means}, ""
    if ask.result.startswith("mean:"):
        value = answer["summary"][name][0]
    else:
        key, found = _finding(answer, name, ask.where)
        numbers, value, side = {**numbers, **found}, found["effect"], key.rpartition(".")[2]
    return ask.times * value, outcome(ask, value, side), with_percent(numbers)


def _finding(answer: Mapping[str, Any], name: str, where: Mapping[str, float]) -> tuple[str, Mapping[str, float]]:
    for key, numbers in answer["findings"]:
        if key.rpartition(".")[0] == f"finding.{name}" and all(numbers.get(one) == value for one, value in where.items()):
            return key, numbers
    raise KeyError(f"no finding {name} {dict(where)}")


# ---- what came with the app ----


def _of_evidence(lesson: Lesson, step: Step, ask: Ask, name: str) -> Result:
    claim, _, finding = name.partition(":")
    found = claims.evidence(claim)
    for one in found.effects if found else ():
        if one.effect.finding == finding and all(one.effect.where.get(key) == value for key, value in ask.where.items()):
            numbers = {**one.numbers, "effect": one.mean, "low": one.low, "high": one.high, "seeds": one.seeds}
            return Result(
                "ready", ask.times * one.mean, outcome(ask, one.mean, one.direction), with_percent(numbers), shipped=True
            )
    return Result("refused", problem=Problem("problem.bad_value", finding, {"value": finding}))


def with_percent(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers for the words: `explained` also as `explained_percent`; an effect also without its sign, and where it may be a
    logarithm as the `factor` (natural) or the `power` (of ten) that it means."""
    said = dict(numbers) | {f"{name}_percent": 100 * value for name, value in numbers.items()}
    said |= {f"{name}_size": abs(said[name]) for name in ("effect", "effect_percent", "change_percent") if name in said}
    effect = said.get("effect", math.inf)
    return said | ({"factor": math.exp(effect), "power": 10**effect} if abs(effect) < MOST_LOGARITHM else {})
