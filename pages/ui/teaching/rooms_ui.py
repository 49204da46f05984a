"""This visitor in a class room: joining, answering, and which runs of theirs count. Pages call `tell`; `bar.py` draws it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from pages.ui import runs, session
from pages.ui.components import memory
from pages.ui.lessons import progress
from pages.ui.teaching import place
from pages.ui.teaching.place import Unavailable
from replearn_core import bundle, engine
from replearn_core.experiment import Problem
from replearn_core.room_values import Member, Room, RoomRefused, read_code

PROBLEM = "room.problem"  # why the last thing asked of the room was not done
_MEMBER = "room.member"  # the Member that this session is, by room
_LOOKED = "room.looked"  # what `_asked_for` was when the room was told last
_KEPT = "room"  # what the browser remembers: code → token, so that a reload makes no second participant
_MOST_KEPT = 8
T = TypeVar("T")


def code() -> str | None:
    """The room in the address, in its one spelling; None without one, and for what is none."""
    said = st.query_params.get("room")
    try:
        return read_code(said) if said else None
    except RoomRefused:
        return None


def asked(question: Callable[[], T]) -> T | Problem:
    """The room's answer, or why there is none."""
    try:
        return question()
    except (RoomRefused, Unavailable) as error:
        return error.problem


def room() -> Room | Problem:
    """The room in the address."""
    said = st.query_params.get("room", "")
    return asked(lambda: place.rooms().room(read_code(said)))


# ---- who ----


def member(of: str) -> Member | None:
    """Who this visitor is in that room; a browser that was here before is known again."""
    here: Mapping[str, Member] = session.get(_MEMBER, {})
    token = here[of].token if of in here else _remembered().get(of)
    if token is None:
        return None
    found = asked(lambda: place.rooms().member(of, token))
    if isinstance(found, Problem):
        return here.get(of)
    session.put(_MEMBER, {**{name: one for name, one in here.items() if name != of}, **({of: found} if found else {})})
    return found


def _remembered() -> dict[str, str]:
    kept = memory.get(_KEPT, {})
    if not isinstance(kept, dict):
        return {}
    return {str(name): one for name, one in list(kept.items())[-_MOST_KEPT:] if isinstance(one, str) and len(one) == 32}


def join(of: str, name: str) -> None:
    """Take a place under this nickname. What was guessed before in the lesson on screen counts too."""
    found = asked(lambda: place.rooms().join(of, name))
    session.put(PROBLEM, found if isinstance(found, Problem) else None)
    if isinstance(found, Member):
        session.put(_MEMBER, {**session.get(_MEMBER, {}), of: found})
        session.put(_LOOKED, _asked_for())
        memory.put(_KEPT, dict([*_remembered().items(), (of, found.token)][-_MOST_KEPT:]))
        lesson = st.query_params.get("lesson", "")
        for step, value in (progress.of(lesson).guess or {}).items():
            tell_guess(lesson, step, value)


# ---- what is told ----


def tell(question: str, value: float | str) -> bool:
    """Tell the room in the address what this visitor answered; False where they are in none, or it was refused (and said)."""
    of = code()
    who = member(of) if of else None
    if of is None or who is None:
        return False
    found = asked(lambda: place.rooms().answer(of, who.token, question, value))
    session.put(PROBLEM, found)
    return found is None


def tell_guess(lesson: str, step: int, value: float | str) -> None:
    """Tell the room a guess of a lesson's step."""
    tell(f"lesson:{lesson}:{step}", value)


def told(of: str, who: Member, question: str) -> float | str | None:
    found = asked(lambda: place.rooms().answer_of(of, who.token, question))
    return None if isinstance(found, Problem) else found


def tell_runs() -> None:
    """Runs for which this visitor pressed Train, or Train all six, since the last look. Runs that a link shows do not count."""
    of, now, before = code(), _asked_for(), session.get(_LOOKED, (None, None))
    new = [one is not None and one is not other for one, other in zip(now, before, strict=True)]
    who = member(of) if of is not None and any(new) else None
    if of is None or who is None:
        return
    session.put(_LOOKED, now)
    for run_id in [*([session.get(session.RUN)] if new[0] else []), *(now[1].values() if new[1] else [])]:
        _tell_run(of, who, run_id)


def _asked_for() -> tuple[Any, Any]:
    """What the last press of Train asked for, and the last one of Train all six; each press makes another object."""
    return session.get(session.ASKED), session.get(session.SIX_ASKED)


def _tell_run(of: str, who: Member, run_id: str) -> None:
    experiment = runs.known(run_id)
    if experiment is None:
        return
    found = asked(lambda: place.rooms().ran(of, who.token, run_id, experiment.dataset, experiment.code_size))
    if isinstance(found, Problem) and found.key != "problem.room_closed":
        session.put(PROBLEM, found)


def ended(run_id: str) -> tuple[bool, float | None]:
    """How a run ended, as the engine knows it: (known, held-out squared error). One that came in a bundle does not count."""
    running = engine.current()
    if running is None:
        return False, None
    view = running.watch(run_id)
    if view.live:
        return False, None
    if view.state != "finished" or bundle.brought(running.store, run_id):
        return True, None
    last: Any = view.events[-1] if view.events else None
    return True, dict(getattr(last, "metrics", {})).get("squared_error")
