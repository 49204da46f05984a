"""Where the gain ends, drawn: error of the three families at every stop of one knob, and the gain itself."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pages.ui import plot
from pages.ui.pretraining import figures
from pages.ui.pretraining.figures import Line
from pages.ui.text import sentences, t

FAMILIES = ("random", "pretrained", "modern")


def stop_name(stop: float) -> str:
    """A depth, or whose label it is: below 1 it is the strength of the faint texture, 0 the label that was chosen."""
    if stop >= 1:
        return t("pretraining.stop_depth", n=int(stop))
    return t("pretraining.stop_faint", strength=stop) if stop else t("pretraining.stop_own")


def show(settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    stops, errors = arrays["stops"], arrays["error"]
    if not np.isfinite(errors).all(axis=(0, 1)).any():
        return
    places = np.arange(len(stops))
    names = [stop_name(round(float(one), 4)) for one in stops]
    ticks = {float(place): name for place, name in zip(places, names)}
    lines = [Line(name, t(f"pretraining.family.{name}"), places, 100 * errors[row]) for row, name in enumerate(FAMILIES)]
    there = np.flatnonzero(np.isfinite(errors).all(axis=(0, 1)))
    gains = 100 * (errors[0] - errors[1])  # (S, V)
    means = [(names[place], plot.three(float(gains[:, place].mean()))) for place in there]
    words = figures.separated([f"{name}{t('properties.colon')}{mean}" for name, mean in means])
    alt = t("pretraining.borders_alt", rows=words)
    axis = t(f"pretraining.over_axis.{settings['over']}")
    figures.bands(lines, axis, t("pretraining.axis.error"), "borders", alt, ticks=ticks, share=True)
    first = [
        Line(name, t(f"pretraining.family.{name}"), places, arrays["gradient"][row])
        for row, name in enumerate(("random", "pretrained"))
    ]
    ratios = figures.ends(first, t("properties.colon"))
    figures.bands(
        first,
        axis,
        t("pretraining.ratio_axis"),
        "borders_gradient",
        t("pretraining.ratio_alt", rows=ratios),
        log_y=True,
        ticks=ticks,
    )


def said(told: Mapping[str, Any]) -> str:
    """At which stops it helps, does nothing, harms."""
    found: dict[str, list[str]] = {"higher": [], "unclear": [], "lower": []}
    for key, numbers in told["findings"]:
        if key.startswith("finding.borders.gain."):
            found[key.rpartition(".")[2]].append(stop_name(round(numbers["stop"], 4)))
    parts = [t(f"pretraining.says_borders.{direction}", stops=stops) for direction, stops in found.items() if stops]
    return sentences(*parts)
