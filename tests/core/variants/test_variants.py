"""The studies of the six autoencoders: known answers of their measures, settings, numbers for every seed, the same twice."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from replearn_core import claims, measures, properties, studies, tasks, variants
from replearn_core.catalog import Knob
from replearn_core.datasets import load
from replearn_core.experiment import Experiment, InvalidExperiment
from replearn_core.presets import preset
from replearn_core.properties.study import trained
from replearn_core.sparse_coding import objective
from replearn_core.training import train
from replearn_core.variants import clean, compress, contracted, lab, penalised, predicted, scale, stacked
from tests.core.variants.conftest import SMALL

ROOT = Path(__file__).resolve().parents[3]
STUDIES = sorted(variants.STUDIES)
CLOCKED = ("seconds", "speedup")


# ---- every study ----


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_a_finite_number_for_each_seed_and_names_its_runs(study, name):
    done = study(name)
    assert done.name == name and done.seeds == (0, 1, 2, 3, 4)
    assert len(done.runs) >= 5 and len(set(done.runs)) == len(done.runs)
    for measure, values in done.values.items():
        assert len(values) == 5 and np.isfinite(values).all(), measure
    for key, numbers in done.findings:
        assert key.startswith("finding.") and key.split(".")[-1] in ("higher", "lower", "unclear")
        assert all(np.isfinite(value) for value in numbers.values())


@pytest.mark.parametrize("name", STUDIES)
def test_a_studys_arrays_are_small_and_plain(study, name):
    arrays = study(name).arrays
    assert arrays and sum(array.nbytes for array in arrays.values()) < 400_000
    for key, array in arrays.items():
        assert array.dtype in (np.uint8, np.int32, np.float32) and array.size, key
        assert np.isfinite(array.astype(np.float64)).all(), key


@pytest.mark.parametrize("name", ["resembles", "clean", "contracted"])
def test_equal_settings_give_an_equal_study_bit_for_bit(study, name):
    first, again = study(name), studies.run_study(name, SMALL[name])
    assert first.values == again.values and first.findings == again.findings and first.runs == again.runs
    for key, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[key], err_msg=key)


def test_only_what_a_clock_gave_may_differ_between_two_runs(study):
    first, again = study("predicted"), studies.run_study("predicted", SMALL["predicted"])
    timed = {name for name in first.values if name.endswith(CLOCKED)}
    assert timed == {"speedup"}
    assert {k: v for k, v in first.values.items() if k not in timed} == {k: v for k, v in again.values.items() if k not in timed}


def test_other_seeds_give_other_numbers(study):
    other = studies.run_study("resembles", SMALL["resembles"] | {"first_seed": 5})
    assert not set(other.values["autoencoder.error"]) & set(study("resembles").values["autoencoder.error"])


def test_progress_rises_from_0_to_1():
    told: list[float] = []
    studies.run_study("contracted", SMALL["contracted"], tell=told.append)
    assert told == sorted(told) and told[0] >= 0 and told[-1] == pytest.approx(1)


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("wrong", [{"seeds": 4}, {"seeds": 21}, {"epochs": 0}, {"colour": 1}, {"dataset": "cats"}])
def test_settings_refuse_what_makes_no_sense(name, wrong):
    with pytest.raises(InvalidExperiment) as refused:
        variants.STUDIES[name].settings.from_values(wrong)
    assert refused.value.problems[0].key.startswith("problem.")


@pytest.mark.parametrize("name", STUDIES)
def test_options_are_the_settings_with_their_bounds_and_defaults(name):
    settings = variants.STUDIES[name].settings
    usual = settings().model_dump()
    for option in studies.options_of(name):
        assert usual[option.name] == option.default
        if isinstance(option, Knob):
            for edge in (option.low, option.high):
                settings.from_values({option.name: int(edge) if option.integer else edge})
            with pytest.raises(InvalidExperiment):
                settings.from_values({option.name: option.high + 1})
    assert len(studies.options_of(name)) == len(usual)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_can_be_asked_as_a_task_and_is_cheap(name):
    task = tasks.asked(f"study:{name}")
    tasks.check(task, task.experiment)
    assert tasks.Task.from_json(task.as_json()).id == task.id
    assert studies.estimated_seconds(name, {}) <= 20


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, replearn_core.variants; print(' '.join({m.split('.')[0] for m in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert not set(ran.stdout.split()) & {"torch", "sklearn", "scipy", "umap", "streamlit"}


def test_a_studys_run_is_the_one_that_its_link_opens(study):
    effect = claims.CLAIMS["C9"][0]
    opened, problems = Experiment.from_query(dict(effect.query))
    usual = variants.STUDIES["resembles"].settings()
    assert problems == () and opened == usual.preset("undercomplete", 0)


@pytest.mark.parametrize("variant", ["undercomplete", "sparse", "denoising", "contractive", "deep", "psc"])
def test_a_preset_is_the_labs_own_but_for_its_length(variant):
    settings = lab.Variants()
    assert settings.preset(variant, 3) == preset("digits", variant, epochs=60, train_size=1_437, seed=3)


# ---- known answers ----


def test_a_perfect_copy_recognises_every_picture_and_a_constant_only_one():
    x = load("digits", 200).x_test[:50]
    assert compress.recognised(x, x) == 1
    assert compress.recognised(x, np.repeat(x[:1], 50, axis=0)) == 1 / 50


def test_the_untrained_network_is_the_run_at_epoch_0():
    data, e = load("digits", 200), preset("digits", "undercomplete", train_size=200, epochs=1)
    state = next(event.state for event in train(e, data, device="cpu") if event.kind == "progress")
    found = compress.begun(e, data).state_dict()
    assert all(torch.equal(state[name], value) for name, value in found.items())


def test_what_lies_along_axes_adds_up_to_everything():
    random = np.random.default_rng(0)
    x, axes = random.normal(size=(30, 6)), np.linalg.qr(random.normal(size=(6, 6)))[0].T
    there, lost = compress.along_axes(x, np.zeros_like(x), axes)
    np.testing.assert_allclose(there, lost)
    assert there.sum() == pytest.approx(np.square(x).sum())
    assert compress.along_axes(x, x, axes)[1].sum() == pytest.approx(0)


def test_axes_on_which_nothing_varies_have_no_share():
    there, lost = np.array([4.0, 2.0, 1e-31, 0.0]), np.array([1.0, 3.0, 0.2, 0.0])
    np.testing.assert_allclose(compress.rebuilt_shares(there, lost), [0.75, -0.5, 0, 0])
    np.testing.assert_allclose(compress.rebuilt_shares(np.zeros(2), np.ones(2)), 0)


def test_random_features_lose_nothing_when_there_are_as_many_as_pixels_and_no_code_of_a_size_beats_pca():
    data = load("digits", 200)
    train, test = (x.reshape(len(x), -1).astype(np.float64) for x in (data.x_train, data.x_test))
    assert compress.random_error(train, train, 64, 0) == pytest.approx(0, abs=1e-8)
    for size in (2, 8):
        assert compress.random_error(train, train, size, 0) > measures.pca_error(train, train, size)


def test_copies_and_their_negatives_are_one_feature_and_silence_is_none():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 8, 8))
    assert penalised.distinct(np.stack([a, 2 * a, -a, b, np.zeros((8, 8))])) == 2
    assert penalised.distinct(np.eye(10)) == 10 and penalised.distinct(np.zeros((3, 4))) == 0
    assert penalised.distinct(np.zeros((0, 8, 8))) == 0  # every unit is dead


def test_the_noise_of_a_level_is_what_it_says_and_the_same_for_both_networks():
    x = np.ones((400, 8, 8), np.float32)
    seen = clean.noisy(x, "masking", 0.3, seed=0)
    assert 1 - seen.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_array_equal(seen, clean.noisy(x, "masking", 0.3, seed=0))
    assert (seen != clean.noisy(x, "masking", 0.3, seed=1)).any()
    np.testing.assert_array_equal(clean.noisy(x, "masking", 0.0, seed=0), x)
    assert x.min() == 1  # what was given stays clean


def test_noise_costs_the_input_what_arithmetic_says(study):
    """E‖x̃ − x‖² under masking is ν Σx²."""
    values = study("clean").values
    power = np.square(load("digits", 200).x_test.astype(np.float64)).sum() / 360
    assert np.mean(values["input.error_30"]) == pytest.approx(0.3 * power, rel=0.03)
    assert set(values["input.error_0"]) == {0.0}


def test_slopes_are_the_encoders_jacobian():
    network = trained(preset("digits", "contractive", train_size=200, epochs=2), load("digits", 200))
    x = load("digits", 200).x_test[:5]
    found = contracted.slopes(network, x)
    spectrum = measures.jacobian_spectrum(network.encode, x.reshape(5, -1))
    np.testing.assert_allclose(np.linalg.svd(found, compute_uv=False), spectrum, atol=1e-5)


def test_local_directions_of_a_flat_sheet_lie_in_it():
    random = np.random.default_rng(0)
    sheet = np.zeros((300, 8))
    sheet[:, :5] = random.uniform(size=(300, 5))
    axes = contracted.local_directions(sheet[:3], sheet)
    assert axes.shape == (3, 8, 5)
    np.testing.assert_allclose(axes[:, 5:], 0, atol=1e-12)
    np.testing.assert_allclose(axes.transpose(0, 2, 1) @ axes, np.eye(5)[None].repeat(3, axis=0), atol=1e-12)


def test_the_plain_network_of_equal_use_is_one_of_its_own_epochs(study):
    done = study("contracted")
    assert all(1 <= epoch <= SMALL["contracted"]["epochs"] for epoch in done.values["equal.epoch"])
    gap = np.abs(np.log(done.values["equal.error"]) - np.log(done.values["contractive.error"]))
    last = np.abs(np.log(done.values["plain.error"]) - np.log(done.values["contractive.error"]))
    assert (gap <= last + 1e-4).all()


def test_the_plain_network_of_equal_use_is_that_of_the_nearest_epoch_recorded_or_not():
    settings = contracted.Contracted(epochs=30, train_size=200)
    data, experiment = load("digits", 200), contracted.experiment_of(settings, 100, 0.0)
    wanted_epoch = 15  # between two that are recorded
    near = {epoch: trained(experiment.changed(epochs=epoch), data) for epoch in (14, 15, 16)}
    errors = {epoch: lab.error(network, data.x_test) for epoch, network in near.items()}
    values = {}
    found = contracted.moments_of(experiment, data, errors[wanted_epoch] * 1.001, values, lambda *_: None)
    assert values["equal.epoch"] == [wanted_epoch] and errors[14] > errors[15] > errors[16]
    assert lab.error(found["equal"], data.x_test) == errors[wanted_epoch]
    assert lab.error(found["plain"], data.x_test) < errors[16]


def test_the_shallow_network_has_as_many_parameters_as_the_deep_one(study):
    done = study("stacked")
    deep, shallow = (np.mean(done.values[f"{name}.parameters"]) for name in ("deep", "shallow"))
    assert abs(deep - shallow) / deep < 0.01
    assert len(stacked.experiments_of(stacked.Stacked(), "shallow", 0)["error"].hidden) == 1


def test_few_pictures_are_seen_as_often_as_makes_equally_many_steps():
    planned = stacked.experiments_of(stacked.Stacked(), "deep", 0)
    steps = {name: one.epochs * -(-one.samples // one.batch_size) for name, one in planned.items()}
    assert steps["few_error"] == pytest.approx(steps["error"], rel=0.3) and planned["few_error"].samples == 200


def test_inference_solves_the_lasso_of_the_networks_own_dictionary():
    from sklearn.decomposition import SparseCoder

    network = trained(preset("digits", "psc", train_size=200, epochs=1), load("digits", 200))
    x = load("digits", 200).x_test[:6]
    found = torch.from_numpy(predicted.inferred(network, x, 400))
    stage = network.decoder[0]
    atoms, centred = stage.weight.detach(), torch.from_numpy(x.reshape(6, -1)) - stage.bias.detach()
    exact = SparseCoder(atoms.T.double().numpy(), transform_algorithm="lasso_cd", transform_alpha=0.25, transform_max_iter=20_000)
    best = torch.from_numpy(exact.transform(centred.double().numpy())).float()
    assert objective(centred, found, atoms, 0.25) == pytest.approx(float(objective(centred, best, atoms, 0.25)), rel=1e-3)


def test_a_prediction_explains_all_of_itself_and_nothing_when_it_says_the_mean():
    codes = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)
    assert predicted.explained(codes, codes) == 1
    assert predicted.explained(codes, np.repeat(codes.mean(axis=0)[None], 40, axis=0)) == pytest.approx(0, abs=1e-6)


def test_bytes_are_four_a_parameter(study):
    done = study("scale")
    widths = [64, 64, 32, 16]
    count = sum(2 * a * b + a + b for a, b in zip(widths, widths[1:]))
    assert done.values["large.bytes"][0] == scale.FLOAT * count


def test_a_log_ratio_of_equals_is_zero_and_of_a_half_is_ln_2_below():
    values = {"a.error": [1.0, 2.0], "b.error": [2.0, 4.0]}
    np.testing.assert_allclose(lab.against(values, "error", "a", "b"), [-np.log(2)] * 2)
    np.testing.assert_allclose(lab.against(values, "error", "a", "a"), 0)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_its_default_answer_at_once(name):
    from replearn_core.engine import wire

    answer = claims.shipped_answer(tasks.asked(f"study:{name}").id)
    assert answer is not None
    told = properties.read_answer(wire.arrays_of(answer))
    assert told["name"] == name and told["settings"] == variants.STUDIES[name].settings().model_dump(mode="json")
