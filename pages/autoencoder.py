"""The autoencoder lab: pick a variant, watch it learn to rebuild held-out images, and read what there is to notice."""

import streamlit as st

from pages.ui import buttons, controls, draft, live, notes, projector, runs, scorecard, six, takehome

draft.follow_link(runs.known)
with st.container(key="lab"):
    knobs, picture, beside = st.container(key="lab_knobs"), st.container(key="lab_picture"), st.container(key="lab_notes")

# ---- knobs, left ----
with knobs:
    with st.container(key="lab_knobs_scroll"):
        controls.notices()
        missing = controls.choose_data(runs.missing_data)
        controls.choose_variant()
        controls.turn_basic()
        controls.turn_terms()
        controls.choose_other_variant()
        controls.turn_more()
    experiment, problems = draft.checked()
    runs.follow_knobs(runs.on_screen(), experiment)
    view = runs.on_screen()
    buttons.train_row(view, experiment, controls.reason_not_to_train(experiment, problems, missing) or runs.engine_problem())

# ---- the live picture, middle ----
with picture:
    buttons.toolbar(view, experiment)
    six.show()
    live.note(view, experiment)
    live.region(view)
    live.foot(view)
    scorecard.beneath(view)
    takehome.beneath(view)

# ---- what to notice, right ----
with beside, projector.notes():
    notes.show(draft.variant(), draft.last_valid())

draft.write_link()
