"""What else is made of own data: studies of labelled images, a target of transfer, a script to take home."""

import io
import subprocess
import sys

import numpy as np
import pytest

from replearn_core import datasets, presets, studies, takehome, tasks
from replearn_core.comparisons import pairs
from replearn_core.experiment import InvalidExperiment
from replearn_core.own import kept, worker
from replearn_core.own.refusal import Refused
from replearn_core.training import train


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path / "store"))


def brought(count=400, shape=(8, 8), classes=4) -> str:
    """Pictures with a bright row for each class, and noise."""
    random, stream = np.random.default_rng(0), io.BytesIO()
    y = np.arange(count) % max(1, classes)
    x = random.random((count, *shape))
    if len(shape) == 2:
        x[np.arange(count), y % shape[0]] = 1.0
    np.savez(stream, x=x, **({"y": y} if classes else {}))
    return kept.keep(*worker.read(stream.getvalue()))


# ---- studies ----


@pytest.mark.parametrize("study", ["few_labels", "sparse", "smooth", "hierarchical"])
def test_studies_of_labelled_pictures_take_labelled_own_ones(study):
    name = brought()
    task = tasks.asked(f"study:{study}", dataset=name)
    assert task.experiment is not None and task.experiment.dataset == name
    assert tasks.Task.from_json(task.as_json()) == task


def test_a_study_runs_on_own_pictures():
    study = studies.run_study("smooth", {"dataset": brought(count=260), "epochs": 1})
    assert study.finding.key.startswith("finding.smooth") and len(study.runs) >= 5


@pytest.mark.parametrize(
    "own", [{"shape": (5,)}, {"classes": 0}, {"count": 150}], ids=["a table", "no labels", "too few to train on"]
)
def test_what_a_study_cannot_use_is_refused_before_anything_is_queued(own):
    with pytest.raises(InvalidExperiment) as caught:
        tasks.asked("study:few_labels", dataset=brought(**own))
    assert caught.value.problems[0].key in ("problem.unknown_choice", "problem.own_study_small")


@pytest.mark.parametrize(("study", "classes"), [("few_labels", 20), ("sparse", 75), ("penalised", 75)])
def test_too_few_of_a_class_are_told_and_not_passed_over(study, classes):
    with pytest.raises(Refused, match="own_study_class"):
        studies.run_study(study, {"dataset": brought(count=300, classes=classes)})


def test_studies_of_other_questions_take_no_own_data():
    with pytest.raises(InvalidExperiment):
        tasks.asked("study:disentangled", dataset=brought())


# ---- transfer ----


def test_own_pictures_are_a_target_of_the_shipped_sources():
    name = brought(shape=(28, 28))
    pair = pairs.pair_of(f"digits_{name}")
    assert (pair.source, pair.target, pairs.missing(f"digits_{name}")) == ("digits", name, ())
    side = pairs.side(name)
    assert side.x_train.shape == (320, pairs.SIZE) and len(side.classes) == 4 and side.x_train.max() <= 1
    task = tasks.asked("study:race", pair=f"digits_{name}", per_class=5)
    assert task.experiment is not None and task.experiment.dataset == name


def test_a_target_that_has_left_is_told_before_anybody_waits():
    name = brought()
    kept.leave(name, lambda job: True)
    found = pairs.problem(f"letters_{name}", 1)
    assert found is not None and found.key == "problem.own_left"


@pytest.mark.parametrize("pair", ["mnist_own", "sprites_{}", "digits_{}x", "{}"])
def test_other_spellings_of_a_pair_are_refused(pair):
    with pytest.raises(InvalidExperiment):
        tasks.asked("study:race", pair=pair.format(brought()))


def test_a_race_on_own_pictures_ends_with_an_answer():
    study = studies.run_study("race", {"pair": f"digits_{brought()}", "per_class": 3, "epochs": 2})
    assert study.finding.key.startswith("finding.race")


# ---- take home ----


@pytest.mark.parametrize("own", [{}, {"shape": (6,)}], ids=["pictures", "a table"])
def test_the_script_reads_the_file_that_the_page_gives_and_measures_the_same(own, tmp_path):
    name = brought(**own)
    experiment = presets.preset(name, "undercomplete", epochs=3)
    measured = list(train(experiment, datasets.load(name, experiment.train_size)))[-1].metrics["squared_error"]
    (tmp_path / "run.py").write_text(takehome.script([(experiment, 3)]), encoding="utf-8")
    (tmp_path / "data.npz").write_bytes(kept.content(name) or b"")
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert any(abs(number - measured) <= 0.01 * measured for number in _numbers(done.stdout)), (measured, done.stdout)


def test_without_the_file_or_with_another_one_the_script_says_so(tmp_path):
    name, other = brought(), brought(count=300)
    (tmp_path / "run.py").write_text(takehome.script([(presets.preset(name, "undercomplete"), 3)]), encoding="utf-8")

    def told() -> str:
        done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        return done.stderr

    assert "data.npz is missing" in told()
    (tmp_path / "data.npz").write_bytes(kept.content(other) or b"")
    assert "trained on 320 samples" in told()


def _numbers(text: str) -> list[float]:
    found = []
    for word in text.replace(",", " ").split():
        try:
            found.append(float(word.rstrip(".")))
        except ValueError:
            continue
    return found
