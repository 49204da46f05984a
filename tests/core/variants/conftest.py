"""One small run of each study of the lab's presets, shared by the tests of this folder."""

import functools

import pytest
import torch

from replearn_core import studies
from replearn_core.properties import Study

FEW = {"epochs": 2, "train_size": 200}
SMALL = {
    "resembles": FEW,
    "narrow": FEW | {"size": 4},
    "penalised": FEW,
    "clean": FEW,
    "contracted": FEW | {"epochs": 8},
    "stacked": FEW | {"epochs": 8, "few": 50},
    "predicted": FEW | {"epochs": 1, "steps": 20},
    "scale": FEW | {"epochs": 1, "small": 4, "large": 64},
}


@functools.cache
def small_study(name: str) -> Study:
    return studies.run_study(name, SMALL[name])


@pytest.fixture
def study():
    """A function: name → its small study, run once for all tests."""
    torch.set_num_threads(1)
    return small_study
