"""The engine on a cluster that others started: `dask scheduler` and two plain `dask worker`, by command, on loopback."""

import time
from pathlib import Path

from replearn_core.engine import cluster, hub
from replearn_core.engine.engine import Engine
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
