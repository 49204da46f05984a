"""A language 40 % longer than English: no label, button or heading is cut off on a projector, no phone scrolls sideways."""

import pytest

from pages.ui.menu import GROUPS
from tests import pseudo
from tests.browser.conftest import DRAWN, PATIENCE, Server, move

pytestmark = pytest.mark.browser
PAGES = [name for group in GROUPS.values() for name in group]
# Elements of one or two pixels are for screen readers; what the visitor types or picks in a box may be longer than the box.
CUT_OFF = """() => [...document.querySelectorAll(
    "[data-testid=stMain] :is(label, button, h1, h2, h3, h4, [role=radio], [data-testid=stMetricLabel], a), header :is(a, button)"
  )]
  .flatMap((one) => [one, ...one.querySelectorAll("*")])
  .filter((one) => one.checkVisibility() && one.clientWidth > 2 && one.scrollWidth > one.clientWidth + 1
    && ["hidden", "clip"].includes(getComputedStyle(one).overflowX))
  .map((one) => one.textContent.trim())"""


@pytest.fixture(scope="module")
def abroad(tmp_path_factory):
    """A server that offers the language, as a translator would start it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLEARN_TRANSLATION", str(pseudo.write(tmp_path_factory.mktemp("texts"))))
        server = Server(tmp_path_factory.mktemp("app")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def page(chromium, abroad):
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{abroad.address}/?lang={pseudo.LANG}")
    page.wait_for_function(DRAWN)
    yield page
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_no_words_are_cut_off(page, abroad, name):
    page.set_viewport_size({"width": 1366, "height": 768})
    if name != "home":  # which is on screen at first
        move(page, f"{abroad.address}/{name}?lang={pseudo.LANG}")
    assert page.evaluate(CUT_OFF) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)  # the page lays itself out
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
