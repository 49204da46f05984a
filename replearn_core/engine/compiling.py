"""Compiles what UMAP needs, once for a machine, in a process of its own: `work.prepare` starts it, so that no run waits for it.

`python -m replearn_core.engine.compiling --parent PID` takes 20 s of one core, leaves its results in the cache folder, and ends
with its parent. In the worker itself the compiler would hold Python's lock while a run trains.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from replearn_core import projection, unfolding
from replearn_core.engine.preload import end_with

try:
    import fcntl
except ImportError:  # not on Windows, where two workers may compile the same at once
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0  # seconds


def compiled() -> bool:
    """Whether this machine has the compiled functions of these versions."""
    return _mark().exists()


def compile_beside(patience: float = PATIENCE) -> None:
    """Compile in a child process, and wait for it. Failing costs the first map some seconds, no more."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "NUMBA_CACHE_DIR": str(projection.cache_folder())}
    command = [sys.executable, "-m", "replearn_core.engine.compiling", "--parent", str(os.getpid())]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=patience, check=False
        )


def _mark() -> Path:
    """Of these versions, and of our own functions as they are: numba compiles those anew when their file has changed."""
    own = str(Path(unfolding.__file__).stat().st_mtime_ns)
    name = "-".join([sys.implementation.cache_tag or "", *(version(package) for package in ("umap-learn", "numba")), own])
    return projection.cache_folder() / f"ready-{name}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    asked = parser.parse_args()
    if os.getppid() != asked.parent:
        return
    end_with(asked.parent)
    with open(projection.cache_folder() / ".lock", "a+b") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the other worker's child then finds the work done
        if not compiled():
            projection.warm_up()
            _mark().touch()


if __name__ == "__main__":
    main()
