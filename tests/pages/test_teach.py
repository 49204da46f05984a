"""Teacher mode: what a link locks stays locked whatever arrives, what it hides is not drawn, and the rest of a bad link works."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui import controls, session, text, widgets
from pages.ui.lessons import views
from pages.ui.lessons.lesson import lessons
from pages.ui.pretraining import state as pretraining
from pages.ui.properties import state as properties
from pages.ui.teaching import bar, board_charts, locks, place, rooms_ui, teach, teach_page
from pages.ui.teaching.teach import Teach
from replearn_core import database
from replearn_core.catalog import BOUNDS
from replearn_core.experiment import Experiment
from replearn_core.room_values import question
from replearn_core.rooms import Rooms
from tests.pages.test_pages import opened, said

NAMES = st.lists(st.sampled_from(teach.LAB), unique=True, max_size=5).map(tuple)
SEED = st.none() | st.just(teach.OWN) | st.integers(0, int(BOUNDS["seed"].high))


def lab(teaching: str, **query):
    return opened("autoencoder", lang="en", teach=teaching, **query)


def experiment(app) -> Experiment:
    return Experiment.from_values(app.session_state[session.DRAFT])


def force(widget, value):
    """Set a widget that is switched off: a client can send what it likes."""
    widget.proto.disabled = False
    return widget.set_value(value).run()


# ---- the value ----


@given(NAMES, NAMES, NAMES, SEED, st.text(max_size=80))
def test_what_the_form_writes_is_what_the_link_says(lock, hide, open_only, seed, question):
    made = Teach(lock, hide, open_only, seed, teach.plain(question, 200))
    assert teach.read(teach.spelled(made)) == (made, ())


@given(st.text(max_size=400))
def test_any_text_is_read_with_what_could_not_be_used(typed):
    found, problems = teach.read(typed)
    assert len(found.question) <= 200 and all(text.has(one.key) for one in problems)


def test_a_question_may_hold_what_the_rest_uses_as_marks():
    assert teach.read("lock:epochs;q:a;b:c,d;q:e")[0] == Teach(lock=("epochs",), question="a;b:c,d;q:e")


@pytest.mark.parametrize("page", views.PANELS)
def test_every_page_that_has_knobs_names_them(page):
    names = teach.of_page(page)
    assert names and all(teach.known(name) for name in names)
    assert [name for name in names if not teach_page.knob_label(page, name)] == []


# ---- the lab ----


def test_locked_knobs_are_seen_and_do_not_move_and_hidden_ones_are_not_drawn():
    app = lab("lock:code_size,variant;hide:sparsity,epochs", code_size="4")
    assert not app.error and app.number_input(key="knob.code_size").disabled
    assert "locked" in app.number_input(key="knob.code_size").help
    assert app.radio(key="knob.variant").disabled and not app.number_input(key="knob.seed").disabled
    keys = {one.key for kind in ("number_input", "toggle") for one in app.get(kind)}
    assert "knob.epochs" not in keys and "knob.sparsity" not in keys


def test_a_value_that_arrives_for_a_locked_knob_is_not_taken():
    app = lab("lock:code_size", code_size="4")
    force(app.number_input(key="knob.code_size"), 32)
    assert experiment(app).code_size == 4 and app.number_input(key="knob.code_size").value == 4


@pytest.mark.parametrize("field", ["code_size", "penalty.contraction", "variant"])
def test_a_callback_for_a_locked_knob_refuses_and_tells_whatever_reached_it(monkeypatch, field):
    values = {locks.NOW: teach.read("lock:code_size,contraction,variant")[0], session.KNOB + field: 32}
    monkeypatch.setattr("streamlit.session_state", values)
    if field == "variant":
        controls._take_variant(session.KNOB + field)
    else:
        widgets._take(field, None)
    assert [one.key for one in values[session.NOTICES]] == ["problem.knob_locked"] and session.DRAFT not in values


def test_a_setting_of_a_study_refuses_likewise(monkeypatch):
    values = {locks.NOW: teach.read("lock:depth")[0], session.LANGUAGE: "en"}
    monkeypatch.setattr("streamlit.session_state", values)
    pretraining.ADDRESS.take("depth", 2)
    assert [one.key for one in pretraining.ADDRESS.problems] == ["problem.knob_locked"]
    assert pretraining.ADDRESS.values["depth"] != 2
    values[locks.NOW] = teach.read("lock:beta")[0]
    properties.take("beta", 1.0)
    assert [one.key for one in values[properties.NOTICES]] == ["problem.knob_locked"] and properties.NOW not in values


@pytest.mark.parametrize(("key", "name", "knob"), [("knob.variant", "deep", "variant"), ("knob.corruption", True, "corruption")])
def test_neither_a_card_nor_a_toggle_gets_around_a_lock(key, name, knob):
    app = lab(f"lock:{knob}")
    before = experiment(app)
    force(app.radio(key=key) if knob == "variant" else app.toggle(key=key), name)
    assert experiment(app) == before


@pytest.mark.parametrize("name", ["sparse", "denoising", "deep"])
def test_another_variant_leaves_the_locked_knobs_as_the_link_set_them(name):
    app = lab("lock:code_size,epochs,learning_rate", code_size="5", epochs="17")
    app.radio(key="knob.variant").set_value(name).run()
    found = experiment(app)
    assert (found.code_size, found.epochs) == (5, 17) and app.query_params["variant"] == name


def test_a_locked_penalty_outlives_another_variant():
    app = lab("lock:contraction", variant="contractive")
    kept = experiment(app).penalties
    app.radio(key="knob.variant").set_value("undercomplete").run()
    assert [one for one in experiment(app).penalties if one.name == "contraction"] == list(kept)


def test_all_knobs_but_the_open_ones_are_locked():
    app = lab("open:code_size")
    assert not app.number_input(key="knob.code_size").disabled
    assert app.number_input(key="knob.epochs").disabled and app.selectbox(key="knob.dataset").disabled


def test_a_fixed_seed_is_everybodys_and_stays():
    app = lab("seed:7", seed="3")
    assert experiment(app).seed == 7 and app.number_input(key="knob.seed").disabled and app.button(key="tool_new_seed").disabled
    force(app.number_input(key="knob.seed"), 8)
    assert experiment(app).seed == 7 and "7" in said(app)


def test_every_student_gets_a_seed_of_their_own_that_stays():
    apps = [lab("seed:own") for _ in range(3)]
    seeds = [experiment(app).seed for app in apps]
    assert len(set(seeds)) > 1 and all(app.session_state[locks.SEED] == seed for app, seed in zip(apps, seeds))
    apps[0].radio(key="knob.variant").set_value("deep").run()
    assert experiment(apps[0]).seed == seeds[0] and str(seeds[0]) in said(apps[0])


def test_a_knob_that_does_not_exist_is_told_and_the_rest_works():
    app = lab("lock:nothing,epochs;seed:soon;what:else", epochs="9")
    shown = said(app)
    for key, value in (("teach_knob", "nothing"), ("teach_part", "what:else")):
        assert text.said("en", f"problem.{key}", value=value) in shown
    assert app.number_input(key="knob.epochs").disabled and not app.number_input(key="knob.seed").disabled


def test_the_question_is_shown_as_it_was_written():
    question = "**Bold** <b>x</b> :red[y] $z$"
    app = lab(f"q:{question}")
    assert question in [one.value for one in app.text]


def test_a_page_without_a_teacher_has_no_bar():
    app = opened("autoencoder", lang="en")
    assert locks.NOW not in app.session_state and not app.number_input(key="knob.seed").disabled


@pytest.mark.parametrize("typed", ["", "a b", "**x**", "<i>", ":material/home:", "$x$", "a\\b", "[x](http://y)", "#1"])
def test_text_inside_markdown_is_escaped_mark_by_mark(typed):
    found = bar.literal(typed)
    assert found.replace("\\", "") == typed.replace("\\", "") and found.count("\\") >= sum(one in "*<>:$[]()#_`" for one in typed)


# ---- other pages ----


@pytest.mark.parametrize(
    ("page", "query", "knob"),
    [
        ("pretraining", {}, "depth"),
        ("properties", {"part": "smooth"}, "noise"),
        ("latent", {}, "n_neighbors"),
        ("transfer", {}, "part"),
    ],
)
def test_every_family_of_knobs_knows_locks(page, query, knob):
    app = opened(page, lang="en", teach=f"lock:{knob}", **query)
    assert not app.error and not app.exception
    found = [one for one in _widgets(app) if one.key and one.key.rpartition(".")[2] == knob]
    assert found and all(one.disabled for one in found)
    hidden = opened(page, lang="en", teach=f"hide:{knob}", **query)
    assert knob == "part" or not [one for one in _widgets(hidden) if one.key and one.key.rpartition(".")[2] == knob]


def _widgets(app):
    return [
        one for kind in ("slider", "select_slider", "selectbox", "number_input", "segmented_control") for one in app.get(kind)
    ]


def test_a_value_that_arrives_for_a_locked_setting_of_a_study_is_refused():
    app = opened("pretraining", lang="en", teach="lock:depth", depth="3")
    (knob,) = [one for one in _widgets(app) if one.key == "pretraining.knob.depth"]
    force(knob, 2)
    assert app.query_params["depth"] == "3"


def test_a_fixed_seed_is_that_of_a_study():
    app = opened("properties", lang="en", part="smooth", teach="seed:7")
    seeds = [one for one in _widgets(app) if one.key and one.key.endswith("first_seed")]
    assert [one.value for one in seeds] == [7] and seeds[0].disabled


# ---- the form ----


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("page", ["teach", "board"])
def test_the_teachers_pages_draw_in_both_languages(page, lang):
    app = opened(page, lang=lang)
    assert not app.error and not app.exception and app.title[0].value == text.catalogue(lang)[f"{page}.title"]


def test_the_form_makes_a_link_that_opens_as_asked():
    app = opened("teach", lang="en")
    app.multiselect(key="teach.form.lock.autoencoder").set_value(["code_size", "epochs"]).run()
    app.segmented_control(key="teach.form.seed").set_value("own").run()
    app.text_input(key="teach.form.ask.text").set_value("What is lost?").run()
    link = next(one.value for one in app.code if "/autoencoder?" in one.value)
    page, query = teach_page.of_link(link)
    assert page == "autoencoder" and query == {}
    assert "teach=lock:code_size,epochs;seed:own;q:What+is+lost" in link


def test_what_a_teacher_has_filled_in_is_there_after_a_look_at_another_page():
    app = opened("teach", lang="en")
    app.segmented_control(key="teach.form.start").set_value("preset").run()
    app.selectbox(key="teach.form.variant").set_value("sparse").run()
    app.toggle(key="teach.form.class").set_value(True).run()
    app.text_input(key="teach.form.ask.text").set_value("What does it keep?").run()
    app.multiselect(key="teach.form.lock.autoencoder").set_value(["epochs"]).run()
    app.switch_page("../autoencoder.py").run()
    app.switch_page("../teach.py").run()
    assert app.segmented_control(key="teach.form.start").value == "preset"
    assert app.selectbox(key="teach.form.variant").value == "sparse" and app.toggle(key="teach.form.class").value
    assert app.text_input(key="teach.form.ask.text").value == "What does it keep?"
    assert app.multiselect(key="teach.form.lock.autoencoder").value == ["epochs"]


def test_the_form_takes_a_link_of_any_page_and_hands_no_secret_on():
    link = "https://lab.example/base/latent?run=abc&key=secret&room=AAAAAA&teach=lock:run&lang=en&embed=true&lesson=noise&step=2"
    assert teach_page.of_link(link) == ("latent", {"run": "abc", "lesson": "noise", "step": "2"})
    assert teach_page.of_link("https://lab.example/nowhere?a=b") == (None, {})
    assert teach_page.of_link("http://[") == (None, {})


@given(st.text(max_size=300))
def test_whatever_is_pasted_is_a_page_or_none(typed):
    page, query = teach_page.of_link(typed)
    assert page is None or all(isinstance(one, str) for one in query.values())


@pytest.mark.parametrize("said_code", ["", "AAAAAA", "../../etc", "<b>", "A" * 400])
def test_a_room_that_there_is_not_is_told_and_the_page_works(said_code):
    app = opened("autoencoder", lang="en", room=said_code)
    assert not app.error and not app.exception and app.button(key="train")
    board = opened("board", lang="en", room=said_code)
    assert not board.error and board.text_input(key="board.code")


# ---- what the class hears ----


@pytest.fixture
def in_room(monkeypatch, tmp_path):
    """(the rooms, a room, the session's values); every run is known, with its id as code size."""
    made = database.connect(f"sqlite:///{tmp_path / 'class.sqlite'}")
    rooms, values = Rooms(made), {}
    room = rooms.open(question("How many?"))
    monkeypatch.setattr("streamlit.session_state", values)
    monkeypatch.setattr(place, "rooms", lambda: rooms)
    monkeypatch.setattr(rooms_ui, "code", lambda: room.code)
    monkeypatch.setattr(rooms_ui.memory, "put", lambda name, value: None)
    monkeypatch.setattr(rooms_ui.runs, "known", lambda run_id: Experiment(dataset="digits", code_size=int(run_id, 16)))
    yield rooms, room, values
    made.dispose()


def test_all_six_count_on_the_board_once_pressed_and_six_that_a_link_shows_do_not(in_room):
    rooms, room, values = in_room
    values[session.SIX] = {"sparse": "5"}  # a link's
    values[session.ASKED], values[session.RUN] = Experiment(dataset="digits"), "4"  # trained before anybody joined
    rooms_ui.join(room.code, "Ann")
    rooms_ui.tell_runs()
    assert rooms.board(room.code).going == 0
    values[session.SIX] = values[session.SIX_ASKED] = {"sparse": "6", "deep": "7"}
    for _ in range(3):
        rooms_ui.tell_runs()
    assert rooms.board(room.code).going == 2
    values[session.ASKED], values[session.RUN] = Experiment(dataset="digits"), "8"
    rooms_ui.tell_runs()
    rooms.settle(room.code, lambda run_id: (True, float(int(run_id, 16))))
    assert {(one.run_id, one.error) for one in rooms.board(room.code).runs} == {("6", 6.0), ("7", 7.0), ("8", 8.0)}


def test_the_answers_of_a_lessons_step_are_offered_on_the_board_in_the_words_of_its_choices(in_room, monkeypatch):
    rooms, room, _ = in_room
    monkeypatch.setattr(text, "language", lambda: "en")
    rooms_ui.join(room.code, "Ann")
    assert rooms_ui.tell("lesson:squeeze:1", "half")
    offered = board_charts.questions_of(rooms.board(room.code))
    asked = lessons("en")["squeeze"].steps[0].ask
    assert list(offered) == ["q1", "lesson:squeeze:1"] and asked.question in offered["lesson:squeeze:1"].text
    assert dict(offered["lesson:squeeze:1"].choices) == dict(asked.labels)


def test_a_guess_that_was_made_before_joining_is_told_on_joining_and_numbers_have_their_unit(in_room, monkeypatch):
    rooms, room, _ = in_room
    monkeypatch.setattr(text, "language", lambda: "en")
    monkeypatch.setattr("streamlit.query_params", {"lesson": "squeeze", "step": "2"})
    kept = {"lessons": {"squeeze": {"guess": {"1": "half", "2": 75}}, "noise": {"guess": {"1": "copy"}}}}
    monkeypatch.setattr(rooms_ui.memory, "get", lambda name, otherwise: kept.get(name, otherwise))
    rooms_ui.join(room.code, "Ann")
    board = rooms.board(room.code)
    answers = {name: list(one.values()) for name, one in board.answers.items()}
    assert answers == {"lesson:squeeze:1": ["half"], "lesson:squeeze:2": [75]}
    assert board_charts.questions_of(board)["lesson:squeeze:2"].unit == "%"
