"""The film: what networks have learned at any recorded moment, drawn in the browser, which fetches the frames by itself.

Pages call `film`; the charts below it follow the moment that it returns. The sources beside this file are plain ES modules,
joined by `components/shared`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from pages.ui import palette
from pages.ui.components.shared import joined, texts_of

View = Literal["images", "features", "activity", "all"]
MAX_RUNS = 6
MODULES = (
    *("../shared/wire.js", "../shared/server.js", "../shared/poll.js"),
    *("../shared/elements.js", "../shared/paper.js", "../shared/scales.js", "../shared/pictures.js", "../shared/controls.js"),
    *("../shared/saving.js", "../shared/mount.js"),
    *("frames.js", "source.js", "pictures.js", "figures.js", "player.js", "film.js"),
)
TEXT_KEYS = (
    *("play", "pause", "back", "forward", "slider", "epoch", "run", "save"),
    *("images_title", "points_title", "features_title", "activity_title"),
    *("clean", "seen", "rebuilt", "error", "filters", "atoms"),
    *("images_low", "images_high", "features_low", "features_high", "activity_low", "activity_high"),
    *("samples_axis", "units_axis"),
    *("mean_error", "some_images", "some_units", "points_count", "features_count", "active_share", "turn_hint"),
    *("image_tip", "image_tip_label", "errors_list", "not_recorded", "empty", "offline"),
    *("clean_alt", "images_alt", "points_alt", "features_alt", "activity_alt"),
    *("state_loading", "state_queued", "state_running", "no_picture"),
    *("state_stopped", "state_diverged", "state_failed", "state_quarantined", "state_interrupted", "state_damaged"),
    "state_missing",
)
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class FilmRun:
    """One run to show. `title` stands above its figures where there are several; `pinned`: it is there for comparison."""

    id: str
    title: str
    pinned: bool = False


@dataclass(frozen=True)
class FilmState:
    """`epoch`: the moment at which the visitor has stopped; None = the film follows the newest moment.

    `ready`: the browser has painted the first picture, or knows that there is none.
    """

    epoch: float | None
    ready: bool = False


def joined_modules() -> str:
    """The modules as one: their imports from one another fall away, and so do the exports but the default one."""
    return joined(_HERE, MODULES)


_COMPONENT = st.components.v2.component(
    "replearn_film",
    html='<div class="film"></div>',
    css=texts_of(_HERE, ("../shared/figure.css", "film.css", "../shared/controls.css")),
    js=joined_modules(),
)


def film(
    runs: Sequence[FilmRun],
    *,
    texts: Mapping[str, str],
    view: View,
    key: str,
    live: bool,
    replay: int = 0,
    start: float | None = None,
    on_change: Callable[[], None] | None = None,
) -> FilmState:
    """Draw the film of up to MAX_RUNS runs, with the time slider over them.

    texts: the words for TEXT_KEYS, their {placeholders} unfilled. live: a run that is new to the film plays from its first
    moment; otherwise it rests at its newest. replay: a change of this number plays the runs again from their beginning. start: an
    epoch at which it rests at first, and again whenever this changes to another number.
    Raises ValueError for too many runs and KeyError for a missing text.
    """
    if len(runs) > MAX_RUNS:
        raise ValueError(f"{len(runs)} runs; the film shows at most {MAX_RUNS}: unpin some")
    data = {
        "runs": [asdict(run) for run in runs],
        "texts": {name: texts[name] for name in TEXT_KEYS},
        "view": view,
        "key": key,
        "live": live,
        "replay": replay,
        "start": start,
        "heard": valid_epoch((st.session_state.get(key) or {}).get("epoch", start)),
        "palette": palette.for_browser(),
    }
    default = {"epoch": start, "ready": False}
    # In a list: Streamlit looks for data frames in a dictionary, and imports pandas to do so, half a second at the first visit.
    result = _COMPONENT(key=key, data=[data], default=default, on_epoch_change=on_change or _nothing, on_ready_change=_nothing)
    return FilmState(valid_epoch(result.epoch), result.ready is True)


def valid_epoch(value: object) -> float | None:
    """What a browser sent, as an epoch: anything but a finite number from 0 on counts as None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _nothing() -> None:
    pass
