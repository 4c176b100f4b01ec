"""How far a mean lies from the value that a theory gives it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from workers.analysis.moments import finite, mean, standard_deviation


@dataclass(frozen=True, kw_only=True)
class Distance:
    """Estimate minus theory in standard errors; None where there is no error to measure it by."""

    estimate: float
    theory: float
    difference: float
    se: float | None
    standard_errors: float | None  # signed
    degrees_of_freedom: int | None  # None: the standard error is known, the law is normal
    p_value: float | None  # two-sided
    method: str


def distance(values: Sequence[float], theory: float) -> Distance:
    """Return how many standard errors the mean of one finite value or more lies from the theory."""
    values = finite(values, "values")
    if not values:
        raise ValueError("a mean takes at least one value")
    n = len(values)
    if n == 1:
        return _distance(values[0], None, theory, 0, "no distance: one value has no standard error")
    se = standard_deviation(values) / math.sqrt(n)
    return _distance(mean(values), se, theory, n - 1, f"(mean - theory) / se, Student's t, {n - 1} degrees of freedom")


def distance_of(estimate: float, se: float, theory: float) -> Distance:
    """Return the distance of an estimate whose standard error is known, not estimated."""
    (estimate,) = finite([estimate], "estimate")
    if not se >= 0:
        raise ValueError("a standard error is not negative")
    return _distance(estimate, float(se), theory, None, "(estimate - theory) / se, known se, normal law")


def _distance(
    estimate: float, se: float | None, theory: float, degrees_of_freedom: int | None, method: str
) -> Distance:
    (theory,) = finite([theory], "theory")
    difference = estimate - theory
    standard_errors = None if se is None else _ratio(difference, se)
    return Distance(
        estimate=estimate,
        theory=theory,
        difference=difference,
        se=se,
        standard_errors=standard_errors,
        degrees_of_freedom=degrees_of_freedom,
        p_value=None if standard_errors is None else _p_value(standard_errors, degrees_of_freedom),
        method=f"{method}; the standard error is 0" if se == 0 else method,
    )


def _ratio(difference: float, se: float) -> float:
    if se:
        return difference / se
    return math.copysign(math.inf, difference) if difference else 0.0


def _p_value(standard_errors: float, degrees_of_freedom: int | None) -> float:
    tail = -abs(standard_errors)
    return 2 * float(ndtr(tail) if degrees_of_freedom is None else stdtr(degrees_of_freedom, tail))
