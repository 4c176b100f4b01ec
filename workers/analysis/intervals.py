"""Confidence intervals of means and probabilities, one at a time and several at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from scipy.special import betaincinv, ndtri, stdtrit

from workers.analysis.moments import finite, mean, standard_deviation
from workers.catalogue.problems import InvalidError, Problem

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its two-sided interval; low and high are None where there is none, and `method` says why."""

    estimate: float
    low: float | None
    high: float | None
    level: float
    method: str


class Correction(StrEnum):
    """How the level of each of several intervals follows from the level at which all hold at once."""

    BONFERRONI = "bonferroni"  # 1 - (1 - level) / m: whatever the dependence
    SIDAK = "sidak"  # level ** (1 / m): independent estimates, or two-sided intervals of normal ones (Sidak 1967)


def check_level(level: float) -> None:
    """Raise InvalidError unless a level of confidence lies between 0 and 1."""
    if not 0 < level < 1:
        detail = f"must lie between 0 and 1, both excluded, such as 0.95; it is {level!r}"
        raise InvalidError([Problem(path=("level",), code="out-of-range", detail=detail)])


def student_t(values: Sequence[float], *, level: float = LEVEL) -> Interval:
    """Return the mean of one finite value or more with its Student t interval, which takes two."""
    values = finite(values, "values")
    if not values:
        raise ValueError("a mean takes at least one value")
    n = len(values)
    if n == 1:
        check_level(level)
        return Interval(estimate=values[0], low=None, high=None, level=level, method="no interval: one value")
    se = standard_deviation(values) / math.sqrt(n)
    around = student_t_around(mean(values), se, n - 1, level=level)
    return around if se else replace(around, method=f"{around.method}; all values are equal")


def student_t_around(estimate: float, se: float, degrees_of_freedom: int, *, level: float = LEVEL) -> Interval:
    """Return the Student t interval of an estimate with its standard error."""
    half = t_quantile(degrees_of_freedom, level) * se
    method = f"Student's t, {degrees_of_freedom} degrees of freedom"
    return Interval(estimate=estimate, low=estimate - half, high=estimate + half, level=level, method=method)


def wilson(successes: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Return a probability with its score interval (Wilson 1927)."""
    successes, trials = _counts(successes, trials)
    z, p = normal_quantile(level), successes / trials
    centre = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    shrink = 1 + z * z / trials
    return Interval(
        estimate=p,
        # Rounding must not leave 1e-17 where the bound is 0.
        low=(centre - half) / shrink if successes else 0.0,
        high=(centre + half) / shrink if successes < trials else 1.0,
        level=level,
        method="Wilson score, without continuity correction",
    )


def clopper_pearson(successes: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Return a probability with the interval that covers it at least at the level (Clopper and Pearson 1934)."""
    successes, trials = _counts(successes, trials)
    check_level(level)
    tail = (1 - level) / 2
    low = betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    p = successes / trials
    return Interval(estimate=p, low=float(low), high=float(high), level=level, method="Clopper-Pearson, equal tails")


def simultaneous_level(level: float, count: int, correction: Correction = Correction.BONFERRONI) -> float:
    """Return the level of each of `count` intervals that hold at once at `level`."""
    check_level(level)
    if count < 1:
        raise ValueError("simultaneous intervals are of one estimate or more")
    return 1 - (1 - level) / count if correction is Correction.BONFERRONI else float(level ** (1 / count))


def simultaneous_student_t(
    samples: Sequence[Sequence[float]], *, level: float = LEVEL, correction: Correction = Correction.BONFERRONI
) -> tuple[Interval, ...]:
    """Return Student t intervals that hold at once at `level`; each carries its own, higher level."""
    if not samples:
        return ()
    each = simultaneous_level(level, len(samples), correction)
    return _said_together([student_t(values, level=each) for values in samples], level, correction)


def simultaneous_wilson(
    counts: Sequence[tuple[int, int]], *, level: float = LEVEL, correction: Correction = Correction.BONFERRONI
) -> tuple[Interval, ...]:
    """Return Wilson intervals of (successes, trials) that hold at once at `level`; each carries its own, higher one."""
    if not counts:
        return ()
    each = simultaneous_level(level, len(counts), correction)
    return _said_together([wilson(successes, trials, level=each) for successes, trials in counts], level, correction)


def t_quantile(degrees_of_freedom: int, level: float) -> float:
    """Return how many standard errors the two-sided Student t interval reaches to each side."""
    check_level(level)
    if degrees_of_freedom < 1:
        raise ValueError("Student's t takes at least one degree of freedom")
    return float(stdtrit(degrees_of_freedom, (1 + level) / 2))


def normal_quantile(level: float) -> float:
    """Return how many standard errors the two-sided normal interval reaches to each side."""
    check_level(level)
    return float(ndtri((1 + level) / 2))


def _counts(successes: int, trials: int) -> tuple[int, int]:
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"a probability takes 0 to n successes of n >= 1 trials, not {successes} of {trials}")
    return int(successes), int(trials)


def _said_together(intervals: Sequence[Interval], level: float, correction: Correction) -> tuple[Interval, ...]:
    name = {Correction.BONFERRONI: "Bonferroni", Correction.SIDAK: "Sidak"}[correction]
    said = f"{len(intervals)} intervals at once at {level!r}, {name}"
    return tuple(replace(interval, method=f"{interval.method}; {said}") for interval in intervals)
