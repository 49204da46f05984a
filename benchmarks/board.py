"""A class of 40: seconds from an answer to its sight on the board. `PYTHONPATH=.:benchmarks python benchmarks/board.py`

Method: the app's real server over an empty store. Forty students are websocket sessions that speak Streamlit's protocol as a
browser does: each opens the lab with the room in its address, joins by the form, looks for the next question as often as the page
says, and answers by the form. The board is a real Chromium that looks once a second; a tick beside a nickname is the answer's
sight, noted by the page itself. Each of ROUNDS questions is answered twice: by all within SPREAD seconds, as a class does, and,
changed, by all at the same moment, which is the worst there is. Nothing is asserted here.
"""

import asyncio
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import websockets
from live import ADDRESS, FLAGS, serve
from playwright.async_api import Page, async_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from replearn_core import database
from replearn_core.room_values import question
from replearn_core.rooms import Rooms
from side_by_side import machine, table, verdict

STUDENTS, ROUNDS, SPREAD = 40, 4, 10.0
PATIENCE = 120.0  # seconds until a step counts as failed
SIGHT = """() => {
  window.seen = {};
  const look = () => {
    const said = document.querySelector(".st-key-board_names")?.innerText ?? "";
    const asked = document.querySelector(".st-key-board_asked")?.innerText ?? "";
    for (const [, name] of said.matchAll(/✓ (\\w+)/g)) window.seen[asked.trim() + "|" + name] ??= Date.now() / 1000;
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


class Student:
    """One session: what its page shows, by widget, and what is sent when the student does something."""

    def __init__(self, room: str, name: str):
        self.query, self.name = f"room={room}", name
        self.widgets: dict[str, str] = {}  # the app's key → Streamlit's id, of what was drawn last
        self.fragment, self.every = "", 0.0  # the room's line, and how often the page asks to look again

    async def live(self, until: asyncio.Event) -> None:
        """Open the page, then look for news until the end."""
        address = ADDRESS.replace("http", "ws") + "/_stcore/stream"
        async with websockets.connect(address, subprotocols=["streamlit"], max_size=None, origin=ADDRESS) as self.socket:
            reading = asyncio.create_task(self._read())
            await self._send(page_name="autoencoder")
            await until_true(lambda: self.fragment and self.every)
            while not until.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(until.wait(), self.every)
                await self._send(fragment_id=self.fragment, is_auto_rerun=True)
            reading.cancel()

    async def join(self) -> None:
        await until_true(lambda: "room.name" in self.widgets)
        await self._send(fragment_id=self.fragment, typed=("room.name", self.name), pressed="class_join")
        await until_true(lambda: any(key.startswith("room.answer.") for key in self.widgets))

    async def answer(self, asked: str, within: float) -> tuple[str, float]:
        """Think for up to `within` seconds and answer. (nickname, moment of the press as Unix time)."""
        await asyncio.sleep(random.uniform(0.0, within))
        pressed = time.time()
        typed = (self._field(asked), random.uniform(1.0, 100.0))
        await self._send(fragment_id=self.fragment, typed=typed, pressed=f"class_answer_{asked}")
        return self.name, pressed

    def knows(self, asked: str) -> bool:
        return self._field(asked) in self.widgets

    def _field(self, asked: str) -> str:
        return next((key for key in self.widgets if key.startswith("room.answer.") and key.endswith(f".{asked}")), "")

    async def _send(self, typed: tuple[str, Any] | None = None, pressed: str = "", **said: Any) -> None:
        message = BackMsg()
        run = message.rerun_script
        run.query_string = self.query
        for name, value in said.items():
            setattr(run, name, value)
        if typed:
            state = run.widget_states.widgets.add(id=self.widgets[typed[0]])
            if isinstance(typed[1], str):
                state.string_value = typed[1]
            else:
                state.double_value = typed[1]
        if pressed:
            run.widget_states.widgets.add(id=self.widgets[pressed], trigger_value=True)
        await self.socket.send(message.SerializeToString())

    async def _read(self) -> None:
        async for data in self.socket:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "auto_rerun":
                self.fragment, self.every = message.auto_rerun.fragment_id, message.auto_rerun.interval
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._note(message.delta.new_element)

    def _note(self, element: Any) -> None:
        shown = getattr(element, element.WhichOneof("type"))
        if form := getattr(shown, "form_id", "") if element.WhichOneof("type") == "button" else "":
            self.widgets[form] = shown.id
        elif found := re.fullmatch(r"\$\$ID-[0-9a-f]+-(room\..+)", getattr(shown, "id", "")):
            self.widgets[found[1]] = shown.id


async def until_true(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("a session did not get as far as it should")
        await asyncio.sleep(0.02)


def main() -> None:
    store = tempfile.mkdtemp(prefix="replearn-bench-")
    try:
        took = serve(store, lambda server: asyncio.run(lesson(Path(store))))
    finally:
        shutil.rmtree(store, ignore_errors=True)
    print(f"\n### A class of {STUDENTS} on one board\n\n{machine()}.\n")
    print(table(["what", "median · 95 % · most, s", "promise"], [row(*one) for one in took.items()]))


def row(what: str, seconds: list[float]) -> list[str]:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    promised = verdict(p95, "below", 2) if "board" in what else ""
    return [what, f"{statistics.median(ordered):.2f} · {p95:.2f} · {ordered[-1]:.2f}", promised]


async def lesson(store: Path) -> dict[str, list[float]]:
    """Seconds by what was waited for."""
    rooms = Rooms(database.connect(f"sqlite:///{store / 'class.sqlite'}"))
    room = rooms.open(question("Question 1?"))
    students = [Student(room.code, f"s{i:02}") for i in range(STUDENTS)]
    together = f"answer → board, {STUDENTS} at the same moment"
    took: dict[str, list[float]] = {"all have opened the lab and joined": [], "next question → everybody has it": []}
    took |= {f"answer → board, {STUDENTS} within {SPREAD:g} s": [], together: []}
    opened, asked_in, spread, at_once = took.values()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        board = await browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-US")
        await board.goto(f"{ADDRESS}/board?room={room.code}")
        await board.locator(".st-key-board_names").wait_for(timeout=1e3 * PATIENCE)
        await board.evaluate(SIGHT)
        over, began = asyncio.Event(), time.time()
        living = [asyncio.create_task(one.live(over)) for one in students]
        await asyncio.gather(*(one.join() for one in students))
        opened.append(time.time() - began)
        for n in range(2, 2 * ROUNDS + 2):
            rooms.ask(room.code, room.secret, question(f"Question {n}?"))
            began = time.time()
            await asyncio.gather(*(until_true(partial(one.knows, f"q{n}")) for one in students))
            asked_in.append(time.time() - began)
            within, seconds = (SPREAD, spread) if n % 2 else (0.0, at_once)
            pressed = await asyncio.gather(*(one.answer(f"q{n}", within) for one in students))
            seconds += await sights(board, f"Question {n}?", pressed)
        over.set()
        await asyncio.gather(*living)
        await browser.close()
    return took


async def sights(board: Page, asked: str, pressed: Sequence[tuple[str, float]]) -> list[float]:
    """From each press to the moment at which the board's page showed it."""
    everybody = "([asked, n]) => Object.keys(seen).filter(one => one.startsWith(asked)).length >= n"
    await board.wait_for_function(everybody, arg=[asked, len(pressed)], timeout=1e3 * PATIENCE)
    seen = await board.evaluate("seen")
    return [seen[f"{asked}|{name}"] - at for name, at in pressed]


if __name__ == "__main__":
    main()
