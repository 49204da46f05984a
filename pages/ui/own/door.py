"""The door for own data, one dialog on every page that takes them: a file is read in a process with limits, and shown."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.ui import draft, session, text
from pages.ui.own import sets, show, visit
from pages.ui.text import ASSETS, t
from replearn_core import catalog
from replearn_core.experiment import Problem
from replearn_core.own import found, kept, pictures, worker
from replearn_core.own.refusal import Refused, shown_name

OPEN = "own.open"  # the page whose dialog is open
FILE = "own.file"  # the widget
READ = "own.read"  # (what was asked, Brought or Problem): the last file as it was read
LOOKED = "own.looked"  # (file id, columns of a table or Problem)
CHOSEN = "own.chosen"  # columns and label of the table that was read last
DONE = "own.done"  # whether the dialog is to close
SPENT = "own.spent"  # bytes that this session had read
SIDE, COLUMNS, LABEL = "own.side", "own.columns", "own.label"  # widgets
QUOTA = 300 * 2**20
LAYOUT = "pictures.zip\n├─ cat/\n│  ├─ 001.png\n│  └─ 002.jpg\n└─ dog/\n   └─ 001.png"


def door(page: str, use: Callable[[str], None], now: str = "", hint: str = "", to: str = "") -> None:
    """The button, and what there is to know beneath it.

    use: what "use these data" does with a name. now: the set in use. hint: a sentence for this page. to: the page that follows.
    """
    st.html(ASSETS / "css" / "latent.css")  # of the preview's pictures; a dialog's own run would replace the page's styles
    st.button(
        t("own.open"),
        icon=":material/upload_file:",
        key=f"own_open_{page}",
        type="tertiary",
        help=t("own.open_help"),
        on_click=session.put,
        args=(OPEN, page),
    )
    if catalog.is_own(now) and kept.there(now):
        visit.hold(now)
        st.caption(t("own.lives", minutes=round(kept.GONE / 60), hours=round(kept.LONGEST / 3600)))
    if session.get(OPEN) == page:  # in the session: a run that ends draws the whole page anew, and must not close it
        st.dialog(t("own.title"), width="large", on_dismiss=_close)(_dialog)(page, use, hint, to)


def _dialog(page: str, use: Callable[[str], None], hint: str, to: str) -> None:
    if done := session.get(DONE):
        session.put(DONE, None)
        _close()
        if to and done == "used":
            st.switch_page(to)
        st.rerun()  # which closes the dialog and draws the page with what was chosen
    if not session.get(FILE):
        session.put(READ, None)
        session.put(LOOKED, None)
    _mine(page, use)
    if len(sets.brought()) >= sets.MOST and _asked_for() is None:
        st.caption(t("own.most", limit=sets.MOST))
    file = st.file_uploader(t("own.file"), key=FILE, max_upload_size=worker.LIMIT // 2**20, help=t("own.file_help"))
    if file is None:
        _invite(hint)
        return
    data = file.getvalue()
    read = _read(file, data)
    if isinstance(read, Problem):
        said(read)
    elif read is not None:
        show.preview(read.facts)
        with st.container(horizontal=True, vertical_alignment="center", key="own_read"):
            _buttons(page, use, read.name, "")


def _buttons(page: str, use: Callable[[str], None], name: str, place: str) -> None:
    """What can be done with a set. place: makes the keys of one list's buttons differ; "" for the one just read."""
    kind: Any = "secondary" if place else "primary"
    label = t(f"own.use_{page}")
    st.button(label, key=f"own_use{place}", type=kind, icon=":material/check:", on_click=_use, args=(use, name))
    take_home(name, place or "read")
    st.button(t("own.delete"), key=f"own_delete{place}", icon=":material/delete:", on_click=_drop, args=(name,))


def _close() -> None:
    session.put(OPEN, None)


def _use(use: Callable[[str], None], name: str) -> None:
    use(name)
    session.put(DONE, "used")


def said(problem: Problem) -> None:
    """A refusal, literally: it may repeat what a stranger typed."""
    with st.container(border=True, key="own_refused", horizontal=True):
        st.markdown(":material/error:")
        st.text(text.problem(problem))


def _invite(hint: str) -> None:
    """What can be brought, within which limits, and what becomes of it."""
    if hint:
        st.markdown(hint)
    left, right = st.columns(2)
    with left:
        st.markdown(t("own.pictures"))
        st.code(LAYOUT, language=None)
    with right:
        st.markdown(t("own.arrays"))
        st.markdown(t("own.table"))
    st.caption(
        t(
            "own.limits",
            megabytes=worker.LIMIT // 2**20,
            members=pictures.MEMBERS,
            pixels=4,
            samples=found.SAMPLES,
            least=worker.LEAST,
            classes=found.CLASSES,
            columns=found.COLUMNS,
        )
    )
    st.caption(t("own.private", minutes=round(kept.GONE / 60), hours=round(kept.LONGEST / 3600)))


def _mine(page: str, use: Callable[[str], None]) -> None:
    """The sets that are here already: use, take home, delete."""
    for place, one in enumerate(sets.brought().values()):
        if one.name == _asked_for():
            continue  # on screen below
        with st.container(border=True, gap="small", key=f"own_mine_{place}"):
            st.text(one.title)
            st.caption(sets.about(one.name))
            with st.container(horizontal=True):
                _buttons(page, use, one.name, f"_{place}")


def take_home(name: str, place: str) -> None:
    """The data as the network sees them, for whoever has their name."""
    st.download_button(
        t("own.download"),
        lambda: kept.content(name) or b"",
        "data.npz",
        "application/octet-stream",
        icon=":material/download:",
        key=f"own_download_{place}",
        on_click="ignore",
        help=t("own.download_help"),
    )


def _drop(name: str) -> None:
    sets.drop(name)
    if draft.fields()["dataset"] == name:
        draft.take_experiment(draft.FIRST)
        session.put(session.RUN, None)
    session.put(DONE, "dropped")


def _asked_for() -> str | None:
    """The name of the set that was read last and is on screen."""
    last = session.get(READ)
    return last[1].name if last and isinstance(last[1], sets.Brought) else None


# ---- reading ----


def _read(file: Any, data: bytes) -> sets.Brought | Problem | None:
    """What the file holds, read once for each way of reading it; None while a table's columns are not chosen."""
    try:
        kind = worker.kind_of(data)
        options = _table(file, data) if kind == "table" else {"side": _side()}
    except Refused as refused:
        return refused.problem
    if options is None or isinstance(options, Problem):
        return options
    asked = (file.file_id, repr(sorted(options.items())))
    last = session.get(READ)
    if last is not None and last[0] == asked and (isinstance(last[1], Problem) or kept.there(last[1].name)):
        return last[1]
    if last is not None and isinstance(last[1], sets.Brought) and last[0][0] == file.file_id:
        sets.drop(last[1].name)  # the same file, read in another way
    told = _prepared(file, data, options)
    session.put(READ, (asked, told))
    return told


def _prepared(file: Any, data: bytes, options: Mapping[str, Any]) -> sets.Brought | Problem:
    try:
        if len(sets.brought()) >= sets.MOST:
            raise Refused("problem.own_most", limit=sets.MOST)
        _spend(len(data))
        with st.spinner(t("own.reading")):
            facts, npz = worker.prepared(data, **options)
            one = sets.Brought(kept.keep(facts, npz), shown_name(file.name), facts)
    except Refused as refused:
        return refused.problem
    sets.add(one)
    return one


def _spend(size: int) -> None:
    """Raises Refused where this session has had enough read."""
    spent = session.get(SPENT, 0) + size
    if spent > QUOTA:
        raise Refused("problem.upload_quota", limit=QUOTA // 2**20)
    session.put(SPENT, spent)


def _side() -> int:
    """The side of the squares that images become; 0 for what suits them."""
    return int(
        st.segmented_control(
            t("own.side"),
            (0, *found.SIDES),
            default=0,
            format_func=lambda side: f"{side}×{side}" if side else t("own.side_fitting"),
            key=SIDE,
            required=True,
            help=t("own.side_help"),
        )
        or 0
    )


def _table(file: Any, data: bytes) -> dict[str, Any] | Problem | None:
    """Which columns of a table are the numbers, and which one the label."""
    looked = session.get(LOOKED)
    if looked is None or looked[0] != file.file_id:
        try:
            _spend(len(data))
            looked = (file.file_id, worker.looked(data))
        except Refused as refused:
            looked = (file.file_id, refused.problem)
        session.put(LOOKED, looked)
    if isinstance(looked[1], Problem):
        return looked[1]
    summary = looked[1]
    names = [one["name"] for one in summary["columns"]]
    st.dataframe({name: [row[name] for row in summary["preview"]] for name in names}, hide_index=True, key="own_table")
    st.caption(t("own.table_found", rows=summary["rows"], columns=len(names)))
    numeric = [one["name"] for one in summary["columns"] if one["kind"] == "number" and one["distinct"] > 1]
    labels = [one["name"] for one in summary["columns"] if one["classes"]]
    guess = _guessed(summary)
    with st.form("own_columns", border=False):
        label = st.selectbox(
            t("own.label"),
            ["", *labels],
            index=(["", *labels]).index(guess),
            format_func=lambda one: one or t("own.no_label"),
            key=LABEL,
        )
        usual = [name for name in numeric if name != guess][: found.COLUMNS]
        columns = st.multiselect(t("own.columns"), numeric, default=usual, key=COLUMNS, help=t("own.columns_help"))
        pressed = st.form_submit_button(t("own.read_columns"), type="primary")
    last = session.get(READ)
    if not pressed and (last is None or last[0][0] != file.file_id):
        return None
    if not pressed:
        return dict(session.get(CHOSEN) or {"columns": tuple(columns), "label": label})
    session.put(CHOSEN, {"columns": tuple(columns), "label": label or ""})
    return dict(session.get(CHOSEN))


def _guessed(summary: Mapping[str, Any]) -> str:
    """The last column that could be a label: one of words, or one whose name says so."""
    hints = ("label", "class", "target", "species", "類", "標")
    could = [one for one in summary["columns"] if one["classes"]]
    named = [one["name"] for one in could if any(hint in one["name"].lower() for hint in hints)]
    words = [one["name"] for one in could if one["kind"] == "category"]
    return (named or words or [""])[-1]
