"""What a visitor waits for: first page, first picture, pictures a second, polls of thirty sessions, and each process's memory.

Method: the app's real server, started by the README's command over an empty store, and a real Chromium. "First page" is from
starting the process to the Train button, the film and a resting page on screen, on a warm disk (second start). "First picture"
is from a click that trains to a reconstruction of that new run on screen, later than its untrained first one, over runs with new
seeds. "Pictures a second" counts the texts that the picture goes through while a long run trains. A "poll" is a GET of
the run's film from the count it last gave, as the browser component sends it: thirty threads, each every half second, while the
run trains and one page watches it. Nothing is asserted here.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from side_by_side import machine, spread, table, verdict

ROOT = Path(__file__).resolve().parents[1]
PORT = int(os.environ.get("PORT") or 8599)
ADDRESS = f"http://127.0.0.1:{PORT}"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
TRIES, SESSIONS, SECONDS, EVERY = 12, 30, 20.0, 0.5
PICTURE = ".film canvas[role=img]"
LOOK = 0.01  # seconds between two looks at the picture's text


def main() -> None:
    measured("The live page", first_page, measure)  # the first one warms the disk


def measured(title: str, *uses: Callable[[Browser, "Server"], Any]) -> None:
    """Hand a browser and a fresh server over one store to each of `uses` in turn, and print the rows of the last one."""
    store = tempfile.mkdtemp(prefix="replearn-bench-")
    rows: list[list[str]] = []
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for use in uses:
                rows = serve(store, partial(use, browser))
            browser.close()
    finally:
        shutil.rmtree(store, ignore_errors=True)
    print(f"\n### {title}\n\n{machine()}.\n")
    print(table(["what", "median (minimum–maximum)", "promise"], rows))


def serve(store: str, use: Callable[["Server"], Any]) -> Any:
    """Start the app, hand it over, and end it."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={PORT}", "--server.address=127.0.0.1"]
    environment = {**os.environ, "REPLEARN_STORE": store}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not healthy():
            if process.poll() is not None:
                sys.exit(f"the server ended with {process.returncode}; is port {PORT} taken? PORT= chooses another")
            time.sleep(0.02)
        return use(Server(process.pid, began))
    finally:
        process.terminate()
        process.wait(30)


class Server:
    """A running server: its process id, and when it was started."""

    def __init__(self, pid: int, began: float):
        self.pid, self.began = pid, began


def healthy() -> bool:
    try:
        return urllib.request.urlopen(f"{ADDRESS}/_stcore/health", timeout=1).status == 200
    except OSError:
        return False


def measure(browser, server: Server) -> list[list[str]]:
    page, start = first_page(browser, server)
    press(page, "Train", exact=True)
    page.locator(".st-key-state_finished").wait_for(timeout=120_000)  # workers are warm from here on
    waits = [train_again(page) for _ in range(TRIES)]
    run = start_long_run(page)
    pictures = count_pictures(page, 10.0) / 10
    polls, failed = poll_together(run)
    memory = memory_of(server.pid)
    median = statistics.median(waits)
    p95 = statistics.quantiles(polls, n=20)[-1]
    heaviest = max(memory[1:], default=0.0)
    return [
        ["server start → first page complete, s", f"{start:.2f}", verdict(start, "below", 5)],
        [f"Train → first new reconstruction, s ({TRIES} times)", spread(waits), verdict(median, "below", 1)],
        ["pictures a second while training", f"{pictures:.1f}", verdict(pictures, "at least", 2)],
        [f"a poll of {SESSIONS} sessions, ms ({len(polls):,}, {failed} failed)", spread(polls, 1), ""],
        ["… its 95th percentile, ms", f"{p95:.1f}", verdict(p95, "below", 100)],
        ["server process, MB", f"{memory[0]:.0f}", verdict(memory[0], "below", 300)],
        [f"largest of {len(memory) - 1} other processes, MB", f"{heaviest:.0f}", verdict(heaviest, "below", 700)],
    ]


def first_page(browser, server: Server) -> tuple[Page, float]:
    """The lab's page, and seconds from the server's start until it is complete."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{ADDRESS}/autoencoder?dataset=digits&variant=undercomplete&epochs=60&seed=1")
    page.get_by_role("button", name="Train", exact=True).wait_for()
    page.locator(".film").first.wait_for(state="attached")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    return page, time.perf_counter() - server.began


def press(page: Page, name: str, exact: bool = False) -> None:
    page.get_by_role("button", name=name, exact=exact).click()


def run_of(page: Page) -> str:
    found = re.search("[?&]run=([0-9a-f]{32})", page.url)
    return found[1] if found else ""


def picture_text(page: Page) -> str:
    """What the newest picture says of itself: run, epoch, errors. Asked anew each time, since a rerun may replace the canvas."""
    texts = [picture.get_attribute("aria-label") for picture in page.locator(PICTURE).all()]
    return (texts and texts[-1]) or ""


def until_trained(page: Page, title: str, patience: float = 120.0) -> None:
    """Until a picture of a run with another title shows a moment after the untrained one."""
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        text = picture_text(page)
        if text and not (title and text.startswith(title + ":")) and "epoch 0." not in text:
            return
        time.sleep(LOOK)
    sys.exit(f"no new picture after {patience:g} s; the last one: {picture_text(page)!r}")


def count_pictures(page: Page, seconds: float) -> int:
    """How many moments the picture goes through."""
    end, texts = time.perf_counter() + seconds, set()
    while time.perf_counter() < end:
        texts.add(picture_text(page))
        time.sleep(LOOK)
    return len(texts)


def train_again(page: Page) -> float:
    """Seconds from a press of "New seed", which trains, to a trained reconstruction of that run on screen."""
    title = picture_text(page).split(":")[0]
    began = time.perf_counter()
    press(page, "New seed")
    until_trained(page, title)
    seconds = time.perf_counter() - began
    page.locator(".st-key-state_finished").wait_for()
    return seconds


def start_long_run(page: Page) -> str:
    """A run that trains for a while, moving on screen."""
    data = "mnist&train_size=60000&epochs=60" if os.environ.get("REPLEARN_DATA") else "digits&epochs=2000"
    page.goto(f"{ADDRESS}/autoencoder?dataset={data}&variant=undercomplete&seed=3")
    press(page, "Train", exact=True)
    page.locator(".st-key-state_running").wait_for()
    until_trained(page, "")
    return run_of(page)


def poll_together(run: str) -> tuple[list[float], int]:
    """(milliseconds of each poll, how many failed) of SESSIONS threads that ask for the run's film as its viewers do."""
    took: list[float] = []
    failed: list[str] = []
    end = time.perf_counter() + SECONDS

    def session(number: int) -> None:
        since = 0
        time.sleep(EVERY * number / SESSIONS)
        while time.perf_counter() < end:
            began = time.perf_counter()
            try:
                body = urllib.request.urlopen(f"{ADDRESS}/api/runs/{run}/film?since={since}", timeout=30).read()
                size = int.from_bytes(body[:4], "little")
                since = json.loads(body[4 : 4 + size])["count"]
                took.append(1e3 * (time.perf_counter() - began))
            except (OSError, ValueError) as error:
                failed.append(str(error))
            time.sleep(max(0.0, EVERY - (time.perf_counter() - began)))

    threads = [threading.Thread(target=session, args=(number,)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, len(failed)


def memory_of(pid: int) -> list[float]:
    """Resident MB of the server, then of each process below it (scheduler, nannies, workers), largest first. Linux."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            parents[int(fields["Pid"])] = (int(fields["PPid"]), int(fields.get("VmRSS", "0 kB").split()[0]) / 1024)
        except (OSError, ValueError, KeyError):
            continue
    below, grown = {pid}, True
    while grown:
        more = {one for one, (parent, _) in parents.items() if parent in below} - below
        below, grown = below | more, bool(more)
    return [parents[pid][1], *sorted((parents[one][1] for one in below - {pid}), reverse=True)]


if __name__ == "__main__":
    main()
