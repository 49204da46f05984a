"""What the pretraining study found, view by view; also while it runs, with what there is so far."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import plot
from pages.ui.latent import pictures
from pages.ui.pretraining import figures
from pages.ui.pretraining.figures import Line
from pages.ui.properties.figures import is_dark
from pages.ui.properties.pick import one_of, step_of
from pages.ui.text import t

Settings = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
FAMILIES = ("random", "pretrained", "modern", "batch_norm")
MEASURES = ("error", "loss", "train_error", "train_loss")


def name_of(family: str) -> str:
    return t(f"pretraining.family.{family}")


def views(settings: Settings, arrays: Arrays, at: tuple[int, int] | None) -> None:
    """One view of a few. at: what runs now, None at the end; until the visitor chooses, the view follows it."""
    there = [name for name, (needs, _) in VIEWS.items() if needs in arrays]
    if not there:
        return
    usual = "stack" if at is not None and at[0] == 0 else "labels" if at is not None and at[0] == 4 else "curves"
    chosen = one_of("pretraining_view", there, lambda name: t(f"pretraining.view.{name}"), usual if usual in there else there[0])
    VIEWS[chosen][1](settings, arrays)


def _pair(label: str, value: float) -> str:
    return f"{label}{t('properties.colon')}{plot.three(value)}"


# ---- the stack ----


def stack(settings: Settings, arrays: Arrays) -> None:
    """Each layer's reconstruction while it trained, pictures rebuilt from each level, and what the units look for."""
    epochs, places, errors = arrays["layer.epoch"], arrays["layer.place"], arrays["layer.error"]
    lines = [
        Line(str(layer), t("pretraining.layer_n", n=layer + 1), epochs[places == layer], errors[:, places == layer])
        for layer in range(int(places.max()) + 1)
    ]
    alt = t("pretraining.layers_alt", rows=figures.ends(lines, t("properties.colon")))
    figures.bands(lines, t("pretraining.epochs"), t("pretraining.layer_error"), "layers", alt, height=300)
    _rebuilt(arrays)
    _features(settings, arrays)


def _rebuilt(arrays: Arrays) -> None:
    st.markdown(f"**{t('pretraining.rebuilt')}**")
    clean = arrays["clean"]
    width = pictures.size(clean.shape[-1], 48)
    rows = [_row(clean, t("pretraining.held_out"), width)]
    rows += [_row(one, t("pretraining.from_level", n=level + 1), width) for level, one in enumerate(arrays["layer.rebuilt"])]
    pictures.show(*rows)


def _row(images: np.ndarray, label: str, width: float) -> str:
    sheet = pictures.mosaic(pictures.grey(images)[None])
    scale = width / images.shape[-1]
    return pictures.row([pictures.image(sheet, f"{label}", width=sheet.shape[1] * scale)], label)


def _features(settings: Settings, arrays: Arrays) -> None:
    """One layer's units before, after pretraining and after fine-tuning."""
    depth = arrays["features.random"].shape[0]
    st.markdown(f"**{t('pretraining.features')}**")
    layer = (
        int(one_of("pretraining_layer", [str(n) for n in range(1, depth + 1)], lambda n: t("pretraining.layer_n", n=n), "1")) - 1
    )
    dark = is_dark()
    rows = []
    for name in ("random", "pretrained", "tuned"):
        if f"features.{name}" in arrays:
            images = arrays[f"features.{name}"][layer].astype(np.float32) - 128
            sheet = pictures.mosaic(pictures.signed(images, dark)[None])
            label = t(f"pretraining.features_{name}")
            scale = pictures.size(images.shape[-1], 32) / images.shape[-1]
            rows.append(pictures.row([pictures.image(sheet, label, width=sheet.shape[1] * scale)], label))
    pictures.show(*rows)
    st.caption(t("pretraining.features_about"))


# ---- the race ----


def _lines(arrays: Arrays, key: str, scale: float = 1.0) -> list[Line]:
    lines = []
    for name in FAMILIES:
        if f"{name}.{key}" in arrays:
            values = arrays[f"{name}.{key}"]
            lines.append(Line(name, name_of(name), arrays["updates"][: values.shape[1]], scale * values))
    return lines


def curves(settings: Settings, arrays: Arrays) -> None:
    measure = one_of("pretraining_measure", MEASURES, lambda name: t(f"pretraining.measure.{name}"), MEASURES[0])
    share = measure.endswith("error")
    lines = _lines(arrays, measure, 100.0 if share else 1.0)
    alt = t(
        "pretraining.curves_alt",
        measure=t(f"pretraining.measure.{measure}"),
        n=int(arrays["updates"][-1]),
        rows=figures.ends(lines, t("properties.colon")),
    )
    figures.bands(lines, t("pretraining.updates"), t(f"pretraining.axis.{measure}"), f"curves_{measure}", alt, share=share)


def labels(settings: Settings, arrays: Arrays) -> None:
    counts, errors = arrays["counts"], arrays["counts.error"]
    lines = [Line(name, name_of(name), counts, 100 * errors[row]) for row, name in enumerate(FAMILIES[:3])]
    first = np.isfinite(errors).all(axis=(0, 1))
    if not first.any():
        st.caption(t("pretraining.soon"))
        return
    place = int(np.flatnonzero(first)[0])
    starts = figures.separated([_pair(line.label, float(line.values[:, place].mean())) for line in lines])
    alt = t(
        "pretraining.labels_alt",
        first=int(counts[place]),
        starts=starts,
        last=int(counts[np.flatnonzero(first)[-1]]),
        ends=figures.ends(lines, t("properties.colon")),
    )
    ticks = {float(n): f"{n:,}" for n in counts}
    at = float(settings["labels"])
    titles = t("pretraining.labels_axis"), t("pretraining.axis.error")
    figures.bands(lines, *titles, "labels", alt, log_x=True, at=at, ticks=ticks, share=True)


def gradients(settings: Settings, arrays: Arrays) -> None:
    """Norm of the gradient by each layer's weights, at one moment of fine-tuning."""
    updates = arrays["updates"]
    step = step_of("pretraining_moment", t("pretraining.moment"), updates, 0) if len(updates) > 1 else 0
    st.markdown(f"**{t('pretraining.moment_is', n=int(updates[step]))}**")
    lines, depth = [], int(settings["depth"])
    for name in FAMILIES:
        if f"{name}.gradient" in arrays:
            values = arrays[f"{name}.gradient"]  # (S, T, depth + 1)
            lines.append(Line(name, name_of(name), np.arange(1, depth + 2), values[:, min(step, values.shape[1] - 1)]))
    ticks = {float(layer + 1): t("pretraining.layer_n", n=layer + 1) for layer in range(depth)}
    ticks[float(depth + 1)] = t("pretraining.classifier")
    ratios = [(line.label, np.log(line.values[:, 0] / line.values[:, -1])) for line in lines]
    rows = figures.separated([_pair(label, float(np.exp(values.mean()))) for label, values in ratios])
    alt = t("pretraining.gradients_alt", n=int(updates[step]), rows=rows)
    figures.bands(lines, "", t("pretraining.gradient_axis"), "gradients", alt, log_y=True, ticks=ticks, height=310)


def trade(settings: Settings, arrays: Arrays) -> None:
    """Held-out against training loss, a path a family: lower at equal training loss is a better regulariser."""
    dark, traces, words = is_dark(), [], []
    for name in FAMILIES:
        if f"{name}.loss" not in arrays:
            continue
        x, y = arrays[f"{name}.train_loss"], arrays[f"{name}.loss"]
        ink, dash, symbol = figures.look(name, dark)
        for seed in range(len(x)):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": np.maximum(x[seed], 1e-6).tolist(),
                    "y": y[seed].tolist(),
                    "name": plot.plain(name_of(name)),
                    "legendgroup": name,
                    "showlegend": seed == 0,
                    "line": {"color": ink, "dash": dash, "width": 1.3},
                    "marker": {"symbol": symbol, "size": [3] * (x.shape[1] - 1) + [9], "color": ink},
                    "hovertemplate": "%{x:.3g}, %{y:.3g}<extra></extra>",
                }
            )
        ends = float(x[:, -1].mean()), float(y[:, -1].mean())
        words.append(t("pretraining.trade_row", name=name_of(name), train=ends[0], held=ends[1]))
    figure = plot.figure(
        traces,
        dark,
        t("pretraining.axis.train_loss_log"),
        t("pretraining.axis.loss"),
        "trade",
        height=380,
        margin={"l": 8, "r": 8, "t": 16, "b": 88},
    )
    figure.update_xaxes(type="log", autorange="reversed", exponentformat="power", dtick=1)
    figure.update_layout(hovermode="closest")
    figures.draw(figure, "trade", t("pretraining.trade_alt", rows=figures.separated(words)))


def space(settings: Settings, arrays: Arrays) -> None:
    """Each run's way through function space."""
    dark, path, share = is_dark(), arrays["path"], arrays["path.share"]
    traces = []
    for row, name in enumerate(FAMILIES):
        ink, dash, symbol = figures.look(name, dark)
        for seed, way in enumerate(path[row]):
            sizes = [4] * (len(way) - 1) + [11]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": way[:, 0].tolist(),
                    "y": way[:, 1].tolist(),
                    "name": plot.plain(name_of(name)),
                    "legendgroup": name,
                    "showlegend": seed == 0,
                    "line": {"color": ink, "dash": dash, "width": 1.5},
                    "marker": {"symbol": symbol, "size": sizes, "color": ink},
                    "hoverinfo": "skip",
                }
            )
    titles = [t("pretraining.component", n=place + 1, share=100 * float(one)) for place, one in enumerate(share)]
    figure = plot.figure(
        traces,
        dark,
        titles[0],
        titles[1],
        "space",
        (),
        (),
        {"scaleanchor": "x"},
        height=440,
        margin={"l": 8, "r": 8, "t": 16, "b": 88},
    )
    figure.update_layout(hovermode="closest")
    last = path[:, :, -1]
    apart = [float(np.linalg.norm(last[row] - last[row].mean(axis=0), axis=1).mean()) for row in range(len(FAMILIES))]
    rows = figures.separated([_pair(name_of(name), one) for name, one in zip(FAMILIES, apart)])
    figures.draw(figure, "space", t("pretraining.space_alt", rows=rows))


VIEWS: Mapping[str, tuple[str, Callable[[Settings, Arrays], None]]] = {
    "stack": ("layer.rebuilt", stack),
    "curves": ("random.error", curves),
    "labels": ("counts", labels),
    "gradients": ("random.gradient", gradients),
    "trade": ("random.loss", trade),
    "space": ("path", space),
}
"""View → the array that it needs, and the function."""
