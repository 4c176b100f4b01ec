"""Moduli of continuity: how far apart the values of a function can be at points that are near.

omega(delta) is the supremum of |f(x) - f(y)| over |x - y| <= delta; the distance of points is Euclidean, that of
values is the largest over the outputs. Source: DeVore and Lorentz 1993, Constructive approximation, chapter 2.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.catalogue.domains import Interval, spread
from workers.engine.philox import Stream

Floats: TypeAlias = npt.NDArray[np.float64]
Function: TypeAlias = Callable[[Floats], Floats]  # (n, d) to (n, m)

BLOCK_NUMBERS = 2**20  # coordinates drawn at a time: 8 MB
SAME = 1e-9  # of the spacing of a grid: a delta that falls short of a multiple by less is that multiple


def modulus_on_grid(function: Function, interval: Interval, points: int, deltas: Sequence[float]) -> Floats:
    """Return the exact modulus on an equispaced grid at each of `deltas`: (deltas,).

    It is below the modulus on the interval by at most twice the modulus at the spacing. Each delta takes O(points), by
    sliding maxima and minima. NaN where a value is not finite.
    """
    low, high = interval
    values = function(np.linspace(low, high, points)[:, None])
    if not np.isfinite(values).all():
        return np.full(len(deltas), np.nan)
    spacing = (high - low) / (points - 1)
    return np.array([_largest_range(values, int(min(delta / spacing + SAME, points - 1))) for delta in deltas])


def _largest_range(values: Floats, steps: int) -> float:
    """Return the largest difference of values (n, m) at most `steps` rows apart."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    # The windows at both ends are cut off by repeating a value that they hold: part of a whole window near by.
    above, below = (
        slide(values, size=steps + 1, axis=0, mode="nearest") for slide in (maximum_filter1d, minimum_filter1d)
    )
    return float(np.max(above - below))


def modulus_of_pairs(
    function: Function,
    points: Floats | None,
    box: Sequence[Interval],
    pairs: int,
    deltas: Sequence[float],
    stream: Stream,
) -> Floats:
    """Return lower bounds of the modulus in d dimensions at each of `deltas`, from pairs of points: (deltas,).

    A pair is a point and the one that lies delta away in a random direction, moved into the box. Points are drawn
    from `points` (n, d), or uniformly from the box. Differences found at a smaller delta count for a larger one. NaN
    where a value is not finite.
    """
    found = np.zeros(len(deltas))
    block = max(1, BLOCK_NUMBERS // len(box))
    low, high = np.array(box, dtype=np.float64).T
    for step, first in enumerate(range(0, pairs, block)):
        count = min(block, pairs - first)
        if points is None:
            starts = spread(stream.child("start").uniforms((count, len(box)), step=step), box)
        else:
            starts = points[stream.child("start").integers(len(points), count, step=step)]
        directions = stream.child("direction").normals((count, len(box)), step=step)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        values = function(starts)
        for index, delta in enumerate(deltas):
            # Moving into a box that holds the start takes no end farther away from it.
            ends = np.clip(starts + delta * directions, low, high)
            with np.errstate(invalid="ignore"):  # infinity less infinity
                largest = np.abs(function(ends) - values).max()
            found[index] = np.maximum(found[index], largest if np.isfinite(largest) else np.nan)
    order = np.argsort(deltas)
    found[order] = np.maximum.accumulate(found[order])
    return found


def fitted_exponent(deltas: Sequence[float], moduli: Floats) -> float:
    """Return the least-squares slope of log omega over log delta, NaN with fewer than two moduli above 0."""
    known = moduli > 0
    if np.count_nonzero(known) < 2:
        return float("nan")
    x, y = np.log(np.asarray(deltas)[known]), np.log(moduli[known])
    x = x - x.mean()
    return float(x @ y / (x @ x))
