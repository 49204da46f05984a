"""Choosing by accuracy against choosing by money (C26), and what a serving process keeps in memory."""

import numpy as np
import pytest

from replearn_core import claims
from replearn_core.applications.deployment import product, resident
from replearn_core.properties import read_answer


def half(quality, seconds) -> product.Half:
    """A menu whose calls all take as long; models that are not told are bad and slow."""
    rest = len(product.MENU) - len(quality)
    times = np.repeat(np.array([*seconds, *[1.0] * rest])[:, None], 8, axis=1)
    return product.Half(np.array([*quality, *[0.1] * rest]), times, np.arange(1.0, len(product.MENU) + 1))


def test_the_two_choices_part_where_a_decision_is_worth_less_than_its_computing():
    one = half([0.90, 0.95], [1e-6, 1e-3])
    assert product.choices(one, revenue=1e-3, budget=0.1) == (1, 1)
    assert product.choices(one, revenue=1e-9, budget=0.1) == (1, 0)
    assert product.choices(one, revenue=1e-3, budget=1e-4) == (1, 0)  # the accurate one comes too late


def test_of_equally_accurate_models_the_paper_takes_the_smaller():
    assert product.choices(half([0.9, 0.9], [1e-6, 1e-6]), revenue=1.0, budget=1.0)[0] == 0


def test_a_choice_that_was_luck_is_judged_on_samples_that_did_not_choose():
    lucky, honest = half([0.90, 0.95], [1e-5, 1e-5]), half([0.90, 0.80], [1e-5, 1e-5])
    accurate, rich = product.choices(lucky, revenue=1.0, budget=1.0)
    assert accurate == rich == 1
    found = {found.key.rpartition(".")[0]: found.numbers["effect"] for found in product.findings([(lucky, honest)] * 5)}
    assert found["finding.product.accuracy"] == 0


def test_where_the_cheap_one_always_earns_more_every_setting_is_won():
    one = half([0.95, 0.95 + 1e-9], [1e-6, 0.04])
    assert product.wins(one, one) > 0.9


def test_where_both_choices_are_the_same_nothing_is_won():
    one = half([0.95, 0.90], [1e-6, 1e-3])
    assert product.wins(one, one) == 0


@pytest.mark.slow
def test_a_study_trains_its_menu_and_its_arrays_tell_its_findings_again():
    settings = product.Product(seeds=5, epochs=1, train_size=200)
    study = product.run_product(settings)
    told = read_answer(study.answer()[0])
    assert {f"{name}.accuracy" for name in product.MENU} <= set(told["summary"])
    again = product.findings(product.halves_of(study.arrays))
    for one, other in zip(study.findings, again):
        assert one.numbers["effect"] == pytest.approx(other.numbers["effect"], abs=1e-4)


def test_the_shipped_claim_has_both_sides_of_the_border():
    found = claims.evidence("C26")
    assert found is not None
    by_worth = [one for one in found.effects if one.effect.finding == "product.money"]
    assert [one.numbers["per_million"] for one in by_worth] == list(product.PER_MILLION)
    assert by_worth[0].as_expected and all(one.seeds >= 5 for one in found.effects)


# ---- memory ----


@pytest.mark.skipif(not resident.STATUS.exists(), reason="only Linux tells")
def test_a_serving_process_is_larger_than_what_loading_made_it_grow():
    import torch

    from replearn_core.applications.deployment import forms

    small, large = (forms.as_onnx(torch.nn.Linear(64, width).eval(), 64) for width in (4, 40_000))
    whole, grown = resident.serving(small, 64)
    more, grown_more = resident.serving(large, 64)
    assert 0 < grown < whole
    assert grown_more - grown > 5_000_000  # of the 10 MB of its weights


@pytest.mark.skipif(not resident.STATUS.exists(), reason="only Linux tells")
def test_a_model_that_no_process_can_load_has_no_number():
    assert resident.serving(b"no model", 64) is None
