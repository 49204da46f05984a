"""What the lab gives away: the chain of a run, what it measured, and a zip whose card says so."""

import io
import json
import zipfile

import pytest
from safetensors.numpy import load

from pages.ui import takehome
from replearn_core import datasets, weights
from replearn_core.engine.books import with_events
from replearn_core.engine.views import RunView
from replearn_core.presets import preset
from replearn_core.training import train


@pytest.fixture(scope="module")
def ended():
    """(a finished run's view, its weights as a file)."""
    e = preset("digits", "undercomplete").changed(train_size=100, epochs=2)
    events = list(train(e, datasets.load("digits", 100), device="cpu"))
    file, _ = weights.to_bytes(events[-1].state, run_id=e.id, epoch=2)
    return with_events(RunView(e.id, e, "finished"), events), file


def test_the_chain_of_a_run_that_continues_none_is_the_run_itself(ended):
    view, _ = ended
    assert takehome.lineage(view) == [(view.experiment, 2)]


def test_the_number_to_compare_with_is_the_runs_own(ended):
    view, _ = ended
    assert takehome.measured(view) == view.events[-1].metrics["squared_error"]
    assert takehome.measured(with_events(view, view.events[:-1])) is None


def test_the_zip_holds_weights_settings_and_a_card_with_the_measures(ended):
    view, file = ended
    with zipfile.ZipFile(io.BytesIO(takehome.zipped(view, file))) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert set(found) == {"weights.safetensors", "experiment.json", "CARD.md"}
    assert set(load(found["weights.safetensors"])) == {name for name in view.events[-1].state if not name.startswith("optimizer")}
    assert json.loads(found["experiment.json"]) == json.loads(view.experiment.as_json())
    card = found["CARD.md"].decode()
    assert view.run_id in card and f"| squared_error | {view.events[-1].metrics['squared_error']:.4g} |" in card
