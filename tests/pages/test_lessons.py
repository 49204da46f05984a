"""The lessons without a browser: every file is whole, drives pages and knobs that exist, and its words fit what can come out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import controls, text
from pages.ui.components import memory
from pages.ui.lessons import cover, guide, lesson, progress, results, views
from pages.ui.lessons.lesson import BadLesson, lessons
from replearn_core import claims, tasks
from replearn_core.engine import wire
from replearn_core.experiment import Experiment
from replearn_core.properties import read_answer
from tests.pages import opening
from tests.pages.opening import shown

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)
STEPS = [(one.id, n) for one in lessons("en").values() for n in range(1, len(one.steps) + 1)]
RUN_NUMBERS = {
    *("squared_error", "squared_error_inferred", "pca_error", "mean_error", "l0", "l0_inferred", "hoyer", "dead", "jacobian"),
    *("probe_all", "probe_few", "explained", "against_pca", "seconds", "parameters", "before", "change", "ratio"),
}
FRONT = """+++
order = 1
minutes = 5
claims = ["C1"]

[[steps]]
view = "autoencoder"
knobs = { variant = "sparse", code_size = "20" }
highlight = ["code_size"]
ask = { result = "run:l0", choices = ["few", "many"], bounds = [0.5] }
+++
"""
WORDS = """# A title
A question?

## A step
Some words.
### ask
What will it be?
- few: Few
- many: Many
### told
It is {l0}.
### few
So few.
### why
Because.
"""


def opened(page: str = "lessons", **query) -> AppTest:
    return opening.opened(page, **{"lang": None, **query})


def at(lesson_id: str, n: int, lang: str = "en", **query) -> AppTest:
    step = lessons(lang)[lesson_id].steps[n - 1]
    return opened(step.view, lang=lang, **step.knobs, lesson=lesson_id, step=str(n), **query)


def written(tmp_path: Path, content: str) -> lesson.Lesson:
    path = tmp_path / "made_up.md"
    path.write_text(content, "utf-8")
    return lesson.read(path)


# ---- the files ----


def test_there_are_at_least_eleven_lessons_and_together_they_cover_every_claim_of_the_lecture():
    known = lessons("en").values()
    assert len(known) >= 11
    assert {claim for one in known for claim in one.claims} == set(claims.LECTURE)
    assert [one.order for one in known] == list(range(1, len(known) + 1))
    assert all(3 <= len(one.steps) <= 6 and one.minutes <= 8 for one in known)


def test_both_languages_have_the_same_lessons_with_the_same_structure():
    ours, theirs = (lessons(lang) for lang in LANGUAGES)
    assert list(ours) == list(theirs)
    for one in ours.values():
        other = theirs[one.id]
        assert one.front == other.front and one.title != other.title, one.id
        for here, there in zip(one.steps, other.steps):
            assert list(here.parts) == list(there.parts) and here.title != there.title, one.id
            for part, words in here.parts.items():
                assert names_in(words) == names_in(there.parts[part]), (one.id, part)


@pytest.mark.parametrize(("lesson_id", "n"), STEPS)
def test_every_step_drives_a_page_that_exists_by_knobs_that_it_has(lesson_id, n):
    step = lessons("en")[lesson_id].steps[n - 1]
    assert views.problems(step.view, step.knobs, step.highlight) == []
    assert step.knobs, "without a knob the page would stay as an earlier visit left it"
    assert Path(views.path(step.view)).is_file()


@pytest.mark.parametrize(("lesson_id", "n"), [(name, n) for name, n in STEPS if lessons("en")[name].steps[n - 1].ask])
def test_every_number_in_the_words_is_one_that_the_result_has(lesson_id, n):
    one = lessons("en")[lesson_id]
    step = one.steps[n - 1]
    known = results_of(one, step)
    for words in step.parts.values():
        assert names_in(words) <= known, (lesson_id, n, sorted(names_in(words) - known))


def names_in(words: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", words))


def results_of(one: lesson.Lesson, step: lesson.Step) -> set[str]:
    """The numbers that a step's words may name: a run's measures, or those of the answer that came with the app."""
    assert step.ask is not None
    kind, _, name = step.ask.result.partition(":")
    if kind == "run":
        assert name in RUN_NUMBERS and 0 <= step.ask.against < one.steps.index(step) + 1
        if step.ask.against:
            assert one.steps[step.ask.against - 1].view == step.view
        return set(results.with_percent(dict.fromkeys(RUN_NUMBERS, 1.0)))
    if kind == "evidence":
        found = results.read(one, step, step.ask)
        assert found.state == "ready" and found.outcome in (*step.ask.choices, "")
        return set(found.numbers)
    study = study_of(step)
    answer = claims.shipped_answer(tasks.asked(f"study:{study}").id)
    assert answer is not None, f"no answer of {study} came with the app"
    _, outcome, numbers = results.told(read_answer(wire.arrays_of(answer)), step.ask, name)
    assert outcome in (*step.ask.choices, "")
    return set(numbers)


def study_of(step: lesson.Step) -> str:
    from pages.ui.malware import state as malware
    from pages.ui.notifications import state as notifications

    part = step.knobs["part"]
    return {"malware": malware.STUDY, "notifications": notifications.STUDY}.get(step.view, {}).get(part, part)


# ---- a lesson that is not right ----


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('view = "autoencoder"', 'view = "cinema"', "no page 'cinema'"),
        ('code_size = "20"', 'code_sizes = "20"', "code_sizes"),
        ('code_size = "20"', 'code_size = "-3"', "code_size"),
        ('variant = "sparse"', 'variant = "spars"', "variant"),
        ('highlight = ["code_size"]', 'highlight = ["volume"]', "no knob or panel 'volume'"),
    ],
)
def test_a_lesson_whose_page_or_knob_does_not_exist_is_refused_by_name(tmp_path, old, new, told):
    step = written(tmp_path, FRONT.replace(old, new) + WORDS).steps[0]
    found = views.problems(step.view, step.knobs, step.highlight)
    assert len(found) == 1 and told in found[0]


@pytest.mark.parametrize(
    ("view", "knobs", "told"),
    [
        ("properties", {"part": "smooth", "beta": "3"}, "'beta'"),
        ("properties", {"part": "nothing"}, "part"),
        ("transfer", {"part": "race", "per_class": "many"}, "per_class"),
        ("deployment", {"traffic": "1e99"}, "traffic"),
        ("evidence", {"verdict": "perhaps"}, "verdict"),
        ("latent", {"maps": "run:magic"}, "maps"),
    ],
)
def test_a_value_that_a_page_would_refuse_is_refused_in_a_lesson_too(view, knobs, told):
    found = views.problems(view, knobs)
    assert len(found) == 1 and told in found[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (WORDS, "no front matter"),
        (FRONT.replace("minutes = 5", "minutes = ") + WORDS, "not TOML"),
        (FRONT.replace("minutes = 5\n", "") + WORDS, "minutes is missing"),
        (FRONT.replace("minutes", "hours") + WORDS, "unknown hours"),
        (FRONT.replace("bounds = [0.5]", "bounds = [0.5, 0.7]") + WORDS, "step 1: 2 choices need 1 ascending bounds"),
        (FRONT.replace('["few", "many"]', '["few", "more"]') + WORDS, "words below ### ask are for ['few', 'many']"),
        (FRONT + WORDS.replace("### why\nBecause.\n", ""), "needs the parts ### why"),
        (FRONT + WORDS.replace("### few", "### scarce"), "unknown parts ### scarce"),
        (FRONT + WORDS + "\n## Another\nText.\n", "1 steps in the front matter, 2 sections"),
        (FRONT + WORDS.replace("# A title\nA question?\n", ""), "comes `# title`"),
    ],
)
def test_a_lesson_that_is_not_whole_is_refused_with_file_and_reason(tmp_path, content, told):
    with pytest.raises(BadLesson, match=re.escape("made_up.md")) as refused:
        written(tmp_path, content)
    assert told in str(refused.value)


def test_a_made_up_lesson_that_is_right_is_read(tmp_path):
    one = written(tmp_path, FRONT + WORDS)
    (step,) = one.steps
    assert step.ask is not None
    assert (one.title, one.question, one.claims) == ("A title", "A question?", ("C1",))
    assert step.ask.labels == {"few": "Few", "many": "Many"} and step.ask.question == "What will it be?"
    assert step.parts == {"told": "It is {l0}.", "few": "So few.", "why": "Because."}


# ---- guesses and results ----


def ask(**fields) -> lesson.Ask:
    front = FRONT + WORDS
    plan = lesson._ask(
        {"result": "run:l0", "choices": ["few", "many"], "bounds": [0.5]}, front.partition("### ask\n")[2].partition("###")[0], ""
    )
    return replace(plan, **fields)


def test_a_value_falls_between_the_bounds_into_its_choice():
    assert [results.outcome(ask(), value) for value in (0.1, 0.49, 0.5, 3)] == ["few", "few", "many", "many"]
    sides = ask(choices=lesson.SIDES, bounds=())
    assert results.outcome(sides, -1.0, "unclear") == "unclear"


def test_a_guessed_number_is_right_within_what_the_lesson_allows():
    number = ask(choices=(), bounds=(), guess=(0.0, 100.0, 5.0), near=7.5)
    assert results.right(number, 40, results.Result("ready", 47.0)) and not results.right(
        number, 40, results.Result("ready", 48.0)
    )
    assert results.right(ask(), "few", results.Result("ready", 0.1, "few"))


def test_words_are_filled_with_numbers_and_formulas_stay():
    assert guide.filled(r"{a} and $\frac{1}{n}$ and {b}", {"a": 0.5}) == r"0.5 and $\frac{1}{n}$ and {b}"


def test_settings_are_compared_but_for_the_knobs_that_are_free():
    first, second = (Experiment.from_query({"variant": "sparse", "code_size": size})[0] for size in ("20", "30"))
    assert (
        results._alike(first, first, ())
        and not results._alike(first, second, ())
        and results._alike(first, second, ("code_size",))
    )


# ---- what the browser keeps ----


@pytest.mark.parametrize("said", [None, 3, "", "[]", "{", '"x"', "[" * 9_000, "{}" + " " * memory.MOST, b"{}", {"a": 1}])
def test_what_a_browser_sends_and_makes_no_sense_counts_as_nothing(said):
    assert memory.read(said) == {}


@pytest.mark.parametrize(
    "record",
    [None, 3, [], {"at": "2"}, {"done": "1,2"}, {"done": [True, "1", -1, 1.5, 10**9]}, {"guess": [1]}, {"guess": {"x": "half"}},
     {"guess": {"1": {"a": 1}}}, {"guess": {"1": "x" * 99}}, {"guess": {"9" * 5_000: "few"}}, {"at": True}],
)  # fmt: skip
def test_a_record_that_somebody_wrote_by_hand_does_no_harm(record):
    assert progress._read(record) == progress.Progress(guess={}) or progress._read(record) == progress.Progress()


def test_two_visits_become_one_record_and_the_latest_wins_step_by_step():
    kept = {"a": {"at": 1}, "b": {"at": 2, "done": [1, 2], "right": [1, 2], "guess": {"1": "half", "2": 5}}}
    mine = {"b": {"at": 3, "done": [2, 3], "right": [3], "guess": {"2": 6}}}
    both = {"at": 3, "done": [1, 2, 3], "right": [1, 3], "guess": {"1": "half", "2": 6}}
    assert progress.merged(kept, mine) == {"a": {"at": 1}, "b": both}
    assert progress.merged("nonsense", {"b": {}}) == {"b": {}}


# ---- the pages ----


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_list_has_every_lesson_with_its_question_its_length_and_its_claims(lang):
    app = opened(lang=lang)
    assert not app.exception and not app.error
    lines = shown(app)
    for one in lessons(lang).values():
        assert one.question in lines and f"{one.order} · {one.title}" in [head.value for head in app.header]
    assert not [line for line in lines if re.search(r"\b(lessons|guide)\.", line)]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("page", ["autoencoder", "properties", "lessons"])
def test_an_unknown_lesson_is_told_and_the_page_works(page, lang):
    app = opened(page, lang=lang, lesson="<b>no</b>")
    assert not app.exception and not app.error
    assert any("<b>no</b>" in element.value for element in app.text)
    assert app.title[0].value == text.catalogue(lang)[f"{page}.title"]


@pytest.mark.parametrize("step", ["0", "99", "abc", "", "1e1", "-1", "１"])
def test_a_step_that_the_lesson_does_not_have_is_told(step):
    app = opened("autoencoder", lang="en", lesson="squeeze", step=step)
    assert not app.exception and any(text.said("en", "guide.no_step") in line for line in shown(app))


def test_a_lesson_on_another_page_than_its_steps_shows_the_way_back():
    app = opened("evidence", lang="en", lesson="squeeze", step="1")
    assert text.said("en", "guide.elsewhere", page=text.said("en", "autoencoder.nav")) in shown(app)


@pytest.mark.parametrize(("lesson_id", "n"), STEPS)
def test_every_step_draws_its_page_without_complaint_and_asks_before_it_tells(lesson_id, n):
    app, step = at(lesson_id, n), lessons("en")[lesson_id].steps[n - 1]
    assert not app.exception and not app.error
    assert step.text in shown(app)
    assert not [line for line in shown(app) if line == f":material/info: **{text.said('en', 'controls.notices')}**"]
    if step.ask:
        assert f"**{step.ask.question}**" in shown(app)
        assert step.parts["why"] not in shown(app)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_guess_about_a_shipped_measurement_is_compared_at_once_and_counted(lang):
    app, step = at("causes", 1, lang), lessons(lang)["causes"].steps[0]
    assert step.ask is not None
    app.radio(key="lessons.guess.causes.1").set_value("lower")
    app.button(key="guide_go").click().run()
    lines = shown(app)
    said = text.said(lang, "guide.other", guess=step.ask.labels["lower"], found=step.ask.labels["higher"])
    assert any(said in line for line in lines) and any(text.said(lang, "guide.shipped") in line for line in lines)
    assert step.parts["higher"] in lines and step.parts["why"] in lines
    assert app.session_state["memory.kept"]["lessons"]["causes"]["done"] == [1]
    assert not app.session_state["memory.kept"]["lessons"]["causes"]["right"]


def styles(app: AppTest) -> str:
    return "\n".join(one.proto.body for one in app.get("html"))


@pytest.mark.parametrize(("lesson_id", "n", "choice"), [("causes", 1, "lower"), ("ship", 4, "higher"), ("noise", 3, "lower")])
def test_what_a_later_step_asks_is_out_of_sight_until_that_ones_guess(lesson_id, n, choice):
    app = at(lesson_id, n)
    app.radio(key=f"lessons.guess.{lesson_id}.{n}").set_value(choice)
    app.button(key="guide_go").click().run()
    step = lessons("en")[lesson_id].steps[n - 1]
    hidden = ".st-key-properties_answer { display: none }" if step.view == "properties" else " tr:has([aria-label="
    assert hidden in styles(app)
    app.session_state["memory.kept"]["lessons"][lesson_id]["guess"][str(n + 1)] = "higher"
    assert hidden not in styles(app.run())


def test_a_chart_that_answers_the_next_step_too_stays_covered_until_then_or_until_it_is_asked_for():
    app, words = at("borrow", 1), text.said("en", "guide.held_back", n=2)
    app.radio(key="lessons.guess.borrow.1").set_value("higher")
    app.button(key="guide_go").click().run()
    assert words in styles(app)
    app.button(key="guide_open").click().run()
    assert words not in styles(app) and not [one for one in app.button if one.key == "guide_open"]


def test_a_step_that_points_at_a_folded_knob_of_the_lab_points_at_the_fold_too():
    step = replace(lessons("en")["squeeze"].steps[0], highlight=("activation",))
    folded, open_one = (" ".join(cover.pointed(step, name)) for name in ("activation", "code_size"))
    assert f".st-key-{controls.MORE} details:not([open])" in folded and ".st-key-knob-activation" in folded
    assert f".st-key-{controls.MORE}" not in open_one and ".st-key-knob-code_size" in open_one


def test_no_guess_is_no_answer():
    app = at("causes", 1)
    app.button(key="guide_go").click().run()
    assert any(text.said("en", "guide.choose") in line for line in shown(app))
    assert lessons("en")["causes"].steps[0].parts["why"] not in shown(app)


@pytest.mark.parametrize("kept", ["half", 101, -0.5, 1e8])
def test_a_kept_guess_that_the_question_does_not_offer_is_none_and_it_is_asked_again(kept):
    n = next(n for n, one in enumerate(lessons("en")["guess"].steps, 1) if one.view == "evidence" and one.ask and one.ask.guess)
    app = at("guess", n)
    app.session_state["memory.kept"] = {"lessons": {"guess": {"at": n, "guess": {str(n): kept}}}}
    app.run()
    assert not app.error and app.slider(key=f"lessons.guess.guess.{n}") and app.button(key="guide_go")


def test_other_knobs_than_the_lessons_are_told_instead_of_compared():
    app = at("causes", 1, noise="0.3")
    assert any(text.said("en", "guide.knobs_differ") in line for line in shown(app))
    assert app.button(key="guide_go").disabled
