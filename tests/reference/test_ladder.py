"""The ladders of the literature on real MNIST, in kind: pretraining by depth, and the rungs of the LISA tutorials.

Published (LISA deep-learning tutorials, 60,000 labels, test error %): logistic regression 7.49, one hidden layer 1.65, stacked
denoising autoencoders 1.30. Ours are smaller and train for seconds, so the order is tested, not the figures.
"""

import os

import numpy as np
import pytest
import torch

from replearn_core.comparisons.deep import draw_labelled
from replearn_core.datasets import load, origin
from replearn_core.members import Blueprint, Members
from replearn_core.strategies import Phase, pretraining_phases
from replearn_core.supervised import Layer, evaluate, learn

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("REPLEARN_DATA") or origin("mnist") != "folder", reason="REPLEARN_DATA names no folder with MNIST"
    ),
]
SEEDS = (0, 1)
UNLABELLED = 4_000


@pytest.fixture(scope="module")
def mnist():
    """(x, y, x_test, y_test): 4,000 training and 2,000 test images."""
    torch.set_num_threads(1)
    data = load("mnist", UNLABELLED)
    tensors = (torch.from_numpy(np.array(one)) for one in (data.x_train, data.y_train, data.x_test[:2_000], data.y_test[:2_000]))
    return tuple(one.flatten(1) if one.dim() > 1 else one for one in tensors)


@pytest.fixture(scope="module")
def stack(mnist):
    """Five denoising layers of 128 sigmoid units, built one after another without labels."""
    members = Members(Blueprint((784,) + (128,) * 5, 10, "sigmoid", "xavier"), SEEDS)
    plan = pretraining_phases(5, 6, 0)[:-1]
    list(learn(members, plan, mnist[0], batch_size=50, learning_rate=2e-3, layer=Layer("denoising", noise=0.25)))
    return members


def error(mnist, depth, stack=None, labels=100, updates=400, activation="sigmoid", initialisation="xavier") -> np.ndarray:
    """(2,) test error in % after fine-tuning on so many labels."""
    x, y, x_test, y_test = mnist
    members = Members(Blueprint((784,) + (128,) * depth, 10, activation, initialisation), SEEDS)
    if stack is not None:
        for place in range(len(SEEDS)):
            members.put(stack.state(place), [f"encoder.{i}.*" for i in range(depth)], (place,))
    rows = torch.from_numpy(np.stack([draw_labelled(y.numpy(), labels, 10, seed) for seed in SEEDS]))
    epochs = -(-updates // -(-labels // 50))
    whole = Phase("whole", epochs, objective="classification")
    list(learn(members, (whole,), x, y, labelled=rows, batch_size=50, learning_rate=2e-3))
    return 100 * evaluate(members, x_test, y_test)[1]


def test_with_few_labels_the_gain_from_pretraining_grows_with_depth_and_relu_needs_none(mnist, stack):
    gains = {depth: error(mnist, depth) - error(mnist, depth, stack) for depth in (1, 3, 5)}
    assert (gains[5] > 10).all() and gains[5].mean() > gains[3].mean() > gains[1].mean()
    assert abs(gains[1].mean()) < 6
    relu, pretrained = error(mnist, 5, activation="relu", initialisation="he"), error(mnist, 5, stack)
    assert abs(relu.mean() - pretrained.mean()) < 8


def test_the_rungs_logistic_regression_one_layer_pretrained_layers_stand_in_the_published_order(mnist, stack):
    from sklearn.linear_model import LogisticRegression

    x, y, x_test, y_test = (one.numpy() for one in mnist)
    logistic = 100 * (1 - LogisticRegression(C=0.03, max_iter=1_000, tol=1e-3).fit(x, y).score(x_test, y_test))
    one_layer = error(mnist, 1, labels=UNLABELLED, updates=1_200).mean()
    pretrained = error(mnist, 3, stack, labels=UNLABELLED, updates=1_200).mean()
    assert logistic > one_layer + 1
    assert one_layer > pretrained - 0.5
