"""Corruptions: the promised distribution, the clean input untouched, every draw from the generator that was passed."""

import pytest
import torch

from replearn_core import catalog
from replearn_core.corruptions import CORRUPTIONS, corrupt, gaussian, masking, salt_and_pepper
from replearn_core.experiment import Term


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def off_diagonal(matrix):
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


X = torch.rand(400, 50, generator=torch.Generator().manual_seed(9)) * 0.8 + 0.1  # no value is 0 or 1
LEVELS = {"gaussian": 0.3, "masking": 0.3, "salt_and_pepper": 0.2}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_clean_input_is_not_written_to(name):
    x = X.clone()
    noisy = CORRUPTIONS[name](x, LEVELS[name], generator())
    assert torch.equal(x, X) and noisy.shape == x.shape and noisy.dtype == x.dtype
    assert not torch.equal(noisy, x)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_equal_generators_give_equal_noise_and_a_generator_gives_new_noise_each_time(name):
    random = generator(3)
    first, second = (CORRUPTIONS[name](X, LEVELS[name], random) for _ in range(2))
    assert torch.equal(first, CORRUPTIONS[name](X, LEVELS[name], generator(3)))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_level_zero_changes_nothing(name):
    assert torch.equal(CORRUPTIONS[name](X, 0.0, generator()), X)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_global_generator_is_left_alone(name):
    before = torch.get_rng_state()
    CORRUPTIONS[name](X, LEVELS[name], generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_gaussian_noise_has_the_standard_deviation_asked_for_and_is_not_clipped():
    noise = gaussian(X, 0.5, generator()) - X
    assert float(noise.std()) == pytest.approx(0.5, rel=0.02) and abs(float(noise.mean())) < 0.02
    noisy = gaussian(X, 0.5, generator())
    assert float(noisy.min()) < 0 and float(noisy.max()) > 1


def test_masking_hides_its_share_and_leaves_the_survivors_as_they_are():
    noisy = masking(X, 0.3, generator())
    hidden = noisy == 0
    assert float(hidden.float().mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal(noisy[~hidden], X[~hidden])


def test_salt_and_pepper_falls_on_its_share_by_a_fair_coin():
    noisy = salt_and_pepper(X, 0.4, generator())
    salt, pepper = noisy == 1, noisy == 0
    assert float(salt.float().mean()) == pytest.approx(0.2, abs=0.02)
    assert float(pepper.float().mean()) == pytest.approx(0.2, abs=0.02)
    untouched = ~(salt | pepper)
    assert torch.equal(noisy[untouched], X[untouched])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_samples_and_pixels_are_corrupted_independently(name):
    changed = (CORRUPTIONS[name](X, LEVELS[name], generator()) - X).double()
    samples, pixels = torch.corrcoef(changed), torch.corrcoef(changed.T)
    assert float(off_diagonal(pixels).abs().max()) < 0.3
    assert abs(float(off_diagonal(samples).mean())) < 0.05 or name == "salt_and_pepper"  # its mean depends on the pixel


def test_no_corruption_is_the_input_itself():
    assert corrupt(X, None, generator()) is X


@pytest.mark.parametrize("name", catalog.CORRUPTIONS)
def test_a_term_is_carried_out_at_its_level(name):
    term = Term(name=name, weight=LEVELS[name])
    assert torch.equal(corrupt(X, term, generator(1)), CORRUPTIONS[name](X, LEVELS[name], generator(1)))
