"""Fits of y against one x: straight line, power law, exponential."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

from workers.analysis.intervals import LEVEL
from workers.analysis.points import Group, Over, Points, pooled, selected
from workers.analysis.regression import Coefficient, Fit, least_squares_fit


class Model(StrEnum):
    """What is fitted."""

    LINEAR = "linear"  # y = intercept + slope x
    POWER_LAW = "power_law"  # y = prefactor x**exponent
    EXPONENTIAL = "exponential"  # y = prefactor exp(rate x)


def linear(x: Sequence[float], y: Sequence[float], *, floor: float | None = None, level: float = LEVEL) -> Fit:
    """Return `intercept` and `slope` of y on x, by ordinary least squares."""
    points = selected({"x": x}, y, floor=floor)
    fit = least_squares_fit(points, model="y = intercept + slope x", method="ordinary least squares", level=level)
    return _renamed(fit, {"x": "slope"})


def power_law(x: Sequence[float], y: Sequence[float], *, floor: float | None = None, level: float = LEVEL) -> Fit:
    """Return `exponent` and `prefactor` of y = prefactor x**exponent, by least squares on logarithms.

    R^2 and residuals are those of ln y. The prefactor has an interval and no standard error: it is the
    exponential of the intercept.
    """
    points = selected({"x": x}, y, floor=floor, logarithm_of=["x"], logarithm_of_y=True)
    straight = replace(points, predictors={"x": _logarithms(points.predictors["x"])}, y=_logarithms(points.y))
    method = "ordinary least squares of ln y on ln x, residuals in natural logarithms"
    return _of_logarithms(straight, "y = prefactor x**exponent", method, "exponent", level)


def exponential(x: Sequence[float], y: Sequence[float], *, floor: float | None = None, level: float = LEVEL) -> Fit:
    """Return `rate` and `prefactor` of y = prefactor exp(rate x), by least squares of ln y on x."""
    points = selected({"x": x}, y, floor=floor, logarithm_of_y=True)
    straight = replace(points, y=_logarithms(points.y))
    method = "ordinary least squares of ln y on x, residuals in natural logarithms"
    return _of_logarithms(straight, "y = prefactor exp(rate x)", method, "rate", level)


def fit_groups(
    groups: Sequence[Group],
    model: Model,
    *,
    over: Over = Over.MEANS,
    floor: float | None = None,
    level: float = LEVEL,
) -> Fit:
    """Return a fit over the means, the medians or all values of groups.

    Over values, those at one x count as independent: what the groups' means deviate from the model then
    enters the interval as if it were noise of the values, so take means where the model is approximate.
    """
    x, y = pooled(groups, over)
    fit = FITS[model](x, y, floor=floor, level=level)
    return replace(fit, method=f"{fit.method}; over {'all values' if over is Over.VALUES else f'group {over}'}")


FITS: dict[Model, Callable[..., Fit]] = {
    Model.LINEAR: linear,
    Model.POWER_LAW: power_law,
    Model.EXPONENTIAL: exponential,
}


def _of_logarithms(straight: Points, model: str, method: str, slope: str, level: float) -> Fit:
    fit = _renamed(least_squares_fit(straight, model=model, method=method, level=level), {"x": slope})
    # d ln y = dy / y: the density of y is that of ln y over y.
    aic = None if fit.aic is None else fit.aic + 2 * math.fsum(straight.y)
    coefficients = tuple(
        _exponentiated(coefficient) if coefficient.name == "intercept" else coefficient
        for coefficient in fit.coefficients
    )
    return replace(fit, aic=aic, coefficients=coefficients)


def _logarithms(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(math.log(value) for value in values)


def _renamed(fit: Fit, names: dict[str, str]) -> Fit:
    renamed = tuple(replace(each, name=names.get(each.name, each.name)) for each in fit.coefficients)
    return replace(fit, coefficients=renamed)


def _exponentiated(intercept: Coefficient) -> Coefficient:
    return Coefficient(
        name="prefactor",
        estimate=_exponential(intercept.estimate),
        se=None,
        low=None if intercept.low is None else _exponential(intercept.low),
        high=None if intercept.high is None else _exponential(intercept.high),
    )


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
