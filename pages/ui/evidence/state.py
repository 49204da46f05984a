"""Which claims the evidence page shows: the address and the session are its two spellings. Read by evidence.py."""

from collections.abc import Mapping

import streamlit as st

from pages.ui.address import Address
from pages.ui.evidence import told
from pages.ui.teaching import locks
from pages.ui.text import t
from replearn_core import claims
from replearn_core.options import Choice

ALL = "all"
PICKED = "evidence.picked"  # the widget


ADDRESS = Address("evidence", lambda _: {"verdict": Choice("verdict", (ALL, *told.VERDICTS), ALL)})


def wanted() -> tuple[str, ...]:
    """The claims on screen, in the lecture's order."""
    verdict = ADDRESS.values["verdict"]
    return tuple(claim for claim in claims.LECTURE if verdict in (ALL, told.verdict_of(claim)))


def choose(counts: Mapping[str, int]) -> None:
    """The filter: each verdict with the number of its claims; nothing pressed is everything."""
    if locks.hidden("verdict"):
        return
    st.segmented_control(
        t("evidence.knob.verdict"),
        [ALL, *told.VERDICTS],
        format_func=lambda name: f"{t(f'evidence.verdict.{name}')} {counts.get(name, '')}" if name in (ALL, *counts) else name,
        **ADDRESS.bound("verdict", ADDRESS.values["verdict"], key=PICKED, read=lambda one: one or ALL),
    )
