"""Options of tasks and studies: one spelling each, and refusals that say what was wrong."""

import pytest
from pydantic_core import PydanticCustomError

from replearn_core.catalog import Knob
from replearn_core.engine.books import Job
from replearn_core.experiment import Experiment
from replearn_core.options import Choice, Indices, Numbers, Several, checked, filled

RACE = Several(("scratch", "frozen", "all"), "strategies", "scratch,all")
RATES = Numbers(0.0, 1.0, 3, "rates", "")


def test_several_are_put_into_the_catalogue_order_and_named_once():
    assert checked(RACE, "all,scratch,all") == "scratch,all"


@pytest.mark.parametrize("wrong", ["", "all,", "none", "All", 3, None, "all;scratch", "x" * 5_000])
def test_several_refuse_what_they_do_not_know(wrong):
    with pytest.raises(PydanticCustomError, match="strategies"):
        checked(RACE, wrong)


def test_numbers_have_one_spelling():
    assert checked(RATES, "0.10,1.0,0") == checked(RATES, ".1,1,0") == "0.1,1,0"
    assert checked(RATES, "") == ""


@pytest.mark.parametrize("wrong", ["nan", "inf", "2", "-0.1", "a", "0,0,0,0", ",", 0.5, None])
def test_numbers_refuse_what_is_no_number_of_theirs(wrong):
    with pytest.raises(PydanticCustomError, match="rates"):
        checked(RATES, wrong)


def test_what_is_not_given_has_its_default_and_what_is_not_known_is_refused():
    options = {"strategies": RACE, "k": Knob("k", "k", 1, 5, 2, integer=True), "of": Choice("of", ("a", "b"), "b")}
    assert filled(options, {"k": 3}) == {"strategies": "scratch,all", "k": 3.0, "of": "b"}
    with pytest.raises(PydanticCustomError, match="options"):
        filled(options, {"colour": 1})


@pytest.mark.parametrize("wrong", ["-1", "1,,2", "٣", "1234567", ",".join("1" * 61)])
def test_indices_refuse_what_is_no_list_of_samples(wrong):
    with pytest.raises(PydanticCustomError, match="indices"):
        checked(Indices("indices"), wrong)


# ---- what a study has so far, in pieces ----


def job():
    return Job(Experiment(dataset="digits"), "0" * 32, {"somebody"})


def test_what_a_study_has_so_far_is_shown_once_all_its_pieces_are_here():
    one = job()
    one.take(0, 6, b"abcd")
    assert one.partial is None
    one.take(4, 6, b"ef")
    assert one.partial == b"abcdef"


def test_a_look_that_was_cut_off_is_dropped_and_the_next_one_shown():
    one = job()
    one.take(0, 4, b"ab")
    one.take(0, 3, b"xyz")
    assert one.partial == b"xyz"
    one.take(2, 4, b"zz")  # its beginning was lost
    assert one.partial == b"xyz"


def test_a_worker_that_is_lost_takes_what_it_had_with_it():
    one = job()
    one.take(0, 3, b"xyz")
    one.begin_anew()
    assert one.partial is None
