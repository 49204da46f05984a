"""Networks: shapes, levels, tying, code types, and initial weights that come from the generator and from nothing else."""

import math

import pytest
import torch

from replearn_core import catalog
from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder, expected_shapes, unit_atoms
from replearn_core.sparse_coding import fista, ista, predictive_objective


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def build(seed=0, **fields) -> Autoencoder:
    return Autoencoder(Experiment.from_values({"dataset": "digits", "code_size": 6} | fields), generator(seed))


def samples(count=5, size=64):
    return torch.rand(count, size, generator=generator(7))


STACKS = {
    "one layer": {"code": "sigmoid"},
    "deep": {"code": "linear", "hidden": (12, 8)},
    "tied": {"code": "tanh", "hidden": (12,), "tied": True},
    "k_sparse": {"code": "k_sparse", "code_options": {"k": 2}},
    "gaussian": {"code": "gaussian", "hidden": (12,)},
    "predictive": {"code": "predictive"},
    "lista": {"code": "lista"},
    "conv": {"network": "conv", "hidden": (3, 4), "code": "relu"},
    "conv gaussian": {"network": "conv", "hidden": (3,), "code": "gaussian"},
    "cross-entropy": {"code": "sigmoid", "reconstruction": "cross_entropy"},
}
NAMED = pytest.mark.parametrize("fields", STACKS.values(), ids=STACKS)


# ---- shapes and levels ----


@NAMED
def test_codes_and_pictures_have_the_shapes_of_the_experiment(fields):
    network, x = build(**fields), samples()
    assert network.encode(x).shape == (5, 6)
    assert network.decode(network.encode(x)).shape == (5, 64)
    p = network(x, x, generator())
    assert (p.code.shape, p.features.shape, p.output.shape) == ((5, 6), (5, 6), (5, 64))


@pytest.mark.parametrize("dataset", ["digits", "mnist", "sprites", "dsprites"])
def test_convolutions_fit_images_of_every_side(dataset):
    size = catalog.DATASETS[dataset].size
    network = build(dataset=dataset, network="conv", hidden=(2, 3))
    assert network.decode(network.encode(samples(2, size))).shape == (2, size)


@NAMED
def test_levels_compose_in_both_directions(fields):
    network, x = build(**fields).eval(), samples()
    for level in range(1, network.levels):
        below = network.encode(x, 0, level)
        torch.testing.assert_close(network.encode(below, level), network.encode(x))
        h = network.encode(x)
        torch.testing.assert_close(network.decode(network.decode(h, level), 0, level), network.decode(h))


def test_hidden_activations_are_those_asked_for_and_the_code_has_its_own():
    network = build(hidden=(12,), activation="tanh", code="linear")
    x = samples()
    hidden = torch.tanh(x @ network.encoder[0].weight.T + network.encoder[0].bias)
    torch.testing.assert_close(network.encode(x, 0, 1), hidden)
    torch.testing.assert_close(network.encode(x), hidden @ network.encoder[1].weight.T + network.encoder[1].bias)


def test_the_pictures_of_a_cross_entropy_decoder_are_probabilities_but_its_pass_has_logits():
    network, x = build(reconstruction="cross_entropy"), samples()
    p = network(x, x, generator())
    torch.testing.assert_close(network.decode(p.code), torch.sigmoid(p.output))


@NAMED
def test_expected_shapes_are_those_of_the_parameters(fields):
    network = build(**fields)
    assert expected_shapes(network.experiment) == {name: tuple(value.shape) for name, value in network.state_dict().items()}


# ---- initial weights ----


@NAMED
def test_weights_follow_from_the_generator_alone(fields):
    state, again, other = (build(seed, **fields).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert any(not torch.equal(state[name], other[name]) for name in state)


@NAMED
def test_building_and_running_leave_the_global_generator_alone(fields):
    before = torch.get_rng_state()
    network = build(**fields)
    network(samples(), samples(), generator())
    assert torch.equal(torch.get_rng_state(), before)


@NAMED
def test_every_parameter_is_set(fields):
    for name, value in build(**fields).state_dict().items():
        assert bool(torch.isfinite(value).all()) and float(value.abs().max()) < 3, name


@pytest.mark.parametrize(("activation", "bound"), [("relu", math.sqrt(6 / 64)), ("tanh", math.sqrt(6 / (64 + 200)))])
def test_rectifiers_start_with_hes_weights_and_saturating_units_with_glorots(activation, bound):
    weight = build(hidden=(200,), activation=activation).encoder[0].weight
    assert 0.98 * bound < float(weight.detach().abs().max()) <= bound * 1.0001


@pytest.mark.parametrize("penalty", ["l1", "kl_sparsity", "contraction"])
def test_a_penalty_switched_on_keeps_the_initial_weights(penalty):
    plain, with_penalty = build().state_dict(), build(penalties=[{"name": penalty}]).state_dict()
    assert all(torch.equal(plain[name], with_penalty[name]) for name in plain)


# ---- tied weights ----


def test_a_tied_decoder_has_no_weights_of_its_own():
    network = build(hidden=(12,), tied=True)
    assert {name for name in network.state_dict() if name.startswith("decoder")} == {"decoder.0.bias", "decoder.1.bias"}


def test_a_tied_decoder_is_the_encoder_transposed():
    network = build(tied=True, code="linear")
    h = torch.rand(4, 6, generator=generator(1))
    torch.testing.assert_close(network.decode(h), h @ network.encoder[0].weight + network.decoder[0].bias)


# ---- code types ----


def test_a_k_sparse_code_keeps_the_k_largest_in_training_and_alpha_k_at_test_time():
    network = build(code="k_sparse", code_size=20, code_options={"k": 4, "alpha": 2})
    x = samples()
    a = x @ network.encoder[0].weight.T + network.encoder[0].bias
    for mode, kept in ((True, 4), (False, 8)):
        network.train(mode)
        h = network.encode(x)
        assert (h != 0).sum(dim=1).tolist() == [kept] * 5
        support = h != 0
        assert torch.equal(h[support], a[support])
        assert bool((a.masked_fill(support, -math.inf).amax(dim=1) <= a.masked_fill(~support, math.inf).amin(dim=1)).all())


def test_alpha_never_asks_for_more_units_than_there_are():
    network = build(code="k_sparse", code_size=6, code_options={"k": 6, "alpha": 10}).eval()
    assert network.encode(samples()).shape == (5, 6)


def test_the_gradient_of_a_k_sparse_code_flows_through_its_support_only():
    network = build(code="k_sparse", code_size=20, code_options={"k": 3})
    x = samples(1)
    h = network.encode(x)
    h.sum().backward()
    moved = network.encoder[0].weight.grad.abs().sum(dim=1) > 0
    assert torch.equal(moved, h[0] != 0)


def test_a_gaussian_code_is_sampled_in_training_and_is_its_mean_otherwise():
    network, x = build(code="gaussian", hidden=(12,)), samples()
    p = network(x, x, generator(1))
    assert not torch.equal(p.code, p.features)
    assert torch.equal(p.code, network(x, x, generator(1)).code)
    assert not torch.equal(p.code, network(x, x, generator(2)).code)
    p = network.eval()(x, x, generator(1))
    assert torch.equal(p.code, p.features) and torch.equal(p.features, network.encode(x))


def test_the_samples_of_a_gaussian_code_have_its_mean_and_its_variance():
    network, x = build(code="gaussian"), samples(1).repeat(20_000, 1)
    p = network(x, x, generator(1))
    torch.testing.assert_close(p.code.mean(dim=0), p.features[0], atol=0.05, rtol=0)
    torch.testing.assert_close(p.code.var(dim=0), p.log_variance[0].exp(), atol=0, rtol=0.1)


def test_the_variance_of_a_gaussian_code_cannot_overflow():
    network = build(code="gaussian")
    with torch.no_grad():
        network.encoder[0].bias.fill_(1e6)
    p = network(samples(), samples(), generator())
    assert bool(torch.isfinite(p.code - p.features).all()) and bool(torch.isfinite(p.log_variance.exp()).all())


def test_a_predictive_code_is_a_gain_times_a_hyperbolic_tangent():
    network, x = build(code="predictive"), samples()
    with torch.no_grad():
        network.gain.copy_(torch.arange(6.0))
    a = x @ network.encoder[0].weight.T + network.encoder[0].bias
    torch.testing.assert_close(network.encode(x), torch.arange(6.0) * torch.tanh(a))


# ---- inferred codes ----

INFERRED = pytest.mark.parametrize("code", ["predictive", "lista"])


@INFERRED
def test_the_atoms_of_an_inferred_code_start_with_unit_norm(code):
    norms = torch.linalg.vector_norm(build(code=code, code_size=20).decoder[0].weight, dim=0)
    torch.testing.assert_close(norms, torch.ones(20))


@INFERRED
def test_inference_lowers_the_published_objective_below_the_prediction_and_nears_its_minimum(code):
    network, x = build(code=code, code_size=20, code_options={"steps": 200}), samples()
    atoms, target = network.decoder[0].weight.detach(), samples() - network.decoder[0].bias.detach()
    predicted, inferred = network.encode(x).detach(), network.infer(x, 0.1, 1.0)

    def value(z):
        return float(predictive_objective(target, z, atoms, 0.1, predicted, 1.0))

    best = fista(target, atoms, 0.1, 3_000, anchor=predicted, gamma=1.0)
    assert value(inferred) < value(predicted)
    assert value(inferred) == pytest.approx(value(best), rel=1e-4)


@INFERRED
def test_inference_carries_no_gradient_and_the_prediction_does(code):
    network, x = build(code=code), samples()
    p = network(x, x, generator(), inference=(0.1, 1.0))
    assert not p.code.requires_grad and p.features.requires_grad
    p.output.sum().backward()
    assert network.decoder[0].weight.grad is not None


def test_an_untrained_lista_is_ista_with_the_atoms_of_its_decoder():
    network = build(code="lista", code_size=20, code_options={"layers": 4}, penalties=[{"name": "l1", "weight": 0.2}])
    x, atoms = samples(), network.decoder[0].weight.detach()
    torch.testing.assert_close(network.encode(x).detach(), ista(x, atoms, 0.2 / 2, 4), atol=1e-5, rtol=1e-4)


# ---- atoms of unit norm ----


def test_where_unit_atoms_are_promised():
    def promised(**fields):
        return unit_atoms(build(**fields).experiment)

    assert promised(penalties=[{"name": "l1"}]) and promised(code="predictive") and promised(code="lista")
    assert promised(penalties=[{"name": "contraction"}]) and not promised(penalties=[{"name": "contraction"}], tied=True)
    assert not promised() and not promised(penalties=[{"name": "kl_sparsity"}])


ATOMIC = ("one layer", "deep", "tied", "conv")


@pytest.mark.parametrize("fields", [STACKS[name] for name in ATOMIC], ids=ATOMIC)
def test_normalising_gives_every_atom_of_the_code_unit_norm(fields):
    network = build(**fields)
    network.normalise_atoms(0, network.levels)
    stage = network.encoder[-1].weight.T if network.tied else network.decoder[-1].weight
    torch.testing.assert_close(torch.linalg.vector_norm(stage, dim=0), torch.ones(6))


@pytest.mark.parametrize("hidden", [(), (12,), (12, 8)], ids=["one layer", "two", "three"])
def test_a_smaller_code_cannot_be_bought_with_a_larger_decoder(hidden):
    """Halve the code, double the decoder (each of its layers in turn): the atoms' norm must take the doubling back."""
    x = samples()
    for layer in range(len(hidden) + 1):
        network = build(hidden=hidden, code="linear", activation="relu", penalties=[{"name": "l1"}])
        network.normalise_atoms(0, network.levels)
        before = network.decode(network.encode(x))
        with torch.no_grad():
            network.encoder[-1].weight /= 2
            network.decoder[layer].weight *= 2
            network.normalise_atoms(0, network.levels)
        assert not torch.allclose(network.decode(network.encode(x)), before, rtol=1e-3), f"decoder.{layer} grew for free"


# ---- what the closed form of the contraction is given ----


def test_only_a_single_dense_layer_hands_its_weights_to_the_contraction():
    x = samples()

    def weight(**fields):
        return build(**fields)(x, x, generator()).weight

    assert weight() is not None and weight(tied=True) is not None
    assert weight(hidden=(12,)) is None and weight(network="conv", hidden=(3,)) is None
    assert weight(code="gaussian") is None and weight(code="lista") is None


def test_a_layer_trained_by_itself_has_the_code_name_of_its_own_activation():
    network = build(hidden=(12,), activation="tanh", code="sigmoid")
    assert network(samples(), samples(), generator(), 0, 1).code_name == "tanh"
    below = network.encode(samples(), 0, 1)
    assert network(below, below, generator(), 1, 2).code_name == "sigmoid"
