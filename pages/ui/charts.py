"""Numbers to plotly figures: `live.py` and the pages hand over events and arrays, and get a figure and its finding in words.

Nothing here knows streamlit. Draw with `drawing.draw`: the themes are those of `palette.py`. A figure's
zoom survives the next poll because its `uirevision` depends on what is drawn and not on how far it has come. Each function has a
`describe_…` beside it that returns (text key, numbers); words come in as `texts`, by the keys of TEXT_KEYS.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui import palette, plot
from pages.ui.plot import epoch_text, finite, plain, three
from replearn_core.events import Baseline, Progress

Texts = Mapping[str, str]
Finding = tuple[str, dict[str, Any]]

TEXT_KEYS = (
    *("epoch_axis", "loss_axis", "weighted_axis", "training", "held_out", "pinned", "pca", "constant"),
    *("spectrum_axis", "rank_axis", "value_axis", "count_axis"),
    *("l0", "hoyer", "dead", "l0_axis", "hoyer_axis", "dead_axis", "no_curves", "no_spectrum", "no_histogram", "no_measures"),
    *("squared_error", "cross_entropy", "l1", "kl_sparsity", "contraction", "gaussian_kl", "prediction"),
    *("loss_alt", "loss_alt_first", "spectrum_alt", "histogram_alt", "measure_alt"),
)
MEASURES = ("l0", "hoyer", "dead")
TRAINING, HELD_OUT = "solid", "dash"
LINE, THIN = 2.2, 1.1


@dataclass(frozen=True)
class Segment:
    """The recorded moments of one run, or of one member of a lineage.

    begins: the epoch at which this one continues the one before it in the list, and so shares its lines; None = a run of its own.
    label: the words at the marked line there ("λ 0.1 → 0.3"). progress: cut where the next one begins.
    """

    title: str
    progress: Sequence[Progress]
    pinned: bool = False
    begins: float | None = None
    label: str = ""


# ---- loss curves ----


def loss_curves(
    segments: Sequence[Segment],
    *,
    cursor: float | None,
    texts: Texts,
    dark: bool,
    log_y: bool = True,
    weighted: bool = False,
    baseline: Baseline | None = None,
) -> go.Figure:
    """Every term of the objective over epochs: a colour by meaning, training solid, held-out dashed, pinned runs thin.

    Terms are per sample: sums over features, means over a batch. weighted: as they enter the objective, else raw. baseline: two
    level lines (PCA at the same code size, the best constant picture), drawn only beside squared errors, as they are
    squared errors themselves.
    """
    terms = _terms(segments)
    traces = _keys(segments, texts, dark)
    named: set[str] = set()
    for line in _lineages(segments):
        for name in terms:
            traces += _term_traces(line, name, texts, dark, weighted, named)
    shapes, notes = _lines(segments, cursor, dark)
    if baseline is not None and "squared_error" in terms:
        for value, text, side in ((baseline.pca_error, texts["pca"], "top"), (baseline.mean_error, texts["constant"], "bottom")):
            _level(shapes, notes, value, text, side, log_y, dark)
    y_title = texts["weighted_axis" if weighted else "loss_axis"]
    revision = f"loss {log_y} {weighted} {[line.title for line in _lineages(segments)]}"
    y_axis = {"type": "log", "tickformat": "~g", "nticks": 3} if log_y else {"type": "linear", "tickformat": "~g"}
    return plot.figure(traces, dark, texts["epoch_axis"], y_title, revision, shapes, notes, y_axis, height=340)


def describe_loss_curves(segments: Sequence[Segment], *, cursor: float | None) -> Finding:
    """Held-out reconstruction term at the cursor (or at the end) and at first, for the first run that is not pinned."""
    own = _own(segments)
    if own is None:
        return "no_curves", {}
    moments = own.progress
    now = at(moments, cursor)
    name = next((name for name in palette.TERMS if name in now.held_out), None)
    if name is None:
        return "no_curves", {}
    numbers = {"title": own.title, "term": name, "now": three(now.held_out[name]), "epoch": epoch_text(now.epoch)}
    numbers |= {"training": three(now.training.get(name, math.nan))}
    if name not in moments[0].held_out:
        return "loss_alt_first", numbers
    return "loss_alt", numbers | {"first": three(moments[0].held_out[name])}


def _own(segments: Sequence[Segment]) -> Segment | None:
    """The run that the visitor is at: the first lineage that is not pinned, else the first; None where it has no moment."""
    lines = _lineages(segments)
    own = next((line for line in lines if not line.pinned), lines[0] if lines else None)
    return own if own is not None and own.progress else None


def at(moments: Sequence[Progress], cursor: float | None) -> Progress:
    """The latest moment not after the cursor (None: the newest); the first where all are after it. Raises IndexError on none."""
    if cursor is None:
        return moments[-1]
    return next((moment for moment in reversed(moments) if moment.epoch <= cursor), moments[0])


def _terms(segments: Sequence[Segment]) -> list[str]:
    """All terms that any segment has, in the order of the palette, unknown ones last."""
    found = dict.fromkeys(name for segment in segments if segment.progress for name in segment.progress[-1].training)
    return [name for name in palette.TERMS if name in found] + [name for name in found if name not in palette.TERMS]


def _lineages(segments: Sequence[Segment]) -> list[Segment]:
    """Each run with its continuations as one segment."""
    joined: list[Segment] = []
    for segment in segments:
        if segment.begins is None or not joined:
            joined.append(segment)
        else:
            joined[-1] = replace(joined[-1], progress=[*joined[-1].progress, *segment.progress])
    return joined


def _term_traces(line: Segment, name: str, texts: Texts, dark: bool, weighted: bool, named: set[str]) -> list[dict[str, Any]]:
    """Training and held-out line of one term; the first trace of a term stands in the legend for all of them."""
    colour, title = palette.term(name, dark), texts.get(name, name)
    traces = []
    for field, dash in (("training", TRAINING), ("held_out", HELD_OUT)):
        values = [finite(getattr(m, f"{field}_weighted" if weighted else field).get(name)) for m in line.progress]
        if not any(value is not None for value in values):
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "lines" if len(values) > 1 else "markers",
                "x": [m.epoch for m in line.progress],
                "y": values,  # None where a part of the lineage has not this term: the line has a gap there
                "name": title,
                "line": {"color": colour, "dash": dash, "width": THIN if line.pinned else LINE},
                "legendgroup": name,
                "showlegend": name not in named,
                "hovertemplate": f"{plain(title)}, {plain(texts[field])}, {plain(line.title)}: %{{y:.3g}}<extra></extra>",
            }
        )
        named.add(name)
    return traces


def _keys(segments: Sequence[Segment], texts: Texts, dark: bool) -> list[dict[str, Any]]:
    """Legend entries for what dashes and thickness mean, so that each term needs one entry and the legend fits a phone."""
    kinds = [("training", TRAINING, LINE), ("held_out", HELD_OUT, LINE)]
    if any(segment.pinned for segment in segments):
        kinds.append(("pinned", TRAINING, THIN))
    ink = palette.theme(dark).muted
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [None],
            "y": [None],
            "name": texts[name],
            "line": {"color": ink, "dash": dash, "width": width},
            "hoverinfo": "skip",
        }
        for name, dash, width in kinds
    ]


def _lines(segments: Sequence[Segment], cursor: float | None, dark: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Vertical lines: one where each continuation begins, with its words, and the time cursor in the accent colour."""
    theme = palette.theme(dark)
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for segment in segments:
        if segment.begins is None:
            continue
        shapes.append(plot.vertical(segment.begins, theme.muted, "dot", 1))
        note: dict[str, Any] = {
            "x": segment.begins,
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "text": plain(segment.label),
            "showarrow": False,
        }
        notes.append(note | {"font": {"size": 12, "color": theme.muted}})
    if cursor is not None:
        shapes.append(plot.vertical(cursor, theme.accent, "solid", 2))
    return shapes, notes


def _level(shapes: list, notes: list, value: float, text: str, side: str, log_y: bool, dark: bool) -> None:
    """A level line with its words; side: of the words that touches the line."""
    if not math.isfinite(value) or (log_y and value <= 0):
        return
    ink = palette.theme(dark).muted
    line = {"color": ink, "dash": "longdashdot", "width": 1}
    shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line})
    place = math.log10(value) if log_y else value  # plotly wants the exponent for a note on a log axis, but not for a shape
    note: dict[str, Any] = {"xref": "paper", "x": 1, "xanchor": "right", "y": place, "yanchor": side, "showarrow": False}
    notes.append(note | {"text": f"{plain(text)} {three(value)}", "font": {"size": 12, "color": ink}})


# ---- spectrum, histogram ----


def spectrum(series: Sequence[tuple[str, np.ndarray, bool]], *, texts: Texts, dark: bool) -> go.Figure:
    """Singular values of the encoder's Jacobian, descending, on a log axis. series: (title, values, pinned) of each run."""
    traces = []
    for title, values, pinned in series:
        kept = [float(value) for value in values if value > 0 and math.isfinite(value)]
        line = {"color": palette.meaning("contraction", dark), "width": THIN if pinned else LINE}
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines" if pinned else "lines+markers",
            "x": list(range(1, len(kept) + 1)),
            "y": kept,
        }
        trace |= {"name": plain(title), "line": line, "marker": {"size": 5}, "showlegend": len(series) > 1}
        traces.append(trace | {"hovertemplate": f"{plain(title)}: %{{y:.3g}}<extra>%{{x}}</extra>"})
    revision = f"spectrum {[title for title, *_ in series]}"
    y_axis = {"type": "log", "tickformat": "~g", "nticks": 3}
    return plot.figure(traces, dark, texts["rank_axis"], texts["spectrum_axis"], revision, y_axis=y_axis)


def describe_spectrum(series: Sequence[tuple[str, np.ndarray, bool]]) -> Finding:
    """Largest value, and how many reach a tenth of it: the directions to which the code answers."""
    if not series or len(series[0][1]) == 0:
        return "no_spectrum", {}
    title, values, _ = series[0]
    largest = float(np.max(values))
    return "spectrum_alt", {
        "title": title,
        "largest": three(largest),
        "strong": int(np.sum(values >= largest / 10)),
        "count": len(values),
    }


def histogram(counts: np.ndarray, edges: np.ndarray, *, texts: Texts, dark: bool) -> go.Figure:
    """How often a code value falls in each bin. counts (bins,), edges (bins + 1,)."""
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    marker = {"color": palette.meaning("sparsity", dark), "line": {"width": 0}}
    bar: dict[str, Any] = {
        "type": "bar",
        "x": middles.tolist(),
        "y": counts.tolist(),
        "width": widths.tolist(),
        "marker": marker,
        "showlegend": False,
    }
    bar |= {"hovertemplate": "%{x:.3g}: %{y}<extra></extra>"}
    return plot.figure([bar], dark, texts["value_axis"], texts["count_axis"], "histogram", bargap=0)


def describe_histogram(counts: np.ndarray, edges: np.ndarray) -> Finding:
    """The share of values in the bin that holds zero: what a sparse code makes large."""
    total = float(np.sum(counts))
    if total == 0:
        return "no_histogram", {}
    zero = int(np.clip(np.searchsorted(edges, 0.0, side="right") - 1, 0, len(counts) - 1))
    numbers = {"share": three(100 * float(counts[zero]) / total), "low": three(float(edges[0])), "high": three(float(edges[-1]))}
    return "histogram_alt", numbers


# ---- measures ----


def measure_lines(segments: Sequence[Segment], name: str, *, cursor: float | None, texts: Texts, dark: bool) -> go.Figure:
    """One measure of MEASURES over epochs for every run: a small chart of its own, for its unit is its own."""
    traces = []
    for segment in _lineages(segments):
        pairs = [(m.epoch, m.measures[name]) for m in segment.progress if name in m.measures and math.isfinite(m.measures[name])]
        line = {"color": palette.meaning("sparsity", dark), "width": THIN if segment.pinned else LINE}
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines",
            "x": [x for x, _ in pairs],
            "y": [y for _, y in pairs],
            "line": line,
        }
        title = plain(segment.title)
        traces.append(trace | {"name": title, "showlegend": False, "hovertemplate": f"{title}: %{{y:.3g}}<extra></extra>"})
    shapes, notes = _lines(segments, cursor, dark)
    revision = f"{name} {[line.title for line in _lineages(segments)]}"
    y_axis = {"rangemode": "tozero"}
    return plot.figure(traces, dark, texts["epoch_axis"], texts[f"{name}_axis"], revision, shapes, notes, y_axis, height=180)


def describe_measure_lines(segments: Sequence[Segment], name: str, *, cursor: float | None) -> Finding:
    """The measure at the cursor and at first, for the first run that is not pinned."""
    own = _own(segments)
    moments = [m for m in own.progress if name in m.measures] if own is not None else []
    if own is None or not moments:
        return "no_measures", {}
    now = at(moments, cursor)
    numbers = {"title": own.title, "measure": name, "epoch": epoch_text(now.epoch)}
    return "measure_alt", numbers | {"now": three(now.measures[name]), "first": three(moments[0].measures[name])}
