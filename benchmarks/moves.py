"""What a student waits for between pages: home complete in a cold browser, a move between visited pages, a lesson's step.

Method: the app's real server, started by the README's command over an empty store, and a real Chromium. "Home" is from the
navigation of a browser context without any cache to the map's last picture, the film's canvas and a resting script, the server
being up and asked once before. A "move" is from a click in the menu to the other page's title, both pages having been visited, by
turns among three. A "lesson's step" is from a press of the link to the next step to that step's heading. Both by the page's own
clock, from the event's time stamp to the frame after the words are there: the driver's waits do not count. Nothing is asserted.
"""

import os
import statistics
import time

from live import ADDRESS, Server, measured
from playwright.sync_api import Locator, Page

from pages.ui.lessons.lesson import lessons
from pages.ui.text import said
from side_by_side import spread, verdict

LESSON, TURNS, HOMES = "squeeze", 3, 4
PAGES = ("lessons", "autoencoder", "latent")  # those that stand in the menu itself
WATCH = """([place, words]) => {
  window.labSeen = new Promise((done) => {
    let began = null;
    document.addEventListener("click", (event) => { began = event.timeStamp; }, { capture: true, once: true });
    const look = () => {
      const there = [...document.querySelectorAll(place)].some((one) => one.checkVisibility() && one.textContent.includes(words));
      requestAnimationFrame(began !== null && there ? () => done((performance.now() - began) / 1000) : look);
    };
    look();
  });
}"""


def main() -> None:
    measured("Between pages", measure)


def measure(browser, _: Server) -> list[list[str]]:
    time.sleep(6)  # workers have warmed up
    homes = [home(browser) for _ in range(HOMES + 1)][1:]
    page = opened(browser)
    page.goto(f"{ADDRESS}/?lang=en")
    for name in PAGES:
        move(page, name)
    moves = [move(page, name) for _ in range(TURNS) for name in PAGES]
    steps = [seconds for _ in range(TURNS) for seconds in lesson(page)]
    return [
        [f"home complete, cold browser, s ({HOMES} times)", spread(homes), verdict(statistics.median(homes), "below", 3)],
        [f"a move between visited pages, s ({len(moves)} times)", spread(moves), verdict(statistics.median(moves), "below", 0.5)],
        [f"a lesson's step, s ({len(steps)} times)", spread(steps), verdict(statistics.median(steps), "below", 0.3)],
    ]


def opened(browser) -> Page:
    page = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US").new_page()
    page.set_default_timeout(30_000)
    return page


def resting(page: Page) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def home(browser) -> float:
    page = opened(browser)
    began = time.perf_counter()
    page.goto(f"{ADDRESS}/?lang=en")
    page.locator(".film canvas[role=img]").first.wait_for()
    page.locator(".moving").last.wait_for(state="attached")
    resting(page)
    seconds = time.perf_counter() - began
    page.context.close()
    return seconds


def seen(page: Page, link: Locator, place: str, words: str) -> float:
    """Seconds from a press of the link to these words in that place."""
    page.evaluate(WATCH, [place, words])
    link.click()
    seconds = page.evaluate("window.labSeen")
    resting(page)
    return seconds


def move(page: Page, name: str) -> float:
    link = page.get_by_role("navigation").get_by_role("link", name=said("en", f"{name}.nav"), exact=True)
    return seen(page, link, "h1", said("en", f"{name}.title"))


def lesson(page: Page) -> list[float]:
    """To each next step of a lesson on one page, without a guess."""
    one = lessons("en")[LESSON]
    knobs = "&".join(f"{name}={value}" for name, value in one.steps[0].knobs.items())
    page.goto(f"{ADDRESS}/autoencoder?lang=en&lesson={LESSON}&step=1&{knobs}")
    page.locator(".st-key-guide").get_by_role("heading", name=one.steps[0].title).wait_for()
    resting(page)
    forward = ":is(.st-key-guide_next, .st-key-guide_skip) a:visible"
    return [
        seen(page, page.locator(f'{forward}[href*="step={n}"]'), ".st-key-guide :is(h2, h3)", step.title)
        for n, step in enumerate(one.steps[1:], 2)
    ]


if __name__ == "__main__":
    os.environ.setdefault("REPLEARN_WARM", "1")
    main()
