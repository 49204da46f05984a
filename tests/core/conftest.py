"""Fixtures of the tests with several processes: a real PostgreSQL of one's own, and a Dask cluster that others started."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def until(condition, seconds=120.0):
    """Wait for something true, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


class Postgres:
    """One PostgreSQL server on loopback, of a user that is not root, as PostgreSQL demands. `databases` counts those made."""

    def __init__(self, programs: Path):
        self.programs, self.databases = programs, 0
        self.folder = Path(tempfile.mkdtemp(prefix="replearn-postgres-"))
        self.user = next(name for name in ("postgres", "nobody") if _known(name)) if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "tester", "--no-sync")
        self.start()

    def start(self) -> None:
        settings = f"-h 127.0.0.1 -p {self.port} -k '' -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-o", settings, "-l", "log", "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def database(self) -> str:
        """The URL of a new, empty one."""
        self.databases += 1
        name = f"lab{self.databases}"
        import psycopg

        with psycopg.connect(f"host=127.0.0.1 port={self.port} user=tester dbname=postgres", autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, user=self.user, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(scope="session")
def postgres():
    """A `Postgres`; skipped where no PostgreSQL is installed, unless REPLEARN_REQUIRE names it."""
    pytest.importorskip("psycopg", reason="no postgres driver: psycopg is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("no postgres: neither on the path nor where Debian puts it")
    server = Postgres(programs)
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of `dask scheduler` with two plain `dask worker` of one thread each, by command, on loopback."""
    with cluster_of(tmp_path_factory.mktemp("scheduler"), 2) as address:
        yield address


@pytest.fixture(scope="session")
def clusters():
    """`cluster_of`, for a cluster of one's own kind."""
    return cluster_of


@contextmanager
def cluster_of(folder: Path, workers: int, *, protocol: str = "tcp", environment: Mapping[str, str] = MappingProxyType({})):
    """The address of a scheduler with so many workers of one thread, started by command. environment: more than they have."""
    from replearn_core.engine import cluster

    environment = os.environ | cluster.QUIET | {"PYTHONPATH": str(ROOT)} | environment
    file = folder / "scheduler.json"
    shared = ["--scheduler-file", str(file)]
    first = [*shared, "--protocol", protocol, "--host", "127.0.0.1", "--port", "0"]
    first += ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    worker = [*shared, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    processes = []
    try:
        for command in (["scheduler", *first], *[["worker", *worker]] * workers):
            processes.append(subprocess.Popen([sys.executable, "-m", "dask", *command], env=environment, cwd=folder))
            until(file.exists)
        yield until(lambda: file.stat().st_size and json.loads(file.read_text()))["address"]
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)


def _programs() -> Path | None:
    """Where initdb and pg_ctl lie: in the newest of Debian's folders, or on the path."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name), reverse=True)
    places += [Path(found).parent for found in [shutil.which("initdb")] if found]
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _known(user: str) -> bool:
    import pwd  # not on Windows

    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False
