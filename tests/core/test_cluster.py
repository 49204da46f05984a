"""The engine on a cluster that others started: `dask scheduler` and two plain `dask worker`, by command, on loopback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replearn_core.engine import cluster
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


@pytest.fixture
def address(tmp_path):
    """The address of a scheduler with two workers of one thread each."""
    environment = os.environ | cluster.QUIET | {"PYTHONPATH": str(ROOT)}
    file = tmp_path / "scheduler.json"
    shared = ["--scheduler-file", str(file)]
    scheduler = [*shared, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    worker = [*shared, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]
    commands = [["scheduler", *scheduler], ["worker", *worker], ["worker", *worker]]
    processes = []
    try:
        for command in commands:
            processes.append(subprocess.Popen([sys.executable, "-m", "dask", *command], env=environment, cwd=tmp_path))
            until(file.exists)
        import json

        yield until(lambda: file.stat().st_size and json.loads(file.read_text()))["address"]
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)


def test_runs_go_to_the_end_on_a_cluster_named_by_the_environment(address, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_SCHEDULER", address)
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
