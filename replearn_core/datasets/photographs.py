"""The two image sets inside scikit-learn: its 8×8 digits, and whitened patches of its two sample photographs."""

import numpy as np

from replearn_core.datasets.dataset import Part, Progress, Raw, rng, split

DIGITS_TEST = 360  # of 1,797; 20 %


def read_digits(on_progress: Progress | None = None) -> Raw:
    """1,437 + 360 handwritten digits, uint8 (N, 8, 8) from 0 to 16, stratified; the test share is 20 %.

    These 1,797 are the test part of the UCI set: other writers than its training part, but mixed here.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    whole = Part(bunch.images.astype(np.uint8), bunch.target.astype(np.uint8))
    train, test = split(whole, DIGITS_TEST, rng("digits"))
    return Raw(
        train,
        test,
        1 / 16,
        tuple(map(str, range(10))),
        source="scikit-learn load_digits; Alpaydin & Kaynak 1998, UCI Machine Learning Repository",
        licence="CC BY 4.0",
    )


SIDE = 12  # pixels
TRAIN, TEST = 10_000, 2_000
BLOCKS = (8, 10)  # a photograph is cut into 8 × 10 blocks of about 53 × 64 pixels ...
TEST_BLOCKS = 16  # ... of which 16 belong to the test set; no patch crosses the border of a block
CUTOFF = 0.4  # cycles per pixel: Olshausen & Field's 200 cycles per picture of 512 pixels
MIN_CONTRAST = 0.03  # standard deviation of grey values; below lies empty sky and blur, more than half of both photographs
CONTRAST_FLOOR = 10 / 255**2  # variance added before dividing by the contrast (Coates, Ng & Lee 2011)
SPAN = 5.0  # standard deviations from grey to white


def read_patches(on_progress: Progress | None = None) -> Raw:
    """10,000 + 2,000 whitened patches, float32 (N, 12, 12), 0.5 = zero, cut from disjoint blocks of two photographs.

    Patches with a contrast below 0.03 are passed over. The others lose their mean and are divided by their contrast,
    sqrt(var + 10/255²) (Coates, Ng & Lee 2011). Then W = U diag(exp(−(f_i/f_0)⁴)/√λ_i) Uᵀ whitens and low-passes, as
    Olshausen & Field (1996, Nature 381) do with the filter f·exp(−(f/f_0)⁴): U, λ are the principal components of the
    *training* patches, f_i the frequency of component i. We whiten patches and not whole photographs, so that no test
    pixel enters. The result is shown as 1/2 + v / (2 · 5σ), σ the standard deviation over training pixels: white is +5σ,
    black −5σ, what lies beyond (under 0.2 % of the pixels) is clipped.
    """
    from sklearn.datasets import load_sample_images

    luma = np.array([0.299, 0.587, 0.114], np.float32) / 255
    photographs = [image @ luma for image in load_sample_images().images]  # (427, 640) in [0, 1]
    random = rng("patches")
    places = _places([photograph.shape for photograph in photographs], random)
    train, test = (_cut(photographs, part, count) for part, count in zip(places, (TRAIN, TEST), strict=True))
    matrix = _whitening(train)
    train, test = train @ matrix, test @ matrix
    scale = 1 / (2 * SPAN * train.std())
    train, test = (np.clip(0.5 + v * scale, 0, 1).astype(np.float32).reshape(-1, SIDE, SIDE) for v in (train, test))
    return Raw(
        Part(train),
        Part(test),
        source="scikit-learn load_sample_images (china.jpg by danielbuechele, flower.jpg by vultilion); Olshausen & Field 1996",
        licence="CC BY 2.0",
    )


def _places(sizes: list[tuple[int, int]], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where training and test patches may lie, mixed: int64 (N, 3), photograph, top row, left column; all different."""
    groups: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for photograph, (height, width) in enumerate(sizes):
        rows = np.linspace(0, height, BLOCKS[0] + 1).astype(int)
        columns = np.linspace(0, width, BLOCKS[1] + 1).astype(int)
        held_out = set(random.permutation(BLOCKS[0] * BLOCKS[1])[:TEST_BLOCKS])
        for block in range(BLOCKS[0] * BLOCKS[1]):
            r, c = divmod(block, BLOCKS[1])
            inside = np.mgrid[rows[r] : rows[r + 1] - SIDE + 1, columns[c] : columns[c + 1] - SIDE + 1].reshape(2, -1).T
            groups[block in held_out].append(np.insert(inside, 0, photograph, axis=1))
    train, test = (random.permutation(np.concatenate(group)) for group in groups)
    return train, test


def _cut(photographs: list[np.ndarray], places: np.ndarray, count: int) -> np.ndarray:
    """The first `count` patches with enough contrast, (count, 144), without their mean and divided by their contrast."""
    patches = np.stack([photographs[p][r : r + SIDE, c : c + SIDE].ravel() for p, r, c in places[: 5 * count]])
    patches -= patches.mean(1, keepdims=True)
    variances = patches.var(1, keepdims=True)
    kept = np.flatnonzero(variances > MIN_CONTRAST**2)[:count]
    return patches[kept] / np.sqrt(variances[kept] + CONTRAST_FLOOR)


def _whitening(train: np.ndarray) -> np.ndarray:
    """W (144, 144), symmetric, from training patches (N, 144) only. The constant patch, already removed, gets gain 0."""
    variances, components = np.linalg.eigh(train.T @ train / len(train))  # ascending; components in columns
    low_pass = np.exp(-((_frequencies(components) / CUTOFF) ** 4))
    gains = np.where(variances > 1e-9 * variances[-1], low_pass / np.sqrt(np.maximum(variances, 1e-30)), 0.0)
    return (components * gains) @ components.T


def _frequencies(components: np.ndarray) -> np.ndarray:
    """Root of the power-weighted mean squared frequency of each column, cycles per pixel, (144,)."""
    power = np.abs(np.fft.fft2(components.T.reshape(-1, SIDE, SIDE), s=(64, 64))) ** 2  # (144, 64, 64)
    f = np.fft.fftfreq(64)
    squared = f[:, None] ** 2 + f[None, :] ** 2
    return np.sqrt((power * squared).sum((1, 2)) / power.sum((1, 2)))
