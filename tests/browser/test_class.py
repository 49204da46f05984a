"""A teacher and three students in four browsers: the room, its board, what a nickname can do, and what a link locks."""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.lessons.lesson import lessons
from tests.browser.conftest import PATIENCE

expect.set_options(timeout=PATIENCE)
HOSTILE = "<img src=x onerror=a()>"
MARKED = "**Mia** :red[x]"
QUESTION = "How many numbers does a digit need?"


@pytest.fixture(scope="module")
def server(module_server):
    return module_server


def opened_room(teacher, *, choices=""):
    """Open a room by the form; returns the students' link."""
    teacher.get_by_text("Collect the answers on a class board").click()
    expect(teacher.get_by_role("textbox", name="Choices, one on each line")).to_be_visible()
    asked = teacher.get_by_label("Question", exact=True)
    asked.fill(QUESTION)
    asked.press("Tab")
    if choices:
        field = teacher.get_by_role("textbox", name="Choices, one on each line")
        field.fill(choices)
        field.press("Control+Enter")
    teacher.locator(".st-key-teach_open button").first.click()
    link = teacher.locator(".st-key-teach_link code").first
    expect(link).to_contain_text("/s/")
    return link.inner_text().strip()


def to_board(teacher):
    teacher.get_by_role("link", name="To the class board").click()
    expect(teacher.locator(".st-key-board_teacher")).to_be_visible()


def join(student, name):
    field = student.locator(".st-key-class_join_row input")
    field.fill(name)
    student.locator(".st-key-class_join_row button").last.click()
    expect(student.locator(".st-key-class_me")).to_contain_text(name)


def answer(student, number):
    field = student.locator(".st-key-class_answer_row input").first
    field.fill(number)
    student.locator(".st-key-class_answer_row button").last.click()
    expect(student.locator(".st-key-class_given")).to_contain_text(number)


def squeeze(lang):
    """What the lesson's first step asks."""
    return lessons(lang)["squeeze"].steps[0].ask


def test_a_teacher_and_three_students_see_the_board_move(server, visit):
    teacher = visit(f"{server.address}/teach")
    link = opened_room(teacher)
    to_board(teacher)
    board = teacher.locator(".st-key-board_desk")
    expect(board).to_contain_text("0 of 0 have answered")
    students = [visit(link, lang) for lang in ("en", "zh-TW", "en")]
    for n, (student, name, number) in enumerate(zip(students, (HOSTILE, MARKED, "Mia"), ("2", "16", "16")), start=1):
        join(student, name)
        answer(student, number)
        expect(board).to_contain_text(f"{n} of {n} have answered")
        expect(teacher.locator(".st-key-board_names")).to_contain_text(name)
    expect(board).to_contain_text("Median 16, from 2 to 16")
    # a nickname is its letters and nothing else, for everybody
    assert teacher.locator("img[src='x']").count() == 0
    assert teacher.locator(".st-key-board_names strong, .st-key-board_names [style*=color]").count() == 0
    # the teacher hides a participant, then covers the answers
    expect(teacher.locator(".st-key-board_answers .js-plotly-plot .main-svg").first).to_be_visible()
    people = teacher.locator(".st-key-board_hide")
    people.get_by_text("Hidden people").first.click()
    expect(people.get_by_role("button", name=MARKED)).to_be_visible()
    people.get_by_role("button", name=HOSTILE).click()
    expect(teacher.locator(".st-key-board_names")).not_to_contain_text(HOSTILE)
    expect(board).to_contain_text("2 of 2 have answered")
    # who comes now joins the list, and it stays unfolded
    join(visit(link), "Late")
    expect(people.get_by_role("button", name="Late")).to_be_visible()
    expect(board).to_contain_text("2 of 3 have answered")
    teacher.get_by_text("Not now").click()
    expect(board).to_contain_text("Your teacher shows the answers later.")
    expect(teacher.locator(".st-key-board_answers .js-plotly-plot")).to_have_count(0)
    teacher.get_by_text("As they arrive").click()
    expect(teacher.locator(".st-key-board_answers .js-plotly-plot")).to_be_visible()
    # a closed room takes no more, and its board stays
    teacher.locator(".st-key-board_close button").first.click()
    expect(students[2].locator(".st-key-class_bar")).to_contain_text("The room is closed")
    expect(board).to_contain_text("2 of 3 have answered")


def test_a_guess_in_a_lesson_and_the_run_that_it_starts_come_to_the_board_and_the_projector_shows_both_large(server, visit):
    teacher = visit(f"{server.address}/teach")
    opened_room(teacher)
    to_board(teacher)
    expect(teacher.locator(".st-key-board_runs")).to_contain_text("Runs that somebody in the room trains")
    code = re.search(r"room=(\w{6})", teacher.url)[1]
    step, ask = "lesson=squeeze&step=1&dataset=digits&variant=undercomplete&code_size=2&epochs=60", squeeze("en")
    student = visit(f"{server.address}/autoencoder?{step}&room={code}")
    join(student, "Ann")
    student.locator(".st-key-guide").get_by_text(ask.labels["half"]).click()
    student.locator(".st-key-guide_go button").click()
    expect(teacher.locator(".st-key-board_rows")).to_contain_text(re.compile(r"code size 2:\s+\d\.\d+\s+·\s+Ann"))
    wall = visit(f"{server.address}/board?room={code}&view=projector", "zh-TW")
    expect(wall.locator(".st-key-board_rows")).to_contain_text("Ann")
    wall.locator(".st-key-board-question input").click()
    wall.get_by_role("option", name=squeeze("zh-TW").question).click()
    expect(wall.locator(".st-key-board_asked")).to_contain_text(squeeze("zh-TW").question)
    expect(wall.locator(".st-key-board_answers")).to_contain_text(squeeze("zh-TW").labels["half"][:4])
    expect(wall.locator(".st-key-board_names")).to_contain_text("✓ Ann")
    expect(wall.locator(".st-key-board_projector img.qr")).to_be_visible()
    expect(wall.locator("[data-testid=stHeader]")).to_be_hidden()
    assert wall.locator(".st-key-board_teacher").count() == 0
    size = wall.locator(".st-key-board_asked [data-testid=stText]").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert size >= 28


def test_choices_are_literal_and_a_reload_makes_no_second_participant(server, visit):
    teacher = visit(f"{server.address}/teach")
    link = opened_room(teacher, choices="**bold**\n<b>tag</b>\n$x$")
    to_board(teacher)
    student = visit(link)
    join(student, "Bo")
    form = student.locator(".st-key-class_answer_row")
    for words in ("**bold**", "<b>tag</b>", "$x$"):
        expect(form).to_contain_text(words)
    form.get_by_text("<b>tag</b>").click()
    form.locator("button").last.click()
    expect(student.locator(".st-key-class_given")).to_contain_text("<b>tag</b>")
    expect(teacher.locator(".st-key-board_desk")).to_contain_text("1 of 1 have answered")
    student.reload()
    expect(student.locator(".st-key-class_me")).to_contain_text("Bo")
    expect(student.locator(".st-key-class_given")).to_contain_text("<b>tag</b>")
    expect(teacher.locator(".st-key-board_names")).to_contain_text("1 here")


def test_a_teachers_link_locks_and_the_shared_link_opens_the_same(server, visit):
    page = visit(f"{server.address}/autoencoder?code_size=4&teach=lock:code_size;hide:sparsity;q:What is lost?")
    expect(page.locator(".st-key-class_bar")).to_contain_text("What is lost?")
    expect(page.locator(".st-key-knob-code_size input")).to_be_disabled()
    assert page.locator(".st-key-knob-sparsity").count() == 0
    page.locator(".st-key-share button").first.click()
    page.locator(".st-key-share_shorten button").first.click()
    expect(page.locator(".st-key-share_box img.qr")).to_be_visible()
    short = page.locator(".st-key-share_box code").nth(1).inner_text().strip()
    other = visit(short, "zh-TW")
    expect(other.locator(".st-key-class_bar")).to_contain_text("What is lost?")
    expect(other.locator(".st-key-knob-code_size input")).to_have_value("4")
    assert "code_size=4" in other.url


def test_an_embedded_page_shows_the_page_alone(server, visit):
    page = visit(f"{server.address}/autoencoder?embed=true")
    expect(page.locator(".st-key-lab")).to_be_visible()
    expect(page.locator("[data-testid=stHeader]")).to_be_hidden()
    assert page.locator(".st-key-share").count() == 0
