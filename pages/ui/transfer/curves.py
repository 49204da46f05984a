"""Layer transfer, drawn: accuracy against the number of copied layers, after Yosinski et al. 2014."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.text import t
from pages.ui.transfer import figures
from pages.ui.transfer.figures import Line
from replearn_core.comparisons.layers import KINDS


def show(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Four curves that begin at the base networks; what is not measured yet is left out."""
    curves, copied = arrays["curves"], arrays["copied"]  # (4, S, depth + 1), (depth + 1,)
    lines, words = [], []
    for row, kind in enumerate(KINDS):
        there = np.isfinite(curves[row]).all(axis=0)
        if there.any():
            label = t(f"transfer.kind.{kind}")
            lines.append(Line(kind, label, copied[there], curves[row][:, there]))
            means = ", ".join(f"{100 * value:.1f}" for value in curves[row][:, there].mean(axis=0))
            words.append(f"{label}{t('properties.colon')}{means}")
    if not lines:
        return
    alt = t("transfer.layers_alt", rows=t("transfer.semicolon").join(words))
    base = float(curves[0, :, 0].mean())
    figures.bands(
        lines, t("transfer.copied_axis"), t("transfer.accuracy_axis"), "layers", alt, level=base, ticks=[str(k) for k in copied]
    )
    st.caption(alt)
