"""The autoencoder lab as a visitor meets it: the app's real server, real training, real data, a real Chromium."""

import json
import os
import re
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from pages.ui.text import said

pytestmark = pytest.mark.browser
LONG = "dataset=digits&variant=undercomplete&epochs=2000"  # many seconds: time enough to do something while it runs
SHORT = "dataset=digits&variant=undercomplete&epochs=20"
needs_data = pytest.mark.skipif(not os.environ.get("REPLEARN_DATA"), reason="REPLEARN_DATA names no folder of real data")
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


@pytest.fixture
def lab(visit, server):
    """lab(query, lang, …) → the lab's page at this address of the module's server."""
    return lambda query="", lang="en", **options: visit(f"{server.address}/autoencoder?{query}", lang, **options)


# ---- what a visitor sees and does, in the words of the language files ----


def button(page: Page, key: str, lang: str = "en") -> Locator:
    """A button of the page; the film has its own."""
    return page.get_by_test_id("stButton").get_by_role("button", name=said(lang, key), exact=True)


def press(page: Page, key: str, lang: str = "en") -> None:
    button(page, key, lang).click()


def state(page: Page, name: str) -> Locator:
    """The line that says how the run on screen stands."""
    return page.locator(f".st-key-state_{name}")


def picture(page: Page) -> Locator:
    """The canvas of the (first) run; its text says the moment and the errors."""
    return page.locator(".film canvas[role=img]").filter(visible=True).last


def pattern(sentence: str, lang: str = "en") -> re.Pattern:
    """A sentence of the language files as a pattern with a group for each of its places; one that JavaScript reads as well."""
    parts = re.split(r"\{\w+\}", said(lang, sentence))
    return re.compile("(.+?)".join(re.sub(r"([.?+*()])", r"\\\1", part) for part in parts) + "$")


def shown_moment(page: Page, lang: str = "en") -> dict[str, str]:
    """What the picture's text says: `title`, `epoch`, `now` and `first` (mean squared errors)."""
    words, places = pattern("film.images_alt", lang), re.findall(r"\{(\w+)\}", said(lang, "film.images_alt"))
    expect(picture(page)).to_have_attribute("aria-label", words)
    found = words.match(picture(page).get_attribute("aria-label") or "")
    assert found
    return dict(zip(places, found.groups()))


def run_of(page: Page) -> str:
    """The id of the run on screen, from the address."""
    page.wait_for_url(re.compile("[?&]run=[0-9a-f]{32}"))
    found = re.search("[?&]run=([0-9a-f]{32})", page.url)
    assert found
    return found[1]


def records(server, run_id: str) -> list[dict]:
    """The run's records, its ancestors' first, as the film gets them."""
    body = urllib.request.urlopen(f"{server.address}/api/runs/{run_id}/film?since=0", timeout=20).read()
    size = int.from_bytes(body[:4], "little")
    return json.loads(body[4 : 4 + size])["records"]


def until_it_moves(page: Page) -> None:
    """The run is going, and has drawn something beyond its first picture."""
    expect(state(page, "running")).to_be_visible()
    expect(picture(page)).to_have_attribute("aria-label", re.compile(r"epoch [1-9]"))


def until_another_run(page: Page, before: str) -> str:
    page.wait_for_url(re.compile(f"[?&]run=(?!{before})[0-9a-f]{{32}}"))
    return run_of(page)


def trained(page: Page, lang: str = "en") -> str:
    """Press Train and wait for this run's end: what was on screen before, the shipped example say, had ended already."""
    press(page, "train.start", lang)
    run_id = run_of(page)
    expect(page.locator(".film")).to_contain_text(run_id[:8])
    expect(state(page, "finished")).to_be_visible()
    return run_id


# ---- training ----


@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_one_press_trains_on_digits_and_the_held_out_error_falls(lab, lang):
    page = lab(f"{SHORT}&seed={len(lang)}", lang)
    run_id = trained(page, lang)
    expect(picture(page)).to_have_attribute("aria-label", re.compile(r"\b20\b"))
    moment = shown_moment(page, lang)
    assert float(moment["now"]) < float(moment["first"])
    assert f"run={run_id}" in page.url and "epochs=20" in page.url


@pytest.mark.real_data
@needs_data
def test_it_trains_on_fashion_mnist(lab, server):
    page = lab("dataset=fashion_mnist&variant=undercomplete&train_size=2000&epochs=3")
    run_id = trained(page)
    moment = shown_moment(page)
    assert float(moment["now"]) < float(moment["first"])
    started = next(record for record in records(server, run_id) if record["kind"] == "started")
    assert started["train_samples"] == 2_000 and started["licence"] == "MIT" and "Xiao" in started["source"]


def test_a_penalty_switched_on_in_mid_run_goes_on_from_the_same_weights_and_is_marked(lab, server):
    page = lab(f"{LONG}&seed=11")
    press(page, "train.start")
    until_it_moves(page)
    first = run_of(page)
    page.get_by_test_id("stCheckbox").filter(has_text=said("en", "knob.contraction.name")).locator("label").click()
    second = until_another_run(page, first)
    until_it_moves(page)
    line = page.locator(".js-plotly-plot .annotation").filter(has_text=said("en", "knob.contraction.name"))
    expect(line).to_be_attached()  # its words at the line in the curves
    press(page, "train.stop")
    expect(state(page, "stopped")).to_be_visible()
    history = records(server, second)
    parts = [record for record in history if record["kind"] == "started"]
    assert [record["run"] for record in parts] == [first, second]
    assert parts[1]["first_epoch"] > 0 and parts[1]["terms"] == ["squared_error", "contraction"]
    before = [record["epoch"] for record in history if record["kind"] == "progress" and record["run"] == first]
    assert max(before) == parts[1]["first_epoch"]  # nothing of the first run is shown beyond the line


def test_a_paused_run_holds_still_and_resumes_where_it_was(lab, server):
    page = lab(f"{LONG}&seed=12")
    press(page, "train.start")
    until_it_moves(page)
    press(page, "train.pause")
    expect(state(page, "stopped")).to_contain_text(pattern("state.paused"))
    paused = run_of(page)
    press(page, "train.resume")
    resumed = until_another_run(page, paused)
    until_it_moves(page)
    press(page, "train.stop")
    expect(state(page, "stopped")).to_be_visible()
    parts = [record for record in records(server, resumed) if record["kind"] == "started"]
    assert [record["run"] for record in parts] == [paused, resumed]
    assert parts[1]["first_epoch"] > 0 and parts[1]["last_epoch"] == 2_000


# ---- looking ----


def test_the_time_slider_moves_picture_and_measures_together(lab):
    page = lab(f"{SHORT}&seed=13")
    trained(page)
    last = shown_moment(page)
    error = page.get_by_test_id("stMetric").filter(has_text=said("en", "measure.squared_error"))
    at_last = error.get_by_test_id("stMetricValue").inner_text()
    page.locator(".film").get_by_role("slider").press("Home")
    expect(error.get_by_test_id("stMetricValue")).not_to_have_text(at_last)
    assert shown_moment(page)["epoch"] == "0" and shown_moment(page)["now"] == last["first"]
    page.wait_for_url(re.compile("[?&]epoch=0(&|$)"))


def test_two_runs_are_compared_on_the_same_images(lab):
    page = lab(f"{SHORT}&seed=14")
    first = trained(page)
    press(page, "train.pin")
    expect(button(page, "train.unpin")).to_be_visible()
    press(page, "train.new_seed")
    second = until_another_run(page, first)
    expect(state(page, "finished")).to_be_visible()
    for run in (first, second):
        expect(page.locator(f".film canvas[aria-label*='{run[:6]}']").first).to_be_attached()
    expect(page.locator(".film").get_by_text(said("en", "film.clean"), exact=True)).to_have_count(1)
    assert f"pins={first}" in page.url


def test_the_language_can_be_switched_without_losing_the_run(lab):
    page = lab(f"{SHORT}&seed=15")
    run = trained(page)
    page.get_by_role("radio", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(said("zh-TW", "autoencoder.title"))
    expect(button(page, "train.start", "zh-TW")).to_be_visible()
    expect(state(page, "finished")).to_contain_text(pattern("state.finished", "zh-TW"))
    assert run_of(page) == run and "lang=zh-TW" in page.url


# ---- addresses ----


def test_a_deep_link_as_the_first_request_of_a_fresh_server_is_whole_and_starts_nothing(
    fresh_server, visit
):  # the page goes before its server
    page = visit(f"{fresh_server.address}/autoencoder?dataset=moons&variant=denoising&seed=5&lang=zh-TW")
    expect(page.get_by_role("heading", level=1)).to_have_text(said("zh-TW", "autoencoder.title"))
    expect(page.get_by_role("link", name=said("zh-TW", "home.nav"))).to_be_visible()  # the entry script ran, not the page alone
    expect(button(page, "train.start", "zh-TW")).to_be_enabled()
    expect(page.get_by_role("radio", name=said("zh-TW", "variant.denoising.name"), exact=True)).to_be_checked()
    assert page.get_by_role("spinbutton", name=said("zh-TW", "knob.seed.name")).input_value() == "5"
    assert not list(Path(fresh_server.store, "runs").glob("[0-9a-f]*/experiment.json"))


def test_a_shared_link_shows_the_finished_run_to_somebody_else_and_after_a_restart(
    fresh_server, visit, tabs
):  # the page goes before its server
    page = visit(f"{fresh_server.address}/autoencoder?{SHORT}&seed=16")
    run = trained(page)
    said_here, query = shown_moment(page), page.url.partition("?")[2]
    tabs.leave()
    fresh_server.stop()
    fresh_server.start()
    page = visit(f"{fresh_server.address}/autoencoder?{query}")
    expect(state(page, "finished")).to_be_visible()
    assert run_of(page) == run and shown_moment(page) == said_here


BAD = {  # of addresses, and of what the engine knows; tests/pages/test_pages.py has single settings
    "epochs=5&epochs=6": r"Epochs.*more than once",
    "epochs=2000&train_size=60000&dataset=mnist&hidden=2048,2048&code_size=2048": r"limit of 900 s; lower",
    "title=%3Cb%3Ebold%3C/b%3E": r"“title”",
    f"seed={'9' * 3000}": r"too long \(limit 2,000",
}


@pytest.mark.parametrize("query", BAD, ids=lambda query: query[:40])
def test_a_bad_address_is_answered_in_words_and_the_page_works(lab, query):
    page = lab(query)
    expect(page.get_by_test_id("stMain")).to_contain_text(re.compile(BAD[query]))
    expect(button(page, "train.start")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert "Traceback" not in page.get_by_test_id("stMain").inner_text()
    assert page.locator("b", has_text="bold").count() == 0  # markup stays text


# ---- shapes and colours ----


def test_a_phone_scrolls_one_way_only(lab):  # test_accessibility.py has both languages, without a touch screen
    page = lab(f"{SHORT}&seed=2", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(button(page, "train.start")).to_be_visible()
    expect(picture(page)).to_be_visible()
    too_wide = page.evaluate("""() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
        .map((element) => element.scrollWidth - element.clientWidth)""")
    assert too_wide == [0, 0]


def test_a_press_that_comes_in_one_message_with_a_touch_of_the_picture_is_seen_on_the_whole_page(lab):
    """Streamlit's browser side sends both as a touch of the fragment alone; here that message is made at will."""
    page, parts, joined = lab(), [], []

    def pass_on(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def sent(message: str | bytes) -> None:
            said = BackMsg.FromString(message) if isinstance(message, bytes) else BackMsg()
            if said.rerun_script.fragment_id:
                parts.append(said.rerun_script.fragment_id)
            elif parts and any(one.trigger_value and "tool_pin" in one.id for one in said.rerun_script.widget_states.widgets):
                said.rerun_script.fragment_id = parts[-1]
                message = said.SerializeToString()
                joined.append(message)
            server.send(message)

        line.on_message(sent)

    page.route_web_socket(re.compile("_stcore/stream"), pass_on)
    page.reload()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()  # drawn by a touch of the fragment: the film has its picture
    press(page, "train.pin")
    expect(button(page, "train.unpin")).to_be_visible()
    assert joined
