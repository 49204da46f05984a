"""Below the maps, one at a time: what is selected and what is near it, and the panels of `walks.py`. Called by `region.py`."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.ui import panels as charts_on_page
from pages.ui import plot, session, tables, text
from pages.ui.latent import asking, knobs, pictures
from pages.ui.latent import look as looks
from pages.ui.latent.asking import Asked
from pages.ui.latent.look import KNOB
from pages.ui.text import t
from replearn_core.experiment import Experiment

if TYPE_CHECKING:
    from pages.ui.latent.region import Scene

GALLERY = 48  # pictures
WITH_NEIGHBOURS = 4  # samples whose neighbours are shown
NEIGHBOURS = 8
MEASURES = ("trustworthiness", "continuity", "knn_accuracy", "knn_accuracy_source", "intrinsic_dimension", "seconds")


def show(scene: "Scene") -> list[Asked]:
    """The chosen panel. Returns the questions that it asked."""
    from pages.ui.latent import walks

    offered = offers(scene.experiment)
    panel = scene.look.panel if scene.look.panel in offered else offered[0]
    _choose(panel, offered)
    draw: dict[str, Callable[[Scene], list[Asked]]] = {
        "chosen": _chosen,
        "walk": walks.walk,
        "units": walks.units,
        "grid": walks.grid,
        "tangents": walks.tangents,
        "field": walks.field,
        "trust": _trust,
    }
    with st.container(key=f"latent_panel_{panel}"):
        return draw[panel](scene)


def offers(experiment: Experiment | None) -> list[str]:
    """The panels that make sense for this run."""
    if experiment is None:
        return ["trust"]
    images = experiment.data.kind == "image"
    wanted = {"grid": experiment.code_size == 2, "field": experiment.data.shape == (2,), "tangents": images}
    return [name for name in looks.PANELS if wanted.get(name, True)]


def _choose(panel: str, offered: Sequence[str]) -> None:
    st.session_state[KNOB + "panel"] = panel
    labels = {name: t(f"explorer.panel_{name}") for name in offered}
    st.segmented_control(
        t("explorer.panel"), offered, format_func=lambda name: labels.get(name, str(name)), key=KNOB + "panel", required=True,
        on_change=lambda: looks.take(panel=session.get(KNOB + "panel")), label_visibility="collapsed",
    )  # fmt: skip


def waits(asked: Asked) -> bool:
    """Say why there is no answer yet, if there is none. Returns whether that is so."""
    if asked.finished:
        return False
    if asked.problem is not None:
        st.text(text.problem(asked.problem))
        if asked.failed is not None:
            st.button(
                t("explorer.again"),
                key="latent_panel_again",
                icon=":material/replay:",
                on_click=asking.again,
                args=([asked.failed],),
            )
    elif asked.new:
        st.button(t("explorer.compute"), key="latent_compute", icon=":material/play_arrow:", on_click=looks.start)
    else:
        st.caption(t("explorer.computing", percent=round(100 * asked.view.progress)))
    return True


# ---- what is selected ----


def _chosen(scene: "Scene") -> list[Asked]:
    rows = scene.rows()
    if not rows:
        st.caption(t("explorer.select_some"))
        return []
    arrays, names = scene.points.arrays, knobs.class_names(scene.experiment)
    st.markdown(counts(arrays["labels"][rows], names))
    _gallery(scene, rows)
    return _neighbours(scene, rows[:WITH_NEIGHBOURS])


def counts(labels: np.ndarray, names: Sequence[str]) -> str:
    """How many are selected, and of which classes, the commonest first."""
    found = Counter(int(label) for label in labels if label >= 0)
    many = t("explorer.selected", n=len(labels))
    if not found:
        return many
    listed = [t("explorer.class_count", name=class_name(label, names), n=n) for label, n in found.most_common(12)]
    return many + t("explorer.colon") + t("explorer.class_joint").join(listed)


def class_name(label: int, names: Sequence[str]) -> str:
    return names[label] if 0 <= label < len(names) else str(label)


def sample_name(scene: "Scene", row: int) -> str:
    """`#17: 4`."""
    label, number = int(scene.points.arrays["labels"][row]), int(scene.points.arrays["index"][row])
    if label < 0:
        return t("latent.point", number=str(number))
    return t("latent.point_label", number=str(number), label=class_name(label, knobs.class_names(scene.experiment)))


def _gallery(scene: "Scene", rows: Sequence[int]) -> None:
    """The selected pictures, the first many."""
    images = scene.points.arrays.get("images")
    if images is None:
        return
    width = pictures.size(images.shape[2], 44)
    shown = [pictures.image(pictures.grey(images[row]), sample_name(scene, row), width=width) for row in rows[:GALLERY]]
    pictures.show(pictures.row(shown))
    if len(rows) > GALLERY:
        st.caption(t("explorer.gallery_first", n=GALLERY, total=len(rows)))


def _neighbours(scene: "Scene", rows: Sequence[int]) -> list[Asked]:
    """For each of a few: its nearest samples in code space beside its nearest ones among pixels."""
    arrays = scene.points.arrays
    indices = ",".join(str(int(arrays["index"][row])) for row in rows)
    asked = asking.question(scene.look, scene.view, "neighbours", indices=indices, count=NEIGHBOURS, **scene.look.samples())
    st.markdown(f"**{t('explorer.neighbours')}**")
    if waits(asked):
        return [asked]
    row_of = {int(index): row for row, index in enumerate(arrays["index"])}
    near = {name: [[row_of.get(int(i)) for i in line] for line in asked.arrays[name]] for name in ("code", "pixels")}
    if "images" in arrays:
        pictures.show(*(_line(scene, row, near["code"][place], near["pixels"][place]) for place, row in enumerate(rows)))
    else:
        for place, row in enumerate(rows):
            others = [sample_name(scene, one) for one in near["code"][place] if one is not None]
            st.text(f"{sample_name(scene, row)} → {', '.join(others)}")
    _agreement(scene, rows, near)
    return [asked]


def _line(scene: "Scene", row: int, code: Sequence[int | None], pixels: Sequence[int | None]) -> str:
    """One sample, then its two groups of neighbours; another class is framed."""
    images, labels = scene.points.arrays["images"], scene.points.arrays["labels"]
    width = pictures.size(images.shape[2], 40)

    def one(near: int) -> str:
        other = bool(labels[near] >= 0 and labels[near] != labels[row])
        return pictures.image(pictures.grey(images[near]), sample_name(scene, near), width=width, strong=other)

    head = pictures.image(pictures.grey(images[row]), sample_name(scene, row), width=width)
    groups = [
        pictures.row([one(near) for near in group if near is not None], t(f"explorer.near_{name}"))
        for name, group in (("code", code), ("pixels", pixels))
    ]
    return f'<div class="latent-near"><div>{head}</div>{"".join(groups)}</div>'


def _agreement(scene: "Scene", rows: Sequence[int], near: dict[str, list[list[int | None]]]) -> None:
    """What the pictures show, counted."""
    labels = scene.points.arrays["labels"]
    both = np.mean([len(set(code) & set(pixels)) for code, pixels in zip(near["code"], near["pixels"])])
    if any(labels[row] < 0 for row in rows):
        st.caption(t("explorer.near_shared", n=NEIGHBOURS, both=float(both)))
        return
    same = {
        name: float(
            np.mean([sum(one is not None and labels[one] == labels[row] for one in line) for row, line in zip(rows, lines)])
        )
        for name, lines in near.items()
    }
    st.caption(t("explorer.near_found", n=NEIGHBOURS, code=same["code"], pixels=same["pixels"], both=float(both)))


# ---- how far to trust the maps ----


def _trust(scene: "Scene") -> list[Asked]:
    maps = {knobs.map_title(name, scene.experiment): asked.numbers for name, asked in scene.maps.items() if asked.finished}
    if not maps:
        st.caption(t("explorer.no_maps_yet"))
        return []
    rows = [name for name in MEASURES if any(name in numbers for numbers in maps.values())]
    table = {t("measure.measure"): [t(f"explorer.measure_{name}") for name in rows]}
    for title, numbers in maps.items():
        table[title] = [_measured(name, numbers) for name in rows]
    with st.container(key="measures_table"):
        tables.show(table, "maps")
    st.caption(t("explorer.trust_help"))
    return []


def _measured(name: str, numbers) -> str:
    if name not in numbers:
        return "–"
    if name.startswith("knn"):
        return t("measure.percent", n=plot.three(100 * numbers[name]))
    return text.duration(numbers[name]) if name == "seconds" else plot.three(numbers[name])


def is_dark() -> bool:
    return charts_on_page.is_dark()
