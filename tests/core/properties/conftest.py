"""One small run of each study, shared by the tests of this folder."""

import functools

import pytest
import torch

from replearn_core import properties, studies
from replearn_core.properties import disentangled

SMALL = {
    "disentangled": {"epochs": 1, "train_size": 300, "hidden": 8, "code_size": 2},
    "distributed": {"epochs": 1, "train_size": 600, "hidden": 8, "units": 4},
    "smooth": {"epochs": 2, "train_size": 300, "units": 12},
    "boundary": {"epochs": 1, "units": 8},
    "hierarchical": {"epochs": 1, "train_size": 300, "depth": 2},
    "sparse": {"epochs": 2, "train_size": 400, "units": 20, "k": 3},
    "atoms": {"epochs": 1, "train_size": 500, "units": 16},
    "manifold": {"epochs": 1, "size": 120, "hidden": 8},
    "field": {"epochs": 1, "hidden": 16},
    "dimension": {"epochs": 1, "train_size": 200, "size": 100, "code_size": 3},
    "few_labels": {"epochs": 1, "train_size": 400, "units": 12},
    "causes": {"epochs": 1, "train_size": 2_000, "hidden": 8, "code_size": 3, "labelled": 100},
}


@functools.cache
def small_study(name: str) -> properties.Study:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disentangled, "SCORED", 420)  # forests are slow
        return studies.run_study(name, SMALL[name])


@pytest.fixture
def study():
    """A function: name → its small study, run once for all tests."""
    torch.set_num_threads(1)
    return small_study
