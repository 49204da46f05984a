"""The line between header and page in a class: the teacher's question, what is locked, the room's nickname and answer.

The entry script calls `above` before each page and `below` after it. Nothing is drawn for a visitor without `teach=` or `room=`.
"""

import re

import streamlit as st

from pages.ui import errors, fragments, session, text
from pages.ui.teaching import locks, rooms_ui
from pages.ui.text import ASSETS, sentences, t
from replearn_core.experiment import Problem
from replearn_core.room_values import MOST_NAME, Member, Room

POLL = 3.0  # seconds between two looks for the teacher's next question
NAME, ANSWER, JOINED = "room.name", "room.answer.", "room.joined"
OWN_PAGES = ("teach", "board")  # they show rooms and locks in their own way


def above(page: str) -> None:
    """What the class's link says, in one line where it fits."""
    locks.arrive()
    here = "room" in st.query_params
    if page in OWN_PAGES or not (here or "teach" in st.query_params):
        return
    st.html(ASSETS / "css" / "class.css")
    with errors.contained("class"), st.container(key="class_bar"):
        _teacher(here)
        if here:
            fragments.region(_room, run_every=POLL, key="class_room")()


def below() -> None:
    """After the page: what it wrote and started is known now."""
    locks.depart()
    if "room" in st.query_params:
        rooms_ui.tell_runs()


def _teacher(in_room: bool) -> None:
    now, seed = locks.now(), locks.seed()
    if now.question and not in_room:
        with st.container(horizontal=True, gap="small", key="class_question"):
            st.markdown(f":material/help: **{t('teach.question')}**", width="content")
            st.text(now.question)
    said = [t("teach.your_seed" if now.seed == "own" else "teach.class_seed", seed=str(seed))] if seed is not None else []
    said += [t("teach.some_locked")] if now.named else []
    if said:
        st.caption(":material/lock: " + sentences(*said))
    for one in locks.problems()[:4]:
        st.text(text.problem(one))


def _room() -> None:
    with errors.contained("class room"):
        if session.get(JOINED):
            session.put(JOINED, False)
            st.rerun()  # the browser is told who this is at the end of a whole run, for when the page is loaded again
        found = rooms_ui.room()
        if isinstance(found, Problem):
            st.text(text.problem(found))
            return
        who = rooms_ui.member(found.code)
        if who is None:
            _join(found)
        else:
            _answer(found, who)
        if problem := session.get(rooms_ui.PROBLEM):
            st.text(text.problem(problem))


def _join(room: Room) -> None:
    if room.closed:
        st.caption(t("board.closed"))
        return
    with st.form("class_join", border=False), st.container(horizontal=True, vertical_alignment="bottom", key="class_join_row"):
        st.text_input(t("board.nickname", code=room.code), key=NAME, max_chars=MOST_NAME, placeholder=t("board.nickname_hint"))
        st.form_submit_button(t("board.join"), icon=":material/login:", type="primary", on_click=_joined, args=(room.code,))
    st.caption(t("board.nickname_kept"))


def _joined(code: str) -> None:
    rooms_ui.join(code, str(session.get(NAME) or ""))
    session.put(JOINED, session.get(rooms_ui.PROBLEM) is None)


def _answer(room: Room, who: Member) -> None:
    given = rooms_ui.told(room.code, who, room.question_id)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="class_me"):
        st.markdown(f":material/groups: **{room.code}**", width="content")
        st.text(who.name, width="content")
        if given is not None:
            st.markdown(f":material/check_circle: {t('board.your_answer')}", width="content")
            with st.container(key="class_given", width="content"):
                st.text(text.number(given) if isinstance(given, float) else given, width="content")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="class_asked"):
        with st.container(key="class_question"):
            st.text(room.question.text)
        if room.closed:
            st.caption(t("board.closed"))
        else:
            _form(room, given)


def _form(room: Room, given: float | str | None) -> None:
    key, asked = f"{ANSWER}{room.code}.{room.question_id}", room.question
    with (
        st.form(f"class_answer_{room.question_id}", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", key="class_answer_row"),
    ):
        if asked.choices:
            labels = {one: literal(one) for one in asked.choices}
            st.radio(
                t("board.answer"), asked.choices, index=None, key=key, horizontal=True, label_visibility="collapsed",
                format_func=lambda one: labels.get(one, str(one)),
            )  # fmt: skip
        else:
            st.number_input(
                t("board.answer"), asked.low, asked.high, None, key=key, format="%g", placeholder=_range(asked.low, asked.high),
                label_visibility="collapsed", width=200,
            )  # fmt: skip
        st.form_submit_button(
            t("board.send" if given is None else "board.change"), icon=":material/send:",
            type="primary" if given is None else "secondary", on_click=_answered, args=(room.question_id, key),
        )  # fmt: skip


def _answered(question: str, key: str) -> None:
    if (value := session.get(key)) is not None:
        rooms_ui.tell(question, value)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else t("board.range", low=low, high=high)


def literal(said: str) -> str:
    """Text of a stranger inside Markdown, as it was typed."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", said)
