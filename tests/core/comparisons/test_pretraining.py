"""Pretraining compared: its data, what is shared between rivals, what is said, what is refused."""

import functools

import numpy as np
import pytest
import torch

from replearn_core import studies
from replearn_core.comparisons import deep
from replearn_core.comparisons.borders import STRENGTHS, first_gradients
from replearn_core.comparisons.pretraining import NAMES, SWEPT, Pretraining, apart, border, moments_of, run_pretraining
from replearn_core.experiment import InvalidExperiment
from replearn_core.properties import read_answer
from replearn_core.properties.study import interval
from replearn_core.tasks import CannotAnswer

SMALL = {"depth": 2, "width": 8, "pretrain_epochs": 1, "updates": 40, "labels": 30, "train_size": 200}
COUNTED = np.array([10, 100, 1_000])


def settings_of(**fields) -> Pretraining:
    return Pretraining.from_values(SMALL | fields)


@functools.cache
def small_study():
    torch.set_num_threads(1)
    told = []

    def tell(share, partial=None):
        told.append((share, None if partial is None else partial()))

    return run_pretraining(settings_of(), tell=tell), told


# ---- what comes out ----


def test_a_small_study_has_every_array_in_its_shape_and_every_number_per_seed():
    study, _ = small_study()
    arrays = study.arrays
    assert all(len(values) == 5 for values in study.values.values())
    assert arrays["layer.rebuilt"].shape == (2, 8, 8, 8) and arrays["features.tuned"].shape == (2, 8, 8, 8)
    assert arrays["counts"].tolist() == [20, 30, 50, 100, 200] and arrays["counts.error"].shape == (3, 5, 5)
    assert np.isfinite(arrays["counts.error"]).all() and arrays["path"].shape == (4, 5, 14, 2)
    steps = len(arrays["updates"])
    for name in NAMES:
        assert arrays[f"{name}.error"].shape == (5, steps) and arrays[f"{name}.gradient"].shape == (5, steps, 3)
        assert study.values[f"{name}.error"] == pytest.approx(arrays[f"{name}.error"][:, -1].tolist())
    assert sum(array.nbytes for array in arrays.values()) < 200_000
    assert study.findings[0].key.startswith("finding.pretraining.error.")


def test_while_it_runs_it_gives_ever_more_of_the_answer_and_says_which_phase_runs():
    study, told = small_study()
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[-1] <= 1
    stages = [(numbers["stage"], numbers["place"]) for _, (_, numbers) in told]
    assert stages == sorted(stages) and {stage for stage, _ in stages} == {0, 1, 2, 3, 4}
    assert "layer.error" in told[0][1][0] and "random.error" not in told[0][1][0]
    assert told[-1][1][0].keys() <= study.arrays.keys()


def test_equal_settings_give_equal_studies():
    study, _ = small_study()
    again = run_pretraining(settings_of())
    assert all(np.array_equal(study.arrays[name], again.arrays[name], equal_nan=True) for name in study.arrays)


def test_the_answer_survives_its_way_to_the_page():
    arrays, _ = small_study()[0].answer()
    told = read_answer(arrays)
    assert told["name"] == "pretraining" and len(told["findings"]) == 9


def test_the_study_is_known_by_its_name_and_its_cost_grows_with_the_work():
    assert studies.estimated_seconds("pretraining", SMALL) < studies.estimated_seconds("pretraining", SMALL | {"updates": 4_000})
    assert studies.about("pretraining", {"dataset": "sprites", "train_size": 500}) == ("sprites", 500)
    assert studies.run_study("borders", SMALL | {"over": "label", "depth": 1}).arrays["stops"].tolist() == pytest.approx(
        [0.0, *STRENGTHS]
    )


# ---- rivals ----


def test_rivals_share_first_weights_and_the_pretrained_one_has_the_stacks_layers():
    settings = settings_of()
    data, seeds = deep.labelled_data(settings), tuple(settings.each_seed)
    stack = deep.network(settings, data, deep.families(settings)[0], seeds)
    first = {name: value.clone() for name, value in stack.weights.items()}
    list(deep.pretrain(settings, data, stack))
    both = deep.raced(settings, data, stack)
    for i in range(2):
        name = f"encoder.{i}.weight"
        assert torch.equal(both.weights[name][:5], first[name])
        assert torch.equal(both.weights[name][5:], stack.weights[name]) and not torch.equal(stack.weights[name], first[name])
    assert torch.equal(both.weights["head.weight"][:5], both.weights["head.weight"][5:])


def test_a_shallower_network_takes_the_lower_layers_of_a_deeper_stack():
    settings = settings_of()
    data = deep.labelled_data(settings)
    stack = deep.network(settings, data, deep.families(settings)[0], tuple(settings.each_seed), 3)
    list(deep.pretrain(settings, data, stack))
    one = deep.raced(settings, data, stack, 1)
    assert torch.equal(one.weights["encoder.0.weight"][5:], stack.weights["encoder.0.weight"]) and one.blueprint.levels == 1


def test_every_class_is_labelled_equally_often_and_a_seed_alone_decides_which_images():
    y = np.repeat(np.arange(5), 30)
    rows = deep.draw_labelled(y, 20, 5, 3)
    assert np.bincount(y[rows]).tolist() == [4] * 5 and len(set(rows.tolist())) == 20
    assert np.array_equal(rows, deep.draw_labelled(y, 20, 5, 3)) and not np.array_equal(rows, deep.draw_labelled(y, 20, 5, 4))
    assert sorted(deep.draw_labelled(y, 150, 5, 0).tolist()) == list(range(150))
    assert len(set(deep.draw_labelled(y, 23, 5, 0).tolist())) == 23


# ---- whose label ----


def test_a_faint_texture_moves_each_pixel_by_its_strength_and_its_label_says_nothing_of_the_image():
    x = np.random.default_rng(0).random((400, 8, 8)).astype(np.float32)
    changed, y = deep.with_faint_pattern(x, 0.05, 0)
    assert changed.min() >= 0 and changed.max() <= 1
    assert np.abs(changed - (0.05 + 0.9 * x)) == pytest.approx(0.05, abs=1e-6)
    texture = [(changed - 0.05 - 0.9 * x)[y == label] for label in range(4)]
    assert all(np.abs(one - one[0]).max() < 1e-6 for one in texture)
    assert len({tuple(np.sign(one[0]).ravel()) for one in texture}) == 4
    assert abs(np.corrcoef(x.mean(axis=(1, 2)), y)[0, 1]) < 0.15


def test_a_sprites_quarter_is_where_its_weight_lies():
    settings = settings_of(dataset="sprites", task="position", width=4)
    data = deep.labelled_data(settings)
    pictures = data.x.numpy().reshape(-1, 32, 32)
    rows, columns = np.mgrid[:32, :32] + 0.5
    weight = pictures.sum(axis=(1, 2))
    x, y = ((pictures * axis).sum(axis=(1, 2)) / weight for axis in (columns, rows))
    clear = (np.abs(x - 16) > 1.5) & (np.abs(y - 16) > 1.5)  # a heart's weight is not quite at its centre
    assert clear.mean() > 0.5 and np.array_equal(data.y.numpy()[clear], (2 * (y > 16) + (x > 16))[clear])


# ---- what it says ----


@pytest.mark.slow
def test_the_default_network_shows_a_clear_gain_on_seeds_that_nobody_chose():
    settings = Pretraining(first_seed=4_321)
    data = deep.labelled_data(settings)
    stack = deep.network(settings, data, deep.families(settings)[0], tuple(settings.each_seed))
    list(deep.pretrain(settings, data, stack))
    rows = deep.labelled_rows(data, settings.labels, tuple(settings.each_seed))
    first = deep.halves(first_gradients(settings, data, deep.raced(settings, data, stack), rows))
    assert (first["random"][:, 0] < first["pretrained"][:, 0] / 10).all()
    found = deep.halves(deep.tuned_error(settings, data, deep.raced(settings, data, stack), rows, lambda share: None))
    assert found["random"].mean() - found["pretrained"].mean() > 0.1


def errors(*gains: float) -> np.ndarray:
    """(3, 5, V) whose gains are these, to within a little noise."""
    noise = np.random.default_rng(0).normal(0, 0.002, (3, 5, len(gains)))
    return noise + np.stack([np.tile(gains, (5, 1)), np.zeros((5, len(gains))), np.zeros((5, len(gains)))])


@pytest.mark.parametrize(
    ("gains", "key", "labels"),
    [
        ((0.2, 0.1, 0.0), "at", 1_000),
        ((0.2, 0.1, 0.1), "none", 1_000),
        ((0.0, 0.0, 0.0), "never", 10),
        ((0.0, 0.1, 0.0), "at", 1_000),
    ],
)
def test_the_border_is_the_fewest_labels_from_which_on_no_gain_is_shown(gains, key, labels):
    found = border(COUNTED, errors(*gains))
    assert found.key == f"finding.pretraining.border.{key}" and found.numbers["labels"] == labels


def test_moments_are_closer_at_the_beginning_and_end_with_the_last_step():
    steps = moments_of(1_000)
    gaps = np.diff(steps)
    assert steps[-1] == 1_000 and gaps[0] < gaps[-1] and (gaps > 0).all()


def test_all_labels_come_last_and_impossible_numbers_are_left_out():
    assert settings_of(labels=10).counts == (10, 20, 50, 100, 200)
    assert Pretraining().counts == (20, 50, 100, 300, 1_000, 1_437)
    assert len(SWEPT) == 3


# ---- bad input ----


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"labels": 5}, "problem.fewer_labels_than_classes"),
        ({"labels": 201}, "problem.more_labels_than_pictures"),
        ({"train_size": 1_438}, "problem.too_few_pictures"),
        ({"task": "position"}, "problem.position_needs_sprites"),
        ({"depth": 7}, "problem.bad_value"),
        ({"activation": "swish"}, "problem.bad_value"),
        ({"learning_rate": float("nan")}, "problem.out_of_range"),
        ({"magic": 1}, "problem.unknown_field"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused_in_our_own_words(fields, key):
    with pytest.raises(InvalidExperiment) as caught:
        settings_of(**fields)
    assert caught.value.problems[0].key == key


def test_a_class_without_a_picture_is_refused_and_named(monkeypatch):
    from replearn_core import datasets

    whole = datasets.load("digits", 200)

    class Lacking:
        x_train, x_test, y_test, factors_train, factors_test, shape = (
            whole.x_train,
            whole.x_test,
            whole.y_test,
            None,
            None,
            (8, 8),
        )
        y_train = np.where(whole.y_train == 7, 1, whole.y_train)

    monkeypatch.setattr(datasets, "load", lambda *_: Lacking)
    with pytest.raises(CannotAnswer) as caught:
        deep.labelled_data(settings_of())
    assert caught.value.problem.key == "problem.class_without_pictures" and caught.value.problem.numbers["value"] == 7


def test_a_loss_beyond_all_bounds_becomes_a_hint_to_lower_the_learning_rate():
    with pytest.raises(CannotAnswer) as caught, deep.divergence_told(settings_of()):
        raise FloatingPointError("whole, seed 3")
    assert caught.value.problem.key == "problem.comparison_diverged"


# ---- how far apart seeds end ----


def test_an_interval_of_the_mean_distance_of_seeds_holds_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(100)
    drawn = [apart(random.normal(size=(5, 3))) for _ in range(600)]
    truth = 4 / np.sqrt(np.pi)  # mean distance of two standard normal points in three dimensions
    assert np.mean(drawn) == pytest.approx(truth, rel=0.02)
    assert np.mean([found.low <= truth <= found.high for found in map(interval, drawn)]) > 0.85


def test_the_mean_of_what_seeds_are_apart_is_their_mean_distance():
    rows = np.random.default_rng(101).normal(size=(7, 4))
    pairs = [np.linalg.norm(a - b) for place, a in enumerate(rows) for b in rows[:place]]
    assert apart(rows).mean() == pytest.approx(np.mean(pairs))
