"""What was found in a visitor's file: some samples of each class, the split, what was left out, what was changed."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import tables
from pages.ui.latent import pictures
from pages.ui.text import number, t

MOST_ROWS = 8  # classes shown
WIDTH = 48.0  # CSS pixels of a picture


def preview(facts: Mapping[str, Any]) -> None:
    """All of it; names of strangers stand as plain text."""
    side, kind = facts["size"], facts["kind"]
    st.markdown(f"**{t(f'own.found_{kind}', n=facts['train'] + facts['test'], side=side, columns=side)}**")
    st.markdown(t("own.split", train=facts["train"], test=facts["test"]))
    if kind == "image":
        _pictures(facts)
    else:
        _columns(facts)
    for reason, count in facts["skipped"].items():
        st.text(t(f"own.skipped.{reason}", n=count, file=facts["first"].get(reason, "–")))
    for note, count in facts["notes"].items():
        low, high = facts["said"].get("stretched", (0.0, 0.0))
        st.caption(t(f"own.note.{note}", n=count, low=low, high=high, side=side))
    said = facts["said"]
    if "used" in said:
        st.text(t("own.used_arrays", used=said["used"]))
    if said.get("aside"):
        st.text(t("own.aside_arrays", aside=said["aside"]))


def _pictures(facts: Mapping[str, Any]) -> None:
    """A row of pictures a class, with its counts."""
    side = facts["size"]
    shown = np.frombuffer(base64.b64decode(facts["preview"]["pictures"]), np.uint8).reshape(-1, side, side)
    of = np.array(facts["preview"]["classes"])
    rows = []
    for place in range(min(MOST_ROWS, max(1, len(facts["classes"])))):
        some = shown[of == place]
        label = t("own.all_images")
        if facts["classes"]:
            train, test = facts["counts"][place]
            label = t("own.class_row", name=facts["classes"][place], train=train, test=test)
        images = [pictures.image(pictures.grey(one), label, width=pictures.size(side, int(WIDTH))) for one in some]
        rows.append(pictures.row(images, label))
    pictures.show(*rows)
    if len(facts["classes"]) > MOST_ROWS:
        st.caption(t("own.more_classes", n=len(facts["classes"]) - MOST_ROWS))


def _columns(facts: Mapping[str, Any]) -> None:
    """The columns with the values that became 0 and 1, and the classes."""
    st.caption(t("own.scaled"))
    table = {
        t("own.column"): [name for name, _, _ in facts["columns"]],
        t("own.becomes_0"): [number(low) for _, low, _ in facts["columns"]],
        t("own.becomes_1"): [number(high) for _, _, high in facts["columns"]],
    }
    st.dataframe(table, hide_index=True, key="own_scaling", height=min(260, 38 + 35 * len(facts["columns"])))
    tables.offer("own_scaling", lambda: tables.of_columns(table))
    if facts["classes"]:
        counts = [f"{name} {train} + {test}" for name, (train, test) in zip(facts["classes"], facts["counts"])]
        st.text(t("own.classes", classes=counts[:20]))
