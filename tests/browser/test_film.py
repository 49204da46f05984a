"""The film component alone, in a real Chromium: what it draws, how its time moves, what Python hears, what it does in trouble.

Served by `film_app.py`, whose frames are made up. Values on the screen are compared with the bytes that the server sent.
"""

import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from pages.ui import palette
from pages.ui.components.film import joined_modules, valid_epoch
from tests.browser.conftest import served, wait_for

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
MOMENTS = 30
SCANNING = """(canvas) => {  // the canvas's size, and the bytes of its corner: (200, 200, RGBA)
  const {width, height} = canvas;
  return {width, height, data: Array.from(canvas.getContext('2d').getImageData(0, 0, 200, 200).data)};
}"""
WATCHING = """(slider) => { window.seen = []; new MutationObserver(() => {
  if (Number(slider.max) > 0 && window.seen.at(-1) !== Number(slider.value)) window.seen.push(Number(slider.value));
}).observe(slider, {attributes: true}); }"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served("film_app.py", log=tmp_path_factory.mktemp("film") / "server.log") as address:
        yield address


@pytest.fixture
def visit(page_of, server):
    """Opens the film on a page of its own."""

    def open_page(query: str, *, address: str = server, path: str = "/", allow: str = "", **options):
        page = page_of(address, f"{address}{path}?{query}", allow, **{"viewport": {"width": 900, "height": 900}} | options)
        page.locator(".film").wait_for(state="attached")
        return page

    yield open_page


def slider(page):
    return page.get_by_role("slider")


def shows(page, text: str, timeout: float = 15_000):
    page.locator(".film").get_by_text(text).first.wait_for(timeout=timeout)


def hears(page, epoch: str):
    page.get_by_text(f"Python heard {epoch},").wait_for(timeout=10_000)


def painted(page):
    """Python has heard that the first picture is there."""
    page.get_by_text("First picture painted: True").wait_for(timeout=10_000)


def script_runs(page) -> int:
    return int(page.get_by_text("Python heard").inner_text().rsplit(" ", 1)[1])


def sent(server: str, run: str) -> list[dict]:
    """The film as bytes, read after docs/architecture.md and not with the component's own code."""
    data = urllib.request.urlopen(f"{server}/api/runs/{run}/film?since=0").read()
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    for record in header["records"]:
        for name, spec in record["arrays"].items():
            count = int(np.prod(spec["shape"]))
            array = np.frombuffer(data, spec["dtype"], count, 4 + length + spec["offset"])
            record["arrays"][name] = array.reshape(spec["shape"])
    return header["records"]


def three_digits(value: float) -> str:
    return f"{value:#.3g}"


def counts(server: str, run: str) -> dict[str, int]:
    return json.loads(urllib.request.urlopen(f"{server}/api/test/counts/{run}").read())


# ---- what is drawn ----


def test_a_finished_film_rests_at_its_newest_moment_and_says_its_error(visit, server):
    page = visit("runs=quick1&view=images")
    shows(page, "Epoch 30")
    records = sent(server, "quick1")
    clean, made = records[0]["arrays"]["clean"] / 255, records[-1]["arrays"]["reconstruction"] / 255
    errors = ((clean - made) ** 2).sum(axis=(1, 2))
    assert f"mean squared error of these 12: {three_digits(errors.mean())}" in page.locator(".film figcaption").inner_text()
    assert page.locator(".film .numbers span").all_inner_texts() == [three_digits(error) for error in errors]
    label = page.locator(".film .images canvas").get_attribute("aria-label")
    assert three_digits(errors.mean()) in label and "epoch 30" in label
    hears(page, "None")


@pytest.mark.parametrize("ratio", [1.5, 2])
def test_each_image_pixel_is_a_sharp_square_of_its_own_value(visit, server, ratio):
    page = visit("runs=quick2&view=images", device_scale_factor=ratio)
    shows(page, "Epoch 30")
    shot = page.locator(".film .images canvas").evaluate(SCANNING)
    pixels = np.array(shot["data"], np.uint8).reshape(200, 200, 4)
    clean = sent(server, "quick2")[0]["arrays"]["clean"][0]  # (8, 8), the first tile of the first row
    factor = next(f for f in range(64, 1, -1) if shot["height"] >= 3 * 8 * f)
    drawn = pixels[: 8 * factor, : 8 * factor, 0].reshape(8, factor, 8, factor)
    inside = drawn[:, 1:-1, :, 1:-1]  # without the hairline
    assert (inside == clean[:, None, :, None]).all()
    css = page.locator(".film .images canvas").bounding_box()
    assert css["width"] * ratio == pytest.approx(shot["width"], abs=0.01), "the canvas is shown pixel by pixel"


def test_zero_of_a_feature_has_the_colour_of_the_panel_and_the_toggle_shows_the_atoms(visit, server):
    page = visit("runs=quick3&view=features", color_scheme="light")
    shows(page, "Epoch 30")
    canvas = page.locator(".film .features canvas")
    filters = sent(server, "quick3")[-1]["arrays"]["filters"]
    row, column = np.unravel_index(np.abs(filters[0].astype(int) - 128).argmin(), (8, 8))
    assert abs(int(filters[0, row, column]) - 128) < 3, "the made-up film has a weight near zero"
    before = canvas.evaluate(SCANNING)
    side = before["height"] // 3 // 8  # canvas pixels per weight: three lines of features, 8 weights high
    pixel = np.array(before["data"]).reshape(200, 200, 4)[row * side + side // 2, column * side + side // 2]
    panel = [int(palette.LIGHT.panel[i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(pixel[:3] - panel).max() <= 6
    page.get_by_role("button", name="Decoder atoms").click()
    page.wait_for_timeout(100)
    assert canvas.evaluate(SCANNING)["data"] != before["data"]
    assert page.get_by_role("button", name="Decoder atoms").get_attribute("aria-pressed") == "true"


def test_several_runs_share_one_row_of_clean_images(visit):
    page = visit("runs=masked1,weak1&view=images")
    page.locator(".film figure").nth(2).wait_for()
    rows = [figure.locator(".row-labels span").all_inner_texts() for figure in page.locator(".film figure").all()]
    assert rows == [["Clean"], ["Seen", "Rebuilt", "Error"], ["Rebuilt", "Error"]]
    widths = page.locator(".film .images canvas").evaluate_all("all => all.map(canvas => canvas.width)")
    assert len(set(widths)) == 1, "the same columns under each other"


def test_points_in_space_can_be_turned_by_the_keyboard(visit):
    page = visit("runs=points3&view=images")
    shows(page, "300 points")
    canvas = page.locator(".film canvas")
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    canvas.press("ArrowRight")
    page.wait_for_timeout(100)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before


def test_an_image_tells_its_error_where_it_is_pointed_at(visit):
    page = visit("runs=quick4&view=images")
    shows(page, "Epoch 30")
    page.locator(".film .images canvas").hover(position={"x": 60, "y": 20})
    tip = page.locator(".film .tooltip").inner_text()
    assert re.fullmatch(r"Image 2 \(\d\): squared error [\d.]+", tip)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_colours_are_the_palette_s_in_both_themes(visit, scheme):
    page = visit("runs=quick5&view=images", color_scheme=scheme)
    shows(page, "Epoch 30")
    theme = palette.theme(scheme == "dark")
    assert page.locator(".film").evaluate("film => film.style.getPropertyValue('--muted')") == theme.muted


@pytest.mark.parametrize("runs", ["masked2", "masked2,weak2,points3", "large"])
def test_a_phone_scrolls_one_way_only(visit, runs):
    page = visit(f"runs={runs}&view=all", viewport={"width": 390, "height": 800}, device_scale_factor=2)
    shows(page, "Epoch 30")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth") == 0
    outside = page.locator(".film canvas").evaluate_all(
        "all => all.filter(c => c.getBoundingClientRect().right > innerWidth).length"
    )
    assert outside == 0
    assert re.search(
        r"\d of 12 images", page.locator(".film figcaption").all_inner_texts()[0] + page.locator(".film").inner_text()
    )


# ---- time ----


def test_a_quick_run_plays_every_moment_in_order_and_python_hears_of_the_first_picture_alone(visit):
    page = visit("runs=&live=1")
    page.goto(page.url.replace("runs=", "runs=quick6"))
    slider(page).evaluate(WATCHING)
    page.wait_for_function(f"window.seen.at(-1) === {MOMENTS - 1}")
    seen = page.evaluate("window.seen")
    assert seen == list(range(seen[0], MOMENTS)), "no moment is left out"
    assert seen[0] < 10, "it was watched from early on"
    painted(page)
    assert script_runs(page) == 2


def test_under_reduced_motion_the_newest_moment_is_shown_at_once_but_play_still_plays(visit):
    page = visit("runs=&live=1", reduced_motion="reduce")
    page.goto(page.url.replace("runs=", "runs=quick7"))
    slider(page).evaluate(WATCHING)
    shows(page, "Epoch 30")
    assert set(page.evaluate("window.seen")) <= {MOMENTS - 1}
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.seen.includes(3)")


def test_the_keyboard_scrubs_and_python_hears_where_it_stopped(visit):
    page = visit("runs=quick8&view=images")
    shows(page, "Epoch 30")
    slider(page).press("Home")
    shows(page, "Epoch 1")
    hears(page, "1.0")
    slider(page).press("ArrowRight")
    slider(page).press("ArrowRight")
    hears(page, "3.0")
    assert slider(page).get_attribute("aria-valuetext") == "Epoch 3"
    page.get_by_role("button", name="One recorded moment back").click()
    hears(page, "2.0")
    slider(page).press("End")
    hears(page, "None")


def test_one_sweep_of_the_slider_is_one_message_to_python(visit):
    page = visit("runs=quick9&view=images")
    shows(page, "Epoch 30")
    painted(page)
    before = script_runs(page)
    slider(page).evaluate("s => { for (let i = 25; i >= 4; i--) { s.value = i; s.dispatchEvent(new Event('input')); } }")
    hears(page, "5.0")
    page.wait_for_timeout(500)
    assert script_runs(page) == before + 1


def test_space_plays_from_the_beginning_and_pauses(visit):
    page = visit("runs=quick10&view=images")
    shows(page, "Epoch 30")
    slider(page).evaluate(WATCHING)
    slider(page).press(" ")
    page.wait_for_function("window.seen.length > 3")
    slider(page).press(" ")
    assert page.evaluate("window.seen[0]") == 0
    stopped = slider(page).get_attribute("aria-valuetext")
    hears(page, f"{stopped.removeprefix('Epoch ')}.0")
    assert page.get_by_role("button", name="Play").is_visible()


def test_training_the_same_settings_again_plays_the_run_again(visit):
    page = visit("runs=quick11&view=images")
    shows(page, "Epoch 30")
    slider(page).evaluate(WATCHING)
    page.get_by_role("button", name="Train again").click()
    page.wait_for_function(f"window.seen.at(-1) === {MOMENTS - 1}")
    assert page.evaluate("window.seen[0]") < 5


def test_a_continuation_goes_on_where_the_two_runs_part_instead_of_from_the_beginning(visit):
    page = visit("runs=quick12&view=images&live=1")
    shows(page, "Epoch 30")
    slider(page).evaluate(WATCHING)
    page.get_by_role("button", name="Continue the run").click()
    page.wait_for_function(f"window.seen.length > 3 && window.seen.at(-1) === {MOMENTS - 1}")
    assert min(page.evaluate("window.seen")) == 9, "the tenth epoch is the last that both have"


@pytest.mark.parametrize("live", ["live=1&", ""])
def test_a_film_with_a_start_rests_there_and_python_knows_it_without_being_told(visit, live):
    page = visit(f"runs=quick14&view=images&{live}start=5")
    shows(page, "Epoch 5")
    hears(page, "5.0")
    painted(page)
    hears(page, "5.0")
    assert script_runs(page) == 2, "the second only because the first picture was painted"
    slider(page).press("End")
    hears(page, "None")


def test_a_run_on_screen_leaves_the_word_on_how_it_stands_to_the_page_and_a_pinned_one_has_it_here(visit):
    page = visit("runs=stopped1&view=images")
    shows(page, "Epoch 30")
    assert page.locator(".film .notice").is_hidden()
    page = visit("runs=quick15,weak-stopped1&view=images")
    shows(page, "Stopped. It can be resumed")


# ---- states and troubles ----


@pytest.mark.parametrize(
    ("query", "words", "allow"),
    [
        ("runs=", "The pictures will appear here", ""),
        ("runs=queued1", "when it is this run's turn", ""),
        ("runs=failed1", "left no picture", ""),
        ("runs=gone1", "This run is not here", "404"),
    ],
)
def test_a_run_without_pictures_says_in_words_how_it_stands(visit, query, words, allow):
    page = visit(query + "&view=images", allow=allow)
    shows(page, words)
    assert slider(page).is_disabled()


def test_a_server_that_is_away_leaves_the_picture_and_is_asked_again(visit, server):
    page = visit("runs=forever1&view=images", allow="503")
    shows(page, "Epoch 10")
    urllib.request.urlopen(f"{server}/api/test/away/3")
    shows(page, "The server does not answer")
    assert page.locator(".film .images canvas").is_visible()
    page.locator(".film .notice").wait_for(state="hidden", timeout=20_000)


def test_a_run_is_asked_for_once_at_a_time_and_no_more_when_it_is_finished_or_gone_from_the_page(visit, server):
    page = visit("runs=forever2,quick13&view=images")
    wait_for(lambda: counts(server, "forever2")["asked"] >= 4)
    assert counts(server, "forever2")["most_at_once"] == 1
    assert counts(server, "quick13")["asked"] == 2, "once for the film, once to hear that there is no more"
    page.get_by_text("Without the film").click()
    page.locator(".film").wait_for(state="detached")
    page.wait_for_timeout(700)  # an answer may still be on its way
    asked = counts(server, "forever2")["asked"]
    page.wait_for_timeout(1_500)
    assert counts(server, "forever2")["asked"] == asked


def test_a_deep_link_under_a_sub_path_finds_the_server(visit, tmp_path):
    with served("film_app.py", "--server.baseUrlPath=lab", log=tmp_path / "server.log", path="/lab") as address:
        page = visit("runs=quick14&view=images", address=address, path="/deep", allow=r"404.*(_stcore/(health|host-config))")
        shows(page, "Epoch 30")
        page.close()  # before its server goes


# ---- the Python half ----


@pytest.mark.parametrize("value", [None, "12", True, float("nan"), float("inf"), -1, [3], {"epoch": 3}])
def test_what_a_browser_should_never_send_counts_as_following(value):
    assert valid_epoch(value) is None


def test_the_modules_join_into_one_without_imports_and_with_one_export():
    source = joined_modules()
    assert re.findall(r"^(import|export)\b.*", source, re.MULTILINE) == ["export"]
    assert source.count("export default function film(") == 1
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", source, re.MULTILINE)
    assert len(names) == len(set(names)), "two modules use one name"
    assert not re.search(r"https?://(?!www\.w3\.org)", source)
