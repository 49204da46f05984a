"""Class rooms: who is in, what counts, what is refused, and that nothing of a stranger's text does harm."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core import database, rooms
from replearn_core import room_values as values
from replearn_core.links import LETTERS, LinkRefused, Links
from replearn_core.room_values import RoomRefused
from replearn_core.rooms import Rooms

ASKED = values.question("How many numbers does a digit need?", low=1, high=64)
RUN = "0" * 31


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(tmp_path):
    made = database.connect(f"sqlite:///{tmp_path / 'class.sqlite'}")
    yield made
    made.dispose()


@pytest.fixture
def kept(engine, clock):
    return Rooms(engine, clock)


def refused(what) -> str:
    with pytest.raises(RoomRefused) as error:
        what()
    return error.value.problem.key


def joined(kept, code, *names):
    return [kept.join(code, name) for name in names]


def test_answers_of_all_are_on_the_board_and_a_changed_one_counts_once(kept):
    room = kept.open(ASKED)
    one, two = joined(kept, room.code, "Ann", "Bo")
    kept.answer(room.code, one.token, "q1", 2.0)
    kept.answer(room.code, two.token, "q1", 16.0)
    kept.answer(room.code, one.token, "q1", 3.0)
    board = kept.board(room.code)
    assert dict(board.answers["q1"]) == {one.number: 3.0, two.number: 16.0}
    assert list(board.names.values()) == ["Ann", "Bo"] and kept.answer_of(room.code, one.token, "q1") == 3.0


def test_answers_are_covered_until_all_have_answered_or_the_teacher_shows_them(kept):
    room = kept.open(ASKED)
    one, two = joined(kept, room.code, "Ann", "Bo")
    kept.answer(room.code, one.token, "q1", 2.0)
    assert kept.board(room.code).visible("q1")
    kept.show(room.code, room.secret, "all")
    assert not kept.board(room.code).visible("q1")
    kept.answer(room.code, two.token, "q1", 2.0)
    assert kept.board(room.code).visible("q1")
    kept.show(room.code, room.secret, "hidden")
    assert not kept.board(room.code).visible("q1")


def test_the_next_question_leaves_the_answers_before_it(kept):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    kept.answer(room.code, one.token, "q1", 2.0)
    kept.ask(room.code, room.secret, values.question("Which blurs first?", ("7", "8")))
    kept.answer(room.code, one.token, "q2", "8")
    board = kept.board(room.code)
    assert board.room.question_id == "q2" and set(board.answers) == {"q1", "q2"}
    assert refused(lambda: kept.answer(room.code, one.token, "q2", "9")) == "problem.room_bad_answer"


@pytest.mark.parametrize("value", [0.0, 65.0, float("nan"), float("inf"), "2", True])
def test_an_answer_that_the_question_does_not_allow_is_refused(kept, value):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    assert refused(lambda: kept.answer(room.code, one.token, "q1", value)) == "problem.room_bad_answer"


@pytest.mark.parametrize("question", ["q2", "q0", "q", "", "lesson", "LESSON:a:1", "lesson:" + "a" * 90, "q1; drop table"])
def test_a_question_that_nobody_asked_takes_no_answer(kept, question):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    assert refused(lambda: kept.answer(room.code, one.token, question, 2.0)) == "problem.room_no_question"


def test_a_lessons_guess_goes_to_the_room_as_well(kept):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    kept.answer(room.code, one.token, "lesson:noise:2", "lower")
    assert dict(kept.board(room.code).answers["lesson:noise:2"]) == {one.number: "lower"}


# ---- who ----


def test_equal_nicknames_are_numbered(kept):
    room = kept.open(ASKED)
    assert [one.name for one in joined(kept, room.code, "Mia", "mia", "Mia", "Mia 2")] == ["Mia", "mia 2", "Mia 3", "Mia 2 2"]


@given(st.text(max_size=200))
def test_a_nickname_is_one_short_line_that_can_be_seen_or_is_refused(typed):
    try:
        name = values.nickname(typed)
    except RoomRefused:
        return
    assert 0 < len(name) <= values.MOST_NAME and name.isprintable() and "\n" not in name
    assert values.nickname(name) == name


@pytest.mark.parametrize("typed", ["", "   ", "\u202e\u202d", "\u200b\u200b", "\x00\x07", "\u0301\u0301"])
def test_a_nickname_that_nobody_can_see_is_refused(kept, typed):
    room = kept.open(ASKED)
    assert refused(lambda: kept.join(room.code, typed)) == "problem.nickname_empty"


def test_directions_control_characters_and_piles_of_accents_leave_a_nickname():
    assert values.nickname("a\u202egpj.exe\u0007") == "agpj.exe"
    assert values.nickname("x" + "\u0301" * 40 + "\u20e3" * 9) == "x\u0301\u0301"
    assert values.nickname("<img src=x onerror=a()>") == "<img src=x onerror=a()>"


def test_a_room_holds_so_many_and_no_more_and_a_hidden_one_makes_room(kept, clock):
    room = kept.open(ASKED)
    members = joined(kept, room.code, *(f"s{i}" for i in range(values.MOST_MEMBERS)))
    assert refused(lambda: kept.join(room.code, "late")) == "problem.room_full"
    kept.answer(room.code, members[3].token, "q1", 2.0)
    kept.hide(room.code, room.secret, frozenset({members[3].number}))
    kept.join(room.code, "late")
    board = kept.board(room.code)
    assert members[3].number not in board.names and "q1" not in board.answers
    assert board.hidden == {members[3].number: "s3"} and kept.member(room.code, members[3].token) is None
    assert refused(lambda: kept.answer(room.code, members[3].token, "q1", 2.0)) == "problem.room_not_joined"


def test_only_the_secret_lets_anyone_act_as_the_teacher(kept):
    room = kept.open(ASKED)
    assert kept.is_teacher(room.code, room.secret) and not kept.is_teacher(room.code, "guess")
    for act in (
        lambda: kept.close(room.code, "guess"),
        lambda: kept.show(room.code, "guess", "hidden"),
        lambda: kept.hide(room.code, "guess", frozenset({1})),
        lambda: kept.ask(room.code, "guess", ASKED),
        lambda: kept.lead(room.code, "guess", "abc"),
    ):
        assert refused(act) == "problem.room_not_teacher"
    assert not kept.room(room.code).closed


def test_secrets_and_tokens_are_kept_as_hashes_only(kept, engine):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    with engine.connect() as connection:
        rows = [repr(row) for table in (rooms.ROOMS, rooms.MEMBERS) for row in connection.execute(table.select())]
    assert len(rows) == 2 and not any(room.secret in row or one.token in row for row in rows)


def test_a_closed_room_takes_nobody_and_nothing_and_can_still_be_read(kept):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    kept.answer(room.code, one.token, "q1", 2.0)
    kept.close(room.code, room.secret)
    assert refused(lambda: kept.join(room.code, "Bo")) == "problem.room_closed"
    assert refused(lambda: kept.answer(room.code, one.token, "q1", 3.0)) == "problem.room_closed"
    assert len(kept.board(room.code).answers["q1"]) == 1


# ---- limits ----


def test_a_flood_from_one_participant_is_refused_and_the_others_go_on(kept, clock):
    room = kept.open(ASKED)
    one, two = joined(kept, room.code, "Ann", "Bo")
    said = []
    for i in range(50):
        try:
            kept.answer(room.code, one.token, "q1", 1.0 + i)
        except RoomRefused as error:
            said.append(error.problem.key)
    assert len(said) == 50 - rooms.MEMBER_PACE[0] and set(said) == {"problem.room_too_fast"}
    kept.answer(room.code, two.token, "q1", 5.0)
    clock.now += 2 / rooms.MEMBER_PACE[1]
    kept.answer(room.code, one.token, "q1", 9.0)
    assert sorted(kept.board(room.code).answers["q1"].values()) == [5.0, 9.0]


def test_a_clock_that_is_set_back_locks_nobody_out(kept, clock):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    for _ in range(rooms.MEMBER_PACE[0]):
        kept.answer(room.code, one.token, "q1", 1.0)
    clock.now -= 5
    assert refused(lambda: kept.answer(room.code, one.token, "q1", 2.0)) == "problem.room_too_fast", "servers' clocks differ"
    clock.now -= 3_600
    kept.answer(room.code, one.token, "q1", 3.0)
    assert kept.board(room.code).answers["q1"] == {one.number: 3.0}


def test_a_room_that_all_flood_says_so_and_stays_readable(kept):
    room = kept.open(ASKED)
    members = joined(kept, room.code, *(f"s{i}" for i in range(50)))
    said = set()
    for _ in range(rooms.MEMBER_PACE[0]):
        for one in members:
            try:
                kept.answer(room.code, one.token, "q1", 2.0)
            except RoomRefused as error:
                said.add(error.problem.key)
    assert said == {"problem.room_flooded"}
    assert len(kept.board(room.code).answers["q1"]) == 50


def test_a_participant_answers_a_stated_number_of_questions(kept, clock):
    room = kept.open(ASKED)
    (one,) = joined(kept, room.code, "Ann")
    for i in range(values.MOST_ANSWERS):
        clock.now += 3
        kept.answer(room.code, one.token, f"lesson:a:{i}", 1.0)
    clock.now += 60
    assert refused(lambda: kept.answer(room.code, one.token, "lesson:b:1", 1.0)) == "problem.room_answers"


def test_a_room_that_is_over_is_as_if_it_had_never_been_and_leaves_no_nickname(kept, clock, engine):
    room = kept.open(ASKED, hours=1)
    (one,) = joined(kept, room.code, "Ann")
    kept.answer(room.code, one.token, "q1", 2.0)
    kept.ran(room.code, one.token, RUN, "digits", 4)
    clock.now += 3_601
    assert refused(lambda: kept.board(room.code)) == "problem.unknown_room"
    kept.sweep(at_once=True)
    with engine.connect() as connection:
        left = [table.name for table in (rooms.ROOMS, *rooms._PARTS) if connection.execute(table.select()).first()]
    assert left == []


def test_no_room_lasts_longer_than_a_day(kept, clock):
    assert kept.room(kept.open(ASKED, hours=10_000).code).until == clock.now + 24 * 3600


@given(st.text(max_size=60))
def test_whatever_is_typed_as_a_code_is_a_code_or_an_unknown_room(typed):
    try:
        code = values.read_code(typed)
    except RoomRefused as error:
        assert error.problem.key == "problem.unknown_room"
    else:
        assert len(code) == values.CODE_LENGTH and set(code) <= set(values.CODE_LETTERS)


def test_codes_are_read_as_people_write_them():
    assert values.read_code(" h3t-gnp ") == "H3TGNP"


@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=9), st.floats(), st.floats())
def test_a_question_is_plain_and_bounded_or_refused(text, choices, low, high):
    try:
        found = values.question(text, tuple(choices), low, high)
    except RoomRefused:
        return
    assert 0 < len(found.text) <= values.MOST_TEXT and found.text.isprintable()
    assert len(found.choices) in (0, *range(2, values.MOST_CHOICES + 1)) and values.Question.from_json(found.as_json()) == found


def test_forty_who_answer_at_the_same_moment_are_all_counted(kept):
    room = kept.open(ASKED)
    members = joined(kept, room.code, *(f"s{i}" for i in range(40)))
    failed = []

    def answer(one):
        try:
            kept.answer(room.code, one.token, "q1", 2.0)
        except RoomRefused as error:
            failed.append(error.problem)

    threads = [threading.Thread(target=answer, args=(one,)) for one in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == [] and len(kept.board(room.code).answers["q1"]) == 40


# ---- runs ----


def test_what_came_of_a_run_is_read_from_the_run_and_the_best_at_each_size_stands(kept):
    room = kept.open(ASKED)
    one, two = joined(kept, room.code, "Ann", "Bo")
    errors = {f"{i:032x}": error for i, error in enumerate((0.9, 0.7, 0.4, None))}
    for run, who, size in zip(errors, (one, two, one, two), (4, 4, 16, 16)):
        kept.ran(room.code, who.token, run, "digits", size)
    kept.settle(room.code, lambda run: (False, None))
    assert kept.board(room.code).going == 4
    kept.settle(room.code, lambda run: (True, errors[run]))
    board = kept.board(room.code)
    assert board.going == 0 and {size: (run.error, run.member) for size, run in board.best("digits").items()} == {
        4: (0.7, two.number),
        16: (0.4, one.number),
    }
    assert board.best("mnist") == {}


def test_one_run_of_two_participants_counts_for_both_and_once_for_each(kept):
    room = kept.open(ASKED)
    one, two = joined(kept, room.code, "Ann", "Bo")
    for who in (one, two, one):
        kept.ran(room.code, who.token, RUN, "digits", 4)
    kept.settle(room.code, lambda run: (True, 0.5))
    assert [run.member for run in kept.board(room.code).runs] == [one.number, two.number]


def test_rooms_of_servers_that_share_a_postgresql_are_the_same(postgres):
    url = postgres.database()
    engines = [database.connect(url) for _ in range(2)]
    first, second = map(Rooms, engines)
    room = first.open(ASKED)
    (one,) = joined(second, room.code, "Ann")
    second.answer(room.code, one.token, "q1", 2.0)
    assert dict(first.board(room.code).answers["q1"]) == {1: 2.0}
    links = [Links(engine) for engine in engines]
    code = links[0].make("autoencoder", f"room={room.code}")
    assert links[1].follow(code) == ("autoencoder", f"room={room.code}")
    for engine in engines:
        engine.dispose()


def test_a_database_that_is_gone_is_told_and_nothing_else_is_raised(engine, kept):
    room = kept.open(ASKED)
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table room_members_1")
    assert refused(lambda: kept.board(room.code)) == "problem.room_unreachable"


# ---- short links ----


def test_a_short_link_leads_back_to_what_it_was_made_of_and_is_made_once(engine):
    links = Links(engine)
    code = links.make("autoencoder", "code_size=4&teach=lock:epochs")
    assert links.follow(code) == ("autoencoder", "code_size=4&teach=lock:epochs")
    assert links.make("autoencoder", "code_size=4&teach=lock:epochs") == code and set(code) <= set(LETTERS)


@pytest.mark.parametrize(
    ("page", "query"),
    [("../etc", ""), ("//evil.example", ""), ("http:", ""), ("", "a=b\r\nLocation: x"), ("", "a=<b>"), ("", "a=" + "b" * 5_000)],
)
def test_a_short_link_leads_nowhere_but_to_a_page_of_this_app(engine, page, query):
    with pytest.raises(LinkRefused):
        Links(engine).make(page, query)


@given(code=st.text(max_size=20))
def test_an_unknown_code_is_told(code):
    links = Links(database.in_memory())
    with pytest.raises(LinkRefused) as error:
        links.follow(code)
    assert error.value.problem.key == "problem.link_unknown"


def test_too_many_links_push_out_the_least_recently_used(engine, clock):
    links = Links(engine, most=3, now=clock)
    codes = []
    for i in range(3):
        clock.now += 100
        codes.append(links.make("", f"a={i}"))
    clock.now += 100
    links.follow(codes[0])
    clock.now += 100
    codes.append(links.make("", "a=3"))
    assert [links.follow(code)[1] for code in (codes[0], codes[2], codes[3])] == ["a=0", "a=2", "a=3"]
    with pytest.raises(LinkRefused):
        links.follow(codes[1])


def test_a_flood_of_links_is_refused(engine, clock, monkeypatch):
    monkeypatch.setattr("replearn_core.links.MOST_EACH_HOUR", 5)
    links = Links(engine, now=clock)
    for i in range(5):
        links.make("", f"a={i}")
    with pytest.raises(LinkRefused) as error:
        links.make("", "a=more")
    assert error.value.problem.key == "problem.link_flooded" and links.make("", "a=3")


def test_rooms_that_nobody_came_into_make_room_after_an_hour_and_a_class_stays(kept, clock, monkeypatch):
    monkeypatch.setattr(rooms, "MOST_ROOMS", 3)
    taught = kept.open(ASKED)
    kept.join(taught.code, "Ann")
    empty = [kept.open(ASKED).code for _ in range(2)]
    assert refused(lambda: kept.open(ASKED)) == "problem.rooms_full"
    clock.now += rooms.EMPTY + 1
    kept.open(ASKED)
    assert kept.board(taught.code).names and {refused(lambda code=code: kept.board(code)) for code in empty} == {
        "problem.unknown_room"
    }
