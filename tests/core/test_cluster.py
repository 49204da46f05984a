"""The engine on a cluster that others started: `dask scheduler` and two plain `dask worker`, by command, on loopback."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from replearn_core.engine import cluster, dask_side, hub
from replearn_core.engine.engine import Engine
from replearn_core.engine.foreman import Foreman
from replearn_core.experiment import Experiment
from replearn_core.store import Store

WAIT = 120.0
ROOT = Path(__file__).resolve().parents[2]


def until(condition):
    end = time.monotonic() + WAIT
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


def test_runs_go_to_the_end_on_a_cluster_named_by_the_environment(scheduler, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_SCHEDULER", scheduler)
    engine = Engine(Store(tmp_path / "runs", shipped=None), cluster.chosen())
    try:
        until(lambda: engine.dask.slots == 2)
        small = {"dataset": "digits", "train_size": 300, "code_size": 8}
        runs = [engine.submit(Experiment(**small, epochs=3, seed=seed), owner=f"visitor {seed}") for seed in range(3)]
        until(lambda: not any(engine.watch(run_id).live for run_id in runs))
        assert [engine.watch(run_id).state for run_id in runs] == ["finished"] * 3
        going = engine.submit(Experiment(**small, epochs=2_000, batch_size=16), owner="a")
        until(lambda: any(event.kind == "progress" and event.epoch >= 1 for event in engine.watch(going).events))
        branched = engine.branch(going, {"learning_rate": 1e-3, "epochs": 2}, owner="a")
        until(lambda: not engine.watch(branched).live and not engine.watch(going).live)
        assert (engine.watch(going).state, engine.watch(branched).state) == ("stopped", "finished")
        assert engine.lineage(branched)[0][0] == going
    finally:
        engine.close()


def test_without_a_scheduler_the_engine_says_so_and_pages_stay_readable(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_side, "PATIENCE", 1.0)
    engine = Engine(Store(tmp_path, shipped=None), cluster.Elsewhere("tcp://127.0.0.1:9"))
    try:
        assert until(lambda: engine.problem).key == "problem.engine_lost"
        assert engine.watch("a" * 32).state == "missing"
    finally:
        engine.close()


def test_schedulers_started_by_hand_get_the_settings_that_ours_gets():
    import yaml

    def flat(tree, before=""):
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from flat(value, f"{before}{name}.")
            else:
                yield before + name, value

    assert dict(flat(yaml.safe_load((ROOT / "deploy" / "dask.yaml").read_text("utf-8")))) == hub.SETTINGS


@pytest.mark.parametrize(
    ("slots", "live", "others_busy", "room"),
    [(4, 1, 0, 4), (4, 2, 0, 4), (4, 2, 1, 3), (4, 2, 4, 2), (3, 2, 3, 2), (1, 2, 1, 1), (8, 3, 8, 3), (0, 2, 0, 0)],
)
def test_servers_share_the_workers_and_none_leaves_them_idle(slots, live, others_busy, room):
    store = SimpleNamespace(neighbours=SimpleNamespace(live=live, others_busy=others_busy))
    dask = SimpleNamespace(slots=slots, processes=cluster.Elsewhere("tcp://127.0.0.1:9"))
    assert Foreman._room(SimpleNamespace(books=SimpleNamespace(store=store), dask=dask)) == room


def test_every_setting_is_explained_and_files_for_several_servers_name_no_others():
    def settings(*paths):
        return {name for path in paths for name in re.findall(r"REPLEARN_[A-Z_]+", path.read_text("utf-8"))}

    known = settings(*(path for folder in ("replearn_core", "pages") for path in (ROOT / folder).rglob("*.py")))
    used = settings(ROOT / "compose.yaml", *(ROOT / "deploy").iterdir())
    explained = settings(ROOT / "docs" / "deploy.md")
    assert used <= explained and known - explained == {"REPLEARN_WARM"} and explained <= known  # WARM: for tests


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this system does not share processors among sessions")
def test_our_processes_wait_for_pages_on_a_busy_processor(monkeypatch):
    monkeypatch.setenv("REPLEARN_WARM", "0")
    embedded = cluster.Embedded(1)
    try:
        embedded.address()
        share = Path(f"/proc/{embedded._hub.pid}/autogroup")
        assert until(lambda: share.read_text().split()[-1] == "10")
        assert Path("/proc/self/autogroup").read_text().split()[-1:] != ["10"]  # empty for a process outside all sessions
    finally:
        embedded.close()


def test_a_worker_that_could_not_start_or_is_given_up_later_is_followed_by_another():
    begun = []

    class Given:
        """A nanny that starts or does not, and goes on or ends by itself."""

        def __init__(self):
            self.number, self.closed = len(begun), 0
            begun.append(self)

        def __await__(self):
            if self.number == 0:
                raise TimeoutError
            return asyncio.sleep(0).__await__()

        async def finished(self):
            await asyncio.sleep(0 if self.number == 1 else 3600)

        async def close(self, timeout):
            self.closed += 1

    async def watched():
        keeping = asyncio.create_task(hub.keep(Given, pause=0))
        while len(begun) < 3:
            await asyncio.sleep(0)
        keeping.cancel()
        await asyncio.wait([keeping], timeout=5)

    asyncio.run(asyncio.wait_for(watched(), 30))
    assert [nanny.closed for nanny in begun] == [1, 1, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_where_no_process_can_be_forked_from_workers_import_for_themselves(tmp_path):
    """A socket's name has 107 bytes at most."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    code = "import dask; from replearn_core.engine import hub; hub.share_imports()\n"
    code += "print(dask.config.get('distributed.worker.multiprocessing-method'))"
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "spawn" and "imports what it needs for itself" in told.stderr


LATE = """
from replearn_core.engine import hub

begun, nanny = [], hub._nanny

def first_fails(*place):
    begun.append(nanny(*place))
    if len(begun) == 1:
        begun[0].preload = ["no_module_of_this_name"]
    return begun[-1]

if __name__ == "__main__":
    hub._nanny = first_fails
    hub.main()
"""


def test_runs_end_though_no_worker_could_start_at_first(tmp_path, monkeypatch):
    """Dask's own way out of it is to go on without workers for good."""
    late = tmp_path / "late.py"
    late.write_text(LATE)
    monkeypatch.setenv("REPLEARN_WARM", "0")
    plain = subprocess.Popen
    monkeypatch.setattr(
        cluster.subprocess, "Popen", lambda command, **options: plain([sys.executable, str(late), *command[3:]], **options)
    )
    engine = Engine(Store(tmp_path / "runs", shipped=None), cluster.Embedded(1))
    try:
        run_id = engine.submit(Experiment(dataset="digits", train_size=100, epochs=1), owner="a")
        assert until(lambda: engine.watch(run_id).state == "finished")
    finally:
        engine.close()
