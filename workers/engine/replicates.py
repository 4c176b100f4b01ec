"""Summaries of a simulation's replicates: a metric with its 95 % interval."""

import math
from typing import TYPE_CHECKING

import numpy as np

from workers.analysis.intervals import LEVEL, Interval, normal_quantile, student_t_around, wilson

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


def mean_metrics(name: str, values: "Floats") -> dict[str, float]:
    """Return the mean of two values or more (n,) and the ends of its Student t interval, by their metrics' names."""
    se = float(values.std(ddof=1)) / math.sqrt(len(values))
    return _named(name, student_t_around(float(values.mean()), se, len(values) - 1))


def share_metrics(name: str, successes: int, trials: int) -> dict[str, float]:
    """Return a share and the ends of its Wilson interval, by their metrics' names."""
    return _named(name, wilson(successes, trials))


def variance_metrics(name: str, values: "Floats") -> dict[str, float]:
    """Return the variance of many values (n,) and the ends of its normal interval, by their metrics' names.

    The standard error is that of any law with a fourth moment m4: sqrt((m4 - s**4) / n), s the deviation.
    """
    squares = np.square(values - values.mean())
    variance = float(squares.sum()) / (len(values) - 1)
    half = normal_quantile(LEVEL) * float(squares.std()) / math.sqrt(len(values))
    return {name: variance, f"{name}_low": variance - half, f"{name}_high": variance + half}


def _named(name: str, interval: Interval) -> dict[str, float]:
    assert interval.low is not None and interval.high is not None, "two values or more have an interval"
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
