"""Logistic regression of counts, by maximum likelihood."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.optimize import brentq
from scipy.special import xlogy

from workers.analysis.intervals import LEVEL, Interval, check_level, normal_quantile
from workers.analysis.least_squares import Floats, dot, solve
from workers.analysis.logistic_likelihood import Counts, Maximum, maximise, separated
from workers.analysis.moments import mean
from workers.analysis.points import LeftOut, selected
from workers.analysis.regression import Coefficient


class Bounds(StrEnum):
    """How the interval of a coefficient is found."""

    PROFILE = "profile"  # where the likelihood, maximised over the other coefficients, has fallen by a chi-square
    WALD = "wald"  # estimate +- z se: too wide, or far off, where few rows fail or few succeed


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """Log-odds that are linear in the predictors. Without coefficients there is no fit, and `problem` says why."""

    model: str
    coefficients: tuple[Coefficient, ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()  # of the coefficients, in their order
    r_squared: float | None = None  # McFadden's: 1 - log-likelihood / that of one probability for all
    log_likelihood: float | None = None  # without the binomial coefficients
    aic: float | None = None
    residuals: tuple[float, ...] = ()  # deviance residuals of the rows used, in their order
    n: int  # rows used
    trials: int  # in these rows
    level: float
    left_out: tuple[LeftOut, ...]
    method: str
    problem: str | None = None

    def coefficient(self, name: str) -> Coefficient | None:
        """Return the coefficient of a name, or None where the fit has none."""
        return next((coefficient for coefficient in self.coefficients if coefficient.name == name), None)


def logistic_regression(
    predictors: Mapping[str, Sequence[float]],
    successes: Sequence[int],
    trials: Sequence[int] | None = None,
    *,
    level: float = LEVEL,
    bounds: Bounds = Bounds.PROFILE,
) -> Logistic:
    """Return the log-odds of success fitted by an intercept and the named predictors, each (n,).

    Without `trials` each row is one trial. A separation, which leaves the likelihood without a maximum, is
    refused in `problem`: more rows or fewer predictors are the remedy, not a large number.
    """
    check_level(level)
    if "intercept" in predictors or "y" in predictors:
        raise ValueError("the names intercept and y are taken")
    tried = [1] * len(successes) if trials is None else list(trials)
    _check_counts(successes, tried)
    points = selected(predictors, successes)
    gone = {point.index for point in points.left_out}
    kept = np.array([float(count) for index, count in enumerate(tried) if index not in gone])
    table = _Table(predictors=points.predictors, counts=Counts(successes=np.array(points.y), trials=kept))
    said = "log-likelihood profile" if bounds is Bounds.PROFILE else "Wald"
    return table.fit(
        level=level, bounds=bounds, left_out=points.left_out, method=f"maximum likelihood, {said} intervals"
    )


def half_point(fit: Logistic, name: str) -> Interval | None:
    """Return where the probability passes 1/2 in the fit's only predictor, with Fieller's interval; None without a fit.

    The interval needs a slope that differs from 0 at the fit's level: otherwise the half point may lie anywhere.
    """
    slope, intercept = fit.coefficient(name), fit.coefficient("intercept")
    if slope is None or intercept is None or len(fit.coefficients) != 2 or not slope.estimate:
        return None
    b0, b1 = intercept.estimate, slope.estimate
    (v00, v01), (_, v11) = fit.covariance
    z = normal_quantile(fit.level)
    # (b0 + b1 x)**2 <= z**2 (v00 + 2 v01 x + v11 x**2)
    a, b, c = b1**2 - z**2 * v11, b0 * b1 - z**2 * v01, b0**2 - z**2 * v00
    method, low, high = "Fieller", None, None
    if a <= 0:
        method = "no interval: the slope does not differ from 0, so the half point may lie anywhere"
    else:
        half = math.sqrt(max(b * b - a * c, 0.0))
        low, high = (-b - half) / a, (-b + half) / a
    return Interval(estimate=-b0 / b1, low=low, high=high, level=fit.level, method=method)


def _check_counts(successes: Sequence[int], trials: Sequence[int]) -> None:
    if len(successes) != len(trials):
        raise ValueError("successes and trials must have as many values")
    for success, trial in zip(successes, trials, strict=True):
        if trial < 1 or not 0 <= success <= trial or int(success) != success or int(trial) != trial:
            raise ValueError(f"a row takes 0 to n successes of n >= 1 trials, whole numbers, not {success} of {trial}")


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Predictors (n,) each and counts; the fit runs on predictors less their means, at most 1 in size."""

    predictors: Mapping[str, tuple[float, ...]]
    counts: Counts

    def fit(self, *, level: float, bounds: Bounds, left_out: tuple[LeftOut, ...], method: str) -> Logistic:
        model = "log-odds = " + " + ".join(["intercept", *[f"b({name}) {name}" for name in self.predictors]])
        n, trials = len(self.counts.trials), int(self.counts.trials.sum())
        problem = self._problem()
        if problem is None:
            maximum = maximise(self._design(), self.counts, np.zeros(n))
            problem = None if maximum.converged else "the likelihood's maximum was not reached: rescale the predictors"
        if problem is not None:
            return Logistic(
                model=model, n=n, trials=trials, level=level, left_out=left_out, method=method, problem=problem
            )
        covariance = self._covariance(maximum)
        return Logistic(
            model=model,
            coefficients=self._coefficients(maximum, covariance, level, bounds),
            covariance=tuple(tuple(row) for row in covariance.tolist()),
            r_squared=1 - maximum.log_likelihood / self._null(),
            log_likelihood=maximum.log_likelihood,
            aic=2 * (len(covariance) - maximum.log_likelihood),
            residuals=tuple(self.counts.deviance_residuals(maximum.eta).tolist()),
            n=n,
            trials=trials,
            level=level,
            left_out=left_out,
            method=method,
        )

    def _problem(self) -> str | None:
        n, needed, counts = len(self.counts.trials), len(self.predictors) + 1, self.counts
        if n < needed:
            return f"{n} usable rows: {needed} coefficients take at least as many"
        for name, values in self.predictors.items():
            if math.isinf(max(values) - min(values)):
                return f"{name} has values further apart than float64 reaches: give it in other units"
        for what, count in (("success", counts.successes.sum()), ("failure", counts.failures.sum())):
            if not count:
                return f"no {what} in {int(counts.trials.sum())} trials: the likelihood has no maximum"
        dependent = solve(self._design(), np.zeros(n)).dependent
        if dependent is not None:
            name = tuple(self.predictors)[dependent - 1]
            return f"{name} is constant or a linear combination of the predictors before it: it has no own slope"
        if separated(self._design(), counts):
            names = ", ".join(self.predictors)
            return f"separation: {names} split the successes from the failures, so the likelihood has no maximum"
        return None

    def _centre_and_scale(self, values: tuple[float, ...]) -> tuple[float, float]:
        centre = mean(values)
        return centre, max(abs(value - centre) for value in values) or 1.0

    def _design(self) -> list[Floats]:
        columns = [np.ones(len(self.counts.trials))]
        for values in self.predictors.values():
            centre, scale = self._centre_and_scale(values)
            columns.append((np.array(values) - centre) / scale)
        return columns

    def _back(self) -> Floats:
        """Return the matrix (p, p) that takes coefficients of the design to those of the predictors themselves."""
        back = np.eye(len(self.predictors) + 1)
        for j, values in enumerate(self.predictors.values(), start=1):
            centre, scale = self._centre_and_scale(values)
            back[0, j], back[j, j] = -centre / scale, 1 / scale
        return back

    def _covariance(self, maximum: Maximum) -> Floats:
        back = self._back()
        half = [[dot(row, column) for column in maximum.covariance] for row in back]
        return np.array([[dot(np.array(left), right) for right in back] for left in half])

    def _null(self) -> float:
        s, f, n = (float(part.sum()) for part in (self.counts.successes, self.counts.failures, self.counts.trials))
        return float(xlogy(s, s / n) + xlogy(f, f / n))

    def _coefficients(
        self, maximum: Maximum, covariance: Floats, level: float, bounds: Bounds
    ) -> tuple[Coefficient, ...]:
        z = normal_quantile(level)
        found = []
        for j, (name, row) in enumerate(zip(("intercept", *self.predictors), self._back(), strict=True)):
            estimate, se = dot(row, maximum.coefficients), math.sqrt(covariance[j, j])
            low, high = estimate - z * se, estimate + z * se
            if bounds is Bounds.PROFILE:
                low, high = self._profile(j, estimate, se, maximum, z * z / 2)
            found.append(Coefficient(name=name, estimate=estimate, se=se, low=low, high=high))
        return tuple(found)

    def _profile(self, j: int, estimate: float, se: float, maximum: Maximum, fall: float) -> tuple[float, float]:
        """Return where the likelihood, maximised over all coefficients but the j-th, has fallen by so much."""
        # Where the other coefficients follow in a normal likelihood: from there the search takes a few steps.
        toward = [dot(self._back()[j], column) / se**2 for column in maximum.covariance]
        tangent = np.zeros(len(maximum.eta))
        for slope, column in zip(toward, self._design(), strict=True):
            tangent = tangent + slope * column
        others, cut = self._others(j), maximum.log_likelihood - fall

        def above(value: float) -> float:
            return maximise(others, self.counts, maximum.eta + (value - estimate) * tangent).log_likelihood - cut

        return _crossing(above, estimate, -se), _crossing(above, estimate, se)

    def _others(self, j: int) -> list[Floats]:
        """Return columns that span what log-odds can change by while the j-th coefficient stays."""
        if j:
            design = self._design()
            return design[:j] + design[j + 1 :]
        raw = [np.array(values) for values in self.predictors.values()]
        return [values / (np.max(np.abs(values)) or 1.0) for values in raw]


def _crossing(above: Callable[[float], float], inside: float, step: float) -> float:
    """Return where a concave function, positive inside, passes 0 in the direction of the step."""
    outside = inside + 2 * step
    while above(outside) > 0:
        step *= 2
        outside = inside + 2 * step
    return float(brentq(above, inside, outside, xtol=abs(step) * 1e-10, rtol=1e-12))
