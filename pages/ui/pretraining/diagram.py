"""The network as boxes, the part that trains now lit, and the list of phases: drawn before, during and after a run."""

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui.text import t
from replearn_core.comparisons.deep import epochs_of
from replearn_core.strategies import Phase, pretraining_phases

STAGES = ("build", "race", "modern", "batch_norm", "labels")


def network(settings: Mapping[str, Any], at: tuple[int, int] | None) -> None:
    """Boxes from the pixels to the classes. at: (stage, place) of what runs, None where nothing does."""
    depth, width = int(settings["depth"]), int(settings["width"])
    boxes, words = [], []
    for layer in range(depth + 1):
        state = state_of(layer, depth, at)
        name = t("pretraining.classifier") if layer == depth else t("pretraining.layer_n", n=layer + 1)
        note = t(f"pretraining.state.{state}")
        size = "" if layer == depth else f"<small>{html.escape(t('pretraining.units', n=width))}</small>"
        boxes.append(f'<span class="stack-box {state}"><b>{html.escape(name)}</b>{size}<em>{html.escape(note)}</em></span>')
        words.append(f"{name}{t('properties.colon')}{note}")
    start = f'<span class="stack-box input"><b>{html.escape(t("pretraining.pixels"))}</b></span>'
    arrow = '<span class="stack-arrow" aria-hidden="true">→</span>'
    alt = html.escape(t("pretraining.diagram_alt", rows=t("pretraining.separator").join(words)))
    st.html(f'<div class="stack" role="img" aria-label="{alt}">{arrow.join([start, *boxes])}</div>{steps(depth, at)}')


def state_of(layer: int, depth: int, at: tuple[int, int] | None) -> str:
    """waiting, training, frozen, tuning or ready."""
    if at is None:
        return "ready"
    if at[0] > 0:
        return "tuning"
    if layer == depth or layer > at[1]:
        return "waiting"
    return "training" if layer == at[1] else "frozen"


def steps(depth: int, at: tuple[int, int] | None) -> str:
    """The phases in order, the present one marked."""
    names = [t("pretraining.layer_n", n=layer + 1) for layer in range(depth)]
    names += [t(f"pretraining.stage.{stage}") for stage in STAGES[1:]]
    now = -1 if at is None else min(at[1], depth - 1) if at[0] == 0 else depth + at[0] - 1
    items = []
    for place, name in enumerate(names):
        kind = "now" if place == now else "done" if place < now else ""
        current = ' aria-current="step"' if place == now else ""
        items.append(f'<li class="{kind}"{current}>{html.escape(name)}</li>')
    return f'<ol class="stack-steps">{"".join(items)}</ol>'


def plan(values: Mapping[str, Any]) -> tuple[Phase, ...]:
    """The phases of a pretrained network with these settings."""
    epochs = epochs_of(int(values["updates"]), int(values["labels"]), int(values["batch_size"]))
    return pretraining_phases(int(values["depth"]), int(values["pretrain_epochs"]), epochs)


def as_code(values: Mapping[str, Any]) -> str:
    """The plan as the core carries it out."""
    lines = (
        f"Phase({phase.name!r}, epochs={phase.epochs}, bottom={phase.bottom}, top={phase.top}, objective={phase.objective!r})"
        for phase in plan(values)
    )
    return "(\n" + "".join(f"    {line},\n" for line in lines) + ")"
