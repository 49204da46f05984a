"""Contraction and spectrum against Jacobians that autograd and NumPy compute without our formulas."""

from functools import partial

import numpy as np
import pytest
import torch

from replearn_core import penalties
from replearn_core.evaluation import spectrum
from replearn_core.experiment import Experiment
from replearn_core.networks import Autoencoder

DENSE_CODES = ("linear", "sigmoid", "tanh", "relu", "k_sparse", "gaussian", "predictive")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def build(**fields) -> Autoencoder:
    network = Autoencoder(Experiment.from_values({"dataset": "digits", "code_size": 6} | fields), generator(3))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator(4))  # biases and gains that matter
    return network


def encode_one(network, sample):
    return network.encode(sample[None])[0]


def samples(count=5):
    return torch.rand(count, 64, generator=generator(7))


def jacobians(network: Autoencoder, x) -> np.ndarray:
    """(B, K, D): one call of autograd for each unit of each sample."""
    rows = []
    for sample in x:
        jacobian = torch.autograd.functional.jacobian(lambda s: network.encode(s[None])[0], sample)
        rows.append(jacobian.double().numpy())
    return np.stack(rows)


def squared_norm(network, x) -> float:
    return float((jacobians(network, x) ** 2).sum(axis=(1, 2)).mean())


def one_value(network: Autoencoder, x, seed=0) -> torch.Tensor:
    seen = x.clone().requires_grad_()
    return penalties.contraction(network(seen, x, generator(seed)))


def options(code):
    return {"code_options": {"k": 3}} if code == "k_sparse" else {}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("code", ["linear", "sigmoid", "tanh", "relu"])
def test_the_closed_form_of_one_layer_is_the_norm_of_its_jacobian(code, tied):
    network = build(code=code, tied=tied)
    assert one_value(network, samples()).item() == pytest.approx(squared_norm(network, samples()), rel=1e-4)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_the_closed_form_holds_for_a_hidden_layer_trained_by_itself(activation):
    network, x = build(activation=activation, hidden=(9,)), samples()
    by_hand = [torch.autograd.functional.jacobian(lambda s: network.encode(s[None], 0, 1)[0], sample) for sample in x]
    expected = float(torch.stack(by_hand).square().sum(dim=(1, 2)).mean())
    assert penalties.contraction(network(x, x, generator(), 0, 1)).item() == pytest.approx(expected, rel=1e-4)


DEEP = [{"code": code, "hidden": (9,), "activation": "tanh"} | options(code) for code in DENSE_CODES[:-1]]
DEEP += [{"code": code} | options(code) for code in ("k_sparse", "gaussian", "predictive")]
DEEP += [{"network": "conv", "hidden": (2, 3), "code": "sigmoid"}]


@pytest.mark.parametrize("fields", DEEP, ids=lambda fields: "-".join(str(value) for value in fields.values()))
def test_the_one_probe_estimate_is_right_on_average(fields):
    network, x = build(**fields), samples()
    values = np.array([one_value(network, x, seed).item() for seed in range(300)])
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - squared_norm(network, x)) < 4 * error + 1e-6


def test_each_probe_is_new():
    network, random = build(hidden=(9,)), generator(0)
    seen = samples().requires_grad_()
    values = {float(penalties.contraction(network(seen, samples(), random)).detach()) for _ in range(5)}
    assert len(values) == 5


@pytest.mark.parametrize("fields", [*DEEP, {"code": "sigmoid"}, {"code": "relu"}], ids=lambda f: "-".join(map(str, f.values())))
def test_the_gradient_of_the_contraction_reaches_every_weight_of_the_encoder(fields):
    network = build(**fields)
    one_value(network, samples()).backward()
    weights = {name: p for name, p in network.named_parameters() if name.startswith("encoder") and name.endswith("weight")}
    for name, parameter in weights.items():
        assert parameter.grad is not None and float(parameter.grad.abs().max()) > 0, name


def test_the_gradient_of_the_closed_form_is_that_of_the_jacobians_norm():
    x = samples()
    for code in ("sigmoid", "tanh", "linear"):
        network = build(code=code)
        one_value(network, x).backward()
        closed = network.encoder[0].weight.grad.clone()
        network.zero_grad()
        exact = torch.zeros(())
        for sample in x:
            encode = partial(encode_one, network)
            jacobian = torch.autograd.functional.jacobian(encode, sample, create_graph=True)
            exact = exact + jacobian.square().sum() / len(x)
        exact.backward()
        torch.testing.assert_close(closed, network.encoder[0].weight.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("fields", [{"code": "sigmoid"}, {"code": "linear", "hidden": (9,)}, {"code": "lista"}], ids=str)
def test_the_spectrum_is_numpys_singular_values(fields):
    network, x = build(**fields).eval(), samples(3)
    expected = np.linalg.svd(jacobians(network, x), compute_uv=False).mean(axis=0)
    shown = spectrum(network, x)
    assert shown.shape == (6,) and shown.dtype == np.float32
    np.testing.assert_allclose(shown, expected, rtol=1e-3, atol=1e-5)
    assert (np.diff(shown) <= 0).all()


def test_the_spectrum_of_a_hidden_level_is_that_of_the_layers_below_it():
    network, x = build(hidden=(9,), code="linear").eval(), samples(2)
    lower = [torch.autograd.functional.jacobian(lambda s: network.encode(s[None], 0, 1)[0], sample).numpy() for sample in x]
    expected = np.linalg.svd(np.stack(lower), compute_uv=False).mean(axis=0)
    np.testing.assert_allclose(spectrum(network, x, 1), expected, rtol=1e-3, atol=1e-5)
