"""How far a visitor is in the lessons: guesses and steps done, kept in the session and by `memory` in the visitor's browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pages.ui.components import memory
from pages.ui.lessons.lesson import Lesson

KEPT = "lessons"  # name of the record in the browser: {lesson id: {"at": 2, "done": [1], "right": [1], "guess": {"1": "half"}}}
MOST_LESSONS = 100
MOST_STEPS = 40


@dataclass(frozen=True)
class Progress:
    """Of one lesson. at: the step visited last, 0 = none. done, right: steps. guess: step → what was guessed."""

    at: int = 0
    done: frozenset[int] = frozenset()
    right: frozenset[int] = frozenset()
    guess: Mapping[int, float | str] | None = None

    def guessed(self, step: int) -> float | str | None:
        return (self.guess or {}).get(step)


def of(lesson: str) -> Progress:
    return _read(_record().get(lesson))


def everything() -> dict[str, Progress]:
    """Lesson id → how far it is, of lessons begun."""
    return {name: _read(one) for name, one in list(_record().items())[:MOST_LESSONS]}


def finished(known: Mapping[str, Lesson]) -> list[str]:
    """The lessons of which every step is done."""
    so_far = everything()
    return [name for name, one in known.items() if name in so_far and so_far[name].done >= set(range(1, len(one.steps) + 1))]


def visit(lesson: str, step: int) -> None:
    if of(lesson).at != step:
        _change(lesson, at=step)


def guess(lesson: str, step: int, value: float | str) -> None:
    _change(lesson, guess={**_plain(of(lesson).guess), str(step): value})


def again(lesson: str, step: int) -> None:
    """Forget a step's guess, to think once more."""
    now = of(lesson)
    _change(lesson, guess=_plain({n: one for n, one in (now.guess or {}).items() if n != step}))


def finish(lesson: str, step: int, right: bool) -> None:
    now = of(lesson)
    hits = now.right | {step} if right else now.right - {step}
    if step not in now.done or hits != now.right:
        _change(lesson, done=sorted(now.done | {step}), right=sorted(hits))


def forget() -> None:
    """Begin all lessons anew."""
    memory.put(KEPT, {})


def merged(kept: Any, mine: Any) -> Any:
    """What an earlier visit kept, and over it, lesson by lesson and step by step, this visit's."""
    if not isinstance(kept, dict) or not isinstance(mine, dict):
        return mine
    return {**kept, **{name: _both(_read(kept.get(name)), _read(one)) for name, one in mine.items()}}


def _both(before: Progress, now: Progress) -> dict[str, Any]:
    done, right = before.done | now.done, (before.right - now.done) | now.right
    return {
        "at": now.at,
        "done": sorted(done),
        "right": sorted(right),
        "guess": _plain({**(before.guess or {}), **(now.guess or {})}),
    }


# ---- the record ----


def _record() -> dict[str, Any]:
    found = memory.get(KEPT, {})
    return found if isinstance(found, dict) else {}


def _change(lesson: str, **fields: Any) -> None:
    now = of(lesson)
    plain = {"at": now.at, "done": sorted(now.done), "right": sorted(now.right), "guess": _plain(now.guess)}
    memory.put(KEPT, {**_record(), lesson: {**plain, **fields}})


def _plain(guesses: Mapping[Any, float | str] | None) -> dict[str, float | str]:
    return {str(step): one for step, one in (guesses or {}).items()}


def _read(said: Any) -> Progress:
    """A record as a browser gave it: what makes no sense counts as nothing."""
    if not isinstance(said, dict):
        return Progress()
    guesses = said.get("guess")
    known = {
        int(step): one
        for step, one in (guesses.items() if isinstance(guesses, dict) else ())
        if isinstance(step, str) and step.isascii() and step.isdigit() and len(step) < 4 and _is_guess(one)
    }
    return Progress(int(said["at"]) if _is_step(said.get("at")) else 0, _steps(said, "done"), _steps(said, "right"), known)


def _steps(said: Mapping[str, Any], name: str) -> frozenset[int]:
    found = said.get(name)
    return frozenset(one for one in found if _is_step(one)) if isinstance(found, list) else frozenset()


def _is_step(value: Any) -> bool:
    return type(value) is int and 0 < value <= MOST_STEPS


def _is_guess(value: Any) -> bool:
    return (isinstance(value, str) and len(value) <= 40) or (type(value) in (int, float) and abs(value) < 1e9)
