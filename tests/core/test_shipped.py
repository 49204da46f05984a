"""What assets/pretrained holds is what its script would make: the first visit shows real runs of today's code."""

import numpy as np
import pytest

from replearn_core import catalog, datasets, folder, training
from replearn_core.presets import preset
from replearn_core.store import SHIPPED

LECTURE = [name for name, variant in catalog.VARIANTS.items() if variant.lecture]


@pytest.mark.parametrize("variant", LECTURE)
def test_each_variant_of_the_lecture_is_shipped_and_finished(variant):
    experiment = preset("digits", variant)
    run = folder.read_run(SHIPPED / experiment.id)
    assert run.experiment == experiment
    assert run.state == "finished"
    assert run.metrics["squared_error"] < run.metrics["mean_error"]


def test_no_other_run_is_shipped():
    names = {path.name for path in SHIPPED.iterdir() if path.is_dir() and not path.name.startswith("__")}
    answers = {"transfer", "malware"}  # source networks and first answers of those pages, tested with them
    assert names == {preset("digits", variant).id for variant in LECTURE} | answers


def test_a_shipped_run_can_be_made_again_with_today_s_code():
    experiment = preset("digits", LECTURE[0])
    shipped = folder.read_run(SHIPPED / experiment.id).events
    data = datasets.load("digits", experiment.train_size)
    again = []
    for event in training.train(experiment, data):
        if event.kind == "progress":
            again.append(event)
        if len(again) == 4:
            break
    before = [event for event in shipped if event.kind == "progress"][:4]
    assert [event.epoch for event in again] == [event.epoch for event in before]
    np.testing.assert_allclose(
        [event.held_out["squared_error"] for event in again],
        [event.held_out["squared_error"] for event in before],
        rtol=1e-3,  # another processor may add in another order
    )
