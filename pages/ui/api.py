"""The routes beside Streamlit's own: films, weights and answers as bytes for our components; a health check. For app.py.

The core is imported by the first request: the server listens before that (see `engine`).
"""

import json
import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from streamlit import get_option

from replearn_core import engine

if TYPE_CHECKING:
    from replearn_core.engine import RunView

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
ASSETS = Path(__file__).resolve().parents[2] / "assets"
PICTURES, FONTS = ASSETS / "home", ASSETS / "fonts" / "interface"
MEMORY = 24 * 2**20  # bytes of encoded films; thirty viewers of one run cost one encoding
MAX_SINCE = 1_000_000


class Films:
    """Encoded films by (run, since, count, …), the latest used ones, up to MEMORY bytes. Safe from any thread."""

    def __init__(self, limit: int = MEMORY):
        self.limit, self.encodings = limit, 0
        self._films: OrderedDict[tuple, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def encode(self, view: "RunView", since: int) -> bytes:
        """The film of a view: header, records, arrays."""
        left = None if view.seconds_left is None else round(view.seconds_left, 1)
        key = (view.run_id, since, view.count, view.state, view.restarts, view.position, left)
        with self._lock:
            if key in self._films:
                self._films.move_to_end(key)
                return self._films[key]
        header = {
            "state": view.state,
            "position": view.position,
            "seconds_left": left,
            "restarts": view.restarts,
            "count": view.count,
        }
        from replearn_core.engine import wire

        film = wire.pack(view.events, header, view.origins)
        with self._lock:
            self.encodings += 1
            if key not in self._films:
                self._films[key] = film
                self._size += len(film)
            while self._size > self.limit and len(self._films) > 1:
                self._size -= len(self._films.popitem(last=False)[1])
        return film


_films = Films()


def _film(run_id: str, since: int) -> bytes | None:
    running = engine.current()
    view = running.history(run_id, since) if running else None
    return None if view is None or view.state == "missing" else _films.encode(view, since)


async def film(request: Request) -> Response:
    """GET /api/runs/{id}/film?since=N; see "The film, as bytes" in docs/architecture.md."""
    film_bytes = await run_in_threadpool(_film, request.path_params["run_id"], _since(request.query_params.get("since", "0")))
    return _bytes(film_bytes)


def _since(text: str) -> int:
    """The number of events that the browser has; anything else is none."""
    return min(int(text), MAX_SINCE) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _result(task_id: str, wanted: frozenset[str]) -> bytes | None:
    from replearn_core.engine import wire
    from replearn_core.experiment import RUN_ID_PATTERN

    running = engine.current()
    view = running.task(task_id) if running else None
    if view is None or (view.state == "missing" and not re.fullmatch(RUN_ID_PATTERN, task_id)):
        return None
    content = view.answer or view.partial
    if wanted and content is not None:
        chosen = {name: array for name, array in view.arrays.items() if name in wanted}
        return wire.pack_arrays(chosen, {**wire.header_of(content), **view.header()})
    return wire.with_header(content, view.header())


async def result(request: Request) -> Response:
    """GET /api/tasks/{id}/result?arrays=a,b: a task's state and its arrays, or those named: all once it is finished, a
    study's so far while it runs.

    A task that nobody has asked yet is `missing`, and no error: a page shows it as not drawn.
    See "Tasks" in docs/architecture.md.
    """
    wanted = frozenset(filter(None, request.query_params.get("arrays", "")[:1_000].split(",")))
    return _bytes(await run_in_threadpool(_result, request.path_params["task_id"], wanted))


def _weights(run_id: str, epoch: int | None) -> Response:
    from replearn_core.store import Damaged

    running = engine.current()
    try:
        return _bytes(running.weights(run_id, epoch) if running else None)
    except Damaged:
        return _bytes(None, "damaged")


async def weights(request: Request) -> Response:
    """GET /api/runs/{id}/weights?epoch=E: the safetensors file as kept after E epochs, or the last one."""
    text = request.query_params.get("epoch", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 8):
        return _bytes(None)
    return await run_in_threadpool(_weights, request.path_params["run_id"], int(text) if text else None)


def _experiment(run_id: str) -> bytes | None:
    running = engine.current()
    found = running.experiment(run_id) if running else None
    return found.as_json().encode() if found else None


async def experiment(request: Request) -> Response:
    """GET /api/runs/{id}/experiment: the experiment's JSON."""
    return _bytes(await run_in_threadpool(_experiment, request.path_params["run_id"]), kind="application/json")


def _bytes(content: bytes | None, otherwise: str = "missing", kind: str = "application/octet-stream") -> Response:
    """The bytes, or 404 and why there are none."""
    if content is None:
        return Response(json.dumps({"state": otherwise}), 404, HEADERS, "application/json")
    return Response(content, 200, HEADERS, kind)


async def picture(request: Request) -> Response:
    """GET /api/pictures/{page}.webp: the home page's strip of moving pictures."""
    return _file(PICTURES, "*.webp", request.path_params["name"], 3600)


async def font(request: Request) -> Response:
    """GET /api/fonts/{name}.woff2: a part of the interface's font, as `.streamlit/config.toml` names it."""
    return _file(FONTS, "*.woff2", request.path_params["name"], 7 * 86400)


def _file(folder: Path, kind: str, name: str, seconds: int) -> Response:
    """A file of this folder and kind by its name, which browsers keep for so long."""
    if name not in {path.name for path in folder.glob(kind)}:
        return _bytes(None)
    return FileResponse(folder / name, headers={"Cache-Control": f"public, max-age={seconds}"})


async def short(request: Request) -> Response:
    """GET /s/{code}: see `teaching.route`."""
    from pages.ui.teaching import route

    return await route.follow(request, BASE)


async def health(_: Request) -> JSONResponse:
    """GET /healthz: 200 while pages can be served. `engine` says whether runs would be accepted, and if not, why."""
    running = await run_in_threadpool(engine.current)
    problem = running.problem.key if running and running.problem else None
    state = "absent" if running is None else problem or "ready"
    return JSONResponse(
        {"status": "ok", "engine": state, "warm_workers": len(running.dask.warm) if running else 0}, headers=HEADERS
    )


_base = get_option("server.baseUrlPath").strip("/")
BASE = f"/{_base}" if _base else ""  # where a proxy serves the app under a path; Streamlit's own routes stand below it as well
ROUTES = [
    Route(BASE + "/api/runs/{run_id}/film", film),
    Route(BASE + "/api/runs/{run_id}/weights", weights),
    Route(BASE + "/api/runs/{run_id}/experiment", experiment),
    Route(BASE + "/api/tasks/{task_id}/result", result),
    Route(BASE + "/api/pictures/{name}", picture),
    Route(BASE + "/api/fonts/{name}", font),
    Route(BASE + "/s/{code}", short),
    Route(BASE + "/healthz", health),
]
