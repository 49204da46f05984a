"""What a teacher's link locks looks locked on every page, says why, and stays as the link set it, whatever a student does."""

import pytest

from pages.ui import text
from pages.ui.lessons import views
from pages.ui.teaching import teach
from tests.pages.test_pages import opened
from tests.pages.test_teach import force

WIDGETS = (
    *("slider", "select_slider", "selectbox", "number_input", "segmented_control", "button_group", "toggle", "radio"),
    *("multiselect", "text_input"),
)
NO_KNOBS = ("language_switch", "properties.pick.", "view", "panel")  # which part of a result is looked at, not how it is made
EVERY = [("autoencoder", ""), *((page, part) for page in views.PANELS for part, names in teach.parts_of(page).items() if names)]


def knobs(app):
    """Every widget of a page that turns one of its settings."""
    found = {one.key: one for kind in WIDGETS for one in app.get(kind) if one.key and not one.key.startswith(NO_KNOBS)}
    return found.values()


def labelled(one):
    """Whether the label is in sight, and the help with it; where it is not, a caption says what the help would."""
    return one.proto.label_visibility.value == one.proto.label_visibility.VISIBLE


def taught(page, part, word):
    """The page by a link that does so with every knob that the form offers for it."""
    names = teach.parts_of(page).get(part) or teach.of_page(page)
    where = {"part": part} if part else {}
    return opened(page, lang="en", teach=f"{word}:{','.join((*names, 'part'))}", **where)


@pytest.mark.parametrize(("page", "part"), EVERY)
def test_every_knob_that_a_link_can_lock_is_switched_off_and_says_who_did_it(page, part):
    app = taught(page, part, "lock")
    found, why = knobs(app), text.said("en", "teach.locked_help")
    assert not app.exception and not app.error and found
    assert [one.key for one in found if not one.proto.disabled] == []
    told = [one for one in found if labelled(one)]
    assert [one.key for one in told if why not in one.proto.help] == []
    assert len(told) == len(found) or any(why in one.value for one in app.caption)


@pytest.mark.parametrize(
    ("page", "part"),
    [("autoencoder", ""), ("latent", "all"), ("transfer", "race"), ("transfer", "quadrant"), ("malware", "published"),
     ("notifications", "decide"), ("deployment", ""), ("evidence", "")],
)  # fmt: skip
def test_no_knob_that_a_link_hides_is_drawn(page, part):
    app = taught(page, part, "hide")
    assert not app.exception and not app.error
    assert [one.key for one in knobs(app) if labelled(one)] == []


@pytest.mark.parametrize(
    ("page", "query", "key", "other"),
    [
        ("transfer", {"strategies": "from_scratch,fine_tune_all"}, "transfer.knob.strategies", ["fine_tune_last"]),
        ("transfer", {"part": "quadrant", "sizes": "2,20"}, "transfer.knob.sizes", "1,5"),
        ("malware", {"part": "published", "weights": "random"}, "malware.weights", "address"),
        ("evidence", {"verdict": "shown"}, "evidence.picked", "all"),
    ],
)
def test_a_value_that_arrives_for_a_locked_widget_of_its_own_kind_is_refused(page, query, key, other):
    name = list(query)[-1]
    app = opened(page, lang="en", teach=f"lock:{name}", **query)
    (knob,) = [one for one in knobs(app) if one.key == key]
    before = knob.value
    force(knob, other)
    assert [one.value for one in knobs(app) if one.key == key] == [before] and app.query_params.get(name) in (None, query[name])


def test_neither_the_usual_settings_nor_a_way_over_another_part_sets_a_locked_knob_back():
    app = opened("transfer", lang="en", teach="lock:per_class", per_class="5", width="64")
    app.button(key="transfer_usual").click().run()
    assert app.query_params["per_class"] == "5" and "width" not in app.query_params
    for part in ("advice", "race"):
        app.segmented_control(key="transfer.knob.part").set_value(part).run()
    assert app.select_slider(key="transfer.knob.per_class").value == 5 and app.query_params["per_class"] == "5"


def test_a_locked_file_of_the_malware_page_cannot_be_replaced_by_an_upload():
    app = opened("malware", lang="en", part="files", teach="lock:left")
    assert [one.key for one in app.get("file_uploader")] == ["malware.file.right"]
