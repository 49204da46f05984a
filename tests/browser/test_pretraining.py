"""The pretraining page as a visitor meets it: the app's real server, real training, a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.text import said
from tests.browser.conftest import settled

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything
QUICK = "depth=2&width=8&pretrain_epochs=2&updates=60&train_size=200&labels=30"
LONG = "pretrain_epochs=200&depth=6"


def test_a_press_builds_the_stack_before_the_visitors_eyes_and_ends_with_the_answer(visit, server):
    page = visit(f"{server.address}/pretraining?{QUICK}&pretrain_epochs=60")
    answer = page.locator(".st-key-pretraining_answer")
    expect(page.locator(".st-key-pretraining_invite")).to_be_visible()
    expect(answer).to_have_count(0)
    page.locator(".st-key-pretraining_run button").click()
    expect(page.locator(".stack-box.training")).to_have_count(1)
    expect(page.locator(".st-key-properties_picture .js-plotly-plot").first).to_be_visible()
    expect(answer).to_contain_text(re.compile(r"95 % interval .+ … .+, 5 seeds"))
    settled(page)  # until then the views that stood there before the answer may still be there beside those below it
    for view in ("stack", "labels", "gradients", "trade", "space"):
        page.get_by_role("radio", name=said("en", f"pretraining.view.{view}")).click()
        key = {"stack": "layers"}.get(view, view)
        expect(page.locator(f".st-key-pretraining_{key} .js-plotly-plot")).to_be_visible()


def test_a_second_visitor_reads_the_same_answer_in_chinese_and_stopping_brings_the_invitation_back(visit, server):
    other = visit(f"{server.address}/pretraining?{QUICK}", lang="zh-TW")
    other.locator(".st-key-pretraining_run button").click()
    expect(other.locator(".st-key-pretraining_answer")).to_contain_text("95 % 區間")
    page = visit(f"{server.address}/pretraining?{LONG}", lang="zh-TW")
    page.locator(".st-key-pretraining_run button").click()
    expect(page.locator(".stack-box.training")).to_contain_text(said("zh-TW", "pretraining.state.training"))
    page.locator(".st-key-pretraining_stop button").click()
    expect(page.locator(".st-key-pretraining_invite")).to_be_visible()


def test_fewer_labels_than_classes_are_refused_with_the_way_out(visit, server):
    page = visit(f"{server.address}/pretraining?labels=5")
    expect(page.locator(".st-key-pretraining_invite")).to_contain_text("at least 10")
    expect(page.locator(".st-key-pretraining_run button")).to_be_disabled()


def test_a_phone_sees_the_network_before_the_knobs_and_never_scrolls_sideways(visit, server):
    page = visit(f"{server.address}/pretraining?depth=3", viewport={"width": 390, "height": 844})  # not computed beforehand
    network, knobs = page.locator(".stack"), page.locator(".st-key-properties_knobs")
    expect(network).to_be_visible()
    top, below = network.bounding_box(), knobs.bounding_box()
    assert top and below and top["y"] < below["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
