"""Moments of finite values, exactly rounded: no order of summation changes a bit of them."""

import math
import statistics
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """Return the mean of one finite value or more, rounded once."""
    return float(statistics.mean(values))


def standard_deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of two finite values or more, with n - 1 below; inf where it overflows."""
    try:
        return float(statistics.stdev(values))
    except OverflowError:  # values near both ends of the range of float64
        return math.inf


def finite(values: Sequence[float], name: str) -> tuple[float, ...]:
    """Return the values as plain floats; raise ValueError, with the name, where one is not finite."""
    plain = tuple(float(value) for value in values)
    if not all(math.isfinite(value) for value in plain):
        raise ValueError(f"{name} must be finite: leave out what is not, and count it")
    return plain
