"""Figures show exactly the numbers of the events: values, colours by meaning, dashes, and lines at the right epochs."""

import math

import numpy as np
import plotly.graph_objects as go
import pytest

from pages.ui import charts, palette, plot
from pages.ui.charts import Segment
from replearn_core.events import Baseline, Progress

TEXTS = {key: f"<{key}>" for key in charts.TEXT_KEYS}
BOTH = pytest.mark.parametrize("dark", [False, True])


def moment(epoch, **training):
    weighted = {name: value / 2 for name, value in training.items()}
    held_out = {name: value + 0.25 for name, value in training.items()}
    held_out_weighted = {name: value / 2 for name, value in held_out.items()}
    measures = {"l0": 1 / epoch, "hoyer": 0.3, "dead": float(epoch)}
    return Progress(float(epoch), epoch * 0.01, training, weighted, held_out, held_out_weighted, measures)


def run(epochs, title="Sparse", **fields):
    return Segment(title, [moment(e, squared_error=20 / e, kl_sparsity=5 / e) for e in epochs], **fields)


def loss(segments, **changed):
    return charts.loss_curves(segments, **{"cursor": None, "texts": TEXTS, "dark": False} | changed)


def lines(figure):
    return [trace for trace in figure.data if trace.x is not None and list(trace.x) != [None]]


def the(figure, group, dash, width=charts.LINE):
    (found,) = [t for t in lines(figure) if (t.legendgroup, t.line.dash, t.line.width) == (group, dash, width)]
    return found


def vertical(figure):
    return [shape for shape in figure.layout.shapes if shape.x0 == shape.x1]


# ---- loss curves ----


def test_training_is_solid_and_held_out_dashed_with_the_events_own_numbers():
    figure = loss([run([1, 2, 4])])
    solid, dashed = the(figure, "squared_error", "solid"), the(figure, "squared_error", "dash")
    assert list(solid.x) == list(dashed.x) == [1.0, 2.0, 4.0]
    assert list(solid.y) == [20.0, 10.0, 5.0]
    assert list(dashed.y) == [20.25, 10.25, 5.25]


def test_weighted_curves_show_the_terms_as_they_enter_the_objective():
    figure = loss([run([1, 2])], weighted=True)
    assert list(the(figure, "kl_sparsity", "solid").y) == [2.5, 1.25]
    assert list(the(figure, "kl_sparsity", "dash").y) == [2.625, 1.375]
    assert figure.layout.yaxis.title.text == "<weighted_axis>"


@BOTH
def test_a_term_has_the_colour_of_its_meaning_in_every_run(dark):
    figure = loss([run([1, 2]), run([1, 2], "Old", pinned=True)], dark=dark)
    for trace in lines(figure):
        meaning = {"squared_error": "reconstruction", "kl_sparsity": "sparsity"}[trace.legendgroup]
        assert trace.line.color == palette.meaning(meaning, dark)


def test_a_pinned_run_is_thin_and_each_term_stands_in_the_legend_once():
    figure = loss([run([1, 2]), run([1, 3], "Old", pinned=True)])
    assert list(the(figure, "squared_error", "solid", charts.THIN).x) == [1.0, 3.0]
    named = [trace.legendgroup for trace in lines(figure) if trace.showlegend]
    assert named == ["squared_error", "kl_sparsity"]
    keys = [(trace.name, trace.line.dash, trace.line.width) for trace in figure.data if list(trace.x) == [None]]
    assert keys == [
        ("<training>", "solid", charts.LINE),
        ("<held_out>", "dash", charts.LINE),
        ("<pinned>", "solid", charts.THIN),
    ]


def test_a_term_that_only_the_second_run_has_still_stands_in_the_legend():
    other = Segment("Contractive", [moment(1, squared_error=3.0, contraction=1.0)], pinned=True)
    named = [trace.legendgroup for trace in lines(loss([run([1, 2]), other])) if trace.showlegend]
    assert set(named) == {"squared_error", "kl_sparsity", "contraction"}


def test_a_continuation_goes_on_in_the_same_line_after_a_marked_one():
    figure = loss([run([1, 2, 3]), run([4, 5], "Sparse", begins=3.0, label="λ 0.1 → 0.3")], cursor=None)
    assert list(the(figure, "squared_error", "solid").x) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [shape.x0 for shape in vertical(figure)] == [3.0]
    (note,) = figure.layout.annotations
    assert (note.x, note.text) == (3.0, "λ 0.1 → 0.3")


def test_a_term_switched_on_by_a_continuation_begins_at_its_own_first_moment():
    plain = Segment("A", [moment(1, squared_error=9.0), moment(2, squared_error=8.0)])
    figure = loss([plain, Segment("A", [moment(3, squared_error=7.0, contraction=1.5)], begins=2.0)])
    assert list(the(figure, "contraction", "solid").y) == [None, None, 1.5]
    assert list(the(figure, "squared_error", "solid").y) == [9.0, 8.0, 7.0]


def test_the_cursor_is_a_line_of_the_accent_colour_at_its_epoch():
    (cursor,) = vertical(loss([run([1, 2, 3])], cursor=2.0))
    assert (cursor.x0, cursor.line.color) == (2.0, palette.LIGHT.accent)
    assert vertical(loss([run([1, 2, 3])], cursor=None)) == []


@pytest.mark.parametrize("log_y", [False, True])
def test_the_baselines_lie_at_their_errors_and_their_words_beside_them(log_y):
    figure = loss([run([1, 2])], baseline=Baseline(pca_error=3.5, mean_error=52.6), log_y=log_y)
    level = [shape.y0 for shape in figure.layout.shapes if shape.y0 == shape.y1]
    assert level == [3.5, 52.6]
    words = {note.text: note.y for note in figure.layout.annotations}
    expected = {"&lt;pca&gt; 3.50": 3.5, "&lt;constant&gt; 52.6": 52.6}
    assert words.keys() == expected.keys()
    for text, value in expected.items():
        assert words[text] == pytest.approx(math.log10(value) if log_y else value)


def test_a_squared_error_baseline_is_not_drawn_beside_a_cross_entropy():
    other = Segment("VAE", [moment(1, cross_entropy=100.0), moment(2, cross_entropy=90.0)])
    assert loss([other], baseline=Baseline(3.5, 52.6)).layout.shapes == ()


def test_zoom_survives_new_moments_but_not_another_scale():
    short, long = loss([run([1, 2])]), loss([run([1, 2, 3])])
    assert short.layout.uirevision == long.layout.uirevision
    assert loss([run([1, 2])], log_y=False).layout.uirevision != short.layout.uirevision


def test_a_value_that_is_not_finite_leaves_a_gap_and_markup_in_a_title_stays_text():
    broken = Segment("<b>mine</b>", [moment(1, squared_error=2.0), moment(2, squared_error=math.inf)])
    trace = the(loss([broken]), "squared_error", "solid")
    assert list(trace.y) == [2.0, None]
    assert "<b>" not in trace.hovertemplate and "&lt;b&gt;mine" in trace.hovertemplate


def test_no_run_gives_an_empty_figure_and_says_so():
    assert lines(loss([])) == []
    assert charts.describe_loss_curves([], cursor=None) == ("no_curves", {})
    assert charts.describe_loss_curves([Segment("A", [])], cursor=None) == ("no_curves", {})


def test_the_finding_of_the_curves_is_the_held_out_error_at_the_cursor():
    key, numbers = charts.describe_loss_curves([run([1, 2, 4])], cursor=3.0)
    assert key == "loss_alt"
    assert numbers == {
        "title": "Sparse",
        "term": "squared_error",
        "epoch": "2",
        "now": "10.2",
        "training": "10.0",
        "first": "20.2",
    }
    assert charts.describe_loss_curves([run([1, 2, 4])], cursor=None)[1]["epoch"] == "4"


# ---- spectrum and histogram ----


def test_a_spectrum_keeps_its_values_on_a_log_axis_and_pinned_runs_thin():
    series = [("Contractive", np.array([2.0, 1.0, 0.15, 0.0], np.float32), False), ("Old", np.array([3.0]), True)]
    figure = charts.spectrum(series, texts=TEXTS, dark=False)
    assert list(figure.data[0].x) == [1, 2, 3] and list(figure.data[0].y) == pytest.approx([2.0, 1.0, 0.15])
    assert [trace.line.width for trace in figure.data] == [charts.LINE, charts.THIN]
    assert figure.layout.yaxis.type == "log"
    assert charts.describe_spectrum(series) == (
        "spectrum_alt",
        {"title": "Contractive", "largest": "2.00", "strong": 2, "count": 4},
    )


def test_a_histogram_draws_each_bin_over_its_own_width_and_tells_the_share_at_zero():
    counts, edges = np.array([6, 3, 1]), np.array([0.0, 0.1, 0.3, 1.0], np.float32)
    (bars,) = charts.histogram(counts, edges, texts=TEXTS, dark=True).data
    assert list(bars.y) == [6, 3, 1]
    assert list(bars.x) == pytest.approx([0.05, 0.2, 0.65]) and list(bars.width) == pytest.approx([0.1, 0.2, 0.7])
    assert charts.describe_histogram(counts, edges) == ("histogram_alt", {"share": "60.0", "low": "0", "high": "1.00"})
    assert charts.describe_histogram(np.zeros(3), edges) == ("no_histogram", {})


# ---- measures ----


def test_a_measure_is_drawn_for_every_run_with_the_cursor():
    segments = [run([1, 2, 4]), run([5], begins=4.0, label="more"), run([1, 2], "Old", pinned=True)]
    figure = charts.measure_lines(segments, "l0", cursor=2.0, texts=TEXTS, dark=False)
    assert [list(trace.y) for trace in figure.data] == [[1.0, 0.5, 0.25, 0.2], [1.0, 0.5]]
    assert [shape.x0 for shape in vertical(figure)] == [4.0, 2.0]
    key, numbers = charts.describe_measure_lines(segments, "l0", cursor=2.0)
    assert (key, numbers["now"], numbers["first"], numbers["epoch"]) == ("measure_alt", "0.500", "1.00", "2")


# ---- all figures ----


@BOTH
def test_every_figure_wears_the_theme_and_the_font_of_the_app(dark):
    drawn = [
        loss([run([1, 2])], dark=dark),
        charts.spectrum([("A", np.array([1.0]), False)], texts=TEXTS, dark=dark),
        charts.histogram(np.array([1]), np.array([0.0, 1.0]), texts=TEXTS, dark=dark),
        charts.measure_lines([run([1, 2])], "dead", cursor=None, texts=TEXTS, dark=dark),
    ]
    for figure in drawn:
        assert figure.layout.font.family == palette.FONT
        assert figure.layout.font.color == palette.theme(dark).text
        assert figure.layout.xaxis.title.text, "every horizontal axis has its words"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (12.345, "12.3"), (0.5, "0.500"), (123.4, "123"), (4321.0, "4,321"), (-4321.0, "−4,321"), (-0.5, "−0.500")),
        *((1e-5, "1.0 × 10⁻⁵"), (-1e-5, "−1.0 × 10⁻⁵"), (3.57e-17, "0"), (-3.57e-17, "0"), (float("nan"), "–")),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    assert plot.three(value) == text


def test_a_long_title_below_long_labels_is_set_in_lines_that_a_phone_has_room_for():
    note, margin = plot.under("MIG: 0 no factor has a unit of its own, 1 every factor has one", dark=False)
    lines = note["text"].split("<br>")
    assert len(lines) == 2 and all(len(line) <= plot.WIDEST for line in lines)
    assert margin["b"] > plot.under("AUC", dark=False)[1]["b"]


def test_a_figure_that_many_draw_hands_out_the_same_values_each_time():
    figure = loss([run([1, 2, 4])])
    assert figure.to_dict() is figure.to_dict()
    assert figure.to_dict() == go.Figure(figure).to_dict()


def test_a_row_shows_every_seed_and_an_interval_from_its_low_end_to_its_high_one():
    seeds, mean = plot.seeds_row(3, [1.0, 2.0, 6.0], (3.0, 0.5, 5.0), "#112233", "star", "a <b>")
    assert seeds["x"] == [1.0, 2.0, 6.0] and set(seeds["y"]) == {3.22}
    assert mean["x"] == [3.0] and (3.0 - mean["error_x"]["arrayminus"][0], 3.0 + mean["error_x"]["array"][0]) == (0.5, 5.0)
    assert "&lt;b&gt;" in mean["hovertemplate"] and not go.Figure([seeds, mean]).data[1].showlegend


def test_a_band_goes_round_between_its_curves_and_needs_more_than_one_place():
    (around,) = plot.band([1.0, 2.0], [0.0, 1.0], [5.0, 6.0], "#112233", "one")
    assert list(zip(around["x"], around["y"])) == [(1.0, 5.0), (2.0, 6.0), (2.0, 1.0), (1.0, 0.0)]
    assert plot.band([1.0], [0.0], [5.0], "#112233", "one") == []
