"""The part of the explorer that moves: the canvas, how its maps stand, one panel below it; polls only while something goes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import streamlit as st

from pages.ui import errors, fragments, live, plot, runs, session, text
from pages.ui.components.latent import TEXT_KEYS, Filter, MapSpec, RunSpec, latent, state_of
from pages.ui.latent import asking, knobs, panels
from pages.ui.latent import look as looks
from pages.ui.latent.asking import Asked
from pages.ui.latent.look import Look
from pages.ui.text import t
from replearn_core import engine
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment, Problem

CANVAS = "latent_canvas"  # the component's key
MOVING = "latent.moving"  # whether the region polls
NETWORK = "latent.network"  # (run, epoch) whose weights the store was found to have
POLL = 0.5  # seconds
_KINDS: Mapping[str, Literal["code", "film"]] = {"run:code": "code", "film": "film"}


def show(view: RunView) -> None:
    """The region of this run; a change of whether it has to poll draws the page anew."""
    moving = bool(session.get(MOVING))
    fragments.region(_region, run_every=POLL if moving else None, key="latent_region")(view.run_id, moving, view.live)


def _region(run_id: str, was_moving: bool, was_live: bool) -> None:
    with errors.contained("latent"):
        view, look = runs.history(run_id), looks.now()
        if view.live != was_live or look.run != run_id:
            st.rerun()
        shown, coming = asking.follow(look, view)
        scene = Scene(shown or look, view, asks=shown is not None)
        later = scene if coming is None else Scene(coming, view)
        if not later.live:
            asking.arrived(later.look)
        _head(view, scene)
        _canvas(scene)
        below = panels.show(scene) if scene.points.finished else ()
        asked = [*scene.all, *later.all, *below]
        asking.leave(frozenset(one.task_id for one in asked))
        moving = view.live or any(one.live or one.later for one in asked)
        looks.write_link()
        if moving != was_moving:
            session.put(MOVING, moving)
            st.rerun()


class Scene:
    """All that one look shows of one run: its points and its maps as they stand."""

    def __init__(self, look: Look, view: RunView, *, asks: bool = True):
        self.look, self.view, self.experiment = look, view, view.experiment
        self.asks = asks
        names = knobs.maps_of(look, view.experiment)
        self.names = [name for name in names if look.view == "maps" or name != names[0]]
        samples = look.samples()
        ask = asking.question if asks else _waits
        self.points = ask(look, view, "points", **samples)
        self.maps = {name: ask(look, view, "map", **_options(look, name)) for name in self.names}
        self.film: Asked | None = None
        if look.view == "film":
            self.film = _film(look, view, names[0])

    @property
    def all(self) -> list[Asked]:
        return [self.points, *self.maps.values(), *([self.film] if self.film else [])]

    @property
    def live(self) -> bool:
        return any(one.live for one in self.all)

    @property
    def new(self) -> bool:
        """Whether something is left that nobody has computed yet, and that this page must not begin by itself."""
        return any(one.new for one in self.all)

    @property
    def failed(self) -> list:
        return [one.failed for one in self.all if one.failed is not None]

    def rows(self) -> list[int]:
        """The rows selected, those that there are."""
        count = len(self.points.arrays.get("index", ()))
        return [row for row in self.look.selected if row < count]


def _waits(look: Look, view: RunView, kind: str, **options: float | str) -> Asked:
    """Before a run's first whole epoch nothing is asked."""
    return asking.waiting(kind)


def _film(look: Look, view: RunView, name: str) -> Asked:
    """The film of a whole run, or of the epochs that one that goes has recorded up to a moment that the visitor chooses."""
    until = asking.filmed(view) if view.live else None
    if view.live and until is None:
        return asking.refused("film", Problem("explorer.film_later"))
    return asking.question(replace(look, epoch=until), view, "film", **_film_options(look, name))


def _options(look: Look, name: str) -> dict[str, float | str]:
    source, method = name.split(":")
    return {"source": source, "method": method, **look.knobs()}


def _film_options(look: Look, name: str) -> dict[str, float | str]:
    """A film has two dimensions; what no film can be made of becomes UMAP."""
    method = name.split(":")[1]
    knobs_of_film = {name: value for name, value in look.knobs().items() if name != "dimensions"}
    return {**knobs_of_film, "method": method if method in ("code", "pca", "umap") else "umap"}


# ---- above the canvas ----


def _head(view: RunView, scene: Scene) -> None:
    """How the run stands, where it is not simply finished; and the button where something waits for the visitor."""
    if view.state not in ("finished", "stopped"):
        live.state_line(view)
        if view.live:
            st.caption(t("explorer.follows" if looks.may_work() else "explorer.would_follow"))
    if scene.new or (view.live and not looks.may_work()):
        with st.container(border=True, key="latent_invite", horizontal=True, vertical_alignment="center"):
            st.markdown(t("explorer.invite_some" if any(one.finished for one in scene.all) else "explorer.invite"))
            st.button(t("explorer.draw"), key="latent_draw", type="primary", icon=":material/scatter_plot:", on_click=looks.start)
    if scene.film is not None and view.live:
        _film_so_far(view)
    if scene.failed:
        st.button(t("explorer.again"), key="latent_again", icon=":material/replay:", on_click=asking.again, args=(scene.failed,))


def _film_so_far(view: RunView) -> None:
    """A film of a run that goes ends somewhere; a longer one is made when the visitor wishes."""
    until, epochs = asking.filmed(view), asking.epochs_of(view)
    if until is None or epochs[-1] <= until:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(t("explorer.film_so_far", epoch=int(until), now=epochs[-1]))
        newer = t("explorer.film_newer", now=epochs[-1])
        st.button(newer, key="latent_film_newer", icon=":material/more_time:", on_click=asking.film_anew, args=(view,))


# ---- the canvas ----


def _canvas(scene: Scene) -> None:
    look, points, experiment = scene.look, scene.points, scene.experiment
    if points.problem is not None:
        if points.problem != scene.view.problem:  # else it stands above, with how the run is
            st.text(text.problem(points.problem))
        return
    if points.new or not scene.asks:
        return  # the maps that are there wait for the points that they show
    specs = list(_specs(scene))
    if not specs:
        return
    latent(
        specs,
        points_task=points.task_id,
        texts=texts(),
        key=CANVAS,
        run=_network(scene),
        colour=knobs.shown_colour(experiment, look),
        filters=_filters(look, points.arrays),
        samples=_samples(scene),
        selection=look.selected,
        view={name: camera for name, camera in zip(_names(look, experiment), look.cameras) if camera},
        class_names=knobs.class_names(experiment),
        factor_names=knobs.factor_names(experiment),
        decode=look.decode,
        draw=look.draw,
        report_view=True,
        on_change=_picked,
        on_view=_viewed,
    )


def _samples(scene: Scene) -> str:
    """What the points' rows mean: a smaller choice is the beginning of a larger one, and training samples follow the held-out."""
    assert scene.experiment is not None
    return f"{scene.experiment.dataset} {scene.experiment.samples if scene.look.part == 'all' else ''}"


def _names(look: Look, experiment: Experiment | None) -> list[str]:
    """What the maps are called on the canvas, from the first on: a film takes the first one's place."""
    names = list(knobs.maps_of(look, experiment))
    return ["film", *names[1:]] if look.view == "film" else names


def _picked() -> None:
    """The visitor chose something on the canvas, which is a wish to see more of it."""
    state = state_of(CANVAS)
    looks.put(replace(looks.now(), selected=state.selected, decode=state.decode, draw=state.draw))
    looks.start()


def _viewed() -> None:
    """The visitor looks at another part of a map: the link leads there."""
    look, views = looks.now(), state_of(CANVAS).view
    cameras = [views.get(name, ()) for name in _names(look, runs.known(look.run or ""))]
    while cameras and not cameras[-1]:
        cameras.pop()
    looks.put(replace(look, cameras=tuple(cameras)))


def _network(scene: Scene) -> RunSpec | None:
    """The weights in the browser are those of the codes on screen; None where the store does not keep that epoch's."""
    running, epoch = engine.current(), scene.points.numbers.get("epoch")
    if running is None or scene.look.run is None or epoch is None:
        return None
    return RunSpec(scene.look.run, int(epoch)) if _keeps(scene.look.run, int(epoch)) else None


def _keeps(run_id: str, epoch: int) -> bool:
    """Whether the store has them: asked once, for it may be far away, and polls ask twice a second."""
    running = engine.current()
    if session.get(NETWORK) == (run_id, epoch):
        return True
    try:
        kept = running is not None and running.weights(run_id, epoch) is not None
        session.put(NETWORK, (run_id, epoch) if kept else None)
        return kept
    except Exception as error:  # noqa: BLE001 - damaged weights: no decoding, and the maps stay
        errors.log.warning("weights of %s cannot be read: %s", run_id, type(error).__name__)
        return False


def _specs(scene: Scene) -> Iterator[MapSpec]:
    """The film and the maps that there are or soon will be; of one that cannot be made the reason is said above the others."""
    named = [("film", t("explorer.film_title"), scene.film)] if scene.film else []
    named += [(name, knobs.map_title(name, scene.experiment), asked) for name, asked in scene.maps.items()]
    for name, title, asked in named:
        if asked.problem is not None:
            st.text(t("explorer.no_such_map", map=title, reason=text.problem(asked.problem)))
        elif asked.new:
            if name == "film":
                st.caption(t("explorer.not_drawn_film"))
        else:
            words = caption(asked.numbers)
            yield MapSpec(asked.task_id, title, _KINDS.get(name, "map"), caption=words, name=name, follows=scene.view.live)


def caption(numbers: Mapping[str, float]) -> str:
    """What stands under a map: how far to trust it, in four numbers."""
    parts = []
    for name in ("trustworthiness", "continuity"):
        if name in numbers:
            parts.append(f"{t(f'measure.{name}')}\u00a0{plot.three(numbers[name])}")
    if "knn_accuracy" in numbers:
        share = t("measure.percent", n=plot.three(100 * numbers["knn_accuracy"])).replace(" ", "\u00a0")
        parts.append(f"{t('explorer.knn')}\u00a0{share}")
    if "intrinsic_dimension" in numbers:
        parts.append(f"{t('explorer.intrinsic')}\u00a0{plot.three(numbers['intrinsic_dimension'])}")
    return " · ".join(parts)


def _filters(look: Look, arrays: Mapping[str, np.ndarray]) -> list[Filter]:
    filters = [Filter("label", look.classes)] if look.classes else []
    if look.errors != (0, 100) and "error" in arrays:
        low, high = (float(np.percentile(arrays["error"], share)) for share in look.errors)
        filters.append(Filter("error", low=low, high=high))
    return filters


def texts() -> Mapping[str, str]:
    """The canvas's sentences with their places for numbers unfilled: it fills them in the browser."""
    words = text.catalogue(text.language())
    return {name: words[f"latent.{name}"] for name in TEXT_KEYS}
