"""The entry script: language, navigation and frame of every page. app.py names it; Streamlit runs it at each visit and rerun."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # AppTest and uvicorn from another folder know only this script's own folder
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402
from streamlit.delta_generator import DeltaGenerator  # noqa: E402

from pages.ui import errors, menu, palette, projector, session, share, text, visits  # noqa: E402
from pages.ui.components import reach, saving, theme, words  # noqa: E402
from pages.ui.lessons import frame  # noqa: E402
from pages.ui.teaching import bar  # noqa: E402
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
    st.html(ROOT / "assets" / "css" / "print.css")
    dark = st.context.theme.type == "dark"
    st.html(_colours(dark))
    projector.style()
    words.mount()
    page = st.navigation(_pages(), position="top")
    sharing = _header(page)
    name = page.url_path or "home"
    bar.above(name)
    visits.note(name)
    with errors.told(), frame.around(name), errors.contained(name):
        page.run()
    bar.below()
    with st.container(key="theme_place"):
        theme.mount(dark)
        saving.mount(palette.theme(dark).background)
        reach.mount()
    if st.context.is_embedded:
        st.html(ROOT / "assets" / "css" / "embed.css")
        return
    with sharing:
        share.button(name)
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


def _pages() -> dict[str, list[st.Page]]:
    """The menu: a few pages in sight, the others by group, so that it fits a projector in both languages."""
    return {t(f"menu.{group}") if group else "": [_page(name) for name in names] for group, names in menu.GROUPS.items()}


def _page(name: str) -> st.Page:
    return st.Page(
        ROOT / "pages" / f"{name}.py",
        title=t(f"{name}.nav"),
        icon=f":material/{menu.ICONS[name]}:",
        url_path="" if name == "home" else name,
        default=name == "home",
        help=t(f"{name}.help_nav"),
    )


def _header(page: st.Page) -> DeltaGenerator:
    """Title, one sentence, language: the same line on every page. Returns where Share goes, which knows the page's address."""
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
        projector.switch()
        return st.container(key="share_place", width="content")


def _switch() -> None:
    chosen = session.get(SWITCH)
    if chosen in text.LANGUAGES:
        text.choose(chosen)


main()
