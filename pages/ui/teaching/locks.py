"""What a teacher's link does to the knobs: pages ask here whether one is free. The entry script calls `arrive` and `depart`."""

import secrets
from typing import Any

import streamlit as st

from pages.ui import draft, session
from pages.ui.teaching import teach
from pages.ui.teaching.teach import NOTHING, Teach
from pages.ui.text import sentences, t
from replearn_core.experiment import Experiment, Problem

NOW = "teach.now"  # the Teach of this visit
SEED = "teach.seed"  # this session's own seed
_SAID = "teach.said"  # the value as it stood in the address
_PROBLEMS = "teach.problems"
_LINK = "teach.link"  # the lab's address as it was when the last run ended
_HELD = "teach.held"  # the lab's settings as the last link gave them
_MOST_SEED = 9_999  # four digits can be read out in a class


def arrive() -> None:
    """Take over what the address says."""
    said = st.query_params.get("teach", "")
    if said != session.get(_SAID, ""):
        found, problems = teach.read(said)
        unknown = [name for name in found.named if not teach.known(name)]
        told = [Problem("problem.teach_knob", "teach", {"value": name}) for name in unknown[:4]]
        session.put(_SAID, said)
        session.put(NOW, found)
        session.put(_PROBLEMS, (*problems, *told))


def depart() -> None:
    """The page has been drawn and has written its address: another one at the next run is a link's."""
    session.put(_LINK, session.get(session.QUERY))


def now() -> Teach:
    return session.get(NOW) or NOTHING


def problems() -> tuple[Problem, ...]:
    """What of the teacher's link could not be used."""
    return session.get(_PROBLEMS, ())


def seed() -> int | None:
    """The seed that this student has to use: the teacher's, or one drawn for this session; None where it is free."""
    wanted = now().seed
    if wanted == teach.OWN:
        if session.get(SEED) is None:
            session.put(SEED, 1 + secrets.randbelow(_MOST_SEED))
        return int(session.get(SEED))
    return wanted if isinstance(wanted, int) else None


# ---- a knob ----


def hidden(name: str) -> bool:
    return now().hidden(name)


def locked(name: str) -> bool:
    return now().locked(name)


def any_locked() -> bool:
    return now() != NOTHING and (bool(now().named) or now().seed is not None)


def refusal(name: str, label: str) -> Problem | None:
    """Why a value that arrives for this knob is not taken, or None. A browser can send what its page does not offer."""
    return Problem("problem.knob_locked", name, {"setting": label}) if locked(name) else None


def help_for(name: str, usual: str | None) -> str | None:
    """A knob's help; a locked one says why it does not move."""
    return sentences(*filter(None, (t("teach.locked_help"), usual))) if locked(name) else usual


def drawn(name: str, usual: str | None) -> dict[str, Any]:
    """How a widget of this knob is drawn: whether it moves, and its help."""
    return {"disabled": locked(name), "help": help_for(name, usual)}


def hint(name: str) -> None:
    """Below a widget whose label, and so its help, is out of sight."""
    if locked(name):
        st.caption(f":material/lock: {t('teach.locked_help')}")


# ---- the lab ----


def hold() -> None:
    """Put back what is locked: a variant or a data set that a student chose brings settings of its own.

    A followed link, a lesson's step among them, says anew what the locked knobs are.
    """
    if not any_locked():
        return
    if session.get(_HELD) is None or session.get(session.QUERY) != session.get(_LINK):
        session.put(_HELD, draft.last_valid())
    held: Experiment = session.get(_HELD)
    plain = held.model_dump()
    names = {name for name in Experiment.model_fields if name in teach.LAB and locked(name)}
    if "code" in names or (locked("sparsity") and held.code == "k_sparse"):
        names |= {"code", "code_options"}
    changes = {name: plain[name] for name in names} | _penalties(held)
    if (own := seed()) is not None:
        changes["seed"] = own
    fields = draft.fields()
    changed = {name: value for name, value in changes.items() if value != fields[name]}
    if changed:
        notices = session.get(session.NOTICES, ())
        draft.take(**changed)
        session.put(session.NOTICES, (*notices, *session.get(session.NOTICES, ())))


def _penalties(held: Experiment) -> dict[str, Any]:
    """The penalties as they have to be: the locked ones as they were, the others as they stand."""
    fixed = [name for name in ("l1", "kl_sparsity", "contraction", "gaussian_kl", "prediction") if _fixed(name)]
    if not fixed:
        return {}
    free = [found for found in draft.fields()["penalties"] if found["name"] not in fixed]
    before = [dict(term.model_dump()) for term in held.penalties if term.name in fixed]
    return {"penalties": tuple(sorted((*map(dict, free), *before), key=lambda one: str(one["name"])))}


def _fixed(name: str) -> bool:
    return locked(teach.knob_of(f"penalty.{name}"))
