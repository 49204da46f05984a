"""The latent canvas alone, in a real Chromium: what pointer, fingers and keys do on it, what Python hears, what it decodes.

Served by `latent_app.py`. Reconstructions and codes of the browser's own network are compared with PyTorch's.
"""

import base64
import io
import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pages.ui.components.latent import MODULES as LATENT_MODULES
from pages.ui.components.latent import LatentState, MapSpec, latent, valid_state
from pages.ui.components.shared import joined
from replearn_core import weights
from replearn_core.experiment import Experiment, Term
from replearn_core.networks import Autoencoder
from tests.browser.conftest import served, wait_for

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "pages" / "ui" / "components" / "latent"
POINTS = 900
PIXELS = "(canvas) => canvas.toDataURL().split(',')[1]"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served("latent_app.py", log=tmp_path_factory.mktemp("latent") / "server.log") as address:
        yield address


@pytest.fixture
def visit(page_of, server):
    """Opens the canvas on a page of its own."""

    def open_page(query: str, *, allow: str = "", **options):
        page = page_of(server, f"{server}/?{query}", allow, **{"viewport": {"width": 1100, "height": 900}} | options)
        page.set_default_timeout(60_000)
        page.locator(".latent .stage").first.wait_for()
        return page

    yield open_page


def ready(page, count: int = POINTS):
    for caption in page.locator(".map .caption").all():
        caption.get_by_text(f"{count:,} points").wait_for()
    page.locator(".classes .class").first.wait_for()
    return page


def over(page, number: int = 0):
    return page.locator(".over").nth(number)


def arrays(server: str, task: str) -> dict[str, np.ndarray]:
    """A task's arrays, read after docs/architecture.md and not with the component's own code."""
    data = urllib.request.urlopen(f"{server}/api/tasks/{task}/result").read()
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    made = {}
    for name, spec in header["arrays"].items():
        count = int(np.prod(spec["shape"]))
        made[name] = np.frombuffer(data, spec["dtype"], count, 4 + length + spec["offset"]).reshape(spec["shape"])
    return made


def counts(server: str) -> dict:
    return json.loads(urllib.request.urlopen(f"{server}/api/test/counts").read())


def placed(page, points: np.ndarray, number: int = 0) -> np.ndarray:
    """Where the points of a whole map stand on the page, in CSS pixels: the same sides, seven hundredths of edge. (N, 2)"""
    box = over(page, number).bounding_box()
    low, high = points.min(0), points.max(0)
    unit = 0.86 * min(box["width"] / (high - low)[0], box["height"] / (high - low)[1])
    across, down = ((points - (low + high) / 2) * unit).T
    return np.stack([box["x"] + box["width"] / 2 + across, box["y"] + box["height"] / 2 - down], 1)


def at(place) -> tuple[float, float]:
    """A place on the page as Playwright wants it."""
    return float(place[0]), float(place[1])


def alone(places: np.ndarray) -> int:
    """The point that stands farthest from its nearest neighbour: a pointer on it means no other."""
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
    return int(distances.min(1).argmax())


def hears(page, words: str):
    page.get_by_text(re.compile(f"Python heard {words}")).wait_for(timeout=20_000)


def heard(page) -> str:
    return page.get_by_text("Python heard").inner_text()


def drag(page, path, *, keys: str = "", steps: int = 6):
    for key in filter(None, keys.split("+")):
        page.keyboard.down(key)
    page.mouse.move(*at(path[0]))
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*at(place), steps=steps)
    page.mouse.up()
    for key in filter(None, keys.split("+")):
        page.keyboard.up(key)


def context_menu_held(page) -> bool:
    """Whether a press of the right button on the map is kept from the browser."""
    return over(page).evaluate("(map) => !map.dispatchEvent(new MouseEvent('contextmenu', { cancelable: true, bubbles: true }))")


def frame(page, number: int = 0) -> np.ndarray:
    """What is on a map's canvas. (H, W, 4) uint8"""
    return pixels(page.locator("canvas.points").nth(number))


def pixels(canvas) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(canvas.evaluate(PIXELS)))).convert("RGBA"))


def picture(page, selector: str, side: int) -> np.ndarray:
    """A small picture as it is on the screen, one value for each of its pixels (the hairline at its edge avoided)."""
    data = pixels(page.locator(selector))[:, :, 0]
    factor = len(data) // side
    return data[factor // 2 :: factor, factor // 2 :: factor][:side, :side].astype(int)


# ---- what is drawn and what pointers do ----


def test_hovering_a_point_shows_its_picture_its_label_and_its_values_and_rings_it_on_the_other_map(visit, server):
    page = ready(visit("maps=lda,pca"))
    points = arrays(server, "points")
    places = placed(page, arrays(server, "lda")["points"])
    row = alone(places)
    before = page.locator(".over").nth(1).evaluate(PIXELS)
    page.mouse.move(*at(places[row]))
    tip = page.locator(".tooltip")
    tip.wait_for()
    assert f"#{1000 + row}: {points['labels'][row]}" in tip.inner_text()
    assert f"{points['error'][row]:.3g}" in tip.inner_text() and f"Ink {points['factors'][row, 0]:.3f}"[:8] in tip.inner_text()
    assert (picture(page, ".tooltip .data canvas", 8) == points["images"][row]).all()
    assert page.locator(".over").nth(1).evaluate(PIXELS) != before, "the same point wears a ring on the other map"
    page.mouse.move(2, 2)
    tip.wait_for(state="hidden")


def test_a_marker_has_its_size_its_colour_and_its_place(visit, server):
    page = ready(visit("maps=lda"))
    places = placed(page, arrays(server, "lda")["points"])
    row = alone(places)
    box = page.locator("canvas.points").bounding_box()
    x, y = (places[row] - [box["x"], box["y"]]).astype(int)
    around = frame(page)[y - 12 : y + 13, x - 12 : x + 13, :3].astype(int)
    inked = np.abs(around - frame(page)[2, 2, :3].astype(int)).sum(2) > 60
    rows, columns = np.nonzero(inked)
    assert 30 < inked.sum() < 200, "a marker about as large as a letter"
    assert (rows.mean(), columns.mean()) == (pytest.approx(12, abs=1.5), pytest.approx(12, abs=1.5))


def test_a_click_selects_one_point_shift_adds_and_python_hears_rows(visit, server):
    page = ready(visit("maps=lda"))
    places = placed(page, arrays(server, "lda")["points"])
    row = alone(places)
    page.mouse.click(*at(places[row]))
    hears(page, rf"1 selected \[{row}\], cursor {row}")
    other = alone(np.delete(places, row, 0))
    other += other >= row
    page.keyboard.down("Shift")
    page.mouse.click(*at(places[other]))
    page.keyboard.up("Shift")
    hears(page, rf"2 selected \[{min(row, other)}, {max(row, other)}\], cursor {other}")
    page.get_by_role("button", name="Clear", exact=True).click()
    hears(page, "0 selected")


@pytest.mark.parametrize("how", ["the toolbar", "shift"])
def test_a_box_selects_exactly_the_points_within_it(visit, server, how):
    page = ready(visit("maps=lda"))
    places = placed(page, arrays(server, "lda")["points"])
    low, high = np.percentile(places, 30, axis=0).round(), np.percentile(places, 70, axis=0).round()
    if how == "the toolbar":
        page.get_by_role("button", name="Select with a box").click()
    drag(page, [low, high], keys="Shift" if how == "shift" else "")
    hears(page, r"[1-9]\d* selected")
    inside = ((places > low) & (places < high)).all(1).sum()
    assert abs(int(re.search(r"heard (\d+)", heard(page))[1]) - inside) <= 3, "points on the edge may fall on either side"


def test_a_lasso_selects_what_it_surrounds_on_all_maps_and_python_gets_the_rows(visit, server):
    page = ready(visit("maps=lda,pca"))
    points = arrays(server, "points")
    places = placed(page, arrays(server, "lda")["points"])
    page.get_by_role("button", name="Select with a lasso").click()
    middle = places[points["labels"] == 4].mean(0)  # a triangle, so that a box would take more
    corners = [middle + offset for offset in ([-60, 50], [60, 50], [0, -70])]
    other = frame(page, 1)
    drag(page, [*corners, corners[0]])
    hears(page, r"[1-9]\d* selected")

    def within(place):
        edges = [(b - a, place - a) for a, b in zip(corners, corners[1:] + corners[:1])]
        sides = [across[0] * to[1] - across[1] * to[0] for across, to in edges]
        return all(side > 0 for side in sides) or all(side < 0 for side in sides)

    rows = [row for row in range(POINTS) if within(places[row])]
    assert abs(int(re.search(r"heard (\d+)", heard(page))[1]) - len(rows)) <= 3
    assert (frame(page, 1) != other).any(), "the other map shows the same selection"


def test_dragging_moves_the_map_the_wheel_zooms_at_the_pointer_and_a_double_click_shows_all_again(visit, server):
    page = ready(visit("maps=lda", reduced_motion="reduce"))
    whole = frame(page)
    places = placed(page, arrays(server, "lda")["points"])
    row = alone(places)
    drag(page, [(400, 500), (460, 530)])
    page.mouse.move(*at(places[row] + [60, 30]))
    page.get_by_text(f"#{1000 + row}").wait_for()
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(200)
    page.mouse.move(*at(places[row] + [61, 30]))
    page.get_by_text(f"#{1000 + row}").wait_for()
    assert (frame(page) != whole).any()
    page.mouse.dblclick(*at(places[row] + [200, 0]))
    wait_for(lambda: (frame(page) == whole).mean() > 0.99)


def fingers(page):
    """touch(kind, (x, y), …): touches as a screen makes them, through the browser's own input."""
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return touch


def camera(page, name: str) -> list[float]:
    """Where Python heard that a map is looked at."""
    heard_of = page.get_by_text(re.compile(rf"View \{{.*'{name}': \("))
    heard_of.wait_for()
    return [float(part) for part in re.search(rf"'{name}': \(([^)]*)\)", heard_of.inner_text())[1].split(",")]


def test_two_fingers_that_part_zoom_the_map_and_python_hears_where_one_looks(visit):
    page = ready(visit("maps=lda&view=1", has_touch=True))
    box = over(page).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = fingers(page)
    touch("touchStart", (x - 40, y), (x + 40, y))
    for spread in (60, 80, 100, 120):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    across, up, zoom = camera(page, "lda")
    assert zoom == pytest.approx(3, rel=0.2), "three times as far apart, three times as large"
    assert (across, up) == (pytest.approx(0, abs=0.1), pytest.approx(0, abs=0.1))


def test_two_fingers_that_go_the_same_way_move_the_map_with_them(visit, server):
    page = ready(visit("maps=lda&view=1", has_touch=True))
    places = placed(page, arrays(server, "lda")["points"])
    box, row, touch = over(page).bounding_box(), alone(places), fingers(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch("touchStart", (x - 40, y), (x + 40, y))
    for step in range(1, 7):
        touch("touchMove", (x - 40 + 10 * step, y + 5 * step), (x + 40 + 10 * step, y + 5 * step))
    touch("touchEnd")
    camera(page, "lda")
    page.touchscreen.tap(*at(places[row] + [60, 30]))
    hears(page, rf"1 selected \[{row}\]")


def test_a_three_dimensional_map_turns_under_the_pointer(visit):
    page = ready(visit("maps=space"))
    before = frame(page)
    drag(page, [(400, 450), (520, 480)])
    wait_for(lambda: (frame(page) != before).any())
    turned = frame(page)
    over(page).focus()
    page.keyboard.press("Shift+ArrowLeft")
    wait_for(lambda: (frame(page) != turned).any())
    assert context_menu_held(page), "the right button moves this map"


# ---- keys, search, filters, colours ----


def test_arrows_walk_from_point_to_point_and_say_where_enter_selects_escape_clears(visit):
    page = ready(visit("maps=lda"))
    over(page).focus()
    page.keyboard.press("ArrowRight")
    spoken = page.locator(".spoken")
    wait_for(lambda: re.match(r"#\d+: \d, Reconstruction error", spoken.inner_text()))
    first = spoken.inner_text()
    page.keyboard.press("ArrowRight")
    wait_for(lambda: spoken.inner_text() != first)
    assert page.locator(".tooltip").is_visible()
    number = int(re.match(r"#(\d+)", spoken.inner_text())[1])
    page.keyboard.press("Enter")
    hears(page, rf"1 selected \[{number - 1000}\], cursor {number - 1000}")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Enter")
    hears(page, "2 selected")
    page.keyboard.press("Escape")
    hears(page, "0 selected")


def test_walking_right_never_leads_to_the_left_and_zoomed_in_the_cursor_stays_in_view(visit, server):
    page = ready(visit("maps=lda"))
    points = arrays(server, "lda")["points"]
    over(page).focus()
    for _ in range(6):
        page.keyboard.press("+")
    walked = []
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(60)
        walked.append(int(re.match(r"#(\d+)", page.locator(".spoken").inner_text())[1]) - 1000)
    across = points[walked, 0]
    assert (np.diff(across) >= 0).all() and across[-1] > across[0]
    box, tip = over(page).bounding_box(), page.locator(".tooltip").bounding_box()
    assert box["x"] - 300 < tip["x"] < box["x"] + box["width"] + 40


def test_a_search_by_label_selects_all_of_them_and_one_by_number_leads_to_it(visit, server):
    page = ready(visit("maps=lda"))
    labels = arrays(server, "points")["labels"]
    search = page.get_by_role("searchbox", name="Label or #number")
    search.press_sequentially("7")
    page.get_by_text(f"{(labels == 7).sum()} found").wait_for()
    page.get_by_role("button", name="Select them").click()
    hears(page, f"{(labels == 7).sum()} selected")
    search.press("ControlOrMeta+a")
    search.press_sequentially("#1234")
    page.get_by_text("1 found").wait_for()
    search.press("Enter")
    hears(page, r"\d+ selected .*cursor 234,")
    search.press_sequentially("teapot")
    page.get_by_text("nothing found").wait_for()
    assert search.input_value() == "#1234teapot"
    assert not context_menu_held(page), "on a flat map the browser's own menu opens"


def test_a_link_shows_the_maps_where_they_were_looked_at_the_pad_and_the_decoding(visit):
    page = ready(visit("maps=lda,pca&at=0.2,-0.1,4&decode=1&draw=1"))
    page.locator(".sheet").wait_for()
    assert page.get_by_role("button", name="Decode under the pointer").get_attribute("aria-pressed") == "true"
    near, whole = frame(page, 0), frame(page, 1)
    plain = ready(visit("maps=lda,pca&draw=1"))
    plain.locator(".sheet").wait_for()
    assert (frame(plain, 0) != near).any() and (frame(plain, 1) == whole).all()


def test_the_selection_stays_when_the_same_samples_come_from_another_epoch_and_goes_with_other_samples(visit):
    page = ready(visit("maps=lda,pca&then=points-wide"))
    page.get_by_role("button", name="Choose three").click()
    page.locator(".status").get_by_text("3 selected").wait_for()
    page.get_by_role("button", name="Another epoch").click()
    page.get_by_text(re.compile("Python heard .* points-wide")).wait_for()
    page.locator(".status").get_by_text("3 selected").wait_for()
    page.get_by_role("button", name="Other samples").click()
    page.locator(".status").get_by_text("3 selected").wait_for(state="detached")


def test_the_next_map_of_a_run_that_goes_is_turned_to_lie_over_the_last_and_keeps_the_camera(visit, server):
    page = ready(visit("maps=lda&then=points&next=turned&view=1"))
    page.mouse.move(*at(placed(page, arrays(server, "lda")["points"]).mean(0)))
    page.mouse.wheel(0, -300)
    zoom = camera(page, "first")
    before = frame(page)
    page.get_by_role("button", name="Another epoch").click()
    wait_for(lambda: counts(server)["asked"].get("turned"))
    page.wait_for_timeout(500)
    assert camera(page, "first") == zoom
    assert (frame(page) == before).mean() > 0.97, "a map that was only turned and mirrored looks as it did"


def test_filtered_out_points_turn_grey_and_can_no_longer_be_chosen_but_are_still_there(visit, server):
    page = ready(visit("maps=lda&only=4"))
    labels = arrays(server, "points")["labels"]
    page.get_by_text(f"{(labels != 4).sum()} filtered out").wait_for()
    places = placed(page, arrays(server, "lda")["points"])
    box = page.locator("canvas.points").bounding_box()
    shown = frame(page)
    paper = shown[2, 2, :3].astype(int)
    for row in np.flatnonzero(labels != 4)[:40]:
        x, y = (places[row] - [box["x"], box["y"]]).astype(int)
        red, green, blue = shown[y, x, :3].astype(int)
        if (labels[np.linalg.norm(places - places[row], axis=1) < 12] != 4).all():
            assert max(red, green, blue) - min(red, green, blue) < 16, "grey"
            assert abs(int(shown[y, x, :3].sum()) - paper.sum()) > 12, "but there"
    page.get_by_role("button", name="Select with a box").click()
    drag(page, [(box["x"] + 4, box["y"] + 4), (box["x"] + box["width"] - 4, box["y"] + box["height"] - 4)])
    hears(page, f"{(labels == 4).sum()} selected")


def test_a_class_in_the_legend_selects_its_points(visit, server):
    page = ready(visit("maps=lda"))
    count = int((arrays(server, "points")["labels"] == 3).sum())
    page.get_by_role("button", name=f"Select all {count} of 3").click()
    hears(page, f"{count} selected")


@pytest.mark.parametrize(
    ("colour", "words"), [("error", "Reconstruction error"), ("density", "Density"), ("factor:0", "Ink"), ("unit:1", "unit 2")]
)
def test_a_continuous_colour_has_a_scale_with_its_ends(visit, server, colour, words):
    page = visit(f"maps=lda&colour={colour}")
    page.locator(".scale-key .bar").wait_for()
    assert words in page.locator(".legend-title").inner_text()
    values = {"error": "error", "density": "density", "factor:0": "factors", "unit:1": "codes"}[colour]
    values = arrays(server, "points")[values]
    values = values[:, 1] if colour == "unit:1" else values
    high = page.locator(".scale-key span").last.inner_text()
    assert float(high.replace("−", "-")) == pytest.approx(np.abs(values).max() if colour == "unit:1" else values.max(), rel=0.01)


def test_python_can_set_the_selection_and_the_visitor_can_change_it(visit):
    page = ready(visit("maps=lda"))
    page.get_by_role("button", name="Choose three").click()
    page.locator(".status").get_by_text("3 selected").wait_for()
    over(page).focus()
    page.keyboard.press("Escape")
    page.locator(".status").get_by_text("3 selected").wait_for(state="detached")
    hears(page, "0 selected")


# ---- the network in the browser ----

ARCHITECTURES = {
    "deep, two-dimensional": {"hidden": (64, 32), "code_size": 2, "code": "linear", "activation": "tanh"},
    "784-256-32": {"dataset": "mnist", "hidden": (256,), "code_size": 32, "code": "relu", "activation": "relu"},
    "tied": {"hidden": (48, 24), "code_size": 16, "code": "sigmoid", "activation": "sigmoid", "tied": True},
    "leaky": {"hidden": (32,), "code_size": 8, "code": "tanh", "activation": "leaky_relu"},
    "cross-entropy": {"hidden": (32,), "code_size": 8, "code": "sigmoid", "reconstruction": "cross_entropy"},
    "linear": {"hidden": (40,), "code_size": 5, "code": "linear", "activation": "linear"},
    "k-sparse": {"code_size": 50, "code": "k_sparse", "code_options": {"k": 5, "alpha": 1.5}},
    "gaussian": {"hidden": (64,), "code_size": 4, "code": "gaussian", "penalties": (Term(name="gaussian_kl"),)},
    "predictive": {"code_size": 40, "code": "predictive", "penalties": (Term(name="prediction"), Term(name="l1", weight=0.1))},
    "lista": {"code_size": 40, "code": "lista", "penalties": (Term(name="prediction"), Term(name="l1", weight=0.1))},
    "convolutional": {"dataset": "mnist", "network": "conv", "hidden": (4, 8), "code_size": 10, "code": "linear"},
}


@pytest.fixture
def blank(page_of, server):
    return page_of(server, f"{server}/_stcore/health", viewport={"width": 1100, "height": 900})


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_browser_encodes_and_decodes_as_pytorch_does(blank, name):
    e = Experiment(**{"dataset": "digits"} | ARCHITECTURES[name])
    generator = torch.Generator().manual_seed(1)
    network = Autoencoder(e, generator).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # biases and gains too, so that none is left at its first value
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    x = torch.rand(3, e.data.size, generator=generator)
    with torch.no_grad():
        codes = network.encode(x)
        pictures = network.decode(codes)
    data, _ = weights.to_bytes(network.state_dict(), run_id=e.id, epoch=1)
    made = blank.evaluate(
        """async ([source, bytes, experiment, samples]) => {
          const {Network} = await import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
          const buffer = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer;
          const network = new Network(buffer, experiment, samples[0].length);
          return samples.map((sample) => {
            const code = network.encode(Float32Array.from(sample));
            return [Array.from(code), Array.from(network.decode(code))];
          });
        }""",
        [(SOURCES / "network.js").read_text(), base64.b64encode(data).decode(), json.loads(e.as_json()), x.tolist()],
    )
    for (code, decoded), own_code, own_picture in zip(made, codes, pictures):
        assert np.abs(np.array(code) - own_code.numpy()).max() <= 1e-4
        assert np.abs(np.array(decoded) - own_picture.numpy()).max() <= 1e-4
    assert codes.abs().max() > 0.01, "a code of zeros would prove nothing"


def decoded(server: str, run: str, code) -> np.ndarray:
    request = urllib.request.Request(
        f"{server}/api/test/decode/{run}", json.dumps({"code": [float(part) for part in code]}).encode()
    )
    return np.array(json.loads(urllib.request.urlopen(request).read()))


def as_bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values * 255), 0, 255).astype(int).reshape(8, 8)


def test_hovering_the_code_decodes_the_place_under_the_pointer_exactly_and_asks_the_server_nothing(visit, server):
    page = ready(visit("maps=code&decode=1"))
    points = arrays(server, "code")["points"]
    box = over(page).bounding_box()
    low, high = points.min(0), points.max(0)
    unit = 0.86 * min(box["width"] / (high - low)[0], box["height"] / (high - low)[1])
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.locator(".tooltip .decoded").wait_for()
    before = counts(server)["asked"]
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    for spot in ([320, 210], [480, 300], [430, 150]):
        page.mouse.move(box["x"] + spot[0], box["y"] + spot[1])
        page.wait_for_timeout(150)
        offset = np.array([spot[0] - box["width"] / 2, box["height"] / 2 - spot[1]]) / unit
        expected = as_bytes(decoded(server, "plane", (low + high) / 2 + offset))
        assert np.abs(picture(page, ".tooltip .decoded canvas", 8) - expected).max() <= 2
    assert "Exact: this place is the code." in page.locator(".tooltip").inner_text()
    assert requests == [] and counts(server)["asked"] == before


def test_on_another_map_the_code_is_interpolated_and_says_so_and_on_a_point_it_is_that_points_own(visit, server):
    page = ready(visit("maps=lda&decode=1"))
    places = placed(page, arrays(server, "lda")["points"])
    row = alone(places)
    page.mouse.move(*at(places[row]))
    page.locator(".tooltip .decoded").wait_for()
    assert "Interpolated from the codes" in page.locator(".tooltip").inner_text()
    over(page).focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("Decoded from this point's own code.").wait_for()
    number = int(re.match(r"#(\d+)", page.locator(".spoken").inner_text())[1]) - 1000
    expected = as_bytes(decoded(server, "plane", arrays(server, "points")["codes"][number]))
    assert np.abs(picture(page, ".tooltip .decoded canvas", 8) - expected).max() <= 1


def test_far_from_every_code_the_picture_says_that_the_decoder_extrapolates(visit, server):
    page = ready(visit("maps=code&decode=1"))
    places = placed(page, arrays(server, "code")["points"])
    dense = places[np.argmin(np.sort(np.linalg.norm(places[:, None] - places[None], axis=2), 1)[:, 5])]
    page.mouse.move(*at(dense))
    page.locator(".tooltip .decoded").wait_for()
    assert "extrapolates" not in page.locator(".tooltip").inner_text()
    box = over(page).bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)
    page.get_by_text("Far from every code: here the decoder extrapolates.").wait_for()


def test_codes_and_weights_are_fetched_only_when_decoding_is_switched_on_and_once(visit, server):
    before = counts(server)["asked"].get("weights wide", 0)
    page = ready(visit("maps=lda&points=points-wide&run=wide"))
    page.wait_for_timeout(300)
    assert counts(server)["asked"].get("weights wide", 0) == before
    button = page.get_by_role("button", name="Decode under the pointer")
    button.click()
    wait_for(lambda: counts(server)["asked"].get("weights wide", 0) == before + 1)
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    button.click()
    page.get_by_role("button", name="Draw your own").click()
    page.locator(".sheet").wait_for()
    assert counts(server)["asked"]["weights wide"] == before + 1


def test_a_run_whose_weights_are_gone_says_so_and_leaves_the_map(visit):
    page = ready(visit("maps=lda&run=gone&decode=1", allow="404"))
    page.get_by_text("The network of this run could not be loaded").wait_for()
    assert page.locator("canvas.points").is_visible()


# ---- the pad ----


def draw_a_seven(page):
    page.locator(".sheet").scroll_into_view_if_needed()
    box = page.locator(".sheet").bounding_box()
    drag(
        page,
        [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ([0.27, 0.2], [0.72, 0.2], [0.42, 0.8])],
        steps=10,
    )


def test_a_drawing_is_laid_out_like_the_data_rebuilt_and_placed_on_the_map(visit, server):
    page = ready(visit("maps=code"))
    page.get_by_role("button", name="Draw your own").click()
    page.locator(".sheet").wait_for()
    before = over(page).evaluate(PIXELS)
    draw_a_seven(page)
    page.get_by_text("The diamond on the map is the drawing's code, exactly.").wait_for()
    seen = picture(page, ".pad .seen canvas", 8)
    assert seen[0].max() > 200 and seen[7].max() > 100, "the drawing fills the picture from top to bottom"
    assert seen[0, 2] > 128 and seen[7, 6] < 64, "the bar above, nothing below on the right"
    assert picture(page, ".pad .rebuilt canvas", 8).max() > 64
    assert over(page).evaluate(PIXELS) != before
    page.get_by_role("button", name="Clear the drawing").click()
    wait_for(lambda: picture(page, ".pad .seen canvas", 8).max() == 0)
    wait_for(lambda: over(page).evaluate(PIXELS) == before)


def test_the_pad_can_be_drawn_on_with_the_keyboard_and_with_a_finger(visit):
    page = ready(visit("maps=lda", has_touch=True))
    page.get_by_role("button", name="Draw your own").click()
    page.get_by_role("application", name=re.compile("Drawing pad")).focus()
    page.keyboard.press("Space")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.get_by_text("The diamond stands between the points").wait_for()
    assert picture(page, ".pad .seen canvas", 8).max() > 128
    page.keyboard.press("Escape")
    wait_for(lambda: picture(page, ".pad .seen canvas", 8).max() == 0)
    page.locator(".sheet").scroll_into_view_if_needed()
    box = page.locator(".sheet").bounding_box()
    page.touchscreen.tap(box["x"] + 80, box["y"] + 80)
    wait_for(lambda: picture(page, ".pad .seen canvas", 8).max() > 128)


@pytest.mark.parametrize("rule", ["centre_of_mass", "bounding_box", "as_drawn"])
def test_a_drawing_is_scaled_and_centred_as_its_rule_says(blank, rule):
    ink = np.zeros((280, 280), np.float32)
    ink[40:180, 30:60] = 1  # an L in the upper left: 140 high, 90 wide
    ink[150:180, 30:120] = 1
    side = 8 if rule == "bounding_box" else 28
    source = joined(SOURCES, LATENT_MODULES).replace("export default", "") + "\nexport { laid };"
    made = blank.evaluate(
        """async ([source, ink, side, rule]) => {
          const {laid} = await import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
          return Array.from(laid(Float32Array.from(ink), side, rule));
        }""",
        [source, ink.ravel().tolist(), side, rule],
    )
    made = np.array(made).reshape(side, side)
    rows, columns = np.nonzero(made > 0.02)
    if rule == "bounding_box":
        assert (rows.min(), rows.max()) == (0, 7), "as high as the picture"
        assert columns.min() == 1 and columns.max() == 6, "and in its middle"
    elif rule == "centre_of_mass":
        assert rows.max() - rows.min() + 1 in (20, 21), "the longer side is 20 of 28"
        across, down = (made.sum(0) @ (np.arange(28) + 0.5), made.sum(1) @ (np.arange(28) + 0.5)) / made.sum()
        assert (across, down) == (pytest.approx(14, abs=0.15), pytest.approx(14, abs=0.15))
    else:
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 17, 3, 11)
        assert made.sum() == pytest.approx(ink.sum() / 100, rel=1e-5)


# ---- the film ----


def test_the_film_rests_at_its_end_scrubs_plays_and_pauses(visit):
    page = ready(visit("maps=film"))
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "Epoch 60"
    last = frame(page)
    slider.press("Home")
    wait_for(lambda: slider.get_attribute("aria-valuetext") == "Epoch 0")
    wait_for(lambda: (frame(page) != last).any())
    page.get_by_text("trustworthiness 0.800").wait_for()
    slider.press(" ")
    wait_for(lambda: slider.get_attribute("aria-valuetext") == "Epoch 60")
    wait_for(lambda: (frame(page) == last).all())
    page.get_by_role("button", name="Play").wait_for()
    player, others = page.locator(".player").bounding_box(), [page.locator(part).bounding_box() for part in (".maps", ".status")]
    assert others[0]["y"] < player["y"] < others[1]["y"], "right below the map, or it leaves a projector's first view"


def moments_drawn(page) -> list[str]:
    """Plays the film, and gives the pictures that were on the canvas on the way, as sums of their bytes."""
    page.evaluate("""() => { window.sums = new Set(); const look = () => { const root = [...document.querySelectorAll('*')]
        .map((e) => e.shadowRoot?.querySelector('canvas.points')).find(Boolean) ?? document.querySelector('canvas.points');
      const {data} = root.getContext('2d').getImageData(0, 0, root.width, root.height);
      let sum = 0; for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i]) % 1000000007;
      window.sums.add(sum); requestAnimationFrame(look); }; look(); }""")
    slider = page.get_by_role("slider")
    slider.press("Home")
    slider.press(" ")
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for()
    return page.evaluate("window.sums.size")


def test_reduced_motion_shows_recorded_moments_only_and_otherwise_the_points_move_between_them(visit):
    still = moments_drawn(ready(visit("maps=film", reduced_motion="reduce")))
    assert 2 <= still <= 21 + 1
    smooth = moments_drawn(ready(visit("maps=film", reduced_motion="no-preference")))
    assert smooth > 2


# ---- states, narrow pages, themes ----


@pytest.mark.parametrize(
    ("query", "words", "allow"),
    [
        ("maps=queued_1", "In the queue: place 3.", ""),
        ("maps=running_1", "Computing the map: 42 %", ""),
        ("maps=failed_1", "This map could not be computed.", ""),
        ("maps=gone_1", "This map is not here", "404"),
        ("maps=empty", "No points to show.", ""),
        ("maps=large", "other points than its neighbours", ""),
    ],
)
def test_a_map_without_points_says_in_words_how_it_stands(visit, query, words, allow):
    page = visit(query, allow=allow)
    page.locator(".empty").get_by_text(words).wait_for()


def test_a_map_that_is_still_being_computed_appears_when_it_is_done_beside_one_that_is(visit):
    page = visit("maps=lda,late_1")
    page.locator(".empty").get_by_text("Computing the map").wait_for()
    ready(page)
    assert page.locator(".empty:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_page_scrolls_one_way_only_and_every_button_is_reachable(visit, scheme):
    size = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme, "has_touch": True, "is_mobile": True}
    page = ready(visit("maps=lda,film&decode=1", **size))
    page.get_by_role("button", name="Draw your own").click()
    page.locator(".sheet").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in page.locator(".latent button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    player, maps = (page.locator(part).bounding_box() for part in (".player", ".maps"))
    assert player["y"] + player["height"] <= maps["y"], "with maps below one another the film's player would be out of its sight"
    for drawing in page.locator(".latent .toolbar button svg, .latent .player button svg").all():
        assert drawing.evaluate("(svg) => svg.getBoundingClientRect().width") >= 16, "a drawing of no size is an empty button"


def test_light_and_dark_pages_get_their_own_paper(visit):
    light = frame(ready(visit("maps=lda", color_scheme="light")))[2, 2, :3]
    dark = frame(ready(visit("maps=lda", color_scheme="dark")))[2, 2, :3]
    assert light.sum() > 600 > 200 > dark.sum()


def test_markers_show_pixel_by_pixel_on_dense_screens(visit):
    page = ready(visit("maps=lda", device_scale_factor=2))
    canvas = page.locator("canvas.points")
    box = canvas.bounding_box()
    assert canvas.evaluate("c => [c.width, c.height]") == [2 * box["width"], 2 * box["height"]]


def test_the_map_has_a_role_a_name_with_numbers_and_a_description_of_its_keys(visit):
    page = ready(visit("maps=lda"))
    chart = page.get_by_role("application", name=re.compile(r"Linear discriminants: 900 points, 0 selected"))
    assert "Arrow keys" in page.locator(f"[id='{chart.get_attribute('aria-describedby')}']").inner_text()


def test_ten_thousand_points_weigh_less_than_400_kilobytes_besides_their_pictures(visit, server):
    page = ready(visit("maps=large&points=points-large&run=large"), 10_000)
    assert page.locator("canvas.points").is_visible()
    sent = counts(server)["sent"]
    pictures = 10_000 * 28 * 28
    columns = next(size for name, size in sent.items() if name.startswith("points-large") and "images" in name) - pictures
    assert columns + next(size for name, size in sent.items() if name.startswith("large?")) < 400_000


# ---- the Python half ----


@pytest.mark.parametrize(
    ("picked", "view"),
    [
        (None, None),
        ("x", 3),
        ({"selected": "12", "cursor": -1, "decode": 1, "draw": "yes"}, {"cameras": {"a": [1, 2]}}),
        ({"selected": list(range(10_001))}, {"cameras": "all"}),
        ({"selected": [-1, 1.5, True, "2", 10_000]}, {"cameras": {"a": [1, 2, 3, 4, float("nan")], "b": [0, 0, 1, 2]}}),
    ],
)
def test_what_a_browser_should_never_send_counts_as_nothing_chosen(picked, view):
    assert valid_state(picked, view) == LatentState()


def test_rows_come_sorted_and_once_and_cameras_as_they_are():
    state = valid_state({"selected": [5, 3, 5], "cursor": 4, "draw": True}, {"cameras": {"a": [0, 0.5, 2]}, "turn": 3})
    assert state == LatentState((3, 5), 4, {"a": (0.0, 0.5, 2.0)}, draw=True)


def test_four_maps_or_an_unknown_colour_are_refused():
    maps = [MapSpec("a" * 32, "A")] * 4
    with pytest.raises(ValueError, match="at most 3"):
        latent(maps, points_task="b" * 32, texts={}, key="x")
    with pytest.raises(ValueError, match="is no colour"):
        latent(maps[:1], points_task="b" * 32, texts={}, key="x", colour="taste")


def test_the_modules_join_into_one_without_imports_and_with_one_export():
    source = joined(SOURCES, LATENT_MODULES)
    assert re.findall(r"^(import|export)\b.*", source, re.MULTILINE) == ["export"]
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", source, re.MULTILINE)
    assert len(names) == len(set(names)), "two modules use one name"
    assert {path.name for path in SOURCES.glob("*.js")} <= set(LATENT_MODULES), "a module that is not joined"
    assert not re.search(r"https?://(?!www\.w3\.org)", source)
