"""Maps: exact neighbours, alignment by known turns, one UMAP in all, and a clear answer to every bad input."""

import numpy as np
import pytest
from scipy.spatial import distance_matrix

from replearn_core import measures, projection
from replearn_core.tasks import METRICS, CannotAnswer


def cloud(count=120, units=6, seed=0):
    random = np.random.default_rng(seed)
    centres = 4 * random.normal(size=(3, units))
    return (centres[np.arange(count) % 3] + random.normal(size=(count, units))).astype(np.float32)


# ---- neighbours ----


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_are_scikit_learns(metric):
    from sklearn.neighbors import NearestNeighbors

    x = cloud(units=9) + 50  # far from the origin, where a matrix product alone would round most
    distances, indices = NearestNeighbors(n_neighbors=8, metric=metric, algorithm="brute").fit(x.astype(np.float64)).kneighbors()
    found, measured = projection.neighbours(x, 8, metric)
    assert (found == indices).mean() > 0.99, "but for ties"
    assert np.abs(measured - distances).max() < 2e-4 * max(1.0, distances.max())


def test_each_point_is_its_own_first_neighbour_where_that_is_asked_for_even_among_equal_ones():
    x = np.repeat(cloud(10), 4, axis=0)
    indices, distances = projection.neighbours(x, 6, itself=True)
    assert (indices[:, 0] == np.arange(40)).all() and (distances[:, :4] == 0).all()
    assert not (projection.neighbours(x, 6)[0] == np.arange(40)[:, None]).any()


def test_neighbours_do_not_depend_on_how_many_rows_are_held_at_once(monkeypatch):
    x = cloud()
    whole = projection.neighbours(x, 5)
    monkeypatch.setattr(projection, "ROWS", 7 * len(x))
    parts = projection.neighbours(x, 5)
    assert (whole[0] == parts[0]).all() and np.allclose(whole[1], parts[1])


@pytest.mark.parametrize("itself", [False, True])
def test_neighbours_within_tight_crowds_far_from_each_other_are_found_through_the_rounding_of_a_product(itself):
    """Squared distances within a crowd are 1e-9 of the squared lengths: a float32 product cannot see them."""
    step = np.random.default_rng(100).normal(size=(120, 6)).astype(np.float32)
    x = 0.01 * step + np.repeat(np.float32([[0], [256]]), 60, axis=0)
    apart = distance_matrix(x.astype(np.float64), x.astype(np.float64))
    np.fill_diagonal(apart, 0 if itself else np.inf)
    wanted = np.sort(apart, axis=1)[:, :5]
    np.testing.assert_allclose(projection.neighbours(x, 5, itself=itself)[1], wanted, rtol=0.01)


def test_queries_from_outside_find_the_nearest_of_the_known():
    x = cloud()
    indices, distances = projection.neighbours_among(x[:5] + 1e-3, x, 1)
    assert indices[:, 0].tolist() == [0, 1, 2, 3, 4] and (distances < 0.01).all()


# ---- one map onto another ----


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_alignment_undoes_a_turn_a_mirror_a_scale_and_a_shift(dimensions, mirrored):
    random = np.random.default_rng(3)
    fixed = random.normal(size=(50, dimensions)).astype(np.float32)
    turn, _ = np.linalg.qr(random.normal(size=(dimensions, dimensions)))
    if (np.linalg.det(turn) < 0) != mirrored:
        turn[:, 0] = -turn[:, 0]
    moved = (0.3 * fixed @ turn + 7).astype(np.float32)
    assert np.abs(projection.align(moved, fixed) - fixed).max() < 1e-4


def test_a_film_of_maps_that_differ_does_not_shrink():
    random, fixed = np.random.default_rng(0), cloud(units=2)
    extent = [np.linalg.norm(fixed - fixed.mean(axis=0))]
    for _ in range(20):
        fixed = projection.align(fixed + random.normal(size=fixed.shape).astype(np.float32), fixed)
        extent.append(np.linalg.norm(fixed - fixed.mean(axis=0)))
    assert np.allclose(extent, extent[0], rtol=1e-3)


def test_alignment_brings_a_map_no_farther_and_a_map_without_extent_to_the_middle():
    fixed, moving = cloud(40, 2), cloud(40, 2, seed=1)
    assert np.linalg.norm(projection.align(moving, fixed) - fixed) <= np.linalg.norm(moving - fixed)
    assert np.allclose(projection.align(np.ones((40, 2), np.float32), fixed), fixed.mean(axis=0), atol=1e-5)
    with pytest.raises(CannotAnswer) as error:
        projection.align(moving[:30], fixed)
    assert error.value.problem.numbers == {"value": 30, "count": 40}


# ---- the methods ----


def test_pca_is_scikit_learns_and_pads_what_has_fewer_directions():
    from sklearn.decomposition import PCA

    x = cloud()
    assert np.allclose(projection.project(x, "pca"), PCA(2, svd_solver="full").fit_transform(x), atol=1e-3)
    line = projection.project(x[:, :1], "pca")
    assert line.shape == (120, 2) and (line[:, 1] == 0).all()


def test_a_two_dimensional_code_is_its_own_map():
    x = cloud(units=2)
    assert (projection.project(x, "code") == x).all()


def test_tsne_keeps_neighbours_and_repeats_itself():
    x = cloud()
    first = projection.project(x, "tsne", perplexity=15, epochs=250)
    assert first.shape == (120, 2) and measures.trustworthiness(x, first, 5) > 0.8  # chance: 0.5
    assert (first == projection.project(x, "tsne", perplexity=15, epochs=250)).all()


def test_umap_keeps_neighbours_repeats_itself_and_reports():
    x, heard = cloud(), []
    first = projection.project(x, "umap", on_progress=heard.append)
    assert first.shape == (120, 2) and measures.trustworthiness(x, first, 5) > 0.8  # chance: 0.5
    assert heard == sorted(heard) and heard[0] >= 0 and heard[-1] <= 1
    assert (first == projection.project(x, "umap")).all()
    assert projection.project(x, "umap", dimensions=3, metric="cosine").shape == (120, 3)


def test_umap_can_be_stopped_while_it_works():
    class Enough(Exception):
        pass

    def stop(share):
        if share > 0.1:
            raise Enough

    with pytest.raises(Enough):
        projection.project(cloud(400), "umap", epochs=5_000, on_progress=stop)
    assert projection.project(cloud(30), "umap", n_neighbors=5).shape == (30, 2), "and the next one works"


# ---- bad input ----


def refused(x, method="umap", **knobs):
    with pytest.raises(CannotAnswer) as error:
        projection.project(x, method, **knobs)
    return error.value.problem


def test_codes_that_are_not_finite_are_counted():
    x = cloud()
    x[3, 1], x[7, 2], x[7, 3] = np.nan, np.inf, -np.inf
    for method in ("code", "pca", "tsne", "umap"):
        problem = refused(x, method)
        assert problem.key == "problem.codes_not_finite" and problem.numbers == {"count": 3, "total": 720, "first": 3}


def test_constant_codes_and_too_few_points_are_named():
    assert refused(np.ones((50, 4), np.float32)).key == "problem.codes_constant"
    assert refused(cloud(2)).numbers == {"count": 2, "needed": 3}
    assert refused(np.zeros((5, 0), np.float32)).key == "problem.bad_shape"


@pytest.mark.parametrize("k", [-1, 0, 1, 120, 10_000])
def test_n_neighbors_out_of_range_names_the_number_of_points(k):
    problem = refused(cloud(), n_neighbors=k)
    assert problem.key == "problem.too_few_points" and problem.numbers == {"value": k, "count": 120}


def test_a_perplexity_that_the_points_do_not_fill_names_the_limit():
    problem = refused(cloud(), "tsne", perplexity=60)
    assert problem.setting == "perplexity" and problem.numbers == {"value": 60, "limit": 39, "count": 120}


def test_unknown_methods_and_metrics_are_refused():
    assert refused(cloud(), "isomap").setting == "method"
    assert refused(cloud(), metric="hamming").setting == "metric"


# ---- measures of a map ----


def test_neighbour_accuracy_is_scikit_learns_leave_one_out():
    from sklearn.model_selection import LeaveOneOut, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    x, labels = cloud(60, 2), np.arange(60) % 3
    x += 3 * np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    expected = cross_val_score(KNeighborsClassifier(5), x, labels, cv=LeaveOneOut()).mean()
    assert projection.neighbour_accuracy(x, labels) == pytest.approx(expected)


def test_density_orders_points_as_their_crowds_do_and_survives_equal_ones():
    random = np.random.default_rng(0)
    dense, thin = 0.1 * random.normal(size=(100, 3)), 10 + 3 * random.normal(size=(100, 3))
    density = projection.log_density(np.concatenate([dense, thin]).astype(np.float32))
    assert density[:100].min() > density[100:].max()
    assert np.isfinite(projection.log_density(np.repeat(cloud(4), 30, axis=0))).all()


def test_faithfulness_is_perfect_for_the_codes_themselves():
    x = cloud(units=2)
    assert projection.faithfulness(x, x) == {"trustworthiness": 1.0, "continuity": 1.0}
    assert projection.faithfulness(x[:2], x[:2]) == {}
