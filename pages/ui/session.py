"""Every key that this app keeps in a visitor's session, in one place; pages and pages/ui read and write through these names."""

import secrets
from typing import Any

import streamlit as st

LANGUAGE = "language"  # the choice made, "zh-TW" or "en"
OWNER = "owner"  # who asks the engine for runs: 128 random bits, known to nobody else
DRAFT = "draft"  # the knobs as they stand: fields of an Experiment, perhaps not valid together
VALID = "valid"  # the last draft that was valid, as an Experiment
QUERY = "query"  # the query this page wrote last: another one means that the visitor followed a link or went back
NOTICES = "notices"  # Problems of the link that was opened
RUN = "run"  # id of the run on screen
PAUSED = "paused"  # id of the run that this visitor paused
PINS = "pins"  # ids of pinned runs, oldest first
EPOCH = "epoch"  # the time slider's moment, None = the newest
START = "start"  # the moment that a link asked for, until the visitor moves the slider
PICTURE_SEEN = "picture_seen"  # the film has shown a picture in this session, so charts are loaded
VIEW = "lab.view"  # which of draft.VIEWS the film shows
PANEL = "lab.panel"  # which of draft.PANELS stands below the film
REFUSAL = "refusal"  # the Problem with which the engine refused the last request
SIX = "six"  # ids of the runs of "train all six", by variant
SIX_ASKED = "six.asked"  # the same, as this visitor's last press of it made them: a link shows six without one
REPLAY = "replay"  # counts presses of Train: the film plays from the beginning when it changes
ASKED = "asked"  # the knobs that the run on screen answers, as an Experiment
LOG = "log"  # curves on a log axis
WEIGHTED = "weighted"  # curves times their strength
TAKEHOME = "takehome"  # whether the run as code is unfolded
SOURCE = "source"  # whether the source of the terms is unfolded
KNOB = "knob."  # prefix of every knob's widget key


def owner() -> str:
    """This visitor's name for the engine."""
    return st.session_state.setdefault(OWNER, secrets.token_hex(16))


def get(key: str, default: Any = None) -> Any:
    return st.session_state.get(key, default)


def put(key: str, value: Any) -> None:
    st.session_state[key] = value
