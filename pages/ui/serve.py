"""What surrounds the pages in one server process: the engine, the janitor and the security headers. Called by app.py."""

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replearn_core import engine

log = logging.getLogger(__name__)

SWEEP = 5.0  # seconds between two collections
DEFAULT_PARENTS = "'self' https://huggingface.co https://*.hf.space"
"""Pages that may show this app in a frame; a Space's own page is one. REPLEARN_FRAME_ANCESTORS replaces it."""


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Start the engine and the janitor, and end both with the server. Pages are served while the engine is still being made."""
    engine.expect()
    starting = asyncio.get_running_loop().run_in_executor(None, _start)  # at once, not when the loop is free
    ending = threading.Event()
    janitor = threading.Thread(target=_sweep, args=(ending,), daemon=True, name="replearn-janitor")
    janitor.start()
    try:
        yield
    finally:
        ending.set()
        await starting
        await asyncio.to_thread(engine.close)
        await asyncio.to_thread(janitor.join, 2)


def _start() -> None:
    """Start the engine, and say where it cannot work; without one, pages stay readable and Train says why it waits."""
    try:
        problem = engine.start().store.problem
    except Exception:
        log.exception("the engine did not start")
        return
    if problem is not None:
        log.error("the run store cannot be written: %s %s", problem.key, dict(problem.numbers))
    gc.collect()
    gc.freeze()  # what was imported lives as long as the process: no collection need look at it again


def _sweep(ending: threading.Event) -> None:
    """Collect every few seconds, instead of after each script run (`runner.postScriptGC` is off: it made every poll wait).

    Now and then, visitors' own data that nobody uses any more leave, and so do the nicknames of class rooms that are over.
    """
    from pages.ui.own import visit  # with the core, which the server does without until it listens
    from pages.ui.teaching import place

    due = 0.0
    while not ending.wait(SWEEP):
        gc.collect()
        if time.monotonic() >= due:
            visit.sweep()
            place.sweep()
            due = time.monotonic() + visit.EVERY


class SecurityHeaders:
    """ASGI middleware that adds the same few headers to every answer. Plain ASGI, so websockets and streams pass untouched."""

    def __init__(self, app: ASGIApp):
        self.app = app
        parents = os.environ.get("REPLEARN_FRAME_ANCESTORS") or DEFAULT_PARENTS
        self.headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
            "Content-Security-Policy": f"frame-ancestors {parents}; object-src 'none'; base-uri 'self'",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
