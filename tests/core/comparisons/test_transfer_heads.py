"""The classifier alone equals the general loop, knows when it is alone, and leaves everything else where it was."""

import pytest
import torch

from replearn_core.comparisons import sources
from replearn_core.comparisons.heads import alone, learn_head
from replearn_core.members import Members
from replearn_core.strategies import transfers
from replearn_core.supervised import learn

RECIPE, SEEDS = sources.Recipe(depth=2, width=12), [3, 4]


@pytest.fixture
def data():
    random = torch.Generator().manual_seed(0)
    x, y = torch.rand(70, 256, generator=random), torch.randint(0, 4, (70,), generator=random)
    return x, y, torch.stack([torch.randperm(70, generator=random)[:45] for _ in SEEDS])


@pytest.mark.parametrize("batch_size", [8, 45])
def test_it_ends_where_the_general_loop_ends(data, batch_size):
    x, y, rows = data
    phase = transfers(2, 6)["fixed_features"].phases[0]
    ended = []
    for train in (learn_head, lambda members, phase, x, y, **how: learn(members, (phase,), x, y, **how)):
        members = Members(RECIPE.blueprint(4), SEEDS)
        moments = list(train(members, phase, x, y, seeds=SEEDS, labelled=rows, batch_size=batch_size, learning_rate=1e-3))
        ended.append((members.weights["head.weight"], members.weights["head.bias"], moments[-1].trained, moments[-1].epoch))
    assert torch.allclose(ended[0][0], ended[1][0], atol=1e-5) and torch.allclose(ended[0][1], ended[1][1], atol=1e-5)
    assert ended[0][2:] == ended[1][2:]


def test_nothing_but_the_classifier_moves(data):
    x, y, rows = data
    members = Members(RECIPE.blueprint(4), SEEDS)
    before = {name: value.clone() for name, value in members.weights.items()}
    phase = transfers(2, 2)["fixed_features"].phases[0]
    list(learn_head(members, phase, x, y, seeds=SEEDS, labelled=rows, batch_size=8, learning_rate=1e-3))
    assert {name for name in before if not torch.equal(before[name], members.weights[name])} == {"head.weight", "head.bias"}


def test_only_plans_of_one_phase_with_all_layers_frozen_are_a_classifier_alone():
    assert {name for name, one in transfers(3, 8).items() if alone(one.phases, 3)} == {"random_features", "fixed_features"}


def test_a_classifier_that_is_no_longer_finite_is_told(data):
    x, y, rows = data
    members = Members(RECIPE.blueprint(4), SEEDS)
    phase = transfers(2, 2)["fixed_features"].phases[0]
    with pytest.raises(FloatingPointError, match="classifier"):
        list(learn_head(members, phase, x * float("inf"), y, seeds=SEEDS, labelled=rows, batch_size=8, learning_rate=1e-3))
