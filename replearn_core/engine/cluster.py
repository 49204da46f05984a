"""The processes that runs execute in: our own on this machine, or a cluster that REPLEARN_SCHEDULER names."""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
# One thread a worker, and UMAP on a threading layer that survives two calls at once. Freed memory goes back to the system from
# 8 MB on, blocks above 2 MB at once: below, each step's tensors would be mapped anew, half a step's time (docs/decisions.md).
QUIET = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_THREADING_LAYER": "omp",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # of pyarrow, which scikit-learn imports: no thread survives a fork
    "MALLOC_TRIM_THRESHOLD_": str(8 * 2**20),
    "MALLOC_MMAP_THRESHOLD_": str(2 * 2**20),
}


class Cluster(Protocol):
    """Something with an address that a Dask client can connect to."""

    workers: int | None  # how many it starts with, None when nobody here knows

    def address(self) -> str:
        """The scheduler's address; starts it, or starts it again, where that is ours to do. Raises OSError."""
        ...

    def share(self, store: str) -> None:
        """Tell the workers that will be started here where the server keeps its files (`storage.shared`)."""
        ...

    def close(self) -> None:
        """End what was started here, within a few seconds."""
        ...


class Embedded:
    """A scheduler and `workers` workers on loopback, in processes of their own that end with this one."""

    def __init__(self, workers: int):
        self.workers: int | None = workers
        self._hub: subprocess.Popen[bytes] | None = None
        self._address = ""
        self._folder = ""
        self._ended = False
        self._store: dict[str, str] = {}
        self._lock = threading.Lock()

    def address(self) -> str:
        with self._lock:
            if self._ended:
                raise OSError("closed")
            if self._hub is None or self._hub.poll() is not None:
                self._start()
            return self._address

    def _start(self) -> None:
        self._forget()
        self._folder = tempfile.mkdtemp(prefix="replearn-")
        command = [sys.executable, "-m", "replearn_core.engine.hub"]
        command += ["--parent", str(os.getpid()), "--workers", str(self.workers), "--folder", self._folder]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | QUIET | self._store | {"PYTHONPATH": path}
        self._hub = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._hub.stdout is not None
        line = self._hub.stdout.readline()
        if not line:
            raise OSError("the scheduler did not start")
        self._address = json.loads(line)["address"]

    def share(self, store: str) -> None:
        self._store = {"REPLEARN_STORE": store}

    def close(self) -> None:
        with self._lock:
            self._ended = True
            if self._hub is not None and self._hub.poll() is None:
                self._hub.terminate()
                try:
                    self._hub.wait(6)
                except subprocess.TimeoutExpired:
                    self._hub.kill()  # its workers see that their parent is gone
                    self._hub.wait(2)
            self._forget()

    def _forget(self) -> None:
        if self._hub is not None and self._hub.stdout is not None:
            self._hub.stdout.close()
        self._hub = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


class Elsewhere:
    """A cluster that others started: `tcp://…` or `tls://…`. Certificates come from Dask's own configuration."""

    def __init__(self, address: str):
        self.workers: int | None = None
        self._address = address

    def address(self) -> str:
        return self._address

    def share(self, store: str) -> None:
        """Whoever started the workers gave them REPLEARN_STORE."""

    def close(self) -> None:
        """Nothing here is ours to end."""


def chosen() -> Cluster:
    """What the environment asks for: REPLEARN_SCHEDULER, else REPLEARN_WORKERS processes here (two at most by default)."""
    address = os.environ.get("REPLEARN_SCHEDULER")
    if address:
        return Elsewhere(address)
    return Embedded(max(1, int(os.environ.get("REPLEARN_WORKERS") or min(2, os.cpu_count() or 1))))
