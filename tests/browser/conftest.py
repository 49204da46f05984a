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
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# On a deep link Streamlit's page looks for its root below the page's own path first, and finds nothing there.
LOOKING_FOR_ROOT = re.compile(r"404 .*'url': '[^']*/_stcore/(health|host-config)'")
QUIET = [
    "--server.address=127.0.0.1",
    "--server.headless=true",
    "--browser.gatherUsageStats=false",
    "--server.fileWatcherType=none",
]
PATIENCE = 120_000  # ms; long, since the machine may be busy: nothing here measures time


@dataclass
class Server:
    """The app as `streamlit run app.py` serves it; `stop` and `start` make a fresh server over the same store."""

    store: Path
    port: int = 0
    process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        self.port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={self.port}", "--server.address=127.0.0.1"]
        with (self.store / "server.log").open("ab") as log:
            environment = {**os.environ, "REPLEARN_STORE": str(self.store / "runs")}
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
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_for(true, seconds: float = 30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def page_of(context_with):
    """page_of(base, address, allow="", **options) → a page; at the end no console may have complained but of what was allowed.

    Nothing may be asked of any other server than `base`.
    """
    pages, complaints = [], []
    allowed = ["willReadFrequently"]  # the readings of these tests, not of the component

    def open_page(base: str, address: str, allow: str = "", **options):
        if allow:
            allowed.append(allow)
        page = context_with(options).new_page()
        pages.append(page)
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(f"{said.text} {said.location}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith((base, "data:", "blob:")) or complaints.append(request.url))
        page.goto(address)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert [text for text in complaints if not any(re.search(pattern, text) for pattern in allowed)] == []


@pytest.fixture(scope="session")
def chromium():
    """The browser; skips where there is none, fails where REPLEARN_REQUIRE names it."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context_with(chromium):
    """context_with(options) → one context for each set of options, so that Streamlit's own scripts are fetched once."""
    contexts = {}

    def get(options):
        key = json.dumps(options, sort_keys=True)
        if key not in contexts:
            contexts[key] = chromium.new_context(**options)
        return contexts[key]

    yield get
    for context in contexts.values():
        context.close()


@pytest.fixture
def fresh_server(tmp_path):
    """A server that nobody has asked anything yet, over an empty store."""
    server = Server(tmp_path).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for the tests of a module; its runs stay between them."""
    server = Server(tmp_path_factory.mktemp("app")).start()
    yield server
    server.stop()


@pytest.fixture
def visit(chromium):
    """visit(address, lang="en", **options) → a page in a context of its own; at the end no console may have complained."""
    contexts, complaints = [], []

    def open_page(address: str, lang: str = "en", **options):
        locale = {"en": "en-US", "zh-TW": "zh-TW"}[lang]
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": locale} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: said.type == "error" and complaints.append(f"{said.text} {said.location}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [said for said in complaints if not LOOKING_FOR_ROOT.search(said)] == []
