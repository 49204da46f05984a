"""The harness of the browser tests: the app's real server on a free port, with a store of its own, and the system's Chromium."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No page lives long enough to win back what the optimising compilers cost, nor to fill a heap that would be cleared rarely.
    "--js-flags=--no-opt --no-maglev --single-threaded-gc --min-semi-space-size=64 --initial-heap-size=512",
]
# On a deep link Streamlit's page looks for its root below the page's own path first, and finds nothing there.
LOOKING_FOR_ROOT = re.compile(r"404 .*'url': '[^']*/_stcore/(health|host-config)'")
QUIET = [
    "--server.address=127.0.0.1",
    "--server.headless=true",
    "--browser.gatherUsageStats=false",
    "--server.fileWatcherType=none",
]
_port = 0
DRAWN = """() => document.querySelector('.st-key-theme_place .stBidiComponent')
  && !document.querySelector('[data-testid=stSkeleton], [data-testid=stStatusWidget], [data-stale=true]')"""
# Nothing fades any more; the home page's small films go on.
STILL = "() => document.getAnimations().every((one) => one.playState !== 'running' || one.animationName === 'lab-frames')"
PATIENCE = 120_000  # ms; long, since the machine may be busy: nothing here measures time


@dataclass
class Server:
    """The app as `streamlit run app.py` serves it; `stop` and `start` make a fresh server over the same store.

    warm: whether its workers train a little before anybody asks, as they do for visitors; each second of it is the other tests'.
    """

    store: Path
    warm: bool = False
    port: int = 0
    process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        self.port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={self.port}", "--server.address=127.0.0.1"]
        with (self.store / "server.log").open("ab") as log:
            environment = {**os.environ, "REPLEARN_STORE": str(self.store / "runs"), "REPLEARN_WARM": "01"[self.warm]}
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        end = time.monotonic() + 60
        while not answers(f"{self.address}/_stcore/health"):
            assert self.process.poll() is None and time.monotonic() < end, (self.store / "server.log").read_text()
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@contextmanager
def served(app: str, *flags: str, log: Path, path: str = ""):
    """The address of a fresh server over one of this folder's own apps, which ends with the block."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(Path(__file__).parent / app),
        f"--server.port={port}",
        *flags,
        *QUIET,
    ]
    with log.open("ab") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=Path(__file__).parent, stdout=out, stderr=out, env=environment)
    address = f"http://127.0.0.1:{port}{path}"
    try:
        wait_for(lambda: answers(f"{address}/_stcore/health"), 120)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """The port that the server before had, if it is free again: what a tab keeps of Streamlit's scripts is kept by address."""
    global _port
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", _port))
        except OSError:
            listening.bind(("127.0.0.1", 0))
        _port = listening.getsockname()[1]
    return _port


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


def settled(page):
    """All is drawn and stands still: a place that is measured now stays."""
    page.wait_for_function(DRAWN)
    page.wait_for_function(STILL)


def move(page, address: str):
    """To another page of the app within the session, as a press of its menu does: half the work of a visit."""
    before = page.locator("h1").first.inner_text()
    page.evaluate(
        "(to) => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate', { state: {} })); }", address
    )
    page.wait_for_function("(before) => ![undefined, before].includes(document.querySelector('h1')?.innerText)", arg=before)
    page.wait_for_function(DRAWN)


def wait_for(true, seconds: float = 30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def page_of(tabs):
    """page_of(base, address, allow="", **options) → a page; at the end no console may have complained but of what was allowed.

    Nothing may be asked of any other server than `base`.
    """
    allowed = ["willReadFrequently"]  # the readings of these tests, not of the component

    def open_page(base: str, address: str, allow: str = "", **options):
        if allow:
            allowed.append(allow)
        return tabs.open(address, complaints, kinds=("error", "warning"), within=base, **options)

    complaints: list[str] = []
    yield open_page
    tabs.leave()
    assert [text for text in complaints if not any(re.search(pattern, text) for pattern in allowed)] == []


@pytest.fixture(scope="session")
def chromium():
    """The browser; skips where there is none, fails where REPLEARN_REQUIRE names it."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = shutil.which("chromium-headless-shell") or shutil.which(
        "chromium"
    )  # the first is the same without windows, and lighter
    if binary is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


class Tabs:
    """Tabs that tests use one after another; each test finds its own as a stranger's: nothing stored, no cookie.

    A tab that has compiled Streamlit's scripts opens a page with a third of the work of a new one (docs/decisions.md).
    """

    def __init__(self, browser):
        self.browser = browser
        self.free: dict[str, list] = {}
        self.taken: list[tuple[str, Any, dict[str, Callable]]] = []

    def open(
        self,
        address: str,
        complaints: list[str],
        *,
        kinds: tuple[str, ...] = ("error",),
        within: str = "",
        viewport: dict[str, int],
        color_scheme: str = "light",
        reduced_motion: str = "no-preference",
        **options,
    ):
        """A page at `address`. What its console says of these kinds, and what it asks outside `within`, comes to `complaints`."""
        key = json.dumps(options, sort_keys=True)
        free = self.free.setdefault(key, [])
        page = free.pop() if free else self.browser.new_context(**options).new_page()
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size(viewport)
        page.emulate_media(media="null", color_scheme=color_scheme, reduced_motion=reduced_motion)
        parts = urllib.parse.urlsplit(address)
        page.goto(f"{parts.scheme}://{parts.netloc}/_stcore/health")  # a document of this server that runs nothing
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        page.context.clear_cookies()
        listeners: dict[str, Callable] = {
            "console": lambda said: said.type in kinds and complaints.append(f"{said.text} {said.location}"),
            "pageerror": lambda error: complaints.append(str(error)),
            "request": lambda asked: asked.url.startswith((within, "data:", "blob:")) or complaints.append(asked.url),
        }
        for event, listener in listeners.items():
            page.on(event, listener)
        self.taken.append((key, page, listeners))
        page.goto(address)
        return page

    def leave(self) -> None:
        """All pages that are open are left; their tabs wait for the next test."""
        for key, page, listeners in self.taken:
            if not page.is_closed():
                for event, listener in listeners.items():
                    page.remove_listener(event, listener)
                page.goto("about:blank")
                self.free[key].append(page)
        self.taken.clear()


@pytest.fixture(scope="session")
def tabs(chromium):
    return Tabs(chromium)


@pytest.fixture
def fresh_server(tmp_path):
    """A server that nobody has asked anything yet, over an empty store."""
    server = Server(tmp_path).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    """A server for the tests of one module, over an empty store; its runs stay between them."""
    server = Server(tmp_path_factory.mktemp("app")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server for modules that do not mind what others have trained on it; those that do put `module_server` in its place."""
    server = Server(tmp_path_factory.mktemp("app")).start()
    yield server
    server.stop()


@pytest.fixture
def visit(tabs):
    """visit(address, lang="en", **options) → a page as a stranger opens it; at the end no console may have complained."""
    complaints: list[str] = []

    def open_page(address: str, lang: str = "en", **options):
        locale = {"en": "en-US", "zh-TW": "zh-TW"}[lang]
        return tabs.open(address, complaints, **{"viewport": {"width": 1440, "height": 900}, "locale": locale} | options)

    yield open_page
    tabs.leave()
    assert [said for said in complaints if not LOOKING_FOR_ROOT.search(said)] == []
