"""What Dask imports first in each of our workers: prepare it, and end it when the process above it is gone."""

import atexit
import os
import threading
import time
from collections.abc import Callable

from distributed import Worker

from replearn_core.engine import work


def end_with(parent: int, leaving: Callable[[], None] = lambda: None) -> None:
    """Watch the parent process from a thread; when it changes, call `leaving` and end this process at once.

    Polled, because PR_SET_PDEATHSIG is tied to the parent's *thread* and exists on Linux only.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        leaving()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="replearn-parent-watch").start()


def dask_setup(worker: Worker) -> None:
    """Dask's hook, called once as the worker starts."""
    end_with(os.getppid())
    atexit.register(os._exit, 0)  # registered first, so last to run: a torch thread would abort the interpreter's own way out
    work.prepare(worker)
