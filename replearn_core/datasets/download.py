"""Fetches a set from OpenML with scikit-learn's fetch_openml, in a process of its own, and keeps a compact copy of it.

fetch_openml parses 70,000 images into more than a gigabyte of numbers, more than a worker may hold, and again at each
call. So a child process does it once and writes `<scikit-learn's data folder>/replearn/<name>.npz`, uint8, about 11 MB.
"""

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from replearn_core.datasets.dataset import Progress

ROWS, PIXELS = 70_000, 784
SILENCE = 30.0  # seconds without a byte after which a connection is given up
POLL = 0.25  # seconds between two looks at the growing file


class Failed(Exception):
    """The download came to nothing; the reason is in the log."""


def data_home() -> Path:
    """scikit-learn's data folder, by its rule, without importing it: $SCIKIT_LEARN_DATA, else ~/scikit_learn_data."""
    return Path(os.path.expanduser(os.environ.get("SCIKIT_LEARN_DATA") or os.path.join("~", "scikit_learn_data")))


def copy_of(name: str, home: Path) -> Path:
    """Where the compact copy of a set lies or would lie."""
    return home / "replearn" / f"{name}.npz"


def cached(name: str, openml: str, home: Path) -> bool:
    """Whether the set can be read without a network: our compact copy, or the file in scikit-learn's own cache."""
    if os.path.isfile(copy_of(name, home)):
        return True
    folder = home / "openml" / "openml.org" / "data" / "v1" / "download"
    return next(folder.glob(f"*/{openml}.arff.gz"), None) is not None


def fetch(name: str, openml: str, home: Path, on_progress: Progress | None = None) -> Path:
    """Make the compact copy in a child process and return its path. Raises Failed.

    on_progress gets (bytes in the growing cache file, None): OpenML does not say beforehand how many there will be. Then
    follow some seconds of parsing, in which that number stands still. If on_progress raises, the download is stopped.
    """
    return made(f"{__name__}._child", (openml, str(copy_of(name, home))), name, home, on_progress)


def made(function: str, arguments: tuple[str, ...], name: str, home: Path, on_progress: Progress | None = None) -> Path:
    """Let a child process call a function, named with its module, whose last argument is the path to write; return that path.

    Raises Failed. The child is stopped when on_progress raises, and leaves with the process that wanted it.
    """
    module, _, called = function.rpartition(".")
    target = Path(arguments[-1])
    program = f"import sys; from {module} import {called} as made; made(*sys.argv[1:])"
    command = [sys.executable, "-c", program, *arguments]
    before = _cache_bytes(home)
    with tempfile.TemporaryFile() as errors:
        # The child leaves when its standard input closes, which the system does for us even if we are killed.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors, env=_child_environment(home))
        try:
            while child.poll() is None:
                if on_progress:
                    on_progress(max(0, _cache_bytes(home) - before), None)
                time.sleep(POLL)
        finally:
            child.kill()
            child.wait()
            if child.stdin:
                child.stdin.close()
        if child.returncode or not target.is_file():
            errors.seek(0)
            logging.getLogger(__name__).warning("fetching %s failed: %s", name, errors.read()[-2000:].decode(errors="replace"))
            raise Failed(name)
    return target


def _child_environment(home: Path) -> dict[str, str]:
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "SCIKIT_LEARN_DATA": str(home), "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _cache_bytes(home: Path) -> int:
    """Size of scikit-learn's OpenML cache. Files may vanish while we look: it moves them when they are complete."""
    total = 0
    for folder, _, names in os.walk(home / "openml"):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(folder, name))
            except OSError:
                continue
    return total


def keep_copy(openml: str, target: Path) -> None:
    """Fetch, check and write the compact copy, whole or not at all: x uint8 (70000, 28, 28), y uint8 (70000,).

    Raises ValueError if what came is not 70,000 images of 784 bytes with labels 0 to 9, and whatever fetch_openml raises.
    """
    from sklearn.datasets import fetch_openml

    bunch = fetch_openml(openml, version=1, as_frame=False, parser="auto")
    x, y = np.asarray(bunch.data), np.asarray(bunch.target).astype(np.float64)
    images, labels = _as_bytes(x), _as_bytes(y)
    if images is None or labels is None or x.shape != (ROWS, PIXELS) or y.shape != (ROWS,) or labels.max() > 9:
        raise ValueError(f"{openml}: expected {ROWS} images of {PIXELS} bytes with labels 0 to 9, got {x.shape}, {y.shape}")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=target.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, x=images.reshape(ROWS, 28, 28), y=labels)
        os.chmod(scratch, 0o644)
        os.replace(scratch, target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _as_bytes(values: np.ndarray) -> np.ndarray | None:
    """The same numbers as uint8, or None if some are not whole numbers from 0 to 255."""
    with np.errstate(invalid="ignore"):
        small = values.astype(np.uint8)
    return small if (small == values).all() else None


def _child(openml: str, target: str) -> None:
    """What the child process does."""
    as_child()
    keep_copy(openml, Path(target))


def as_child() -> None:
    """Leave with the parent, and give up a connection that says nothing: what a child of `made` calls first."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    socket.setdefaulttimeout(SILENCE)


def _leave_with_parent() -> None:
    os.read(0, 1)  # not sys.stdin, whose lock would make a regular exit crash
    os._exit(1)
