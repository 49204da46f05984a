"""Strategies are data: the phases of every strategy fill the epochs exactly and cover the stack as their name says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core.experiment import Experiment
from replearn_core.strategies import STRATEGIES, Phase, end_to_end, greedy, greedy_frozen, phases

LEVELS, EPOCHS = st.integers(1, 7), st.integers(1, 2_000)


@pytest.mark.parametrize("name", STRATEGIES)
@given(levels=LEVELS, epochs=EPOCHS)
def test_phases_fill_the_epochs_exactly_and_stay_within_the_stack(name, levels, epochs):
    plan = STRATEGIES[name](levels, epochs)
    assert sum(phase.epochs for phase in plan) == epochs
    assert all(phase.epochs >= 0 and 0 <= phase.bottom < phase.top <= levels for phase in plan)
    assert len({phase.name for phase in plan}) == len(plan)


@given(LEVELS, EPOCHS)
def test_end_to_end_is_one_phase_over_everything(levels, epochs):
    assert end_to_end(levels, epochs) == (Phase("end_to_end", epochs, 0, levels),)


@given(LEVELS, EPOCHS)
def test_greedy_frozen_trains_one_layer_at_a_time_from_below_for_equal_times(levels, epochs):
    plan = greedy_frozen(levels, epochs)
    assert [(phase.bottom, phase.top) for phase in plan] == [(i, i + 1) for i in range(levels)]
    assert max(phase.epochs for phase in plan) - min(phase.epochs for phase in plan) <= 1


@given(LEVELS, st.integers(2, 2_000))
def test_greedy_ends_with_everything_together_for_half_of_the_time(levels, epochs):
    plan = greedy(levels, epochs)
    assert (plan[-1].bottom, plan[-1].top, plan[-1].epochs) == (0, levels, epochs // 2)
    assert [(phase.bottom, phase.top) for phase in plan[:-1]] == [(i, i + 1) for i in range(levels)]


def test_the_phases_of_a_continuation_are_those_of_the_whole_run():
    whole = Experiment(dataset="digits", hidden=(8,), strategy="greedy", epochs=12)
    rest = whole.changed(epochs=5, continues=("0" * 32, 7))
    assert phases(rest) == phases(whole)


@given(st.sampled_from(list(STRATEGIES)), st.integers(1, 500), st.integers(0, 500), st.integers(1, 500))
def test_a_plan_that_was_begun_stays_and_its_last_phase_takes_what_comes_on_top(strategy, epochs, stopped, further):
    e = Experiment(dataset="digits", hidden=(8, 7), strategy=strategy, epochs=epochs)
    begun, stopped = [phase.epochs for phase in phases(e)], min(stopped, epochs)
    rest = e.changed(epochs=epochs - stopped + further, continues=("0" * 32, stopped))
    found = phases(rest, begun)
    assert [phase.epochs for phase in found] == [*begun[:-1], begun[-1] + further]
    assert [(phase.name, phase.bottom, phase.top) for phase in found] == [
        (phase.name, phase.bottom, phase.top) for phase in phases(e)
    ]


@pytest.mark.parametrize("begun", [(2, 4), (1, 1, 1, 3), (3, 3, 5), (-2, 2, 6), ()])
def test_what_is_no_plan_of_this_strategy_and_these_epochs_makes_a_new_one(begun):
    e = Experiment(dataset="digits", hidden=(8, 7), strategy="greedy_frozen", epochs=2, continues=("0" * 32, 6))
    assert phases(e, begun) == greedy_frozen(3, 8)


def test_frozen_patterns_name_the_parameters_that_must_not_move():
    phase = Phase("p", 1, frozen=("encoder.0.*", "*.bias"))
    assert [phase.trains(name) for name in ("encoder.0.weight", "encoder.1.bias", "encoder.1.weight")] == [False, False, True]


def test_the_first_pattern_that_fits_gives_the_rate_and_others_have_the_full_rate():
    phase = Phase("p", 1, rates=(("encoder.0.*", 0.1), ("encoder.*", 0.5)))
    assert [phase.rate(name) for name in ("encoder.0.weight", "encoder.1.weight", "decoder.0.bias")] == [0.1, 0.5, 1.0]


def test_a_pattern_is_case_sensitive_on_every_system():
    assert Phase("p", 1, frozen=("Encoder.*",)).trains("encoder.0.weight")
