"""Faults as a visitor meets them: a run that takes too long, one that runs out of memory, an engine that is gone for a while."""

import json
import os
import signal
import urllib.request

import psutil
import pytest
from playwright.sync_api import expect

from pages.ui.text import said
from tests.browser.conftest import served, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything
LONG = "dataset=digits&variant=deep&epochs=2000"  # some twenty seconds and more
SHORT = "dataset=digits&variant=undercomplete&epochs=3"


def train(page, lang="en"):
    page.get_by_test_id("stButton").get_by_role("button", name=said(lang, "train.start"), exact=True).click()


def hubs_of(server) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(server.process.pid).children()
        if "replearn_core.engine.hub" in " ".join(child.cmdline())
    ]


def healthz(server) -> dict:
    return json.load(urllib.request.urlopen(f"{server.address}/healthz", timeout=20))


def test_a_run_past_its_limit_is_shown_as_failed_with_what_it_learned_and_another_one_works(fresh_server, visit, monkeypatch):
    fresh_server.stop()
    monkeypatch.setenv("REPLEARN_RUN_SECONDS", "4")
    fresh_server.warm = True  # of the seconds none goes by with imports
    fresh_server.start()
    wait_for(lambda: healthz(fresh_server)["warm_workers"], 120)
    page = visit(f"{fresh_server.address}/autoencoder?{LONG}", lang="zh-TW")
    train(page, "zh-TW")
    failed = page.locator(".st-key-state_failed")
    expect(failed).to_be_visible()
    expect(failed).to_contain_text("4")
    expect(page.locator(".film canvas[role=img]").filter(visible=True).last).to_be_visible()
    page.goto(f"{fresh_server.address}/autoencoder?{SHORT}")
    train(page, "zh-TW")
    expect(page.locator(".st-key-state_finished")).to_be_visible()


def test_while_the_engine_is_lost_pages_can_be_read_and_say_why_nothing_can_be_trained(fresh_server, visit):
    page = visit(f"{fresh_server.address}/autoencoder?{SHORT}")
    train(page)
    expect(page.locator(".st-key-state_finished")).to_be_visible()
    stopped = hubs_of(fresh_server)
    assert stopped
    for hub in stopped:
        os.kill(hub.pid, signal.SIGKILL)
    other = visit(f"{fresh_server.address}/autoencoder?{SHORT}&seed=5")
    expect(other.locator(".film canvas[role=img]").filter(visible=True).last).to_be_visible()
    train(other)  # it is back by itself; until then the button waits
    expect(other.locator(".st-key-state_finished")).to_be_visible()


def test_a_callback_that_breaks_is_told_by_an_id_in_the_visitors_language_and_the_log_has_the_rest(visit, tmp_path):
    log = tmp_path / "server.log"
    with served("faulty_app.py", log=log) as address:
        page = visit(address, lang="zh-TW")
        page.get_by_role("button", name="Press").click()
        told = page.get_by_role("alert")
        before, after = said("zh-TW", "error.press", id="|").split("|")
        expect(told).to_contain_text(before)
        expect(told).to_contain_text(after)
        assert "KeyError" not in page.inner_text("body") and "a name that nobody should see" in log.read_text()
        expect(page.get_by_text("The rest of the page")).to_be_visible()  # beneath the sentence
        page.get_by_role("button", name="Another").click()
        expect(told).to_have_count(0)
