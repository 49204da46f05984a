"""Tables to take home: what a spreadsheet reads of them, and that every figure is drawn, and can be saved, in one place."""

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui import tables, text
from replearn_core import claims
from replearn_core.engine import wire
from replearn_core.properties import read_answer

PAGES = Path(__file__).parents[2] / "pages"
FOUND = ("effect", "low", "high", "seeds")
DANGEROUS = re.compile(r"[=+@\t\r]|-(?!\d)")


def cells(made: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(made.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-cmd", "@sum", "\t=1", " =1", "\r=1", "=HYPERLINK(1)", "-1+2", "+886 2 1234"])
def test_text_that_a_spreadsheet_would_take_for_a_formula_gets_an_apostrophe(cell):
    assert tables.escaped(cell) == "'" + cell


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        (-0.25, "-0.25"),
        (5, "5"),
        (True, "True"),
        (None, ""),
        ("-1.5", "-1.5"),
        ("−1,230", "-1230"),
        ("2.50e−07", "2.50e-07"),
        ("−2.50 × 10⁻⁷", "-2.50e-7"),
    ],
)
def test_numbers_stay_numbers_also_those_that_were_written_for_reading(cell, kept):
    assert tables.escaped(cell) == kept


@pytest.mark.parametrize("word", ["C1 − C2", "1.05 × PCA", "99.9 %", "0 / 16", "–", "去噪", "a=b"])
def test_words_stay_as_they_are(word):
    assert tables.escaped(word) == word


@given(st.text())
def test_no_text_at_all_becomes_a_formula(cell):
    assert not DANGEROUS.match(tables.escaped(cell).lstrip(" "))


@given(
    st.lists(
        st.lists(st.text(alphabet=st.characters(exclude_characters="\x00\r")), min_size=2, max_size=2), min_size=1, max_size=5
    )
)
def test_a_file_is_read_back_cell_by_cell_whatever_the_cells_hold(rows):
    assert cells(tables.written(rows)) == [[tables.escaped(cell) for cell in row] for row in rows]


def test_a_file_begins_with_the_mark_that_spreadsheets_look_for_and_columns_stand_under_their_heads():
    made = tables.of_columns({"模型": ["甲", "乙"], "=x": [0.5, "−2"]})
    assert made.startswith(b"\xef\xbb\xbf")
    assert cells(made) == [["模型", "'=x"], ["甲", "0.5"], ["乙", "-2"]]


@pytest.mark.parametrize("lang", tuple(text.LANGUAGES))
@pytest.mark.parametrize("claim", ["C1", "C16", "C18"])
def test_a_study_has_every_measure_of_every_seed_and_every_comparison(claim, lang, monkeypatch):
    monkeypatch.setattr(text, "language", lambda: lang)
    kept = claims.shipped_answer(claims.CLAIMS[claim][0].task.id)
    assert kept is not None
    told = read_answer(wire.arrays_of(kept))
    head, *rows = cells(tables.study(told, lambda key, numbers: f"{key}!"))
    assert all(len(row) == len(head) for row in rows) and len(rows) == len(told["summary"]) + len(told["findings"])
    for row, (name, (mean, low, high, seeds)) in zip(rows, told["summary"].items()):
        assert row[0] == name and [float(cell) for cell in row[1:4]] == [mean, low, high] and int(row[4]) == seeds
        assert [float(cell) for cell in row[5:] if cell] == told["values"].get(name, [])
    for row, (key, numbers) in zip(rows[len(told["summary"]) :], told["findings"]):
        assert row[0] == f"{key}!" and float(row[1]) == numbers["effect"]


def test_every_figure_is_drawn_where_it_gets_its_words_and_its_button_for_saving():
    drawn = [path.name for path in PAGES.rglob("*.py") if re.search(r"st\.plotly_chart\(", path.read_text("utf-8"))]
    assert drawn == ["drawing.py"]


@pytest.mark.parametrize("lang", tuple(text.LANGUAGES))
def test_a_file_that_is_made_when_its_button_is_pressed_speaks_the_language_of_the_page(lang, monkeypatch):
    offered = []
    monkeypatch.setattr(tables.st, "download_button", lambda label, made, *_, **__: offered.append(made))
    monkeypatch.setattr("streamlit.session_state", {text.session.LANGUAGE: lang})
    told = {"name": "x", "settings": {}, "values": {}, "summary": {}, "findings": [("key", dict.fromkeys(FOUND, 1.0))]}
    tables.offer_study(told, lambda key, numbers: text.t("table.csv"))
    monkeypatch.setattr("streamlit.session_state", {})  # as in the thread in which Streamlit makes it: no visitor, no language
    with ThreadPoolExecutor(1) as thread:
        head, row = cells(thread.submit(offered[0]).result())
    assert head[:2] == [text.said(lang, f"table.column.{name}") for name in ("measure", "effect")]
    assert row[0] == text.said(lang, "table.csv")
