"""Stacked networks: each member is the network that its seed alone would give, and behaves as torch's own layers do."""

import pytest
import torch
from torch import nn

from replearn_core.members import ACTIVATIONS, Blueprint, Members, accuracy, classification_loss

SHAPE = Blueprint((6, 5, 4), 3, "tanh", "xavier")


def same_as_torch(members: Members, member: int) -> nn.Sequential:
    """The plain network with one member's weights."""
    blueprint, state = members.blueprint, members.state(member)
    kinds = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(zip(blueprint.sizes, blueprint.sizes[1:])):
        linear = nn.Linear(a, b, bias=not blueprint.batch_norm)
        linear.load_state_dict({part: state[f"encoder.{i}.{part}"] for part in linear.state_dict()})
        layers.append(linear)
        if blueprint.batch_norm:
            norm = nn.BatchNorm1d(b)
            norm.load_state_dict(
                {
                    "weight": state[f"norm.{i}.weight"],
                    "bias": state[f"norm.{i}.bias"],
                    "running_mean": state[f"norm.{i}.mean"],
                    "running_var": state[f"norm.{i}.variance"],
                    "num_batches_tracked": torch.tensor(0),
                }
            )
            layers.append(norm)
        layers.append(kinds[blueprint.activation]())
    head = nn.Linear(blueprint.sizes[-1], blueprint.classes)
    head.load_state_dict({"weight": state["head.weight"], "bias": state["head.bias"]})
    return nn.Sequential(*layers, head)


@pytest.mark.parametrize("batch_norm", (False, True))
def test_a_member_equals_the_stack_of_one_with_its_seed_bit_for_bit(batch_norm):
    blueprint = Blueprint((6, 5, 4), 3, batch_norm=batch_norm)
    stack = Members(blueprint, (3, 1, 7))
    for place, seed in enumerate(stack.seeds):
        alone, member = Members(blueprint, (seed,)).state(0), stack.state(place)
        assert alone.keys() == member.keys()
        assert all(torch.equal(alone[name], member[name]) for name in alone)
    assert not torch.equal(stack.weights["encoder.0.weight"][0], stack.weights["encoder.0.weight"][1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", (False, True))
def test_a_member_says_what_torchs_layers_say(activation, batch_norm):
    members, x = Members(Blueprint((6, 5, 4), 3, activation, batch_norm=batch_norm), (0, 1)), torch.rand(9, 6)
    together = members.logits(x)
    for member in range(2):
        assert torch.allclose(together[member], same_as_torch(members, member).eval()(x), atol=1e-6)


def test_each_member_reads_its_own_input_where_it_has_one():
    members, x = Members(SHAPE, (0, 1)), torch.rand(2, 9, 6)
    assert torch.allclose(members.logits(x)[1], members.logits(x[1])[1], atol=1e-6)
    assert torch.allclose(members.logits(members.up(x, 0, 1), bottom=1), members.logits(x), atol=1e-6)


def test_batch_statistics_move_as_torchs_do_in_the_layers_that_train_and_in_no_other():
    members, x = Members(Blueprint((6, 5, 4), 3, batch_norm=True), (0, 1)), torch.rand(9, 6)
    plain = same_as_torch(members, 1)
    plain.train()(x)
    before = {name: value.clone() for name, value in members.buffers.items()}
    members.logits(x, training=(0,))
    assert torch.allclose(members.buffers["norm.0.mean"][1], plain[1].running_mean, atol=1e-6)
    assert torch.allclose(members.buffers["norm.0.variance"][1], plain[1].running_var, atol=1e-6)
    assert torch.equal(members.buffers["norm.1.mean"], before["norm.1.mean"])
    members.logits(x)
    assert torch.allclose(members.buffers["norm.0.mean"][1], plain[1].running_mean, atol=1e-6)


def test_dropout_drops_its_share_in_the_layers_that_train_and_keeps_the_mean():
    members = Members(Blueprint((6, 400), 3, "relu", "he", dropout=0.3), (5,))
    x, noise = torch.rand(200, 6), [torch.Generator().manual_seed(0)]
    quiet, noisy = members.up(x, 0, 1), members.up(x, 0, 1, (0,), noise)
    assert ((noisy == 0) & (quiet > 0)).sum() / (quiet > 0).sum() == pytest.approx(0.3, abs=0.02)
    assert noisy.mean() == pytest.approx(quiet.mean().item(), rel=0.03)
    assert torch.equal(members.up(x, 0, 1, (1,), noise), quiet)
    with pytest.raises(ValueError, match="one generator a member"):
        members.up(x, 0, 1, True)


@pytest.mark.parametrize(("initialisation", "spread"), [("small", (1 / 3 / 300)), ("xavier", 2 / 500), ("he", 2 / 300)])
def test_first_weights_have_the_spread_of_their_rule(initialisation, spread):
    weight = Members(Blueprint((300, 200), 3, "relu", initialisation), (0,)).weights["encoder.0.weight"]
    assert weight.var().item() == pytest.approx(spread, rel=0.03)


def test_put_copies_what_fits_into_the_members_named_and_leaves_the_rest():
    source, target = Members(SHAPE, (9,)).state(0), Members(SHAPE, (0, 1))
    before = {name: value.clone() for name, value in target.weights.items()}
    assert target.put(source, ("encoder.0.*",), members=(1,)) == ["encoder.0.weight", "encoder.0.bias"]
    assert torch.equal(target.weights["encoder.0.weight"][1], source["encoder.0.weight"])
    assert torch.equal(target.weights["encoder.0.weight"][0], before["encoder.0.weight"][0])
    assert torch.equal(target.weights["encoder.1.weight"], before["encoder.1.weight"])


def test_weights_that_do_not_fit_are_refused_by_name_with_both_shapes_and_nothing_is_copied():
    source, target = Members(Blueprint((6, 5, 7), 3), (9,)).state(0), Members(SHAPE, (0,))
    before = target.weights["encoder.0.weight"].clone()
    with pytest.raises(ValueError, match=r"'encoder.1.weight' should be \(4, 5\), found \(7, 5\)"):
        target.put(source)
    assert torch.equal(target.weights["encoder.0.weight"], before)
    del source["encoder.0.bias"]
    with pytest.raises(ValueError, match=r"'encoder.0.bias' should be \(5,\), found nothing"):
        target.put(source, ("encoder.0.*",))
    with pytest.raises(ValueError, match="no tensor fits encoder.9"):
        target.put(source, ("encoder.9.*",))


def test_a_state_is_a_copy():
    members = Members(SHAPE, (0,))
    members.state(0)["head.bias"].fill_(5.0)
    assert members.weights["head.bias"].abs().sum() == 0


def test_loss_and_accuracy_of_each_member_equal_torchs():
    logits, labels = torch.randn(2, 8, 3), torch.randint(0, 3, (2, 8))
    for member in range(2):
        expected = nn.functional.cross_entropy(logits[member], labels[member])
        assert classification_loss(logits, labels)[member] == pytest.approx(expected.item(), abs=1e-6)
        right = (logits[member].argmax(1) == labels[member]).float().mean()
        assert accuracy(logits, labels)[member] == pytest.approx(right.item())


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"sizes": (6,)}, "sizes"),
        ({"sizes": (6, 0)}, "sizes"),
        ({"classes": 1}, "classes"),
        ({"activation": "swish"}, "swish"),
        ({"initialisation": "zeros"}, "zeros"),
        ({"dropout": 1.0}, "dropout"),
    ],
    ids=str,
)
def test_a_blueprint_that_cannot_be_built_is_refused(wrong, named):
    with pytest.raises(ValueError, match=named):
        Blueprint(**{"sizes": (6, 5), "classes": 3} | wrong)
    with pytest.raises(ValueError, match="seeds"):
        Members(SHAPE, ())
