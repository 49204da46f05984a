"""The transfer page as a visitor meets it: the app's real server, a race with real training, a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.text import said

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything
QUICK = "pair=digits_printed&per_class=2&epochs=10&strategies=from_scratch,fixed_features,layer_rates"
LONG = "per_class=300&epochs=60&first_seed=50"


def test_a_press_lets_strategies_race_and_a_second_visitor_sees_the_answer_in_the_other_language(visit, server):
    page = visit(f"{server.address}/transfer?{QUICK}")
    answer = page.locator(".st-key-transfer_answer")
    expect(page.locator(".st-key-transfer_invite")).to_be_visible()
    expect(answer).to_have_count(0)
    page.locator(".st-key-transfer_run button").click()
    expect(answer).to_contain_text(re.compile(r"95 % interval .+ … .+, 5 seeds"))
    other = visit(f"{server.address}/transfer?{QUICK}", lang="zh-TW")
    expect(other.locator(".st-key-transfer_answer")).to_contain_text("95 % 區間")
    expect(other.locator(".st-key-properties_picture .js-plotly-plot").first).to_be_visible()


def test_a_race_can_be_stopped_and_leaves_the_knobs_as_they_were(visit, server):
    page = visit(f"{server.address}/transfer?{LONG}")
    page.locator(".st-key-transfer_run button").click()
    expect(page.locator(".st-key-transfer_working")).to_be_visible()
    page.locator(".st-key-transfer_stop button").click()
    expect(page.locator(".st-key-transfer_invite")).to_be_visible()
    expect(page).to_have_url(re.compile("per_class=300"))


def test_a_bar_of_the_learning_rates_is_moved_with_the_keyboard_and_stands_in_the_address(visit, server):
    page = visit(f"{server.address}/transfer")
    page.get_by_text(said("en", "transfer.rates"), exact=True).click()
    slider = page.locator(".st-key-transfer-knob-factor_0").get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("factors="))


def test_the_first_visit_shows_the_shipped_quadrant_and_a_phone_never_scrolls_sideways(visit, server):
    page = visit(f"{server.address}/transfer?part=quadrant", viewport={"width": 390, "height": 844})
    picture, knobs = page.locator(".st-key-properties_picture"), page.locator(".st-key-properties_knobs")
    expect(picture.locator(".transfer-quadrant")).to_be_visible()
    expect(picture.locator(".js-plotly-plot").first).to_be_visible()
    top, below = picture.bounding_box(), knobs.bounding_box()
    assert top and below and top["y"] < below["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
