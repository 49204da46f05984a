"""What assets/pretrained holds is what its script would make: the first visit shows real runs of today's code."""

import numpy as np
import pytest

from replearn_core import catalog, datasets, folder, training
from replearn_core.engine import TaskView
from replearn_core.engine.books import Books
from replearn_core.engine.fair import FairQueue
from replearn_core.engine.lineage import recorded_epochs
from replearn_core.experiment import Experiment
from replearn_core.presets import preset
from replearn_core.store import SHIPPED, Store
from replearn_core.tasks import asked, settled

LECTURE = [name for name, variant in catalog.VARIANTS.items() if variant.lecture]


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


def recorded(store: Store, experiment: Experiment) -> tuple[int, ...]:
    return recorded_epochs(Books(store, FairQueue(1)).view(experiment.id).events)


@pytest.mark.parametrize("variant", LECTURE)
def test_each_variant_of_the_lecture_is_shipped_and_finished(variant):
    experiment = preset("digits", variant)
    run = folder.read_run(SHIPPED / experiment.id)
    assert run.experiment == experiment
    assert run.state == "finished"
    assert run.metrics["squared_error"] < run.metrics["mean_error"]


def test_no_other_run_is_shipped():
    names = {path.name for path in SHIPPED.iterdir() if path.is_dir() and not path.name.startswith("__")}
    answers = {"transfer", "malware", "answers"}  # source networks and first answers of pages
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


@pytest.mark.parametrize("name", LECTURE)
def test_a_shipped_run_has_its_points_maps_and_film(store, name):
    experiment = preset("digits", name)
    epochs = recorded(store, experiment)
    found = {}
    for kind, options in (("points", {}), ("map", {}), ("map", {"source": "pixels"}), ("film", {})):
        task_id = settled(asked(kind, run=experiment.id, **options), experiment, epochs).id
        view = TaskView(task_id, "finished", answer=store.read_task(task_id))
        found[(kind, *options.values())] = view.arrays
        assert store.has_task(task_id) and all(np.isfinite(one).all() for one in view.arrays.values())
    assert found[("points",)]["images"].shape == (experiment.data.test_size, 8, 8)
    for one in (("map",), ("map", "pixels")):
        assert found[one]["points"].shape == (experiment.data.test_size, 2)
        assert np.array_equal(found[one]["index"], found[("points",)]["index"])
    assert found[("film",)]["epochs"][-1] == epochs[-1]


def test_what_is_kept_comes_before_what_is_shipped_and_only_the_kept_one_can_be_forgotten(store):
    experiment = preset("digits", "psc")
    task_id = settled(asked("map", run=experiment.id), experiment, recorded(store, experiment)).id
    shipped = store.read_task(task_id)
    store.write_task(task_id, b"mine")
    assert store.read_task(task_id) == b"mine"
    store.forget_task(task_id)
    assert store.read_task(task_id) == shipped is not None
