"""The address: what a page reads of it, and a poll that brings the one we have just replaced."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import address_bar


def page() -> None:
    import streamlit as st

    from pages.ui import address_bar

    address_bar.arrive(st.session_state.get("page", "lab"))
    st.text(repr(address_bar.own()))
    address_bar.write({"seed": "2"})


def opened(seed: str, lang: str = "en") -> AppTest:
    app = AppTest.from_function(page)
    app.query_params["seed"], app.query_params["lang"] = seed, lang
    return app.run()


def test_a_page_reads_its_own_parameters_and_writes_them_beside_those_of_the_frame():
    app = opened("1")
    assert not app.exception and app.text[0].value == "{'seed': ['1']}"
    assert dict(app.query_params) == {"seed": "2", "lang": "en"}


@pytest.mark.parametrize(("stale", "read"), [(60.0, "2"), (0.0, "1")])
def test_the_address_before_is_a_poll_that_was_on_its_way_and_later_the_way_back(monkeypatch, stale, read):
    monkeypatch.setattr(address_bar, "STALE", stale)
    app = opened("1")
    app.query_params["seed"] = "1"
    app.run()
    assert app.text[0].value == f"{{'seed': ['{read}']}}"


def test_another_link_and_another_page_are_never_taken_for_the_address_before(monkeypatch):
    monkeypatch.setattr(address_bar, "STALE", 60.0)
    app = opened("1")
    app.query_params["seed"] = "3"
    assert app.run().text[0].value == "{'seed': ['3']}"
    app = opened("1")
    app.query_params["seed"], app.session_state["page"] = "1", "latent"
    assert app.run().text[0].value == "{'seed': ['1']}"


def late_fragment() -> None:
    """A whole run, then a fragment that brings the address of before."""
    import streamlit as st

    from pages.ui import address_bar

    address_bar.arrive("lab")
    address_bar.write({"seed": "2"})
    st.query_params.from_dict({"seed": "1", "lang": "zh-TW", "step": "1"})
    address_bar.keep()


def test_a_fragment_that_draws_the_whole_page_keeps_the_address_but_for_what_a_press_has_just_switched():
    app = AppTest.from_function(late_fragment)
    app.query_params.update({"seed": "1", "lang": "en", "step": "2"})
    app.run()
    assert not app.exception and dict(app.query_params) == {"seed": "2", "step": "2", "lang": "zh-TW"}
