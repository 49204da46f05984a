"""A visitor's own click log: uploaded, read in a limited process, its columns mapped, models fitted in another such process."""

import hashlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import errors, fragments, session
from pages.ui.notifications import decide, show, state
from pages.ui.text import has, t
from replearn_core.applications.notifications import limited, policy, tables
from replearn_core.own import csvfile
from replearn_core.properties import read_answer
from replearn_core.properties.study import LEAST_SEEDS

POLL = 1.0  # seconds
SEEN = "notifications.own.seen"  # (digest of the file, what `limited.look` said)
FITTING = "notifications.own.fitting"  # (what was asked, limited.Fitting)
ANSWER = "notifications.own.answer"  # (what was asked, {"arrays": …} or {"problem": …})
ROLES = "notifications.own.role."  # prefix of the widgets that map columns


def draw() -> None:
    st.markdown(t("notifications.own.invite", megabytes=csvfile.MOST_BYTES // 2**20, rows=csvfile.MOST_ROWS))
    file = st.file_uploader(t("notifications.own.upload"), type=["csv", "tsv", "txt"], key="notifications_file")
    if file is None:
        _forget()
        st.caption(t("notifications.own.private"))
        return
    data = file.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    seen = session.get(SEEN)
    if seen is None or seen[0] != digest:
        _forget()
        seen = (digest, limited.look(data))
        session.put(SEEN, seen)
    if "problem" in seen[1]:
        st.text(problem(seen[1]["problem"]))
        return
    summary = seen[1]["summary"]
    _about(summary)
    roles = _roles(summary)
    _left_out(summary, roles)
    asked = (digest, *sorted(roles.items()))
    _start(asked, data, roles)
    _outcome(asked)


def problem(found: list[Any]) -> str:
    """A refusal in the visitor's language; it may repeat what the file says, so it is shown as plain text."""
    key, numbers = found
    return (
        t(f"notifications.refusal.{key}", **numbers) if has(f"notifications.refusal.{key}") else t("notifications.refusal.memory")
    )


def _forget() -> None:
    running = session.get(FITTING)
    if running is not None:
        running[1].stop()
    for key in (SEEN, FITTING, ANSWER):
        session.put(key, None)


def _about(summary: Mapping[str, Any]) -> None:
    separators = {",": ",", ";": ";", "\t": "Tab", "|": "|"}
    found = t(
        "notifications.own.found",
        rows=summary["rows"],
        columns=len(summary["columns"]),
        encoding=summary["encoding"],
        separator=separators[summary["separator"]],
    )
    st.text(found)
    names = [one["name"] for one in summary["columns"]]
    st.dataframe(
        {name: [row[name] for row in summary["preview"]] for name in names}, hide_index=True, key="notifications_preview"
    )
    for one in summary["columns"]:
        if one.get("bad_times"):
            st.text(t("notifications.own.bad_times", column=one["name"], count=one["bad_times"], row=one["first_bad"]))


def _roles(summary: Mapping[str, Any]) -> dict[str, str]:
    """Which column is the outcome, the user, the time."""
    columns = summary["columns"]
    outcomes = [one["name"] for one in columns if one["outcome"]]
    others = [one["name"] for one in columns]
    guesses = {
        "outcome": _guess(outcomes, ("click", "open", "action", "label", "點")),
        "user": _guess(others, ("user", "customer", "member", "device", "使用者", "會員"), ""),
        "time": _guess([one["name"] for one in columns if one["kind"] == "time"], ("",), ""),
    }
    chosen = {}
    for place, (role, names) in zip(st.columns(3), (("outcome", outcomes), ("user", ["", *others]), ("time", ["", *others]))):
        with place:
            chosen[role] = (
                st.selectbox(
                    t(f"notifications.own.role_{role}"),
                    names,
                    index=names.index(guesses[role]) if guesses[role] in names else None if role == "outcome" else 0,
                    format_func=lambda one: one or t("notifications.own.none"),
                    key=f"{ROLES}{role}",
                    help=t(f"notifications.own.help_{role}"),
                )
                or ""
            )
    return chosen


def _guess(names: list[str], hints: tuple[str, ...], otherwise: str | None = None) -> str | None:
    return next((name for hint in hints for name in names if hint in name.lower()), otherwise)


def _left_out(summary: Mapping[str, Any], roles: Mapping[str, str]) -> None:
    named = [one["name"] for one in summary["columns"] if one["afterwards"] and one["name"] not in roles.values()]
    if named:
        st.text(t("notifications.own.afterwards", columns=named))


def _start(asked: tuple, data: bytes, roles: Mapping[str, str]) -> None:
    running = session.get(FITTING)
    st.button(
        t("properties.run"),
        key="notifications_fit",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not roles["outcome"] or running is not None,
        on_click=_press,
        args=(asked, data, roles),
    )


def _press(asked: tuple, data: bytes, roles: Mapping[str, str]) -> None:
    if session.get(FITTING) is not None:
        return
    try:
        session.put(FITTING, (asked, limited.Fitting(data, roles, {"seeds": LEAST_SEEDS})))
        session.put(ANSWER, None)
    except limited.Busy:
        session.put(ANSWER, (asked, {"problem": ["busy", {}]}))


def _outcome(asked: tuple) -> None:
    if session.get(FITTING) is not None:
        fragments.region(_working, run_every=POLL, key="notifications_fitting")()
    kept = session.get(ANSWER)
    if kept is None or kept[0] != asked:
        return
    if "problem" in kept[1]:
        st.text(problem(kept[1]["problem"]))
        return
    with errors.contained("notifications.own.result"):
        _result(kept[1]["arrays"])


def _working() -> None:
    """Polls the child process; its end draws the whole page anew."""
    running = session.get(FITTING)
    if running is None:
        st.rerun()
    found = running[1].result()
    if found is not None:
        session.put(ANSWER, (running[0], found))
        session.put(FITTING, None)
        st.rerun()
    share = running[1].share
    st.progress(min(share, 1.0), text=t("properties.working", percent=round(100 * share)))
    st.button(t("properties.stop"), key="notifications_fit_stop", icon=":material/stop:", on_click=_give_up)
    if arrays := running[1].so_far():
        with errors.contained("notifications.own.so_far"):
            show.so_far("clicks", arrays)


def _give_up() -> None:
    running = session.get(FITTING)
    if running is not None:
        running[1].stop()
        session.put(FITTING, None)


def _result(arrays: Mapping[str, Any]) -> None:
    told = read_answer(arrays)
    show.clicks(told, arrays)
    place = round(float(state.ADDRESS.values["budget"]) / 100 * (len(policy.BUDGETS) - 1))
    decide.logged(arrays, str(state.ADDRESS.values["family"]), place)
    st.caption(t("notifications.how_splits"))
    st.caption(t("notifications.own.telltale", auc=tables.TELLTALE))
    header = ["model", *(f"{one}" for one in ("auc", "log_loss", "calibration"))]
    rows = [[name, *(f"{told['summary'][f'{name}.{one}'][0]:.5f}" for one in header[1:])] for name in decide.models.FAMILIES]
    st.download_button(
        t("notifications.own.download"),
        csvfile.written(header, rows),
        "click-models.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="notifications_download",
    )
