"""The projector mode: by a link or the header's button, on every page, until it is switched off; and what paper leaves out."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import address_bar, projector, text
from tests.pages.opening import opened

FOLDED = ("autoencoder", "latent", "properties", "pretraining", "transfer", "notifications", "malware", "deployment")


def folds(app: AppTest) -> int:
    return sum(one.label == text.said("en", "notice.title") for one in app.expander)


@pytest.mark.parametrize("page", FOLDED)
def test_a_link_folds_what_to_notice_and_makes_text_larger_on_every_page_that_has_notes(page):
    assert folds(opened(page)) == 0
    app = opened(page, show=projector.ON)
    assert not app.exception and folds(app) == 1
    assert app.query_params["show"] == projector.ON


def test_the_button_switches_it_on_and_off_and_the_knobs_stay():
    app = opened("autoencoder", code_size="12")
    app.button(key="projector_switch").click().run()
    assert folds(app) == 1 and app.query_params["show"] == projector.ON and app.query_params["code_size"] == "12"
    app.button(key="projector_switch").click().run()
    assert folds(app) == 0 and "show" not in app.query_params and app.number_input(key="knob.code_size").value == 12


def test_it_stays_from_page_to_page_and_no_page_takes_its_parameter_for_a_knob():
    app = opened("autoencoder", show=projector.ON)
    app.switch_page("../properties.py").run()
    assert folds(app) == 1
    assert projector.PARAMETER in address_bar.CARRIED


def test_another_value_of_the_parameter_is_the_plain_page():
    assert folds(opened("properties", show="nonsense")) == 0
