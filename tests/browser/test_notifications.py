"""The notifications page as a visitor meets it: a small world is really fitted and decided on; a file is read or refused."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
expect.set_options(timeout=240_000)  # ms; patience for a busy machine, no measure of anything


def test_a_press_replays_decisions_and_a_budget_moves_them_at_once(visit, server):
    page = visit(f"{server.address}/notifications?part=decide&users=60&days=14&epochs=1")
    page.locator(".st-key-notifications_run button").click()
    expect(page.locator(".st-key-notifications_policies table")).to_be_visible()
    answer = page.locator(".st-key-notifications_answer")
    expect(answer).to_contain_text("30 %")
    page.get_by_role("slider").first.press("ArrowRight")
    expect(page).to_have_url(re.compile("budget=31"))
    expect(page.locator(".st-key-notifications_policy_clicks .js-plotly-plot")).to_be_visible()


def test_a_bad_file_is_refused_in_words_and_a_good_one_shows_its_columns(visit, server):
    page = visit(f"{server.address}/notifications?part=own")
    chooser = page.locator(".st-key-notifications_file input[type=file]")
    chooser.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": b"user,clicked\nann,1\nbob\n"})
    expect(page.get_by_text("Line 3 has 1 cells")).to_be_visible()
    page.locator(".st-key-notifications_file").get_by_role("button", name="Remove").first.click()
    rows = "".join(f"u{place % 9},a{place % 4},{place % 3 == 0:d},5\n" for place in range(300))
    good = f"user,<b>app</b>,clicked,response_time\n{rows}".encode()
    chooser.set_input_files({"name": "good.csv", "mimeType": "text/csv", "buffer": good})
    expect(page.get_by_text("300 rows, 4 columns")).to_be_visible()
    expect(page.get_by_text("known only after the outcome: response_time")).to_be_visible()
    expect(page.locator(".st-key-notifications_fit button")).to_be_enabled()


def test_a_file_of_ones_own_comes_to_its_result_with_nothing_broken(visit, server):
    page = visit(f"{server.address}/notifications?part=own")
    rows = "".join(f"u{place % 40},a{place % 7},{place * place % 5 == 0:d},{place % 24}\n" for place in range(600))
    page.locator(".st-key-notifications_file input[type=file]").set_input_files(
        {"name": "own.csv", "mimeType": "text/csv", "buffer": f"user,app,clicked,hour\n{rows}".encode()}
    )
    page.locator(".st-key-notifications_fit button").click()
    expect(page.locator(".st-key-notifications_download")).to_be_visible()
    expect(page.locator(".st-key-notifications_kept")).to_be_visible()
    assert page.get_by_test_id("stAlert").count() == 0
