"""The properties page as a visitor meets it: the app's real server, studies with real training, a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.text import said

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
    expect(picture.locator(".js-plotly-plot").first).to_be_visible()
    top, below = picture.bounding_box(), knobs.bounding_box()
    assert top and below and top["y"] < below["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
