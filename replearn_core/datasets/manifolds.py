"""Points on known curves and surfaces: spirals and moons in the plane, S-curve and Swiss roll in space.

Each factor is a true coordinate *along* the manifold, measured in the units of x: a small step along the manifold is as
long in the factors as in x. So "unrolled correctly" can be checked and not only looked at.
"""

import numpy as np

from replearn_core.datasets.dataset import Part, Progress, Raw, mixed_order, rng

TRAIN, TEST = 2_000, 1_000
MARGIN = 0.05  # left free on each side of the longest axis, so that held-out points stay within [0, 1]

OWN = "Drawn by replearn_core.datasets.manifolds"


def spirals(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two arms r = θ, half a turn apart, θ in [π/2, 7π/2], with noise of 0.15; x (N, 2), y = arm, factor = arc length."""
    arm = np.arange(count) % 2
    start, end = _spiral_length(np.pi / 2), _spiral_length(3.5 * np.pi)
    length = random.uniform(start, end, count)
    theta = _spiral_angle(length, np.pi / 2, 3.5 * np.pi)
    turned = theta + np.pi * arm
    x = np.stack([theta * np.cos(turned), theta * np.sin(turned)], 1) + random.normal(0, 0.15, (count, 2))
    return x, arm, (length - start)[:, None]


def moons(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's two half circles of radius 1, with noise of 0.06; x (N, 2), y = moon, factor = arc length."""
    moon = np.arange(count) % 2
    angle = random.uniform(0, np.pi, count)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    x = np.where(moon[:, None] == 0, upper, lower) + random.normal(0, 0.06, (count, 2))
    return x, moon, angle[:, None]


def s_curve(count: int, random: np.random.Generator) -> tuple[np.ndarray, None, np.ndarray]:
    """scikit-learn's S: (sin t, w, sign(t)(cos t − 1)), |t| ≤ 3π/2, 0 ≤ w ≤ 2, no noise; t is arc length."""
    t, across = random.uniform(-1.5 * np.pi, 1.5 * np.pi, count), random.uniform(0, 2, count)
    x = np.stack([np.sin(t), across, np.sign(t) * (np.cos(t) - 1)], 1)
    return x, None, np.stack([t + 1.5 * np.pi, across], 1)


def swiss_roll(count: int, random: np.random.Generator) -> tuple[np.ndarray, None, np.ndarray]:
    """The roll (θ cos θ, w, θ sin θ), 3π/2 ≤ θ ≤ 9π/2, 0 ≤ w ≤ 21, no noise (Tenenbaum, de Silva & Langford 2000).

    scikit-learn draws θ uniformly, which crowds the inner turns; here points are uniform over the surface.
    """
    start, end = _spiral_length(1.5 * np.pi), _spiral_length(4.5 * np.pi)
    along, across = random.uniform(start, end, count), random.uniform(0, 21, count)
    theta = _spiral_angle(along, 1.5 * np.pi, 4.5 * np.pi)
    x = np.stack([theta * np.cos(theta), across, theta * np.sin(theta)], 1)
    return x, None, np.stack([along - start, across], 1)


def _spiral_length(theta):
    """Arc length of r = θ from the centre: ½(θ√(1+θ²) + asinh θ)."""
    return 0.5 * (theta * np.sqrt(1 + theta**2) + np.arcsinh(theta))


def _spiral_angle(length: np.ndarray, low: float, high: float) -> np.ndarray:
    """The θ at which the spiral is so long: the inverse, read off a table of 100,000 steps (error below 1e-8)."""
    theta = np.linspace(low, high, 100_001)
    return np.interp(length, _spiral_length(theta), theta)


SHAPES = {
    "spirals": (spirals, ("first", "second"), ("along",), OWN),
    "moons": (moons, ("upper", "lower"), ("along",), f"{OWN} after scikit-learn's make_moons"),
    "s_curve": (s_curve, (), ("along", "across"), f"{OWN} after scikit-learn's make_s_curve"),
    "swiss_roll": (swiss_roll, (), ("along", "across"), f"{OWN} after Tenenbaum, de Silva & Langford 2000, Science 290"),
}


def read(name: str, on_progress: Progress | None = None) -> Raw:
    """2,000 training and 1,000 test points, scaled into [0, 1] by one factor for all axes, found on the training points.

    x float32 (N, D); y (N,) or None; factors float32 (N, F), arc length from one end and width, in the units of x.
    """
    draw, class_names, factor_names, source = SHAPES[name]
    random = rng(name)
    train, test = _part(draw, TRAIN, random), _part(draw, TEST, random)
    low, high = train.x.min(0), train.x.max(0)
    scale = (1 - 2 * MARGIN) / (high - low).max()
    middle = (low + high) / 2
    train, test = (Part((part.x - middle) * scale + 0.5, part.y, part.factors * scale) for part in (train, test))
    train = train.rows(mixed_order(train.y, TRAIN, random))
    return Raw(train, test, 1.0, class_names, factor_names, source, "Apache-2.0")


def _part(draw, count: int, random: np.random.Generator) -> Part:
    x, y, factors = draw(count, random)
    return Part(x, y, factors)
