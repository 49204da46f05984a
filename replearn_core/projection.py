"""Codes → points on a map: PCA, t-SNE and UMAP, laid over each other, and how far to trust them. `latent.py` calls it.

NumPy in, NumPy out; scikit-learn, torch and umap-learn are imported inside functions. Bad input raises `CannotAnswer`, which
names what is wrong and how much of it, and never passes a library's words on.
"""

import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from replearn_core.tasks import METRICS, CannotAnswer

if TYPE_CHECKING:
    import torch

OnProgress = Callable[[float], None]  # the share that is done, 0 … 1; what it raises ends the work

MEASURED = 1_500  # points whose neighbourhoods are compared: the cost grows with the square
ROWS = 2**23  # numbers of a distance matrix that are held at once: 32 MB of float32
ROUNDING = 1e-5  # error of a squared distance that a matrix product gives, over the points' own squared lengths, at most
_umap = threading.Lock()  # two concurrent calls abort the process on numba's fallback threading layer


def project(
    x: np.ndarray,
    method: str,
    *,
    dimensions: int = 2,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    metric: str = "euclidean",
    perplexity: float = 30.0,
    epochs: int | None = None,
    on_progress: OnProgress = lambda share: None,
) -> np.ndarray:
    """The map (N, dimensions), float32, of codes x (N, K). Equal arguments give equal maps.

    method: code (x itself), pca, tsne or umap; a UMAP that starts from the last one is `unfolding.carry_on`.
    epochs: UMAP's passes over the edges, t-SNE's iterations. Raises CannotAnswer.
    """
    x = checked(x)
    if method == "code":
        return x
    if method == "pca":
        return _pca(x, dimensions)
    if method == "tsne":
        return _tsne(x, dimensions, seed, metric, perplexity, epochs, on_progress)
    if method == "umap":
        return _umap_map(x, dimensions, seed, n_neighbors, min_dist, metric, epochs, on_progress)
    raise CannotAnswer("problem.unknown_choice", "method", value=method[:40], choices=["code", "pca", "tsne", "umap"])


def checked(x: np.ndarray) -> np.ndarray:
    """x as finite float32 (N, K) of at least 3 points that are not all the same. Raises CannotAnswer."""
    x = np.asarray(x, np.float32)
    if x.ndim != 2 or not x.shape[1]:
        raise CannotAnswer("problem.bad_shape", "codes", shape=" × ".join(map(str, x.shape)))
    if len(x) < 3:
        raise CannotAnswer("problem.few_points", "size", count=len(x), needed=3)
    bad = ~np.isfinite(x)
    if bad.any():
        raise CannotAnswer(
            "problem.codes_not_finite", "codes", count=int(bad.sum()), total=x.size, first=int(np.argmax(bad.any(axis=1)))
        )
    if float(np.ptp(x, axis=0).max()) == 0.0:
        raise CannotAnswer("problem.codes_constant", "codes", count=len(x))
    return x


# ---- the methods ----


def _pca(x: np.ndarray, dimensions: int) -> np.ndarray:
    """The first principal coordinates (Pearson 1901), by scikit-learn; zeros where there are fewer directions than asked for."""
    from sklearn.decomposition import PCA

    some = min(dimensions, *x.shape)
    points = PCA(some, svd_solver="full" if x.shape[1] > 500 else "covariance_eigh").fit_transform(x.astype(np.float64))
    return np.pad(points, ((0, 0), (0, dimensions - some))).astype(np.float32)


def _tsne(
    x: np.ndarray,
    dimensions: int,
    seed: int,
    metric: str,
    perplexity: float,
    epochs: int | None,
    on_progress: OnProgress,
) -> np.ndarray:
    """Barnes and Hut's t-SNE (van der Maaten 2014), by scikit-learn, from the PCA plane."""
    from sklearn.manifold import TSNE

    if not 1 <= perplexity <= (len(x) - 1) / 3:
        raise CannotAnswer(
            "problem.perplexity_too_large", "perplexity", value=perplexity, limit=int((len(x) - 1) / 3), count=len(x)
        )
    start = _pca(x, dimensions)
    start = 1e-4 * (start - start.mean(axis=0)) / max(float(start[:, 0].std()), 1e-12)
    on_progress(0.1)
    method = TSNE(
        dimensions, perplexity=perplexity, metric=metric, init=start.astype(np.float32), max_iter=epochs or 750, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return finite(method.fit_transform(x))


def _umap_map(
    x: np.ndarray,
    dimensions: int,
    seed: int,
    n_neighbors: int,
    min_dist: float,
    metric: str,
    epochs: int | None,
    on_progress: OnProgress,
) -> np.ndarray:
    """UMAP (McInnes, Healy & Melville 2018), by umap-learn, on exact neighbours.

    umap-learn's own 500 passes bring no more trustworthiness than 150 (100 beyond 2,500 points), measured in
    benchmarks/projection.py.
    """
    if not 2 <= n_neighbors < len(x):
        raise CannotAnswer("problem.too_few_points", "n_neighbors", value=n_neighbors, count=len(x))
    indices, distances = neighbours(x, n_neighbors, metric, itself=True)
    on_progress(0.1)
    passes = epochs or (150 if len(x) <= 2_500 else 100)
    with _umap, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of graphs in several parts, and that new points cannot be placed
        umap = umap_learn()
        method = umap.UMAP(
            n_neighbors=n_neighbors,
            n_components=dimensions,
            min_dist=min_dist,
            random_state=seed,
            n_jobs=1,
            n_epochs=passes,
            precomputed_knn=(indices.astype(np.int32), distances),
            force_approximation_algorithm=True,  # else it makes all distances once more
            tqdm_kwds={"file": _Bar(on_progress), "disable": False, "mininterval": 0.1, "bar_format": "{percentage:.0f}\n"},
        )
        return finite(method.fit_transform(np.ascontiguousarray(x)))


class _Bar:
    """A file for a progress bar to write its percentage to: umap-learn's only way to say how far it is, or to be stopped."""

    def __init__(self, on_progress: OnProgress):
        self.on_progress = on_progress

    def write(self, text: str) -> None:
        digits = "".join(character for character in text if character.isdigit())
        if digits:
            self.on_progress(0.1 + 0.9 * min(100, int(digits)) / 100)

    def flush(self) -> None:
        pass


def finite(points: np.ndarray) -> np.ndarray:
    if not np.isfinite(points).all():
        raise CannotAnswer("problem.map_not_finite", "method", count=int((~np.isfinite(points)).any(axis=1).sum()))
    return np.ascontiguousarray(points, np.float32)


# ---- neighbours ----


def neighbours(x: np.ndarray, k: int, metric: str = "euclidean", *, itself: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(indices (N, k) int64, distances (N, k) float32) of each point's nearest points, nearest first.

    Exact within float32: distances come from one matrix product, the chosen ones are computed again without its rounding, and
    where that rounding could hide a nearer point (tight crowds far from each other) the row is searched again without a product.
    itself: whether a point is its own first neighbour. metric: one of tasks.METRICS. Raises CannotAnswer.
    """
    return neighbours_among(x, x, k, metric, own=np.arange(len(x)), itself=itself)


def neighbours_among(
    queries: np.ndarray, x: np.ndarray, k: int, metric: str = "euclidean", *, own: np.ndarray | None = None, itself: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """As `neighbours`, of queries (Q, K) among x (N, K). own: each query's own row of x, left out or first."""
    import torch

    if metric not in METRICS:
        raise CannotAnswer("problem.unknown_choice", "metric", value=metric[:40], choices=list(METRICS))
    there = len(x) - (0 if own is None or itself else 1)
    if not 1 <= k <= there:
        raise CannotAnswer("problem.too_few_points", "n_neighbors", value=k, count=len(x))
    scaled, p = prepared(np.concatenate([queries, x]) if queries is not x else x, metric)
    everything = torch.from_numpy(scaled)
    asked, known = (everything[: len(queries)], everything[len(queries) :]) if queries is not x else (everything, everything)
    indices, distances = [], []
    for begin in range(0, len(asked), max(1, ROWS // len(known))):
        rows = asked[begin : begin + max(1, ROWS // len(known))]
        all_of_them = torch.cdist(rows, known, p=p)  # (b, N)
        mine = None if own is None else torch.from_numpy(own[begin : begin + len(rows)])
        if mine is not None:
            all_of_them[torch.arange(len(rows)), mine] = -1.0 if itself else float("inf")
        apart, near = all_of_them.topk(min(k + 3, there), largest=False)  # some more: the product's rounding may swap them
        exact = _again(rows, known, near, p)
        if mine is not None and itself:
            exact[:, 0] = -1.0
        exact, order = exact.sort(dim=1, stable=True)
        near, exact = near.gather(1, order)[:, :k], exact[:, :k]
        if p == 2.0 and near.shape[1] < there:
            doubtful = _doubtful(rows, known, apart[:, -1], exact[:, -1])
            alone = None if mine is None else mine[doubtful]
            near[doubtful], exact[doubtful] = _searched(rows[doubtful], known, near[doubtful], exact[doubtful], alone, itself)
        indices.append(near)
        distances.append(exact.clamp_min(0.0))
    return torch.cat(indices).numpy(), in_units(torch.cat(distances).numpy(), metric)


def _doubtful(rows: "torch.Tensor", known: "torch.Tensor", apart: "torch.Tensor", exact: "torch.Tensor") -> "torch.Tensor":
    """Places (d,) of rows of which a point that was not chosen may be nearer than one that was.

    apart (b,): the product's distance to the last chosen point, beyond which the others lie; exact (b,): of the k-th, computed
    again. The product errs by a share ROUNDING of the squared lengths, and nothing is nearer than a distance of 0.
    """
    error = ROUNDING * (rows.square().sum(dim=1) + known.square().sum(dim=1).max())
    return ((exact > 0) & (exact.square() > apart.square() - error)).nonzero().flatten()


def _searched(
    rows: "torch.Tensor",
    known: "torch.Tensor",
    near: "torch.Tensor",
    exact: "torch.Tensor",
    own: "torch.Tensor | None",
    itself: bool,
) -> "tuple[torch.Tensor, torch.Tensor]":
    """(indices (d, k), distances (d, k)) of rows (d, K) by plain differences; what was found before where none is nearer."""
    import torch

    everything = torch.cdist(rows, known, compute_mode="donot_use_mm_for_euclid_dist")  # (d, N)
    if own is not None:
        everything[torch.arange(len(rows)), own] = -1.0 if itself else float("inf")
    distances, indices = everything.topk(near.shape[1], largest=False)
    nearer = (distances < exact - 1e-6 * exact.abs()).any(dim=1, keepdim=True)
    return torch.where(nearer, indices, near), torch.where(nearer, distances, exact)


def _again(rows: "torch.Tensor", known: "torch.Tensor", near: "torch.Tensor", p: float) -> "torch.Tensor":
    """Distances (b, k) from each row to the `near` (b, k) of the known points, without a product's rounding."""
    import torch

    step = max(1, ROWS // (16 * near.shape[1] * rows.shape[1]))  # rows at once; the differences of few fit a processor's cache
    parts = [
        (rows[begin : begin + step, None] - known[near[begin : begin + step]]).norm(p=p, dim=2)
        for begin in range(0, len(rows), step)
    ]
    return torch.cat(parts)


def prepared(x: np.ndarray, metric: str) -> tuple[np.ndarray, float]:
    """(rows whose p-norm distances have the metric's order, p). Zero rows have no direction: they stay zero."""
    x = np.asarray(x, np.float32)
    if metric == "manhattan":
        return np.ascontiguousarray(x), 1.0
    if metric == "euclidean":
        return np.ascontiguousarray(x - x.mean(axis=0)), 2.0  # nearer the origin, less rounding
    if metric == "correlation":
        x = x - x.mean(axis=1, keepdims=True)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.ascontiguousarray(np.divide(x, length, out=np.zeros_like(x), where=length > 0)), 2.0


def in_units(distances: np.ndarray, metric: str) -> np.ndarray:
    """1 − cos = ‖u − v‖² / 2 for unit vectors; the others are what they are."""
    return distances**2 / 2 if metric in ("cosine", "correlation") else distances


# ---- one map onto another ----


def align(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """`moving` (N, d) turned, mirrored and shifted to lie as near as it can to `fixed`, with the same extent: s·(M − m̄)R + f̄.

    With UΣVᵀ = (M − m̄)ᵀ(F − f̄): R = UVᵀ (Schönemann & Carroll 1970, Psychometrika 35). Their scale, tr Σ / ‖M − m̄‖², is the
    least squares' one and falls the more, the more two maps differ: a film would shrink. So s = ‖F − f̄‖ / ‖M − m̄‖, which is
    the same where one map is the other one turned. A map without extent is only shifted. Raises CannotAnswer where shapes differ.
    """
    if moving.shape != fixed.shape:
        raise CannotAnswer("problem.map_of_other_points", "points", value=len(moving), count=len(fixed))
    centre, goal = moving.mean(axis=0, dtype=np.float64), fixed.mean(axis=0, dtype=np.float64)
    m, f = moving - centre, fixed - goal
    u, _, v = np.linalg.svd(m.T @ f)
    size, wanted = np.linalg.norm(m), np.linalg.norm(f)
    scale = wanted / size if size > 0 else 1.0
    return (scale * m @ (u @ v) + goal).astype(np.float32)


# ---- how far to trust a map ----


def faithfulness(x: np.ndarray, points: np.ndarray, k: int = 5) -> dict[str, float]:
    """trustworthiness and continuity of a map of x, on its first MEASURED points; empty where there are too few."""
    from replearn_core import measures

    trust = trustworthiness(x, points, k)
    if np.isnan(trust):
        return {}
    x, points = x[:MEASURED], points[:MEASURED]
    return {"trustworthiness": trust, "continuity": measures.continuity(x, points, min(k, (len(x) - 1) // 2))}


def trustworthiness(x: np.ndarray, points: np.ndarray, k: int = 5) -> float:
    """How far to trust a map of x, on its first MEASURED points; NaN for too few, or for codes that are not finite."""
    from replearn_core import measures

    x, points = x[:MEASURED], points[:MEASURED]
    k = min(k, (len(x) - 1) // 2)
    return measures.trustworthiness(x, points, k) if k >= 1 and np.isfinite(x).all() else float("nan")


def neighbour_accuracy(points: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    """Share of points whose class is the commonest among their k nearest others; ties go to the lower class."""
    near, _ = neighbours(points, k)
    classes, own = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(points), len(classes)), np.int32)
    np.add.at(votes, (np.arange(len(points))[:, None], own[near]), 1)
    return float((votes.argmax(axis=1) == own).mean())


def log_density(codes: np.ndarray, k: int = 10) -> np.ndarray:
    """−log r_k (N,), float32, with r_k the distance to the k-th nearest other code: a k-NN density estimate up to its constants.

    p ∝ k / (N V r_k^d) (Loftsgaarden & Quesenberry 1965, Ann. Math. Stat. 36), so log p = −d log r_k + const for codes of
    dimension d: equal order, unknown slope. Coinciding codes get the largest value that occurs.
    """
    _, distances = neighbours(codes, min(k, len(codes) - 1))
    far = distances[:, -1]
    smallest = far[far > 0].min() if (far > 0).any() else 1.0
    return -np.log(np.maximum(far, smallest)).astype(np.float32)


# ---- umap-learn, compiled once for the machine ----


def umap_learn() -> Any:
    """The module, with its compiled functions kept on disk: the first import and fit then take 1 s instead of 20."""
    numba_ready()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TensorFlow is not there
        import umap
        from umap import layouts, umap_

    for function in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,
    ):
        if type(getattr(function, "_cache", None)).__name__ == "NullCache":
            function.enable_caching()
    return umap


def numba_ready() -> Any:
    """The module numba, which from now on keeps what it compiles in `cache_folder()`."""
    os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")
    import numba

    if not getattr(numba.config, "CACHE_DIR", ""):
        os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())  # numba reads it again from there, at times of its own choosing
        numba.config.reload_config()
    return numba


@cache
def cache_folder() -> Path:
    """Where compiled functions are kept: NUMBA_CACHE_DIR, this user's cache, else a folder of this process's own making."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    folder = Path(base) / "replearn" / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise OSError
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="replearn-numba-"))
    return folder


def warm_up() -> float:
    """Import and compile what the first map and the first film need. Seconds it took."""
    from replearn_core import unfolding

    begun = time.monotonic()
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    frame, near = unfolding.carry_on(x, project(x, "umap", n_neighbors=5, epochs=2), n_neighbors=5)
    unfolding.carry_on(x, frame, near, n_neighbors=5)
    return time.monotonic() - begun
