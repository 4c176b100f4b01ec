"""Critical points of a random field, by Newton's method on its gradient."""

import math

import numpy as np

from workers.analysis.correlation import spearman
from workers.engine.surfaces import Floats, RandomField

LONGEST_STEP = 0.5  # of a correlation length: farther away the second derivatives are others
ITERATIONS = 200
SMALLEST_GRADIENT = 1e-8  # times its usual length: larger ones are inflections, where Newton's method stops short
NEAREST = 1e-5  # correlation lengths: points nearer than this are one
SHORTEST = 1e-300  # keeps the direction of a step of length 0 from being no number


def critical_points(field: RandomField, starts: Floats, width: float) -> Floats:
    """Return the critical points (c, d) that Newton's method reaches from starts (k, d), with repetitions.

    `width` is the correlation length of the field.
    """
    x = starts.copy()
    for _ in range(ITERATIONS):
        step = np.linalg.solve(hessians(field, x), field.gradient(x)[:, :, None])[:, :, 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        x -= step * np.minimum(1.0, LONGEST_STEP * width / np.maximum(length, SHORTEST))
    size = np.linalg.norm(field.gradient(x), axis=1) * width
    return np.asarray(x[size < SMALLEST_GRADIENT * np.sqrt(x.shape[1])])


def distinct(points: Floats, width: float) -> Floats:
    """Return the points (k, d) without those that repeat an earlier one."""
    kept: list[Floats] = []
    for point in points:
        if not kept or np.linalg.norm(np.array(kept) - point, axis=1).min() > NEAREST * width:
            kept.append(point)
    return np.array(kept).reshape(len(kept), points.shape[1])


def hessians(field: RandomField, x: Floats) -> Floats:
    """Return the second derivatives (k, d, d) at points (k, d)."""
    waves = field.curvatures(x)
    return np.asarray(np.swapaxes(field.frequencies[None] * waves[:, :, None], 1, 2) @ field.frequencies)


def rank_correlation(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Return Spearman's coefficient of pairs (n,) with its 95 % interval; NaN for what so few or equal ones lack."""
    found = spearman(x.tolist(), y.tolist())
    estimate, low, high = (math.nan if end is None else end for end in (found.estimate, found.low, found.high))
    return estimate, low, high
