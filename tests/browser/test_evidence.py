"""The evidence page as a visitor meets it: a filter in the address, an experiment one press away, a table, a phone."""

import csv
import io

import pytest
from playwright.sync_api import expect

from pages.ui.evidence import told
from pages.ui.text import said
from replearn_core import claims

pytestmark = pytest.mark.browser
expect.set_options(timeout=120_000)  # ms; patience for a busy machine, no measure of anything


def test_a_verdict_is_chosen_kept_in_the_address_and_its_table_downloaded(visit, server):
    page = visit(f"{server.address}/evidence")
    cards = page.locator("[class*='st-key-evidence_C']")
    expect(cards).to_have_count(26)
    partly = [claim for claim in claims.LECTURE if told.verdict_of(claim) == "partly"]
    page.get_by_role("radio", name=said("en", "evidence.verdict.partly")).click()
    expect(cards).to_have_count(len(partly))
    page.wait_for_url("**verdict=partly**")
    with page.expect_download() as download:
        page.locator(".st-key-evidence_csv button").click()
    content = download.value.path().read_text("utf-8-sig")
    assert {row[0] for row in list(csv.reader(io.StringIO(content)))[1:]} == set(partly)
    page.reload()
    expect(cards).to_have_count(len(partly))


def test_a_claims_experiment_opens_in_the_lab_with_its_preset(visit, server):
    page = visit(f"{server.address}/evidence?verdict={told.verdict_of('C9')}", lang="zh-TW")
    card = page.locator(".st-key-evidence_C9")
    expect(card.locator(".evidence-strip")).to_have_count(len(claims.CLAIMS["C9"]))
    card.get_by_role("link").click()
    page.wait_for_url("**/autoencoder?**variant=undercomplete**")


def test_a_phone_reads_every_comparison_without_scrolling_sideways(visit, server):
    page = visit(f"{server.address}/evidence", viewport={"width": 390, "height": 844})
    strip = page.locator(".evidence-strip").first
    expect(strip).to_be_visible()
    box = strip.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
