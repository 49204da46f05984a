"""GET /s/{code}: a short link leads to its page of this app, or says in the visitor's language that there is none."""

import html

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pages.ui import text
from pages.ui.teaching import place
from replearn_core.experiment import Problem

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_STYLE = (
    "body{font:1.05rem/1.7 'Noto Sans TC','Noto Sans','PingFang TC','Microsoft JhengHei',sans-serif;"
    "max-width:34em;margin:18vh auto 0;"
    "padding:0 24px;color:#1F2430;background:#FBFAF7}a{color:#0B6E6E}"
    "@media(prefers-color-scheme:dark){body{color:#E8E6E1;background:#14171C}a{color:#4FC3BC}}"
)


def _found(code: str) -> tuple[str, str] | Problem:
    from replearn_core.links import LinkRefused

    try:
        return place.links().follow(code)
    except (LinkRefused, place.Unavailable) as error:
        return error.problem


async def follow(request: Request, base: str) -> Response:
    """base: the path under which the app is served. Only ever to a page below it."""
    found = await run_in_threadpool(_found, request.path_params["code"][:40])
    if not isinstance(found, Problem):
        page, query = found
        return RedirectResponse(f"{base}/{page}" + (f"?{query}" if query else ""), 303, HEADERS)
    lang = text.of_locale(request.headers.get("accept-language", "").split(",")[0])
    sentence = text.said(lang, found.key, **found.numbers)
    home = f'<p><a href="{html.escape(base)}/">{html.escape(text.said(lang, "share.home"))}</a></p>'
    title, said = html.escape(text.said(lang, "app.title")), html.escape(sentence)
    page_text = (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><p>{said}</p>{home}</html>"
    )
    return HTMLResponse(page_text, 404 if found.key == "problem.link_unknown" else 503, HEADERS)
