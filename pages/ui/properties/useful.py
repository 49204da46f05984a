"""What representations are good for, drawn: accuracy against the number of labels, and causes read in growing noise."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.latent import pictures
from pages.ui.latent.asking import names_in
from pages.ui.properties import figures
from pages.ui.properties.pick import step_of
from pages.ui.text import number, t

READ = ("pixels", "pca", "untrained", "plain", "denoising")
SPACES = ("pixels", "pca", "plain", "denoising")


def _kind(name: str) -> str:
    return t(f"properties.kind.{name}")


def few_labels(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    labels, curve = arrays["labels"], arrays["curve"]  # (4,), (S, 5, 4)
    means = t("properties.semicolon").join(
        f"{_kind(name)} {number(float(curve[:, row, 0].mean()))}" for row, name in enumerate(READ)
    )
    figures.curves(
        labels,
        [(name, _kind(name), curve[:, row], "dash" if name == "untrained" else "solid") for row, name in enumerate(READ)],
        t("properties.labels_axis"),
        t("properties.accuracy"),
        "few_labels",
        t("properties.few_labels_alt", n=int(labels[0]), means=means),
        log=True,
        share=True,
    )
    for count in labels:
        rows = [(f"{name}.labels_{count}", _kind(name), name) for name in READ]
        figures.dots(told, rows, t("properties.accuracy_with", n=int(count)), f"labels_{count}")


def causes(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    noises, curve, noisy = arrays["noises"], arrays["curve"], arrays["noisy"]  # (6,), (S, 4, 6), (6, H, W)
    step = step_of("causes_noise", t("properties.axis.noise"), noises, 3)
    shown = [
        pictures.image(pictures.grey(one), t("properties.changed_alt", n=float(noise)), width=64, strong=place == step)
        for place, (one, noise) in enumerate(zip(noisy, noises))
    ]
    pictures.show(pictures.row(shown))
    means = t("properties.semicolon").join(
        f"{_kind(name)} {number(float(curve[:, row, step].mean()))}" for row, name in enumerate(SPACES)
    )
    figures.curves(
        noises,
        [(name, _kind(name), curve[:, row], "solid") for row, name in enumerate(SPACES)],
        t("properties.axis.noise"),
        t("properties.causes_axis"),
        "causes",
        t("properties.causes_alt", n=float(noises[step]), means=means),
        at=float(noises[step]),
        level=float(told["summary"]["chance"][0]),
        share=True,
    )
    chance = float(told["summary"]["chance"][0])
    for measure in ("clean", "noisy"):
        rows = [(f"{name}.{measure}", _kind(name), name) for name in SPACES]
        figures.dots(told, rows, t(f"properties.measure.{measure}"), measure, mark=(chance, t("properties.chance")))
    st.markdown(f"**{t('properties.each_cause')}**")
    factors = [t(f"factor.{name}") for name in names_in("sprites")[1]]
    each = arrays["by_factor"].mean(axis=0)  # (4, F)
    best = np.unravel_index(int(each.argmax()), each.shape)
    alt = t("properties.each_cause_alt", kind=_kind(SPACES[best[0]]), factor=factors[best[1]], value=float(each.max()))
    figures.square(each, factors, [_kind(name) for name in SPACES], t("properties.factor"), "", "each_cause", alt, 1.0)
