"""Known answers of what the studies measure."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn_core import measures
from replearn_core.datasets import load
from replearn_core.experiment import Experiment, InvalidExperiment
from replearn_core.own.refusal import Refused
from replearn_core.properties import atoms, disentangled, distributed, field, hierarchical, manifold, smooth, sparse, useful
from replearn_core.properties import scorecard as card
from replearn_core.properties.dimension import untrained
from replearn_core.properties.study import trained


def fresh() -> np.random.Generator:
    """The same draws whichever tests run."""
    return np.random.default_rng(0)


# ---- disentangled ----

LEVELS = (3, 4, 5)
FACTORS = np.indices(LEVELS).reshape(3, -1).T


def test_a_unit_that_is_a_factor_responds_to_it_alone():
    np.testing.assert_allclose(disentangled.response(FACTORS.astype(float), LEVELS), np.eye(3), atol=1e-12)


def test_a_unit_that_adds_factors_has_a_row_that_sums_to_1():
    mixed = (FACTORS * [1.0, 2.0, -1.0]).sum(axis=1, keepdims=True)
    response = disentangled.response(mixed, LEVELS)
    assert response.sum() == pytest.approx(1) and (response > 0).all()


def test_a_constant_unit_responds_to_nothing():
    assert not disentangled.response(np.ones((60, 2)), LEVELS).any()


def test_a_response_needs_the_complete_grid():
    with pytest.raises(ValueError, match="59 rows, a complete grid of 3 × 4 × 5 has 60"):
        disentangled.response(np.ones((59, 2)), LEVELS)


def test_factors_are_read_off_one_unit_when_each_has_its_own():
    factors = np.tile(FACTORS, (10, 1))
    assert disentangled.readings(factors.astype(float), factors) == (1.0, 1.0)


def test_one_unit_tells_less_than_all_when_factors_are_spread():
    factors = fresh().integers(0, 4, (3_000, 3))
    rotation = np.array([[2, 2, 1], [-2, 1, 2], [1, -2, 2]]) / 3  # no axis stays an axis
    one, every = disentangled.readings(factors @ rotation + fresh().normal(0, 0.1, factors.shape), factors)
    assert one < every - 0.1


def test_a_heavier_kl_leaves_fewer_active_units_or_a_larger_error(study):
    done = study("disentangled")
    assert np.mean(done.values["beta.error"]) > np.mean(done.values["plain.error"])


def test_information_of_a_unit_that_is_the_factor_is_1_and_of_a_constant_0():
    factors = np.tile(FACTORS, (10, 1))
    codes = np.column_stack([factors, np.zeros(len(factors))])
    shared = measures.factor_information(codes, factors)
    np.testing.assert_allclose(shared[:3], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(shared[3], 0, atol=1e-9)


# ---- distributed ----


@pytest.mark.parametrize(
    ("lines", "regions"),
    [
        ([], 1),
        ([(1, 0, 0)], 2),
        ([(1, 0, 0), (0, 1, 0)], 4),
        ([(1, 0, 0), (1, 0, 1)], 3),  # parallel
        ([(1, 0, 0), (2, 0, 0), (-3, 0, 0)], 2),  # one line three times
        ([(1, 0, 0), (0, 1, 0), (1, 1, 0)], 6),  # through one point
        ([(1, 0, 0), (0, 1, 0), (1, 1, 1)], 7),  # in general position
        ([(1, 0, 0.1), (0, 1, 0.1), (1, -1, 0)], 6),  # through (0.1, 0.1), which no float holds exactly
    ],
)
def test_regions_of_lines_at_known_places(lines, regions):
    assert measures.regions_of_lines(np.array(lines, float).reshape(-1, 3)) == regions


def test_lines_that_miss_the_box_do_not_cut_it():
    lines = [(1, 0, 0.5), (1, 0, 2), (0, 1, 1)]
    assert measures.regions_of_lines(lines, (0, 0, 1, 1)) == 2
    assert measures.regions_of_lines(lines) == 6


def test_a_crossing_outside_the_box_does_not_count():
    lines = [(1, 0.1, 0.4), (1, -0.1, 0.6)]  # they cross at (0.5, -1)
    assert measures.regions_of_lines(lines, (0, 0, 1, 1)) == 3
    assert measures.regions_of_lines(lines) == 4


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 9), st.integers(0, 1_000))
def test_random_lines_are_in_general_position_and_meet_the_formula(count, seed):
    lines = np.random.default_rng(seed).normal(size=(count, 3))
    assert measures.regions_of_lines(lines) == measures.regions_of_hyperplanes(count, 2)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2)).filter(lambda line: line[0] or line[1]),
        min_size=1,
        max_size=6,
    )
)
def test_regions_are_as_many_as_a_fine_grid_finds(lines):
    """Lines with small whole coefficients cross within |x| ≤ 8 with angles wide enough for a grid that is not aligned with
    them."""
    lines = np.array(lines, float)
    places = np.linspace(-60, 60, 801) + 0.0371
    x, y = np.meshgrid(places, places + 0.0113)
    sides = sum(((a * x + b * y > c).astype(np.int64) << bit) for bit, (a, b, c) in enumerate(lines))
    assert measures.regions_of_lines(lines) >= len(np.unique(sides))


@pytest.mark.parametrize("lines", [[(0, 0, 1)], [(1, 2)], [(1, np.nan, 0)], np.ones((101, 3))])
def test_what_is_no_line_is_refused(lines):
    with pytest.raises(ValueError):
        measures.regions_of_lines(lines)


def test_an_empty_box_is_refused():
    with pytest.raises(ValueError, match="is empty"):
        measures.regions_of_lines([(1, 0, 0)], (1, 0, 0, 1))


@pytest.mark.parametrize(("units", "dimension"), [(1, 1), (4, 2), (6, 3)])
def test_patterns_on_points_never_exceed_the_formula(units, dimension):
    for seed in range(3):
        lines, prototypes = distributed.patterns_told_apart(units, dimension, seed)
        assert 1 <= lines <= measures.regions_of_hyperplanes(units, dimension) and 1 <= prototypes <= units


def test_a_probe_on_the_factors_themselves_reads_unseen_pairs():
    factors = np.tile(np.indices((2, 2, 2)).reshape(3, -1).T, (20, 1))
    read = distributed.unseen_combinations(factors.astype(float), factors, factors.astype(float), factors, 0)
    np.testing.assert_array_equal(read, 1.0)


def test_a_code_with_one_unit_a_combination_cannot_read_unseen_pairs():
    factors = np.tile(np.indices((8, 8)).reshape(2, -1).T, (10, 1))
    one_hot = np.eye(64)[factors @ [8, 1]]
    read = distributed.unseen_combinations(one_hot, factors, one_hot, factors, 0)
    assert (read[:, 0] == 1).all() and (read[:, 1] < 0.3).all()


def test_every_level_is_trained_on_though_pairs_are_held_out():
    factors = np.indices((8, 8)).reshape(2, -1).T
    for seed in range(5):
        hidden = distributed._held_out(factors, 0, seed)
        assert 0.2 < hidden.mean() < 0.3
        assert set(factors[~hidden, 0]) == set(range(8))


def test_the_nearest_neighbour_of_a_code_is_itself():
    codes = fresh().normal(size=(50, 4)).astype(np.float32)
    near, ties = distributed.nearest(codes, codes, 0)
    np.testing.assert_array_equal(near[:, 0], np.arange(50))
    assert ties == 1


def test_all_codes_tie_when_they_are_equal():
    assert distributed.nearest(np.ones((50, 4)), np.ones((3, 4)), 0)[1] == 50


def test_equal_factors_are_no_distance_away():
    factors = np.array([[0, 3], [2, 1]])
    assert distributed.away(np.repeat(factors[:, None], 6, axis=1), factors) == 0


# ---- smooth ----


def test_no_change_is_the_picture_itself_and_all_stay_in_range():
    x = load("digits", 100).x_test[:5]
    for change in smooth.GREATEST:
        moved = smooth.series(x, change)
        np.testing.assert_array_equal(moved[0], x)
        assert moved.min() >= 0 and moved.max() <= 1 and (moved[-1] != x).any()


def test_a_shift_by_two_pixels_moves_the_picture_by_two_columns():
    x = np.zeros((1, 8, 8), np.float32)
    x[0, 3, 2] = 1
    moved = smooth.series(x, "shift")[-1]
    assert moved[0, 3, 4] == pytest.approx(1) and moved.sum() == pytest.approx(1)


def test_thickening_never_darkens_a_pixel():
    x = load("digits", 100).x_test[:5]
    moved = smooth.series(x, "thicken")
    assert (np.diff(moved, axis=0) >= -1e-6).all()


def test_an_unknown_change_is_refused():
    with pytest.raises(ValueError, match="not one of shift, rotate, thicken, noise"):
        smooth.series(np.zeros((1, 8, 8)), "melt")


def test_relative_sensitivity_is_the_same_for_any_scale_of_the_code():
    x = load("digits", 100).x_test[:60]
    moved = smooth.series(x, "noise")
    matrix = fresh().normal(size=(64, 5))

    def space(scale):
        return lambda images: scale * images.reshape(len(images), -1) @ matrix

    np.testing.assert_allclose(smooth.sensitivity_curve(space(1.0), x, moved), smooth.sensitivity_curve(space(1e-3), x, moved))


def test_a_code_blind_to_the_change_has_no_sensitivity():
    x = load("digits", 100).x_test[:60]
    curve = smooth.sensitivity_curve(lambda images: images[:, :, 3], x, np.stack([x, np.where(np.arange(8) != 3, 1 - x, x)]))
    np.testing.assert_array_equal(curve, 0)


def test_equal_codes_give_no_distance_to_compare_with():
    with pytest.raises(ValueError, match="none of 2000 pairs of 9 codes differs"):
        smooth.typical_distance(np.ones((9, 2)))
    with pytest.raises(ValueError, match="1 codes make no pair"):
        smooth.typical_distance(np.ones((1, 2)))


# ---- hierarchical ----


def test_attributes_of_a_horizontal_bar():
    x = np.zeros((1, 8, 8))
    x[0, 2, 1:6] = 1
    found = hierarchical.attributes(x)
    assert found["intensity"][0, 0] == pytest.approx(5 / 64)
    np.testing.assert_allclose(found["position"][0], (3, 2))
    np.testing.assert_allclose(found["angle"][0], (1, 0), atol=1e-12)


@pytest.mark.parametrize(("flipped", "sine"), [(False, -1), (True, 1)])
def test_a_diagonal_has_the_angle_of_its_long_axis(flipped, sine):
    x = np.eye(8)[None]  # falls to the right: -45°
    found = hierarchical.attributes(x[:, :, ::-1] if flipped else x)
    np.testing.assert_allclose(found["angle"][0], (0, sine), atol=1e-12)


def test_an_empty_picture_is_in_the_middle_and_has_no_angle():
    found = hierarchical.attributes(np.zeros((1, 8, 8)))
    np.testing.assert_allclose(found["position"][0], (3.5, 3.5))
    np.testing.assert_allclose(found["angle"][0], 0, atol=1e-12)


def test_probes_read_what_a_layer_holds_and_not_what_it_does_not():
    data = load("digits", 400)
    targets = tuple(hierarchical.attributes(x) for x in (data.x_train, data.x_test))
    holds = [np.hstack([np.eye(10)[y], t["position"]]) for y, t in zip((data.y_train, data.y_test), targets)]
    found = hierarchical.probes(*holds, data, targets)
    assert found["class"] == 1 and found["position"] > 0.999
    noise = [np.random.default_rng(seed).normal(size=(len(x), 5)) for seed, x in enumerate((data.x_train, data.x_test))]
    nothing = hierarchical.probes(*noise, data, targets)
    assert nothing["class"] < 0.25 and nothing["position"] < 0.05


@pytest.mark.parametrize("units", [3, 20, 50])
def test_ridge_weights_are_those_of_the_penalised_least_squares_whichever_matrix_is_smaller(units):
    from sklearn.linear_model import Ridge

    random = np.random.default_rng(0)
    a, wanted = random.normal(size=(20, units)), random.normal(size=(20, 2))
    np.testing.assert_allclose(hierarchical.ridge(a, wanted), Ridge(1.0, fit_intercept=False).fit(a, wanted).coef_.T, atol=1e-9)


def test_probes_of_wide_feature_maps_are_fitted_on_as_many_pictures_as_can_be_held(monkeypatch):
    settings_, read, real = (
        hierarchical.Hierarchical(network="conv", depth=1, epochs=1, train_size=300),
        set(),
        hierarchical.probes,
    )
    monkeypatch.setattr(hierarchical, "NUMBERS", 8 * 4 * 4 * 200)  # 8 maps of 4×4
    monkeypatch.setattr(hierarchical, "probes", lambda *told: read.add(len(told[0])) or real(*told))
    done = hierarchical.run_hierarchical(settings_)
    assert read == {200} and 0.2 < np.mean(done.values["level1.class"]) <= 1


def test_a_tree_joins_the_nearest_classes_first():
    labels = np.repeat(np.arange(3), 10)
    codes = np.array([[0.0, 0], [0.1, 0], [5, 5]])[labels]
    trees = hierarchical.class_trees([codes], labels)
    assert set(trees["tree"][0, 0, :2]) == {0, 1} and trees["tree"][0, -1, 2] == 1
    assert trees["tree.classes"].tolist() == [0, 1, 2]


def test_held_out_pictures_of_one_class_are_refused_before_anything_is_trained(monkeypatch):
    whole = load("digits", 200)
    monkeypatch.setattr("replearn_core.datasets.load", lambda *_: replace(whole, y_test=np.zeros_like(whole.y_test)))
    with pytest.raises(Refused, match="own_study_held"):
        hierarchical.run_hierarchical(hierarchical.Hierarchical(train_size=200), tell=pytest.fail)


def test_a_class_that_is_not_held_out_leaves_the_other_leaves_their_names_and_one_class_is_no_tree():
    codes = np.random.default_rng(100).normal(size=(30, 2))
    assert hierarchical.class_trees([codes], np.repeat([0, 3, 7], 10))["tree.classes"].tolist() == [0, 3, 7]
    with pytest.raises(ValueError, match="all 30 labels are 4"):
        hierarchical.class_trees([codes], np.full(30, 4))


@pytest.mark.parametrize("level", [1, 2])
def test_a_receptive_patch_is_all_that_a_feature_sees(level):
    """What lies outside may change without the unit noticing; what lies inside may not."""
    e = Experiment(dataset="digits", network="conv", hidden=(3, 4), activation="tanh", code="linear", code_size=4)
    network = untrained(e)
    x = fresh().uniform(size=(1, 8, 8)).astype(np.float32)
    marked = np.arange(1, 65, dtype=np.float32).reshape(8, 8)
    side = 8 >> level
    for place in range(side * side):
        seen = hierarchical.receptive_patch(marked, level, place)
        inside = np.isin(marked, seen[seen > 0])
        assert seen.shape == ((4, 4), (10, 10))[level - 1]
        before = hierarchical.feature_maps(network, x, level)[0, :, place]
        outside = np.where(inside, x, 1 - x)
        np.testing.assert_allclose(hierarchical.feature_maps(network, outside, level)[0, :, place], before, atol=1e-6)
        changed = np.where(inside, 1 - x, x)
        assert (np.abs(hierarchical.feature_maps(network, changed, level)[0, :, place] - before) > 1e-4).any()


@pytest.mark.parametrize("level", [1, 2])
def test_ideal_inputs_excite_their_units_more_than_any_picture_does(level):
    data = load("digits", 300)
    network = trained(Experiment(dataset="digits", train_size=300, hidden=(16,), code="linear", code_size=8, epochs=3), data)
    maps = hierarchical.feature_maps(network, data.x_test, level)[:, :8]  # (N, 8, 1)
    ideal = hierarchical.ideal_inputs(network, level, hierarchical._liked(maps, data.x_test)).astype(np.float32)
    own = hierarchical.feature_maps(network, ideal, level)[np.arange(8), np.arange(8), 0]
    best = maps[:, :, 0].max(axis=0)
    assert (own > best)[best > 0].all() and ideal.min() >= 0 and ideal.max() <= 1


def test_a_convolutional_encoder_has_its_layers_too():
    settings_ = hierarchical.Hierarchical(network="conv", epochs=1, train_size=200)
    done = hierarchical.run_hierarchical(settings_)
    assert done.arrays["cka"].shape == (5, 4, 4) and done.arrays["level1.best"].shape[2:] == (4, 4)
    np.testing.assert_allclose(np.diagonal(done.arrays["cka"], axis1=1, axis2=2), 1, atol=1e-5)


# ---- sparse ----


@pytest.mark.parametrize(
    ("codes", "population", "lifetime"), [(np.eye(4), 1, 1), (np.ones((3, 4)), 0, 0), (np.tile([1.0, 0, 0, 0], (5, 1)), 1, 0)]
)
def test_population_and_lifetime_sparsity_of_known_codes(codes, population, lifetime):
    assert measures.population_sparsity(codes) == pytest.approx(population)
    assert measures.lifetime_sparsity(codes) == pytest.approx(lifetime)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6))
def test_lifetime_sparsity_is_population_sparsity_turned_and_has_no_unit(seed, scale):
    codes = np.random.default_rng(seed).normal(size=(7, 5))
    assert measures.lifetime_sparsity(scale * codes) == pytest.approx(measures.population_sparsity(codes.T))


def test_silent_codes_are_not_sparse():
    assert measures.population_sparsity(np.zeros((3, 4))) == measures.lifetime_sparsity(np.zeros((3, 4))) == 0


def test_keeping_all_units_is_the_whole_reconstruction(study):
    done = study("sparse")
    data = load("digits", 400)
    network = trained(sparse.experiment_of(done.settings, "plain", 0), data)
    codes = sparse.encoded(network, data.x_test)
    mean = sparse.encoded(network, data.x_train).mean(axis=0)
    errors, pictures = sparse.keep_strongest(network, codes, data.x_test, mean)
    assert errors[-1] == pytest.approx(measures.reconstruction_error(data.x_test, sparse.decoded(network, codes)), rel=1e-5)
    assert pictures.shape == (8, 10, 8, 8)
    one = sparse.keep_strongest(network, codes[:8], data.x_test[:8], mean)[0]  # held-out codes say nothing of where units rest
    each = [sparse.keep_strongest(network, codes[row : row + 1], data.x_test[row : row + 1], mean)[0] for row in range(8)]
    np.testing.assert_allclose(one, np.mean(each, axis=0), rtol=1e-5)


def test_a_studys_error_is_that_of_all_units_however_many_are_kept(study, monkeypatch):
    done = study("sparse")
    monkeypatch.setattr(sparse, "KEPT", (1, 5))  # as for a code of more units than the real ones' 100
    again = sparse.run_sparse(done.settings)
    for family in sparse.FAMILIES:
        assert again.values[f"{family}.error"] == pytest.approx(done.values[f"{family}.error"], rel=1e-5)


def test_multiply_adds_saved_are_the_share_of_zeros():
    codes = np.zeros((10, 8))
    codes[:, 0] = 1
    found = sparse.savings(codes)
    assert found["saved"] == pytest.approx(7 / 8) and found["speedup"] > 0


def test_k_sparse_codes_save_what_k_promises(study):
    done = study("sparse")
    assert np.mean(done.values["k_sparse.saved"]) >= 1 - 1.5 * 4 / 20


# ---- atoms ----


def gabor(angle: float, frequency: float, width: float, row: float, column: float, phase: float) -> np.ndarray:
    rows, columns = np.mgrid[:12, :12].astype(float)
    window = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
    return window * np.cos(2 * np.pi * frequency * ((columns - column) * np.cos(angle) + (rows - row) * np.sin(angle)) + phase)


def test_a_gabor_function_of_the_bank_fits_itself_in_any_phase_and_scale():
    mine = np.stack([gabor(np.pi / 4, 0.16, 1.8, 5, 6, phase) * scale for phase, scale in ((0, 1), (1.1, -3), (2.5, 0.01))])
    share, fitted = atoms.gabor_fit(mine)
    np.testing.assert_allclose(share, 1, atol=1e-9)
    np.testing.assert_allclose(fitted, mine - mine.mean(axis=(1, 2), keepdims=True), atol=1e-9)


def test_a_gabor_function_between_the_steps_fits_well_and_white_noise_does_not():
    between = np.stack([gabor(0.3 + step, 0.2, 2.1, 5.4, 6.3, step) for step in range(5)])
    assert atoms.gabor_fit(between)[0].min() > 0.75
    assert atoms.gabor_fit(fresh().normal(size=(20, 12, 12)))[0].max() < 0.35


def test_a_constant_atom_is_no_gabor():
    assert atoms.gabor_fit(np.ones((1, 12, 12)))[0] == 0


def test_atoms_of_another_size_are_refused():
    with pytest.raises(ValueError, match="units, 12, 12"):
        atoms.gabor_fit(np.zeros((2, 8, 8)))


def test_a_grating_is_selective_and_a_round_spot_is_not():
    rows, columns = np.mgrid[:12, :12].astype(float)
    spot = np.exp(-((rows - 5.5) ** 2 + (columns - 5.5) ** 2) / 4)
    selectivity = atoms.orientation_selectivity(np.stack([gabor(0, 0.25, 50, 5, 5, 0), spot]))
    assert selectivity[0] > 0.7 and selectivity[1] < 0.02


def test_coverage_of_one_pixel_and_of_all():
    one = np.zeros((12, 12))
    one[3, 4] = 2
    np.testing.assert_allclose(atoms.coverage(np.stack([one, np.ones((12, 12))])), [1 / 144, 1])


# ---- manifold ----


def test_a_map_that_is_the_truth_turned_and_scaled_agrees_fully():
    truth = fresh().uniform(size=(300, 2))
    turned = 7 * truth @ np.array([[0.6, -0.8], [0.8, 0.6]]) + 3
    assert manifold.agreement(turned, truth) == pytest.approx({"r2_first": 1, "r2_second": 1, "distance": 1})


def test_a_map_of_noise_agrees_with_nothing():
    found = manifold.agreement(fresh().normal(size=(300, 2)), np.random.default_rng(1).uniform(size=(300, 2)))
    assert max(found["r2_first"], found["r2_second"]) < 0.05 and abs(found["distance"]) < 0.1


def test_constant_maps_are_refused():
    with pytest.raises(ValueError, match="constant"):
        manifold.agreement(np.ones((10, 2)), fresh().normal(size=(10, 2)))


@pytest.mark.parametrize("name", ["swiss_roll", "s_curve"])
def test_tangent_planes_hold_steps_along_the_surface(name):
    data = load(name)
    x = data.x_test[:50]
    planes = manifold.tangent_planes(data, x)
    np.testing.assert_allclose(planes @ np.swapaxes(planes, 1, 2), np.tile(np.eye(2), (50, 1, 1)), atol=1e-9)
    across = np.zeros((50, 1, 3))
    across[:, 0, 1] = 1  # the width is the second axis on both
    assert np.degrees(np.arccos(np.clip(np.linalg.norm(planes @ np.swapaxes(across, 1, 2), axis=1), 0, 1))).mean() < 5


def test_planes_have_the_angle_between_them():
    flat = np.eye(3)[:2][None]
    tilted = np.array([[[1, 0, 0], [0, np.cos(0.5), np.sin(0.5)]]])
    assert manifold.plane_angles(flat, flat)[0] == pytest.approx(0, abs=1e-5)
    assert manifold.plane_angles(flat, tilted)[0] == pytest.approx(np.degrees(0.5))
    assert manifold.plane_angles(flat, np.eye(3)[[0, 2]])[0] == pytest.approx(90)


class Projection:
    """A model that knows a flat surface: it keeps x and y and forgets z."""

    shape = (3,)

    def encode(self, x, bottom=0, top=None):
        return x[:, :2]

    def decode(self, h):
        return h @ h.new_tensor(np.eye(3)[:2].tolist())


def test_a_projection_keeps_steps_along_its_plane_and_undoes_steps_off_it():
    x = fresh().uniform(size=(30, 3)).astype(np.float32)
    planes = np.tile(np.eye(3)[:2], (30, 1, 1))
    along, off = manifold.undone(Projection(), x, planes, 0)
    assert along == pytest.approx(0, abs=1e-4) and off == pytest.approx(1, abs=1e-4)
    assert manifold.plane_angles(planes, manifold.model_planes(Projection(), x)).max() < 0.1


# ---- field ----


def test_arrows_of_a_projection_point_to_its_plane():
    x = fresh().uniform(size=(30, 3)).astype(np.float32)
    arrow = field.arrows(Projection(), x)
    np.testing.assert_allclose(arrow, np.stack([0 * x[:, 0], 0 * x[:, 1], -x[:, 2]], axis=1), atol=1e-6)
    ways = field.walk(Projection(), x)
    np.testing.assert_allclose(ways[:, -1, 2], x[:, 2] * 0.7**field.LENGTH, atol=1e-6)


def test_cosines_of_known_arrows():
    a = np.array([[1.0, 0], [1, 0], [0, 0], [2, 0]])
    b = np.array([[3.0, 0], [0, 2], [1, 0], [-1, 0]])
    np.testing.assert_allclose(field.cosines(a, b), [1, 0, 0, -1])


# ---- few labels ----


def test_no_study_says_30_labels_a_class_of_a_class_that_has_fewer():
    with pytest.raises(InvalidExperiment):
        useful.FewLabels.from_values({"train_size": 349})
    assert np.bincount(load("digits", 350).y_train).min() >= useful.LABELS[-1] > np.bincount(load("digits", 250).y_train).min()


# ---- scorecard ----


@pytest.fixture(scope="module")
def carded():
    data = load("digits", 400)
    network = trained(Experiment(dataset="digits", train_size=400, hidden=(32,), code="sigmoid", code_size=16, epochs=20), data)
    return network, data


def test_a_scorecard_has_a_reading_for_each_property(carded):
    numbers = card.measure_run(*carded)
    keys = card.readings(numbers)
    assert set(keys) == set(card.ROWS)
    assert keys["disentangled"] == "scorecard.disentangled.unknown"  # digits have no known causes
    known = [key for name, key in keys.items() if name != "disentangled"]
    assert all(key.rsplit(".", 1)[1] in ("more", "same", "less") for key in known)
    assert all(np.isfinite(value) for value in numbers.values())
    assert numbers["smooth.reference"] == 1 and numbers["distributed.reference"] == 16


def test_a_scorecard_is_the_same_twice(carded):
    assert card.measure_run(*carded) == card.measure_run(*carded)


def test_a_shallow_run_without_labels_leaves_out_what_it_cannot_tell():
    data = load("patches", 500)
    network = untrained(Experiment(dataset="patches", train_size=500, code_size=4, code="linear"))
    keys = card.readings(card.measure_run(network, data))
    assert {name for name, key in keys.items() if key.endswith("unknown")} == {"labels", "disentangled", "hierarchical"}


def test_a_run_on_sprites_is_scored_for_its_causes():
    data = load("sprites", 300)
    network = untrained(Experiment(dataset="sprites", train_size=300, code_size=3, code="linear"))
    assert 0 <= card.measure_run(network, data)["disentangled"] <= 1


def test_a_collapsed_code_is_no_error(carded):
    import torch

    network, data = untrained(Experiment(dataset="digits", train_size=400, code="linear", code_size=4)), carded[1]
    with torch.no_grad():
        network.encoder[0].weight.zero_()
    numbers = card.measure_run(network, data)
    assert numbers["distributed"] == 1 and "smooth" not in numbers and numbers["labels"] < 0.2


def test_held_out_pictures_of_which_no_drawn_pair_differs_are_no_error(carded, monkeypatch):
    network, data = carded
    monkeypatch.setattr(smooth, "PAIRS", 1)
    alike = np.repeat(data.x_test[:1], 30, axis=0)
    alike[7] = data.x_test[1]
    numbers = card.measure_run(network, replace(data, x_test=alike, y_test=data.y_test[:30]))
    assert "smooth" not in numbers and "manifold" in numbers


def test_too_few_labels_leave_the_probe_out(carded):
    network, data = carded
    few = replace(data, x_train=data.x_train[:30], y_train=data.y_train[:30])
    assert "labels" not in card.measure_run(network, few)


def test_pixels_are_read_from_the_same_labelled_samples_as_the_code_though_a_class_has_none(carded, monkeypatch):
    network, data = carded
    monkeypatch.setattr(card, "SCORED", 250)
    without = replace(data, y_train=np.where(data.y_train == 4, 9, data.y_train))
    numbers = card.measure_run(network, without)
    pixels, y = (x.reshape(len(x), -1) for x in (data.x_train[:250], data.x_test)), without.y_train[:250]
    train, test = pixels
    wanted = measures.few_label_probe(train, y, test, data.y_test, card.FEW, range(card.DRAWS), standardise=False).mean()
    assert numbers["labels.reference"] == pytest.approx(wanted) and "labels" in numbers


def test_a_single_class_leaves_the_probe_out(carded):
    network, data = carded
    numbers = card.measure_run(network, replace(data, y_train=np.zeros_like(data.y_train)))
    assert "labels" not in numbers and 0 < numbers["hierarchical"] < 0.2


def test_the_class_probe_reads_as_many_samples_of_wide_feature_maps_as_it_can_hold(carded, monkeypatch):
    network, data = carded
    held: list[tuple[int, ...]] = []
    real = card.class_accuracy
    monkeypatch.setattr(card, "NUMBERS", 32 * 50)  # fifty samples of the first layer's 32 units
    monkeypatch.setattr(card, "class_accuracy", lambda *arrays: held.extend(one.shape for one in arrays) or real(*arrays))
    assert 0.1 < card.measure_run(network, data)["hierarchical.reference"] <= 1
    assert held == [(50, 16), (50,), (50, 16), (50,), (50, 32), (50,), (50, 32), (50,)]


@pytest.mark.parametrize(("value", "reference", "said"), [(0.9, 0.8, "more"), (0.8, 0.9, "less"), (0.81, 0.8, "same")])
def test_readings_compare_with_the_reference(value, reference, said):
    assert card.readings({"labels": value, "labels.reference": reference})["labels"] == f"scorecard.labels.{said}"


def test_a_code_that_moves_less_than_the_input_reads_as_smoother():
    assert card.readings({"smooth": 0.5, "smooth.reference": 1.0})["smooth"] == "scorecard.smooth.more"
