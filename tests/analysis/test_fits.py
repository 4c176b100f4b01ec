"""Fits against one x: scipy's line, exact laws, coverage, and what is left out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workers.analysis.fits import Model, exponential, fit_groups, linear, power_law
from workers.analysis.points import Group, Over
from workers.analysis.regression import Coefficient, Fit
from workers.catalogue.problems import InvalidError

WIDE = st.lists(
    st.tuples(
        st.floats(allow_nan=True, allow_infinity=True),
        st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=8,
)


def of(fit: Fit, name: str) -> Coefficient:
    """Return a coefficient that must be there."""
    found = fit.coefficient(name)
    assert found is not None, fit.problem
    return found


def test_the_line_is_scipys() -> None:
    """Caught mutations: x and y exchanged; the intercept's error that of the slope; R^2 as r."""
    generator = np.random.default_rng(0)
    x = generator.uniform(50, 60, size=9)
    y = 3 - 0.2 * x + generator.normal(size=9)
    expected, fit = stats.linregress(x, y), linear(x.tolist(), y.tolist())
    slope, intercept = of(fit, "slope"), of(fit, "intercept")
    assert (slope.estimate, slope.se) == pytest.approx((expected.slope, expected.stderr))
    assert (intercept.estimate, intercept.se) == pytest.approx((expected.intercept, expected.intercept_stderr))
    assert fit.r_squared == pytest.approx(expected.rvalue**2)
    assert (slope.low, slope.high) == pytest.approx(stats.t.interval(0.95, 7, expected.slope, expected.stderr))


def test_an_exact_law_comes_out() -> None:
    """y = 3 x**-2 and y = 3 exp(-2 x). Caught mutations: base 10 in one logarithm; the prefactor's logarithm."""
    x = [1.0, 2.0, 4.0, 8.0, 16.0]
    law = power_law(x, [3 * value**-2 for value in x])
    decay = exponential(x, [3 * math.exp(-2 * value) for value in x])
    assert (of(law, "exponent").estimate, of(law, "prefactor").estimate) == pytest.approx((-2, 3))
    assert (of(decay, "rate").estimate, of(decay, "prefactor").estimate) == pytest.approx((-2, 3))
    assert law.r_squared == decay.r_squared == pytest.approx(1)
    assert law.model == "y = prefactor x**exponent"
    assert law.method.startswith("ordinary least squares of ln y on ln x, residuals in natural logarithms")


def test_the_prefactor_and_the_residuals_are_those_of_the_logarithms() -> None:
    """Against scipy on logarithms. Caught mutations: estimate +- t se for the prefactor; residuals of y."""
    x, y = [1.0, 2.0, 3.0, 5.0], [1.1, 0.4, 0.35, 0.1]
    expected = stats.linregress(np.log(x), np.log(y))
    fit = power_law(x, y)
    low, high = stats.t.interval(0.95, 2, expected.intercept, expected.intercept_stderr)
    prefactor = of(fit, "prefactor")
    assert (prefactor.low, prefactor.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert prefactor.se is None
    assert fit.residuals == pytest.approx((np.log(y) - expected.intercept - expected.slope * np.log(x)).tolist())


def test_the_interval_of_an_exponent_covers_95_percent() -> None:
    """6 points of a law with lognormal errors. Caught mutations: a normal quantile (89 %); n for n - 2 (88 %)."""
    replicates, x = 1500, np.array([1.0, 2, 4, 8, 16, 32])
    errors = np.random.default_rng(2).normal(scale=0.3, size=(replicates, 6))
    exponents = [of(power_law(x.tolist(), (5 * x**-1.5 * np.exp(row)).tolist()), "exponent") for row in errors]
    covered = sum(found.low <= -1.5 <= found.high for found in exponents) / replicates  # type: ignore[operator]
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / replicates)


def test_aic_is_that_of_the_density_of_y_in_all_models() -> None:
    """Against scipy's densities at the maximum. Caught mutation: the Jacobian of the logarithm left out."""
    x = np.array([1.0, 2, 3, 4, 5, 6, 7])
    y = 2 * np.exp(-0.7 * x) * np.exp(np.random.default_rng(3).normal(scale=0.05, size=7))
    line, decay = linear(x.tolist(), y.tolist()), exponential(x.tolist(), y.tolist())
    sd = math.sqrt(sum(value**2 for value in line.residuals) / 7)
    assert line.aic == pytest.approx(6 - 2 * stats.norm.logpdf(line.residuals, scale=sd).sum())
    sd = math.sqrt(sum(value**2 for value in decay.residuals) / 7)
    fitted = np.exp(np.log(y) - decay.residuals)
    assert decay.aic == pytest.approx(6 - 2 * stats.lognorm.logpdf(y, sd, scale=fitted).sum())
    law = power_law(x.tolist(), y.tolist())
    assert decay.aic is not None and law.aic is not None and line.aic is not None
    assert decay.aic + 10 < min(law.aic, line.aic)


def test_points_that_cannot_count_are_left_out_with_the_reason() -> None:
    """Caught mutations: <= for < at the floor; a hole that shifts the indices; one reason for all."""
    x = [1.0, 2.0, 0.0, 4.0, 8.0, 16.0, 32.0]
    y = [1.0, 0.5, 0.9, math.nan, 1e-3, 1e-17, -0.1]
    fit = power_law(x, y, floor=1e-3)
    assert fit.n == 3
    assert [(point.index, point.x, point.reason) for point in fit.left_out] == [
        (2, (0.0,), "x is not positive: it has no logarithm"),
        (3, (4.0,), "y is not finite"),
        (5, (16.0,), "y is below the floating-point floor 0.001"),
        (6, (32.0,), "y is not positive: it has no logarithm"),
    ]
    assert linear(x, y).n == 6


def test_too_few_points_give_a_result_that_says_so() -> None:
    """Caught mutations: an exception out of numpy; R^2 = 1 through two points."""
    none, same, two = power_law([], []), linear([2, 2, 2], [1, 2, 3]), linear([1, 2], [1, 3])
    assert (none.coefficients, none.n) == ((), 0)
    assert none.problem == "0 usable points: 2 coefficients take at least as many"
    assert same.problem == "x has the same value at all 3 usable points: no slope follows from it"
    assert (of(two, "slope").low, of(two, "slope").se, two.r_squared, two.aic) == (None, None, None, None)
    assert of(two, "slope").estimate == pytest.approx(2)
    assert two.problem == "2 points determine 2 coefficients: no interval and no R^2"


def test_a_constant_has_a_slope_of_0_and_no_r_squared() -> None:
    """Caught mutation: R^2 = 1 - 0 / 0."""
    fit = linear([1, 2, 3], [0.1, 0.1, 0.1])
    assert (of(fit, "slope").estimate, fit.r_squared) == (0.0, None)
    assert fit.problem == "y has the same value at all usable points: no R^2"


GROUPS = [Group(x=1.0, values=(1.0, 3.0, 5.0)), Group(x=2.0, values=(2.0, 6.0, 7.0)), Group(x=4.0, values=(9.0,))]


def test_groups_are_fitted_over_means_medians_or_values() -> None:
    """Caught mutations: means for medians; values paired with the wrong x."""
    for over, x, y in (
        (Over.MEANS, [1, 2, 4], [3, 5, 9]),
        (Over.MEDIANS, [1, 2, 4], [3, 6, 9]),
        (Over.VALUES, [1, 1, 1, 2, 2, 2, 4], [1, 3, 5, 2, 6, 7, 9]),
    ):
        fit, expected = fit_groups(GROUPS, Model.LINEAR, over=over), linear(x, y)
        assert fit.coefficients == expected.coefficients
    assert fit.method.endswith("over all values")
    assert fit_groups(GROUPS, Model.POWER_LAW).method.endswith("over group means")


def test_a_group_with_a_diverged_run_is_left_out_and_said() -> None:
    """Caught mutations: the mean of what is left of it; an exception for an empty group."""
    groups = [*GROUPS, Group(x=8.0, values=(1.0, math.inf)), Group(x=16.0, values=())]
    fit = fit_groups(groups, Model.EXPONENTIAL)
    assert fit.n == 3
    assert [(point.index, point.reason) for point in fit.left_out] == [(3, "y is not finite"), (4, "y is not finite")]
    over_values = fit_groups(groups, Model.LINEAR, over=Over.VALUES)
    assert (over_values.n, len(over_values.left_out)) == (8, 1)


def test_values_further_apart_than_float64_reaches_say_so() -> None:
    """Caught mutation: max - min = inf, and a warning out of numpy."""
    far = [-1.7e308, 0.0, 1.7e308]
    assert linear(far, [1, 2, 3]).problem == "x has values further apart than float64 reaches: give it in other units"
    assert linear([1, 2, 3], far).problem == "y has values further apart than float64 reaches: give it in other units"


@given(WIDE)
def test_whatever_the_points_a_fit_comes_out(points: list[tuple[float, float]]) -> None:
    """Up to 1.8e308, NaN and infinity. Caught mutations: an overflow (a warning is an error); a point lost."""
    x, y = [left for left, _ in points], [right for _, right in points]
    for fit in (linear(x, y), power_law(x, y), exponential(x, y)):
        assert fit.n + len(fit.left_out) == len(points)
        assert bool(fit.coefficients) or fit.problem


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.floats(0.1, 10)), min_size=4, max_size=9, unique_by=lambda point: point[0]
    ),
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_units_change_no_exponent(points: list[tuple[int, float]], x_unit: float, y_unit: float) -> None:
    """Caught mutation: a fit that is not one on logarithms, whose exponent follows the units."""
    plain = power_law([x for x, _ in points], [y for _, y in points])
    moved = power_law([x_unit * x for x, _ in points], [y_unit * y for _, y in points])
    for name in ("estimate", "low", "high"):
        ours, theirs = getattr(of(moved, "exponent"), name), getattr(of(plain, "exponent"), name)
        assert ours == pytest.approx(theirs, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("floor", [0.0, -1.0, math.nan, math.inf])
def test_a_floor_that_is_none_is_refused_by_name(floor: float) -> None:
    """Caught mutation: NaN let through, below which nothing lies."""
    with pytest.raises(InvalidError, match="/floor: must be a positive number"):
        power_law([1, 2, 3], [1, 2, 3], floor=floor)
    with pytest.raises(InvalidError, match="/level"):
        linear([], [], level=1.5)
