"""The own data sets that this session knows: those it brought, and the one of a link that it opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pages.ui import session, text
from pages.ui.own import visit
from pages.ui.text import t
from replearn_core import catalog, datasets, engine
from replearn_core.options import Choice
from replearn_core.own import kept

BROUGHT = "own.brought"  # name → Brought, in the order of coming
MOST = 3  # sets that one session may have here at a time


@dataclass(frozen=True)
class Brought:
    """One set of this session: title is the file's name, fit to be shown; facts as `worker.prepared` told them."""

    name: str
    title: str
    facts: Mapping[str, Any]


def brought() -> dict[str, Brought]:
    """Those that live, by name."""
    found: dict[str, Brought] = {name: one for name, one in session.get(BROUGHT, {}).items() if kept.there(name)}
    if len(found) != len(session.get(BROUGHT, {})):
        session.put(BROUGHT, found)
    for name in found:
        visit.hold(name)
    return found


def add(one: Brought) -> None:
    session.put(BROUGHT, {**brought(), one.name: one})


def drop(name: str) -> None:
    """Delete a set, and with it what was made of it."""
    session.put(BROUGHT, {other: one for other, one in session.get(BROUGHT, {}).items() if other != name})
    visit.delete(name)


def offered(chosen: str) -> tuple[str, ...]:
    """The names to choose from beside the catalogue's; a chosen one among them even if it has left, so that this can be said."""
    visit.hold(chosen)
    return tuple(dict.fromkeys((*brought(), *((chosen,) if catalog.is_own(chosen) else ()))))


def beside(option: Choice, chosen: str) -> tuple[str, ...]:
    """What a choice offers besides its values: this session's labelled images, where it takes them, and the chosen one."""
    if not option.own:
        return ()
    mine = [head + name for name in brought() for head in option.own if head + name in option]
    return tuple(dict.fromkeys((*mine, *((chosen,) if chosen not in option.values else ()))))


def of_run(run_id: str) -> str:
    """The data set of a run, "" for an unknown one."""
    running = engine.current()
    found = running.experiment(run_id) if running and run_id else None
    return found.dataset if found else ""


def may_list(dataset: str) -> bool:
    """Whether a run on these data may be listed to this visitor: not one on data that somebody else brought."""
    return not catalog.is_own(dataset) or dataset in session.get(BROUGHT, {})


def about(name: str) -> str:
    """One sentence on a set: how many samples, and of what."""
    found = catalog.dataset(name)
    key = "own.about_classes" if found.classes else "own.about"
    return t(key, data=text.dataset(name), train=found.train_size, test=found.test_size, classes=found.classes)


def classes_of(name: str) -> tuple[str, ...]:
    """Class names, () without labels or where the data have left."""
    mine = session.get(BROUGHT, {}).get(name)
    if mine is not None:
        return tuple(mine.facts["classes"])
    return _classes(name) if catalog.dataset(name).classes and kept.there(name) else ()


@lru_cache(maxsize=64)
def _classes(name: str) -> tuple[str, ...]:
    try:
        return kept.raw(name).class_names
    except datasets.Unavailable:
        return ()
