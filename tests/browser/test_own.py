"""Own data as a visitor brings them: the app's real server, a real upload, a real training, and nothing left after deletion."""

import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from pages.ui.text import said

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


def pictures(count: int = 240) -> bytes:
    """Pictures of 8×8 pixels with a bright row or column for each of two classes."""
    random, stream = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(count):
            values = random.integers(0, 90, (8, 8), np.uint8)
            values[(number // 2) % 8, :] = 255
            one = io.BytesIO()
            Image.fromarray(values if number % 2 else values.T.copy()).save(one, "PNG")
            archive.writestr(f"{'rows' if number % 2 else 'columns'}/{number}.png", one.getvalue())
    return stream.getvalue()


def bring(page, content: bytes, name: str = "lines.zip", lang: str = "en"):
    """The dialog with this file in it, opened on a page that has arrived."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=120_000)
    page.locator(".film canvas[role=img], .st-key-own_door, [data-testid=stHeading]").first.wait_for()
    page.get_by_role("button", name=said(lang, "own.open"), exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
    return dialog


def test_a_zip_is_trained_on_its_link_opens_it_for_others_and_deleting_ends_all_of_it(visit, server):
    page = visit(f"{server.address}/autoencoder")
    dialog = bring(page, pictures())
    expect(dialog).to_contain_text(said("en", "own.found_image", n=240, side=8))
    dialog.locator(".st-key-own_use button").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"dataset=own-i8-192-48-2-[0-9a-f]{32}"))
    page.get_by_role("button", name=said("en", "train.start"), exact=True).click()
    expect(page).to_have_url(re.compile("run=[0-9a-f]{32}"))
    finished = re.compile(said("en", "state.finished").split("{")[0].strip(" :*"))
    expect(page.locator(".st-key-lab_picture")).to_contain_text(finished)

    other = visit(page.url, lang="zh-TW")
    expect(other.locator(".st-key-lab_picture")).to_contain_text(re.compile(said("zh-TW", "own.licence")))
    elsewhere = visit(f"{server.address}/latent")
    elsewhere.locator("[class*='st-key-latent-knob-run'] input").first.wait_for()
    elsewhere.locator("[class*='st-key-latent-knob-run'] input").first.click()
    expect(elsewhere.get_by_role("option").first).to_be_visible()
    assert not any("Own images" in one for one in elsewhere.get_by_role("option").all_inner_texts()), "nobody else sees it listed"

    page.get_by_role("button", name=said("en", "own.open"), exact=True).click()
    page.locator("[class*='st-key-own_delete_0'] button").click()
    expect(page).to_have_url(re.compile("dataset=digits|autoencoder$|autoencoder\\?lang"))
    late = visit(other.url)
    expect(late.locator(".st-key-lab_knobs")).to_contain_text(said("en", "problem.own_left"))
    assert not list((server.store / "runs" / "own").glob("*/*"))


def test_a_table_goes_from_its_columns_to_a_target_of_study_and_a_phone_never_scrolls_sideways(visit, server):
    page = visit(f"{server.address}/autoencoder", viewport={"width": 390, "height": 844})
    random = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{a + b:.3f},{a * b:.3f},{'up' if a > 0 else 'down'}" for a, b in random.normal(size=(150, 2))]
    dialog = bring(page, ("a,b,sum,product,sign\n" + "\n".join(rows)).encode(), "table.csv")
    dialog.get_by_role("button", name=said("en", "own.read_columns")).click()
    expect(dialog).to_contain_text(said("en", "own.found_points", n=150, columns=4))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth")
    dialog.locator(".st-key-own_use button").click()
    expect(page).to_have_url(re.compile("dataset=own-v4-120-30-2-"))


def test_a_hostile_file_is_answered_in_the_visitors_language_and_the_page_goes_on(visit, server):
    page = visit(f"{server.address}/autoencoder", lang="zh-TW")
    stream = io.BytesIO()
    np.save(stream, np.array([{}, 1], object), allow_pickle=True)
    dialog = bring(page, stream.getvalue(), "x<script>alert(1)</script>.npy", "zh-TW")
    expect(dialog.locator(".st-key-own_refused")).to_contain_text(said("zh-TW", "problem.own_objects", name="npy"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=said("zh-TW", "train.start"), exact=True)).to_be_enabled()
