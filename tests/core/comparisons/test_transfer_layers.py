"""Layer transfer: what is copied from whom, what stays frozen, and four curves that begin at the same base."""

import numpy as np
import pytest
import torch

from replearn_core.comparisons.layers import KINDS, Layers, copies, run_layers
from replearn_core.comparisons.transfer import FRESH
from replearn_core.experiment import InvalidExperiment
from replearn_core.members import Members
from replearn_core.properties.study import silent

SMALL = Layers(pair="digits_printed", per_class=2, epochs=2, depth=2, width=8, source="trained", source_epochs=1)


def donors():
    blueprint = SMALL.recipe.blueprint(10)
    return [Members(blueprint, [seed + shift for seed in SMALL.each_seed]) for shift in (FRESH, 0)]


@pytest.mark.parametrize("k", [1, 2])
def test_the_first_k_layers_are_the_donors_and_the_rest_begins_anew_alike_for_both(k):
    task_b, task_a = donors()
    stack = copies(SMALL, (task_b, task_a), 10, k)
    assert len(stack) == 10
    for layer in range(2):
        name = f"encoder.{layer}.weight"
        halves = stack.weights[name][:5], stack.weights[name][5:]
        if layer < k:
            assert torch.equal(halves[0], task_b.weights[name]) and torch.equal(halves[1], task_a.weights[name])
        else:
            assert torch.equal(halves[0], halves[1]) and not torch.equal(halves[0], task_b.weights[name])
    assert torch.equal(stack.weights["head.weight"][:5], stack.weights["head.weight"][5:])


def test_all_four_curves_begin_at_the_base_and_have_every_seed_and_layer():
    study = run_layers(SMALL, tell=silent)
    curves = study.arrays["curves"]
    assert curves.shape == (4, 5, 3) and np.isfinite(curves).all()
    assert (curves[:, :, 0] == curves[0, :, 0]).all()
    for row, kind in enumerate(KINDS):
        for k in (1, 2):
            assert study.values[f"{kind}.{k}"] == pytest.approx(curves[row, :, k].tolist())
    assert study.finding.key.startswith("finding.layers.general.")


def test_curves_appear_layer_by_layer_while_it_runs():
    seen = []

    def tell(share, partial=None):
        if partial is not None:
            seen.append((share, int(np.isfinite(partial()[0]["curves"]).sum())))

    run_layers(SMALL, tell=tell)
    assert seen == sorted(seen) and [count for _, count in seen] == [20, 30, 40, 50, 60]


def test_more_labels_than_there_are_are_refused_with_the_limit():
    with pytest.raises(InvalidExperiment) as refused:
        Layers.from_values({"per_class": 5_000})
    assert refused.value.problems[0].key == "problem.few_in_class" and refused.value.problems[0].numbers["limit"] == 620
