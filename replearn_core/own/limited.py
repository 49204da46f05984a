"""A process with limits for a stranger's bytes: `ask` starts it, `serve` is what it does, and it ends with its answer.

`python -m MODULE WHAT` reads bytes from standard input and answers a JSON header and bytes. Processor time, memory and open files
are limited, no file can be written, and at most WORKERS of them, and a long one, run at a time on a server. Nothing heavy is
imported here.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from replearn_core.experiment import Problem
from replearn_core.own.refusal import Refused

WORKERS = 2
QUICK = 30  # seconds of processor time
PATIENCE = 10.0  # seconds until a free place
_ROOT = Path(__file__).resolve().parents[2]
_free, _long = threading.BoundedSemaphore(WORKERS), threading.BoundedSemaphore(1)

log = logging.getLogger(__name__)


def ask(module: str, what: str, data: bytes, seconds: int) -> tuple[dict[str, Any], bytes]:
    """What the module's `serve` answers to these bytes. Raises Refused, in the child's words or for time and memory.

    seconds: of processor time, as the child sets it for itself; on the clock it may take six times as long.
    """
    try:
        with turn(seconds):
            command = [sys.executable, "-m", module, what]
            options: Any = {"timeout": 6 * seconds, "cwd": _ROOT, "env": environment(), "check": False}
            done = subprocess.run(command, input=data, capture_output=True, **options)
    except subprocess.TimeoutExpired:
        raise Refused("problem.zip_slow", seconds=seconds) from None
    out = done.stdout
    size = int.from_bytes(out[:8], "little")
    if done.returncode or len(out) < 8 + size or not size:
        log.warning("reading a file ended with code %s: %s", done.returncode, done.stderr[-500:].decode(errors="replace"))
        raise Refused("problem.zip_slow", seconds=seconds)
    header = json.loads(out[8 : 8 + size])
    if "problem" in header:
        key, setting, numbers = header["problem"]
        refused = Refused(key, setting)
        refused.problem = Problem(key, setting, numbers)
        raise refused
    return header, out[8 + size :]


@contextmanager
def turn(seconds: int = 0) -> Iterator[None]:
    """One of the server's WORKERS places for such a process. Raises Refused where none is free in PATIENCE seconds.

    seconds: of processor time that it may take; those of more than QUICK have one place of their own, so that two visitors who
    compare keep nobody from having a file read.
    """
    places = _long if seconds > QUICK else _free
    if not places.acquire(timeout=PATIENCE):
        raise Refused("problem.uploads_busy", seconds=round(PATIENCE))
    try:
        yield
    finally:
        places.release()


def environment() -> dict[str, str]:
    """What such a process may know of ours: no secret of the operator's is among it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | threads


# ---- inside the process ----


def serve(answer: Callable[[bytes], tuple[Mapping[str, Any], bytes]], seconds: int, megabytes: int) -> None:
    """Standard input → answer → standard output, within the limits. megabytes: of address space, which counts libraries too."""
    limit(seconds, megabytes * 2**20)
    data = sys.stdin.buffer.read()
    try:
        header, body = answer(data)
    except Refused as refused:
        problem = refused.problem
        header, body = {"problem": [problem.key, problem.setting, dict(problem.numbers)]}, b""
    head = json.dumps(header).encode()
    sys.stdout.buffer.write(len(head).to_bytes(8, "little") + head)
    sys.stdout.buffer.write(body)


def limit(seconds: int, memory: int) -> None:
    """Processor seconds, memory, open files, and no byte written to any file; systems without such limits have the timeout."""
    try:
        import resource
    except ImportError:
        return
    os.nice(10)
    for name, most in (
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_AS", memory),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NOFILE", 256),
        ("RLIMIT_CORE", 0),
    ):
        resource.setrlimit(getattr(resource, name), (most, most))
