"""A film's frames: the graph and the forces are umap-learn's, found by a shorter way, and clusters can be followed."""

import numpy as np
import pytest

from replearn_core import measures, projection, unfolding
from replearn_core.tasks import CannotAnswer
from tests.core.test_projection import cloud


def moved(x):
    return x + 0.1 * np.random.default_rng(1).normal(size=x.shape).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "manhattan"])
@pytest.mark.parametrize("known", ["of the last frame", "of no use"])
def test_neighbours_are_exact_whatever_was_known_before(metric, known):
    x = cloud(300)
    before = projection.neighbours(moved(x), 9, metric, itself=True)[0]
    near = before if known == "of the last frame" else np.arange(9) + np.zeros((300, 1), int)
    indices, distances = unfolding._neighbours(x, 9, metric, near.astype(np.int32))
    wanted = projection.neighbours(x, 9, metric, itself=True)
    assert (indices == wanted[0]).all() and np.allclose(distances, wanted[1], atol=1e-6)


def test_equal_codes_have_as_many_neighbours_as_any():
    x = np.repeat(cloud(20), 5, axis=0)
    near = unfolding._neighbours(x, 8, "euclidean", None)[0]
    indices, distances = unfolding._neighbours(x, 8, "euclidean", near)
    assert (indices[:, 0] == np.arange(100)).all() and (np.sort(indices, axis=1)[:, 1:] > np.sort(indices, axis=1)[:, :-1]).all()
    assert np.allclose(distances, projection.neighbours(x, 8, itself=True)[1], atol=1e-6)


def test_the_graph_is_umap_learns():
    fuzzy_simplicial_set = projection.umap_learn().umap_.fuzzy_simplicial_set
    x = np.concatenate([cloud(200), np.repeat(cloud(10), 3, axis=0)])
    indices, distances = unfolding._neighbours(x, 12, "euclidean", None)
    graph = fuzzy_simplicial_set(x, 12, None, "euclidean", knn_indices=indices, knn_dists=distances)[0].tocoo()
    strongest = graph.data.max()
    wanted = {
        (i, j): strongest / w for i, j, w in zip(graph.row, graph.col, graph.data) if w >= 1.01 * strongest / unfolding.PASSES
    }
    found = {(i, j): one for i, j, one in zip(*unfolding._edges(indices, unfolding._compiled().memberships(distances)))}
    assert wanted.keys() <= found.keys() and len(found) <= 1.01 * len(wanted)
    assert [found[edge] for edge in wanted] == pytest.approx(list(wanted.values()), rel=1e-3)


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.99])
def test_forces_are_the_gradients_of_the_cross_entropy(min_dist):
    """By central differences of −log v along an edge and −log(1 − v) away from it, v = 1 / (1 + a d^2b)."""
    a, b = projection.umap_learn().umap_.find_ab_params(1.0, min_dist)
    pull, push = unfolding.forces(min_dist)
    for distance in (0.1, 0.7, 2.0, 9.0):
        place = (int(np.float32(distance**2).view(np.int32)) >> 16) - unfolding.FIRST
        near, far = (1 / (1 + a * (distance + step) ** (2 * b)) for step in (-1e-5, 1e-5))
        assert pull[place] * distance == pytest.approx((np.log(far) - np.log(near)) / 2e-5, rel=0.02)
        away = (np.log(1 - far) - np.log(1 - near)) / 2e-5
        assert push[place] * distance == pytest.approx(away * distance**2 / (0.001 + distance**2), rel=0.02)


def test_a_frame_keeps_neighbours_repeats_itself_and_its_clusters_can_be_followed():
    x = cloud(300)
    start = projection.project(x, "umap")
    _, near = unfolding.carry_on(x, start)
    later = moved(x)
    frame, _ = unfolding.carry_on(later, start, near)
    assert frame.shape == (300, 2) and measures.trustworthiness(later, frame, 5) > measures.trustworthiness(x, start, 5) - 0.02
    assert (frame == unfolding.carry_on(later, start, near)[0]).all()
    assert (frame != unfolding.carry_on(later, start, near, seed=1)[0]).any()
    gone = np.linalg.norm(projection.align(frame, start) - start)
    assert gone < 0.3 * np.linalg.norm(start - start.mean(axis=0))


def test_from_a_map_that_says_nothing_frames_find_the_clusters():
    x = np.concatenate([cloud(80) + 40 * shift for shift in range(3)])
    frame = np.random.default_rng(0).normal(size=(240, 2)).astype(np.float32)
    near = None
    for _ in range(6):
        frame, near = unfolding.carry_on(x, frame, near)
    assert projection.neighbour_accuracy(frame, np.arange(240) // 80) > 0.95


def test_what_cannot_be_carried_on_is_named():
    x, start = cloud(), np.zeros((120, 2), np.float32)
    for codes, last, knobs, key in (
        (x, start[:5], {}, "problem.map_of_other_points"),
        (x, start, {"n_neighbors": 120}, "problem.too_few_points"),
        (x, start, {"metric": "hamming"}, "problem.unknown_choice"),
        (x * np.nan, start, {}, "problem.codes_not_finite"),
        (np.ones_like(x), start, {}, "problem.codes_constant"),
    ):
        with pytest.raises(CannotAnswer) as error:
            unfolding.carry_on(codes, last, **knobs)
        assert error.value.problem.key == key
