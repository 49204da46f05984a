"""Share, in the header of every page: the link of what is on screen, a short one with its QR code, a frame, a run as a bundle."""

import html
from pathlib import Path

import streamlit as st

from pages.ui import draft, errors, fragments, runs, session, text
from pages.ui.teaching import place, qr
from pages.ui.text import t
from replearn_core import bundle, engine
from replearn_core.experiment import Problem
from replearn_core.own.refusal import Refused
from replearn_core.store import StoreUnavailable

LAB = str(Path(__file__).resolve().parents[1] / "autoencoder.py")
BUTTON = "share"
FILE = "share.bundle"
_SHORT = "share.short"  # (page, query) → code or Problem, of the last press
_OPENED = "share.opened"  # (file id, run id or Problem) of the last bundle
_BROUGHT = "share.brought"  # run id → whether it came with a bundle, of the run on screen
_MADE = "share.made"  # how many short links this session has made
SECRET = ("key",)  # parameters that open what only their owner may do: no link that is handed on has them
MOST_MADE = 60
HEIGHT = 760  # CSS px of the frame


def button(page: str) -> None:
    """The popover; drawn once the page has written its address. Only the popover is drawn again when it opens."""
    fragments.region(_popover, key="share_region")(page)


def _popover(page: str) -> None:
    box = st.popover(t("share.button"), icon=":material/share:", key=BUTTON, on_change="rerun")
    if not box.open:
        return
    with box, errors.contained("share"), st.container(key="share_box"):
        query = {name: st.query_params[name] for name in st.query_params if name not in SECRET}
        address = qr.link(page, query)
        st.markdown(f"**{t('share.link')}**")
        st.code(address, language=None, wrap_lines=True)
        st.caption(t("share.what"))
        short_link(page, query)
        with st.expander(t("share.embed"), icon=":material/frame_source:"):
            st.code(frame(qr.link(page, {**query, "embed": "true"})), language="html", wrap_lines=True)
            st.caption(t("share.embed_about"))
        with st.expander(t("share.bundle"), icon=":material/folder_zip:", expanded=session.get(_OPENED) is not None):
            _bundle()


def frame(address: str) -> str:
    """What to paste into another site."""
    title = html.escape(t("app.title"), quote=True)
    return f'<iframe src="{html.escape(address)}" title="{title}" width="100%" height="{HEIGHT}" style="border:0"></iframe>'


# ---- the short link ----


def short_link(page: str, query: dict[str, str]) -> None:
    """The button that makes one; then the link and its QR code."""
    known = session.get(_SHORT)
    found = known[1] if known and known[0] == (page, query) else None
    if found is None:
        st.button(
            t("share.shorten"), icon=":material/qr_code_2:", key="share_shorten", on_click=shorten, args=(page, query),
            help=t("share.shorten_help"), width="stretch",
        )  # fmt: skip
        return
    if isinstance(found, Problem):
        st.text(text.problem(found))
        return
    address = qr.short(found)
    st.markdown(f"**{t('share.short')}**")
    st.code(address, language=None, wrap_lines=True)
    qr.image(address, t("share.qr_alt", link=address))


def shorten(page: str, query: dict[str, str]) -> None:
    session.put(_SHORT, ((page, query), code_of(page, query)))


def code_of(page: str, query: dict[str, str]) -> str | Problem:
    """The code of a short link, or why there is none."""
    from replearn_core.links import LinkRefused  # with SQLAlchemy, which a visitor who shares nothing does without

    made = session.get(_MADE, 0)
    if made >= MOST_MADE:
        return Problem("problem.link_session", "", {"limit": MOST_MADE})
    try:
        code = place.links().make("" if page == "home" else page, qr.encoded(query))
    except (LinkRefused, place.Unavailable) as error:
        return error.problem
    session.put(_MADE, made + 1)
    return code


# ---- bundles ----


def _bundle() -> None:
    st.caption(t("share.bundle_about", limit=bundle.LIMIT // 2**20))
    file = st.file_uploader(t("share.bundle_file"), type=["zip"], key=FILE, max_upload_size=bundle.LIMIT // 2**20)
    if file is None:
        session.put(_OPENED, None)
        return
    known = session.get(_OPENED)
    if known is None or known[0] != file.file_id:
        known = (file.file_id, brought(file.getvalue()))
        session.put(_OPENED, known)
    if isinstance(known[1], Problem):
        st.text(text.problem(known[1]))
    else:
        st.markdown(f":material/check_circle: {t('share.bundle_opened')}")
        st.page_link(LAB, label=t("share.bundle_show"), icon=":material/arrow_forward:", query_params={"run": known[1]})


def brought(data: bytes) -> str | Problem:
    """Keep what a bundle holds; its run's id, or why not."""
    running = engine.current()
    if running is None:
        return Problem("problem.engine_starting")
    try:
        found = bundle.checked(data)
        bundle.keep(running.store, found)
    except (Refused, StoreUnavailable) as error:
        return error.problem
    return found.run_id


def offer(run_id: str) -> None:
    """The bundle of a run that has ended, as a download; made when it is asked for. Beneath the lab's picture."""
    running = engine.current()
    if running is None:
        return
    st.download_button(
        t("takehome.bundle"), lambda: _packed(run_id), f"run-{run_id[:8]}.bundle.zip", "application/zip",
        icon=":material/folder_zip:", key="takehome_bundle", on_click="ignore", help=t("takehome.bundle_help"),
    )  # fmt: skip


def _packed(run_id: str) -> bytes:
    running = engine.current()
    return b"" if running is None else bundle.packed(running.store, running.lineage(run_id))


def came_with_a_bundle(run_id: str) -> None:
    """On the lab: a run that was brought says so, and can be trained here anew."""
    if not _was_brought(run_id):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="brought"):
        st.caption(f":material/folder_zip: {t('share.brought')}")
        st.button(t("share.anew"), key="train_anew", type="tertiary", icon=":material/replay:", on_click=_anew, args=(run_id,))


def _was_brought(run_id: str) -> bool:
    """Asked of the store once: object storage is far away."""
    running, known = engine.current(), session.get(_BROUGHT, {})
    if running is None:
        return False
    if run_id not in known:
        known = {run_id: bundle.brought(running.store, run_id)}
        session.put(_BROUGHT, known)
    return bool(known[run_id])


def _anew(run_id: str) -> None:
    running = engine.current()
    experiment = runs.known(run_id)
    try:
        if running is not None and experiment is not None and experiment.continues is None and running.forget(run_id):
            session.put(_BROUGHT, {})
            draft.take_experiment(experiment)
            runs.train()
    except StoreUnavailable as error:
        session.put(session.REFUSAL, error.problem)
