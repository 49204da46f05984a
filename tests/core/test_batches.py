"""Training images that stay bytes: the same numbers as floats, in less memory."""

import numpy as np
import pytest
import torch

from replearn_core import datasets
from replearn_core.batches import BLOCK, Samples, batches
from replearn_core.experiment import Experiment
from replearn_core.training import train

CPU = torch.device("cpu")
NAMES = ("digits", "sprites", "glyphs")


def both(name, size=None):
    return [Samples.training(datasets.load(name, size, compact=compact), None, CPU) for compact in (False, True)]


@pytest.mark.parametrize("name", NAMES)
def test_a_compact_set_is_four_times_smaller_and_stands_for_the_same_floats(name):
    whole, compact = both(name)
    assert compact.kept.dtype == torch.uint8 and whole.kept.dtype == torch.float32
    assert compact.kept.nbytes * 4 == whole.kept.nbytes
    assert torch.equal(compact[:], whole[:])
    rows = torch.randperm(len(whole))[:100]
    assert torch.equal(compact[rows], whole[rows])


def test_points_are_floats_in_a_compact_set_too():
    data = datasets.load("moons", 200, compact=True)
    assert data.x_train.dtype == np.float32 and data.scale == 1.0


def test_a_compact_set_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        datasets.load("digits", 50, compact=True).x_train[0] = 0


def test_the_mean_over_blocks_is_the_mean():
    whole, compact = both("sprites")
    assert len(whole) > BLOCK
    expected = whole[:].to(torch.float64).mean(dim=0)
    assert torch.allclose(whole.mean().double(), expected, atol=1e-6)
    assert torch.equal(compact.mean(), whole.mean())


def test_batches_hold_every_sample_once_in_the_order_asked_for():
    _, compact = both("digits")
    order = torch.randperm(len(compact))
    taken = list(batches(compact, order, 100))
    assert [len(batch) for batch in taken[:-1]] == [100] * (len(taken) - 1)
    assert torch.equal(torch.cat(taken), compact[order])


def test_a_run_on_fewer_images_than_pixels_equals_the_run_on_floats():
    e = Experiment(dataset="sprites", train_size=60, code_size=4, epochs=1)
    ends = [list(train(e, datasets.load("sprites", 60, compact=compact), device="cpu"))[-1] for compact in (False, True)]
    assert ends[0].metrics == pytest.approx(ends[1].metrics, rel=1e-5)


@pytest.mark.parametrize("strategy", ["end_to_end", "greedy"])
def test_a_run_on_bytes_equals_the_run_on_floats_bit_for_bit(strategy):
    e = Experiment(dataset="digits", train_size=300, hidden=(20,), code_size=6, epochs=3, strategy=strategy)
    ends = [list(train(e, datasets.load("digits", 300, compact=compact), device="cpu"))[-1] for compact in (False, True)]
    assert all(torch.equal(ends[0].state[name], ends[1].state[name]) for name in ends[0].state)
    assert ends[0].metrics == pytest.approx(ends[1].metrics, rel=1e-6)
