"""Links as people take them along: the address of this installation as visitors have it, and QR codes."""

import base64
import html
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st

from pages.ui import menu


def base() -> str:
    """`https://host/path` of the home page as this visitor has it, the path that a proxy gave it included."""
    url = urlsplit(st.context.url or "")
    if url.scheme not in ("http", "https") or not url.netloc:
        host = st.context.headers.get("Host") or "localhost:8501"
        return f"http://{host}"
    parts = [one for one in url.path.split("/") if one]
    if parts and parts[-1] in menu.ICONS:
        parts.pop()
    return "/".join([f"{url.scheme}://{url.netloc}", *parts])


def link(page: str, query: Mapping[str, str]) -> str:
    """The whole address of a page with these parameters."""
    asked = encoded(query)
    return f"{base()}/{'' if page == 'home' else page}" + (f"?{asked}" if asked else "")


def encoded(query: Mapping[str, str]) -> str:
    """Readable where a link may be: commas and colons stay."""
    return urlencode(query, safe=",:;~*")


def short(code: str) -> str:
    return f"{base()}/s/{code}"


def image(address: str, alt: str, side: int = 200) -> None:
    """The address as a QR code, black on white in every theme; too long a one for a code that can be read is not drawn."""
    try:
        made = segno.make(address, error="m", micro=False, boost_error=False)
    except segno.DataOverflowError:
        return
    svg = made.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    data = base64.b64encode(svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1).encode()).decode()
    size = f"width:{side}px;max-width:100%;aspect-ratio:1;border-radius:8px;display:block;image-rendering:pixelated"
    st.html(f'<img class="qr" alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}" style="{size}">')
