"""Correlations of pairs, with interval and p-value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr

from workers.analysis.intervals import LEVEL, check_level, normal_quantile
from workers.analysis.least_squares import dot
from workers.analysis.moments import mean
from workers.analysis.points import LeftOut, selected
from workers.analysis.rank_distribution import LARGEST, doubled_midranks, exact_p_value
from workers.catalogue.problems import InvalidError, Problem

Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A coefficient from -1 to 1; `problem` says what the pairs do not give, and why: interval or coefficient."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    alternative: str
    n: int  # pairs used
    level: float
    left_out: tuple[LeftOut, ...]
    method: str
    problem: str | None = None


def spearman(
    x: Sequence[float], y: Sequence[float], *, alternative: Alternative = "two-sided", level: float = LEVEL
) -> Correlation:
    """Return Spearman's rho of the finite pairs, ties at their mean rank.

    Up to 10 pairs p is exact, ties included; above it is that of Student's t. The interval, always
    two-sided, has the variance (1 + rho**2 / 2) / (n - 3) of Bonett and Wright (2000) on Fisher's scale.
    """
    result, x, y = _begun("Spearman's rho", x, y, alternative, level)
    if result.problem:
        return result
    r, q = doubled_midranks(x), doubled_midranks(y)
    rho = _coefficient(r, q)
    exact = result.n <= LARGEST
    p = exact_p_value(r, q, alternative) if exact else _t_p_value(rho, result.n, alternative)
    law = f"exact over all {math.factorial(result.n)} permutations" if exact else _t_law(result.n)
    return _ended(result, rho, p, law, 1 + rho * rho / 2, "variance of Bonett and Wright")


def pearson(
    x: Sequence[float], y: Sequence[float], *, alternative: Alternative = "two-sided", level: float = LEVEL
) -> Correlation:
    """Return Pearson's r of the finite pairs; p by Student's t and the interval by Fisher's z, for normal pairs."""
    result, x, y = _begun("Pearson's r", x, y, alternative, level)
    if result.problem:
        return result
    if result.n == 2:
        return replace(result, problem="2 pairs lie on a line whatever they are: r says nothing")
    r = _coefficient(x, y)
    p = _t_p_value(r, result.n, alternative)
    return _ended(result, r, p, _t_law(result.n), 1.0, "variance 1 / (n - 3)")


def _begun(
    name: str, x: Sequence[float], y: Sequence[float], alternative: str, level: float
) -> tuple[Correlation, tuple[float, ...], tuple[float, ...]]:
    check_level(level)
    if alternative not in ALTERNATIVES:
        detail = f"must be one of {', '.join(ALTERNATIVES)}; it is {alternative!r}"
        raise InvalidError([Problem(path=("alternative",), code="invalid", detail=detail, allowed=ALTERNATIVES)])
    points = selected({"x": x}, y)
    x, y = points.predictors["x"], points.y
    problem = None
    if len(y) < 2:
        problem = f"{len(y)} usable pairs: a correlation takes at least two"
    elif min(x) == max(x) or min(y) == max(y):
        problem = f"{'x' if min(x) == max(x) else 'y'} has the same value in all pairs: no correlation follows from it"
    elif math.isinf(max(x) - min(x)) or math.isinf(max(y) - min(y)):
        problem = "values lie further apart than float64 reaches: give them in other units"
    result = Correlation(
        alternative=alternative, n=len(y), level=level, left_out=points.left_out, method=name, problem=problem
    )
    return result, x, y


def _coefficient(x: Sequence[float], y: Sequence[float]) -> float:
    left, right = (np.array(values) - mean(values) for values in (x, y))
    left, right = left / np.max(np.abs(left)), right / np.max(np.abs(right))
    r = dot(left, right) / math.sqrt(dot(left, left) * dot(right, right))
    # Two vectors whose coefficient is 1 in theory may give 1 + 2e-16, and those of a line 1 - 2e-16.
    return math.copysign(1.0, r) if 1 - abs(r) < 1e-15 else r


def _t_p_value(r: float, n: int, alternative: str) -> float:
    t = math.copysign(math.inf, r) if abs(r) == 1 else r * math.sqrt((n - 2) / (1 - r * r))
    tail = {"two-sided": -abs(t), "greater": -t, "less": t}[alternative]
    p = float(stdtr(n - 2, tail)) * (2 if alternative == "two-sided" else 1)
    # The order of n pairs is one of n!, so no order is rarer than that by chance.
    return max(p, 1 / math.factorial(min(n, 170)))


def _t_law(n: int) -> str:
    return f"of Student's t, {n - 2} degrees of freedom"


def _ended(result: Correlation, r: float, p: float, law: str, variance: float, said: str) -> Correlation:
    """Return the result with its interval, `variance` being that of Fisher's z times n - 3."""
    found = replace(result, estimate=r, p_value=p, method=f"{result.method}; p {law}")
    if result.n < 4:
        return replace(found, problem=f"no interval: {result.n} pairs, Fisher's z takes at least 4")
    if abs(r) == 1:
        return replace(found, problem="no interval: Fisher's z of a coefficient of 1 or -1 is infinite")
    half = normal_quantile(result.level) * math.sqrt(variance / (result.n - 3))
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return replace(found, low=low, high=high, method=f"{found.method}; interval by Fisher's z, {said}")
