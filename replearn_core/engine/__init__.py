"""Where runs execute: a fair queue in the server, Dask behind it. Pages call `current()`, the lifespan `start` and `close`.

Read `engine.py` first (what pages call), then `foreman.py` (its thread). `books.py` knows every run, `fair.py` who is next,
`views.py` is what pages see, `wire.py` events as bytes, `work.py` what a worker runs, `dask_side.py` the line to Dask, and
`cluster.py`, `hub.py` and `preload.py` are the processes.
"""

from replearn_core.engine.engine import Engine, close, current, start
from replearn_core.engine.views import Refused, RunView, TaskView

__all__ = ["Engine", "Refused", "RunView", "TaskView", "close", "current", "start"]
