"""ISTA, FISTA, predictive inference and LISTA against scikit-learn's coordinate descent, formulas and properties."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import SparseCoder

from replearn_core.sparse_coding import (
    Lista,
    fista,
    ista,
    lipschitz,
    normalise_atoms_,
    objective,
    predictive_objective,
    random_dictionary,
    shrink,
)


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def atoms(seed: int, inputs: int, units: int) -> torch.Tensor:
    return normalise_atoms_(draw(seed, inputs, units))


def exact(x: torch.Tensor, dictionary: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Minimiser of ½‖x − Dz‖² + λ‖z‖₁ by coordinate descent; scikit-learn's `transform_alpha` is λ itself."""
    coder = SparseCoder(
        dictionary.T.numpy(), transform_algorithm="lasso_cd", transform_alpha=sparsity, transform_max_iter=100_000
    )
    return torch.from_numpy(coder.transform(x.numpy()))


def exact_predictive(
    x: torch.Tensor, dictionary: torch.Tensor, sparsity: float, anchor: torch.Tensor, gamma: float
) -> torch.Tensor:
    """Minimiser of ‖x − Dz‖² + λ‖z‖₁ + γ‖z − a‖²: the lasso of [x; √γ a] on [D; √γ I] at λ/2, for the missing ½."""
    root = gamma**0.5
    stacked = torch.cat([dictionary, root * torch.eye(dictionary.shape[1], dtype=torch.float64)])
    return exact(torch.cat([x, root * anchor], dim=1), stacked, sparsity / 2)


X, D, SPARSITY = draw(0, 200, 64), atoms(1, 64, 256), 0.5  # SCIENCE.md's table at a tenth of its samples
ANCHOR, GAMMA = 0.3 * draw(2, 200, 256), 0.7


@pytest.fixture(scope="module")
def best() -> float:
    return float(objective(X, exact(X, D, SPARSITY), D, SPARSITY))


def excess(z: torch.Tensor, best: float) -> float:
    return float(objective(X, z, D, SPARSITY)) / best - 1


def test_the_oracles_objective_is_the_table_of_science_md(best):
    assert best == pytest.approx(15.91, abs=0.6)  # other samples of the same distribution


def test_fista_is_within_a_thousandth_of_exact_after_50_steps_and_exact_after_500(best):
    assert 0 <= excess(fista(X, D, SPARSITY, 50), best) < 1e-3
    assert excess(fista(X, D, SPARSITY, 500), best) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("steps", "fista_excess", "ista_excess"), [(20, 0.0047, 0.0324), (50, 0.0001, 0.0081), (200, 0.0, 0.0003)]
)
def test_fista_and_ista_approach_the_optimum_as_fast_as_in_the_table(best, steps, fista_excess, ista_excess):
    quick, slow = excess(fista(X, D, SPARSITY, steps), best), excess(ista(X, D, SPARSITY, steps), best)
    assert quick == pytest.approx(fista_excess, rel=0.3, abs=1e-4)
    assert slow == pytest.approx(ista_excess, rel=0.3, abs=1e-4)
    assert quick < slow


def test_fista_finds_the_oracles_codes_and_support():
    oracle, found = exact(X, D, SPARSITY), fista(X, D, SPARSITY, 2000)
    torch.testing.assert_close(found, oracle, atol=1e-3, rtol=0)
    clear = oracle.abs() > 0.01
    assert torch.equal(torch.sign(found[clear]), torch.sign(oracle[clear]))
    assert (found == 0).double().mean() > 0.7  # true zeros, not small numbers


def test_the_optimum_meets_the_lassos_conditions():
    z = fista(X, D, SPARSITY, 3000)
    correlation = (X - z @ D.T) @ D  # Dᵀ(x − Dz) = λ sign(z) where z ≠ 0, within ±λ elsewhere
    torch.testing.assert_close(correlation[z != 0], SPARSITY * torch.sign(z[z != 0]), atol=1e-4, rtol=0)
    assert correlation.abs().max() <= SPARSITY + 1e-4


def test_predictive_inference_reaches_the_optimum_of_an_independent_solver():
    oracle = exact_predictive(X, D, SPARSITY, ANCHOR, GAMMA)
    found = fista(X, D, SPARSITY, 1000, start=ANCHOR, anchor=ANCHOR, gamma=GAMMA)
    torch.testing.assert_close(found, oracle, atol=1e-4, rtol=0)
    least = float(predictive_objective(X, oracle, D, SPARSITY, ANCHOR, GAMMA))
    assert float(predictive_objective(X, found, D, SPARSITY, ANCHOR, GAMMA)) == pytest.approx(least, rel=1e-7)
    halved = fista(X, D, SPARSITY / 2, 1000, anchor=ANCHOR, gamma=GAMMA)  # the convention mistaken
    assert float(predictive_objective(X, halved, D, SPARSITY, ANCHOR, GAMMA)) > least * 1.0001


def test_an_anchor_without_weight_is_the_lasso_at_half_the_sparsity():
    torch.testing.assert_close(
        fista(X, D, SPARSITY, 300, anchor=ANCHOR, gamma=0.0), fista(X, D, SPARSITY / 2, 300), atol=1e-12, rtol=0
    )


def test_the_predictive_objective_is_its_formula_and_twice_the_lasso_without_an_anchor():
    x, z, dictionary, anchor = draw(3, 2, 3), draw(4, 2, 4), draw(5, 3, 4), draw(6, 2, 4)
    each = [
        float((a - dictionary @ b).norm() ** 2 + 0.3 * b.abs().sum() + 0.9 * (b - c).norm() ** 2)
        for a, b, c in zip(x, z, anchor, strict=True)
    ]
    assert float(predictive_objective(x, z, dictionary, 0.3, anchor, 0.9)) == pytest.approx(np.mean(each))
    lasso = float(objective(x, z, dictionary, 0.15))
    assert float(predictive_objective(x, z, dictionary, 0.3, anchor, 0.0)) == pytest.approx(2 * lasso)


def test_a_heavy_anchor_holds_the_codes():
    loose, tight = (fista(X, D, 1e-6, 300, anchor=ANCHOR, gamma=gamma) for gamma in (0.01, 1e4))
    assert (tight - ANCHOR).abs().max() < 0.01 < (loose - ANCHOR).abs().max()


def test_a_start_at_the_answer_stays_there():
    z = fista(X, D, SPARSITY, 3000)
    for infer in (ista, fista):
        torch.testing.assert_close(infer(X, D, SPARSITY, 5, start=z), z, atol=1e-6, rtol=0)


def test_no_steps_return_the_start():
    start = draw(3, 200, 256)
    assert torch.equal(ista(X, D, SPARSITY, 0, start=start), start)
    assert torch.equal(fista(X, D, SPARSITY, 0), torch.zeros(200, 256, dtype=torch.float64))


def test_one_step_of_ista_is_its_equation():
    start, bound = draw(3, 200, 256), lipschitz(D)
    expected = shrink(start + (X - start @ D.T) @ D / bound, SPARSITY / bound)
    torch.testing.assert_close(ista(X, D, SPARSITY, 1, start=start), expected)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 10_000),
    st.floats(0, 3),
    st.integers(1, 40),
    st.sampled_from([0.01, 1.0, 100.0]),
    st.sampled_from([0.0, 0.5, 5.0]),
)
def test_no_step_raises_any_samples_objective_from_any_start_on_any_dictionary(seed, sparsity, steps, scale, gamma):
    x, dictionary, anchor = draw(seed, 4, 6), draw(seed + 1, 6, 9) * scale, draw(seed + 2, 4, 9)
    start = draw(seed + 3, 4, 9)

    def each(z):
        return torch.stack([objective(x[i : i + 1], z[i : i + 1], dictionary, sparsity) for i in range(4)])

    def each_predictive(z):
        rows = [slice(i, i + 1) for i in range(4)]
        return torch.stack([predictive_objective(x[r], z[r], dictionary, sparsity, anchor[r], gamma) for r in rows])

    for infer in (ista, fista):
        before, after = (infer(x, dictionary, sparsity, count, start=start) for count in (steps - 1, steps))
        assert (each(after) <= each(before) * (1 + 1e-9) + 1e-12).all()
    before, after = (
        fista(x, dictionary, sparsity, count, start=start, anchor=anchor, gamma=gamma) for count in (steps - 1, steps)
    )
    assert (each_predictive(after) <= each_predictive(before) * (1 + 1e-9) + 1e-12).all()


@settings(deadline=None, max_examples=60)
@given(st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_shrink_is_its_definition_and_solves_its_own_small_problem(v, threshold):
    z = float(shrink(torch.tensor(v, dtype=torch.float64), threshold))
    assert z == pytest.approx(np.sign(v) * max(abs(v) - threshold, 0))
    others = z + np.array([-1.0, -0.01, 0.01, 1.0])
    assert (0.5 * (z - v) ** 2 + threshold * abs(z) <= 0.5 * (others - v) ** 2 + threshold * np.abs(others) + 1e-9).all()


def test_shrink_takes_a_threshold_for_each_unit():
    v = torch.tensor([[2.0, -2.0, 0.5], [-1.0, 5.0, -3.0]])
    assert shrink(v, torch.tensor([1.0, 0.5, 3.0])).tolist() == [[1.0, -1.5, 0.0], [0.0, 4.5, 0.0]]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.sampled_from([torch.float32, torch.float64]))
def test_the_bound_is_the_largest_eigenvalue_and_never_below_it(seed, inputs, units, dtype):
    dictionary = draw(seed, inputs, units).to(dtype)
    largest = np.linalg.norm(dictionary.double().numpy(), 2) ** 2
    assert largest <= lipschitz(dictionary) <= largest * (1 + 2e-6)


def test_parallel_atoms_do_not_diverge():
    dictionary = draw(0, 8, 1).repeat(1, 100).float()  # all eigenvalues but one are zero
    codes = fista(draw(1, 3, 8).float(), dictionary, 0.01, 500)
    assert codes.abs().max() < 10  # false for NaN as well


def test_a_dictionary_of_zeros_codes_everything_as_zero_without_nan():
    nothing = torch.zeros(8, 5)
    x = draw(1, 3, 8).float()
    for infer in (ista, fista):
        assert torch.equal(infer(x, nothing, 0.1, 3), torch.zeros(3, 5))
        assert torch.equal(infer(x, nothing, 0.1, 3, start=torch.ones(3, 5)), torch.zeros(3, 5))
    assert torch.isfinite(Lista(nothing, 0.1, 2)(x)).all()


def test_atoms_become_unit_length_in_place_and_keep_their_direction():
    before = draw(0, 8, 5).float() * torch.tensor([1.0, 1e-30, 1e30, 0.0, 7.0])
    dictionary = torch.nn.Parameter(before.clone())
    assert normalise_atoms_(dictionary) is dictionary
    after = dictionary.detach()
    torch.testing.assert_close(after.norm(dim=0), torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0]))
    torch.testing.assert_close(after[:, [0, 4]], (before / before.norm(dim=0))[:, [0, 4]])
    assert torch.equal(torch.sign(after), torch.sign(before))


def test_inference_records_no_gradient():
    dictionary = torch.nn.Parameter(D.clone())
    assert not ista(X, dictionary, SPARSITY, 2).requires_grad
    assert not fista(X, dictionary, SPARSITY, 2).requires_grad
    objective(X, fista(X, dictionary, SPARSITY, 2), dictionary, SPARSITY).backward()
    assert dictionary.grad.abs().sum() > 0  # the dictionary's own step does


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_an_untrained_lista_is_ista_of_as_many_steps(steps):
    torch.testing.assert_close(Lista(D, SPARSITY, steps)(X), ista(X, D, SPARSITY, steps))


def test_lista_shares_its_weights_over_steps_and_does_not_hold_the_dictionary():
    dictionary = D.clone()
    model = Lista(dictionary, SPARSITY, 5)
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {
        "encoder": (256, 64),
        "inhibition": (256, 256),
        "threshold": (256,),
    }
    before = model(X)
    dictionary.mul_(2)
    assert torch.equal(model(X), before)
    model(X).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_training_brings_a_short_lista_closer_to_the_exact_codes_than_ista_of_as_many_steps():
    train, test = draw(7, 400, 16), draw(8, 100, 16)
    dictionary = atoms(9, 16, 24)
    target, held_out = (fista(x, dictionary, 0.5, 500) for x in (train, test))
    model = Lista(dictionary, 0.5, 3)
    untrained = (model(test) - held_out).square().sum(dim=1).mean().item()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        (model(train) - target).square().sum(dim=1).mean().backward()
        optimiser.step()
    trained = (model(test) - held_out).square().sum(dim=1).mean().item()
    assert trained < untrained / 2


def test_thresholds_that_training_makes_negative_count_as_zero():
    model = Lista(D, SPARSITY, 1)
    with torch.no_grad():
        model.threshold.fill_(-1.0)
    torch.testing.assert_close(model(X), X @ model.encoder.T)


def test_a_random_dictionary_follows_from_its_generator_and_has_unit_atoms():
    first, again = (random_dictionary(6, 9, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again) and first.shape == (6, 9)
    torch.testing.assert_close(first.norm(dim=0), torch.ones(9))


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"x must have the shape \(samples, 64\) of this dictionary, not \(200, 256\)"):
        ista(ANCHOR, D, SPARSITY, 1)
    with pytest.raises(ValueError, match=r"start must have the codes' shape \(200, 256\), not \(200, 64\)"):
        fista(X, D, SPARSITY, 1, start=X)
    with pytest.raises(ValueError, match="anchor must have the codes' shape"):
        fista(X, D, SPARSITY, 1, anchor=X, gamma=1.0)
    with pytest.raises(ValueError, match="no anchor"):
        fista(X, D, SPARSITY, 1, gamma=1.0)
    with pytest.raises(ValueError, match="sparsity must be a finite number of at least 0, not -1"):
        ista(X, D, -1, 1)
    with pytest.raises(ValueError, match="gamma"):
        fista(X, D, SPARSITY, 1, anchor=ANCHOR, gamma=float("nan"))
    with pytest.raises(ValueError, match="steps"):
        fista(X, D, SPARSITY, -1)
    with pytest.raises(ValueError, match="at least 1"):
        Lista(D, SPARSITY, 0)
    with pytest.raises(ValueError, match=r"\(inputs, atoms\)"):
        lipschitz(X[0])
    with pytest.raises(ValueError, match="dictionary has 1 values that are NaN"):
        lipschitz(torch.tensor([[1.0, float("nan")]]))
