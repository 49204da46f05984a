"""The list of lessons: a card each with its question, length and claims, and how far this visitor is. Called by lessons.py."""

import streamlit as st

from pages.ui import text
from pages.ui.lessons import guide, progress
from pages.ui.lessons.lesson import Lesson, lessons
from pages.ui.lessons.progress import Progress
from pages.ui.text import t


def show() -> None:
    known, so_far = lessons(text.language()), progress.everything()
    asked = st.query_params.get("lesson")
    if asked is not None and asked not in known:
        with st.container(border=True, key="lessons_unknown", horizontal=True, vertical_alignment="center"):
            st.markdown(":material/info:", width="content")
            st.text(t("lessons.unknown", name=asked[:40]))
    with st.container(key="lessons_head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(t("lessons.how"))
        if so_far:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lessons_sum", width="content"):
                st.caption(t("lessons.sum", done=len(progress.finished(known)), all=len(known)))
                st.button(
                    t("lessons.forget"), key="lessons_forget", type="tertiary", icon=":material/delete:",
                    on_click=progress.forget, help=t("lessons.forget_help"),
                )  # fmt: skip
    with st.container(key="lessons_shelf"):
        for one in known.values():
            _card(one, so_far.get(one.id, Progress()))
    st.caption(t("lessons.private"))


def _card(lesson: Lesson, so_far: Progress) -> None:
    done = _done(lesson, so_far)
    with st.container(border=True, key=f"lesson_{lesson.id}"):
        st.header(f"{lesson.order} · {lesson.title}", anchor=False)
        st.markdown(lesson.question)
        with st.container(key=f"lesson_foot_{lesson.id}", gap="xsmall"):
            st.caption(t("lessons.about", minutes=lesson.minutes, steps=len(lesson.steps), claims=list(lesson.claims)))
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                guide.link(lesson, *_way_in(lesson, so_far, done), f"lesson_open_{lesson.id}")
                if done:
                    st.caption(f":material/check_circle: {t('lessons.done', right=len(so_far.right), all=_asked(lesson))}")
                elif so_far.done:
                    st.caption(t("lessons.steps_done", n=len(_steps(lesson, so_far)), all=len(lesson.steps)))


def _way_in(lesson: Lesson, so_far: Progress, done: bool) -> tuple[int, str, str]:
    """(step, label, icon): the beginning, or where the visitor left."""
    if done:
        return 1, t("lessons.again"), "replay"
    if 1 <= so_far.at <= len(lesson.steps) and (so_far.done or so_far.at > 1):
        return so_far.at, t("lessons.continue", n=so_far.at), "play_arrow"
    return 1, t("lessons.begin"), "play_arrow"


def _steps(lesson: Lesson, so_far: Progress) -> list[int]:
    return [n for n in range(1, len(lesson.steps) + 1) if n in so_far.done]


def _done(lesson: Lesson, so_far: Progress) -> bool:
    return len(_steps(lesson, so_far)) == len(lesson.steps)


def _asked(lesson: Lesson) -> int:
    return sum(step.ask is not None for step in lesson.steps)
