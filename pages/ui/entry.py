"""The entry script: language, navigation and frame of every page. app.py names it; Streamlit runs it at each visit and rerun."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # AppTest and uvicorn from another folder know only this script's own folder
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from pages.ui import errors, palette, session, text  # noqa: E402
from pages.ui.text import t  # noqa: E402

SWITCH = "language_switch"


def main() -> None:
    st.set_page_config(
        page_title=t("app.title"),
        page_icon=ROOT / "assets" / "images" / "icon.svg",
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    st.html(ROOT / "assets" / "css" / "lab.css")
    st.html(_colours(dark=st.context.theme.type == "dark"))
    page = st.navigation(_pages(), position="top")
    _header(page)
    with errors.contained(page.url_path or "home"):
        page.run()
    st.caption(t("app.footer"))


def _colours(dark: bool) -> str:
    """The theme's colours as variables for lab.css, and each term's colour on the edge of its code."""
    tone = palette.theme(dark)
    variables = {"page": tone.background, "panel": tone.panel, "muted": tone.muted, "line": tone.hairline, "accent": tone.accent}
    root = "; ".join(f"--lab-{name}: {colour}" for name, colour in variables.items())
    edges = "\n".join(
        f'[class*="st-key-code_{name}"] {{ border-color: {palette.meaning(name, dark)} }}' for name in palette.MEANINGS
    )
    return f"<style>:root {{ {root} }}\n{edges}</style>"


def _pages() -> list[st.Page]:
    pages = ROOT / "pages"
    return [
        st.Page(pages / "home.py", title=t("home.nav"), icon=":material/home:", default=True, help=t("home.help")),
        st.Page(
            pages / "autoencoder.py",
            title=t("autoencoder.nav"),
            icon=":material/compress:",
            url_path="autoencoder",
            help=t("autoencoder.help"),
        ),
        st.Page(
            pages / "latent.py",
            title=t("latent.nav"),
            icon=":material/scatter_plot:",
            url_path="latent",
            help=t("latent.about"),
        ),
        st.Page(
            pages / "properties.py",
            title=t("properties.nav"),
            icon=":material/fact_check:",
            url_path="properties",
            help=t("properties.help_nav"),
        ),
        st.Page(
            pages / "pretraining.py",
            title=t("pretraining.nav"),
            icon=":material/stacks:",
            url_path="pretraining",
            help=t("pretraining.help_nav"),
        ),
        st.Page(
            pages / "transfer.py",
            title=t("transfer.nav"),
            icon=":material/move_down:",
            url_path="transfer",
            help=t("transfer.help_nav"),
        ),
        st.Page(
            pages / "malware.py",
            title=t("malware.nav"),
            icon=":material/bug_report:",
            url_path="malware",
            help=t("malware.help_nav"),
        ),
        st.Page(
            pages / "notifications.py",
            title=t("notifications.nav"),
            icon=":material/notifications:",
            url_path="notifications",
            help=t("notifications.help_nav"),
        ),
        st.Page(
            pages / "deployment.py",
            title=t("deployment.nav"),
            icon=":material/rocket_launch:",
            url_path="deployment",
            help=t("deployment.help_nav"),
        ),
        st.Page(
            pages / "evidence.py",
            title=t("evidence.nav"),
            icon=":material/balance:",
            url_path="evidence",
            help=t("evidence.help_nav"),
        ),
        st.Page(
            pages / "glossary.py",
            title=t("glossary.nav"),
            icon=":material/dictionary:",
            url_path="glossary",
            help=t("glossary.help_nav"),
        ),
    ]


def _header(page: st.Page) -> None:
    """Title, one sentence, language: the same line on every page."""
    name = page.url_path or "home"
    with st.container(horizontal=True, vertical_alignment="center", key="page_head"):
        with st.container(gap=None, key="page_title"):
            st.title(t(f"{name}.title"), anchor=False)
            st.caption(t(f"{name}.sentence"))
        st.session_state[SWITCH] = text.language()
        st.segmented_control(
            t("app.language"),
            list(text.LANGUAGES),
            format_func=lambda code: text.LANGUAGES.get(code, code),
            key=SWITCH,
            required=True,
            on_change=_switch,
            label_visibility="collapsed",
        )


def _switch() -> None:
    chosen = session.get(SWITCH)
    if chosen in text.LANGUAGES:
        text.choose(chosen)


main()
