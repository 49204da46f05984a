"""The properties page as a visitor meets it: the app's real server, studies with real training, a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.text import said
from tests.browser.conftest import settled

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything
QUICK = "part=field&epochs=5"


def test_a_press_trains_for_five_seeds_and_a_second_visitor_sees_the_answer_at_once(visit, server):
    page = visit(f"{server.address}/properties?{QUICK}")
    answer = page.locator(".st-key-properties_answer")
    expect(page.locator(".st-key-properties_invite")).to_be_visible()
    expect(answer).to_have_count(0)
    page.locator(".st-key-properties_run button").click()
    expect(answer).to_contain_text(re.compile(r"95 % interval .+ … .+, 5 seeds"))
    other = visit(f"{server.address}/properties?{QUICK}", lang="zh-TW")
    expect(other.locator(".st-key-properties_answer")).to_contain_text("95 % 區間")
    expect(other.locator(".js-plotly-plot").first).to_be_visible()


def test_the_lines_are_counted_live_in_both_languages(visit, server):
    for lang in ("en", "zh-TW"):
        page = visit(f"{server.address}/properties?part=plane", lang=lang)
        answer = page.locator(".st-key-properties_answer")
        expect(answer).to_contain_text("11")
        before = answer.inner_text()
        slider = page.get_by_role("slider", name=said(lang, "properties.plane.units"))
        slider.focus()
        slider.press("ArrowRight")
        expect(answer).to_contain_text("16")
        assert answer.inner_text() != before


def test_a_phone_sees_the_picture_before_the_knobs_and_never_scrolls_sideways(visit, server):
    page = visit(f"{server.address}/properties?part=plane", viewport={"width": 390, "height": 844})
    picture, knobs = page.locator(".st-key-properties_picture"), page.locator(".st-key-properties_knobs")
    expect(picture.locator(".lines svg").first).to_be_visible()
    top, below = picture.bounding_box(), knobs.bounding_box()
    assert top and below and top["y"] < below["y"]
    assert page.get_by_test_id("stMain").evaluate("(part) => part.scrollWidth - part.clientWidth") == 0


def test_a_line_can_be_dragged_and_moved_by_keys_none_of_which_is_lost_and_the_count_follows(visit, server):
    page = visit(f"{server.address}/properties?part=plane")
    board, answer = page.locator(".lines svg").first, page.locator(".st-key-properties_answer")
    caption = page.locator(".lines figcaption").first
    expect(caption).to_have_text(said("en", "properties.plane.lines_title", n=4, regions=9))
    settled(page)
    knob = board.locator("circle.knob").first.bounding_box()
    square = board.bounding_box()
    assert knob and square
    page.mouse.move(knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
    page.mouse.down()
    page.mouse.move(square["x"] + 0.9 * square["width"], square["y"] + 0.3 * square["height"], steps=5)
    dragged = said("en", "properties.plane.lines_title", n=4, regions=8)
    expect(caption).to_have_text(dragged)  # before the knob is let go
    page.mouse.up()
    expect(answer).to_contain_text("4 lines make 8 regions")
    line = board.locator("g").nth(1)
    line.focus()
    for _ in range(12):
        line.press("ArrowUp")
    expect(answer).to_contain_text("4 lines make 7 regions")
    expect(caption).to_have_text(said("en", "properties.plane.lines_title", n=4, regions=7))

    def place() -> float:
        return float(re.search(r"0\.\d\d", line.get_attribute("aria-label"))[0])

    before = place()
    for _ in range(4):  # each told after 250 ms, so that answers come between the presses
        line.press("ArrowDown")
        page.wait_for_timeout(330)
    page.wait_for_timeout(1_000)
    assert abs(abs(place() - before) - 4 * 0.02) < 1e-6


def test_a_default_result_is_there_without_computing_and_another_picture_is_one_press_away(visit, server):
    page = visit(f"{server.address}/properties?part=smooth")
    expect(page.locator(".st-key-properties_answer")).to_contain_text("This result came with the app")
    shown = page.locator(".st-key-properties_picture .latent-pic").first
    before = shown.get_attribute("src")
    page.locator(".strip button").nth(3).click()
    expect(shown).not_to_have_attribute("src", before)
    expect(page.locator(".strip button").nth(3)).to_have_attribute("aria-pressed", "true")


def test_a_run_gets_its_scorecard_on_a_press_in_the_lab_and_has_it_on_the_properties_page(visit, server):
    page = visit(f"{server.address}/autoencoder")
    page.locator(".st-key-scorecard_measure button").click()
    expect(page.locator(".st-key-scorecard_row")).to_contain_text("Few labels")
    other = visit(f"{server.address}/properties?part=scorecard", lang="zh-TW")
    expect(other.locator(".st-key-scorecard_row")).to_contain_text("少量標註")
