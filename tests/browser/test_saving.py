"""Taking pictures and tables home: every figure as PNG and SVG with its words, the film and the maps too, a table as CSV."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pages.ui.text import said

pytestmark = pytest.mark.browser
PNG = b"\x89PNG\r\n\x1a\n"


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, which a PNG tells in its first chunk."""
    assert png[:8] == PNG
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def saved(page, button) -> tuple[str, bytes]:
    """The name and the bytes of the file that a press brings."""
    with page.expect_download() as coming:
        button.click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


@pytest.mark.parametrize("lang", ["en", "zh-TW"])
def test_a_figure_is_saved_as_png_and_as_svg_on_the_pages_colour(visit, server, lang):
    page = visit(f"{server.address}/autoencoder?lang={lang}", lang=lang, color_scheme="dark")
    chart = page.locator(".st-key-chart_curves")
    button = chart.get_by_label(said(lang, "figure.save"), exact=True)
    page.locator(".st-key-saving .stBidiComponent").wait_for(state="attached")
    files = {}
    for choice in ("PNG", "SVG"):
        button.focus()
        page.keyboard.press("Enter")
        name, files[choice] = saved(page, chart.locator(".lab-save").get_by_role("button", name=choice))
        assert name == f"chart_curves.{choice.lower()}"
        assert chart.locator(".lab-save").count() == 0
    svg = files["SVG"].decode()
    width, height = (int(float(side)) for side in re.search(r'width="([\d.]+)" height="([\d.]+)"', svg).groups())
    assert size_of(files["PNG"]) == (2 * width, 2 * height)
    assert said(lang, "chart.epoch_axis") in svg and "rgb(20, 23, 28)" in svg


def test_the_film_is_saved_as_it_stands_with_its_words(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en")
    film = page.locator(".st-key-film")
    film.locator("output").filter(has_text=re.compile(r"\d")).wait_for()
    files = {}
    for choice in ("PNG", "SVG"):
        film.locator(".save > button").click()
        name, files[choice] = saved(page, film.locator(".save-choice").get_by_role("button", name=choice))
        assert name == f"film-images.{choice.lower()}"
    svg = files["SVG"].decode()
    width, height = (int(side) for side in re.search(r'width="(\d+)" height="(\d+)"', svg).groups())
    assert size_of(files["PNG"]) == (2 * width, 2 * height) and width > 300
    assert "<image " in svg and said("en", "film.rebuilt") in svg and "<linearGradient" in svg


def test_a_table_is_saved_with_the_numbers_that_it_shows(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en&panel=measures")
    table = page.locator(".st-key-measures_table")
    name, made = saved(page, table.get_by_role("button", name=said("en", "table.csv")))
    head, *rows = csv.reader(io.StringIO(made.decode("utf-8-sig")))
    assert name == "measures.csv" and len(head) == 2 and len(rows) == table.locator("tbody tr").count()
    assert rows[0][0] == table.locator("tbody td").first.inner_text()


def test_a_choice_closes_when_the_keyboard_leaves_it_and_with_escape_gives_the_focus_back(visit, server):
    page = visit(f"{server.address}/autoencoder?lang=en")
    film = page.locator(".film .save")
    film.get_by_role("button", name=said("en", "film.save"), exact=True).press("Enter")
    expect(film.locator(".save-choice")).to_be_visible()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(film.locator(".save-choice")).to_be_hidden()
    expect(film.locator("> button")).to_have_attribute("aria-expanded", "false")
    page.locator(".st-key-saving .stBidiComponent").wait_for(state="attached")
    button = page.locator(".st-key-chart_curves").get_by_label(said("en", "figure.save"), exact=True)
    button.press("Enter")
    page.locator(".lab-save").wait_for()
    page.keyboard.press("Escape")
    page.locator(".lab-save").wait_for(state="detached")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == said("en", "figure.save")
    button.press("Enter")
    page.locator(".lab-save").wait_for()
    for _ in range(2):
        page.keyboard.press("Tab")
    page.locator(".lab-save").wait_for(state="detached")
