"""Yosinski, Clune, Bengio & Lipson 2014 in kind, on real pictures: clothes to other clothes, and MNIST to Kuzushiji-MNIST.

Their ImageNet halves: copied layers 1 and 2 transfer almost perfectly, 4 to 7 drop; copied and fine-tuned layers end 1.6
to 2.1 points above the base; frozen layers of the *same* task dip in the middle. Four dense layers of 64 units, five seeds,
show the drop with depth, and that fine-tuning recovers all of it. They do not show a free first layer (measured: −2.5 points
for the clothes, −7.6 for the scripts; a dense layer looks at the whole picture, so it is less general than a filter), nor
the dip.
"""

import numpy as np
import pytest

from replearn_core.comparisons import pairs
from replearn_core.comparisons.layers import Layers, run_layers
from replearn_core.properties.study import difference

pytestmark = [pytest.mark.slow, pytest.mark.real_data]
DEPTH = 4
SETTINGS = {
    "clothes_clothes": {"per_class": 300, "epochs": 12, "learning_rate": 5e-4},
    "mnist_kmnist": {"per_class": 100, "epochs": 20},
}


@pytest.fixture(scope="module", params=SETTINGS)
def study(request):
    if pairs.missing(request.param):
        pytest.skip(f"REPLEARN_DATA names no folder with {', '.join(pairs.missing(request.param))}")
    return run_layers(Layers(pair=request.param, depth=DEPTH, source_epochs=10, **SETTINGS[request.param]))


def points(study, one, other="base"):
    """Interval of a difference, in percentage points."""
    return [100 * value for value in difference(study.values[one], study.values[other])[:3]]


def test_frozen_layers_of_another_task_lose_more_the_more_of_them_are_copied(study):
    means = [100 * float(np.mean(study.values[f"transfer_frozen.{k}"])) for k in range(1, DEPTH + 1)]
    assert all(lower > upper - 0.5 for lower, upper in zip(means, means[1:])), means
    assert points(study, "transfer_frozen.1", f"transfer_frozen.{DEPTH}")[1] > 0


def test_the_first_layer_is_the_most_general_and_costs_less_than_half_of_what_all_cost(study):
    first, every = (points(study, f"transfer_frozen.{k}")[0] for k in (1, DEPTH))
    assert every < -3 and first > every / 2, (first, every)


def test_the_loss_belongs_to_the_other_task_and_not_to_freezing(study):
    assert points(study, f"selffer_frozen.{DEPTH}", f"transfer_frozen.{DEPTH}")[1] > 0
    assert all(abs(points(study, f"selffer_frozen.{k}")[0]) < 2.5 for k in range(1, DEPTH + 1))


def test_fine_tuning_recovers_what_freezing_lost_and_ends_no_worse_than_the_base(study):
    for k in range(1, DEPTH + 1):
        assert points(study, f"transfer_tuned.{k}")[0] > -2, k
        assert points(study, f"transfer_tuned.{k}", f"transfer_frozen.{k}")[1] > 0, k
