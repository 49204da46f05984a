"""Widgets and the draft behind them: what a visitor turns is what the Experiment says, and nothing else gets in."""

import pytest

from pages.ui import controls, draft, runs, session
from replearn_core import catalog
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment, Problem
from replearn_core.presets import preset
from tests.pages.test_pages import opened


@pytest.fixture
def state(monkeypatch):
    """A session of its own for the functions that read one."""
    values: dict = {}
    monkeypatch.setattr("streamlit.session_state", values)
    return values


def lab(**query):
    return opened("autoencoder", lang="en", **query)


def unfolded(fold: str = controls.MORE, **query):
    app = lab(**query)
    app.session_state[fold] = True
    return app.run()


@pytest.mark.parametrize("name", catalog.VARIANTS)
def test_choosing_a_card_sets_the_variants_preset(name):
    app = unfolded("more_variants_False")
    key = "knob.variant" if catalog.VARIANTS[name].lecture else "knob.variant_other"
    app.radio(key=key).set_value(name).run()
    assert not app.error and app.query_params["variant"] == name
    assert session_experiment(app) == preset("digits", name)


def test_what_is_folded_is_drawn_once_it_is_unfolded_and_a_link_to_a_variant_beyond_the_lecture_unfolds_it():
    drawn = [one.key for kind in ("selectbox", "toggle", "number_input", "text_input") for one in lab().get(kind)]
    assert not {session.KNOB + name for name in controls.FOLDED} & set(drawn)
    app = unfolded()
    drawn = [one.key for kind in ("selectbox", "toggle", "number_input", "text_input") for one in app.get(kind)]
    assert {session.KNOB + name for name in controls.FOLDED} <= set(drawn)
    assert [one.key for one in app.radio if one.key == "knob.variant_other"] == []
    assert lab(variant="vae").radio(key="knob.variant_other").value == "vae"


def session_experiment(app) -> Experiment:
    return Experiment.from_values(app.session_state[session.DRAFT])


@pytest.mark.parametrize("name", catalog.DATASETS)
def test_every_data_set_can_be_looked_at_with_every_card(name):
    app = lab(dataset=name)
    assert not app.error and not app.exception
    assert session_experiment(app).dataset == name


def test_a_variant_keeps_the_seed_and_a_data_set_keeps_the_penalties():
    app = lab(variant="contractive", seed="5")
    app.selectbox(key="knob.dataset").set_value("sprites").run()
    kept = session_experiment(app)
    assert kept.seed == 5 and [term.name for term in kept.penalties] == ["contraction"]
    app.radio(key="knob.variant").set_value("deep").run()
    assert session_experiment(app).seed == 5


def test_toggles_switch_terms_on_and_off_and_sliders_set_their_strength():
    app = lab()
    app.toggle(key="knob.contraction").set_value(True).run()
    app.select_slider(key="knob.penalty.contraction").set_value(2.0).run()
    app.toggle(key="knob.corruption").set_value(True).run()
    found = session_experiment(app)
    assert found.penalties[0].weight == 2 and found.corruption.name == "masking"
    app.toggle(key="knob.contraction").set_value(False).run()
    app.toggle(key="knob.corruption").set_value(False).run()
    assert session_experiment(app).penalties == () and session_experiment(app).corruption is None


@pytest.mark.parametrize("kind", ["l1", "kl_sparsity", "k_sparse"])
def test_each_kind_of_sparsity_can_be_chosen_and_given_up(kind):
    app = lab()
    app.toggle(key="knob.sparsity").set_value(True).run()
    app.selectbox(key="knob.sparsity_kind").set_value(kind).run()
    found = session_experiment(app)
    assert found.code == "k_sparse" if kind == "k_sparse" else [term.name for term in found.penalties] == [kind]
    app.toggle(key="knob.sparsity").set_value(False).run()
    assert session_experiment(app).penalties == () and session_experiment(app).code != "k_sparse"


def test_knobs_that_clash_are_explained_train_is_off_and_the_session_is_unharmed():
    app = unfolded(variant="sparse")
    app.selectbox(key="knob.code").set_value("relu").run()
    assert app.button(key="train").disabled and not app.error
    assert [line for line in app.text if "KL sparsity" in line.value]
    assert app.query_params["variant"] == "sparse" and "code" not in app.query_params
    app.toggle(key="knob.sparsity").set_value(False).run()
    assert session_experiment(app).code == "relu"


def test_a_value_that_no_widget_offered_is_refused_and_told(state):
    draft.take(epochs=10**9)
    assert draft.fields()["epochs"] == draft.FIRST.epochs
    assert state[session.NOTICES][0].key == "problem.out_of_range"
    draft.take(code="no such code")
    draft.take_variant("no such variant")
    draft.take_dataset("no such data")
    assert Experiment.from_values(draft.fields()) == draft.FIRST


@pytest.mark.parametrize(("stale", "kept"), [(100.0, 7), (0.0, 3)])
def test_what_a_knob_said_before_we_set_it_is_a_poll_that_was_on_its_way_and_later_the_visitors_hand(monkeypatch, stale, kept):
    monkeypatch.setattr("pages.ui.address_bar.STALE", stale)
    app = lab(seed="3")
    app.session_state[session.DRAFT] = app.session_state[session.DRAFT] | {"seed": 7}  # as "New seed" and a lesson's step do
    app.run()
    app.number_input(key="knob.seed").set_value(3).run()
    assert session_experiment(app).seed == kept and app.number_input(key="knob.seed").value == kept


def test_hidden_layers_are_typed_with_commas_of_either_kind_and_nonsense_is_refused():
    app = unfolded()
    app.text_input(key="knob.hidden").set_value("64，32").run()
    assert session_experiment(app).hidden == (64, 32)
    app.text_input(key="knob.hidden").set_value("64, many").run()
    assert session_experiment(app).hidden == (64, 32) and app.container(key="notices").text


def test_a_data_set_that_cannot_be_had_is_explained_and_cannot_be_trained(monkeypatch):
    monkeypatch.setattr("replearn_core.datasets.available", lambda name: name != "mnist")
    monkeypatch.setattr("replearn_core.datasets.origin", lambda name: "missing")
    app = lab(dataset="mnist")
    assert app.button(key="train").disabled
    assert [line for line in app.text if "REPLEARN_DATA" in line.value]


def test_too_much_work_names_the_knob_to_lower():
    app = lab(dataset="glyphs", epochs="2000", code_size="2048", variant="contractive")
    assert app.button(key="train").disabled
    assert [line for line in app.text if "lower" in line.value]


@pytest.mark.parametrize(("field", "value"), [("seed", 9), ("code_size", 7), ("hidden", (8,))])
def test_knobs_that_change_network_or_data_wait_for_train(field, value):
    view = RunView("0" * 32, draft.FIRST, "running")
    assert runs.waiting_knobs(view, draft.FIRST.changed(**{field: value})) == (field,)


def test_ingredients_pace_and_epochs_can_be_followed_during_training():
    turned = draft.FIRST.changed(
        learning_rate=0.01, epochs=300, batch_size=32, corruption={"name": "gaussian"}, penalties=[{"name": "contraction"}]
    )
    assert runs.waiting_knobs(RunView("0" * 32, draft.FIRST, "running"), turned) == ()


def test_a_continuation_reads_as_one_whole_run():
    part = draft.FIRST.changed(epochs=30, continues=("0" * 32, 170))
    assert draft.from_the_start(part).epochs == 200 and draft.from_the_start(part).continues is None


def test_opening_a_link_starts_nothing(monkeypatch):
    started = []
    monkeypatch.setattr(runs, "train", lambda *_: started.append(1))
    monkeypatch.setattr(runs, "_show", lambda *_: started.append(1))
    lab(variant="deep", seed="4", run="0" * 32)
    assert started == []


def test_without_an_engine_the_page_stays_readable_and_says_why_train_is_off():
    app = lab()
    assert app.button(key="train").disabled
    assert runs.engine_problem() == Problem("problem.engine_starting")


class Recorder:
    """An engine that accepts everything and remembers what it was asked."""

    problem = None

    def __init__(self, view):
        self.view, self.asked = view, []

    def history(self, run_id, since=0):
        return self.view

    watch = history

    def submit(self, experiment, *, owner):
        self.asked.append(("submit", experiment))
        return experiment.id

    def branch(self, run_id, changes, *, owner):
        self.asked.append(("branch", run_id, dict(changes)))
        return "b" * 32

    def cancel(self, run_id, *, owner):
        self.asked.append(("cancel", run_id))


@pytest.fixture
def running(state, monkeypatch):
    """A run of the first experiment is going, and is on screen."""
    recorder = Recorder(RunView("a" * 32, draft.FIRST, "running"))
    monkeypatch.setattr("replearn_core.engine.current", lambda: recorder)
    state.update({session.RUN: "a" * 32, session.ASKED: draft.FIRST})
    return recorder


def test_a_toggle_during_training_goes_on_from_the_present_weights(running, state):
    turned = draft.FIRST.changed(penalties=[{"name": "contraction", "weight": 0.5}])
    runs.follow_knobs(running.view, turned)
    (asked,) = running.asked
    assert asked[:2] == ("branch", "a" * 32) and asked[2]["penalties"][0]["weight"] == 0.5
    assert "epochs" not in asked[2]  # the engine keeps the epochs that were left
    assert state[session.RUN] == "b" * 32
    runs.follow_knobs(running.view, turned)
    assert len(running.asked) == 1


@pytest.mark.parametrize("field", ["code_size", "seed"])
def test_a_knob_of_the_network_or_the_seed_starts_nothing_during_training(running, field):
    runs.follow_knobs(running.view, draft.FIRST.changed(**{field: 3}))
    assert running.asked == []


def test_an_open_link_to_a_running_run_is_only_watched(running, state):
    state[session.ASKED] = None
    runs.follow_knobs(running.view, draft.FIRST.changed(learning_rate=0.5))
    assert running.asked == []


def test_fifty_presses_of_train_ask_for_one_experiment(running):
    for _ in range(50):
        runs.train()
    assert {asked[1] for asked in running.asked if asked[0] == "submit"} == {draft.FIRST}


def test_training_something_else_leaves_the_run_before_it_unless_it_is_pinned(running, state):
    runs.train()
    assert ("cancel", "a" * 32) in running.asked
    running.asked.clear()
    state.update({session.RUN: "a" * 32, session.PINS: ("a" * 32,)})
    runs.train()
    assert ("cancel", "a" * 32) not in running.asked


def test_all_six_share_data_seed_and_pace(running, state):
    draft.take(seed=9, epochs=7)
    runs.train_six()
    asked = [experiment for _, experiment in running.asked]
    assert len({experiment.id for experiment in asked}) == 6 == len(state[session.SIX])
    assert {(e.dataset, e.seed, e.train_size, e.epochs) for e in asked} == {("digits", 9, draft.FIRST.train_size, 7)}


def test_pause_keeps_the_run_on_screen_and_resume_goes_on_from_it(running, state):
    runs.pause("a" * 32)
    assert running.asked == [("cancel", "a" * 32)] and state[session.PAUSED] == state[session.RUN] == "a" * 32
    runs.resume("a" * 32)
    assert running.asked[-1][2]["epochs"] == draft.FIRST.epochs and state[session.PAUSED] is None
    runs.one_epoch("b" * 32)
    assert running.asked[-1][2]["epochs"] == 1


def test_no_more_runs_are_pinned_than_fit_beside_one_another(state):
    for letter in "abcdef":
        runs.pin(letter * 32)
    assert len(state[session.PINS]) == draft.MAX_SHOWN - 1 and "f" * 32 in state[session.PINS]
