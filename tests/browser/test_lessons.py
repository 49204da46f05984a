"""A lesson as a student meets it: guess, train, compare, explain, done; kept by the browser, not by the server."""

import json
import re

import pytest
from playwright.sync_api import expect

from pages.ui.lessons.lesson import lessons
from pages.ui.lessons.progress import KEPT
from pages.ui.text import said

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything
LESSON = "squeeze"  # four runs of a few seconds


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


def guess(page, lang, n, choice=0):
    """Guess at step n as a student would, and wait until the visitor's own run has been compared with it."""
    step = lessons(lang)[LESSON].steps[n - 1]
    guide = page.locator(".st-key-guide")
    expect(guide.get_by_role("heading", name=step.title)).to_be_visible()
    expect(guide.get_by_text(step.ask.question)).to_be_visible()
    expect(guide.get_by_text(step.parts["why"][:20])).to_have_count(0)
    if step.ask.choices:
        guide.locator("[data-testid=stRadioOption]").nth(choice).click()
    guide.locator(".st-key-guide_go button").click()
    expect(page.locator(".st-key-guide_right, .st-key-guide_other")).to_be_visible()
    return step


def kept(page):
    return json.loads(page.evaluate("localStorage.getItem('replearn')"))[KEPT][LESSON]


@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_a_student_walks_through_a_whole_lesson(visit, server, lang):
    one = lessons(lang)[LESSON]
    page = visit(f"{server.address}/lessons", lang=lang)
    card = page.locator(f".st-key-lesson_{LESSON}")
    expect(card).to_contain_text(one.question)
    card.get_by_role("link").first.click()
    page.wait_for_url("**/autoencoder?**step=1**")
    for n in range(1, len(one.steps) + 1):
        step = guess(page, lang, n)
        shown = page.locator(".st-key-guide")
        expect(shown).to_contain_text(step.parts["told"].partition("{")[0].strip())
        expect(shown).not_to_contain_text(re.compile(r"\{\w+\}"))
        page.wait_for_url(f"**step={n}**")
        if n < len(one.steps):
            page.locator(".st-key-guide_next a:visible").click()
    expect(page.locator(".st-key-guide_end")).to_contain_text(said(lang, "guide.done"))
    page.wait_for_function("(localStorage.getItem('replearn') ?? '').includes('\"done\":[1,2,3,4]')")

    page.goto(f"{server.address}/lessons?lang={lang}")
    done = said(lang, "lessons.done", right=len(kept(page)["right"]), all=4)
    expect(page.locator(f".st-key-lesson_{LESSON}")).to_contain_text(done)


def test_a_lesson_goes_on_where_the_student_left_it_and_the_server_was_told_nothing(visit, server):
    page = visit(f"{server.address}/autoencoder?lesson={LESSON}&step=2&variant=undercomplete&code_size=8&epochs=60")
    guess(page, "en", 2)
    page.wait_for_function("(localStorage.getItem('replearn') ?? '').includes('\"done\":[2]')")
    page.reload()
    expect(page.locator(".st-key-guide_right, .st-key-guide_other")).to_be_visible()  # the guess came back from the browser
    page.goto(f"{server.address}/lessons")
    page.get_by_role("link", name=said("en", "lessons.continue", n=2)).first.click()
    page.wait_for_url("**/autoencoder?**step=2**")
    page.goto(f"{server.address}/lessons")
    page.locator(".st-key-lessons_forget button:visible").click()
    expect(page.locator(".st-key-lessons_sum")).to_have_count(0)
    other = visit(f"{server.address}/lessons")
    expect(other.locator(f".st-key-lesson_{LESSON}")).to_be_visible()
    expect(other.locator(".st-key-lessons_sum")).to_have_count(0)


def test_a_result_that_is_there_already_stays_covered_until_the_guess_and_what_the_next_step_asks_until_that_ones(visit, server):
    page = visit(f"{server.address}/properties?part=causes&lesson=causes&step=1")
    answer, chart = page.locator(".st-key-properties_answer p").first, page.locator(".st-key-properties_picture .main-svg").first
    expect(page.locator(".st-key-guide_go button")).to_be_visible()
    expect(answer).to_be_hidden()
    expect(chart).to_be_hidden()
    page.locator(".st-key-guide [data-testid=stRadioOption]").first.click()
    page.locator(".st-key-guide_go button").click()
    expect(page.locator(".st-key-guide_open button")).to_be_visible()
    expect(chart).to_be_hidden()  # it also shows how the second step comes out,
    expect(answer).to_be_hidden()  # and this says it
    page.locator(".st-key-guide_open button").click()
    expect(chart).to_be_visible()
    expect(answer).to_be_hidden()
    page.locator(".st-key-guide_next a:visible").click()
    second = lessons("en")["causes"].steps[1]
    expect(page.locator(".st-key-guide").get_by_role("heading", name=second.title)).to_be_visible()
    page.locator(".st-key-guide [data-testid=stRadioOption]").get_by_text(second.ask.labels["higher"]).click()
    page.locator(".st-key-guide_go button").click()
    expect(answer).to_be_visible()


def test_turned_knobs_are_told_and_one_press_brings_the_lessons_back(visit, server):
    page = visit(f"{server.address}/properties?part=causes&noise=0.3&lesson=causes&step=1")
    expect(page.locator(".st-key-guide")).to_contain_text(said("en", "guide.knobs_differ"))
    page.locator(".st-key-guide_knobs_back a:visible").click()
    expect(page.locator(".st-key-guide_go button")).to_be_enabled()
    page.wait_for_function("!location.search.includes('noise')")


def test_an_unknown_lesson_is_told_and_the_page_can_be_used(visit, server):
    page = visit(f"{server.address}/autoencoder?lesson=%3Cb%3Enothing&step=3", lang="zh-TW")
    expect(page.locator(".st-key-guide_notice")).to_contain_text("<b>nothing")
    expect(page.locator(".st-key-train button:visible")).to_be_enabled()
    page.locator(".st-key-guide_leave a:visible").click()
    page.wait_for_url("**/lessons**")
    assert "lesson=" not in page.url


def test_a_phone_reads_the_guide_above_the_picture_and_never_scrolls_sideways(visit, server):
    page = visit(f"{server.address}/properties?part=causes&lesson=causes&step=1", viewport={"width": 390, "height": 844})
    guide, picture = page.locator(".st-key-guide"), page.locator(".st-key-properties_picture")
    expect(page.locator(".st-key-guide_go button")).to_be_visible()
    above, below = guide.bounding_box(), picture.bounding_box()
    assert above and below and above["y"] + above["height"] <= below["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
