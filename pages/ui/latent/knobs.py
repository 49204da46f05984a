"""The left column of the latent explorer: which run, which maps, how they are made, what colours them, what is left in colour."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.ui import draft, runs, session, text
from pages.ui.latent import asking
from pages.ui.latent import look as looks
from pages.ui.latent.look import KNOB, Look
from pages.ui.own import door as own_door
from pages.ui.teaching import locks
from pages.ui.text import t
from replearn_core import tasks
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment

PROPER = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}  # names that no language translates
NO_MAP = "none"
SIZES = (200, 500, 1_000, 2_000, 5_000, 10_000)


def notices() -> None:
    """What of a link could not be used."""
    if not (found := session.get(looks.NOTICES, ())):
        return
    with st.container(border=True, key="latent_notices"):
        st.markdown(f":material/info: **{t('controls.notices')}**")
        for one in found[:8]:
            st.text(text.problem(one))
        st.button(
            t("controls.understood"), key="latent_understood", on_click=session.put, args=(looks.NOTICES, ()), type="tertiary"
        )


def turn(look: Look, view: RunView) -> None:
    """All knobs; each of them shows the look and writes to it."""
    _run(view)
    maps = maps_of(look, view.experiment)
    offered = offered_maps(view.experiment, look.dimensions)
    if not locks.hidden("maps"):
        with st.container(gap="xsmall"):
            for place in range(min(len(maps) + 1, looks.MOST_MAPS)):
                _map(place, maps, offered)
    _segments("view", look.view, looks.VIEWS)
    _colour(look, view.experiment)
    _basic(maps, look)
    with st.expander(t("explorer.filters"), icon=":material/filter_alt:", expanded=bool(look.classes) or look.errors != (0, 100)):
        _filters(look, view.experiment)
    with st.expander(t("controls.more"), icon=":material/tune:"):
        _more(look, view)


# ---- run and maps ----


def _run(view: RunView) -> None:
    choices = asking.choices(view)
    labels = {run_id: run_label(run_id, experiment) for run_id, experiment in choices.items()}
    _choice("run", tuple(choices), lambda run_id: labels.get(run_id, run_id[:6]), view.run_id)
    if view.experiment is not None:
        st.caption(about(view))
    now = view.experiment.dataset if view.experiment else ""
    own_door.door("latent", draft.take_dataset, now, t("own.hint_latent"), to="pages/autoencoder.py")


def run_label(run_id: str, experiment: Experiment) -> str:
    """`Undercomplete, 16 · Handwritten digits · a1b2c3`: what tells runs apart for a person."""
    variant, data = t(f"variant.{runs.variant(experiment)}.name"), text.dataset(experiment.dataset)
    return t("explorer.run_label", variant=variant, size=str(experiment.code_size), data=data, run=run_id[:6])


def about(view: RunView) -> str:
    """What a narrow list cuts off."""
    assert view.experiment is not None
    data, epoch = text.dataset(view.experiment.dataset), view.experiment.epochs if view.live else int(runs.epoch_of(view))
    return t(
        "explorer.about_run",
        data=data,
        size=view.experiment.code_size,
        epochs=epoch,
        seed=str(view.experiment.seed),
        run=view.run_id[:8],
    )


def offered_maps(experiment: Experiment | None, dimensions: int) -> tuple[str, ...]:
    """Every map that this run can have in so many dimensions: a code is drawn as it is only where it has just those."""
    sizes = (
        {} if experiment is None else {"run": experiment.code_size, "pca": experiment.code_size, "pixels": experiment.data.size}
    )
    return tuple(one for one in looks.MAPS if not one.endswith(":code") or sizes.get(one.split(":")[0]) == dimensions)


def maps_of(look: Look, experiment: Experiment | None) -> tuple[str, ...]:
    """The chosen maps; without a choice the run's own code (or its UMAP) beside the raw input's."""
    if look.maps:
        return look.maps
    offered = offered_maps(experiment, look.dimensions)
    return tuple(f"{source}:code" if f"{source}:code" in offered else f"{source}:umap" for source in ("run", "pixels"))


def map_title(name: str, experiment: Experiment | None) -> str:
    """`Code · UMAP`: what is mapped, and how."""
    source, method = name.split(":")
    what = t(f"explorer.source_{source}")
    if source == "pixels" and experiment is not None and experiment.data.kind == "points":
        what = t("explorer.source_points")
    return t("explorer.map_title", source=what, method=PROPER.get(method) or t("explorer.as_it_is"))


def _map(place: int, maps: Sequence[str], offered: Sequence[str]) -> None:
    chosen = maps[place] if place < len(maps) else None
    names = (*(() if place == 0 else (NO_MAP,)), *dict.fromkeys((*offered, *([chosen] if chosen else []))))
    labels = {name: map_title(name, None) for name in names if name != NO_MAP} | {NO_MAP: t("explorer.no_map")}

    def take(name: str) -> None:
        changed = [*maps[:place], name, *maps[place + 1 :]]
        looks.take(maps=tuple(dict.fromkeys(one for one in changed if one and one != NO_MAP)))

    key = f"map{place + 1}"
    _put(key, chosen or NO_MAP)
    st.selectbox(
        t("explorer.map", n=place + 1), names, format_func=lambda name: labels.get(name, str(name)),
        **_bound(key, t("explorer.map_help") if place == 0 else None, take),
    )  # fmt: skip


def lessons_of(look: Look, experiment: Experiment | None) -> list[str]:
    """What there is to notice, by what is on screen: sections of the lesson."""
    methods = [name.split(":")[1] for name in maps_of(look, experiment)]
    film = ["film"] if look.view == "film" else []
    return list(dict.fromkeys([*film, *(name for name in ("umap", "tsne", "code", "pca") if name in methods), "maps", "decode"]))


# ---- colour ----


def colours_of(experiment: Experiment | None, look: Look) -> tuple[str, ...]:
    """What the points can be coloured by."""
    if experiment is None:
        return ("none",)
    classes, factors = asking.names_in(experiment.dataset)
    named = ("label",) if classes else ()
    part = ("held_out",) if look.part == "all" else ()
    return (*named, *(f"factor:{i}" for i in range(len(factors))), "error", "density", "unit:0", *part, "none")


def shown_colour(experiment: Experiment | None, look: Look) -> str:
    """The look's colour where this run has such a column, else the first that it has."""
    offered = colours_of(experiment, look)
    if look.colour.startswith("unit:") and experiment is not None:
        return f"unit:{min(int(look.colour[5:]), experiment.code_size - 1)}"
    return look.colour if look.colour in offered else offered[0]


def _colour(look: Look, experiment: Experiment | None) -> None:
    shown, offered = shown_colour(experiment, look), colours_of(experiment, look)
    kind = "unit:0" if shown.startswith("unit") else shown
    factors = factor_names(experiment)

    def label(name: str) -> str:
        group, _, place = name.partition(":")
        return factors[int(place)] if group == "factor" and int(place) < len(factors) else t(f"explorer.colour_{group}")

    labels = {name: label(name) for name in offered}
    _choice("colour", offered, lambda name: labels.get(name, str(name)), kind)
    if shown.startswith("unit") and experiment is not None:
        _number("unit", int(shown[5:]) + 1, 1, experiment.code_size, lambda unit: looks.take(colour=f"unit:{int(unit) - 1}"))


def factor_names(experiment: Experiment | None) -> list[str]:
    names = asking.names_in(experiment.dataset)[1] if experiment else ()
    return [t(f"factor.{name}") if text.has(f"factor.{name}") else name for name in names]


def class_names(experiment: Experiment | None) -> list[str]:
    return classes_in(experiment.dataset) if experiment else []


def classes_in(dataset: str) -> list[str]:
    """A data set's classes in the visitor's words; its own where there are none."""
    names = asking.names_in(dataset)[0]
    return [t(key) if text.has(key := f"class.{dataset}.{place}") else name for place, name in enumerate(names)]


# ---- how maps are made ----


def _basic(maps: Sequence[str], look: Look) -> None:
    """The knobs of the methods on screen; a knob that nothing on screen reads is not shown."""
    methods = {name.split(":")[1] for name in maps} | ({"umap"} if look.view == "film" else set())
    left, right = st.columns(2, wrap=False)
    if "umap" in methods:
        with left:
            _steps("n_neighbors", look.n_neighbors, (2, 5, 10, 15, 30, 50, 100, 200))
        with right:
            _steps("min_dist", look.min_dist, (0.0, 0.05, 0.1, 0.25, 0.5, 0.8, 0.99))
    if "tsne" in methods:
        with left:
            _steps("perplexity", look.perplexity, (2, 5, 10, 20, 30, 50, 100))


def _more(look: Look, view: RunView) -> None:
    _segments("dimensions", look.dimensions, (2, 3))
    _choice(
        "metric", tasks.METRICS, lambda name: t(f"explorer.metric_{name}") if name in tasks.METRICS else str(name), look.metric
    )
    _steps("size", look.size, SIZES)
    _choice(
        "part",
        ("held_out", "all"),
        lambda name: t(f"explorer.part_{name}") if name in ("held_out", "all") else str(name),
        look.part,
    )
    _number("seed", look.seed, 0, 2**31 - 1, help_text=t("explorer.seed_help"))
    epochs = asking.epochs_of(view)
    if len(epochs) > 1 and not view.live and not locks.hidden("epoch"):
        options: list[float | None] = [*(float(epoch) for epoch in epochs[:-1]), None]
        if look.epoch not in options:
            options = sorted([*(one for one in options if one is not None), look.epoch or 0.0]) + [None]
        _put("epoch", look.epoch)
        st.select_slider(
            t("knob.epoch.name"), options, format_func=lambda one: t("explorer.last_epoch") if one is None else f"{one:g}",
            **_bound("epoch", t("explorer.epoch_help"), lambda epoch: looks.take(epoch=epoch)),
        )  # fmt: skip


def _filters(look: Look, experiment: Experiment | None) -> None:
    names = class_names(experiment)
    if names and not locks.hidden("classes"):
        _put("classes", [one for one in look.classes if one < len(names)])
        st.multiselect(
            t("knob.classes.name"), range(len(names)), format_func=lambda one: str(dict(enumerate(names)).get(one, one)),
            placeholder=t("explorer.all_classes"),
            **_bound("classes", t("knob.classes.help"), lambda chosen: looks.take(classes=tuple(sorted(chosen)))),
        )  # fmt: skip
    if not locks.hidden("errors"):
        _put("errors", look.errors)
        st.slider(t("knob.errors.name"), 0, 100, format="%d %%", **_bound("errors", t("knob.errors.help"), _take_errors))


def _take_errors(chosen: tuple[int, int]) -> None:
    low, high = map(int, chosen)
    looks.take(errors=(low, high) if low < high else (max(0, high - 1), max(1, high)))


# ---- one widget each ----


def _bound(field: str, usual: str | None, take: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """usual: the help of a knob that moves."""
    return {"key": KNOB + field, "on_change": _taken, "args": (field, take)} | locks.drawn(_knob_of(field), usual)


def _knob_of(field: str) -> str:
    """The parameter of the address that a widget sets."""
    return "maps" if field.startswith("map") else "colour" if field == "unit" else field


def _taken(field: str, take: Callable[[Any], None] | None) -> None:
    value = session.get(KNOB + field)
    if (refused := locks.refusal(_knob_of(field), text.setting(field))) is not None:
        session.put(looks.NOTICES, (refused,))
        return
    if take:
        take(value)
    elif value is not None:
        looks.take(**{field: value})


def _put(field: str, value: Any) -> None:
    """Assigned even when it is the same, or a browser keeps a list's label in the language it had."""
    st.session_state[KNOB + field] = value


def _choice(field: str, names: Sequence[Any], label_of: Callable[[Any], str], value: Any) -> None:
    if locks.hidden(field):
        return
    _put(field, value)
    st.selectbox(t(f"knob.{field}.name"), names, format_func=label_of, **_bound(field, t(f"knob.{field}.help")))


def _segments(field: str, value: Any, names: Sequence[Any]) -> None:
    if locks.hidden(field):
        return
    _put(field, value)
    labels = {name: t(f"explorer.{field}_{name}") for name in names}
    title = t("explorer.view" if field == "view" else f"knob.{field}.name")
    st.segmented_control(
        title, names, format_func=lambda name: labels.get(name, str(name)),
        **_bound(field, t(f"explorer.{field}_help")), required=True,
    )  # fmt: skip


def _number(
    field: str, value: int, low: int, high: int, take: Callable[[Any], None] | None = None, help_text: str | None = None
) -> None:
    if locks.hidden(_knob_of(field)):
        return
    _put(field, max(low, min(value, high)))
    helped = help_text or t(f"knob.{field}.help")
    st.number_input(t(f"knob.{field}.name"), low, high, step=1, **_bound(field, helped, take))


def _steps(field: str, value: float, steps: Sequence[float]) -> None:
    """A slider over readable steps; a number that a link brought in stands among them."""
    if locks.hidden(field):
        return
    kind = type(looks.DEFAULTS[field])
    _put(field, kind(value))
    options = sorted({kind(step) for step in steps} | {kind(value)})
    helped = t(f"knob.{field}.help")
    st.select_slider(t(f"knob.{field}.name"), options, format_func=text.number, **_bound(field, helped))
