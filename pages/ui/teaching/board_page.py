"""The class board: question, answers and best runs of one room, drawn anew each second; the teacher's part below."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from pages.ui import address_bar, errors, fragments, session, text
from pages.ui.teaching import board_charts, place, qr, rooms_ui
from pages.ui.teaching.bar import literal
from pages.ui.teaching.board_charts import Shown
from pages.ui.text import ASSETS, t
from replearn_core.experiment import Problem
from replearn_core.room_values import SHOWN, Board, Room, question

PAGES = Path(__file__).resolve().parents[2]
POLL = 1.0  # seconds between two looks at the room
FEW_NAMES = 10  # a line each; more of them follow one another
KEYS = "board.keys"  # room → the teacher's secret, as the link or the form brought it
PICKED, DATA, CODE = "board.question", "board.dataset", "board.code"  # widgets
PRESENT = "board.present"  # (room, number of the teacher's question) when a board was drawn last
PROBLEM = "board.problem"
PROJECTOR = "projector"


def show() -> None:
    """The room of the address, else the ways to one."""
    st.html(ASSETS / "css" / "class.css")
    if "room" not in st.query_params:
        _ways()
        return
    found = rooms_ui.room()
    if isinstance(found, Problem):
        st.text(text.problem(found))
        _ways()
        return
    secret = _secret(found)
    large = st.query_params.get("view") == PROJECTOR
    if large:
        st.html(ASSETS / "css" / "projector.css")
    with st.container(key="board_projector" if large else "board_desk"):
        fragments.region(_board, run_every=POLL, key="board_region")(found.code, large)
        if secret and not large:
            fragments.region(_teacher, key="board_teacher_region")(found.code, secret)


def _secret(room: Room) -> str | None:
    """The teacher's secret where this visitor has it: from the link, or from an earlier page of this visit."""
    known = dict(session.get(KEYS, {}))
    for said in filter(None, (st.query_params.get("key"), known.get(room.code))):
        if rooms_ui.asked(partial(_is_teacher, room.code, said)) is True:
            session.put(KEYS, known | {room.code: said})
            return str(said)
    return None


def _is_teacher(code: str, secret: str) -> bool:
    return place.rooms().is_teacher(code, secret)


def _ways() -> None:
    with st.container(border=True, key="board_ways"):
        st.markdown(t("board.ways"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(t("board.code"), key=CODE, max_chars=12, on_change=_go, placeholder="H3TGNP", width=220)
            st.button(t("board.go"), key="board_go", icon=":material/arrow_forward:", on_click=_go)
        st.page_link(str(PAGES / "teach.py"), label=t("board.open"), icon=":material/co_present:")


def _go() -> None:
    if typed := str(session.get(CODE) or "").strip():
        st.query_params["room"] = typed[:12]


# ---- what all see ----


def _board(code: str, large: bool) -> None:
    with errors.contained("board"):
        rooms_ui.asked(lambda: place.rooms().settle(code, rooms_ui.ended))
        board = rooms_ui.asked(lambda: place.rooms().board(code))
        if isinstance(board, Problem):
            st.text(text.problem(board))
            return
        shown = _picked(board)
        with st.container(key="board_columns"):
            with st.container(key="board_answers"):
                _answers(board, shown, large)
            with st.container(key="board_side"):
                _way_in(board.room, large)
                _names(board, shown)
        _runs(board, large)


def _picked(board: Board) -> Shown:
    """The question on the board: the teacher's present one, unless another that was answered is chosen, a lesson's among them."""
    offered = board_charts.questions_of(board)
    if len(offered) < 2:
        return offered[board.room.question_id]
    if session.get(PICKED) not in offered or session.get(PRESENT) != (board.room.code, board.room.number):
        st.session_state[PICKED] = board.room.question_id  # every board goes along when the teacher asks the next one
    session.put(PRESENT, (board.room.code, board.room.number))
    names = list(offered)
    st.selectbox(
        t("board.question"), names, key=PICKED, format_func=lambda one: offered[one].text if one in offered else str(one),
        label_visibility="collapsed",
    )  # fmt: skip
    chosen = session.get(PICKED)
    return offered[chosen if chosen in offered else board.room.question_id]


def _answers(board: Board, shown: Shown, large: bool) -> None:
    given = board.answers.get(shown.id, {})
    with st.container(key="board_asked"):
        st.text(shown.text)
    st.markdown(t("board.count", n=len(given), all=len(board.names)))
    if not given:
        st.caption(t("board.nothing_yet"))
    elif board.visible(shown.id):
        board_charts.answers(shown, tuple(given.values()), large)
    else:
        st.markdown(f":material/visibility_off: {t(f'board.covered_{board.room.shown}')}")
    if board.room.closed:
        st.caption(t("board.closed"))


def _way_in(room: Room, large: bool) -> None:
    address = qr.short(room.link) if room.link else qr.link("autoencoder", {"room": room.code})
    qr.image(address, t("share.qr_alt", link=address), 220 if large else 150)
    with st.container(key="board_code"):
        st.markdown(f"**{room.code}**")
    with st.container(key="board_address"):
        st.text(address.partition("://")[2])


def _names(board: Board, shown: Shown) -> None:
    """Who is here, as plain text; a tick for who has answered the question on the board."""
    given = board.answers.get(shown.id, {})
    with st.container(key="board_names"):
        st.caption(t("board.here", n=len(board.names)))
        between = "\n" if len(board.names) <= FEW_NAMES else "   "
        said = between.join(f"{'✓' if number in given else '·'} {name}" for number, name in board.names.items())
        st.text(said)


def _runs(board: Board, large: bool) -> None:
    """The best held-out error at each code size, by data set: errors of two data sets say nothing about each other."""
    names = board_charts.datasets_of(board)
    with st.container(key="board_runs"):
        st.markdown(f"**{t('board.runs')}**")
        if not names:
            st.caption(t("board.runs_going", n=board.going) if board.going else t("board.no_runs"))
            return
        chosen = names[0]
        if len(names) > 1 and not large:
            if session.get(DATA) not in names:
                st.session_state[DATA] = names[0]
            st.segmented_control(
                t("knob.dataset.name"), names, key=DATA, format_func=text.dataset, required=True, label_visibility="collapsed"
            )
            chosen = session.get(DATA) if session.get(DATA) in names else names[0]
        board_charts.runs(board, chosen, large)


# ---- what the teacher does ----


def _teacher(code: str, secret: str) -> None:
    room = rooms_ui.asked(lambda: place.rooms().room(code))
    if isinstance(room, Problem):
        return
    with errors.contained("board"), st.container(border=True, key="board_teacher"):
        st.markdown(f":material/co_present: **{t('board.teacher')}**")
        st.caption(t("board.keep_link"))
        carried = {name: value for name, value in address_bar.carried().items() if name == "lang"}
        st.code(qr.link("board", {**carried, "room": room.code, "key": secret}), language=None, wrap_lines=True)
        large = {**carried, "view": PROJECTOR, "room": room.code}
        st.page_link(str(PAGES / "board.py"), label=t("board.projector"), icon=":material/cast:", query_params=large)
        key = f"board.shown.{room.code}"
        _put(key, room.shown)
        st.segmented_control(
            t("board.when"), SHOWN, key=key, format_func=lambda one: t(f"board.when_{one}"), required=True,
            on_change=lambda: _do(lambda: place.rooms().show(room.code, secret, str(session.get(key)))),
        )  # fmt: skip
        fragments.region(_hide, run_every=2 * POLL, key="board_hide_region")(room.code, secret)
        _next(room, secret)
        if room.closed:
            st.caption(t("board.closed"))
        else:
            st.button(
                t("board.close"), key="board_close", icon=":material/lock:", help=t("board.close_help"),
                on_click=lambda: _do(lambda: place.rooms().close(room.code, secret)),
            )  # fmt: skip
        if problem := session.get(PROBLEM):
            st.text(text.problem(problem))


def _put(key: str, value: object) -> None:
    """Only what is new: a value that is assigned closes a list that the teacher has just opened."""
    if session.get(key) != value:
        session.put(key, value)


def _do(what: object) -> None:
    session.put(PROBLEM, rooms_ui.asked(what) if callable(what) else None)


def _hide(code: str, secret: str) -> None:
    """Everybody in the room, the hidden ones marked: all in sight, for a list that unfolds would close when somebody comes."""
    board = rooms_ui.asked(lambda: place.rooms().board(code))
    if isinstance(board, Problem) or not (board.names or board.hidden):
        return
    names = {number: literal(name) for number, name in (*board.names.items(), *board.hidden.items())}
    key = f"board.hidden.{code}"
    _put(key, sorted(board.hidden))
    with st.expander(t("board.hide"), icon=":material/visibility_off:", key="board_hide"):
        st.pills(
            t("board.hide"), sorted(names), selection_mode="multi", key=key, label_visibility="collapsed",
            format_func=lambda one: names.get(one, str(one)),
            on_change=lambda: _do(lambda: place.rooms().hide(code, secret, frozenset(session.get(key) or ()))),
        )  # fmt: skip
        st.caption(t("board.hide_help"))


def _next(room: Room, secret: str) -> None:
    with st.expander(t("board.next_question"), icon=":material/quiz:"), st.form("board_ask", border=False, clear_on_submit=True):
        ask_fields("board.ask")
        st.form_submit_button(t("board.ask"), on_click=_asked, args=(room, secret))


def ask_fields(before: str, kept: Literal["session"] | None = None) -> None:
    """The fields of a question: its text, and choices or the bounds of a number. kept: how long what is typed stays."""
    own: dict[str, Any] = {"persist_state": kept}
    st.text_input(t("board.question"), key=f"{before}.text", max_chars=200, placeholder=t("board.question_hint"), **own)
    st.text_area(t("board.choices"), key=f"{before}.choices", max_chars=400, height=96, help=t("board.choices_help"), **own)
    left, right = st.columns(2)
    left.number_input(t("board.low"), value=None, key=f"{before}.low", format="%g", help=t("board.bounds_help"), **own)
    right.number_input(t("board.high"), value=None, key=f"{before}.high", format="%g", **own)


def asked_in(before: str) -> tuple[str, tuple[str, ...], float | None, float | None]:
    """What stands in the fields of `ask_fields`."""
    choices = tuple(filter(None, (one.strip() for one in str(session.get(f"{before}.choices") or "").splitlines())))
    return str(session.get(f"{before}.text") or ""), choices, session.get(f"{before}.low"), session.get(f"{before}.high")


def _asked(room: Room, secret: str) -> None:
    said = asked_in("board.ask")
    _do(lambda: place.rooms().ask(room.code, secret, question(*said)))
