"""Jacobian spectrum, norm and finite-step sensitivity: against autograd and closed forms."""

import numpy as np
import pytest
import torch
from torch import nn

from replearn_core.measures import jacobian_spectrum, mean_jacobian_norm, smoothness


def network(*sizes: int, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [layer for a, b in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(a, b), nn.Sigmoid())]
    return nn.Sequential(*layers).double()


def inputs(count: int, *shape: int) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("sizes", [(7, 4), (4, 7), (6, 5, 3), (5, 5)])
def test_the_spectrum_is_numpys_svd_of_autograds_jacobian(sizes):
    encode, x = network(*sizes), inputs(6, sizes[0])
    expected = []
    for sample in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: encode(v[None])[0], sample)
        expected.append(np.linalg.svd(jacobian.numpy(), compute_uv=False))
    measured = jacobian_spectrum(encode, x)
    assert measured.shape == (6, min(sizes[0], sizes[-1]))
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-12)
    assert (np.diff(measured, axis=1) <= 0).all()


def test_the_norm_of_one_sigmoid_layer_is_the_closed_form_and_is_not_squared():
    encode, x = network(7, 4), inputs(9, 7)
    h, weight = encode(x).detach().numpy(), encode[0].weight.detach().numpy()
    squared = ((h * (1 - h)) ** 2 @ np.square(weight).sum(axis=1)).ravel()  # ‖J‖²_F = Σ_j h_j²(1−h_j)² ‖W_j‖²
    assert mean_jacobian_norm(encode, x) == pytest.approx(np.sqrt(squared).mean())


def test_the_norm_is_the_root_of_the_sum_of_squared_singular_values():
    encode, x = network(6, 8), inputs(5, 6)
    expected = np.sqrt(np.square(jacobian_spectrum(encode, x)).sum(axis=1)).mean()
    assert mean_jacobian_norm(encode, x) == pytest.approx(expected)


def test_images_and_numpy_arrays_are_taken_as_they_come():
    encode = nn.Sequential(nn.Flatten(), network(12, 3)).double()
    x = inputs(4, 3, 4)
    np.testing.assert_allclose(jacobian_spectrum(encode, x.numpy()), jacobian_spectrum(encode[1], x.reshape(4, 12)))


def test_large_batches_are_measured_in_chunks_with_the_same_result(monkeypatch):
    encode, x = network(7, 4), inputs(11, 7)
    whole = jacobian_spectrum(encode, x)
    monkeypatch.setattr(smoothness, "JACOBIAN_NUMBERS", 3 * 7 * 4)
    np.testing.assert_allclose(jacobian_spectrum(encode, x), whole, rtol=1e-12)


def test_measuring_leaves_no_gradients_behind():
    encode, x = network(7, 4), inputs(3, 7).requires_grad_()
    mean_jacobian_norm(encode, x)
    assert all(tensor.grad is None for tensor in (x, *encode.parameters()))


def test_whole_numbers_are_taken_as_the_encoder_takes_them():
    encode, pictures = network(7, 4).float(), np.random.default_rng(100).integers(0, 9, (3, 7), np.uint8)
    assert mean_jacobian_norm(encode, pictures) == mean_jacobian_norm(encode, torch.from_numpy(pictures.astype(np.float32)))


def test_bad_input_is_refused():
    encode, x = network(7, 4), inputs(3, 7)
    broken = x.clone()
    broken[2, 5] = torch.nan
    with pytest.raises(ValueError, match=r"x has 1 of 21 values .* first at index \(2, 5\)"):
        jacobian_spectrum(encode, broken)
    with pytest.raises(ValueError, match="the Jacobian has"):
        mean_jacobian_norm(lambda v: v * torch.nan, x)
    with pytest.raises(ValueError, match="at least one sample"):
        jacobian_spectrum(encode, x[:0])
    with pytest.raises(ValueError, match=r"encode must return \(1, units\) for 1 samples"):
        jacobian_spectrum(lambda v: v.sum(dim=1), x)
