"""The lecture's claims and what the seeds say of each: shown, shown only in part, not shown, or not tested yet.

Below them four published tables, computed again.
"""

import streamlit as st

from pages.ui import text
from pages.ui.evidence import card, papers, state, told
from pages.ui.text import ASSETS, t
from replearn_core import claims

for name in ("evidence", "papers"):
    st.html(ASSETS / "css" / f"{name}.css")
state.ADDRESS.follow()
verdicts = [told.verdict_of(claim) for claim in claims.LECTURE]
wanted = state.wanted()

# ---- what counts as shown; which to see ----
with st.container(key="evidence_head"):
    for problem in state.ADDRESS.problems:
        st.text(text.problem(problem))
    st.markdown(t("evidence.how"))
    state.choose({state.ALL: len(verdicts)} | {name: verdicts.count(name) for name in told.VERDICTS})
    st.caption(t("evidence.key"))
    st.markdown(t("papers.below"))

# ---- the claims, part by part ----
for part in told.PARTS:
    some = [claim for claim in wanted if told.part_of(claim) == part]
    if some:
        st.markdown(f"## {t(f'home.part.{part}.name')}")
        for claim in some:
            card.draw(claim)
if not wanted:
    st.markdown(t("evidence.empty"))

# ---- to take home ----
st.download_button(
    t("evidence.csv", n=len(wanted)),
    text.later(lambda: told.as_csv(wanted)),
    file_name="evidence.csv",
    mime="text/csv",
    icon=":material/download:",
    on_click="ignore",
    key="evidence_csv",
)

# ---- below the claims: what others have published, computed again ----
papers.draw()
state.ADDRESS.write()
