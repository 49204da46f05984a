"""Where class rooms and short links are kept: beside the run store, or in the database that several servers share."""

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from replearn_core import engine
from replearn_core.experiment import Problem
from replearn_core.store import Store

if TYPE_CHECKING:  # SQLAlchemy comes when somebody has a room or a short link
    from replearn_core.links import Links
    from replearn_core.rooms import Rooms

FILE = "class.sqlite"  # not the index's file: a flooded room keeps no run waiting, and a rebuilt index takes no room away
_lock = threading.Lock()
_kept: dict[str, Any] = {}  # of the store that the engine has now


class Unavailable(Exception):
    """Nothing can be kept now. `problem` says why."""

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(problem.key)


def rooms() -> "Rooms":
    """The class rooms of this installation. Raises Unavailable, RoomRefused."""
    from replearn_core.rooms import Rooms

    return _of_store(Rooms)


def links() -> "Links":
    """The short links of this installation. Raises Unavailable, LinkRefused."""
    from replearn_core.links import Links

    return _of_store(Links)


def sweep() -> None:
    """Take out what rooms that are over have left, where this installation has had any."""
    from replearn_core.room_values import RoomRefused

    running = engine.current()
    if running is None or running.store.problem is not None:
        return
    if os.environ.get("REPLEARN_DATABASE") or (running.store.root / FILE).exists():
        with suppress(Unavailable, RoomRefused):
            rooms().sweep()


def _of_store(kind: Any) -> Any:
    running = engine.current()
    if running is None:
        raise Unavailable(Problem("problem.engine_starting"))
    store = running.store
    if store.problem is not None:
        raise Unavailable(store.problem)
    with _lock:
        if _kept.get("store") is not store:
            if _kept:
                _kept["database"].dispose()
            _kept.clear()
            _kept.update(store=store, database=_connect(store))
        if kind.__name__ not in _kept:
            _kept[kind.__name__] = kind(_kept["database"])
        return _kept[kind.__name__]


def _connect(store: Store) -> Any:
    from replearn_core import database

    named = os.environ.get("REPLEARN_DATABASE")
    return database.connect(named or f"sqlite:///{(store.root / FILE).as_posix()}")
