"""The guide beside a page while its address carries a lesson: question, guess, the visitor's own result, why, next step.

`place` begins it before the page is drawn, and ends it after, since then it can read what the page shows.
"""

import re
from collections.abc import Callable, Mapping

import streamlit as st

from pages.ui import address_bar, errors, session, text
from pages.ui.components.top import top
from pages.ui.lessons import cover, progress, results, views
from pages.ui.lessons.lesson import Ask, Lesson, Step, lessons
from pages.ui.lessons.results import Result
from pages.ui.teaching import rooms_ui
from pages.ui.text import ASSETS, number, t

GUESS = "lessons.guess."  # prefix of the widgets that take a guess
SHOWN = "lessons.shown"  # (page, parameters of the address) of the last run
OPENED = "lessons.opened"  # (lesson, step) whose picture the visitor opened although it shows a later step's answer too
UNDECIDED = "lessons.undecided"  # the step whose button was pressed without a choice
LIST = views.path("lessons")
CARDS = ("evidence", "deployment")  # what they show of a later step is hidden row by row, or is not on the page


def place(view: str) -> Callable[[], None]:
    """Begin the guide above the page `view`: what to do here, at once. What this returns draws the rest, once the page stands."""
    st.html(ASSETS / "css" / "guide.css")
    lesson = lessons(text.language()).get(st.query_params["lesson"])
    step = _step_no(lesson)
    with st.container(key="guide"), errors.contained("lesson"):
        if lesson is None or step is None:
            _unknown(lesson)
        elif view != lesson.steps[step - 1].view:
            _other_page(lesson, step)
        else:
            progress.visit(lesson.id, step)
            _head(lesson, step)
            into, arrived = st.container(key="guide_rest"), st.query_params.to_dict()
            return lambda: _fill(into, lesson, step, arrived)
    return lambda: None


def _fill(into: st.delta_generator.DeltaGenerator, lesson: Lesson, step: int, arrived: Mapping[str, str]) -> None:
    with into, errors.contained("lesson"):
        _step(lesson, step)
        with st.container(key="guide_top"):
            now = lesson.steps[step - 1]
            top(".st-key-guide", f"{lesson.id}.{step}", [views.selector(now.view, one, now.knobs) for one in now.highlight])
    _show_address(lesson.steps[step - 1].view, arrived)


def _show_address(view: str, arrived: Mapping[str, str]) -> None:
    """A link to another step on the same page brings its parameters here, but Streamlit leaves the browser's address as it was,
    and the next press would bring the old ones back. arrived: the parameters as this run began; where the page changed them
    since, the browser has been told."""
    before, now = session.get(SHOWN), (view, st.query_params.to_dict())
    session.put(SHOWN, now)
    if before and before[0] == view and before != now and arrived == now[1]:
        st.query_params.from_dict(now[1])


def query(lesson: Lesson, step: int) -> dict[str, str]:
    """The address of a step: its page's knobs, and what every page carries along."""
    carried = {name: st.query_params[name] for name in address_bar.CARRIED if name in st.query_params}
    return carried | {"lesson": lesson.id, "step": str(step)} | dict(lesson.steps[step - 1].knobs)


def link(lesson: Lesson, step: int, label: str, icon: str, key: str) -> None:
    with st.container(key=key, width="content"):
        page = views.path(lesson.steps[step - 1].view)
        st.page_link(page, label=label, icon=f":material/{icon}:", query_params=query(lesson, step))


# ---- links that lead nowhere ----


def _step_no(lesson: Lesson | None) -> int | None:
    """The step that the address asks for, from 1; the first where it says none; None where there is no such step."""
    said = st.query_params.get("step", "1")
    if lesson is None or not re.fullmatch(r"\d{1,3}", said, re.ASCII) or not 1 <= int(said) <= len(lesson.steps):
        return None
    return int(said)


def _unknown(lesson: Lesson | None) -> None:
    with st.container(key="guide_notice", gap="small"):
        st.markdown(f":material/info: **{t('guide.no_lesson' if lesson is None else 'guide.no_step')}**")
        st.text(t("guide.no_lesson_hint", name=st.query_params["lesson"][:40]) if lesson is None else lesson.title)
        if lesson is not None:
            link(lesson, 1, t("guide.first"), "first_page", "guide_first")
        _leave()


def _other_page(lesson: Lesson, step: int) -> None:
    """The visitor went to another page with the lesson in the address."""
    with st.container(key="guide_notice", gap="small"):
        st.markdown(f"**{lesson.title}**")
        st.markdown(t("guide.elsewhere", page=t(f"{lesson.steps[step - 1].view}.nav")))
        link(lesson, step, t("guide.back_to"), "my_location", "guide_back_to")
        _leave()


def _leave() -> None:
    with st.container(key="guide_leave"):
        st.page_link(LIST, label=t("guide.all"), icon=":material/list:", query_params=_without_lesson())


def _without_lesson() -> dict[str, str]:
    kept = [name for name in address_bar.CARRIED if name not in ("lesson", "step")]
    return {name: st.query_params[name] for name in kept if name in st.query_params}


# ---- one step ----


def _step(lesson: Lesson, n: int) -> None:
    step = lesson.steps[n - 1]
    result = results.read(lesson, step, step.ask) if step.ask else None
    guess = _kept(lesson, n, step.ask) if step.ask else None
    if step.ask is None or result is None:
        progress.finish(lesson.id, n, right=False)
    elif guess is None:
        _ask(lesson, n, step, step.ask, result)
    elif result.state == "ready":
        _compare(lesson, n, step, step.ask, guess, result)
    else:
        _wait(lesson, n, step, step.ask, guess, result)
    known = guess is None and result is not None and result.state == "ready"
    asking = step.ask is not None and guess is None
    covered = known and (step.view == "evidence" or not cover.claim(step.ask))
    guessed = progress.of(lesson.id).guess or {}
    held = _held_back(lesson, n, guessed) if not asking and result is not None and result.state == "ready" else None
    words = t("guide.covered") if held is None else t("guide.held_back", n=held)
    cover.style(lesson, n, guessed, asking, covered or held is not None, words)
    now = progress.of(lesson.id)
    if n == len(lesson.steps) and n in now.done:
        _end(lesson)
    _foot(lesson, n, ready=n in now.done)


def _held_back(lesson: Lesson, n: int, guessed: Mapping[int, float | str]) -> int | None:
    """The later step whose answer the picture shows too, until it is guessed at or the visitor opens the picture all the same."""
    later = cover.unasked(lesson, n, guessed)
    if not later or lesson.steps[n - 1].view in CARDS or session.get(OPENED) == (lesson.id, n):
        return None
    with st.container(key="guide_held", gap="small"):
        st.caption(f":material/visibility_off: {t('guide.held_back', n=later[0])}")
        st.button(
            t("guide.open"), key="guide_open", type="tertiary", icon=":material/visibility:", on_click=session.put,
            args=(OPENED, (lesson.id, n)),
        )  # fmt: skip
    return later[0]


def _kept(lesson: Lesson, n: int, ask: Ask) -> float | str | None:
    """The guess as the browser kept it; one that the question does not offer, or no longer, is none."""
    guess = progress.of(lesson.id).guessed(n)
    return guess if results.possible(ask, guess) else None


def _head(lesson: Lesson, n: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="guide_head"):
        st.caption(t("guide.step", lesson=lesson.title, n=n, all=len(lesson.steps)))
    st.progress(n / len(lesson.steps))
    st.header(lesson.steps[n - 1].title, anchor=False)
    st.markdown(lesson.steps[n - 1].text)


def _ask(lesson: Lesson, n: int, step: Step, ask: Ask, result: Result) -> None:
    """The prediction comes first; its button starts the run where there is something to run."""
    with st.form(f"guide_ask_{lesson.id}_{n}", border=False):
        key = f"{GUESS}{lesson.id}.{n}"
        st.markdown(f"**{ask.question}**")
        if ask.guess is None:
            st.radio(
                t("guide.guess"), ask.choices, index=None, format_func=lambda one: ask.labels.get(one, str(one)), key=key,
                label_visibility="collapsed",
            )  # fmt: skip
        else:
            low, high, by = ask.guess
            unit = ask.unit.replace("%", "%%")
            middle = low + by * round((high - low) / 2 / by)
            st.slider(t("guide.guess"), low, high, middle, by, format=f"%g {unit}".strip(), key=key)
        if session.get(UNDECIDED) == (lesson.id, n):
            st.caption(f":material/info: {t('guide.choose')}")
        runs = result.state == "open" or (result.begin is not None and results.kind_of(ask) == "run")
        st.form_submit_button(
            t("guide.guess_and_train" if runs else "guide.guess_and_see"), type="primary", width="stretch",
            icon=":material/play_arrow:" if runs else ":material/visibility:", key="guide_go",
            disabled=result.state in ("refused", "earlier", "elsewhere"), on_click=_guessed, args=(lesson.id, n, ask, result),
        )  # fmt: skip
    _trouble(lesson, n, ask, result)


def _guessed(lesson: str, n: int, ask: Ask, result: Result) -> None:
    """A value that the form never offered is no guess."""
    said = session.get(f"{GUESS}{lesson}.{n}")
    good = results.possible(ask, said)
    session.put(UNDECIDED, None if good else (lesson, n))
    if not good:
        return
    progress.guess(lesson, n, said)
    rooms_ui.tell_guess(lesson, n, said)
    if result.begin is not None:
        result.begin()


def _wait(lesson: Lesson, n: int, step: Step, ask: Ask, guess: float | str, result: Result) -> None:
    with st.container(key="guide_wait", gap="small"):
        st.markdown(f"**{ask.question}**")
        st.markdown(text.spaced(t("guide.you_guessed", guess=_said(ask, guess))))
        if result.state == "going":
            st.markdown(f":material/hourglass_top: {t('guide.going')}")
        elif result.state == "open":
            st.markdown(t("guide.press"))
            st.button(
                t("guide.train"), key="guide_train", type="primary", icon=":material/play_arrow:", on_click=result.begin,
                width="stretch",
            )  # fmt: skip
    _trouble(lesson, n, ask, result)


def _trouble(lesson: Lesson, n: int, ask: Ask, result: Result) -> None:
    """Why there can be no result as things stand, and the way back."""
    if result.state == "elsewhere":
        st.markdown(f":material/tune: {t('guide.knobs_differ')}")
        link(lesson, n, t("guide.knobs_back"), "undo", "guide_knobs_back")
    elif result.state == "earlier":
        st.markdown(f":material/undo: {t('guide.earlier', n=ask.against)}")
        link(lesson, ask.against, t("guide.to_step", n=ask.against), "undo", "guide_earlier")
    elif result.state == "refused" or (result.state == "open" and result.problem is not None):
        st.text(text.problem(result.problem) if result.problem else t("guide.refused"))


def _compare(lesson: Lesson, n: int, step: Step, ask: Ask, guess: float | str, result: Result) -> None:
    """The guess beside what came out, then what that means, then why: whichever way it came out."""
    hit = results.right(ask, guess, result)
    progress.finish(lesson.id, n, hit)
    found = _said(ask, result.outcome if ask.choices else result.value)
    with st.container(key="guide_right" if hit else "guide_other", gap="small"):
        st.markdown(f"**{ask.question}**")
        icon, key = ("check_circle", "guide.right") if hit else ("lightbulb", "guide.other")
        st.markdown(text.spaced(f":material/{icon}: {t(key, guess=_said(ask, guess), found=found)}"))
        st.markdown(f"**{filled(step.parts['told'], result.numbers)}**")
    if result.shipped:
        about = cover.claim(ask)
        st.caption(f":material/inventory_2: {t('guide.shipped_evidence', claim=about) if about else t('guide.shipped')}")
    if result.outcome in step.parts:
        st.markdown(filled(step.parts[result.outcome], result.numbers))
    st.markdown(filled(step.parts["why"], result.numbers))
    with st.container(key="guide_again"):
        st.button(
            t("guide.again"), key="guide_again_button", type="tertiary", icon=":material/replay:", on_click=progress.again,
            args=(lesson.id, n),
        )  # fmt: skip


def _said(ask: Ask, one: float | str) -> str:
    """A guess or a result in words."""
    if ask.choices:
        return ask.labels.get(str(one), "–")
    return f"{number(float(one))} {ask.unit}".strip() if isinstance(one, (int, float)) else "–"


def filled(words: str, numbers: Mapping[str, float]) -> str:
    """The words with their numbers; braces that name none, as in a formula, stay."""
    return re.sub(r"\{(\w+)\}", lambda found: number(numbers[found[1]]) if found[1] in numbers else found[0], words)


# ---- where to next ----


def _end(lesson: Lesson) -> None:
    now, asked = progress.of(lesson.id), [n for n, step in enumerate(lesson.steps, 1) if step.ask]
    missing = [n for n in range(1, len(lesson.steps) + 1) if n not in now.done]
    with st.container(key="guide_end", gap="small"):
        if missing:
            st.markdown(t("guide.left", steps=missing))
            link(lesson, missing[0], t("guide.to_step", n=missing[0]), "undo", "guide_missing")
        else:
            st.markdown(f":material/check_circle: **{t('guide.done')}** {t('guide.score', right=len(now.right), all=len(asked))}")
        order = list(lessons(text.language()).values())
        after = order[(order.index(lesson) + 1) % len(order)]
        link(after, 1, t("guide.next_lesson", lesson=after.title), "arrow_forward", "guide_next_lesson")


def _foot(lesson: Lesson, n: int, ready: bool) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap=None, key="guide_foot"
    ):
        if n > 1:
            link(lesson, n - 1, t("guide.back"), "chevron_left", "guide_back")
        _leave()
        if n < len(lesson.steps):
            link(lesson, n + 1, t("guide.next" if ready else "guide.skip"), "chevron_right",
                 "guide_next" if ready else "guide_skip")  # fmt: skip
