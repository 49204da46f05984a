"""The engine on a cluster that others started: `dask scheduler` and two plain `dask worker`, by command, on loopback."""

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from replearn_core.engine import cluster, hub
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


def test_without_a_scheduler_the_engine_says_so_and_pages_stay_readable(tmp_path):
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
