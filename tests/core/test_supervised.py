"""Stacked training equals one network after another in plain torch; frozen means frozen; a layer is pretrained by its formula."""

import numpy as np
import pytest
import torch
from torch import nn

from replearn_core.members import Blueprint, Members
from replearn_core.strategies import Phase
from replearn_core.supervised import KINDS, Layer, evaluate, features, learn, rebuilt, reconstruction_loss
from replearn_core.training import generator

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > X[:, 1]).long() + (X[:, 2] > 0.7).long()
WHOLE = Phase("whole", 4, objective="classification")
SHAPE = Blueprint((6, 5, 4), 3, "tanh")


def after(members: Members, *phases: Phase, **options) -> dict[str, torch.Tensor]:
    list(learn(members, phases, X, Y, batch_size=16, learning_rate=0.01, **options))
    return {name: value.clone() for name, value in (members.weights | members.buffers).items()}


def moved(before: dict[str, torch.Tensor], now: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], now[name])}


def plain_network(members: Members, member: int) -> nn.Sequential:
    """The same network in torch's own layers."""
    state, layers = members.state(member), []
    for i, (a, b) in enumerate(zip(members.blueprint.sizes, members.blueprint.sizes[1:])):
        linear = nn.Linear(a, b, bias=not members.blueprint.batch_norm)
        linear.load_state_dict({part: state[f"encoder.{i}.{part}"] for part in linear.state_dict()})
        layers += [linear, *([nn.BatchNorm1d(b)] if members.blueprint.batch_norm else []), nn.Tanh()]
    head = nn.Linear(members.blueprint.sizes[-1], members.blueprint.classes)
    head.load_state_dict({"weight": state["head.weight"], "bias": state["head.bias"]})
    return nn.Sequential(*layers, head)


@pytest.mark.parametrize("batch_norm", (False, True))
def test_a_stack_learns_what_plain_torch_learns_network_by_network(batch_norm):
    seeds, rates = (4, 2, 9), (("encoder.0.*", 0.25), ("head.*", 2.0))
    members = Members(Blueprint((6, 5, 4), 3, "tanh", batch_norm=batch_norm), seeds)
    networks = [plain_network(members, member) for member in range(3)]
    list(learn(members, (Phase("whole", 4, rates=rates, objective="classification"),), X, Y, batch_size=16, learning_rate=0.01))
    for member, (seed, network) in enumerate(zip(seeds, networks)):
        low, high = list(network[0].parameters()), list(network[-1].parameters())
        rest = [p for p in network.parameters() if all(p is not q for q in [*low, *high])]
        groups = [{"params": low, "lr": 0.0025}, {"params": rest, "lr": 0.01}, {"params": high, "lr": 0.02}]
        optimiser = torch.optim.Adam(groups)
        for epoch in range(4):
            for batch in torch.randperm(60, generator=generator(seed, "order", epoch)).split(16):
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(X[batch]), Y[batch]).backward()
                optimiser.step()
        with torch.no_grad():
            assert torch.allclose(members.logits(X)[member], network.eval()(X), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_of_a_stack_learns_what_it_learns_alone(kind):
    plan = (Phase("layer_1", 2, 0, 1), Phase("layer_2", 2, 1, 2), WHOLE)
    together = after(Members(SHAPE, (4, 2, 9)), *plan, layer=Layer(kind))
    for member, seed in enumerate((4, 2, 9)):
        alone = after(Members(SHAPE, (seed,)), *plan, layer=Layer(kind))
        assert all(torch.allclose(together[name][member], alone[name][0], atol=1e-5) for name in alone)


def test_equal_seeds_learn_equal_weights_bit_for_bit():
    first, again = (after(Members(SHAPE, (1, 2)), Phase("layer_1", 2), WHOLE) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_pretraining_phase_moves_one_layer_and_its_decoder_and_nothing_else():
    members = Members(SHAPE, (0, 1))
    before = {name: value.clone() for name, value in members.weights.items()}
    first = after(members, Phase("layer_1", 1, 0, 1))
    assert moved(before, first) == {"encoder.0.weight", "encoder.0.bias", "decoder.0.bias"}
    second = after(members, Phase("layer_2", 1, 1, 2))
    assert moved(first, second) == {"encoder.1.weight", "encoder.1.bias", "decoder.1.bias"}


def test_frozen_layers_keep_weights_and_batch_statistics_and_drop_nothing():
    members = Members(Blueprint((6, 5, 4), 3, "relu", "he", batch_norm=True, dropout=0.5), (0, 1))
    before = {name: value.clone() for name, value in (members.weights | members.buffers).items()}
    frozen = features(members, X, 1)
    now = after(members, Phase("top", 3, frozen=("encoder.0.*", "norm.0.*"), objective="classification"))
    assert not any(name.startswith(("encoder.0", "norm.0", "decoder")) for name in moved(before, now))
    assert {"encoder.1.weight", "norm.1.mean", "norm.1.variance", "head.weight"} <= moved(before, now)
    assert torch.equal(features(members, X, 1), frozen)
    only = after(members, Phase("head", 2, frozen=("encoder.*", "norm.*"), objective="classification"))
    assert moved(now, only) == {"head.weight", "head.bias"}


def test_a_frozen_layer_above_a_trained_one_is_still_in_evaluation_mode():
    members = Members(Blueprint((6, 5, 4), 3, "tanh", batch_norm=True), (0,))
    before = {name: value.clone() for name, value in (members.weights | members.buffers).items()}
    now = after(members, Phase("low", 2, frozen=("encoder.1.*", "norm.1.*", "head.*"), objective="classification"))
    assert all(name.partition(".")[2].startswith("0.") for name in moved(before, now))


def test_features_of_frozen_layers_are_computed_once_a_phase(monkeypatch):
    members, passed = Members(SHAPE, (0, 1)), []
    affine = Members.affine
    monkeypatch.setattr(Members, "affine", lambda self, x, name: passed.append(name) or affine(self, x, name))
    after(members, Phase("head", 5, frozen=("encoder.*",), objective="classification"))
    assert passed.count("encoder.0") == 1 and passed.count("head") >= 5


def test_a_rate_of_a_tenth_takes_a_tenth_of_adams_first_step():
    far = {}
    for factor in (1.0, 0.1):
        members = Members(SHAPE, (0,))
        before = members.weights["encoder.0.weight"].clone()
        phase = Phase("whole", 1, rates=(("encoder.0.*", factor),), objective="classification")
        list(learn(members, (phase,), X, Y, batch_size=60, learning_rate=0.01))
        far[factor] = (members.weights["encoder.0.weight"] - before).abs().max().item()
    assert far[1.0] == pytest.approx(0.01, rel=1e-3) and far[0.1] == pytest.approx(0.001, rel=1e-3)


def test_members_learn_from_their_own_labelled_rows_alone():
    chosen = torch.tensor([[3, 8, 20, 31], [50, 41, 9, 2]])
    changed = Y.clone()
    changed[[row for row in range(60) if row not in chosen]] = 0
    now = [Members(SHAPE, (0, 1)) for _ in range(2)]
    for members, labels in zip(now, (Y, changed)):
        list(learn(members, (Phase("layer_1", 1), WHOLE), X, labels, labelled=chosen))
    assert all(torch.equal(now[0].weights[name], now[1].weights[name]) for name in now[0].weights)
    alone = Members(SHAPE, (1,))
    list(learn(alone, (Phase("layer_1", 1), WHOLE), X, Y, labelled=chosen[1]))
    assert torch.allclose(alone.weights["head.weight"][0], now[0].weights["head.weight"][1], atol=1e-5)


def test_members_may_have_data_of_their_own():
    own = torch.stack([X, X.flip(0)])
    members = Members(SHAPE, (0, 1))
    list(learn(members, (Phase("layer_1", 1), WHOLE), own, torch.stack([Y, Y.flip(0)]), batch_size=16))
    alone = Members(SHAPE, (1,))
    list(learn(alone, (Phase("layer_1", 1), WHOLE), X.flip(0), Y.flip(0), batch_size=16))
    assert torch.allclose(members.weights["head.weight"][1], alone.weights["head.weight"][0], atol=1e-5)


# ---- objectives, against their formulas ----


def by_hand(members: Members, kind: Layer, x: np.ndarray) -> float:
    """One layer's objective in NumPy, from the formulas, for member 0 and layer 0 without noise."""
    weight, bias = (members.weights[f"encoder.0.{part}"][0].numpy() for part in ("weight", "bias"))
    h = 1 / (1 + np.exp(-(x @ weight.T + bias)))
    output = 1 / (1 + np.exp(-(h @ weight + members.weights["decoder.0.bias"][0].numpy())))
    loss = -(x * np.log(output) + (1 - x) * np.log(1 - output)).sum(1).mean()
    if kind.kind == "sparse":
        rho, mean = kind.target, h.mean(0)
        loss += kind.penalty * (rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))).sum()
    if kind.kind == "contractive":
        jacobians = (h * (1 - h))[:, :, None] * weight  # (B, h, d)
        loss += kind.penalty * np.square(jacobians).sum((1, 2)).mean()
    return float(loss)


@pytest.mark.parametrize("kind", ("plain", "sparse", "contractive"))
def test_a_layers_objective_is_its_formula(kind):
    members, layer = Members(Blueprint((6, 5), 3), (3, 4)), Layer(kind, penalty=0.7)
    loss = reconstruction_loss(members, 0, X.expand(2, -1, -1), layer)
    assert loss[0].item() == pytest.approx(by_hand(members, layer, X.numpy()), abs=1e-5)


def test_denoising_rebuilds_the_clean_input_from_one_with_masked_values_and_survivors_as_they_were():
    members, layer = Members(Blueprint((6, 5), 3), (3,)), Layer("denoising", noise=0.4)
    found = reconstruction_loss(members, 0, X[None], layer, (), [torch.Generator().manual_seed(8)])
    kept = torch.rand(60, 6, generator=torch.Generator().manual_seed(8)) >= 0.4
    output = members.down(members.up((X * kept)[None], 0, 1), 0)[0]
    expected = nn.functional.binary_cross_entropy_with_logits(output, X, reduction="sum") / 60
    assert found[0].item() == pytest.approx(expected.item(), abs=1e-5)


def test_noise_is_drawn_anew_for_every_batch(monkeypatch):
    seen, up = [], Members.up
    monkeypatch.setattr(Members, "up", lambda self, x, *rest: seen.append(x.detach().clone()) or up(self, x, *rest))
    ones = torch.ones(8, 6)
    list(learn(Members(Blueprint((6, 5), 3), (0,)), (Phase("layer_1", 3),), ones, batch_size=8, layer=Layer("denoising")))
    masks = [tuple(one.flatten().tolist()) for one in seen]
    assert len(set(masks)) == len(masks) == 4


@pytest.mark.parametrize("activation", ("sigmoid", "tanh", "relu"))
@pytest.mark.parametrize("kind", KINDS)
def test_pretraining_lowers_the_error_of_every_layer(kind, activation):
    members = Members(Blueprint((6, 8, 7), 3, activation), (0, 1))
    below = X
    for i in range(2):
        before = (rebuilt(members, i, below) - below).square().sum(2).mean(1)
        phase, layer = Phase(f"layer_{i + 1}", 60, i, i + 1), Layer(kind, penalty=0.01)
        list(learn(members, (phase,), X, learning_rate=0.01, layer=layer))
        assert ((rebuilt(members, i, below) - below).square().sum(2).mean(1) < before).all()
        below = features(members, X, i + 1)


def test_a_heavier_penalty_makes_codes_sparser_and_less_sensitive():
    found = {}
    for kind in ("sparse", "contractive"):
        for penalty in (0.0, 3.0):
            members = Members(Blueprint((6, 8), 3), (0, 1))
            list(learn(members, (Phase("layer_1", 80),), X, learning_rate=0.02, layer=Layer(kind, penalty=penalty)))
            h = features(members, X, 1)
            slope = (h * (1 - h)).square() @ members.weights["encoder.0.weight"].square().sum(2).unsqueeze(2)
            found[kind, penalty] = h.mean().item() if kind == "sparse" else slope.mean().item()
    assert found["sparse", 3.0] < found["sparse", 0.0]
    assert found["contractive", 3.0] < found["contractive", 0.0]


# ---- what is said ----


def test_moments_are_the_start_of_each_phase_and_each_epoch_and_count_the_whole_comparison():
    said = list(learn(Members(SHAPE, (0, 1)), (Phase("layer_1", 2), Phase("none", 0), WHOLE), X, Y, batch_size=16))
    assert [(one.phase, one.epoch) for one in said] == [
        ("layer_1", 0),
        ("layer_1", 1),
        ("layer_1", 2),
        *(("whole", epoch) for epoch in (2, 3, 4, 5, 6)),
    ]
    assert all(one.loss.shape == (2,) and one.gradient.shape == (2, 3) for one in said)
    assert np.isnan(said[0].gradient[:, 1:]).all() and np.isfinite(said[0].gradient[:, 0]).all()
    assert np.isfinite(said[-1].gradient).all()
    assert said[-1].trained == sum(
        value[0].numel() for name, value in Members(SHAPE, (0,)).weights.items() if "decoder" not in name
    )


def test_the_look_at_the_start_is_no_step_and_its_gradient_is_torchs():
    members = Members(SHAPE, (0, 1))
    networks = [plain_network(members, member) for member in range(2)]
    first = next(iter(learn(members, (WHOLE,), X, Y, batch_size=60)))
    for member, network in enumerate(networks):
        loss = nn.functional.cross_entropy(network(X), Y)
        loss.backward()
        assert first.loss[member] == pytest.approx(loss.item(), abs=1e-6)
        assert first.gradient[member] == pytest.approx([network[i].weight.grad.norm().item() for i in (0, 2, 4)], abs=1e-6)


def test_gradients_fade_on_their_way_down_a_deep_stack_of_sigmoids():
    members = Members(Blueprint((6, 20, 20, 20, 20), 3, "sigmoid", "small"), (0, 1))
    norms = next(iter(learn(members, (WHOLE,), X, Y))).gradient
    assert (norms[:, 0] < norms[:, 2] / 10).all() and (norms[:, 2] < norms[:, 4] / 10).all()


def test_a_plan_that_learns_lowers_loss_and_error_on_what_it_learns_from():
    members = Members(SHAPE, (0, 1))
    before = evaluate(members, X, Y)
    list(learn(members, (Phase("whole", 60, objective="classification"),), X, Y, batch_size=16, learning_rate=0.02))
    now = evaluate(members, X, Y)
    assert (now[0] < before[0]).all() and (now[1] < before[1]).all()


def test_a_loss_that_is_not_finite_ends_the_comparison_and_names_phase_and_seed():
    broken = X.clone()
    broken[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="whole, seed 4"):
        list(learn(Members(SHAPE, (4, 5)), (WHOLE,), broken, Y))


@pytest.mark.parametrize(
    ("phase", "named"),
    [
        (Phase("two", 1, 0, 2), "one layer at a time"),
        (Phase("high", 1, 2, 3), "one layer at a time"),
        (Phase("all", 1, frozen=("*",), objective="classification"), "freezes everything"),
        (Phase("odd", 1, objective="magic"), "magic"),
    ],
    ids=lambda one: one.name if isinstance(one, Phase) else "",
)
def test_a_phase_that_cannot_be_carried_out_is_refused_before_anything_moves(phase, named):
    with pytest.raises(ValueError, match=named):
        learn(Members(SHAPE, (0,)), (phase,), X, Y)


def test_what_else_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="labels"):
        learn(Members(SHAPE, (0,)), (WHOLE,), X)
    with pytest.raises(ValueError, match="seeds"):
        learn(Members(SHAPE, (0,)), (WHOLE,), X, Y, seeds=(1, 2))
    with pytest.raises(ValueError, match="batch normalisation"):
        learn(Members(Blueprint((6, 5), 3, batch_norm=True), (0,)), (Phase("layer_1", 1),), X, layer=Layer("contractive"))
    with pytest.raises(ValueError, match="fuzzy"):
        Layer("fuzzy")
