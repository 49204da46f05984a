"""Our Adam steps as PyTorch's own class does, and loads nothing of its compiler."""

import subprocess
import sys

import pytest
import torch

from replearn_core.adam import Adam

SCRIPT = """
import sys
from replearn_core import datasets, training
from replearn_core.experiment import Experiment
experiment = Experiment(dataset="digits", train_size=100, code_size=4, epochs=1, penalties=({penalty},))
assert [event.kind for event in training.train(experiment, datasets.load("digits", 100))][-1] == "finished"
print(sorted({{"torch._dynamo", "sympy"}} & set(sys.modules)))
"""
CONTRACTION = '{"name": "contraction", "weight": 0.1}'


def drawn(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((5, 3), (3,), (4, 2, 2))]


def test_twenty_steps_equal_those_of_pytorchs_class_bit_for_bit():
    ours, theirs = drawn(0), [one.clone().requires_grad_() for one in drawn(0)]
    optimiser = Adam([(ours[:2], 0.01), (ours[2:], 0.1)])
    reference = torch.optim.Adam([{"params": theirs[:2], "lr": 0.01}, {"params": theirs[2:], "lr": 0.1}], fused=True)
    for step in range(20):
        for mine, other, gradient in zip(ours, theirs, drawn(step + 1), strict=True):
            mine.grad, other.grad = gradient, gradient.clone()
        optimiser.step()
        reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other.detach())
        moments, expected = optimiser.state[mine], reference.state[other]
        assert moments.step == float(expected["step"])
        assert torch.equal(moments.exp_avg, expected["exp_avg"]) and torch.equal(moments.exp_avg_sq, expected["exp_avg_sq"])


def test_a_tensor_whose_gradient_comes_later_counts_its_own_steps():
    ours, theirs = drawn(0)[:2], [one.clone().requires_grad_() for one in drawn(0)[:2]]
    optimiser, reference = Adam([(ours, 0.1)]), torch.optim.Adam(theirs, lr=0.1, fused=True)
    for step in range(6):
        for i, (mine, other, gradient) in enumerate(zip(ours, theirs, drawn(step + 1))):
            mine.grad, other.grad = (gradient, gradient.clone()) if i == 0 or step in (2, 3, 5) else (None, None)
        optimiser.step()
        reference.step()
    assert [optimiser.state[one].step for one in ours] == [6, 3]
    assert all(torch.equal(mine, other.detach()) for mine, other in zip(ours, theirs))


def test_a_tensor_without_a_gradient_keeps_its_value_and_counts_no_step():
    moved, resting = torch.ones(3), torch.ones(3)
    moved.grad = torch.ones(3)
    optimiser = Adam([([moved, resting], 0.1)])
    optimiser.step()
    assert torch.allclose(moved, torch.full((3,), 0.9)) and torch.equal(resting, torch.ones(3))
    assert [optimiser.state[one].step for one in (moved, resting)] == [1, 0]


@pytest.mark.parametrize("penalty", ['{"name": "l1", "weight": 0.1}', CONTRACTION])
def test_a_run_does_not_load_pytorchs_compiler(penalty):
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(penalty=penalty)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr[-600:]
