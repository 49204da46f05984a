"""The quadrant: cells that are measured, verdicts that follow from intervals, an adviser that names what it rests on."""

import gzip

import numpy as np
import pytest

from replearn_core import claims, tasks
from replearn_core.comparisons import pairs, quadrant, sources
from replearn_core.comparisons.quadrant import ADVICE, BORDER, LIKENESSES, Quadrant, advise, advised, cell, corners, run_quadrant
from replearn_core.engine import wire
from replearn_core.experiment import InvalidExperiment
from replearn_core.properties import read_answer
from replearn_core.strategies import TRANSFERS
from replearn_core.tasks import CannotAnswer

SIZES = np.array([1, 10, 100], np.int32)


def measured(**means):
    """Arrays of an answer in which a strategy has the given mean in every cell, others 0.2; seeds differ by a thousandth."""
    accuracy = np.full((2, 3, len(TRANSFERS), 5), 0.2)
    for name, mean in means.items():
        accuracy[:, :, TRANSFERS.index(name)] = mean
    accuracy += 0.001 * np.random.default_rng(0).normal(size=accuracy.shape)
    parameters = np.tile(10 ** np.arange(len(TRANSFERS)), (2, 3, 1))
    return {"accuracy": accuracy, "sizes": SIZES, "parameters": parameters}


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ({"fixed_features": 0.9, "gradual": 0.5}, "agrees"),
        ({"fixed_features": 0.9, "gradual": 0.9}, "among"),
        ({"fixed_features": 0.5, "gradual": 0.9}, "disagrees"),
    ],
)
def test_the_advice_agrees_only_where_it_beats_the_best_other_strategy_beyond_chance(means, verdict):
    found = cell(measured(**means)["accuracy"][0, 0], "fixed_features")
    assert found.verdict == verdict and TRANSFERS[found.other] == "gradual"
    assert found.effect.mean == pytest.approx(means["fixed_features"] - means["gradual"], abs=0.002)


def test_the_lectures_four_corners_have_four_strategies():
    assert len(set(ADVICE.values())) == 4 and set(ADVICE.values()) <= set(TRANSFERS)
    assert advised(BORDER, "similar") == "fixed_features" and advised(BORDER + 1, "similar") == "last_layers"
    assert advised(1, "different") == "early_svm" and advised(500, "different") == "all_layers"


@pytest.mark.parametrize(("sizes", "found"), [([1, 3, 10, 30, 100, 300], (1, 5)), ([1, 500], (0, 1)), ([2, 4], (1, 1))])
def test_the_corners_are_told_at_the_sizes_nearest_to_the_examples(sizes, found):
    assert corners(sizes) == found


# ---- the adviser ----


def test_the_adviser_takes_the_best_that_the_budget_admits():
    arrays = measured(all_layers=0.9, last_layers=0.7, fixed_features=0.5)
    chosen = [advise(arrays, 100, 10, "similar", compute).strategy for compute in ("little", "some", "much")]
    assert chosen == ["fixed_features", "last_layers", "all_layers"]


def test_of_strategies_that_cannot_be_told_apart_the_cheapest_is_recommended_and_the_gap_is_told():
    found = advise(measured(all_layers=0.9, gradual=0.9, fixed_features=0.5), 100, 10, "different", "much")
    assert found.strategy == "all_layers" and found.lecture == "early_svm"
    assert found.gap.low <= 0 or found.best == "all_layers"


def test_the_advice_names_the_measured_cells_around_the_visitors_data():
    arrays = measured(gradual=0.9)
    assert {size for size, _, _ in advise(arrays, 300, 10, "similar", "much").rows} == {10, 100}
    assert {size for size, _, _ in advise(arrays, 100, 10, "similar", "much").rows} == {10}
    row = advise(arrays, 100, 10, "similar", "much").rows[0]
    assert TRANSFERS[row[1]] == "gradual" and row[2].mean == pytest.approx(0.9, abs=0.002)


def test_data_outside_of_what_was_measured_are_told_so():
    arrays = measured(gradual=0.9)
    assert advise(arrays, 50_000, 10, "similar", "much").outside and not advise(arrays, 500, 10, "similar", "much").outside


def test_fewer_labels_than_classes_are_refused_with_both_numbers():
    with pytest.raises(CannotAnswer) as refused:
        advise(measured(), 9, 10, "similar", "some")
    assert dict(refused.value.problem.numbers) == {"count": 9, "classes": 10}


# ---- measuring ----


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"sizes": "10"}, "problem.two_sizes"),
        ({"sizes": "10,10.4"}, "problem.two_sizes"),
        ({"sizes": "1,abc"}, "problem.bad_numbers"),
        ({"sizes": "1,600"}, "problem.bad_numbers"),
        ({"sizes": "1,300", "similar": "digits_sprites"}, "problem.unknown_choice"),
        ({"sizes": "1,500"}, "problem.svm_too_many"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_anything_runs(values, key):
    with pytest.raises(InvalidExperiment) as refused:
        tasks.Task.from_values({"kind": "study:quadrant", "options": values})
    assert refused.value.problems[0].key == key


def test_every_cell_has_equal_work_within_bounds():
    settings = Quadrant(steps=320)
    assert [settings.epochs(samples) for samples in (10, 320, 640, 3_200, 10_000)] == [100, 32, 16, 8, 8]


def test_every_cell_is_measured_with_every_strategy_and_shown_as_it_comes():
    seen = []

    def tell(share, partial=None):
        if partial is not None:
            seen.append(int(np.isfinite(partial()[0]["accuracy"]).sum()))

    study = run_quadrant(Quadrant(sizes="1,2", steps=50), tell=tell)
    accuracy = study.arrays["accuracy"]
    assert accuracy.shape == (2, 2, len(TRANSFERS), 5) and np.isfinite(accuracy).all()
    assert seen == sorted(seen) and seen[0] == 0 and 0 < seen[-1] < accuracy.size
    keys = [one.key.rpartition(".")[0] for one in study.findings]
    for likeness in LIKENESSES:
        assert keys.count(f"finding.quadrant.advice.{likeness}") == 2
    assert study.arrays["chance"] == pytest.approx([1 / 13, 1 / 8])


def test_the_shipped_quadrant_is_the_answer_to_the_default_question_and_has_date_and_seeds():
    task = tasks.Task.from_values({"kind": "study:quadrant"})
    kept = claims.shipped_answer(task.id) or claims.shipped_answer(task.id, sources.FOLDER)
    assert kept is not None, "make assets"
    told, made = read_answer(wire.arrays_of(kept)), claims.made(kept)
    assert set(made) == {"date", "seconds", "versions"} and told["settings"]["seeds"] == 5
    accuracy = wire.arrays_of(kept)["accuracy"]
    assert np.isfinite(accuracy).all() and tuple(wire.arrays_of(kept)["sizes"]) == Quadrant().each_size
    assert sorted(told["values"]) == sorted(
        f"{likeness}.{size}.{name}" for likeness in LIKENESSES for size in Quadrant().each_size for name in TRANSFERS
    )


def test_no_shipped_answer_is_left_over_from_other_settings():
    expected = {tasks.Task.from_values({"kind": f"study:{name}"}).id for name in ("race", "quadrant", "layers")}
    found = {path.name.removesuffix(".answer.gz") for path in sources.FOLDER.glob("*.answer.gz")}
    assert found == expected
    assert all(gzip.decompress(path.read_bytes()) for path in sources.FOLDER.glob("*.answer.gz"))


def test_both_default_pairs_come_with_the_app_and_share_their_source():
    similar, different = (pairs.PAIRS[name] for name in (Quadrant().similar, Quadrant().different))
    assert similar.source == different.source and similar.source in sources.SHIPPED
    assert set(quadrant.SIMILAR) | set(quadrant.DIFFERENT) == set(pairs.PAIRS)
