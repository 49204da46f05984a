"""The latent canvas: pictures a second while panning, zooming and decoding with 10,000 points, bytes, and the first map.

Method: `tests/browser/latent_app.py` serves 10,000 made-up points (28×28 pictures, a 784-256-32 network) to a real Chromium
without a graphics card, as the tests run it. Each animation frame gets one pointer event; counted are the pictures that were
drawn, not the events. A screen refreshes 60 times a second here, so no more can be reached. The first map is the app's own, on a
fresh store. Nothing is asserted here.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from side_by_side import machine, spread, table, verdict

ROOT = Path(__file__).resolve().parents[1]
PORT = int(os.environ.get("PORT") or 8598)
ADDRESS, APP = f"http://127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT + 1}"  # the canvas alone; the whole app
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
ROUNDS, SECONDS, STARTS = 5, 3, 3
POINTS, PICTURE = 10_000, 28 * 28
QUERY = "maps=large&points=points-large&run=large"
# One event a frame; returns [points drawn a second, decoded pictures a second, ms of work for each].
DRIVE = """async (canvas, [seconds, how]) => {
  const own = CanvasRenderingContext2D.prototype, {putImageData, drawImage} = own;
  let points = 0, decoded = 0;
  own.putImageData = function (...all) { if (this.canvas.matches('.points')) points++; return putImageData.apply(this, all); };
  own.drawImage = function (...all) { if (this.canvas.closest('.decoded')) decoded++; return drawImage.apply(this, all); };
  const work = [], ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (act) => ask((now) => {
    const [before, drawn] = [performance.now(), points + decoded];
    act(now);
    if (points + decoded > drawn) work.push(performance.now() - before);
  });
  const {left, top, width, height} = canvas.getBoundingClientRect();
  const event = (kind, x, y, more) => canvas.dispatchEvent(
    new PointerEvent(kind, {clientX: left + x, clientY: top + y, pointerId: 1, pointerType: 'mouse', bubbles: true, ...more}));
  canvas.setPointerCapture = () => {};  // made-up pointers cannot be captured
  const frame = () => new Promise(requestAnimationFrame);
  if (how === 'pan') event('pointerdown', width / 2, height / 2);
  await frame();
  const began = performance.now();
  for (let i = 0; performance.now() - began < 1000 * seconds; i++) {
    const [x, y] = [width * (0.5 + 0.3 * Math.sin(i / 20)), height * (0.5 + 0.3 * Math.cos(i / 27))];
    if (how === 'zoom') canvas.dispatchEvent(new WheelEvent('wheel',
      {clientX: left + x, clientY: top + y, deltaY: 30 * Math.sin(i / 15), cancelable: true}));
    else event('pointermove', x, y);
    await frame();
  }
  const time = (performance.now() - began) / 1000;
  if (how === 'pan') event('pointerup', width / 2, height / 2);
  Object.assign(own, {putImageData, drawImage});
  window.requestAnimationFrame = ask;
  return [points / time, decoded / time, work.sort((a, b) => a - b)[work.length >> 1]];
}"""


def main() -> None:
    command = [sys.executable, "-m", "streamlit", "run", "latent_app.py", f"--server.port={PORT}", "--server.address=127.0.0.1"]
    quiet = ["--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    process = subprocess.Popen(
        [*command, *quiet],
        cwd=ROOT / "tests" / "browser",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not healthy():
            if process.poll() is not None:
                sys.exit(f"the server ended with {process.returncode}; is port {PORT} taken? PORT= chooses another")
            time.sleep(0.1)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            rows = measure(browser.new_page(viewport={"width": 1366, "height": 900}))
            rows += first_maps(browser)
            browser.close()
    finally:
        process.terminate()
        process.wait(30)
    print(f"\n### The latent canvas\n\n{machine()}.\n")
    print(table(["what", "median (minimum–maximum)", "promise"], rows))


def first_maps(browser: Browser) -> list[list[str]]:
    """Seconds until a server that has just started shows its first visitor the maps of a run: link, press, picture."""
    answered, shown = [], []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as store:
            began = time.monotonic()
            server = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={PORT + 1}", "--server.address=127.0.0.1"],
                cwd=ROOT,
                env={**os.environ, "REPLEARN_STORE": store},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                while not healthy(f"{APP}/_stcore/health"):
                    time.sleep(0.05)
                answered.append(time.monotonic() - began)
                page = browser.new_page(viewport={"width": 1366, "height": 900}, locale="en-US")
                page.set_default_timeout(120_000)
                page.goto(f"{APP}/latent?lang=en")
                page.locator(".st-key-latent_draw button").click()
                page.locator(".latent .map .caption").get_by_text(" points").nth(1).wait_for()
                shown.append(time.monotonic() - began - answered[-1])
                page.close()
            finally:
                server.terminate()
                server.wait(30)
    middle = statistics.median(shown)
    return [
        ["a server's start until it answers, seconds", spread(answered, 1), ""],
        [
            "… from then until its first visitor has two maps, seconds",
            spread(shown, 1),
            verdict(middle, "below", 5),
        ],
    ]


def healthy(address: str = f"{ADDRESS}/api/test/counts") -> bool:
    try:
        return urllib.request.urlopen(address, timeout=1).status == 200
    except OSError:
        return False


def measure(page: Page) -> list[list[str]]:
    page.set_default_timeout(120_000)
    canvas = opened(page)
    moved = {how: driven(canvas, how) for how in ("pan", "zoom")}
    page.get_by_role("button", name="Decode under the pointer").click()
    page.get_by_role("button", name="Decode under the pointer", pressed=True).wait_for()
    canvas.hover()
    page.locator(".tooltip .decoded").wait_for()
    hovered = driven(canvas, "hover")
    weights = json.loads(urllib.request.urlopen(f"{ADDRESS}/api/test/counts").read())["sent"]
    return [
        *[
            [f"pictures a second: {how}", spread(found["points"], 1), promised(found["points"], 60)]
            for how, found in moved.items()
        ],
        *[[f"… work for one of them, ms: {how}", spread(found["work"], 1), ""] for how, found in moved.items()],
        ["decoded pictures a second (784-256-32, interpolated)", spread(hovered["decoded"], 1), promised(hovered["decoded"], 30)],
        ["… work for one of them, ms", spread(hovered["work"], 1), ""],
        *payload(weights),
    ]


def opened(page: Page) -> Locator:
    page.goto(f"{ADDRESS}/?{QUERY}")
    page.locator(".map .caption").get_by_text(f"{POINTS:,} points").wait_for()
    page.locator(".classes .class").first.wait_for()
    return page.locator(".over").first


def driven(canvas: Locator, how: str) -> dict[str, list[float]]:
    """Round by round after one that warms up: maps drawn a second, decoded pictures a second, ms of work for one (median)."""
    canvas.evaluate(DRIVE, [1, how])
    rounds = [canvas.evaluate(DRIVE, [SECONDS, how]) for _ in range(ROUNDS)]
    return {name: [one[place] for one in rounds] for place, name in enumerate(("points", "decoded", "work"))}


def promised(values: list[float], least: float) -> str:
    return verdict(statistics.median(values), "at least", 0.98 * least)


def payload(sent: dict[str, int]) -> list[list[str]]:
    columns = next(size for name, size in sent.items() if name.startswith("points-large") and "images" in name) - POINTS * PICTURE
    places = next(size for name, size in sent.items() if name.startswith("large?"))
    codes = next(size for name, size in sent.items() if name.endswith("?codes"))
    return [
        [
            f"map of {POINTS:,} points with its columns, kB",
            f"{(columns + places) / 1000:.0f}",
            verdict((columns + places) / 1000, "below", 400),
        ],
        ["their pictures, kB", f"{POINTS * PICTURE / 1000:,.0f}", ""],
        ["for decoding: codes and weights, kB", f"{codes / 1000:,.0f} and {sent['weights large'] / 1000:,.0f}", ""],
    ]


if __name__ == "__main__":
    main()
