"""Every page for everyone: what axe-core finds in both languages, light and dark; phones; the keyboard; motion that can be stopped."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.browser.conftest import PATIENCE
from pages.ui import palette
from pages.ui.menu import GROUPS
from pages.ui.text import LANGUAGES

pytestmark = pytest.mark.browser
PAGES = [name for group in GROUPS.values() for name in group]
GRAVE = ("serious", "critical")
PROJECTOR, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
# Streamlit's own markup, which no page of ours can change: axe's rule → the elements that it names, and why that is no harm.
THEIRS: dict[str, tuple[str, ...]] = {}
DRAWN = """() => document.querySelector('.st-key-theme_place .stBidiComponent')
  && !document.querySelector('[data-testid=stSkeleton], [data-testid=stStatusWidget], [data-stale=true]')"""
MUTED = "() => getComputedStyle(document.documentElement).getPropertyValue('--lab-muted').trim()"
STILL = "() => document.getAnimations().every((one) => one.playState !== 'running' || one.animationName === 'lab-frames')"  # nothing fades
# The rules that axe calls serious or critical are all among its standard ones.
FINDINGS = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap((one) => one.nodes.map((node) =>
    [one.impact, one.id, node.target.flat().join(" "), node.html.slice(0, 160), node.failureSummary.slice(0, 240)]));
}"""
SIDEWAYS = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
  .map((part) => part.scrollWidth - part.clientWidth)"""


class Looked(NamedTuple):
    """What one visit to a page found. findings: appearance → axe's grave ones; sideways: px by which a phone can scroll."""

    findings: dict[str, list[tuple[str, ...]]]
    sideways: list[int]


@pytest.fixture(scope="module")
def look(chromium, server):
    """look(page, lang) → Looked, one visit each: the tests below ask about the same visit."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    context = chromium.new_context(viewport=PROJECTOR, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)

    @cache
    def visit(name: str, lang: str) -> Looked:
        page.set_viewport_size(PROJECTOR)
        page.emulate_media(color_scheme="light")
        page.goto(f"{server.address}/{'' if name == 'home' else name}?lang={lang}")
        findings = {}
        for appearance, muted in (("light", palette.LIGHT.muted), ("dark", palette.DARK.muted)):
            page.emulate_media(color_scheme=appearance)
            page.wait_for_function(f"({MUTED})() === '{muted}'")  # the server has drawn for it, too
            page.wait_for_function(DRAWN)
            page.wait_for_function(STILL)
            page.evaluate(source)
            findings[appearance] = [tuple(one) for one in page.evaluate(FINDINGS) if one[0] in GRAVE]
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(400)  # the page lays itself out, and charts follow
        return Looked(findings, page.evaluate(SIDEWAYS))

    yield visit
    context.close()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_on_a_page_light_or_dark(look, name, lang):
    found = {
        (appearance, *finding)
        for appearance, findings in look(name, lang).findings.items()
        for finding in findings
        if not any(part in finding[2] for part in THEIRS.get(finding[1], ()))
    }
    assert found == set()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_a_page_sideways(look, name, lang):
    assert max(look(name, lang).sideways) <= 0
