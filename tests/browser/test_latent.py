"""The latent explorer in a real browser: a link that waits, maps that are drawn, points that are picked, narrow screens."""

import re

import psutil
import pytest

from pages.ui import text
from pages.ui.draft import FIRST
from replearn_core.presets import preset
from tests.browser.conftest import PATIENCE, wait_for

CAPTION = ".latent .caption"


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


def opened(visit, server, query="", **options):
    page = visit(f"{server.address}/latent?lang=en{query}", **options)
    page.locator(".st-key-latent_page").wait_for()
    page.locator(".st-key-latent_draw button, .latent").first.wait_for()
    return page


def drawn(page):
    """Press for the maps where they are not kept yet, and wait until both are there."""
    press = page.locator(".st-key-latent_draw button")
    if press.count():
        press.click()
    words = text.catalogue("en")["measure.trustworthiness"]
    page.locator(CAPTION, has_text=words).nth(1).wait_for()
    press.wait_for(state="detached")
    return page


@pytest.mark.parametrize("query", ["", "&view=film", f"&run={preset('digits', 'psc').id}"])
def test_runs_that_come_with_the_app_have_their_maps_and_film_at_once_and_nothing_is_computed(visit, server, query):
    page = opened(visit, server, query=query)
    page.locator(CAPTION, has_text="points").nth(1).wait_for()
    assert page.locator(".st-key-latent_draw").count() == 0
    assert page.locator(".latent .player:visible").count() == ("film" in query)
    assert not (server.store / "runs" / "tasks").exists()


def test_a_link_waits_for_a_press_and_then_draws_two_maps_of_the_same_points(visit, server):
    query = f"&run={FIRST.id}&size=300"
    page = opened(visit, server, query=query)
    assert page.locator(".st-key-latent_draw button").count() == 1 and page.locator(".latent").count() == 0
    drawn(page)
    counts = [re.search(r"(\d+)\spoints", caption) for caption in page.locator(CAPTION).all_inner_texts()]
    assert len({found[1] for found in counts if found}) == 1
    again = opened(visit, server, query=query)
    again.locator(CAPTION, has_text="points").nth(1).wait_for()
    assert again.locator(".st-key-latent_draw").count() == 0


def test_a_search_selects_points_and_the_link_remembers_them(visit, server):
    page = drawn(opened(visit, server, query=f"&run={FIRST.id}"))
    page.locator(".latent input.search").fill("7")
    page.get_by_role("button", name="Select them").click()
    page.locator(".st-key-latent_panel_chosen").get_by_text("7 ×", exact=False).wait_for()
    page.locator(".latent-near").first.wait_for()
    page.wait_for_url(re.compile("selected="))
    reopened = visit(page.url)
    reopened.locator(".st-key-latent_panel_chosen .latent-pic").first.wait_for()
    assert reopened.locator(".latent-near").count() == page.locator(".latent-near").count()


def test_a_link_has_all_that_was_done_on_the_canvas_where_it_is_looked_at_what_is_chosen_decoding_and_the_pad(visit, server):
    page = drawn(opened(visit, server, query=f"&run={FIRST.id}"))
    box = page.locator(".over").first.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.wheel(0, -500)
    page.get_by_role("button", name=re.compile("Select all")).nth(3).click()
    page.get_by_role("button", name="Decode under the pointer").click()
    page.get_by_role("button", name="Draw your own").click()
    for part in ("cameras=", "selected=", "decode=1", "draw=1"):
        page.wait_for_url(re.compile(part))
    reopened = visit(page.url)
    reopened.locator(".sheet").wait_for()
    reopened.locator(".status").get_by_text(page.locator(".status .count").inner_text()).wait_for()
    assert reopened.get_by_role("button", name="Decode under the pointer").get_attribute("aria-pressed") == "true"
    colours = "(canvas) => canvas.toDataURL()"
    first, second = (one.locator("canvas.points").first for one in (page, reopened))
    page.mouse.move(5, 5)
    wait_for(lambda: first.evaluate(colours) == second.evaluate(colours))


def test_another_epoch_and_another_number_of_neighbours_keep_the_selection(visit, server):
    page = drawn(opened(visit, server, query=f"&run={FIRST.id}"))
    page.get_by_role("button", name=re.compile("Select all")).nth(3).click()
    page.wait_for_url(re.compile("selected="))
    chosen = page.locator(".status .count").inner_text()
    page.locator(".st-key-latent-knob-n_neighbors").get_by_role("slider").press("ArrowLeft")
    page.wait_for_url(re.compile("n_neighbors=10"))
    page.locator(".latent .empty:visible").first.wait_for(state="detached")
    drawn(page)
    assert page.locator(".status .count").inner_text() == chosen
    page.goto(page.url + "&epoch=3")
    page.locator(".st-key-latent_draw button, .latent").first.wait_for()
    drawn(page)
    page.locator(".status").get_by_text(chosen).wait_for()


@pytest.fixture
def going_run(visit, server):
    """The id of a run that has begun and takes minutes; it is stopped in the end."""
    page = visit(f"{server.address}/autoencoder?lang=en&dataset=sprites&train_size=2000&hidden=256&epochs=2000&seed=77")
    page.get_by_test_id("stButton").get_by_role("button", name="Train", exact=True).first.click()
    page.wait_for_url(re.compile("run=[0-9a-f]{32}"))
    run_id = re.search("run=([0-9a-f]{32})", page.url)[1]
    page.get_by_role(
        "link", name=text.catalogue("en")["lessons.nav"], exact=True
    ).click()  # the same visitor, on a page that does not draw the run
    page.locator(".st-key-lesson_squeeze").wait_for()
    yield run_id
    page.go_back()
    page.locator(".st-key-train_stop button").first.click()


def test_while_a_run_goes_the_map_follows_it_and_its_film_so_far_can_be_played(visit, server, going_run):
    page = drawn(opened(visit, server, query=f"&run={going_run}&size=200&maps=run:pca,pixels:pca"))
    page.get_by_text("The maps follow it").wait_for()
    before = page.locator(CAPTION).first.inner_text()
    wait_for(lambda: page.locator(CAPTION).first.inner_text() != before, 120)
    page.get_by_text("Unfolding film").click()
    page.get_by_text("This film ends at epoch").wait_for()
    page.locator(".latent .player input").wait_for()
    assert page.get_by_text("The maps follow it").count() == 1, "the run still goes"


def workers(server) -> list[psutil.Process]:
    """Processes of this server's own that compute."""
    below = psutil.Process(server.process.pid).children(recursive=True)
    return [one for one in below if "forkserver" in " ".join(one.cmdline()) and "forkserver" in " ".join(one.parent().cmdline())]


def test_a_map_whose_process_is_killed_says_so_begins_again_and_appears(visit, server):
    page = opened(visit, server, query=f"&run={FIRST.id}&maps=run:tsne&part=all&size=1000")
    page.locator(".st-key-latent_draw button").click()
    page.locator(".latent .empty").get_by_text(re.compile("Computing the map")).wait_for()
    assert (killed := workers(server))
    for process in killed:
        process.kill()
    page.locator(".latent .empty").get_by_text("it has begun again").wait_for()
    page.locator(CAPTION, has_text="rustworthiness").first.wait_for(timeout=2 * PATIENCE)


def test_a_walk_between_two_chosen_points_shows_both_ways_and_the_classifier(visit, server):
    page = drawn(opened(visit, server, query=f"&run={FIRST.id}&panel=walk"))
    page.locator(".st-key-latent_two button").click()
    page.locator(".st-key-latent_panel_walk .latent-row").nth(1).wait_for()
    page.locator(".st-key-latent_confidence .js-plotly-plot").wait_for()
    assert page.locator(".st-key-latent_panel_walk .latent-row").nth(0).locator("img").count() == 11


def test_from_the_lab_the_run_on_screen_can_be_explored(visit, server):
    page = visit(f"{server.address}/autoencoder?run={FIRST.id}")
    page.get_by_role("link", name=text.catalogue("en")["explorer.link"]).click()
    page.locator(".st-key-latent_page").wait_for()
    page.wait_for_url(re.compile(FIRST.id))


def test_on_a_phone_the_page_scrolls_one_way_only_and_maps_come_first(visit, server):
    page = drawn(opened(visit, server, query=f"&run={FIRST.id}", viewport={"width": 390, "height": 844}))

    def tops() -> list[float]:
        return [page.locator(f".st-key-latent_{name}").bounding_box()["y"] for name in ("picture", "knobs", "notes")]

    wait_for(lambda: tops() == sorted(tops()))  # the maps may be there before the page's style
    wide = page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.getBoundingClientRect().right))")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and wide < 800
