"""The command line: a run folder from a settings file, and one clear line for whatever is wrong with the input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replearn_core import __main__ as cli
from replearn_core import datasets, folder, weights
from replearn_core.experiment import Experiment, Problem

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"dataset": "digits", "train_size": 300, "code_size": 8, "epochs": 6}


def settings(tmp_path: Path, **fields) -> str:
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(SMALL | fields))
    return str(path)


def wrong(capsys, *arguments) -> str:
    """The one line on stderr of a command that is refused."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.endswith("\n") and said.err.count("\n") == 1 and "Traceback" not in said.err
    return said.err


def signalled(monkeypatch, sent: signal.Signals, epoch: int) -> None:
    """From here on a run sends this process a signal at each of its moments from an epoch on."""
    from replearn_core import training

    train = training.train

    def train_and_send(experiment, data, **options):
        for event in train(experiment, data, **options):
            yield event
            if event.kind == "progress" and event.epoch >= epoch:
                os.kill(os.getpid(), sent)

    monkeypatch.setattr(training, "train", train_and_send)


def test_train_writes_the_whole_run_folder_and_show_reads_it(tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.main(["train", settings(tmp_path), "--out", str(out), "--quiet"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "experiment.json", "events.jsonl", "frames.npz", "weights.safetensors", "optimizer.safetensors", "metrics.json",
    }  # fmt: skip
    capsys.readouterr()
    assert cli.main(["show", str(out)]) == 0
    said = capsys.readouterr().out
    assert Experiment.from_values(SMALL).id in said and "finished" in said and "epoch 6 of 6" in said
    assert all(name in said for name in folder.read_run(out).metrics)


def test_a_stopped_run_resumed_equals_one_that_was_never_stopped(tmp_path, monkeypatch, capsys):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    fields = {"epochs": 30}
    cli.main(["train", settings(tmp_path, **fields), "--out", str(whole), "--quiet"])
    signalled(monkeypatch, signal.SIGINT, epoch=3)
    assert cli.main(["train", settings(tmp_path, **fields), "--out", str(halves), "--quiet"]) == 130
    monkeypatch.undo()
    stopped = folder.read_run(halves)
    assert stopped.state == "stopped" and 0 < stopped.events[-1].epoch < 30
    assert cli.main(["resume", str(halves), "--quiet"]) == 0
    ended, uninterrupted = folder.read_run(halves), folder.read_run(whole)
    assert ended.state == "finished" and ended.metrics == uninterrupted.metrics
    first, second = (weights.read(folder.read_state(path)[0])[0] for path in (halves, whole))
    assert first.keys() == second.keys() and all((first[name] == second[name]).all() for name in first)
    epochs = [event.epoch for event in ended.events if event.kind == "progress"]
    assert epochs == sorted(set(epochs)) and epochs[-1] == 30
    capsys.readouterr()
    assert "30" in wrong(capsys, "resume", halves)


def test_ctrl_c_on_the_real_command_leaves_a_resumable_folder(tmp_path):
    out = tmp_path / "run"
    file = settings(tmp_path, epochs=2_000, batch_size=16)
    command = [sys.executable, "-m", "replearn_core", "train", file, "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 90
        while not _trains(process.pid) and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said[1]
    assert folder.read_run(out).state == "stopped" and folder.read_state(out) is not None


def test_ctrl_c_while_the_data_are_on_their_way_ends_at_once(tmp_path, monkeypatch, capsys):
    def slow(name, size, on_progress):
        os.kill(os.getpid(), signal.SIGINT)
        on_progress(1, None)
        pytest.fail("went on loading")

    monkeypatch.setattr(datasets, "load", slow)
    assert cli.main(["train", settings(tmp_path), "--out", str(tmp_path / "run"), "--quiet"]) == 130
    assert capsys.readouterr().err == ""


@pytest.fixture
def interrupts():
    """Ctrl-C raises KeyboardInterrupt, as in a terminal: a shell that starts these tests in the background switches that off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_commands_that_keep_nothing_half_way(tmp_path, monkeypatch, interrupts):
    from replearn_core import claims

    def make(*_):
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on computing")

    monkeypatch.setattr(claims, "make", make)
    assert cli.main(["claims", "C1", "--out", str(tmp_path)]) == 130


def test_a_terminated_run_can_be_resumed_too(tmp_path, monkeypatch):
    signalled(monkeypatch, signal.SIGTERM, epoch=1)
    assert cli.main(["train", settings(tmp_path, epochs=30), "--out", str(tmp_path / "run"), "--quiet"]) == 130
    assert folder.read_run(tmp_path / "run").state == "stopped" and folder.read_state(tmp_path / "run") is not None


def test_places_that_cannot_be_written_are_told_by_every_command(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert "none" in wrong(capsys, "data", "digits", tmp_path / "none" / "data.npz")
    assert "file" in wrong(capsys, "claims", "C1", "--out", tmp_path / "file" / "claims")


def _trains(pid: int) -> bool:
    """Whether the process has come so far that torch is being imported; it must take Ctrl-C from then on."""
    try:
        return "libtorch" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def test_catalog_is_json(capsys):
    assert cli.main(["catalog"]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"datasets", "variants", "penalties"}


@pytest.mark.parametrize(
    "text",
    [
        '{"dataset": "digits",}', "", "[]", "null", '{"dataset": "nowhere"}', '{"dataset": "digits", "epochs": 1e400}',
        '{"dataset": "digits", "learning_rate": NaN}', '{"dataset": "digits", "colour": 1}',
        '{"dataset": "digits", "version": 99}', "[" * 100_000,
        '{"dataset": "digits", "epochs": ' + "9" * 5_000 + "}", '{"dataset": "digits", "code_size": "-1"}',
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_get_one_line(tmp_path, capsys, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    assert str(path) in wrong(capsys, "train", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_broken_json_names_line_and_column(tmp_path, capsys):
    path = tmp_path / "bad.json"
    path.write_text('{\n  "dataset": digits\n}')
    said = wrong(capsys, "train", path, "--out", tmp_path / "run")
    assert "2" in said and "14" in said


def test_files_and_folders_that_are_not_there_or_not_fit(tmp_path, capsys):
    assert "none.json" in wrong(capsys, "train", tmp_path / "none.json", "--out", tmp_path / "run")
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    assert "binary.json" in wrong(capsys, "train", tmp_path / "binary.json", "--out", tmp_path / "run")
    (tmp_path / "file").write_text("")
    assert "file" in wrong(capsys, "train", settings(tmp_path), "--out", tmp_path / "file" / "run")
    assert "cuda:99" in wrong(capsys, "train", settings(tmp_path), "--out", tmp_path / "run", "--device", "cuda:99")
    assert "tpu" in wrong(capsys, "train", settings(tmp_path), "--out", tmp_path / "run", "--device", "tpu")
    for command in ("show", "resume"):
        assert "nowhere" in wrong(capsys, command, tmp_path / "nowhere")


def test_a_folder_of_another_run_is_not_overwritten(tmp_path, capsys):
    other = Experiment.from_values(SMALL | {"seed": 5})
    folder.write_run(tmp_path / "run", other, [])
    assert other.id in wrong(capsys, "train", settings(tmp_path), "--out", tmp_path / "run")
    assert folder.read_experiment(tmp_path / "run") == other


def test_a_damaged_run_is_named(tmp_path, capsys):
    run = Experiment.from_values(SMALL)
    folder.write_run(tmp_path / "run", run, [])
    assert "run" in wrong(capsys, "resume", tmp_path / "run")
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"PK\x03\x04 not weights")
    assert "weights.safetensors" in wrong(capsys, "resume", tmp_path / "run")
    (tmp_path / "run" / "events.jsonl").write_text("{")
    assert "events.jsonl" in wrong(capsys, "show", tmp_path / "run")


def test_a_data_set_that_cannot_be_had_is_one_line(tmp_path, capsys, monkeypatch):
    def absent(name, size=None, on_progress=None):
        raise datasets.Unavailable(name, "missing", ["train-images.gz"])

    monkeypatch.setattr(datasets, "load", absent)
    assert "mnist" in wrong(capsys, "train", settings(tmp_path, dataset="mnist"), "--out", tmp_path / "run", "--quiet")


def test_a_key_without_a_sentence_is_still_told(monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "WORDS", tmp_path / "none.toml")
    assert cli.sentence(Problem("problem.too_costly", "epochs", {"seconds": 5})) == "problem.too_costly setting=epochs seconds=5"


def test_data_on_their_way_move_a_bar_of_their_own(tmp_path, capsys, monkeypatch):
    real = datasets.load

    def slow(name, train_size=None, *, on_progress=None):
        for done in (1_000_000, 15_000_000):
            on_progress(done, None)
        return real(name, train_size)

    monkeypatch.setattr(datasets, "load", slow)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    settings = tmp_path / "experiment.json"
    settings.write_text('{"dataset": "digits", "epochs": 1, "train_size": 200}')
    assert cli.main(["train", str(settings), "--out", str(tmp_path / "run")]) == 0
    assert "15.0MB" in capsys.readouterr().err
