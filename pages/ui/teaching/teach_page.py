"""The form that makes a teacher's link: page, start, locked and hidden knobs, seed, question, and a class room. For teach.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from pages.ui import address_bar, menu, session, share, text
from pages.ui.lessons import views
from pages.ui.lessons.lesson import Lesson, lessons
from pages.ui.teaching import board_page, place, qr, rooms_ui, teach
from pages.ui.teaching.teach import Teach
from pages.ui.text import ASSETS, has, t
from replearn_core import catalog
from replearn_core.experiment import Problem
from replearn_core.room_values import MOST_ANSWERS, MOST_HOURS, MOST_MEMBERS, MOST_TEXT, USUAL_HOURS, Opened, plain, question

FORM = "teach.form."
KEPT: Literal["session"] = "session"  # a teacher looks at the page that a link is for, and comes back to what was filled in
ROOM = "teach.room"  # (Opened, page, the students' query) of the room opened last
PROBLEM = "teach.room_problem"
STARTS = ("usual", "preset", "link", "lesson")
SEEDS = ("free", "own", "fixed")
HOURS = (1, USUAL_HOURS, 8, MOST_HOURS)
MOST_LINK = 8_000
NOT_HANDED_ON = (*address_bar.CARRIED, "key", "embed")
T = TypeVar("T", str, int)
BOARD = str(Path(__file__).resolve().parents[2] / "board.py")


def show() -> None:
    """Left what to decide, right the link that it makes."""
    st.html(ASSETS / "css" / "class.css")
    with st.container(key="teach_columns"):
        with st.container(key="teach_form"):
            page, start = _start()
            locked = _knobs(page, start)
            seed = _seed()
            in_class, said = _question()
        said_here = "" if in_class else plain(said, MOST_TEXT)
        found = Teach(*locked, seed, said_here)
        with st.container(border=True, key="teach_link"):
            _link(page, start | ({"teach": spelled} if (spelled := teach.spelled(found)) else {}), in_class)


# ---- where students begin ----


def _start() -> tuple[str, dict[str, str]]:
    """(page, its parameters)."""
    st.markdown(f"**1 · {t('teach.where')}**")
    how = _one_of("start", STARTS)
    if how == "link":
        return _pasted()
    if how == "lesson":
        return _lesson()
    if how == "preset":
        left, right = st.columns(2)
        with left:
            variant = _select("variant", tuple(catalog.VARIANTS), {one: t(f"variant.{one}.name") for one in catalog.VARIANTS})
        with right:
            dataset = _select("dataset", tuple(catalog.DATASETS), {one: t(f"dataset.{one}.name") for one in catalog.DATASETS})
        return "autoencoder", {"dataset": dataset, "variant": variant}
    pages = tuple(views.PANELS)
    page = _select("page", pages, {one: t(f"{one}.nav") for one in pages})
    parts = tuple(teach.parts_of(page))
    if len(parts) < 2:
        return page, {}
    labels = {one: t(f"{page}.part.{one}") if has(f"{page}.part.{one}") else one for one in parts}
    return page, {"part": _select(f"part.{page}", parts, labels)}


def _pasted() -> tuple[str, dict[str, str]]:
    st.text_input(
        t("teach.paste"), key=FORM + "link", max_chars=MOST_LINK, placeholder=qr.link("autoencoder", {"code_size": "2"}),
        persist_state=KEPT,
    )  # fmt: skip
    page, query = of_link(str(session.get(FORM + "link") or ""))
    if page is None:
        st.caption(f":material/info: {t('teach.paste_unknown')}")
    return page or "autoencoder", query


def of_link(typed: str) -> tuple[str | None, dict[str, str]]:
    """(page, its own parameters) of a link of this app, on whatever site; None for a page that there is not."""
    if not typed.strip():
        return "autoencoder", {}
    try:
        url = urlsplit(typed.strip()[:MOST_LINK])
        asked = parse_qsl(url.query, max_num_fields=60)
    except ValueError:
        return None, {}
    last = [one for one in url.path.split("/") if one][-1:]
    page = last[0] if last and last[0] in menu.ICONS else None if last and last[0] not in ("",) else "home"
    handed = {name: value for name, value in asked if name not in NOT_HANDED_ON or name in ("lesson", "step")}
    return (page, handed) if page is not None else (None, {})


def _lesson() -> tuple[str, dict[str, str]]:
    known: Mapping[str, Lesson] = lessons(text.language())
    chosen = known[_select("lesson", tuple(known), {name: one.title for name, one in known.items()})]
    return chosen.steps[0].view, {"lesson": chosen.id, "step": "1"} | dict(chosen.steps[0].knobs)


# ---- what students may turn ----


def _knobs(page: str, start: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(locked, hidden, the only open ones)."""
    st.markdown(f"**2 · {t('teach.knobs')}**")
    parts = teach.parts_of(page)
    names = parts.get(start.get("part", next(iter(parts), "")), ()) if parts else teach.of_page(page)
    if not names:
        st.caption(t("teach.no_knobs"))
        return (), (), ()
    labels = {name: knob_label(page, name) for name in names}
    only = st.toggle(t("teach.only"), key=FORM + "only", help=t("teach.only_help"), persist_state=KEPT)
    chosen = _several(f"lock.{page}", t("teach.free_knobs" if only else "teach.locked_knobs"), names, labels)
    hide = _several(f"hide.{page}", t("teach.hidden_knobs"), names, labels)
    return ((), hide, chosen) if only and chosen else (() if only else chosen, hide, ())


def knob_label(page: str, name: str) -> str:
    for key in (f"knob.{name}.name",) if page in ("autoencoder", "latent") else (f"{page}.knob.{name}", f"knob.{name}.name"):
        if has(key):
            return t(key)
    return name


def _seed() -> int | str | None:
    st.markdown(f"**3 · {t('teach.seed')}**")
    how = _one_of("seed", SEEDS)
    if how == "free":
        return None
    if how == "own":
        st.caption(t("teach.seed_own_about"))
        return teach.OWN
    knob = catalog.BOUNDS["seed"]
    most = min(int(knob.high), 2**31 - 1)
    return int(st.number_input(t("knob.seed.name"), 0, most, 0, key=FORM + "seed_number", persist_state=KEPT))


def _question() -> tuple[bool, str]:
    """(whether a room collects the answers, the question)."""
    st.markdown(f"**4 · {t('teach.ask')}**")
    about = t("teach.collect_help", limit=MOST_MEMBERS)
    in_class = st.toggle(t("teach.collect"), key=FORM + "class", help=about, persist_state=KEPT)
    if in_class:
        board_page.ask_fields(FORM + "ask", KEPT)
        labels = {one: t("teach.hours", n=one) for one in HOURS}
        _select("hours", HOURS, labels, USUAL_HOURS, t("teach.lasts"))
        return True, ""
    hint = t("board.question_hint")
    st.text_input(t("board.question"), key=FORM + "ask.text", max_chars=MOST_TEXT, placeholder=hint, persist_state=KEPT)
    return False, str(session.get(FORM + "ask.text") or "")


# ---- the link ----


def _link(page: str, query: dict[str, str], in_class: bool) -> None:
    if in_class:
        _class(page, query)
        return
    st.markdown(f"**{t('teach.link')}**")
    address = qr.link(page, query)
    st.code(address, language=None, wrap_lines=True)
    share.short_link(page, query)
    st.link_button(t("teach.try"), address, icon=":material/open_in_new:")


def _class(page: str, query: dict[str, str]) -> None:
    st.button(
        t("teach.open_room"), key="teach_open", type="primary", icon=":material/groups:", on_click=_open, args=(page, query),
        width="stretch",
    )  # fmt: skip
    st.caption(t("teach.room_limits", people=MOST_MEMBERS, answers=MOST_ANSWERS, hours=MOST_HOURS))
    if problem := session.get(PROBLEM):
        st.text(text.problem(problem))
    opened: tuple[Opened, str] | None = session.get(ROOM)
    if opened is None:
        return
    room, short = opened
    st.markdown(f"**{t('teach.room_open', code=room.code)}**")
    if short:
        address = qr.short(short)
        st.code(address, language=None, wrap_lines=True)
        qr.image(address, t("share.qr_alt", link=address))
    st.page_link(
        BOARD, label=t("teach.to_board"), icon=":material/bar_chart:", query_params={"room": room.code, "key": room.secret}
    )
    st.caption(t("board.keep_link"))


def _open(page: str, query: dict[str, str]) -> None:
    """Open the room, then the short link that leads a student into it."""
    said = board_page.asked_in(FORM + "ask")
    hours = session.get(FORM + "hours")
    found = rooms_ui.asked(lambda: place.rooms().open(question(*said), hours if hours in HOURS else USUAL_HOURS))
    if isinstance(found, Problem):
        session.put(PROBLEM, found)
        return
    code = share.code_of(page, {**query, "room": found.code})
    session.put(PROBLEM, code if isinstance(code, Problem) else None)
    short = "" if isinstance(code, Problem) else code
    rooms_ui.asked(lambda: place.rooms().lead(found.code, found.secret, short))
    session.put(ROOM, (found, short))
    session.put(board_page.KEYS, {**session.get(board_page.KEYS, {}), found.code: found.secret})


# ---- widgets ----


def _one_of(name: str, values: tuple[str, ...]) -> str:
    labels = {one: t(f"teach.{name}_{one}") for one in values}
    chosen = st.segmented_control(
        t(f"teach.{name}_label"), values, default=values[0], format_func=lambda one: labels.get(one, str(one)), key=FORM + name,
        required=True, label_visibility="collapsed", persist_state=KEPT,
    )  # fmt: skip
    return next((one for one in values if one == chosen), values[0])


def _select(name: str, values: tuple[T, ...], labels: Mapping[T, str], usual: T | None = None, title: str = "") -> T:
    place_of = values.index(usual) if usual in values else 0
    chosen = st.selectbox(
        title or t(f"teach.pick_{name.partition('.')[0]}"), values, place_of, key=FORM + name,
        format_func=lambda one: labels.get(one, str(one)), persist_state=KEPT,
    )  # fmt: skip
    return next((one for one in values if one == chosen), values[place_of])


def _several(name: str, title: str, values: tuple[str, ...], labels: Mapping[str, str]) -> tuple[str, ...]:
    chosen = st.multiselect(
        title, values, key=FORM + name, format_func=lambda one: labels.get(one, str(one)), placeholder=t("teach.none_chosen"),
        persist_state=KEPT,
    )  # fmt: skip
    return tuple(one for one in values if one in chosen)
