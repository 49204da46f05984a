"""Every page for everyone: axe-core in both languages, light and dark, on what opens too; phones; the keyboard; paper; motion."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from pages.ui import palette
from pages.ui.components import words
from pages.ui.menu import GROUPS
from pages.ui.text import LANGUAGES, said
from tests.browser.conftest import DRAWN, PATIENCE, move, settled, wait_for
from tests.browser.test_class import join, opened_room, to_board

pytestmark = pytest.mark.browser
PAGES = [name for group in GROUPS.values() for name in group]
GRAVE = ("serious", "critical")
APPEARANCE = {"en": "light", "zh-TW": "dark"}  # the same markup in all four: one look for each language and each appearance
INK = {"light": palette.LIGHT.muted, "dark": palette.DARK.muted}
PROJECTOR, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
# Streamlit's own markup, which no page of ours can change: axe's rule → the elements that it names, and why that is no harm.
THEIRS: dict[str, tuple[str, ...]] = {}
UNFOLD = "() => document.querySelectorAll('[data-testid=stExpander] details:not([open]) > summary').forEach((one) => one.click())"
MUTED = "() => getComputedStyle(document.documentElement).getPropertyValue('--lab-muted').trim()"
# The rules that axe calls serious or critical are all among its standard ones.
FINDINGS = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap((one) => one.nodes.map((node) =>
    [one.impact, one.id, node.target.flat().join(" "), node.html.slice(0, 160), node.failureSummary.slice(0, 240)]));
}"""
LIGHTNESS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const drawn = data.filter((_, at) => data[at - (at % 4) + 3] === 255 && at % 4 < 3);
  return drawn.reduce((sum, part) => sum + part, 0) / drawn.length;
}"""  # of what is drawn on a canvas, mean of 0 to 255
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


# Streamlit's own English labels, those of which we have the Chinese; two letters may be a sign.
THEIR_WORDS = "|".join(re.sub(r"\\\{\w+\\\}", ".+", re.escape(one)) for one, _ in words.said("zh-TW").values() if len(one) > 2)
LABELS = """() => [...document.querySelectorAll('[aria-label], [placeholder]')]
  .flatMap((one) => [one.ariaLabel, one.placeholder].filter(Boolean))"""


class Looked(NamedTuple):
    """What one visit to a page found.

    findings: axe's grave ones. labels: what only screen readers and empty boxes say. skips: the first link's words. lang: the
    document's own. sideways: px by which a phone can scroll.
    """

    findings: set[tuple[str, ...]]
    labels: list[str]
    skips: str
    lang: str
    sideways: list[int]


@pytest.fixture(scope="module")
def axe():
    """axe(page) → its grave findings on what is on screen, once that stands still."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    source = (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

    def look(page) -> set[tuple[str, ...]]:
        settled(page)
        page.evaluate(source)
        found = {tuple(one) for one in page.evaluate(FINDINGS) if one[0] in GRAVE}
        return {one for one in found if not any(part in one[2] for part in THEIRS.get(one[1], ()))}

    return look


def drawn_for(page, appearance):
    """The server has drawn for this appearance, too."""
    page.wait_for_function(f"({MUTED})() === '{INK[appearance]}'")
    settled(page)


@pytest.fixture(scope="module")
def look(chromium, server, axe):
    """look(page, lang) → Looked, one look each: the tests below ask about the same. One visitor for each language."""
    contexts = {lang: chromium.new_context(viewport=PROJECTOR, color_scheme=APPEARANCE[lang]) for lang in LANGUAGES}
    visitors = {}

    @cache
    def visit(name: str, lang: str) -> Looked:
        address = f"{server.address}/{'' if name == 'home' else name}?lang={lang}"
        if lang in visitors:
            page = visitors[lang]
            page.set_viewport_size(PROJECTOR)
            move(page, address)
        else:
            page = visitors[lang] = contexts[lang].new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(address)
        drawn_for(page, APPEARANCE[lang])
        page.evaluate(UNFOLD)
        page.wait_for_timeout(400)  # what is lazy asks the server for what it holds
        settled(page)
        found, labels = axe(page), page.evaluate(LABELS)
        skips, spoken = page.get_by_test_id("stSkipToContent").inner_text(), page.evaluate("document.documentElement.lang")
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(200)  # the page lays itself out, and charts follow
        return Looked(found, labels, skips, spoken, page.evaluate(SIDEWAYS))

    yield visit
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_on_a_page_with_all_that_folds_open(look, name, lang):
    assert look(name, lang).findings == set()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_a_page_sideways(look, name, lang):
    assert max(look(name, lang).sideways) <= 0


@pytest.mark.parametrize("name", PAGES)
def test_no_label_for_screen_readers_is_streamlits_english(look, name):
    found = look(name, "zh-TW")
    assert found.labels and [label for label in found.labels if re.fullmatch(THEIR_WORDS, label)] == []
    assert (found.skips, found.lang) == (said("zh-TW", "streamlit.skip"), "zh-TW")


# ---- what opens, and what happens ----


def test_share_and_own_data_take_the_keyboard_in_and_give_it_back_and_axe_finds_nothing_serious(visit, server, axe):
    page = visit(f"{server.address}/autoencoder?lang=en&teach=lock:variant,epochs", viewport=PROJECTOR, color_scheme="light")
    drawn_for(page, "light")
    page.locator(".st-key-share button:visible").first.focus()
    page.keyboard.press("Enter")
    page.locator(".st-key-share_shorten").wait_for()
    page.wait_for_function("() => document.activeElement.dataset.testid === 'stPopoverBody'")
    page.locator(".st-key-share_shorten button:visible").last.click()
    page.locator(".st-key-share_box img.qr").wait_for()
    settled(page)  # what folds is drawn anew with the short link, and a press before that is undone by it
    for one in page.locator(".st-key-share_box summary").all():
        one.click()
    page.locator(".st-key-share_box [data-testid=stFileUploader]").wait_for()
    assert axe(page) == set()
    page.keyboard.press("Escape")
    page.locator(".st-key-share_box").wait_for(state="detached")
    page.wait_for_function("() => document.activeElement.dataset.testid === 'stPopoverButton'")

    page.locator(".st-key-own_open_lab button:visible").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert axe(page) == set()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.wait_for_function("() => document.activeElement.closest('.st-key-own_open_lab')")

    page.locator("[data-testid=stMainMenu] button").first.click()
    page.get_by_role("menu").wait_for()
    assert axe(page) == set()


def test_axe_finds_nothing_serious_while_networks_train_with_a_pin_and_with_all_six(visit, server, axe):
    page = visit(f"{server.address}/autoencoder?lang=zh-TW&epochs=5", lang="zh-TW", viewport=PROJECTOR, color_scheme="dark")
    drawn_for(page, "dark")
    page.locator(".st-key-tool_pin button:visible").first.click()
    page.locator(".st-key-tool_six button:visible").first.click()
    page.locator(".st-key-six_panel canvas").first.wait_for()
    page.locator(".st-key-lab_notes a[title]").first.focus()  # a term shows its sentence
    assert axe(page) == set()
    page.locator(".st-key-six_csv").wait_for()  # all six have ended
    page.locator(".st-key-panel [role=radio]").last.click()
    page.locator(".st-key-measures_table table").wait_for()
    assert axe(page) == set()


def test_axe_finds_nothing_serious_in_a_lesson_and_its_print_is_light_in_all_parts(visit, server, axe):
    start = f"{server.address}/properties?part=causes&lesson=causes&step=1"
    page = visit(start, lang="zh-TW", viewport=PROJECTOR, color_scheme="dark")
    drawn_for(page, "dark")
    page.locator(".st-key-guide_go button").wait_for()
    assert axe(page) == set()
    page.locator(".st-key-guide_go button").click()  # without a choice: told
    page.locator(".st-key-guide [data-testid=stRadioOption]").first.click()
    page.locator(".st-key-guide_go button").click()
    page.locator(".st-key-guide_right, .st-key-guide_other").wait_for()
    assert axe(page) == set()
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("() => document.body.classList.contains('lab-dark-on-paper')")
    assert axe(page) == set()
    page.emulate_media(media="screen", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"


def test_a_film_is_printed_in_light_colours_and_stands_on_the_screen_in_dark_ones_again(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en&view=features", viewport=PROJECTOR, color_scheme="dark")
    drawn_for(page, "dark")
    film = page.locator(".film")
    canvas = film.locator("section.features canvas")
    canvas.wait_for()
    on_screen = canvas.evaluate(LIGHTNESS)
    assert on_screen < 128
    page.emulate_media(media="print", color_scheme="dark")
    wait_for(lambda: canvas.evaluate(LIGHTNESS) > 128)  # told with the next frame; a real print, before it is laid out
    assert film.evaluate("(one) => getComputedStyle(one).color") == "rgb(31, 36, 48)"
    page.emulate_media(media="screen", color_scheme="dark")
    wait_for(lambda: canvas.evaluate(LIGHTNESS) == on_screen)


def test_axe_finds_nothing_serious_for_a_teacher_a_student_and_the_wall(visit, server, axe):
    teacher = visit(f"{server.address}/teach?lang=en", viewport=PROJECTOR, color_scheme="light")
    link = opened_room(teacher)
    assert axe(teacher) == set()
    to_board(teacher)
    student = visit(link, "zh-TW", viewport=PHONE, color_scheme="dark")
    drawn_for(student, "dark")
    join(student, "Mia")
    assert axe(student) == set()
    field = student.locator(".st-key-class_answer_row input").first
    field.fill("16")
    student.locator(".st-key-class_answer_row button").last.click()
    teacher.locator(".st-key-board_desk", has_text="1 of 1 have answered").wait_for()
    assert axe(teacher) == set()
    code = re.search(r"room=(\w{6})", teacher.url)[1]
    teacher.goto(f"{server.address}/board?room={code}&view=projector&lang=zh-TW")
    teacher.locator(".st-key-board_projector img.qr").wait_for()
    assert axe(teacher) == set()


def test_axe_finds_nothing_serious_with_points_chosen_on_the_latent_page_in_a_frame(visit, server, axe):
    page = visit(f"{server.address}/latent?lang=en&embed=true&maps=run:pca", viewport=PROJECTOR, color_scheme="light")
    drawn_for(page, "light")
    page.locator(".st-key-latent_draw button").last.click()
    points = page.locator(".stage .over").first
    points.wait_for()
    points.focus()
    for key in ("ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name=said("en", "latent.draw")).click()
    page.wait_for_timeout(400)  # what is chosen is told to the server, which draws it below
    assert axe(page) == set()


# ---- the keyboard ----


@pytest.mark.parametrize("name", ["autoencoder", "latent", "properties"])
def test_the_tab_key_reaches_every_control_in_sight_and_each_shows_that_it_has_the_focus(visit, server, name):
    page = visit(f"{server.address}/{name}?lang=en", viewport=PROJECTOR)
    settled(page)
    page.evaluate(KEYBOARD)
    reached, hidden = set(), []
    for _ in range(2):  # what was drawn anew in the meantime is another control
        controls = set(page.evaluate("controls()"))
        for _ in range(2 * len(controls)):
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
    slider = page.locator(".st-key-home_film input[type=range]:not([max='0'])")
    slider.wait_for()  # the recorded moments have come
    at = slider.input_value()
    page.wait_for_timeout(1500)  # an animation would have taken it elsewhere
    assert slider.input_value() == at == slider.get_attribute("max")


# ---- appearance ----


def test_all_that_is_drawn_follows_when_the_systems_appearance_turns(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en", viewport=PROJECTOR, color_scheme="light")
    page.wait_for_function(DRAWN)
    ground = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    assert page.evaluate(ground) == "rgb(251, 250, 247)"
    ink = "() => [...document.querySelectorAll('.js-plotly-plot .xtitle')].map((one) => getComputedStyle(one).fill)[0] ?? ''"
    page.locator(".js-plotly-plot .xtitle").wait_for(state="attached")
    before = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => !['', '{before}'].includes(({ink})())")  # a chart is gone for a moment where it is drawn anew
    page.wait_for_function(f"({MUTED})() === '{palette.DARK.muted}'")
    assert page.evaluate(ground) == "rgb(20, 23, 28)"
