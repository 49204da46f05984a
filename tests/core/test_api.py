"""The film over HTTP: the bytes that docs/architecture.md names, encoded once for all who watch."""

import asyncio
import gc
import json
import threading
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import pytest
from starlette.applications import Starlette

from pages.ui import api
from replearn_core import engine
from replearn_core.engine import RunView, TaskView, wire
from replearn_core.events import Progress, Stopped
from replearn_core.experiment import Experiment, Problem
from replearn_core.store import Damaged

RUN = "a" * 32
DONE, FAILED, WAITING = "d" * 32, "f" * 32, "c" * 32  # tasks
TERMS = {"squared_error": 0.5}


class Fake:
    """An engine that knows one run with three events."""

    problem = None

    class dask:
        warm = {"worker": 1.0}

    def task(self, task_id: str) -> TaskView:
        if task_id == DONE:
            arrays = {"points": np.array([[1.5, -2.0], [0.0, 4.0]], np.float32), "labels": np.array([3, -1], np.int16)}
            return TaskView(
                DONE, "finished", progress=1.0, answer=wire.pack_arrays(arrays, {"numbers": {"trustworthiness": 0.98}})
            )
        if task_id == FAILED:
            return TaskView(FAILED, "failed", problem=Problem("problem.codes_constant", "codes", {"count": 9}))
        return TaskView(task_id, "queued", 2, 0.0, 3.21) if task_id == WAITING else TaskView(task_id, "missing")

    def weights(self, run_id: str, epoch: int | None = None) -> bytes | None:
        if run_id == "e" * 32:
            raise Damaged("weights.safetensors")
        return b"safetensors" if run_id == RUN and epoch in (None, 7) else None

    def experiment(self, run_id: str) -> Experiment | None:
        return Experiment(dataset="digits") if run_id == RUN else None

    def history(self, run_id: str, since: int = 0) -> RunView:
        if run_id != RUN:
            return RunView(run_id, None, "missing")
        frame = {
            "spectrum": np.array([3.0, 1.0, 0.5], np.float32),
            "reconstruction": np.arange(4, dtype=np.uint8).reshape(1, 2, 2),
        }
        events = (*(Progress(float(n), n / 10, TERMS, TERMS, TERMS, TERMS, {}, frame) for n in (1, 2)), Stopped(2))
        return RunView(RUN, None, "running", None, 1.26, 1, None, events[since:], 3, ((RUN,) * 3)[since:])


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    def json(self):
        return json.loads(self.content)


class Browser:
    """Asks our routes by ASGI, without a network."""

    def __init__(self, app=None):
        self.app = app or Starlette(routes=api.ROUTES)

    def get(self, url: str) -> Answer:
        parts, answer = urlsplit(url), Answer()
        scope = {"type": "http", "method": "GET", "path": unquote(parts.path), "raw_path": parts.path.encode(), "root_path": ""}
        scope |= {"query_string": parts.query.encode(), "headers": [], "http_version": "1.1", "scheme": "http"}

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.content += message.get("body", b"")

        asyncio.run(self.app(scope, receive, send))
        return answer


@pytest.fixture
def browser(monkeypatch):
    monkeypatch.setattr(engine, "current", Fake)
    monkeypatch.setattr(api, "_films", api.Films())
    return Browser()


def test_a_film_is_a_header_and_arrays(browser):
    answer = browser.get(f"/api/runs/{RUN}/film")
    assert answer.status == 200 and answer.headers["content-type"] == "application/octet-stream"
    size = int.from_bytes(answer.content[:4], "little")
    header, arrays = json.loads(answer.content[4 : 4 + size]), answer.content[4 + size :]
    assert {name: header[name] for name in ("state", "position", "seconds_left", "restarts", "count")} == {
        "state": "running", "position": None, "seconds_left": 1.3, "restarts": 1, "count": 3,
    }  # fmt: skip
    assert [(record["kind"], record["run"]) for record in header["records"]] == [("progress", RUN)] * 2 + [("stopped", RUN)]
    place = header["records"][1]["arrays"]["spectrum"]
    assert place["dtype"] == "float32" and place["shape"] == [3] and place["offset"] % 4 == 0
    assert np.frombuffer(arrays, "<f4", 3, place["offset"]).tolist() == [3.0, 1.0, 0.5]


def test_since_gives_only_what_is_new(browser):
    film = browser.get(f"/api/runs/{RUN}/film?since=2").content
    size = int.from_bytes(film[:4], "little")
    assert [record["kind"] for record in json.loads(film[4 : 4 + size])["records"]] == ["stopped"]


@pytest.mark.parametrize("since", ["-1", "abc", "", "1e9", "٣", "9" * 100])
def test_a_since_that_is_no_number_is_answered_all_the_same(browser, since):
    assert browser.get(f"/api/runs/{RUN}/film?since={quote(since)}").status == 200


@pytest.mark.parametrize("run_id", ["b" * 32, "x", "..", "A" * 32, "a" * 33, quote("\n"), quote("表示")])
def test_unknown_and_malformed_ids_get_the_same_answer(browser, run_id):
    answer = browser.get(f"/api/runs/{run_id}/film")
    assert answer.status == 404 and answer.json() == {"state": "missing"}


def test_without_an_engine_every_run_is_missing_and_health_still_answers(browser, monkeypatch):
    monkeypatch.setattr(engine, "current", lambda: None)
    assert browser.get(f"/api/runs/{RUN}/film").status == 404
    assert browser.get("/healthz").json() == {"status": "ok", "engine": "absent", "warm_workers": 0}


def test_answers_are_neither_stored_nor_sniffed(browser):
    for path in (f"/api/runs/{RUN}/film", "/api/runs/x/film", "/healthz"):
        headers = browser.get(path).headers
        assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"


def test_thirty_viewers_cost_one_encoding(browser):
    films = {browser.get(f"/api/runs/{RUN}/film?since=1").content for _ in range(30)}
    assert len(films) == 1 and api._films.encodings == 1


def test_the_memory_of_encoded_films_is_bounded():
    films, fake = api.Films(limit=1_000), Fake()
    for since in range(3):
        films.encode(fake.history(RUN, since), since)
    assert films._size <= 1_000 or len(films._films) == 1


def test_every_answer_carries_the_security_headers_and_keeps_its_own(monkeypatch):
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from pages.ui.serve import SecurityHeaders

    monkeypatch.setenv("REPLEARN_FRAME_ANCESTORS", "https://school.example")
    page = PlainTextResponse("hello", headers={"Referrer-Policy": "no-referrer"})
    app = Starlette(routes=[Route("/", page), *api.ROUTES], middleware=[Middleware(SecurityHeaders)])
    headers = Browser(app).get("/").headers
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors https://school.example;" in headers["content-security-policy"]
    assert "content-security-policy" in Browser(app).get("/nowhere").headers


def test_the_lifespan_starts_one_engine_and_leaves_no_thread_behind(monkeypatch, tmp_path):
    from pages.ui.serve import lifespan

    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path))
    monkeypatch.setenv("REPLEARN_WARM", "0")
    monkeypatch.setenv("REPLEARN_WORKERS", "1")

    async def serve():
        async with lifespan(None):
            running = engine.current()  # waits until it is there
            names = [thread.name for thread in threading.enumerate()]
            return running, names.count("replearn-janitor"), names.count("replearn-engine")

    try:
        running, janitors, engines = asyncio.run(serve())
    finally:
        gc.unfreeze()
    assert running is not None and (janitors, engines) == (1, 1) and running.store.root == tmp_path
    assert engine.current() is None
    assert not [thread for thread in threading.enumerate() if thread.name in ("replearn-janitor", "replearn-engine")]


# ---- tasks, weights, experiments ----


def parts(content: bytes):
    size = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + size]), content[4 + size :]


def test_a_finished_task_is_a_header_with_numbers_and_its_arrays(browser):
    answer = browser.get(f"/api/tasks/{DONE}/result")
    header, arrays = parts(answer.content)
    assert answer.status == 200 and answer.headers["content-type"] == "application/octet-stream"
    assert header["state"] == "finished" and header["numbers"] == {"trustworthiness": 0.98} and header["problem"] is None
    place = header["arrays"]["points"]
    assert np.frombuffer(arrays, "<f4", 4, place["offset"]).reshape(place["shape"]).tolist() == [[1.5, -2.0], [0.0, 4.0]]
    place = header["arrays"]["labels"]
    assert place["dtype"] == "int16" and np.frombuffer(arrays, "<i2", 2, place["offset"]).tolist() == [3, -1]
    assert (len(answer.content) - len(arrays)) % 8 == 0 and len(arrays) == header["bytes"]


def test_named_arrays_of_a_task_come_alone_and_unknown_names_are_passed_over(browser):
    header, arrays = parts(browser.get(f"/api/tasks/{DONE}/result?arrays=labels,codes").content)
    assert list(header["arrays"]) == ["labels"] and header["state"] == "finished"
    place = header["arrays"]["labels"]
    assert np.frombuffer(arrays, "<i2", 2, place["offset"]).tolist() == [3, -1] and len(arrays) == header["bytes"]


def test_a_task_that_waits_or_failed_says_so_without_arrays(browser):
    waiting, rest = parts(browser.get(f"/api/tasks/{WAITING}/result").content)
    assert (waiting["state"], waiting["position"], waiting["seconds_left"], waiting["arrays"], rest) == (
        "queued",
        2,
        3.2,
        {},
        b"",
    )
    failed, _ = parts(browser.get(f"/api/tasks/{FAILED}/result").content)
    assert failed["state"] == "failed"
    assert failed["problem"] == {"key": "problem.codes_constant", "setting": "codes", "numbers": {"count": 9}}


def test_weights_are_the_file_as_kept_for_the_last_or_a_named_epoch(browser):
    for query in ("", "?epoch=7"):
        answer = browser.get(f"/api/runs/{RUN}/weights{query}")
        assert answer.status == 200 and answer.content == b"safetensors"
    for query in ("?epoch=8", "?epoch=-1", "?epoch=7.5", "?epoch=abc", "?epoch=" + "9" * 50):
        answer = browser.get(f"/api/runs/{RUN}/weights{query}")
        assert answer.status == 404 and answer.json() == {"state": "missing"}
    assert browser.get(f"/api/runs/{'e' * 32}/weights").json() == {"state": "damaged"}


def test_a_task_that_nobody_has_asked_is_missing_and_no_error(browser):
    header, arrays = parts(browser.get(f"/api/tasks/{'b' * 32}/result").content)
    assert (header["state"], header["arrays"], arrays) == ("missing", {}, b"")


def test_an_experiment_is_given_as_json(browser):
    answer = browser.get(f"/api/runs/{RUN}/experiment")
    assert answer.headers["content-type"] == "application/json"
    assert Experiment.from_json(answer.content.decode()) == Experiment(dataset="digits")


@pytest.mark.parametrize("name", ["b" * 32, "x", "..", "A" * 32, quote("\n"), quote("表示")])
def test_unknown_tasks_weights_and_experiments_are_all_answered_alike(browser, name, monkeypatch):
    paths = [f"/api/runs/{name}/weights", f"/api/runs/{name}/experiment", f"/api/tasks/{name}/result"]
    for path in paths[: 2 if name == "b" * 32 else 3]:
        answer = browser.get(path)
        assert answer.status == 404 and answer.json() == {"state": "missing"}
        assert answer.headers["cache-control"] == "no-store"
    monkeypatch.setattr(engine, "current", lambda: None)
    assert [browser.get(path).status for path in paths] == [404] * 3
