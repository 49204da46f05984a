"""Where runs execute: a fair queue in the server, Dask behind it. Pages call `current()`, the lifespan the other three.

Read `engine.py` first (what pages call), then `foreman.py` (its thread). `books.py` knows every run, `fair.py` who is next,
`views.py` is what pages see, `wire.py` events as bytes, `work.py` what a worker runs, `dask_side.py` the line to Dask, and
`cluster.py`, `hub.py` and `preload.py` are the processes.

All of it is imported at first use: Dask takes half a second, in which the server already sends the page's scripts to a browser.
"""

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replearn_core.engine.engine import Engine
    from replearn_core.engine.views import Refused, RunView, TaskView

__all__ = ["Engine", "Refused", "RunView", "TaskView", "close", "current", "expect", "start"]
_HOMES = {"Engine": "engine", "Refused": "views", "RunView": "views", "TaskView": "views"}
PATIENCE = 20.0  # seconds that a page waits for an engine which is being started
_decided = threading.Event()  # clear only while one is being started
_decided.set()
_current: "Engine | None" = None


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def expect() -> None:
    """Say that `start` will be called at once, from another thread: `current` waits for it."""
    _decided.clear()


def start(*parts: Any, **options: Any) -> "Engine":
    """Start the engine of this process, from the lifespan of app.py. Returns at once; the processes come up meanwhile.

    parts, options: as `Engine` takes them; without any, the usual store and the processes that the environment asks for.
    """
    global _current
    try:
        if _current is None:
            _current = import_module(f"{__name__}.engine").made(*parts, **options)
        return _current
    finally:
        _decided.set()


def current() -> "Engine | None":
    """The engine of this process, or None where none was started."""
    _decided.wait(PATIENCE)
    return _current


def close() -> None:
    """End the engine of this process."""
    global _current
    engine, _current = _current, None
    if engine is not None:
        engine.close()
