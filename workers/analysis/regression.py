"""Multiple linear regression by ordinary least squares."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workers.analysis.intervals import LEVEL, check_level, t_quantile
from workers.analysis.least_squares import Floats, Solution, dot, solve
from workers.analysis.moments import mean
from workers.analysis.points import LeftOut, Points, selected


@dataclass(frozen=True, kw_only=True)
class Coefficient:
    """An estimated coefficient; se, low and high are None where the fit has no freedom left to judge it by."""

    name: str
    estimate: float
    se: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted model. `problem` says what the points do not give, and why: intervals, R^2, or any coefficient."""

    model: str
    coefficients: tuple[Coefficient, ...] = ()
    r_squared: float | None = None
    aic: float | None = None  # of the density of y itself: models of y and of ln y compare, on the same points
    residuals: tuple[float, ...] = ()  # of the points used, in their order
    residual_sd: float | None = None
    n: int  # points used
    degrees_of_freedom: int = 0
    level: float
    left_out: tuple[LeftOut, ...]
    method: str
    problem: str | None = None

    def coefficient(self, name: str) -> Coefficient | None:
        """Return the coefficient of a name, or None where the fit has none."""
        return next((coefficient for coefficient in self.coefficients if coefficient.name == name), None)


def multiple_regression(predictors: Mapping[str, Sequence[float]], y: Sequence[float], *, level: float = LEVEL) -> Fit:
    """Return y fitted by an intercept and a slope for each of the named predictors, each (n,)."""
    if "intercept" in predictors or "y" in predictors:
        raise ValueError("the names intercept and y are taken")
    points = selected(predictors, y)
    model = " + ".join(["y = intercept", *[f"b({name}) {name}" for name in predictors]])
    return least_squares_fit(points, model=model, method="ordinary least squares", level=level)


def least_squares_fit(points: Points, *, model: str, method: str, level: float = LEVEL) -> Fit:
    """Return the fit of points whose response and predictors stand in the coordinates of the straight model."""
    check_level(level)
    fit = Fit(model=model, n=len(points.y), level=level, left_out=points.left_out, method=method)
    problem = _shortage(points)
    if problem is not None:
        return replace(fit, problem=problem)
    columns = [_Column.of(values) for values in points.predictors.values()]
    y = _Column.of(points.y)
    solution = solve([column.values for column in columns], y.values)
    if solution.dependent is not None:
        names = tuple(points.predictors)
        name, before = names[solution.dependent], ", ".join(names[: solution.dependent])
        return replace(fit, problem=f"{name} is a linear combination of a constant and {before}: it has no own slope")
    judged = replace(fit, **_judged(points, columns, y, solution, level))
    freedom = judged.degrees_of_freedom
    return replace(judged, method=f"{method}; Student's t, {freedom} degrees of freedom") if freedom else judged


def _shortage(points: Points) -> str | None:
    n, needed = len(points.y), len(points.predictors) + 1
    if n < needed:
        return f"{n} usable points: {needed} coefficients take at least as many"
    for name, values in (*points.predictors.items(), ("y", points.y)):
        if math.isinf(max(values) - min(values)):
            return f"{name} has values further apart than float64 reaches: give it in other units"
        if name != "y" and min(values) == max(values):
            return f"{name} has the same value at all {n} usable points: no slope follows from it"
    return None


@dataclass(frozen=True, kw_only=True)
class _Column:
    """Values less their mean, at most 1 in size; the mean, and the scale, 1 for constant values."""

    values: Floats  # (n,)
    centre: float
    scale: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "_Column":
        # The mean of equal numbers is exactly theirs, so a constant column is exactly 0.
        centre = mean(values)
        centred = np.array(values) - centre
        scale = float(np.max(np.abs(centred))) or 1.0
        return cls(values=centred / scale, centre=centre, scale=scale)


def _judged(points: Points, columns: Sequence[_Column], y: _Column, solution: Solution, level: float) -> dict[str, Any]:
    """Return the fields of a fit that follow from its solution in centred and scaled coordinates."""
    n, p = len(points.y), len(columns)
    freedom = n - 1 - p
    total, unexplained = dot(y.values, y.values), dot(solution.residuals, solution.residuals)
    sd = math.sqrt(unexplained / freedom) if freedom else None
    problems = [] if freedom else [f"{n} points determine {n} coefficients: no interval and no R^2"]
    problems += [] if total else ["y has the same value at all usable points: no R^2"]
    return {
        "coefficients": _coefficients(tuple(points.predictors), columns, y, solution, sd, level),
        "r_squared": 1 - unexplained / total if total and freedom else None,
        "aic": _aic(unexplained, y.scale, n, p + 2) if freedom else None,
        "residuals": tuple((solution.residuals * y.scale).tolist()),
        "residual_sd": None if sd is None else sd * y.scale,
        "degrees_of_freedom": freedom,
        "problem": "; ".join(problems) or None,
    }


def _coefficients(
    names: Sequence[str], columns: Sequence[_Column], y: _Column, solution: Solution, sd: float | None, level: float
) -> tuple[Coefficient, ...]:
    # The factors are Python's: a slope beyond float64 becomes infinite, without a warning.
    slopes, inverse = [float(slope) for slope in solution.coefficients], solution.inverse
    units = [y.scale / column.scale for column in columns]
    zero = np.array([column.centre / column.scale for column in columns])  # where x = 0 lies, reversed
    n, freedom = len(y.values), len(y.values) - 1 - len(columns)
    variances = [1 / n + dot(zero, np.array([dot(row, zero) for row in inverse])), *np.diag(inverse).tolist()]
    estimates = [
        y.centre - y.scale * dot(solution.coefficients, zero),
        *[slope * unit for slope, unit in zip(slopes, units, strict=True)],
    ]
    return tuple(
        _coefficient(name, estimate, None if sd is None else sd * math.sqrt(variance) * unit, freedom, level)
        for name, estimate, variance, unit in zip(
            ("intercept", *names), estimates, variances, (y.scale, *units), strict=True
        )
    )


def _coefficient(name: str, estimate: float, se: float | None, freedom: int, level: float) -> Coefficient:
    if se is None:
        return Coefficient(name=name, estimate=estimate, se=None, low=None, high=None)
    half = t_quantile(freedom, level) * se
    return Coefficient(name=name, estimate=estimate, se=se, low=estimate - half, high=estimate + half)


def _aic(unexplained: float, scale: float, n: int, parameters: int) -> float | None:
    """Return Akaike's criterion of normal residuals, their variance among the parameters; None for a perfect fit."""
    if unexplained == 0:
        return None
    variance = 2 * math.log(scale) + math.log(unexplained / n)
    return n * (math.log(2 * math.pi) + variance + 1) + 2 * parameters
