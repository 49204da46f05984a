"""The race with real networks: what is copied, what stays frozen in every sense, rates that reach the optimiser, and refusals."""

import json

import numpy as np
import pytest
import torch

from replearn_core import studies, weights
from replearn_core.comparisons import pairs, sources
from replearn_core.comparisons.transfer import BASE, FRESH, Race, as_source, copied, lane, run_race, svm_accuracy, target_of
from replearn_core.experiment import InvalidExperiment
from replearn_core.members import Members
from replearn_core.strategies import TRANSFERS, transfers
from replearn_core.tasks import CannotAnswer, Task

RECIPE = sources.Recipe(depth=2, width=8, batch_norm=True, dropout=0.3)
SEEDS = [0, 1]


@pytest.fixture(scope="module")
def target():
    return target_of("digits_printed", 4, SEEDS)


@pytest.fixture
def source():
    """Networks with batch normalisation and dropout, with statistics of their own, as a trained source has them."""
    members = Members(RECIPE.blueprint(10), SEEDS)
    for place, (name, value) in enumerate(members.buffers.items()):
        drawn = torch.rand(value.shape, generator=torch.Generator().manual_seed(place))
        value.copy_(0.1 * drawn if name.endswith("mean") else 0.5 + drawn)
    return members


@pytest.fixture
def plain():
    """Networks without either."""
    return Members(sources.Recipe(depth=2, width=8).blueprint(10), SEEDS)


def run(name, source, target, **settings):
    """(lane at its end, state before): two epochs of a strategy."""
    options = {"depth": 2, "width": 8, "batch_norm": "on", "dropout": 0.3, "epochs": 4, **settings}
    race = Race(pair="digits_printed", per_class=4, factors=options.pop("factors", ""), **options)
    plan = transfers(2, 4, factors=tuple(float(one) for one in race.factors.split(",")) if race.factors else ())
    one = lane(plan[name], race, source, 10, target[2])
    before = {key: value.detach().clone() for key, value in (one.members.weights | one.members.buffers).items()}
    while not one.done:
        one.advance()
    return one, before


def moved(one, before):
    """Names of tensors of which any number changed."""
    now = one.members.weights | one.members.buffers
    return {name for name, value in before.items() if not torch.equal(value, now[name].detach())}


LAYER = {i: {f"encoder.{i}.weight", *(f"norm.{i}.{part}" for part in ("weight", "bias", "mean", "variance"))} for i in (0, 1)}
HEAD = {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("from_scratch", LAYER[0] | LAYER[1] | HEAD),
        ("random_features", HEAD),
        ("fixed_features", HEAD),
        ("last_layers", LAYER[1] | HEAD),
        ("all_layers", LAYER[0] | LAYER[1] | HEAD),
        ("gradual", LAYER[0] | LAYER[1] | HEAD),
        ("early_svm", set()),
    ],
)
def test_exactly_the_unfrozen_weights_and_statistics_move(name, expected, source, target):
    assert moved(*run(name, source, target)) == expected


@pytest.mark.parametrize("name", ["fixed_features", "last_layers"])
def test_frozen_layers_equal_the_sources_bit_for_bit_with_their_batch_statistics(name, source, target):
    one, _ = run(name, source, target)
    frozen = LAYER[0] | (LAYER[1] if name == "fixed_features" else set())
    now = one.members.weights | one.members.buffers
    for tensor in frozen:
        assert torch.equal(now[tensor], (source.weights | source.buffers)[tensor])


def test_frozen_layers_drop_nothing_so_the_classifiers_training_does_not_know_of_dropout(source, target):
    with_dropout, _ = run("fixed_features", source, target)
    without, _ = run("fixed_features", source, target, dropout=0.0)
    assert torch.equal(with_dropout.members.weights["head.weight"], without.members.weights["head.weight"])
    tuned, other = (run("all_layers", source, target, dropout=share)[0] for share in (0.3, 0.0))
    assert not torch.equal(tuned.members.weights["head.weight"], other.members.weights["head.weight"])


def test_what_is_not_copied_begins_anew_and_apart_from_the_source(source):
    members = copied(source, RECIPE, 10, 1)
    fresh = Members(RECIPE.blueprint(10), [seed + FRESH for seed in SEEDS])
    assert torch.equal(members.weights["encoder.0.weight"], source.weights["encoder.0.weight"])
    assert torch.equal(members.buffers["norm.0.mean"], source.buffers["norm.0.mean"])
    for name in ("encoder.1.weight", "head.weight"):
        assert torch.equal(members.weights[name], fresh.weights[name])
        assert not torch.equal(members.weights[name], source.weights[name])


def test_a_rate_of_zero_holds_a_layer_and_a_tenth_moves_it_a_tenth_as_far_at_first(source, plain, target):
    still, before = run("layer_rates", source, target, factors="0,1,1")
    assert torch.equal(still.members.weights["encoder.0.weight"].detach(), before["encoder.0.weight"])
    steps = {}
    for factor in ("1,1,1", "0.1,1,1"):
        race = Race(pair="digits_printed", per_class=4, depth=2, width=8, epochs=2, factors=factor)
        one = lane(race.plan()[TRANSFERS.index("layer_rates")], race, plain, 10, target[2])
        start = one.members.weights["encoder.0.weight"].detach().clone()
        one.advance()  # the look before the first step
        one.advance()  # one epoch: two steps
        steps[factor] = float((one.members.weights["encoder.0.weight"].detach() - start).abs().mean())
    assert steps["0.1,1,1"] / steps["1,1,1"] == pytest.approx(0.1, rel=0.2)


def test_fixed_features_forget_nothing_and_a_tuned_network_keeps_the_sources_classifier_for_the_source_task(source, target):
    one, _ = run("fixed_features", source, target)
    probe = as_source(one.members, source)
    assert torch.equal(probe.weights["head.weight"], source.weights["head.weight"])
    assert all(np.array_equal(found, one.kept[0]) for found in one.kept[:-1])


def test_an_svm_on_too_many_images_is_refused_with_the_limit_and_never_started(target):
    with pytest.raises(InvalidExperiment) as refused:
        Race.from_values({"pair": "clothes_clothes", "per_class": 6_000})
    problem = refused.value.problems[0]
    assert (problem.key, problem.numbers) == ("problem.svm_too_many", {"value": 30_000, "limit": 5_000})
    others = ",".join(name for name in TRANSFERS if name != "early_svm")
    assert Race.from_values({"pair": "clothes_clothes", "per_class": 6_000, "strategies": others}).raced == tuple(
        others.split(",")
    )
    many = target[2].__class__(**{**vars(target[2]), "rows": torch.zeros(2, 60_000, dtype=torch.int64)})
    with pytest.raises(CannotAnswer) as told:
        svm_accuracy(Members(RECIPE.blueprint(10), SEEDS), 1, many)
    assert told.value.problem.numbers == {"value": 60_000, "limit": 5_000}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"per_class": 0}, "problem.out_of_range"),
        ({"last": 5}, "problem.out_of_range"),
        ({"early": 6}, "problem.out_of_range"),
        ({"factors": "1,1"}, "problem.factors"),
        ({"per_class": 700}, "problem.few_in_class"),
        ({"pair": "cats_dogs"}, "problem.unknown_choice"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_anything_runs(values, key):
    with pytest.raises(InvalidExperiment) as refused:
        Task.from_values({"kind": "study:race", "options": {k: float(v) if isinstance(v, int) else v for k, v in values.items()}})
    assert refused.value.problems[0].key == key


def test_a_loss_that_is_not_finite_becomes_a_refusal_that_names_the_learning_rate(plain, target):
    for value in plain.weights.values():
        value.mul_(1e30)
    with pytest.raises(CannotAnswer) as refused:
        run("all_layers", plain, target, batch_norm="off", dropout=0.0)
    assert (refused.value.problem.key, refused.value.problem.setting) == ("problem.transfer_diverged", "learning_rate")


# ---- the source's weights ----


@pytest.mark.parametrize("name", sources.SHIPPED)
def test_shipped_source_networks_have_learned_their_task_as_their_file_says(name):
    from replearn_core.supervised import evaluate

    side = pairs.side(name)
    _, facts = weights.read(sources.path_of(name).read_bytes())
    error = evaluate(
        sources.loaded(name, sources.Recipe(), sources.SEEDS), torch.from_numpy(side.x_test), torch.from_numpy(side.y_test)
    )
    assert (1 - error[1]).tolist() == pytest.approx(json.loads(facts["accuracy"]), abs=0.005)
    assert json.loads(facts["seeds"]) == list(sources.SEEDS) and min(1 - error[1]) > 0.9


def test_shipped_weights_that_do_not_fit_are_refused_with_what_was_expected_and_found():
    problem = sources.problem("letters", sources.Recipe(width=32))
    assert problem.key == "problem.weights_shape"
    assert (problem.numbers["expected"], problem.numbers["found"]) == ("5 × 32 × 256", "5 × 64 × 256")
    assert sources.problem("letters", sources.Recipe(depth=3)).key == "problem.weights_unknown"
    assert sources.problem("letters", sources.Recipe()) is None
    assert sources.problem("mnist", sources.Recipe()).key == "problem.no_source"


def test_seeds_that_were_shipped_are_loaded_and_others_trained_to_the_same_recipe(monkeypatch):
    from replearn_core.comparisons.transfer import source_networks

    settings = Race(first_seed=2, source_epochs=1)
    trained = []
    real = sources.training
    monkeypatch.setattr(sources, "training", lambda side, recipe, seeds: trained.append(list(seeds)) or real(side, recipe, seeds))
    found = source_networks(settings, pairs.side("letters", 20), lambda share: None)
    assert trained == [[5, 6]] and found.seeds == (2, 3, 4, 5, 6)
    stacked = sources.read("letters", sources.Recipe())
    assert np.array_equal(found.weights["head.weight"][0].detach().numpy(), stacked["head.weight"][2])


# ---- the whole ----


def test_a_race_measures_every_strategy_on_every_seed_and_shows_its_curves_while_it_runs():
    seen = []

    def tell(share, partial=None):
        if partial is not None and len(seen) < 40:
            seen.append((share, set(partial()[0])))

    study = run_race(Race(pair="digits_printed", per_class=2, epochs=4), tell=tell)
    for name in TRANSFERS:
        assert len(study.values[f"{name}.accuracy"]) == 5
        assert study.arrays[f"{name}.curve"].shape == (5, len(study.arrays[f"{name}.epochs"]))
        assert study.arrays[f"{name}.curve"][:, -1] == pytest.approx(study.values[f"{name}.accuracy"])
    assert seen[0][1] < seen[-1][1] and seen[0][0] < seen[-1][0]
    keys = {one.key.rpartition(".")[0] for one in study.findings}
    assert {f"finding.race.{name}" for name in TRANSFERS if name != BASE} <= keys and "finding.race.rates" in keys
    assert study.values["fixed_features.kept"] == pytest.approx(study.values["source.accuracy"])
    assert sum(array.nbytes for array in study.answer()[0].values()) < 200_000


def test_equal_races_are_equal_but_for_the_clock():
    settings = Race(pair="digits_printed", per_class=1, epochs=2, strategies="fixed_features,gradual")
    one, other = run_race(settings), run_race(settings)
    assert {k: v for k, v in one.values.items() if "seconds" not in k} == {
        k: v for k, v in other.values.items() if "seconds" not in k
    }
    assert np.array_equal(one.arrays["gradual.curve"], other.arrays["gradual.curve"])


def test_a_race_with_nobody_else_is_told_against_chance():
    study = run_race(Race(pair="digits_printed", per_class=1, epochs=2, strategies="from_scratch"))
    assert study.finding.key.startswith("finding.race.chance.")


def test_what_raises_in_tell_ends_the_race():
    class Enough(Exception):
        pass

    def tell(share, partial=None):
        if share > 0.5:
            raise Enough

    with pytest.raises(Enough):
        run_race(Race(per_class=1, epochs=10), tell=tell)


def test_the_default_race_is_cheap_enough_to_be_asked_by_a_class():
    for name in ("race", "layers"):
        assert studies.estimated_seconds(name, {}) < 45
