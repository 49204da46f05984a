"""A visitor's file is read, and models are fitted on it, in child processes with limits of memory and time; never in the server.

Called by the notifications page. `look` waits for a small one that only reads; `Fitting` is one that the page polls.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from replearn_core.own import csvfile, limited
from replearn_core.own.refusal import Refused

READ_SECONDS = 15.0
FIT_SECONDS = 240  # of processor time
MOST_DATA = 3 * 2**30  # bytes that a fitting may write to
MOST_ANSWER = 20 * 2**20
ANSWER, SO_FAR, SHARE, PROBLEM = "answer.npz", "so_far.npz", "share", "refused.json"
SHOWN_EVERY = 1.0  # seconds between two looks at what there is so far
ROOT = Path(__file__).resolve().parents[3]

log = logging.getLogger(__name__)
_one = threading.Semaphore(1)  # fittings at a time in this server: the other core belongs to the engine


class Busy(Exception):
    """Another visitor's file is being worked on."""


class _Place:
    """The one place for a fitting, given back once, by whoever comes first: the end of its process, or its owner."""

    def __init__(self) -> None:
        if not _one.acquire(blocking=False):
            raise Busy
        self._lock, self._held = threading.Lock(), True

    def leave(self) -> None:
        with self._lock:
            held, self._held = self._held, False
        if held:
            _one.release()


def look(data: bytes) -> dict[str, Any]:
    """{"summary": csvfile.summary} or {"problem": [key, numbers]} of these bytes. Takes its turn among all files of strangers."""
    if len(data) > csvfile.MOST_BYTES:
        return {"problem": ["too_big", {"megabytes": round(len(data) / 2**20, 1), "limit": csvfile.MOST_BYTES // 2**20}]}
    command = [sys.executable, "-I", str(Path(csvfile.__file__))]
    try:
        with limited.turn():
            ran = subprocess.run(command, input=data, capture_output=True, timeout=READ_SECONDS, env=limited.environment())
        return json.loads(ran.stdout)
    except Refused:
        return {"problem": ["busy", {}]}
    except subprocess.TimeoutExpired:
        return {"problem": ["too_slow", {"seconds": round(READ_SECONDS)}]}
    except ValueError:  # killed by a limit, or broken: the child says nothing that could be relayed
        log.warning("reading a file failed, code %s: %s", ran.returncode, ran.stderr[-500:].decode(errors="replace"))
        return {"problem": ["memory", {}]}


class Fitting:
    """Models being fitted on one file. Raises Busy. Ends with its owner: a forgotten one is killed and its folder removed.

    The next one may begin as soon as this one's process has ended, whether or not anybody has looked at its answer.
    """

    def __init__(self, data: bytes, roles: Mapping[str, str], settings: Mapping[str, Any]):
        place = _Place()
        with ExitStack() as undo:
            undo.callback(place.leave)
            self._folder = tempfile.TemporaryDirectory(prefix="replearn-")
            undo.callback(self._folder.cleanup)
            self._child = self._started()
            undo.pop_all()  # it has begun
        self._end = weakref.finalize(self, _ended, self._child, self._folder, place)
        header = json.dumps({"roles": dict(roles), "settings": dict(settings)}).encode()
        threading.Thread(target=_feed, args=(self._child, header, data, place), daemon=True).start()

    def _started(self) -> subprocess.Popen:
        command = [sys.executable, "-m", __name__, self._folder.name]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        quiet = subprocess.DEVNULL
        with (Path(self._folder.name) / "errors").open("wb") as errors:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=errors, env=environment, cwd=ROOT)

    @property
    def share(self) -> float:
        """How much is done, 0 … 1."""
        try:
            return float((Path(self._folder.name) / SHARE).read_text() or 0)
        except (OSError, ValueError):
            return 0.0

    def so_far(self) -> dict[str, np.ndarray] | None:
        """The arrays of what there is so far, or None before there is any."""
        try:
            with np.load(Path(self._folder.name) / SO_FAR) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError):
            return None

    def result(self) -> dict[str, Any] | None:
        """None while it works; {"arrays": …} or {"problem": [key, numbers]} once it has ended; then nothing is left of it."""
        if self._child.poll() is None:
            return None
        folder = Path(self._folder.name)
        try:
            if (folder / PROBLEM).is_file():
                return {"problem": json.loads((folder / PROBLEM).read_text())}
            if (folder / ANSWER).is_file():
                with np.load(folder / ANSWER) as kept:
                    return {"arrays": {name: kept[name] for name in kept.files}}
            said = (folder / "errors").read_bytes()[-2_000:].decode(errors="replace")
            log.error("fitting a visitor's file failed, code %s: %s", self._child.returncode, said)
            return {"problem": ["memory", {}]}
        finally:
            self.stop()

    def stop(self) -> None:
        """End it now."""
        self._end()


def _feed(child: subprocess.Popen, header: bytes, data: bytes, place: _Place) -> None:
    """Both parts with their lengths; the pipe stays open, so that the child sees this process end. Then its place is free."""
    try:
        assert child.stdin is not None
        for part in (header, data):
            child.stdin.write(struct.pack("<Q", len(part)) + part)
        child.stdin.flush()
    except (OSError, ValueError):
        pass  # it has ended
    child.wait()
    place.leave()


def _ended(child: subprocess.Popen, folder: tempfile.TemporaryDirectory, place: _Place) -> None:
    if child.poll() is None:
        child.kill()
    child.wait()
    try:
        if child.stdin:
            child.stdin.close()
    except OSError:
        pass
    folder.cleanup()
    place.leave()


# ---- in the child ----


def _part() -> bytes:
    head = _exactly(8)
    return _exactly(struct.unpack("<Q", head)[0])


def _exactly(many: int) -> bytes:
    data = b""
    pieces = []
    while many and (data := os.read(0, min(many, 1 << 20))):
        pieces.append(data)
        many -= len(data)
    if many:
        os._exit(1)
    return b"".join(pieces)


def _leave_with_parent(folder: Path) -> None:
    """The pipe closes where the server ends, even if it is killed: then nothing of the visitor's stays here."""
    os.read(0, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main() -> None:
    """Standard input → models → answer.npz or refused.json in the folder named."""
    import resource

    folder = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
    resource.setrlimit(resource.RLIMIT_CPU, (FIT_SECONDS, FIT_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_ANSWER, MOST_ANSWER))
    os.nice(10)
    asked, data = json.loads(_part()), _part()
    threading.Thread(target=_leave_with_parent, args=(folder,), daemon=True).start()

    import torch

    from replearn_core.applications.notifications import study, tables

    torch.set_num_threads(1)

    shown = 0.0

    def tell(share: float, partial: Any = None) -> None:
        nonlocal shown
        (folder / SHARE).write_text(f"{share:.3f}")
        if partial is not None and time.monotonic() > shown + SHOWN_EVERY:
            _kept(folder, SO_FAR, partial()[0])
            shown = time.monotonic()

    try:
        found = tables.own(data, asked["roles"])
        tell(0.02)
        answer = study.run_clicks(study.Clicks.from_values(asked["settings"]), tell=tell, log=found)
        _kept(folder, ANSWER, answer.answer()[0])
    except csvfile.Refusal as refused:
        (folder / PROBLEM).write_text(json.dumps([refused.key, refused.numbers]))


def _kept(folder: Path, name: str, arrays: Mapping[str, Any]) -> None:
    """Write arrays so that nobody sees half of them."""
    np.savez(folder / "unfinished.npz", **arrays)
    (folder / "unfinished.npz").rename(folder / name)


if __name__ == "__main__":
    main()
