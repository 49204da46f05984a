"""On a Chinese page Streamlit speaks Chinese: its uploader, its lists and its menu.

`test_accessibility.py` has the labels for screen readers.
"""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.text import LANGUAGES, said
from tests.browser.conftest import DRAWN, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything

UPLOADERS = ("malware?part=own", "notifications?part=own")
# What a visitor sees in an uploader beside its label: texts, and what the style writes before and after an element.
SEEN = """uploader => [uploader, ...uploader.querySelectorAll('*')]
  .filter((one) => !one.closest('[data-testid=stWidgetLabel], [data-testid=stIconMaterial], svg'))
  .flatMap((one) => [
    ...[...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && one.clientHeight > 1
      && one.checkVisibility({ visibilityProperty: true })).map((node) => node.nodeValue),
    ...['::before', '::after'].map((side) => getComputedStyle(one, side).content).filter((said) => said.startsWith('"')),
  ]).join(' ')"""
ENGLISH = re.compile(r"[A-Za-z]{3,}")


def zh(key: str, **numbers) -> str:
    return said("zh-TW", key, **numbers)


def opened(visit, server, page: str, **options):
    there = visit(f"{server.address}/{page}", "zh-TW", **options)
    there.wait_for_function(DRAWN)
    return there


@pytest.mark.parametrize("name", UPLOADERS)
def test_no_english_word_of_the_uploader_is_visible(visit, server, name):
    uploader = opened(visit, server, name).get_by_test_id("stFileUploader").first
    expect(uploader.get_by_test_id("stBaseButton-secondary")).to_have_accessible_name(zh("uploader.choose"))
    shown = uploader.evaluate(SEEN)
    assert zh("uploader.choose") in shown and zh("uploader.drop") in shown
    assert ENGLISH.findall(shown) == []


def test_the_dialog_for_own_data_and_the_door_for_bundles_speak_chinese_too(visit, server):
    page = opened(visit, server, "autoencoder")
    page.get_by_role("button", name=zh("own.open"), exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_test_id("stFileUploader").get_by_test_id("stBaseButton-secondary")).to_be_visible()
    assert ENGLISH.findall(dialog.get_by_test_id("stFileUploader").evaluate(SEEN)) == []
    dialog.get_by_role("button", name=zh("streamlit.close"), exact=True).click()
    page.locator(".st-key-share_place button").first.click()
    page.get_by_text(zh("share.bundle"), exact=True).click()
    uploader = page.get_by_test_id("stFileUploader")
    expect(uploader.get_by_test_id("stBaseButton-secondary")).to_be_visible()
    assert ENGLISH.findall(uploader.evaluate(SEEN)) == []


def test_a_file_that_is_not_taken_is_refused_in_chinese_without_a_pointer(visit, server):
    page = opened(visit, server, "notifications?part=own")
    uploader = page.get_by_test_id("stFileUploader")
    uploader.locator("input").set_input_files({"name": "1.bin", "mimeType": "application/octet-stream", "buffer": b"123"})
    expect(uploader.get_by_test_id("stFileChip")).to_be_visible()
    assert zh("uploader.refused") in uploader.evaluate(SEEN)
    expect(uploader.get_by_role("alert")).to_have_text(
        zh("streamlit.error_before") + zh("streamlit.kind", kind="application/octet-stream")
    )
    expect(uploader.get_by_role("button", name=zh("streamlit.remove", name="1.bin"))).to_be_attached()


def test_lists_hints_and_the_menu_answer_in_chinese_and_in_english_again_after_the_switch(visit, server):
    page = opened(visit, server, "autoencoder")
    box = page.locator("[data-testid=stSelectbox] input").first
    box.click()
    page.keyboard.type("zzz")
    expect(page.get_by_test_id("stSelectboxVirtualDropdown")).to_contain_text(zh("streamlit.none"))
    page.keyboard.press("Escape")
    knob = page.get_by_test_id("stNumberInput").first
    knob.locator("input").fill("99999999")
    knob.locator("input").blur()
    expect(knob.get_by_role("alert")).to_contain_text(zh("streamlit.outside", low="1", high="2048"))
    page.get_by_role("button", name=zh("streamlit.menu")).click()
    menu = page.get_by_test_id("stMainMenuPopover")
    for word in ("system", "light", "dark", "print"):
        expect(menu).to_contain_text(zh(f"streamlit.{word}"))
    page.keyboard.press("Escape")
    page.get_by_text("English", exact=True).click()
    expect(page.get_by_test_id("stSkipToContent")).to_have_text("Skip to main content")
    expect(page.get_by_test_id("stNumberInputStepUp").first).to_have_attribute("aria-label", "Increment")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_column_that_is_called_like_a_word_of_streamlits_keeps_its_name(visit, server):
    page = opened(visit, server, "autoencoder")
    page.get_by_role("button", name=zh("own.open"), exact=True).click()
    dialog = page.get_by_role("dialog")
    rows = "\n".join(f"{i},{i % 7},{i % 5}" for i in range(200))
    table = {"name": "1.csv", "mimeType": "text/csv", "buffer": f"Open,Close,Print\n{rows}".encode()}
    dialog.locator("input[type=file]").set_input_files(table)
    chosen = dialog.get_by_test_id("stMultiSelect")
    expect(chosen).to_contain_text("Open")
    expect(chosen.get_by_role("button", name=zh("streamlit.remove", name="Open"), exact=True)).to_be_visible()
    for name in ("Open", "Close", "Print"):
        expect(chosen.get_by_text(name, exact=True)).to_be_visible()
    preview = dialog.get_by_test_id("stDataFrame").first
    preview.scroll_into_view_if_needed()
    box = preview.bounding_box()
    menu = page.get_by_test_id("stDataFrameColumnMenu")
    expect(preview.locator("canvas").first).to_be_visible()
    wait_for(lambda: press_head(page, box) and menu.is_visible())
    menu.get_by_role("menuitem").filter(has_text=zh("streamlit.statistics")).hover()
    numbers = page.get_by_test_id("stDataFrameStatisticsMetrics")
    for key in ("values", "empty", "distinct"):
        expect(numbers.get_by_text(zh(f"streamlit.statistic_{key}"), exact=True)).to_be_visible()
    assert not ENGLISH.search(numbers.inner_text())


def press_head(page, box) -> bool:
    """A press of the mark for the menu of a preview's first column, one of three that are as wide."""
    page.mouse.move(box["x"] + box["width"] / 3 - 24, box["y"] + 17)
    page.wait_for_timeout(200)
    page.mouse.click(box["x"] + box["width"] / 3 - 12, box["y"] + 17)
    page.wait_for_timeout(500)
    return True


def test_a_lost_connection_is_told_in_chinese_and_nothing_is_written_again_and_again(tabs, fresh_server):
    # not `visit`: a console rightly complains of a server that is gone
    page = tabs.open(f"{fresh_server.address}/glossary", [], locale="zh-TW", viewport={"width": 1440, "height": 900})
    page.wait_for_function(DRAWN)
    fresh_server.stop()
    expect(page.get_by_test_id("stConnectionStatus")).to_have_text(zh("streamlit.connecting"))
    expect(page.get_by_test_id("stDialog")).to_contain_text(zh("streamlit.lost"))
    expect(page.get_by_test_id("stDialog")).to_contain_text(zh("streamlit.gone"))
    page.evaluate(
        """() => {
          window.written = 0;
          new MutationObserver((found) => (window.written += found.length))
            .observe(document.body, { subtree: true, characterData: true, attributes: true, attributeFilter: ["aria-label"] });
        }"""
    )
    page.wait_for_timeout(1500)
    assert page.evaluate("window.written") == 0
    tabs.leave()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_words_are_set_in_the_fonts_that_the_app_serves_whatever_is_installed(visit, server, lang):
    page = visit(f"{server.address}/lessons?lang={lang}", lang)
    tools = page.context.new_cdp_session(page)
    tools.send("DOM.enable")
    tools.send("CSS.enable")

    def fonts(place: str) -> list[dict]:
        root = tools.send("DOM.getDocument")["root"]["nodeId"]
        node = tools.send("DOM.querySelector", {"nodeId": root, "selector": place})["nodeId"]
        return tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]

    for place in ("h1", "[data-testid=stMain] p", "[data-testid=stMain] strong"):
        page.locator(place).first.wait_for()
        wait_for(lambda place=place: (found := fonts(place)) and all(one["isCustomFont"] for one in found))
