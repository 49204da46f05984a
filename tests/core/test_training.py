"""THE loop: its events keep their grammar, equal experiments give equal curves, a stopped run resumes exactly."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replearn_core import catalog, datasets, evaluation, training
from replearn_core.events import ENDS, as_record, from_record
from replearn_core.experiment import INFERRED_CODES, Experiment, InvalidExperiment
from replearn_core.networks import Autoencoder
from replearn_core.presets import preset
from replearn_core.properties.study import trained
from replearn_core.strategies import Phase, phases
from replearn_core.training import MOST_RECORDS, moments, train, work_of_record, work_of_step

NO_RUN = "0" * 32


@pytest.fixture(autouse=True)
def forget_earlier_data(monkeypatch):
    monkeypatch.setattr(evaluation, "_of_data", {}, raising=False)


def small(**fields) -> Experiment:
    return Experiment.from_values({"dataset": "digits", "code_size": 6, "epochs": 3, "batch_size": 32} | fields)


def run(e, data, **settings_):
    return list(train(e, data, device="cpu", **settings_))


def progress_of(events):
    return [event for event in events if event.kind == "progress"]


def states_of(events):
    """Epoch → state, for each moment that can be continued from."""
    return {int(event.epoch): event.state for event in progress_of(events) if event.state is not None}


def assert_same_state(one, other):
    assert set(one) == set(other)
    for name in one:
        assert torch.equal(one[name], other[name]), name


def picture(event):
    """All that a Progress says but for the clock."""
    measures = {name: value for name, value in event.measures.items() if name != "samples_per_second"}
    arrays = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in event.frame.items()}
    terms = [event.training, event.training_weighted, event.held_out, event.held_out_weighted]
    return event.epoch, terms, measures, arrays


def assert_grammar(events, e):
    """Started, PhaseBegan and Progress in order, exactly one end; finite JSON; every record reads back."""
    kinds = [event.kind for event in events]
    assert kinds[0] == "started" and kinds.count("started") == 1 and kinds.count("baseline") <= 1
    assert kinds[-1] in ENDS and not set(kinds[:-1]) & set(ENDS)
    assert "phase" in kinds and kinds.index("phase") < kinds.index("progress")
    epochs = [event.epoch for event in progress_of(events)]
    assert all(a < b for a, b in zip(epochs, epochs[1:], strict=False))
    assert epochs[0] == events[0].first_epoch and epochs[-1] <= events[0].last_epoch
    if kinds[-1] == "finished":
        assert epochs[-1] == events[0].last_epoch == events[-1].epoch
        assert_same_state(events[-1].state, progress_of(events)[-1].state)
    begun = [event.epoch for event in events if event.kind == "phase"]
    assert begun == sorted(begun) and set(begun) <= set(range(events[0].first_epoch, events[0].last_epoch + 1))
    for event in progress_of(events):
        assert tuple(event.held_out) == events[0].terms or e.strategy != "end_to_end"
        for raw, weighted in ((event.training, event.training_weighted), (event.held_out, event.held_out_weighted)):
            weights = {term.name: term.weight for term in e.penalties}
            assert weighted == {name: weights.get(name, 1.0) * value for name, value in raw.items()}
        assert event.seconds >= 0
    for event in events:
        record = as_record(event)
        text = json.dumps(record, allow_nan=False)
        assert json.dumps(as_record(from_record(json.loads(text)))) == text


# ---- everything that can be chosen runs to its end ----


@pytest.mark.parametrize("variant", catalog.VARIANTS)
def test_every_variant_runs_to_its_end(variant, make_data):
    e = preset("digits", variant, epochs=2, batch_size=32, train_size=96)
    events = run(e, make_data())
    assert_grammar(events, e)
    assert events[-1].kind == "finished" and events[0].run_id == e.id


@pytest.mark.parametrize("dataset", catalog.DATASETS)
def test_every_data_set_has_a_shape_that_runs(dataset, make_data):
    e = preset(dataset, "undercomplete", epochs=1)
    events = run(e, make_data(dataset, train=40, test=320 if catalog.DATASETS[dataset].kind == "points" else 40))
    assert_grammar(events, e)
    assert events[-1].kind == "finished"


ODD = {
    "convolutions on 8 × 8": {"network": "conv", "hidden": (3, 4)},
    "convolutions on 28 × 28": {"dataset": "mnist", "network": "conv", "hidden": (3, 4)},
    "convolutions on 32 × 32": {"dataset": "dsprites", "network": "conv", "hidden": (2, 3, 3, 4)},
    "convolutions with a Gaussian code": {
        "network": "conv",
        "hidden": (3,),
        "code": "gaussian",
        "reconstruction": "cross_entropy",
    },
    "convolutions with a contraction": {"network": "conv", "hidden": (3,), "penalties": [{"name": "contraction"}]},
    "one unit": {"code_size": 1},
    "one unit, deep": {"code_size": 1, "hidden": (1, 1)},
    "one Gaussian unit": {"code_size": 1, "code": "gaussian", "penalties": [{"name": "gaussian_kl"}]},
    "one inferred unit": {"code_size": 1, "code": "predictive", "penalties": [{"name": "l1"}]},
    "a code of one of one": {"code_size": 1, "code": "k_sparse", "code_options": {"k": 1}},
    "a batch larger than the data": {"batch_size": 4_096},
    "batches of one": {"batch_size": 1, "epochs": 1},
    "batches that do not divide the data": {"batch_size": 7, "epochs": 1},
    "few samples": {"train_size": 16},
    "many epochs": {"epochs": 300, "train_size": 16},
    "points": {"dataset": "s_curve", "code_size": 2, "hidden": (8,)},
    "points, wider than the data": {"dataset": "moons", "code_size": 20, "code": "relu", "penalties": [{"name": "l1"}]},
    "six hidden layers": {"hidden": (9, 8, 7, 6, 5, 4)},
    "greedy for fewer epochs than layers": {"hidden": (9, 8, 7), "strategy": "greedy", "epochs": 2},
    "greedy and frozen for fewer epochs than layers": {"hidden": (9, 8, 7), "strategy": "greedy_frozen", "epochs": 1},
    "noise that hides nearly all": {"corruption": {"name": "masking", "weight": 0.95}},
    "all weights at their highest": {"penalties": [{"name": "l1", "weight": 100}, {"name": "kl_sparsity", "weight": 100}]},
    "a penalty of weight zero": {"penalties": [{"name": "kl_sparsity", "weight": 0}]},
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
def test_odd_sizes_run_to_their_end(fields, make_data):
    e = small(**({"epochs": 2} | fields))
    events = run(e, make_data(e.dataset, test=320 if e.data.kind == "points" else 64))
    assert_grammar(events, e)
    assert events[-1].kind == "finished"


@pytest.mark.parametrize("dataset", ["digits", "patches", "s_curve"])
def test_a_data_set_without_labels_and_with_few_held_out_samples_runs(dataset, make_data):
    events = run(small(dataset=dataset, code_size=2), make_data(dataset, labelled=False))
    assert events[-1].kind == "finished" and not [name for name in events[-1].metrics if "probe" in name or "pixels" in name]
    assert "labels" not in events[0].frame


def test_fewer_samples_of_a_class_than_the_few_label_probe_needs_leave_it_out(make_data):
    data = make_data()
    data.y_train[:16] = np.arange(16)
    metrics = run(small(train_size=16), data)[-1].metrics
    assert "probe_all" in metrics and "probe_few" not in metrics


PENALTY_SETS = st.lists(st.sampled_from(list(catalog.PENALTIES)), unique=True, max_size=3)


@given(
    code=st.sampled_from(list(catalog.CODES)),
    hidden=st.sampled_from([(), (5,), (6, 5)]),
    network=st.sampled_from(["dense", "dense", "conv"]),
    tied=st.booleans(),
    penalties=PENALTY_SETS,
    corruption=st.sampled_from([None, *catalog.CORRUPTIONS]),
    strategy=st.sampled_from(catalog.STRATEGIES),
    reconstruction=st.sampled_from(list(catalog.RECONSTRUCTIONS)),
    activation=st.sampled_from(catalog.ACTIVATIONS),
)
@settings(max_examples=50)
def test_any_mixture_is_refused_with_a_key_or_runs_to_its_end(make_data, code, corruption, penalties, **fields):
    terms = [{"name": name, "weight": 0.1} for name in penalties]
    noise = corruption and {"name": corruption, "weight": 0.2}
    try:
        e = small(
            code=code, penalties=terms, corruption=noise, epochs=4, code_options={"k": 2} if code == "k_sparse" else {}, **fields
        )
    except InvalidExperiment as error:
        assert all(problem.key.startswith("problem.") for problem in error.problems)
        assume(False)
    events = run(e, make_data(train=40, test=24, labelled=False))
    assert_grammar(events, e)
    assert events[-1].kind == "finished"


@pytest.mark.parametrize("code", [name for name in catalog.CODES if name != "lista"])
def test_a_contraction_runs_with_every_code_of_one_layer(code, make_data):
    options = {"k": 2} if code == "k_sparse" else {}
    events = run(small(code=code, code_options=options, penalties=[{"name": "contraction", "weight": 0.1}]), make_data())
    assert events[-1].kind == "finished"
    assert progress_of(events)[-1].held_out["contraction"] > 0


# ---- equal experiments ----

REPEATED = {
    "plain": {},
    "denoising": {"corruption": {"name": "masking", "weight": 0.3}, "tied": True},
    "vae": {"code": "gaussian", "hidden": (8,), "reconstruction": "cross_entropy", "penalties": [{"name": "gaussian_kl"}]},
    "deep contraction": {"hidden": (8,), "penalties": [{"name": "contraction", "weight": 0.1}]},
    "l1": {"code": "relu", "penalties": [{"name": "l1", "weight": 0.1}]},
    "k-sparse": {"code": "k_sparse", "code_options": {"k": 2}, "tied": True},
    "psc": {"code": "predictive", "penalties": [{"name": "l1", "weight": 0.1}, {"name": "prediction", "weight": 1}]},
    "lista": {"code": "lista", "penalties": [{"name": "l1", "weight": 0.1}, {"name": "prediction", "weight": 1}]},
    "convolutions": {"network": "conv", "hidden": (3,), "corruption": {"name": "gaussian", "weight": 0.1}},
    "greedy": {"hidden": (8,), "strategy": "greedy", "corruption": {"name": "gaussian", "weight": 0.1}},
    "greedy, frozen": {"hidden": (8, 7), "strategy": "greedy_frozen"},
}
KINDS = pytest.mark.parametrize("fields", REPEATED.values(), ids=REPEATED)


@KINDS
def test_equal_experiments_give_equal_curves_bit_for_bit(fields, make_data):
    one, other = run(small(**fields), make_data()), run(small(**fields), make_data())
    for a, b in zip(progress_of(one), progress_of(other), strict=True):
        assert picture(a) == picture(b)
        assert_same_state(a.state, b.state)
    assert one[-1].metrics == other[-1].metrics


def test_equal_experiments_tell_the_same_events_in_the_same_order(make_data):
    """Also where the process has computed the baseline before: an event's place is its number in the stored run."""
    one, other = run(small(), make_data()), run(small(), make_data())
    assert [event.kind for event in one] == [event.kind for event in other]


def test_another_seed_gives_another_curve(make_data):
    one, other = (progress_of(run(small(seed=seed), make_data())) for seed in (0, 1))
    assert one[0].held_out != other[0].held_out and one[-1].training != other[-1].training


def test_the_baseline_is_that_of_the_data_that_were_given(make_data):
    data, others = make_data(), make_data()
    others.x_train[:] = 1 - others.x_train**2
    others.x_test[:] = 1 - others.x_test**2
    one, other = (next(event for event in run(small(), each) if event.kind == "baseline") for each in (data, others))
    assert one != other


@pytest.mark.parametrize("penalty", ["l1", "kl_sparsity", "contraction"])
@pytest.mark.parametrize("hidden", [(), (8,)])
def test_switching_a_penalty_on_keeps_the_initial_weights_and_the_first_pictures(penalty, hidden, make_data):
    with_, without = (small(hidden=hidden, penalties=terms) for terms in ([{"name": penalty}], []))
    a, b = (progress_of(run(e, make_data()))[0] for e in (with_, without))
    assert_same_state(a.state, b.state)
    assert a.held_out["squared_error"] == b.held_out["squared_error"]
    for name, array in b.frame.items():
        if name != "spectrum":
            np.testing.assert_array_equal(a.frame[name], array)


@pytest.mark.parametrize("penalty", ["l1", "kl_sparsity", "contraction"])
@pytest.mark.parametrize("hidden", [(), (8,)])
def test_switching_a_penalty_on_keeps_the_order_of_the_data_and_every_draw_of_noise(penalty, hidden, make_data, monkeypatch):
    drawn, corrupt = [], training.corrupt
    monkeypatch.setattr(training, "corrupt", lambda *given: drawn.append(corrupt(*given)) or drawn[-1])
    noise = {"name": "masking", "weight": 0.3}
    for terms in ([], [{"name": penalty}]):
        run(small(hidden=hidden, corruption=noise, penalties=terms), make_data())
    half = len(drawn) // 2
    assert half == 9
    for without, with_ in zip(drawn[:half], drawn[half:], strict=True):
        assert torch.equal(without, with_)


def test_no_global_generator_is_touched(make_data):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    for fields in REPEATED.values():
        run(small(epochs=2, **fields), make_data(labelled=False))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all() and random.getstate() == before[2]  # noqa: NPY002


@pytest.mark.parametrize(
    "fields", [REPEATED[name] for name in ("denoising", "vae", "deep contraction", "psc", "greedy")], ids=str
)
def test_looking_more_often_does_not_change_training(fields, make_data, monkeypatch):
    ends = []
    for always in (True, False):
        monkeypatch.setattr(training, "moments", lambda *_, always=always: lambda epoch, step: always)
        ends.append(run(small(**fields), make_data())[-1])
    assert_same_state(ends[0].state, ends[1].state)


def test_the_data_are_not_written_to(make_data):
    data, same = make_data(labelled=False), make_data()
    data.x_train.flags.writeable = data.x_test.flags.writeable = False
    for fields in REPEATED.values():
        run(small(epochs=2, **fields), data)
    assert (data.x_train == same.x_train).all() and (data.x_test == same.x_test).all()


def test_only_the_first_training_samples_are_used(make_data):
    data, others = make_data(), make_data()
    others.x_train[40:] = 0.5
    one, other = (run(small(train_size=40), each) for each in (data, others))
    assert_same_state(one[-1].state, other[-1].state)
    assert one[0].train_samples == 40


# ---- continuations ----


@KINDS
def test_a_run_continued_from_any_of_its_moments_equals_the_uninterrupted_run(fields, make_data):
    whole = small(epochs=6, **fields)
    data = make_data(labelled=False)
    events = run(whole, data)
    kept = states_of(events)
    assert len(kept) >= 4
    for epoch in (sorted(kept)[1], sorted(kept)[-2]):
        rest = whole.changed(epochs=6 - epoch, continues=(NO_RUN, epoch))
        continued = run(rest, data, weights=kept[epoch])
        assert (continued[0].first_epoch, continued[0].last_epoch) == (epoch, 6)
        assert_same_state(continued[-1].state, events[-1].state)
        assert continued[-1].metrics == events[-1].metrics
        first, same = progress_of(continued)[0], next(event for event in progress_of(events) if event.epoch == epoch)
        if whole.strategy == "end_to_end":
            assert first.held_out == same.held_out


@pytest.mark.parametrize("calls", [0, 1, 3, 8, 9, 13, 17])
@pytest.mark.parametrize("fields", [REPEATED[name] for name in ("denoising", "greedy")], ids=["denoising", "greedy"])
def test_a_stopped_run_resumes_exactly(make_data, fields, calls):
    e, data, left = small(epochs=6, **fields), make_data(labelled=False), iter([True] * calls)
    stopped = run(e, data, wanted=lambda: next(left, False))
    assert_grammar(stopped, e)
    end = stopped[-1]
    assert end.kind == "stopped" and 0 <= end.epoch <= calls // 3
    assert_same_state(end.state, states_of(stopped)[end.epoch])
    resumed = run(e.changed(continues=(NO_RUN, end.epoch), epochs=6 - end.epoch), data, weights=end.state)
    assert_same_state(resumed[-1].state, run(e, data)[-1].state)


def test_wanted_is_asked_before_every_batch(make_data):
    asked = []
    run(small(), make_data(), wanted=lambda: asked.append(1) or True)
    assert len(asked) == 3 * 3


def test_a_continuation_with_another_knob_goes_on_from_the_weights_with_the_new_knob(make_data):
    data, e = make_data(), small()
    end = run(e, data)[-1]
    changed = e.changed(
        continues=(e.id, 3), penalties=[{"name": "kl_sparsity", "weight": 0.3}], learning_rate=0.01, batch_size=16
    )
    events = run(changed, data, weights=end.state)
    assert_grammar(events, changed)
    assert progress_of(events)[0].held_out["squared_error"] == progress_of(run(e, data))[-1].held_out["squared_error"]
    assert progress_of(events)[-1].epoch == 6


def test_continuing_without_weights_of_its_own_starts_afresh_at_the_named_epoch(make_data):
    events = run(small(continues=(NO_RUN, 4)), make_data())
    assert (events[0].first_epoch, events[0].last_epoch, events[-1].epoch) == (4, 7, 7)


@pytest.mark.parametrize(("strategy", "last"), [("greedy", "fine_tuning"), ("greedy_frozen", "layer_3")])
def test_a_finished_layer_wise_run_goes_on_with_its_last_phase_as_if_that_had_been_longer(strategy, last, make_data):
    data, first = make_data(), small(hidden=(8, 7), strategy=strategy, epochs=6)
    end = run(first, data)[-1]
    second = first.changed(continues=(first.id, 6), epochs=3)
    events = run(second, data, weights=end.state)
    assert [event.name for event in events if event.kind == "phase"] == [last]
    plan = phases(first)
    longer = run(first.changed(epochs=9), data, phases=(*plan[:-1], replace(plan[-1], epochs=plan[-1].epochs + 3)))
    assert_same_state(events[-1].state, longer[-1].state)
    rest = second.changed(continues=(second.id, 8), epochs=1)  # as a stop one epoch before the end is resumed
    assert_same_state(run(rest, data, weights=states_of(events)[8])[-1].state, longer[-1].state)


@pytest.mark.parametrize("code", INFERRED_CODES)
def test_an_encoder_that_began_to_learn_in_a_continuation_resumes_with_steps_of_its_own(code, make_data):
    data, l1, predicts = make_data(), {"name": "l1", "weight": 0.5}, {"name": "prediction", "weight": 1.0}
    first = small(code=code, penalties=[l1])
    begun = run(first, data)[-1].state
    assert "optimizer.exp_avg.decoder.0.weight" in begun and not [name for name in begun if "exp_avg.encoder" in name]
    second = first.changed(penalties=[l1, predicts], continues=(first.id, 3), epochs=4)
    events = run(second, data, weights=begun)
    third = second.changed(continues=(second.id, 5), epochs=2)
    assert_same_state(run(third, data, weights=states_of(events)[5])[-1].state, events[-1].state)


# ---- divergence ----

WILD = {"hidden": (512,) * 6, "code": "linear", "learning_rate": 1.0, "epochs": 4}


@pytest.mark.parametrize("batch_size", [32, 4_096])
def test_a_run_that_diverges_ends_with_its_last_finite_state(batch_size, make_data):
    e = small(batch_size=batch_size, **WILD)
    events = run(e, make_data())
    assert_grammar(events, e)
    assert events[-1].kind == "diverged" and events[-1].term
    assert_same_state(events[-1].state, states_of(events)[events[-1].epoch])
    assert all(bool(torch.isfinite(value).all()) for value in events[-1].state.values())


def test_a_run_that_diverges_within_a_long_epoch_ends_there(make_data, monkeypatch):
    monkeypatch.setattr(training, "moments", lambda *_: lambda epoch, step: True)
    events = run(small(batch_size=4, **WILD), make_data())
    assert events[-1].kind == "diverged" and events[-1].epoch == 0
    assert all(bool(torch.isfinite(value).all()) for value in events[-1].state.values())


def test_atoms_that_stop_being_finite_end_in_divergence_and_not_in_an_accident(make_data):
    deep = {"code": "lista", "code_size": 60, "code_options": {"layers": 20}, "learning_rate": 1.0, "batch_size": 4}
    e = small(penalties=[{"name": "l1", "weight": 0.5}, {"name": "prediction", "weight": 1.0}], **deep)
    events = run(e, make_data())
    assert_grammar(events, e)
    assert events[-1].kind == "diverged" and events[-1].epoch == 0


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_data_that_are_not_finite_end_in_divergence_and_not_in_an_accident(poison, make_data):
    data = make_data()
    data.x_train[5, 3, 3] = poison
    events = run(small(), data)
    assert events[-1].kind == "diverged"
    for event in events:
        json.dumps(as_record(event), allow_nan=False)


# ---- what a penalty does ----

LOWERED = {
    "l1": ({"code": "linear"}, 0.01, 2),
    "kl_sparsity": ({}, 0.01, 2),
    "contraction": ({"tied": True}, 0.01, 2),
    "gaussian_kl": ({"code": "gaussian", "hidden": (8,)}, 0.01, 2),
    "prediction": ({"code": "predictive", "code_size": 12}, 0.1, 10),
}


@pytest.mark.parametrize("name", LOWERED)
def test_raising_a_weight_lowers_its_term_on_held_out_data(name, make_data):
    fields, low, high = LOWERED[name]
    others = [{"name": "l1", "weight": 0.1}] if name == "prediction" else []
    ends = []
    for weight in (low, high):
        e = small(epochs=30, learning_rate=0.01, penalties=[{"name": name, "weight": weight}, *others], **fields)
        ends.append(progress_of(run(e, make_data()))[-1].held_out[name])
    assert ends[1] < 0.8 * ends[0]


@KINDS
def test_training_lowers_the_held_out_objective(fields, make_data):
    e = small(epochs=30, learning_rate=0.01, **fields)
    first, *_, last = progress_of(run(e, make_data()))
    if e.strategy == "end_to_end":  # phases of other strategies have objectives of their own
        assert sum(last.held_out_weighted.values()) < sum(first.held_out_weighted.values())
    assert last.measures["squared_error"] < first.measures["squared_error"]


def test_a_higher_level_of_noise_makes_the_reconstruction_harder(make_data):
    errors = []
    for level in (0.1, 0.9):
        e = small(epochs=20, corruption={"name": "masking", "weight": level}, learning_rate=0.01)
        errors.append(progress_of(run(e, make_data()))[-1].training["squared_error"])
    assert errors[1] > errors[0]


# ---- phases ----


def trained_in(events):
    """Names of the weights that moved in each phase, by the phase's name."""
    moved, states, name = {}, [], None
    for event in events:
        if event.kind == "phase":
            name = event.name
        elif event.kind == "progress":
            states.append((name, event.state))
    for (_, before), (phase, after) in zip(states, states[1:], strict=False):
        weights = {key for key in after if not key.startswith("optimizer") and not torch.equal(before[key], after[key])}
        moved[phase] = moved.get(phase, set()) | weights
    return moved


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("strategy", ["greedy", "greedy_frozen"])
def test_greedy_phases_train_exactly_what_they_say(strategy, tied, make_data):
    e = small(hidden=(9, 8), strategy=strategy, epochs=6, tied=tied, activation="tanh", learning_rate=0.01)
    events = run(e, make_data())
    begun = {event.name: set(event.trains) for event in events if event.kind == "phase"}
    assert trained_in(events) == begun
    for level in range(3):
        levels = {name.split(".")[1] for name in begun[f"layer_{level + 1}"]}
        assert levels == {str(level)}
    assert ("fine_tuning" in begun) == (strategy == "greedy")
    if strategy == "greedy":
        assert begun["fine_tuning"] == {name for name in events[-1].state if not name.startswith("optimizer")}


@pytest.mark.parametrize("code", ["predictive", "gaussian", "lista"])
def test_the_phase_that_trains_the_code_names_all_that_belongs_to_it(code, make_data):
    events = run(small(code=code), make_data())
    weights = {name for name in events[-1].state if not name.startswith("optimizer")}
    assert set(next(event for event in events if event.kind == "phase").trains) == weights


def test_own_phases_replace_those_of_the_strategy(make_data):
    plan = (Phase("one", 2, 0, 1), Phase("nothing", 0, 0, 2), Phase("two", 1, 0, 2, frozen=("encoder.0.*",)))
    events = run(small(hidden=(8,)), make_data(), phases=plan)
    assert [(event.name, event.epoch) for event in events if event.kind == "phase"] == [("one", 0), ("two", 2)]
    assert events[0].phases == plan


# ---- where the decoder begins ----


@pytest.mark.parametrize("seed", range(3))
def test_a_layer_that_trains_alone_rebuilds_its_level_better_than_the_mean_does(seed):
    """ReLU outputs of its decoder that began around 0 would die: a third of the level's variance was then never rebuilt."""
    data = datasets.load("digits")
    e = small(hidden=(32, 16), code_size=8, strategy="greedy_frozen", epochs=24, batch_size=64, learning_rate=0.005, seed=seed)
    network, x = trained(e, data), torch.from_numpy(data.x_test.copy()).flatten(1)
    for level in (1, 2):
        with torch.no_grad():
            h = network.encode(x, 0, level)
            again = network.decode(network.encode(h, level, level + 1), level, level + 1)
        varies = h.var(dim=0, correction=0)
        assert float((again - h).square().mean(dim=0).sum() / varies.sum()) < 0.85, level
        assert float(varies[again.amax(dim=0) <= 0].sum() / varies.sum()) < 0.1, level


def test_longer_layer_wise_training_rebuilds_better():
    data = datasets.load("digits")
    e = preset("digits", "deep").changed(hidden=(32, 16), code_size=8, strategy="greedy_frozen")
    short, long = (list(train(e.changed(epochs=epochs), data))[-1].metrics["squared_error"] for epochs in (30, 90))
    assert long < short


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", catalog.ACTIVATIONS)
def test_a_rebuilt_level_begins_at_its_mean(activation, tied):
    network = Autoencoder(small(hidden=(9, 8), activation=activation, tied=tied), training.generator(0, "weights"))
    mean = torch.linspace(0.05, 0.9, 8)
    training.centre(network, mean, 2)
    torch.testing.assert_close(network.decode(torch.zeros(3, 6), 2, 3), mean.expand(3, 8))
    assert not network.decoder[1].bias.any()


def test_a_rebuilt_map_of_a_convolution_begins_at_the_mean_of_its_channel():
    network = Autoencoder(small(network="conv", hidden=(3, 4)), training.generator(0, "weights"))
    mean = torch.linspace(0.05, 0.9, 3 * 4 * 4)
    training.centre(network, mean, 1)
    begun = network.decode(torch.zeros(1, 4 * 2 * 2), 1, 2).unflatten(1, (3, 16))[0]
    torch.testing.assert_close(begun, mean.view(3, 16).mean(dim=1, keepdim=True).expand(3, 16))


def test_a_decoder_that_is_trained_already_is_not_begun_again(make_data):
    """A plan laid anew over more epochs may begin a layer's phase a second time."""
    data, e = make_data(), small(hidden=(8,), strategy="greedy_frozen", epochs=4, learning_rate=0.01)
    weights = {name: value for name, value in run(e, data)[-1].state.items() if not name.startswith("optimizer")}
    further = run(e.changed(continues=(e.id, 4), epochs=4), data, weights=weights)
    assert [event.name for event in further if event.kind == "phase"] == ["layer_2"]
    assert torch.equal(progress_of(further)[0].state["decoder.1.bias"], weights["decoder.1.bias"])


# ---- which moments are recorded ----

PRESETS = [preset(dataset, variant) for dataset in catalog.DATASETS for variant in catalog.VARIANTS]


def recorded_in(e):
    """(records, steps) of a whole run."""
    steps = math.ceil(e.samples / e.batch_size)
    wanted = moments(e, steps, 0, e.epochs)
    flags = [wanted(epoch, step) for epoch in range(e.epochs) for step in range(1, steps + 1)]
    return flags, steps


@pytest.mark.parametrize("e", PRESETS, ids=lambda e: "-".join(e.to_query().values()))
def test_recording_costs_a_few_percent_of_the_work_and_always_ends_with_the_end(e):
    flags, _ = recorded_in(e)
    assert flags[-1] and 5 <= sum(flags) <= 400
    early = 8  # the first moments are close together whatever they cost
    assert (sum(flags) - early) * work_of_record(e) <= 0.06 * len(flags) * work_of_step(e)


@pytest.mark.parametrize("variant", ["undercomplete", "psc"])
def test_even_the_largest_networks_spend_most_of_their_time_on_training(variant):
    e = preset("dsprites", variant).changed(code_size=2_048)
    flags, _ = recorded_in(e)
    assert sum(flags) * work_of_record(e) <= 0.5 * len(flags) * work_of_step(e)


@pytest.mark.parametrize("variant", ["undercomplete", "overcomplete"])
def test_a_run_of_many_minutes_leaves_a_film_that_a_server_can_hold(variant):
    flags, _ = recorded_in(preset("mnist", variant).changed(epochs=2_000, train_size=60_000, batch_size=1_024))
    assert 100 <= sum(flags) <= 1.5 * MOST_RECORDS


@given(st.sampled_from(PRESETS), st.integers(1, 2_000), st.integers(1, 4_096), st.integers(0, 500))
def test_recorded_moments_follow_from_the_experiment_alone(e, epochs, batch_size, first):
    e = e.changed(epochs=epochs, batch_size=batch_size)
    steps = math.ceil(e.samples / e.batch_size)
    one, other = (moments(e, steps, first, first + epochs) for _ in range(2))
    some = [(epoch, step) for epoch in range(first, first + min(epochs, 40)) for step in range(1, min(steps, 40) + 1)]
    assert [one(*at) for at in some] == [other(*at) for at in some]
    assert one(first + epochs - 1, steps)


# ---- inferred codes ----


def test_psc_training_lowers_the_published_objective_and_its_encoder_learns_to_predict(make_data):
    from replearn_core.networks import Autoencoder
    from replearn_core.sparse_coding import predictive_objective

    data = make_data()
    e = small(epochs=40, learning_rate=0.01, code_size=12, **REPEATED["psc"])
    events = run(e, data)
    x = torch.from_numpy(data.x_test).flatten(1)
    values, distances, chances = [], [], []
    for state in (progress_of(events)[0].state, events[-1].state):
        network = Autoencoder(e, torch.Generator().manual_seed(9)).eval()
        training.load(network, state)
        with torch.no_grad():
            predicted, inferred = network.encode(x), network.infer(x, 0.1, 1.0)
            centred = x - network.decoder[0].bias
        values.append(float(predictive_objective(centred, inferred, state["decoder.0.weight"], 0.1, predicted, 1.0)))
        distances.append(float((inferred - predicted).square().sum(dim=1).mean()))
        chances.append(float((inferred - predicted.roll(1, 0)).square().sum(dim=1).mean()))
    assert values[1] < 0.7 * values[0]
    assert distances[1] < 0.5 * chances[1], "f(x) must be closer to its own z* than that of another image is"


@pytest.mark.parametrize("code", INFERRED_CODES)
def test_one_pass_takes_a_small_part_of_the_operations_of_inference(code):
    from torch.utils.flop_counter import FlopCounterMode

    from replearn_core.networks import Autoencoder

    network = Autoencoder(preset("digits", {"predictive": "psc", "lista": "lista"}[code]), torch.Generator().manual_seed(0))
    x, operations = torch.zeros(32, 64), []
    for work in (lambda: network.encode(x), lambda: network.infer(x, 0.1, 1.0)):
        with FlopCounterMode(display=False) as counter:
            work()
        operations.append(counter.get_total_flops())
    assert operations[0] * 5 < operations[1]


# ---- presets that the data set's nature asks for ----


def test_on_patches_the_l1_preset_keeps_most_of_its_units():
    e = preset("patches", "sparse_l1", train_size=1_000, epochs=10)
    metrics = run(e, datasets.load("patches", 1_000))[-1].metrics
    assert metrics["dead"] < e.code_size / 2 and metrics["squared_error"] < 0.8 * metrics["mean_error"]


def test_on_points_the_denoising_preset_rebuilds_better_than_with_coordinates_set_to_zero():
    errors = []
    for fields in ({}, {"corruption": {"name": "masking", "weight": 0.3}}):
        e = preset("moons", "denoising", epochs=60, **fields)
        errors.append(run(e, datasets.load("moons", e.train_size))[-1].metrics["squared_error"])
    assert errors[0] < errors[1] / 2
