"""The latent explorer's canvas: maps of the same points, side by side, drawn in the browser, which fetches what it draws.

Pages call `latent`. Points, maps, codes and weights come from the routes of `pages/ui/api.py`; nothing of them passes through
Streamlit. The sources beside this file are plain ES modules, joined by `components/shared`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from pages.ui import palette
from pages.ui.components.shared import joined, texts_of

Drawing = Literal["centre_of_mass", "bounding_box", "as_drawn"]
MAX_MAPS = 3
MAX_POINTS = 10_000
COLOURS = ("none", "label", "held_out", "error", "density", "factor", "unit")
MODULES = (
    *("../shared/wire.js", "../shared/server.js", "../shared/poll.js"),
    *("../shared/elements.js", "../shared/paper.js", "../shared/scales.js", "../shared/pictures.js", "../shared/controls.js"),
    *("../shared/saving.js", "../shared/mount.js"),
    *("network.js", "tasks.js", "codes.js", "pixels.js", "columns.js", "raster.js", "looks.js", "placement.js"),
    *("cameras.js", "map.js", "decoding.js", "timeline.js", "pad.js", "parts.js", "drawing.js", "latent.js"),
)
TEXT_KEYS = (
    *("tools", "tool_move", "tool_box", "tool_lasso", "zoom_in", "zoom_out", "zoom_fit"),
    *("search", "found", "found_none", "select_found", "decode", "draw", "save"),
    *("selected", "filtered", "clear", "is_selected", "select_class", "more_classes"),
    *("colour_none", "colour_label", "colour_held_out", "colour_error", "colour_density", "colour_factor", "colour_unit"),
    *("training", "held_out", "point", "point_label", "value", "points", "trustworthiness"),
    *("map_role", "map_label", "help", "help_turn"),
    *("picture_data", "picture_decoded", "how_exact", "how_between", "how_own", "far", "network_loading", "no_network"),
    *("pad", "pad_label", "pad_clear", "pad_seen", "pad_rebuilt", "pad_seen_alt", "pad_rebuilt_alt"),
    *("pad_centre_of_mass", "pad_bounding_box", "pad_as_drawn", "pad_empty", "pad_exact", "pad_between", "pad_far"),
    *("play", "pause", "back", "forward", "slider", "epoch"),
    *("state_loading", "state_queued", "state_queued_place", "state_running", "state_again"),
    *("state_failed", "state_missing", "state_other"),
    *("empty", "offline"),
)
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class MapSpec:
    """One map: the task that computes it. kind "code": its axes are the units of a two-dimensional code; "film": a moment each.

    caption: what stands under it beside the number of points. name: stays the same while the task changes (another epoch, other
    knobs), so that the camera stays too; "" = the task's id. follows: its next task shows the same samples a little later, and is
    turned and mirrored to lie over it.
    """

    task_id: str
    title: str
    kind: Literal["map", "code", "film"] = "map"
    caption: str = ""
    name: str = ""
    follows: bool = False


@dataclass(frozen=True)
class RunSpec:
    """The run whose network decodes and encodes in the browser. epoch: of the weights; None = its last."""

    id: str
    epoch: int | None = None


@dataclass(frozen=True)
class Filter:
    """Points that stay in colour: `column` (spelled as a colour) among `values`, and from `low` to `high`. Others turn grey."""

    column: str
    values: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LatentState:
    """What the visitor has chosen: rows of the points, ascending; the row under the cursor; cameras by the maps' names.

    A camera is (x, y, zoom), and of a map in space (x, y, zoom, turn, tilt): x and y as shares of half the map, zoom 1 = all of
    it, angles in radians. A map that is shown whole has none. decode, draw: whether these are switched on.
    """

    selected: tuple[int, ...] = ()
    cursor: int | None = None
    view: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    decode: bool = False
    draw: bool = False


_COMPONENT = st.components.v2.component(
    "replearn_latent",
    html='<div class="latent"></div>',
    css=texts_of(_HERE, ("../shared/figure.css", "latent.css", "../shared/controls.css")),
    js=joined(_HERE, MODULES),
)


def latent(
    maps: Sequence[MapSpec],
    *,
    points_task: str,
    texts: Mapping[str, str],
    key: str,
    run: RunSpec | None = None,
    colour: str = "label",
    filters: Sequence[Filter] = (),
    selection: Sequence[int] | None = None,
    cursor: int | None = None,
    view: Mapping[str, Sequence[float]] | None = None,
    class_names: Sequence[str] = (),
    factor_names: Sequence[str] = (),
    decode: bool = False,
    draw: bool = False,
    drawing: Drawing | None = None,
    samples: str = "",
    report_view: bool = False,
    on_change: Callable[[], None] | None = None,
    on_view: Callable[[], None] | None = None,
) -> LatentState:
    """Draw up to MAX_MAPS maps of the points of one task, and return what is chosen on them.

    texts: the words for TEXT_KEYS, their {placeholders} unfilled. colour: "none", "label", "held_out", "error", "density",
    "factor:2" or "unit:7" (both from 0). samples: what the rows mean; while it stays the same, so does the selection when the
    points change. selection: rows; None leaves the visitor's. cursor: to begin with. selection, view, decode, draw are taken over
    whenever they change, unless the visitor has changed them since. drawing: how the pad lays a drawing into a picture; None = by
    the picture's size. report_view: return cameras too; a rerun (and on_view) follows each movement.
    Raises ValueError for too many maps or an unknown colour, and KeyError for a missing text.
    """
    if len(maps) > MAX_MAPS:
        raise ValueError(f"{len(maps)} maps; the explorer shows at most {MAX_MAPS}")
    for name in (colour, *(one.column for one in filters)):
        if name.split(":")[0] not in COLOURS:
            raise ValueError(f"{name!r} is no colour; use one of {', '.join(COLOURS)}")
    data = {
        "maps": [asdict(one) for one in maps],
        "points_task": points_task,
        "run": asdict(run) if run else None,
        "colour": colour,
        "filters": [asdict(one) for one in filters],
        "selection": None if selection is None else list(selection),
        "cursor": cursor,
        "view": {name: list(camera) for name, camera in (view or {}).items()},
        "class_names": list(class_names),
        "factor_names": list(factor_names),
        "decode": decode,
        "draw": draw,
        "drawing": drawing,
        "samples": samples,
        "heard": _heard(key),
        "report_view": report_view,
        "texts": {name: texts[name] for name in TEXT_KEYS},
        "key": key,
        "palette": palette.for_browser(),
        "classes": {name: [palette.class_colour(i, dark) for i in range(8)] for name, dark in (("light", False), ("dark", True))},
        "symbols": list(palette.SYMBOLS),
    }
    nothing = {"selected": list(selection or ()), "cursor": cursor, "decode": decode, "draw": draw}
    # In a list: Streamlit looks for data frames in a dictionary, and imports pandas to do so, half a second at the first visit.
    result = _COMPONENT(
        key=key,
        data=[data],
        default={"picked": nothing, "view": {}},
        on_picked_change=on_change or _nothing,
        on_view_change=on_view or _nothing,
    )
    return valid_state(result.picked, result.view)


def state_of(key: str) -> LatentState:
    """What the browser has said of the canvas with this key, before it is drawn again: for callbacks."""
    said = st.session_state.get(key)
    return valid_state(getattr(said, "picked", None), getattr(said, "view", None))


def _heard(key: str) -> dict[str, int]:
    """The number of the browser's last word on each part; with it the browser knows whether Python's word is the newer one."""
    said = st.session_state.get(key)
    parts = {name: getattr(said, name, None) for name in ("picked", "view")}
    turns = {name: part.get("turn") if isinstance(part, Mapping) else None for name, part in parts.items()}
    return {name: turn if type(turn) is int else 0 for name, turn in turns.items()}


def valid_state(picked: Any, view: Any) -> LatentState:
    """What a browser sent, as a LatentState: anything of another form counts as nothing chosen."""
    picked = picked if isinstance(picked, Mapping) else {}
    rows = picked.get("selected")
    rows = rows if isinstance(rows, Sequence) and not isinstance(rows, str) and len(rows) <= MAX_POINTS else ()
    cursor = picked.get("cursor")
    cameras = view.get("cameras") if isinstance(view, Mapping) else None
    listed = cameras.items() if isinstance(cameras, Mapping) and len(cameras) <= MAX_MAPS else ()
    return LatentState(
        selected=tuple(sorted({row for row in rows if _is_row(row)})),
        cursor=cursor if _is_row(cursor) else None,
        view={str(name): tuple(map(float, camera)) for name, camera in listed if _is_camera(camera)},
        decode=picked.get("decode") is True,
        draw=picked.get("draw") is True,
    )


def _is_row(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_POINTS


def _is_camera(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) not in (3, 5):
        return False
    return all(isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part) for part in value)


def _nothing() -> None:
    pass
