"""The latent explorer without a browser: links in and out, what starts work and what does not, its panels on a fake engine."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import text
from pages.ui.draft import FIRST
from pages.ui.latent import knobs, pictures, walks
from pages.ui.latent import look as looks
from pages.ui.latent.look import Look
from pages.ui.latent.panels import counts
from pages.ui.teaching import locks
from replearn_core import engine, tasks
from replearn_core.engine import RunView, TaskView, wire
from replearn_core.events import Progress
from replearn_core.experiment import Experiment, Problem

ENTRY = Path(__file__).parents[2] / "pages" / "ui" / "entry.py"
FLAT = Experiment(dataset="digits", code_size=2)
N = 30


def answers(task: tasks.Task) -> dict[str, np.ndarray]:
    """Arrays of the right names and shapes for a task on 8×8 digits."""
    random = np.random.default_rng(0)
    index = np.arange(100, 100 + N, dtype=np.int32)
    images = random.integers(0, 255, (N, 8, 8)).astype(np.uint8)
    points = {
        "index": index,
        "images": images,
        "labels": (np.arange(N) % 3).astype(np.int16),
        "error": random.random(N, np.float32),
    }
    near = {"index": index[:1], "code": index[None, 1:9], "pixels": index[None, 2:10]}
    return {"points": points, "neighbours": near, "map": {"points": random.random((N, 2), np.float32), "index": index}}[task.kind]


class FakeEngine:
    """Knows one finished run; a task is computed the moment it is asked for. `computed`: what was asked, in order."""

    def __init__(self, experiment: Experiment = FIRST, state: str = "finished", problem: Problem | None = None):
        moments = [Progress(float(epoch), 1.0, {}, {}, {}, {}, {}) for epoch in (1, 2, 3)]
        self.run = RunView(experiment.id, experiment, state, problem=problem, events=tuple(moments), count=3)
        self.computed: list[tasks.Task] = []
        self.kept: dict[str, TaskView] = {}
        self.problem, self.read = None, 0
        self.store = SimpleNamespace(runs=lambda limit: (), problem=None)

    def history(self, run_id: str, since: int = 0) -> RunView:
        return self.run if run_id == self.run.run_id else RunView(run_id, None, "missing")

    watch = history

    def task(self, task_id: str) -> TaskView:
        return self.kept.get(task_id, TaskView(task_id, "missing"))

    def compute(self, task: tasks.Task, *, owner: str, again: bool = False) -> str:
        self.computed.append(task)
        numbers = {"trustworthiness": 0.9, "continuity": 0.8, "knn_accuracy": 0.7, "epoch": 3.0}
        answer = wire.pack_arrays(answers(task), {"numbers": numbers})
        self.kept[task.id] = TaskView(task.id, "finished", progress=1.0, answer=answer)
        return task.id

    def weights(self, run_id: str, epoch: int | None = None) -> bytes:
        self.read += 1
        return b"kept"

    def cancel(self, task_id: str, *, owner: str) -> None:
        self.kept.pop(task_id, None)


@pytest.fixture
def fake(monkeypatch):
    """fake(experiment=…) → the engine that pages see."""

    def make(*args, **options) -> FakeEngine:
        made = FakeEngine(*args, **options)
        monkeypatch.setattr(engine, "current", lambda: made)
        return made

    return make


def opened(**query) -> AppTest:
    app = AppTest.from_file(str(ENTRY), default_timeout=30)
    app.run()
    app.switch_page("../latent.py")
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


# ---- what starts work ----


def test_opening_a_link_asks_the_engine_for_nothing_and_a_press_draws(fake):
    made = fake()
    app = opened(lang="en", run=FIRST.id, selected="3,4")
    assert not app.exception and not app.error
    assert made.computed == []
    app.button(key="latent_draw").click().run()
    assert {task.kind for task in made.computed} >= {"points", "map"}
    assert not [button for button in app.button if button.key == "latent_draw"]


@pytest.mark.parametrize("said", ["seed:7", "seed:own"])
def test_a_map_is_made_with_the_teachers_seed_or_the_students_own_whatever_the_link_says(fake, said):
    made = fake()
    app = opened(lang="en", run=FIRST.id, seed="3", teach=said)
    app.button(key="latent_draw").click().run()
    knob = app.number_input(key="latent.knob.seed")
    wanted = 7 if said == "seed:7" else app.session_state[locks.SEED]
    assert {task.options["seed"] for task in made.computed if task.kind == "map"} == {float(wanted)}
    assert knob.value == wanted and knob.disabled and str(wanted) in app.query_params["seed"]


def test_weights_are_looked_for_once_however_often_the_region_is_drawn(fake):
    made = fake()
    app = opened(lang="en", run=FIRST.id)
    app.button(key="latent_draw").click().run()
    for _ in range(3):
        app.run()
    assert made.read == 1


def test_a_link_whose_answers_are_kept_shows_them_without_a_press(fake):
    made = fake()
    opened(lang="en", run=FIRST.id).button(key="latent_draw").click().run()
    before = len(made.computed)
    app = opened(lang="en", run=FIRST.id)
    assert len(made.computed) == before
    assert not [button for button in app.button if button.key == "latent_draw"]


def test_a_turned_knob_draws_other_maps_of_the_same_points(fake):
    made = fake()
    app = opened(lang="en", run=FIRST.id)
    app.select_slider(key="latent.knob.n_neighbors").set_value(5).run()
    asked = [task for task in made.computed if task.kind == "map"]
    assert {task.options["n_neighbors"] for task in asked} == {5.0}
    assert app.query_params["n_neighbors"] == ["5"] or app.query_params["n_neighbors"] == "5"
    assert len([task for task in made.computed if task.kind == "points"]) == 1


def test_selected_points_show_their_classes_and_their_neighbours(fake):
    fake()
    app = opened(lang="en", run=FIRST.id, selected="3")
    app.button(key="latent_draw").click().run()
    said = "\n".join(str(one.value) for one in (*app.markdown, *app.caption))
    assert "1 selected" in said and "nearest" in said and not app.error


# ---- bad input ----


@pytest.mark.parametrize(
    "query",
    [
        {"run": "0" * 32},
        {"run": "../../etc"},
        {"n_neighbors": "900"},
        {"n_neighbors": "1e400"},
        {"min_dist": "nan"},
        {"maps": "run:umap,foo:bar"},
        {"maps": ""},
        {"epoch": "-1"},
        {"size": "1e9"},
        {"selected": "a,b"},
        {"selected": ["1", "2"]},
        {"errors": "50,40"},
        {"errors": "5"},
        {"colour": "unit:x"},
        {"colour": "<b>"},
        {"decode": "maybe"},
        {"draw": "2"},
        {"cameras": "0.5,0.5"},
        {"cameras": "9,0,1"},
        {"cameras": "0,0,nan"},
        {"cameras": "0,0,1~0,0,1~0,0,1~0,0,1"},
        {"nonsense": "1"},
    ],
    ids=lambda query: "&".join(f"{key}={str(value)[:20]}" for key, value in query.items()),
)
@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_link_with_a_bad_value_says_so_and_the_page_works(fake, query, lang):
    fake()
    app = opened(lang=lang, **query)
    assert not app.exception and not app.error
    told = [line.value for line in app.container(key="latent_notices").text]
    assert told and not any(line.startswith(("problem.", "explorer.")) for line in told)
    assert app.button(key="latent_draw")


def test_without_an_engine_the_page_says_that_it_is_starting():
    app = opened(lang="en")
    assert not app.exception and not app.error
    assert text.catalogue("en")["problem.engine_starting"] in [line.value for line in app.text]


def test_what_is_refused_for_now_is_asked_again_by_itself_and_what_is_wrong_is_not():
    from pages.ui.latent import asking

    starting, wrong = (asking.refused("map", Problem(key)) for key in ("problem.engine_starting", "problem.few_points"))
    assert starting.later and not wrong.later and not starting.live


@pytest.mark.parametrize(("key", "helps"), [("task_failed", True), ("perplexity_too_large", False), ("codes_not_finite", False)])
def test_another_try_is_offered_where_it_can_help(fake, key, helps):
    made, numbers = fake(), {"error": "1", "value": 30, "limit": 3, "count": 10, "total": 20, "first": 1}
    problem = Problem(f"problem.{key}", "", numbers)
    made.task = lambda task_id: TaskView(task_id, "failed", problem=problem)
    app = opened(run=FIRST.id)
    assert text.problem(problem) in [one.value for one in app.text]
    assert ("latent_again" in {one.key for one in app.button}) == helps


def test_a_damaged_run_is_answered_by_its_reason_in_place_of_the_maps(fake):
    fake(state="damaged", problem=Problem("problem.damaged", "", {"file": "weights.safetensors"}))
    app = opened(lang="en", run=FIRST.id)
    assert not app.exception and not app.error
    assert any("weights.safetensors" in line.value for line in app.text)


def test_more_neighbours_than_points_is_a_sentence_and_the_knobs_stay(fake):
    fake()
    app = opened(lang="en", run=FIRST.id, size="100", n_neighbors="200")
    app.button(key="latent_draw").click().run()
    assert any("200 neighbours" in line.value for line in app.text)
    assert app.select_slider(key="latent.knob.n_neighbors").value == 200


# ---- the look ----


def test_a_look_is_written_as_what_differs_and_read_back():
    look = Look(
        run="a" * 32, maps=("run:pca", "pixels:tsne"), min_dist=0.25, selected=(3, 5), decode=True, errors=(90, 100), epoch=4.0
    )
    query = looks.to_query(look)
    assert set(query) == {"run", "maps", "min_dist", "selected", "decode", "errors", "epoch"}
    read = {name: looks._valid(name, looks._parsed(name, said)) for name, said in query.items()}
    assert replace(Look(), **read) == look
    assert looks.to_query(Look()) == {}


def test_a_two_dimensional_code_is_shown_as_it_is_and_a_wider_one_by_umap():
    assert knobs.maps_of(Look(), FLAT) == ("run:code", "pixels:umap")
    assert knobs.maps_of(Look(), FIRST) == ("run:umap", "pixels:umap")
    assert knobs.maps_of(Look(), Experiment(dataset="moons", code_size=64))[1] == "pixels:code"
    assert "run:code" not in knobs.offered_maps(FLAT, 3)


def test_a_colour_that_this_run_has_not_becomes_one_that_it_has():
    assert knobs.shown_colour(FIRST, Look(colour="factor:3")) == "label"
    assert knobs.shown_colour(FIRST, Look(colour="unit:9999")) == f"unit:{FIRST.code_size - 1}"
    assert knobs.shown_colour(Experiment(dataset="patches"), Look()) == "error"


@pytest.mark.parametrize(
    "dataset", ["digits", "glyphs", "sprites", "mnist", "fashion_mnist", "kmnist", "dsprites", "moons", "spirals"]
)
def test_every_class_has_a_name_as_many_as_the_catalogue_says(dataset):
    experiment = Experiment(dataset=dataset)
    assert len(knobs.class_names(experiment)) == experiment.data.classes


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_map_on_offer_has_something_to_notice(lang):
    lesson = text._lesson(lang, "latent")
    wanted = {
        name
        for maps in (("run:code",), ("run:tsne",), ("pca:pca",), ("run:umap",))
        for name in knobs.lessons_of(Look(maps=maps), FIRST)
    }
    wanted |= set(knobs.lessons_of(Look(view="film"), FIRST))
    assert wanted <= set(lesson) and all(lesson[name]["notice"].count("- ") >= 2 for name in wanted)


# ---- pictures and figures ----


def test_a_mosaic_puts_each_picture_in_its_place():
    tiles = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones((2, 3, 4, 5, 3), np.uint8)
    sheet = pictures.mosaic(tiles, gap=1)
    assert sheet.shape == (9, 17, 4)
    assert [[int(sheet[5 * r, 6 * c, 0]) for c in range(3)] for r in range(2)] == [[0, 1, 2], [3, 4, 5]]
    assert (sheet[4] == 0).all()


def test_signed_values_are_red_above_and_blue_below_zero_by_their_own_largest():
    inks = pictures.signed(np.array([[[-2.0, 0.0, 2.0]], [[-0.01, 0.0, 0.01]]]), dark=False).astype(int)
    assert (inks[0] == inks[1]).all()
    (low, middle, high) = inks[0, 0]
    assert low[2] > low[0] and high[0] > high[2] and abs(middle[0] - middle[2]) < 20


def test_a_text_in_a_picture_stays_literal():
    shown = pictures.image(np.zeros((2, 2, 3), np.uint8), '"><script>', width=10)
    assert "<script>" not in shown and shown.startswith("<img ")


def test_arrows_are_never_longer_than_the_places_are_apart():
    at = np.stack(np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 2, 9)), axis=-1)
    x, y = walks._arrows(at, 100 * np.ones_like(at))
    shafts = [np.hypot(x[i + 1] - x[i], y[i + 1] - y[i]) for i in range(0, len(x), 6)]
    assert len(shafts) == 25 and max(shafts) < 0.25


def test_paths_that_meet_end_in_one_place():
    starts = np.random.default_rng(0).random((20, 1, 2))
    together = np.concatenate([starts, np.full((20, 1, 2), 0.512)], axis=1)
    apart = np.concatenate([starts, np.where(starts[..., :1] > 0.5, 0.92, 0.13) * np.ones(2)], axis=1)
    assert walks._places(together) == 1 and walks._places(apart) == 2


def test_the_commonest_class_of_a_selection_is_named_first():
    said = counts(np.array([1, 0, 1, 1, -1]), ["zero", "one"])
    assert said.index("one") < said.index("zero") and "5" in said


# ---- where the maps are looked at ----


def test_cameras_stand_in_the_link_by_place_and_go_when_a_map_is_made_otherwise(fake):
    fake()
    app = opened(lang="en", run=FIRST.id, cameras="~0.1,-0.2,3.5", draw="1")
    looked = Look(FIRST.id, cameras=((), (0.1, -0.2, 3.5)), draw=True)
    assert looks.to_query(looked) == {"run": FIRST.id, "cameras": "~0.1,-0.2,3.5", "draw": "1"}
    assert app.query_params["cameras"] in ("~0.1,-0.2,3.5", ["~0.1,-0.2,3.5"])
    app.selectbox(key="latent.knob.colour").set_value("error").run()
    assert "cameras" in app.query_params
    app.select_slider(key="latent.knob.n_neighbors").set_value(5).run()
    assert "cameras" not in app.query_params and "draw" in app.query_params


def test_the_film_of_a_run_that_goes_ends_where_it_was_asked_for_until_a_longer_one_is_wished(fake, monkeypatch):
    from pages.ui.latent import asking

    kept = {}
    monkeypatch.setattr(asking.session, "get", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr(asking.session, "put", kept.__setitem__)
    view = fake(state="running").run
    early = replace(view, events=view.events[:1], count=1)
    assert asking.filmed(early) is None, "one epoch is no film"
    assert asking.filmed(replace(view, events=view.events[:2], count=2)) == 2
    assert asking.filmed(view) == 2
    asking.film_anew(view)
    assert asking.filmed(view) == 3


# ---- following a run that goes ----


def test_a_run_that_goes_is_shown_at_the_epoch_kept_last_and_the_next_one_takes_its_place_when_it_is_there(fake, monkeypatch):
    from pages.ui.latent import asking

    kept, clock = {looks.WORKS: True}, [100.0]
    monkeypatch.setattr(asking.session, "get", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr(asking.session, "put", kept.__setitem__)
    monkeypatch.setattr(asking.time, "monotonic", lambda: clock[0])
    made = fake(state="running")
    made.checkpoint = lambda run_id: 2
    look, view = Look(FIRST.id), made.run
    shown, coming = asking.follow(look, view)
    assert shown.epoch == 2 and coming is None
    asking.arrived(shown)
    made.checkpoint = lambda run_id: 3
    assert asking.follow(look, view) == (replace(look, epoch=2.0), None)
    clock[0] += asking.PACE + 1
    assert asking.follow(look, view) == (replace(look, epoch=2.0), replace(look, epoch=3.0))
    asking.arrived(replace(look, epoch=3.0))
    assert asking.follow(look, view) == (replace(look, epoch=3.0), None)
    assert asking.follow(look, replace(view, state="finished")) == (look, None)
