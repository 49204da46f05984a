"""Every page for everyone: axe-core in both languages, light and dark; phones; the keyboard; motion that can be stopped."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from pages.ui import palette
from pages.ui.menu import GROUPS
from pages.ui.text import LANGUAGES
from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser
PAGES = [name for group in GROUPS.values() for name in group]
GRAVE = ("serious", "critical")
PROJECTOR, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
# Streamlit's own markup, which no page of ours can change: axe's rule → the elements that it names, and why that is no harm.
THEIRS: dict[str, tuple[str, ...]] = {}
DRAWN = """() => document.querySelector('.st-key-theme_place .stBidiComponent')
  && !document.querySelector('[data-testid=stSkeleton], [data-testid=stStatusWidget], [data-stale=true]')"""
MUTED = "() => getComputedStyle(document.documentElement).getPropertyValue('--lab-muted').trim()"
# Nothing fades any more; the home page's small films go on.
STILL = "() => document.getAnimations().every((one) => one.playState !== 'running' || one.animationName === 'lab-frames')"
# The rules that axe calls serious or critical are all among its standard ones.
FINDINGS = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap((one) => one.nodes.map((node) =>
    [one.impact, one.id, node.target.flat().join(" "), node.html.slice(0, 160), node.failureSummary.slice(0, 240)]));
}"""
SIDEWAYS = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
  .map((part) => part.scrollWidth - part.clientWidth)"""


# Every control in sight, and whether the one with the focus shows it: by a change of its own looks, or of what it lies in.
KEYBOARD = """() => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
  const control = "button, a[href], input, select, textarea, summary, [tabindex='0'], [role=slider]";
  const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length > 0 && !one.disabled;
  // The Tab key goes to one of a group of radios, and the arrow keys on from there.
  const stop = (one) => one.closest("[role=radiogroup]") ?? one;
  const place = (one) => one.closest("[class*=st-key]")?.className.match(/st-key-\\S+/)?.[0] ?? "";
  const label = (one) => one.getAttribute("aria-label") ?? one.textContent.trim().slice(0, 40);
  let count = 0;
  const mark = (one) => (stop(one).testsMark ??= `${count++} ${one.tagName} ${place(one)} ${label(one)}`);
  const SIGNS = ["outline", "boxShadow", "borderColor", "backgroundColor"];
  const looks = (one) => SIGNS.map((name) => getComputedStyle(one)[name]).join();
  window.controls = () => all(document).filter((one) => one.matches(control) && one.tabIndex >= 0 && seen(one)).map(mark);
  window.focused = () => {
    let one = document.activeElement;
    while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    const around = [];
    for (let each = one; each && around.length < 5; each = each.parentElement) around.push(each);
    const before = around.map(looks);
    one.blur();
    const shows = around.some((each, n) => looks(each) !== before[n]);
    one.focus({ preventScroll: true, focusVisible: true });
    return { name: mark(one), shows, control: one.matches(control) };
  };
}"""


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


# ---- the keyboard ----


@pytest.mark.parametrize("name", ["autoencoder", "latent", "properties"])
def test_the_tab_key_reaches_every_control_in_sight_and_each_shows_that_it_has_the_focus(visit, server, name):
    page = visit(f"{server.address}/{name}?lang=en", viewport=PROJECTOR)
    page.wait_for_function(DRAWN)
    page.wait_for_function(STILL)
    page.evaluate(KEYBOARD)
    controls, reached, hidden = set(page.evaluate("controls()")), set(), []
    for _ in range(3 * len(controls)):
        page.keyboard.press("Tab")
        found = page.evaluate("focused()")
        reached.add(found["name"])
        if found["control"] and not found["shows"]:
            hidden.append(found["name"])
        if controls <= reached:
            break
    assert len(controls) > 20 and controls - reached == set() and hidden == []


def test_the_arrow_keys_go_through_a_group_of_choices(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en", viewport=PROJECTOR)
    page.wait_for_function(DRAWN)
    page.locator(".st-key-panel [role=radio][aria-checked=true]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => document.activeElement.closest('.st-key-panel') && document.activeElement.ariaChecked === 'false'"
    )
    page.keyboard.press("Enter")
    page.locator(".st-key-panel [role=radio]").nth(1).and_(page.locator("[aria-checked=true]")).wait_for()


# ---- motion ----


def test_under_reduced_motion_nothing_on_the_home_page_moves_by_itself(visit, server):
    page = visit(server.address, viewport=PROJECTOR, reduced_motion="reduce")
    page.wait_for_function(DRAWN)
    strips = page.locator(".moving")
    strips.first.wait_for()
    assert strips.evaluate_all("(all) => all.map((one) => getComputedStyle(one).animationName)") == ["none"] * strips.count()
    assert page.evaluate("document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 1).length") == 0
    slider = page.locator(".st-key-home_film input[type=range]")
    slider.wait_for()
    at = slider.input_value()
    page.wait_for_timeout(1500)  # an animation would have taken it further
    assert slider.input_value() == at == slider.get_attribute("max")


# ---- appearance ----


def test_what_the_server_draws_follows_when_the_appearance_turns(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en", viewport=PROJECTOR, color_scheme="light")
    page.wait_for_function(DRAWN)
    ink = "() => getComputedStyle(document.querySelector('.js-plotly-plot .xtitle')).fill"
    page.locator(".js-plotly-plot .xtitle").wait_for(state="attached")
    before = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => ({ink})() !== '{before}'")
    page.wait_for_function(f"({MUTED})() === '{palette.DARK.muted}'")
