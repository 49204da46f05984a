"""Our own sprites: one white shape on black, 32×32, drawn from five known factors; read by `load("sprites")` and by pages."""

import numpy as np

from replearn_core.datasets.dataset import Part, Progress, Raw, rng, split

SIDE = 32  # pixels
SHAPES = ("square", "ellipse", "heart")

# Eight levels each: with few levels and 20 histogram bins a perfect code scores a MIG near 1; with many levels it does not.
# Angles stop short of a quarter turn because a square looks the same after one: so every combination is another image.
LEVELS: dict[str, tuple[float, ...]] = {
    "size": tuple(2.75 + 0.5 * level for level in range(8)),  # radius of the disc with the same area, pixels
    "angle": tuple(11.25 * level for level in range(8)),  # degrees, anticlockwise as seen on screen
    "x": tuple(9.0 + 2.0 * level for level in range(8)),  # centre, pixels from the left edge
    "y": tuple(9.0 + 2.0 * level for level in range(8)),  # centre, pixels from the top edge
}
FACTORS = ("shape", *LEVELS)

TRAIN, TEST = 10_000, 2_000  # of the 12,288 combinations


def render_sprite(shape: str, size: float, angle: float, x: float, y: float) -> np.ndarray:
    """One sprite as float32 (32, 32) in [0, 1]; any real values, not only the levels of the data set.

    shape: one of SHAPES. size: radius in pixels of the disc with the same area, so that the sum of the pixels tells the
    size whatever the shape (2 to 8 is sensible). angle: degrees, anticlockwise. x, y: centre in pixels from the left and
    from the top; a part outside the frame is cut off. Raises ValueError for an unknown shape.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape {shape!r} is not one of {', '.join(SHAPES)}")
    return _render(np.array([SHAPES.index(shape)]), *(np.array([value], np.float32) for value in (size, angle, x, y)))[0]


def _render(shape, size, angle, x, y) -> np.ndarray:
    """Sprites as float32 (N, 32, 32); each argument (N,). A pixel is the share of it that the shape covers.

    That share is taken from d, the signed distance in pixels from the pixel's centre to the outline: clip(1/2 − d, 0, 1).
    """
    centres = np.arange(SIDE, dtype=np.float32) + 0.5
    right = (centres[None, None, :] - x[:, None, None]) / size[:, None, None]  # (N, 1, 32)
    up = (y[:, None, None] - centres[None, :, None]) / size[:, None, None]  # (N, 32, 1)
    turn = np.deg2rad(angle)[:, None, None]
    u = np.cos(turn) * right + np.sin(turn) * up  # (N, 32, 32) in the shape's own axes, unit = size
    v = np.cos(turn) * up - np.sin(turn) * right
    distance = np.empty_like(u)
    for index, outline in enumerate((_square, _ellipse, _heart)):
        rows = shape == index
        distance[rows] = outline(u[rows], v[rows])
    return np.clip(0.5 - distance * size[:, None, None], 0.0, 1.0, dtype=np.float32)


# Signed distances for area π, negative inside; formulas of Inigo Quilez, iquilezles.org/articles/distfunctions2d


def _square(u, v):
    half = np.float32(np.sqrt(np.pi) / 2)
    du, dv = np.abs(u) - half, np.abs(v) - half
    return np.hypot(np.maximum(du, 0), np.maximum(dv, 0)) + np.minimum(np.maximum(du, dv), 0)


def _ellipse(u, v):
    """Twice as wide as high. First-order distance f/|∇f|, good near the outline, which is where it is used."""
    wide, high = np.float32(np.sqrt(2)), np.float32(np.sqrt(0.5))
    near = np.hypot(u / wide, v / high)
    slope = np.hypot(u / wide**2, v / high**2)
    return near * (near - 1) / np.maximum(slope, np.float32(1e-6))


HEART_AREA = 0.5 + np.pi / 8  # a square of side √½ on its tip and two half discs of radius √2/4, before scaling


def _heart(u, v):
    """Tip downwards; its bounding box is centred so that turning it keeps it in place."""
    unit = np.float32(np.sqrt(np.pi / HEART_AREA))
    u, v = np.abs(u) / unit, v / unit + np.float32(0.55)
    lobe = np.hypot(u - 0.25, v - 0.75) - np.float32(np.sqrt(2) / 4)
    along = 0.5 * np.maximum(u + v, 0)
    sides = np.minimum(np.hypot(u, v - 1), np.hypot(u - along, v - along)) * np.sign(u - v)
    return np.where(u + v > 1, lobe, sides) * unit


def grid() -> np.ndarray:
    """Every combination of levels, int64 (12288, 5), columns FACTORS."""
    counts = (len(SHAPES), *map(len, LEVELS.values()))
    return np.indices(counts).reshape(len(counts), -1).T


def render_levels(levels: np.ndarray) -> np.ndarray:
    """The images of rows of `grid()`, uint8 (N, 32, 32), 255 = white."""
    values = [np.array(LEVELS[name], np.float32)[levels[:, 1 + column]] for column, name in enumerate(LEVELS)]
    out = np.empty((len(levels), SIDE, SIDE), np.uint8)
    for start in range(0, len(levels), 512):  # 2 MB of float32 at a time
        rows = slice(start, start + 512)
        out[rows] = np.rint(_render(levels[rows, 0], *(value[rows] for value in values)) * 255)
    return out


def read(on_progress: Progress | None = None) -> Raw:
    """10,000 training and 2,000 test combinations of the grid, none in both; y is the shape."""
    levels = grid()
    chosen = split(Part(levels, levels[:, 0]), TEST, rng("sprites"), TRAIN)
    train, test = (Part(render_levels(part.x), part.y, part.x) for part in chosen)
    return Raw(
        train,
        test,
        1 / 255,
        SHAPES,
        FACTORS,
        "Drawn by replearn_core.datasets.sprites; factors after Matthey, Higgins, Hassabis & Lerchner 2017 (dSprites)",
        "Apache-2.0",
    )
