"""What all studies share: intervals, findings, settings, training, the answer of a task."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from replearn_core import properties, studies, tasks
from replearn_core.catalog import Knob
from replearn_core.datasets import available, load
from replearn_core.experiment import Experiment, InvalidExperiment
from replearn_core.properties import study as shared
from replearn_core.training import train
from tests.core.properties.conftest import SMALL

ROOT = Path(__file__).resolve().parents[3]
STUDIES = sorted(properties.STUDIES)


# ---- intervals and findings ----


def test_an_interval_is_students():
    values = [0.3, 0.5, 0.1, 0.7, 0.4]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert shared.interval(values) == pytest.approx((np.mean(values), low, high, 5))


def test_an_accuracys_interval_ends_at_100_percent_and_an_errors_at_0_in_a_study_and_in_an_answer_kept_before():
    values = {
        "a.accuracy": (0.994, 0.985, 0.968, 0.965, 0.868),
        "a.error": (9.0, 0.1, 0.1, 0.1, 0.1),
        "a.effect": (9.0, 0, 0, 0, 0),
    }
    study = shared.finished("x", shared.Settings(), values, {}, [shared.finding("x", shared.interval([1, 2]))], ())
    wide = {name: shared.interval(one) for name, one in values.items()}
    assert wide["a.accuracy"].high > 1 and wide["a.error"].low < 0
    told = study.answer()[0][shared.CARRIED].tobytes()
    kept = json.dumps(json.loads(told) | {"summary": {name: list(one) for name, one in wide.items()}}).encode()
    again = shared.read_answer({shared.CARRIED: np.frombuffer(kept, np.uint8)})["summary"]
    for found in (study.summary, {name: shared.Interval(*one) for name, one in again.items()}):
        assert found["a.accuracy"] == wide["a.accuracy"]._replace(high=1.0)
        assert found["a.error"] == wide["a.error"]._replace(low=0.0)
        assert found["a.effect"] == wide["a.effect"]


def test_equal_values_have_an_interval_of_no_width():
    assert shared.interval([2.0] * 5)[:3] == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("values", [[1.0], [], [1.0, np.nan], [[1.0, 2.0], [3.0, 4.0]]])
def test_an_interval_refuses_too_few_or_broken_values(values):
    with pytest.raises(ValueError):
        shared.interval(values)


def test_intervals_cover_the_truth_in_about_95_of_100_draws():
    random = np.random.default_rng(0)
    covered = [low <= 1 <= high for _, low, high, _ in (shared.interval(random.normal(1, 1, 5)) for _ in range(2_000))]
    assert 0.93 < np.mean(covered) < 0.97


def test_a_paired_difference_ignores_what_seeds_share():
    luck = np.array([5.0, -3.0, 9.0, 0.0, 2.0])
    assert shared.difference(luck + 1, luck)[:3] == pytest.approx((1, 1, 1))


def test_unequal_numbers_of_seeds_cannot_be_paired():
    with pytest.raises(ValueError, match="3 values cannot be paired with 2"):
        shared.difference([1, 2, 3], [1, 2])


@pytest.mark.parametrize(
    ("values", "said"), [((1, 2, 1, 2, 1), "higher"), ((-1, -2, -1, -2, -1), "lower"), ((1, -1, 1, -1, 0.1), "unclear")]
)
def test_a_finding_says_on_which_side_of_zero_the_interval_lies(values, said):
    found = shared.finding("some.thing", shared.interval(values), extra=7)
    assert found.key == f"finding.some.thing.{said}"
    assert found.numbers["extra"] == 7 and found.numbers["seeds"] == 5


# ---- settings ----


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize(
    "wrong", [{"seeds": 4}, {"seeds": 21}, {"seeds": 5.5}, {"first_seed": -1}, {"epochs": 0}, {"colour": 1}, {"epochs": "many"}]
)
def test_settings_refuse_what_makes_no_sense(name, wrong):
    if "epochs" in wrong and "epochs" not in properties.STUDIES[name].settings.model_fields:
        pytest.fail(f"{name} has no epochs")
    with pytest.raises(InvalidExperiment) as refused:
        properties.STUDIES[name].settings.from_values(wrong)
    assert refused.value.problems[0].key.startswith("problem.")


@pytest.mark.parametrize("name", STUDIES)
def test_options_are_the_settings_with_their_bounds_and_defaults(name):
    settings = properties.STUDIES[name].settings
    usual = settings().model_dump()
    for option in studies.options_of(name):
        if isinstance(option, Knob):
            assert usual[option.name] == option.default and option.low <= option.default <= option.high
            for edge in (option.low, option.high):
                settings.from_values({option.name: int(edge) if option.integer else edge})
            with pytest.raises(InvalidExperiment):
                settings.from_values({option.name: option.high + 1})
        else:
            assert usual[option.name] == option.default and option.default in option.values
    assert len(studies.options_of(name)) == len(usual)


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, replearn_core.properties; print(' '.join({m.split('.')[0] for m in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert not set(ran.stdout.split()) & {"torch", "sklearn", "scipy", "umap", "streamlit"}


# ---- every study ----


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_a_finite_number_for_each_seed_that_its_measure_can_be(study, name):
    done = study(name)
    assert done.name == name and done.seeds == (0, 1, 2, 3, 4)
    for measure, values in done.values.items():
        assert len(values) == 5 and np.isfinite(values).all(), measure
        low, high = done.summary[measure].low, done.summary[measure].high
        least, most = shared.possible(measure)
        assert low <= np.mean(values) <= high and least <= min(values) and max(values) <= most, measure


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_findings_with_numbers_and_names_its_runs(study, name):
    done = study(name)
    assert done.finding is done.findings[0] and len(done.runs) >= 5 and len(set(done.runs)) == len(done.runs)
    for key, numbers in done.findings:
        assert key.startswith("finding.") and key.split(".")[-1] in ("higher", "lower", "unclear")
        assert all(np.isfinite(value) for value in numbers.values())


@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_arrays_are_small_and_plain(study, name):
    arrays = study(name).arrays
    assert arrays and sum(array.nbytes for array in arrays.values()) < 400_000
    for key, array in arrays.items():
        assert array.dtype in (np.uint8, np.int16, np.int32, np.float32, np.float64), key
        assert array.size and np.isfinite(array.astype(np.float64)).all(), key


@pytest.mark.parametrize("name", STUDIES)
def test_an_answer_carries_all_that_a_page_needs(study, name):
    done = study(name)
    arrays, numbers = done.answer()
    told = properties.read_answer(arrays)
    assert told["findings"] == [[key, dict(values)] for key, values in done.findings]
    assert told["values"] == {measure: list(values) for measure, values in done.values.items()}
    assert told["runs"] == list(done.runs) and told["settings"]["seeds"] == 5
    assert numbers == {measure: pytest.approx(np.mean(values)) for measure, values in done.values.items()}
    assert set(arrays) == set(done.arrays) | {"study"}


def test_arrays_that_carry_no_study_are_refused():
    with pytest.raises(ValueError, match="carry no study: points"):
        properties.read_answer({"points": np.zeros(3)})


@pytest.mark.parametrize("name", ["smooth", "field", "distributed", "boundary", "atoms"])
def test_equal_settings_give_an_equal_study_bit_for_bit(study, name):
    first, again = study(name), studies.run_study(name, SMALL[name])
    assert first.values == again.values and first.findings == again.findings and first.runs == again.runs
    for key, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[key], err_msg=key)


def test_other_seeds_give_other_numbers(study):
    other = studies.run_study("field", SMALL["field"] | {"first_seed": 5})
    assert not set(other.values["plain.cosine"]) & set(study("field").values["plain.cosine"])


def test_progress_rises_from_0_to_1():
    told: list[float] = []
    studies.run_study("field", SMALL["field"], tell=told.append)
    assert told == sorted(told) and told[0] >= 0 and told[-1] == pytest.approx(1)


def test_what_tell_raises_ends_the_study():
    def enough(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.run_study("field", SMALL["field"], tell=enough)


def test_values_for_too_few_seeds_are_refused():
    with pytest.raises(ValueError, match="mig has 2 values for 5 seeds"):
        shared.Study("x", shared.Settings(), {"mig": (1.0, 2.0)}, {}, ())


# ---- training ----


def test_a_trained_network_is_the_run_that_a_visitor_trains():
    experiment = Experiment(dataset="digits", train_size=200, code_size=8, epochs=3, seed=4)
    data = load("digits", 200)
    network = shared.trained(experiment, data)
    *_, finished = train(experiment, data, device="cpu")
    for name, value in network.state_dict().items():
        assert torch.equal(value, finished.state[name]), name


def test_a_run_that_diverges_is_an_error_and_no_number():
    data = load("digits", 200)
    experiment = Experiment(
        dataset="digits", train_size=200, code="linear", activation="linear", hidden=(64, 64), learning_rate=1.0, epochs=200
    )
    with pytest.raises(RuntimeError, match="diverged"):
        shared.trained(experiment, data)


# ---- tasks ----


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_can_be_asked_as_a_task(name):
    task = tasks.asked(f"study:{name}")
    assert task.source == "study" and task.run is None and available(task.experiment.dataset)
    assert tasks.Task.from_json(task.as_json()).id == task.id
    assert tasks.settled(task, task.experiment, ()).id == task.id
    tasks.check(task, task.experiment)


def test_equal_questions_have_one_id_and_another_seed_has_another():
    assert tasks.asked("study:sparse").id == tasks.asked("study:sparse", seeds=5, k=10).id
    assert tasks.asked("study:sparse").id != tasks.asked("study:sparse", first_seed=1).id


def test_a_study_names_the_data_that_it_needs():
    assert tasks.asked("study:smooth", dataset="mnist", train_size=500).experiment.dataset == "mnist"
    assert tasks.asked("study:atoms").experiment.dataset == "patches"


def test_a_study_that_would_take_too_long_is_refused():
    task = tasks.asked("study:smooth", epochs=500, seeds=20, train_size=10_000)
    with pytest.raises(tasks.CannotAnswer) as refused:
        tasks.check(task, task.experiment)
    assert refused.value.problem.key == "problem.too_costly"


def test_a_task_answers_with_the_study(study):
    arrays, numbers = studies.answer("study:field", {key: float(value) for key, value in SMALL["field"].items()})
    assert json.loads(arrays["study"].tobytes())["name"] == "field"
    assert numbers["plain.cosine"] == pytest.approx(np.mean(study("field").values["plain.cosine"]))
