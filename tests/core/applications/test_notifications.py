"""The simulated world, splits, measures and decisions of the notifications page, against truths and formulas that are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn_core import studies
from replearn_core.applications.notifications import features, measures, models, policy, simulator, tables, uplift
from replearn_core.applications.notifications.study import Clicks


@pytest.fixture(scope="module")
def world():
    return simulator.world(users=120, days=21, fatigue=1.0, seed=3)


@pytest.fixture(scope="module")
def log(world):
    return tables.of_replay(world, simulator.replay(world, simulator.by_coin(world)))


# ---- the simulated world ----


def test_true_chances_are_calibrated_and_nobody_ranks_better(log):
    assert abs(log.clicked.mean() - log.truth.mean()) < 0.015
    assert measures.calibration_error(log.clicked, log.truth) < 0.03
    noisy = np.clip(log.truth + np.random.default_rng(0).normal(0, 0.2, len(log)), 0, 1)
    assert measures.auc(log.clicked, log.truth) > measures.auc(log.clicked, noisy)


def test_the_same_decisions_meet_the_same_luck(world):
    one, other = (simulator.replay(world, simulator.by_coin(world)) for _ in range(2))
    assert np.array_equal(one.clicked, other.clicked) and np.array_equal(one.left, other.left)


def test_a_replay_in_two_parts_is_the_replay_as_a_whole(world):
    decide = simulator.by_coin(world)
    whole = simulator.replay(world, decide)
    first = simulator.replay(world, decide, 0, 50)
    second = simulator.replay(world, decide, 50, state=first.state)
    assert np.array_equal(whole.clicked, np.vstack([first.clicked, second.clicked]))
    assert np.array_equal(whole.state.installed, second.state.installed)


def test_whoever_uninstalled_an_app_hears_of_it_no_more(world):
    everyone = simulator.replay(world, lambda t, recent: np.ones(world.users, bool))
    gone = ~simulator.replay(world, lambda t, recent: np.ones(world.users, bool)).installed
    assert gone.any() and not everyone.sent[gone].any()
    assert everyone.left.sum() == (~everyone.state.installed).sum()


def test_messages_tire_their_readers(world):
    quiet = simulator.replay(world, lambda t, recent: np.zeros(world.users, bool))
    loud = simulator.replay(world, lambda t, recent: np.ones(world.users, bool))
    assert np.all(loud.p <= quiet.p + 1e-12) and loud.p.mean() < quiet.p.mean() - 0.02


def test_without_fatigue_nobody_tires_and_nobody_leaves():
    calm = simulator.world(users=60, days=14, fatigue=0.0, seed=1)
    loud = simulator.replay(calm, lambda t, recent: np.ones(calm.users, bool))
    assert np.allclose(loud.p, 1 / (1 + np.exp(-calm.base))) and loud.totals[3] == 0


def test_the_counts_of_a_policy_add_up(world):
    sent, clicks, disturbances, _ = simulator.replay(world, simulator.by_coin(world)).totals
    assert sent == clicks + disturbances and clicks > 0


# ---- splits ----


@given(st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_no_user_is_new_and_known_and_no_moment_is_on_both_sides(log, seed):
    parts = tables.split(log, seed)
    assert not (parts.train & parts.test).any() and not (parts.later & parts.new).any()
    assert log.time[parts.train].max() < log.time[parts.test].min()
    assert not set(log.user[parts.new]) & set(log.user[parts.train])
    assert set(log.user[parts.later]) <= set(log.user[~parts.new])


def test_a_log_without_times_is_split_by_user_alone(log):
    parts = tables.split(replace(log, time=None), 0)
    assert not parts.later.any() and parts.new.any() and (parts.train | parts.new).all()
    assert not set(log.user[parts.new]) & set(log.user[parts.train])


# ---- measures ----


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=60))
def test_auc_is_the_share_of_pairs_that_are_in_order(rows):
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], float)
    pairs = [(a > b) + 0.5 * (a == b) for a in p[y == 1] for b in p[y == 0]]
    assert np.isnan(measures.auc(y, p)) if not pairs else measures.auc(y, p) == pytest.approx(np.mean(pairs))


def test_measures_agree_with_scikit_learn(log):
    from sklearn.metrics import log_loss, roc_auc_score

    p = np.clip(log.truth * 0.8 + 0.05, 0, 1)
    assert measures.auc(log.clicked, p) == pytest.approx(roc_auc_score(log.clicked, p))
    assert measures.log_loss(log.clicked, p) == pytest.approx(log_loss(log.clicked, p))


def test_a_constant_shift_is_the_calibration_error():
    y = np.repeat([0, 1], 500)
    assert measures.calibration_error(y, np.full(1_000, 0.8)) == pytest.approx(0.3)
    assert measures.calibration_error(y, np.full(1_000, 0.5)) == pytest.approx(0.0)


def test_intervals_hold_the_estimate_and_grow_when_rows_are_copies(log):
    few = log.rows(np.arange(3_000))
    own = measures.intervals(few.clicked, few.truth, np.arange(3_000))
    value = measures.auc(few.clicked, few.truth)
    assert own[0, 0] < value < own[0, 1]
    thrice = np.repeat(np.arange(3_000), 3)  # each row three times, as one user's
    copied = measures.intervals(few.clicked[thrice], few.truth[thrice], thrice)
    assert np.ptp(copied[0]) == pytest.approx(np.ptp(own[0]), rel=0.2)


def test_gain_begins_at_nothing_ends_at_all_and_chance_is_the_diagonal():
    y = np.tile([0, 0, 0, 1], 250)
    assert np.allclose(measures.gain(y, np.zeros(1_000)), np.linspace(0, 1, measures.SHARES + 1))
    best = measures.gain(y, y.astype(float))
    assert best[0] == 0 and best[-1] == 1 and best[measures.SHARES // 4 + 1] == pytest.approx(1.0)
    assert measures.lift(best)[0] == pytest.approx(4.0)


# ---- models ----


def test_rates_out_of_fold_do_not_know_the_rows_own_click():
    """A column with one level a row: a rate that saw the row would be the answer, one out of fold is the same for all."""
    random = np.random.default_rng(0)
    y = (random.uniform(size=400) < 0.3).astype(np.uint8)
    levels = tuple(f"row {place}" for place in range(400))
    log = tables.Log("built", {"id": np.arange(400, dtype=np.int32)}, {"id": levels}, {}, y, np.arange(400))
    leaky = features.rates(log).of(log)["rate id"]
    honest = features.out_of_fold(log, 0)["rate id"]
    assert measures.auc(y, leaky) == pytest.approx(1.0)
    assert abs(measures.auc(y, honest) - 0.5) < 0.2


@pytest.mark.parametrize("family", ["one_hot", "boosting", "embedding", "boosting_rates"])
def test_every_model_finds_a_plain_rule_and_stands_unknown_levels(family):
    random = np.random.default_rng(1)
    app, user = random.integers(3, size=1_500), random.integers(100, size=1_500)
    y = (random.uniform(size=1_500) < np.array([0.05, 0.3, 0.8])[app]).astype(np.uint8)
    levels = {"app": ("a", "b", "c", "never seen"), "user": tuple(map(str, range(100)))}
    columns = {"app": app.astype(np.int32), "user": user.astype(np.int32)}
    log = tables.Log("built", columns, levels, {"n": random.normal(size=1_500).astype(np.float32)}, y, user)
    model = models.fit(family, log.rows(np.arange(1_000)), seed=0)
    test = log.rows(np.arange(1_000, 1_500))
    assert measures.auc(test.clicked, model.predict(test)) > 0.75
    assert measures.calibration_error(test.clicked, model.predict(test), bins=5) < 0.12
    strange = tables.Log(
        "built", {**test.categories, "app": np.full(500, 3, np.int32)}, levels, test.numbers, test.clicked, test.user
    )
    p = model.predict(strange)
    assert np.isfinite(p).all() and (p >= 0).all() and (p <= 1).all()


def test_an_equal_seed_gives_an_equal_network(log):
    some = log.rows(np.arange(1_500))
    one, other = (models.fit("embedding", some, seed=5, epochs=1).predict(some) for _ in range(2))
    assert np.array_equal(one, other)


def test_platt_undoes_a_known_shrinking():
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, 20_000)
    y = (random.uniform(size=20_000) < models.sigmoid(logits)).astype(float)
    slope, shift = models.platt(0.5 * logits - 1.0, y)
    assert slope == pytest.approx(2.0, abs=0.1) and shift == pytest.approx(2.0, abs=0.15)


# ---- decisions ----


def test_the_budgets_ends_are_sending_to_nobody_and_to_all(world):
    state = simulator.fresh(world)
    score = np.random.default_rng(0).uniform(size=(world.moments, world.users, simulator.RECENT + 1))
    counts = policy.sweep(world, score, policy.thresholds(score.ravel()), 0, state)
    assert counts[0].sum() == 0
    everyone = simulator.replay(world, lambda t, recent: np.ones(world.users, bool)).totals
    assert np.array_equal(counts[-1], everyone) and np.array_equal(policy.at_random(world, 0, state)[-1], everyone)


def test_choosing_by_the_true_chance_beats_a_coin_that_sends_as_many(world):
    state = simulator.fresh(world)
    limits = policy.thresholds(1 / (1 + np.exp(-world.base.ravel())))
    known, coin = policy.knowing(world, 0, state, limits), policy.at_random(world, 0, state)
    assert known[6, 1] > 1.3 * policy.same_messages(known, coin)(6)["clicks"]


def test_the_log_estimates_the_truth_where_nobody_tires():
    """Without fatigue the assumption holds, and inverse propensity hits what a replay of the same rule gives."""
    calm = simulator.world(users=300, days=21, fatigue=0.0, seed=2)
    log = tables.of_replay(calm, simulator.replay(calm, simulator.by_coin(calm)))
    base = 1 / (1 + np.exp(-calm.base))
    limit = np.quantile(base, 0.6)
    score = np.repeat(base[:, :, None], simulator.RECENT + 1, axis=2)
    truth = simulator.replay(calm, simulator.by_score(score, limit, 0)).clicked.sum() / calm.base.size
    guess = policy.off_policy(log.clicked, log.truth > limit, simulator.PROPENSITY, log.user)
    assert guess.low <= truth <= guess.high and guess.high - guess.low < 0.05


def test_money_is_arithmetic_on_the_counts():
    assert policy.profit(np.array([10.0, 4.0, 6.0, 1.0]), 1.0, 0.5, 2.0) == pytest.approx(4 - 3 - 2)


# ---- uplift ----


def test_uplift_of_a_built_campaign_has_the_sign_it_was_built_with():
    campaign = uplift.simulated(20_000, 1.2, seed=0)
    y = campaign.log.clicked.astype(float)
    for name, side in (("hesitant", 1), ("annoyed", -1)):
        mask = campaign.groups[name]
        _, low, high = uplift.effect(y[mask], campaign.treated[mask])
        assert (low > 0) if side > 0 else (high < 0)
        truth = campaign.truth[mask].mean()
        assert low - 0.01 < truth < high + 0.01
    mask = campaign.groups["busy"]
    _, low, high = uplift.effect(y[mask], campaign.treated[mask], z=3.3)
    assert low < 0 < high


def test_the_uplift_curve_of_the_truth_lies_above_the_chord_and_of_its_opposite_below():
    campaign = uplift.simulated(20_000, 1.2, seed=1)
    y = campaign.log.clicked.astype(float)
    own = uplift.uplift_curve(y, campaign.treated, campaign.truth)
    assert uplift.area(own) > 0.5 > 0 > uplift.area(uplift.uplift_curve(y, campaign.treated, -campaign.truth))
    assert own[0] == 0 and own[-1] == pytest.approx(100 * uplift.effect(y, campaign.treated)[0], abs=1e-9)


def test_a_campaign_without_any_effect_shows_none():
    random = np.random.default_rng(4)
    y, treated = (random.uniform(size=20_000) < 0.2).astype(float), random.uniform(size=20_000) < 0.5
    _, low, high = uplift.effect(y, treated, z=3.3)
    assert low < 0 < high


# ---- the studies ----


def test_a_small_study_has_what_it_promises():
    study = studies.run_study("clicks", {"users": 60, "days": 14, "epochs": 1})
    assert {f"{family}.auc" for family in models.FAMILIES} <= set(study.values)
    assert study.arrays["policy.embedding"].shape == (5, len(policy.BUDGETS), len(policy.COUNTS))
    assert all(study.summary["truth.auc"].mean > study.summary[f"{family}.auc"].mean for family in models.FAMILIES)
    carried, means = study.answer()
    assert means["truth.auc"] == study.summary["truth.auc"].mean and carried["map.first"].shape[1] == 2


def test_settings_that_cost_more_are_said_to_cost_more():
    assert Clicks(users=600).seconds() > Clicks().seconds() > Clicks(days=14).seconds()
