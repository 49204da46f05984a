"""The next frame of an unfolding film: UMAP carried on from the frame before, with exact neighbours. `latent.film` calls it.

A film asks for the graph and the forces of umap-learn, for codes that have moved a little. So the last frame's neighbours bound
the search for this one's, which stays exact; the memberships' scale is found by Newton's method; and the forces are read from
tables. The functions at the end are compiled by numba, at first use: `projection.numba_ready` says where the results are kept.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from replearn_core import projection
from replearn_core.tasks import CannotAnswer

PASSES = 20  # over the edges: more than umap-learn's 30 from the same start bring, since the steps are half as long
STEP = 0.5  # length of the first pass's steps; umap-learn's 1 moves points farther than they need to go
PUSHES = 5  # of other points, for each pull along an edge
BLOCK = 2**17  # numbers of a distance matrix that are held at once: they fit a processor's cache
LOWEST, HIGHEST = 2.0**-20, 2.0**14  # squared distances on a map, between which the forces are tabulated
FIRST, LAST = (int(np.float32(one).view(np.int32)) >> 16 for one in (LOWEST, HIGHEST))  # 128 places for each factor of two


def carry_on(
    x: np.ndarray,
    last: np.ndarray,
    near: np.ndarray | None = None,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    metric: str = "euclidean",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """(the map (N, 2) of codes x (N, K), which starts from the map `last` (N, 2); the neighbours (N, k) int32 of this frame).

    near: those of the last frame, which make the search quicker; what is found is the same. Equal arguments give equal maps.
    Source: McInnes, Healy & Melville (2018), equations as in umap-learn. Raises CannotAnswer.
    """
    x = projection.checked(x)
    if last.shape != (len(x), 2):
        raise CannotAnswer("problem.map_of_other_points", "init", value=len(last), count=len(x))
    if not 2 <= n_neighbors < len(x):
        raise CannotAnswer("problem.too_few_points", "n_neighbors", value=n_neighbors, count=len(x))
    indices, distances = _neighbours(x, n_neighbors, metric, near)
    head, tail, every = _edges(indices, _compiled().memberships(distances))
    pull, push = forces(min_dist)
    points = np.array(last, np.float32, order="C")
    _compiled().settle(points, head, tail, every, pull, push, seed % 2**31 + 1)
    return projection.finite(points), indices


# ---- the graph ----


def _neighbours(x: np.ndarray, k: int, metric: str, near: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(indices (N, k) int32, distances (N, k) float32) as `projection.neighbours`, each point its own first neighbour.

    A point's k-th nearest is no farther than the farthest of any k others, so of its row of squared distances only what lies
    below that of the last frame's neighbours is looked at. Sums of absolute differences are no matrix product: they take the
    usual way.
    """
    if near is None or near.shape != (len(x), k) or metric == "manhattan":
        indices, distances = projection.neighbours(x, k, metric, itself=True)
        return indices.astype(np.int32), distances
    rows = projection.prepared(x, metric)[0]
    squares = np.square(rows).sum(axis=1)
    known = np.ascontiguousarray(np.concatenate([-2 * rows, squares[:, None]], axis=1).T)  # (K + 1, N)
    asked = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)  # (N, K + 1)
    rounding = np.float32(projection.ROUNDING) * (squares + squares.max())
    indices, distances = np.empty((len(x), k), np.int32), np.empty((len(x), k), np.float32)
    step = max(1, BLOCK // len(x))
    for begin in range(0, len(x), step):
        part = slice(begin, begin + step)
        scores = asked[part] @ known  # (b, N), squared distances less the point's own square
        limit = np.take_along_axis(scores, near[part], axis=1).max(axis=1) + rounding[part]
        places = np.flatnonzero(scores <= limit[:, None])
        _compiled().nearest(rows, begin, places, indices[part], distances[part])
    return indices, projection.in_units(distances, metric)


def _edges(indices: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(heads, tails, passes between two pulls) of the fuzzy union W + Wᵀ − W ∘ Wᵀ; edges too weak for one pull are left out."""
    from scipy.sparse import csr_matrix

    count, k = indices.shape
    own = csr_matrix((weights.ravel(), indices.ravel(), np.arange(0, count * k + 1, k)), shape=(count, count))
    other = own.T.tocsr()
    graph = (own + other - own.multiply(other)).tocoo()
    strongest = graph.data.max()
    kept = graph.data >= strongest / PASSES
    return graph.row[kept], graph.col[kept], (strongest / graph.data[kept]).astype(np.float32)


# ---- the forces ----


@cache
def forces(min_dist: float) -> tuple[np.ndarray, np.ndarray]:
    """(pull, push) by the upper 16 bits of a squared distance as float32: what its difference is multiplied by.

    With the membership 1 / (1 + a d^2b) on the map, whose a and b umap-learn fits to min_dist, the gradients of its cross-entropy
    are −2ab d^2(b−1) / (1 + a d^2b) along an edge and 2b / ((0.001 + d²)(1 + a d^2b)) away from another point. A place of the
    table spans less than 1 % of a squared distance.
    """
    a, b = projection.umap_learn().umap_.find_ab_params(1.0, min_dist)
    square = ((np.arange(FIRST, LAST + 1, dtype=np.int32) << 16) + 2**15).view(np.float32).astype(np.float64)
    power = square**b
    pull = -2 * a * b * power / (square * (1 + a * power))
    push = 2 * b / ((0.001 + square) * (1 + a * power))
    return pull.astype(np.float32), push.astype(np.float32)


# ---- compiled ----


class Compiled(NamedTuple):
    nearest: Callable[..., None]
    memberships: Callable[[np.ndarray], np.ndarray]
    settle: Callable[..., None]


@cache
def _compiled() -> Compiled:
    """The three functions below as machine code, kept on disk; other threads go on while one of them works."""
    numba = projection.numba_ready()
    return Compiled(*(numba.njit(cache=True, fastmath=True, nogil=True)(one) for one in (_nearest, _memberships, _settle)))


def _nearest(rows: Any, begin: int, places: Any, indices: Any, distances: Any) -> None:
    """The k nearest of each row's candidates, nearest first, the point itself before all. places: row · N + column, ascending."""
    count, size, k = rows.shape[0], rows.shape[1], indices.shape[1]
    at = 0
    for row in range(indices.shape[0]):
        mine = begin + row
        indices[row, 0], distances[row, 0] = mine, 0.0
        found = 1
        while at < places.shape[0] and places[at] < (row + 1) * count:
            other = places[at] - row * count
            at += 1
            if other == mine:
                continue
            square = np.float32(0)
            for unit in range(size):
                square += (rows[mine, unit] - rows[other, unit]) ** 2
            if found == k and square >= distances[row, k - 1]:
                continue
            place = min(found, k - 1)
            while place > 1 and distances[row, place - 1] > square:
                distances[row, place], indices[row, place] = distances[row, place - 1], indices[row, place - 1]
                place -= 1
            distances[row, place], indices[row, place] = square, other
            found = min(found + 1, k)
        for place in range(k):
            distances[row, place] = np.float32(math.sqrt(distances[row, place]))


def _memberships(distances: Any) -> Any:
    """w_ij = exp(−(d_ij − ρ_i) / σ_i) (N, k), with ρ_i the nearest distance above 0 and σ_i so that row i sums to log₂ k.

    Newton's steps in log(1/σ); σ at least a thousandth of a mean distance, as umap-learn has it. No point is its own neighbour.
    """
    count, k = distances.shape
    weights = np.zeros((count, k), np.float32)
    goal, overall = math.log2(k), distances.mean()
    for i in range(count):
        nearest, mean = 0.0, 0.0
        for j in range(k):
            mean += distances[i, j] / k
            if nearest == 0.0 and distances[i, j] > 0:
                nearest = float(distances[i, j])
        spread = 0.0
        for j in range(1, k):
            spread += max(0.0, distances[i, j] - nearest) / (k - 1)
        inverse = 1.0 / max(spread, 1e-12)
        for _ in range(16):
            total, slope = 0.0, 0.0
            for j in range(1, k):
                gap = max(0.0, distances[i, j] - nearest)
                share = math.exp(-gap * inverse)
                total += share
                slope += gap * share
            if abs(total - goal) < 1e-5 or slope <= 1e-12:
                break
            inverse *= math.exp(min(2.0, max(-2.0, (total - goal) / (slope * inverse))))
        scale = max(1.0 / inverse, 1e-3 * (mean if nearest > 0 else overall))
        for j in range(1, k):
            gap = distances[i, j] - nearest
            weights[i, j] = 1.0 if gap <= 0 else math.exp(-gap / scale)
    return weights


def _settle(points: Any, head: Any, tail: Any, every: Any, pull: Any, push: Any, seed: int) -> None:
    """Stochastic gradient steps on points (N, 2), in place: an edge pulls every so many passes, its head pushes off others."""
    count = points.shape[0]
    due = every.copy()
    state = np.uint32(seed)
    four = np.float32(4)  # umap-learn's longest gradient
    for turn in range(PASSES):
        step = np.float32(STEP * (1 - turn / PASSES))
        for edge in range(head.shape[0]):
            if due[edge] > turn:
                continue
            due[edge] += every[edge]
            j, k = head[edge], tail[edge]
            x, y = points[j, 0], points[j, 1]
            across, up = x - points[k, 0], y - points[k, 1]
            place = (np.float32(across * across + up * up).view(np.int32) >> 16) - FIRST
            force = pull[max(0, min(LAST - FIRST, place))]
            across, up = step * min(four, max(-four, force * across)), step * min(four, max(-four, force * up))
            x, y = x + across, y + up
            points[k, 0] -= across
            points[k, 1] -= up
            for _ in range(PUSHES):
                state ^= np.uint32(state << np.uint32(13))  # Marsaglia (2003), xorshift
                state ^= np.uint32(state >> np.uint32(17))
                state ^= np.uint32(state << np.uint32(5))
                k = np.int64((np.uint64(state) * np.uint64(count)) >> np.uint64(32))
                across, up = x - points[k, 0], y - points[k, 1]
                place = (np.float32(across * across + up * up).view(np.int32) >> 16) - FIRST
                force = push[max(0, min(LAST - FIRST, place))]
                x += step * min(four, max(-four, force * across))
                y += step * min(four, max(-four, force * up))
            points[j, 0], points[j, 1] = x, y
