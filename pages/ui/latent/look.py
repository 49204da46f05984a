"""What the latent explorer looks at, as one frozen value: `Look`. The address and the session are its two spellings.

A link never starts work: after one was followed `may_work` is False until the visitor does something.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from pages.ui import address_bar, draft, session
from pages.ui.teaching import locks
from replearn_core import engine, tasks
from replearn_core.catalog import Knob
from replearn_core.experiment import Experiment, Problem

LOOK = "latent.look"  # the Look on screen
QUERY = "latent.query"  # the query that this page wrote last; another one means that a link was followed
NOTICES = "latent.notices"  # Problems of the link that was opened
WORKS = "latent.works"  # whether the visitor has asked for something since the link was opened
KNOB = "latent.knob."  # prefix of every knob's widget key

MAPS = tuple(f"{source}:{method}" for source in tasks.SOURCES for method in tasks.METHODS)
VIEWS = ("maps", "film")
PANELS = ("chosen", "walk", "units", "grid", "tangents", "field", "trust")
COLOURS = ("label", "error", "density", "factor", "unit", "held_out", "none")
OF = ("encoder", "decoder")
MOST_MAPS = 3
MOST_SELECTED = 200  # rows in a link; a larger selection is kept in the session only
LAYOUT = ("run", "maps", "view", "dimensions", "n_neighbors", "min_dist", "metric", "perplexity", "seed", "size", "part")
"""What makes another picture of a map, so that where one has looked at it means nothing any more."""
MOST_ZOOM = 60.0  # as the canvas has it
_KNOBS: Mapping[str, Any] = {option.name: option for option in (*tasks.KINDS["map"].options, *tasks.KINDS["tangents"].options)}


@dataclass(frozen=True)
class Look:
    """run: None until there is one. epoch: None = the latest. maps: up to MOST_MAPS of MAPS; empty = those that suit the run.

    classes: labels that stay in colour, empty = all. errors: percentiles of the reconstruction error that stay in colour.
    selected: rows of the points, ascending; the canvas knows samples by row. cameras: of each map from the first on, as in
    `LatentState`: (x, y, zoom), in three dimensions with (turn, tilt), or () where all of it is seen.
    """

    run: str | None = None
    epoch: float | None = None
    maps: tuple[str, ...] = ()
    view: str = VIEWS[0]
    dimensions: int = 2
    n_neighbors: int = 15
    min_dist: float = 0.1
    metric: str = "euclidean"
    perplexity: float = 30.0
    seed: int = 0
    size: int = 2_000
    part: str = "held_out"
    colour: str = "label"
    classes: tuple[int, ...] = ()
    errors: tuple[int, int] = (0, 100)
    selected: tuple[int, ...] = ()
    decode: bool = False
    draw: bool = False
    cameras: tuple[tuple[float, ...], ...] = ()
    panel: str = PANELS[0]
    of: str = OF[0]

    def knobs(self) -> dict[str, float | str]:
        """The options that every map of this look has."""
        names = ("dimensions", "n_neighbors", "min_dist", "metric", "perplexity", "seed", "size", "part")
        return {name: getattr(self, name) for name in names}

    def samples(self) -> dict[str, float | str]:
        return {"size": self.size, "part": self.part}


DEFAULTS = {one.name: one.default for one in fields(Look) if one.default is not MISSING}


# ---- the session ----


def now() -> Look:
    """What is looked at; a teacher's seed, or this student's own, stands in place of the one that was kept."""
    kept, seed = session.get(LOOK) or Look(), locks.seed()
    return kept if seed is None else replace(kept, seed=seed)


def put(look: Look) -> None:
    session.put(LOOK, look)


def take(**changes: Any) -> None:
    """The visitor turned something: that may start work. A value that no widget could offer is refused and told."""
    good: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in changes.items():
        checked = _checked(name, value, problems)
        if checked is not None or value is None:
            good[name] = checked
    if "run" in good and good["run"] != now().run:
        good = {"epoch": None, "maps": (), "colour": "label", "classes": (), "selected": (), **good}
    if any(name in LAYOUT for name in good):
        good["cameras"] = ()
    put(replace(now(), **good))
    session.put(NOTICES, tuple(problems))
    start()


def start() -> None:
    """From here on the page may ask the engine for what it shows."""
    session.put(WORKS, True)


def may_work() -> bool:
    return bool(session.get(WORKS, False))


def choose(rows: Sequence[int]) -> None:
    """Select these rows, as if the visitor had done it on the canvas."""
    put(replace(now(), selected=tuple(sorted(set(rows)))))
    start()


# ---- the address ----


def follow_link(known: Callable[[str], Experiment | None], otherwise: Callable[[], str]) -> None:
    """Take over what the address says, once per address. otherwise: the run to show where it names none that is known."""
    query = address_bar.own()
    address = _canonical(query)
    if session.get(LOOK) is not None and (address == session.get(QUERY) or not query):
        return
    session.put(QUERY, address)
    problems: list[Problem] = []
    found = {}
    for name, values in query.items():
        if name not in DEFAULTS:
            problems.append(Problem("problem.unknown_field", name[:40]))
        elif len(values) != 1:
            problems.append(Problem("problem.repeated", name))
        elif (value := _checked(name, _parsed(name, values[0]), problems, said=values[0])) is not None:
            found[name] = value
    run = found.pop("run", None)
    if run is not None and known(run) is None and engine.current() is not None:
        problems.insert(0, Problem("explorer.unknown_run", "run"))
        run = None
    put(Look(run=run or otherwise(), **found))
    session.put(NOTICES, tuple(problems))
    session.put(WORKS, False)


def write_link() -> None:
    """Put the look into the address; no rerun follows from it."""
    query = to_query(now())
    session.put(QUERY, _canonical({key: [value] for key, value in query.items()}))
    address_bar.write(query)


def to_query(look: Look) -> dict[str, str]:
    """Only what differs from the default, readable."""
    query = {}
    for name, default in DEFAULTS.items():
        value = getattr(look, name)
        if value != default and not (name == "selected" and len(value) > MOST_SELECTED):
            query[name] = _written(value)
    return query


def _written(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(part, tuple) for part in value):
        return "~".join(",".join(f"{number:g}" for number in camera) for camera in value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)


def _parsed(name: str, said: str) -> Any:
    """A value of the field's type as far as it can be read; else the text itself, which `_checked` refuses."""
    default = DEFAULTS[name]
    try:
        if name in ("classes", "errors", "selected"):
            return tuple(int(part) for part in said.split(",")[: 4 * MOST_SELECTED])
        if name == "cameras":
            return tuple(tuple(float(part) for part in one.split(",") if part) for one in said.split("~")[: 2 * MOST_MAPS])
        if name == "maps":
            return tuple(said.split(",")[: 2 * MOST_MAPS])
        if isinstance(default, bool):
            return {"1": True, "0": False}[said]
        return float(said) if name == "epoch" or isinstance(default, int | float) else said
    except (ValueError, KeyError):
        return said


def _canonical(query: Mapping[str, Sequence[str]]) -> tuple:
    return tuple(sorted((key, tuple(values)) for key, values in query.items()))


# ---- one value ----


def _checked(name: str, value: Any, problems: list[Problem], said: str | None = None) -> Any:
    """The value as its field has it, or None with a Problem noted. None itself (no run, the latest epoch) passes."""
    if value is None:
        return None
    try:
        return _valid(name, value)
    except (ValueError, TypeError, OverflowError):
        problems.append(_problem(name, str(value if said is None else said)))
        return None


def _valid(name: str, value: Any) -> Any:
    """Raises ValueError, TypeError or OverflowError."""
    if name == "run":
        if not draft.is_run_id(value):
            raise ValueError
        return value
    if name in ("maps", "classes", "errors", "selected"):
        return _sequence(name, tuple(value))
    if name == "cameras":
        return _cameras(value)
    if name == "colour":
        return _colour(value)
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError
        return value
    if name in ("decode", "draw"):
        if type(value) is not bool:
            raise ValueError
        return value
    low, high, whole = _range(name)
    number = float(value)
    if not low <= number <= high or (whole and number != int(number)):
        raise ValueError
    return int(number) if whole else number


def _sequence(name: str, value: tuple) -> tuple:
    if name == "maps":
        if not 0 < len(value) <= MOST_MAPS or any(one not in MAPS for one in value):
            raise ValueError
        return tuple(dict.fromkeys(value))
    if any(type(one) is not int or not 0 <= one < tasks.MOST_POINTS for one in value):
        raise ValueError
    if name == "errors":
        low, high = value
        if not low < high <= 100:
            raise ValueError
        return value
    return tuple(sorted(set(value)))


def _cameras(value: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    if not 0 < len(value) <= MOST_MAPS:
        raise ValueError
    for camera in value:
        if camera == ():
            continue
        x, y, zoom, *turned = camera
        if len(turned) not in (0, 2) or not (-1 <= x <= 1 and -1 <= y <= 1 and 0.5 <= zoom <= MOST_ZOOM):
            raise ValueError
        if not all(abs(angle) <= 1_000 for angle in turned):
            raise ValueError
    return tuple(tuple(map(float, camera)) for camera in value)


def _colour(value: str) -> str:
    """label, error, density, held_out, none; factor:2 and unit:7 count from 0."""
    kind, _, place = value.partition(":")
    if kind not in COLOURS or bool(place) != (kind in ("factor", "unit")) or (place and not 0 <= int(place) < 2_048):
        raise ValueError
    return f"{kind}:{int(place)}" if place else kind


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "view": VIEWS,
    "panel": PANELS,
    "metric": tasks.METRICS,
    "part": _KNOBS["part"].values,
    "of": OF,
}


def _range(name: str) -> tuple[float, float, bool]:
    if name == "epoch":
        return 0, 100_000, False
    knob = _KNOBS[name]
    return knob.low, knob.high, knob.integer


def _problem(name: str, said: str) -> Problem:
    if name == "run":
        return Problem("explorer.unknown_run", "run")
    choices = {"maps": MAPS, "colour": COLOURS, **_CHOICES}.get(name)
    if choices:
        return Problem("problem.unknown_choice", name, {"value": said[:40], "choices": list(choices)})
    if isinstance(_KNOBS.get(name), Knob) or name == "epoch":
        low, high, _ = _range(name)
        return Problem("problem.out_of_range", name, {"value": said[:40], "low": low, "high": high})
    return Problem("problem.bad_value", name, {"value": said[:40]})
