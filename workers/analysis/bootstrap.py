"""The bias-corrected and accelerated bootstrap of a mean."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from workers.analysis.intervals import LEVEL, Interval, check_level
from workers.analysis.moments import finite, mean

Floats = npt.NDArray[np.float64]

RESAMPLES = 9999
# One seed for all data: the interval of shifted or scaled values is the shifted or scaled interval.
SEED = 0
BEYOND = 10  # the fewest resamples outside one end for which its quantile is worth saying
DRAWS_AT_ONCE = 1_000_000  # bounds the memory: 16 MB of indices and values
# Scaled to at most 1 apart, resampled means of equal content differ by rounding only.
TIE = 1e-12


def bca_mean(values: Sequence[float], *, level: float = LEVEL, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of two finite values or more with its BCa interval (Efron 1987, eq. 2.3).

    BCa rather than the percentile bootstrap: its coverage errs by O(1/n) on each side, not O(1/sqrt(n)),
    which matters for losses, whose values are skewed. The values are sorted first, so their order is
    without effect, and the indices are cut from the raw PCG64 stream, which NumPy keeps as it is.
    """
    check_level(level)
    values = finite(values, "values")
    if len(values) < 2:
        raise ValueError("a bootstrap takes at least two values")
    centre = mean(values)
    spread = max(abs(value - centre) for value in values)
    if spread == 0:
        return Interval(estimate=centre, low=centre, high=centre, level=level, method="all values are equal")
    if not math.isfinite(spread):
        return _none(centre, level, "the values lie further apart than float64 reaches")
    if resamples * (1 - level) / 2 < BEYOND:
        return _none(centre, level, f"{resamples} resamples leave fewer than {BEYOND} beyond level {level!r}")
    scaled = np.array(sorted((value - centre) / spread for value in values))
    low, high = _bounds(scaled, level, resamples)
    return Interval(
        estimate=centre,
        # Scaling back may round past the values, below 0 for an error, where no mean of them lies.
        low=max(centre + spread * low, min(values)),
        high=min(centre + spread * high, max(values)),
        level=level,
        method=f"bootstrap of the mean, BCa, {resamples} resamples, PCG64 seed {SEED}",
    )


def _none(centre: float, level: float, why: str) -> Interval:
    return Interval(estimate=centre, low=None, high=None, level=level, method=f"no interval: {why}")


def _bounds(scaled: Floats, level: float, resamples: int) -> tuple[float, float]:
    """Return the BCa bounds of the mean of values (n,) whose mean is 0."""
    means = resampled_means(scaled, resamples)
    below = np.count_nonzero(means < -TIE) + np.count_nonzero(np.abs(means) <= TIE) / 2
    # Half a resample from either end: a bias of infinite size has no quantile.
    bias = float(ndtri(min(max(below, 0.5), resamples - 0.5) / resamples))
    # The jackknife of a mean in closed form.
    acceleration = float(np.sum(scaled**3) / (6 * np.sum(scaled**2) ** 1.5))
    tails = ((1 - level) / 2, (1 + level) / 2)
    ranks = [_corrected(float(ndtri(tail)), bias, acceleration) for tail in tails]
    low, high = np.quantile(means, ranks)
    return float(low), float(high)


def _corrected(z: float, bias: float, acceleration: float) -> float:
    moved = bias + z
    stretch = 1 - acceleration * moved
    if stretch <= 0:  # past the pole: all resamples lie on one side
        return 1.0 if moved > 0 else 0.0
    return float(ndtr(bias + moved / stretch))


def resampled_means(values: Floats, resamples: int) -> Floats:
    """Return the means of so many resamples of values (n,), as (resamples,)."""
    n = len(values)
    stream = np.random.PCG64(SEED)
    means = np.empty(resamples)
    rows = max(1, DRAWS_AT_ONCE // n)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        raw = np.asarray(stream.random_raw((stop - start) * n), dtype=np.uint64)
        # The upper 32 bits times n, shifted back: an index from 0 to n - 1, uniform within n / 2**32.
        indices = ((raw >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)
        means[start:stop] = values[indices.astype(np.intp)].reshape(stop - start, n).mean(axis=1)
    return means
