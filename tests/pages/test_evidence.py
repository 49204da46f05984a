"""The evidence page without a browser: all claims, plain verdicts, checked links, intervals drawn where they are, safe CSV."""

import csv
import io
import re
from functools import partial
from pathlib import Path

import pytest

from pages.ui import tables, text
from pages.ui.evidence import card, told
from pages.ui.evidence import papers as shown_papers
from replearn_core import claims, papers
from replearn_core.claims import Effect, Measured
from replearn_core.experiment import Experiment
from tests.pages import opening
from tests.pages.opening import shown

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)
EFFECTS = [(claim, effect) for claim, effects in claims.CLAIMS.items() for effect in effects]


opened = partial(opening.opened, "evidence")


def measured(low: float, high: float, expected: str = "higher") -> Measured:
    effect = Effect("study:smooth", "smooth.jacobian", expected)  # type: ignore[arg-type]
    return Measured(effect, (low + high) / 2, low, high, 5, "2030-01-02")


# ---- the page ----


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_claim_stands_there_in_the_lectures_order_with_its_sentence(lang):
    app = opened(lang)
    assert not app.exception and not app.error
    heads = [line.split("**")[1] for line in shown(app) if re.match(r"\*\*C\d+\*\*", line)]
    assert heads == [f"C{number}" for number in range(1, 27)]
    for claim in heads:
        assert f"**{claim}**\u2003{text.said(lang, f'claim.{claim}.sentence')}" in shown(app)
    assert not [line for line in shown(app) if "evidence." in line or "claim." in line]


def test_a_claim_without_evidence_says_so():
    without = [claim for claim in claims.LECTURE if told.verdict_of(claim) == "none"]
    told_so = [line for line in shown(opened()) if text.said("en", "evidence.says.none") in line]
    assert len(told_so) == len(without)


@pytest.mark.parametrize("verdict", told.VERDICTS)
def test_a_link_shows_the_claims_of_one_verdict(verdict):
    app = opened(verdict=verdict)
    heads = [line.split("**")[1] for line in shown(app) if re.match(r"\*\*C\d+\*\*", line)]
    assert heads == [claim for claim in claims.LECTURE if told.verdict_of(claim) == verdict]
    assert app.query_params["verdict"] == verdict
    assert bool(heads) or text.said("en", "evidence.empty") in shown(app)


@pytest.mark.parametrize(("query", "item"), [({"verdict": "perhaps"}, "perhaps"), ({"nonsense": "red"}, "nonsense")])
def test_a_link_that_makes_no_sense_is_told_and_everything_is_shown(query, item):
    app = opened(**query)
    assert any(item in line for line in shown(app)) and not app.exception
    assert "verdict" not in app.query_params
    assert len([line for line in shown(app) if re.match(r"\*\*C\d+\*\*", line)]) == 26


# ---- what is said ----


def test_every_part_of_the_lecture_has_its_claims_once():
    numbers = [number for part in told.PARTS.values() for number in part]
    assert numbers == list(range(1, 27)) and [f"C{n}" for n in numbers] == list(claims.LECTURE)
    assert list(claims.CLAIMS) == [claim for claim in claims.LECTURE if claim in claims.CLAIMS]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("claim", claims.CLAIMS)
def test_every_comparison_is_said_in_words_with_its_numbers(claim, lang, monkeypatch):
    monkeypatch.setattr(text, "language", lambda: lang)
    for one in told.measured(claim):
        said = told.label(one)
        assert said != one.effect.finding and "{" not in said


@pytest.mark.parametrize(("claim", "effect"), EFFECTS, ids=lambda one: getattr(one, "finding", one))
def test_every_link_leads_to_a_page_whose_words_are_there(claim, effect):
    page, query = told.place(effect.link)
    assert text.has(f"home.part.{page}.name") and (ROOT / "pages" / f"{page}.py").is_file()
    if page == "autoencoder":
        assert Experiment.from_query(query)[1] == ()


@pytest.mark.parametrize("claim", claims.CLAIMS)
def test_where_the_seeds_disagree_with_the_lecture_the_page_says_why(claim):
    if told.verdict_of(claim) in ("partly", "not_shown"):
        assert text.has(f"claim.{claim}.when"), claim


def test_a_side_is_told_from_the_interval_and_what_the_lecture_expects():
    assert told.side(measured(0.1, 0.3)) == "expected" and told.side(measured(0.1, 0.3, "lower")) == "opposite"
    assert told.side(measured(-0.1, 0.3)) == "unclear" and told.side(measured(-0.3, -0.1, "lower")) == "expected"


def test_a_claim_whose_settings_have_changed_has_no_evidence(monkeypatch):
    monkeypatch.setattr(claims, "evidence", lambda claim: None)
    assert told.verdict_of("C1") == "none" and told.measured("C1") == ()


# ---- the picture ----


def places(one: Measured) -> dict[str, float]:
    """left and width of each mark, in percent."""
    html = card.strip(one)
    found = {name: float(left) for name, left in re.findall(r"class='(half|dot)' style='left:([\d.]+)%", html)}
    left, width = re.search(r"class='bar' style='left:([\d.]+)%;width:([\d.]+)%", html).groups()
    return found | {"low": float(left), "high": float(left) + float(width)}


def test_the_interval_is_drawn_to_scale_with_zero_in_the_middle():
    at = places(measured(0.5, 1.0))
    assert at["high"] == pytest.approx(50 + 50 / 1.08, abs=0.02) and at["low"] == pytest.approx(50 + 25 / 1.08, abs=0.02)
    assert at["dot"] == pytest.approx((at["low"] + at["high"]) / 2, abs=0.02)
    assert places(measured(-1.0, 1.0))["dot"] == 50
    assert places(measured(-4.0, -2.0))["high"] < 50


def test_the_half_that_the_lecture_expects_is_shaded():
    assert places(measured(0.1, 0.2))["half"] == 50 and places(measured(0.1, 0.2, "lower"))["half"] == 0


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (1e-12, 1e-12), (1e9, 2e9)])
def test_an_interval_of_any_size_stays_inside_its_strip(low, high):
    at = places(measured(low, high))
    assert 0 <= at["low"] <= at["high"] <= 100.6 and 0 <= at["dot"] <= 100


def test_a_picture_says_its_numbers_to_those_who_do_not_see_it():
    assert "aria-label='Effect 0.2, 95 % interval 0.1 to 0.3.'" in card.strip(measured(0.1, 0.3))


# ---- the table to take home ----


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-cmd", "@sum", "\t=1", " =1", "\r=1"])
def test_text_that_a_spreadsheet_would_take_for_a_formula_is_escaped(cell):
    assert tables.escaped(cell) == "'" + cell


def test_numbers_stay_numbers_and_words_stay_words():
    assert tables.escaped(-0.25) == "-0.25" and tables.escaped(5) == "5" and tables.escaped("C1 − C2") == "C1 − C2"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_has_every_comparison_with_its_shipped_numbers(lang, monkeypatch):
    monkeypatch.setattr(text, "language", lambda: lang)
    head, *rows = csv.reader(io.StringIO(told.as_csv(claims.LECTURE).decode("utf-8-sig")))
    assert len(head) == len(told.COLUMNS) and all(len(row) == len(head) for row in rows)
    wanted = [(claim, one) for claim in claims.LECTURE for one in told.measured(claim) or (None,)]
    assert [row[0] for row in rows] == [claim for claim, _ in wanted]
    for row, (_, one) in zip(rows, wanted):
        if one is not None:
            assert (float(row[5]), float(row[6]), float(row[7]), int(row[8])) == (one.mean, one.low, one.high, one.seeds)
            assert row[9] == one.date and row[10] == one.effect.link


# ---- the papers' tables ----

CELL = re.compile(r"<(?:th scope='row'|td class='(?P<side>\w+)' data-label='(?P<label>[^']*)')>(?P<inner>.*?)</t[hd]>")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("table", papers.TABLES.values(), ids=lambda table: table.name)
def test_a_papers_table_says_everything_in_words_and_fills_every_cell(table, lang, monkeypatch):
    monkeypatch.setattr(text, "language", lambda: lang)
    found = papers.shipped(table.name)
    assert found is not None
    rows = re.findall(r"<tr>(.*?)</tr>", shown_papers.figures(table, found))[1:]
    assert len(rows) == len(table.rows)
    wanted = shown_papers.columns(table)
    for row, line in zip(table.rows, rows):
        cells = list(CELL.finditer(line))[1:]
        assert len(cells) == len(wanted) and all(cell["label"] for cell in cells)
        for (measure, side), cell in zip(wanted, cells):
            quoted = side == "here" or measure in row.paper or text.has(f"papers.{table.name}.says.{row.name}")
            assert (cell["side"], cell["inner"] == "–") == ((side, False) if quoted else ("none", True))
            known = found.ours(row.name, measure)
            if side == "here" and known is not None and known.low < known.high:
                scale = shown_papers.SCALES.get((measure, side), 1)
                ends = (shown_papers.digits(measure, end * scale) for end in (known.mean, known.low, known.high))
                assert all(end in cell["inner"] for end in ends)
    told_here = shown_papers.figures(table, found) + shown_papers.agreement(table, found) + shown_papers.setup(table)
    told_here += shown_papers.made(table, found)
    for key in ("title", "question", "note"):
        assert text.has(f"papers.{table.name}.{key}")
    assert "papers." not in told_here and "{" not in told_here


@pytest.mark.parametrize(
    ("measure", "figure", "said"),
    [
        ("jacobian", 0.73e-4, "0.73 × 10⁻⁴"),
        ("jacobian", 5.00e-4, "5.00 × 10⁻⁴"),
        ("jacobian", 17.5e-4, "17.5 × 10⁻⁴"),
        ("error", 1.30, "1.30 %"),
        ("squared_error", 13.87, "13.87"),
        ("squared_error", 3.00, "3.00"),
    ],
)
def test_a_quoted_figure_stands_as_the_paper_prints_it(measure, figure, said):
    assert shown_papers.value(measure, "paper", figure) == said


def test_a_share_is_percent_and_a_range_has_both_ends():
    assert shown_papers.value("share", "here", 0.5) == "50.0 %" and shown_papers.value("1", "paper", 1.6, 2.1) == "+1.60 … +2.10"
    assert shown_papers.value("error", "paper") == "" and shown_papers.value("error", "here", 2.0) == "2.00 %"


def test_a_gain_carries_its_sign():
    assert shown_papers.value("1", "here", 0.25) == "+0.25" and shown_papers.value("1", "here", -0.25) == "−0.25"


@pytest.mark.parametrize("table", papers.TABLES.values(), ids=lambda table: table.name)
def test_every_expectation_is_judged_by_the_shipped_numbers(table):
    found = papers.shipped(table.name)
    assert found is not None
    items = re.findall(r"<li class='(\w+)'>", shown_papers.agreement(table, found))
    assert items == [found.side(one) for one in table.expected]


@pytest.mark.parametrize("table", papers.TABLES.values(), ids=lambda table: table.name)
def test_a_tables_experiment_opens_on_a_page_that_takes_its_settings(table):
    page, query = shown_papers.place(table)
    assert (ROOT / "pages" / f"{page}.py").is_file()
    if page == "autoencoder":
        experiment, problems = Experiment.from_query(query)
        assert problems == () and experiment.dataset == "mnist" and experiment.epochs == table.settings.epochs


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_shows_the_tables_below_the_claims(lang):
    app = opened(lang)
    assert not app.exception
    said = shown(app)
    for name in papers.TABLES:
        assert any(text.said(lang, f"papers.{name}.title") in line for line in said)
        assert text.said(lang, f"papers.{name}.note") in said
    assert not [line for line in said if "papers." in line and "papers.csv" not in line]


def test_a_table_that_was_never_computed_says_how_to(monkeypatch):
    monkeypatch.setattr(papers, "shipped", lambda name: None)
    said = shown(opened())
    for name in papers.TABLES:
        assert text.said("en", "papers.none", name=name) in said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_papers_table_to_take_home_has_every_figure_as_computed(lang, monkeypatch):
    monkeypatch.setattr(text, "language", lambda: lang)
    head, *rows = csv.reader(io.StringIO(shown_papers.as_csv().decode("utf-8-sig")))
    assert len(head) == len(shown_papers.CSV) and all(len(row) == len(head) for row in rows)
    wanted = [(table, row, measure) for table in papers.TABLES.values() for row in table.rows for measure in table.measures]
    assert len(rows) == len(wanted)
    for line, (table, row, measure) in zip(rows, wanted):
        known = papers.shipped(table.name).ours(row.name, measure)
        assert [float(cell) for cell in line[4:7]] == [known.mean, known.low, known.high] and int(line[7]) == known.seeds
        paper = row.paper.get(measure, ())
        assert line[3] == ("" if not paper else repr(paper[0]) if len(paper) == 1 else " … ".join(map(str, paper)))
