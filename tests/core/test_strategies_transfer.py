"""Transfer strategies are data: how much is copied, what moves in which phase, and with which rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core.strategies import TRANSFERS, layer_rates, transfers, tune

LEVELS, EPOCHS = st.integers(1, 6), st.integers(2, 300)


def trained(phase, levels):
    """Which layers a phase trains; `levels` stands for the classifier."""
    names = [*(f"encoder.{layer}.weight" for layer in range(levels)), "head.weight"]
    return [place for place, name in enumerate(names) if phase.trains(name)]


@given(levels=LEVELS, epochs=EPOCHS)
def test_every_strategy_that_uses_gradients_fills_the_epochs_exactly(levels, epochs):
    for name, one in transfers(levels, epochs).items():
        assert name == one.name
        assert sum(phase.epochs for phase in one.phases) == (0 if one.svm is not None else epochs)
        assert all(phase.objective == "classification" for phase in one.phases)


@given(levels=LEVELS)
def test_what_is_frozen_is_the_lowest_layers_with_their_normalisation(levels):
    for one in transfers(levels, 10).values():
        for phase in one.phases:
            moved = trained(phase, levels)
            assert moved == list(range(moved[0], levels + 1))
            assert [phase.trains(f"norm.{layer}.weight") for layer in range(levels)] == [
                layer in moved for layer in range(levels)
            ]


def test_only_from_scratch_and_the_control_copy_nothing():
    known = transfers(4, 10, last=2, early=3)
    assert tuple(known) == TRANSFERS
    assert {name for name, one in known.items() if one.copied == 0} == {"from_scratch", "random_features"}
    assert (known["early_svm"].copied, known["early_svm"].svm) == (3, 3)
    assert trained(known["last_layers"].phases[0], 4) == [2, 3, 4]
    assert trained(known["fixed_features"].phases[0], 4) == [4]


def test_gradual_unfreezing_adds_one_layer_from_above_in_each_phase():
    plan = transfers(3, 20)["gradual"].phases
    assert [trained(phase, 3) for phase in plan] == [[3], [2, 3], [1, 2, 3], [0, 1, 2, 3]]
    assert [phase.epochs for phase in plan] == [5, 5, 5, 5]


def test_the_probe_comes_before_everything_else_moves():
    probe, rest = transfers(2, 9)["probe_then_tune"].phases
    assert (trained(probe, 2), trained(rest, 2)) == ([2], [0, 1, 2])
    assert (probe.epochs, rest.epochs) == (4, 5)


@given(levels=LEVELS)
def test_each_layers_rate_is_that_of_the_layer_above_divided_by_2_6(levels):
    phase = transfers(levels, 2)["layer_rates"].phases[0]
    rates = [phase.rate(f"encoder.{layer}.weight") for layer in range(levels)] + [phase.rate("head.bias")]
    assert rates[-1] == 1
    assert [above / below for below, above in zip(rates, rates[1:])] == pytest.approx([2.6] * levels)
    assert phase.rate("norm.0.weight") == phase.rate("encoder.0.bias") == rates[0]


def test_factors_drawn_by_hand_are_the_rates():
    phase = transfers(2, 2, factors=(0.0, 0.5, 2.0))["layer_rates"].phases[0]
    assert [phase.rate(name) for name in ("encoder.0.weight", "encoder.1.bias", "head.weight")] == [0.0, 0.5, 2.0]
    with pytest.raises(ValueError, match="2 factors for 2 layers and a classifier; 3 are needed"):
        layer_rates(2, (1.0, 1.0))


def test_a_classifier_alone_takes_larger_steps_and_with_company_the_usual_ones():
    assert tune("head", 1, 3, 3).rate("head.weight") > 1
    assert tune("all", 1, 3, 0).rate("head.weight") == 1
