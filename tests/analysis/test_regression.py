"""Multiple regression against certified values, numpy and closed forms."""

import math
import random

import numpy as np
import pytest

from workers.analysis.least_squares import solve
from workers.analysis.regression import multiple_regression

# Longley (1967), NIST Statistical Reference Datasets: columns that nearly depend on each other.
LONGLEY = """
60323 83.0 234289 2356 1590 107608 1947
61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949
61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951
63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953
63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955
67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957
66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959
69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961
70551 116.9 554894 4007 2827 130081 1962
"""
CERTIFIED = {
    "intercept": (-3482258.63459582, 890420.383607373),
    "deflator": (15.0618722713733, 84.9149257747669),
    "product": (-0.0358191792925910, 0.0334910077722432),
    "unemployed": (-2.02022980381683, 0.488399681651699),
    "armed": (-1.03322686717359, 0.214274163161675),
    "population": (-0.0511041056535807, 0.226073200069370),
    "year": (1829.15146461355, 455.478499142212),
}


def longley() -> tuple[dict[str, list[float]], list[float]]:
    """Return the predictors by name and the response."""
    y, *columns = zip(*[[float(number) for number in row.split()] for row in LONGLEY.strip().splitlines()], strict=True)
    names = [name for name in CERTIFIED if name != "intercept"]
    return {name: list(column) for name, column in zip(names, columns, strict=True)}, list(y)


def test_longleys_data_give_the_certified_values() -> None:
    """Normal equations would lose 7 digits here. Caught mutations: no centring; n for n - p; the inverse transposed.

    The columns' condition after centring is about 1e3, so 1e-10 leaves three digits for rounding.
    """
    fit = multiple_regression(*longley())
    for name, (estimate, se) in CERTIFIED.items():
        found = fit.coefficient(name)
        assert found is not None
        assert (found.estimate, found.se) == (pytest.approx(estimate, rel=1e-10), pytest.approx(se, rel=1e-10))
    assert fit.residual_sd == pytest.approx(304.854073561965, rel=1e-10)
    assert fit.r_squared == pytest.approx(0.995479004577296, rel=1e-12)
    assert (fit.n, fit.degrees_of_freedom) == (16, 9)


def test_it_is_what_numpy_finds_and_its_interval_is_students() -> None:
    """Caught mutations: residuals of the scaled response; an interval of normal quantiles."""
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 12))
    y = 1.5 - 2 * a + 300 * b + generator.normal(size=12)
    design = np.column_stack([np.ones(12), a, b])
    expected, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    covariance = rss[0] / 9 * np.linalg.inv(design.T @ design)
    fit = multiple_regression({"a": a.tolist(), "b": b.tolist()}, y.tolist())
    assert [found.estimate for found in fit.coefficients] == pytest.approx(expected.tolist())
    assert [found.se for found in fit.coefficients] == pytest.approx(np.sqrt(np.diag(covariance)).tolist())
    assert fit.residuals == pytest.approx((y - design @ expected).tolist(), abs=1e-10)
    slope = fit.coefficient("a")
    assert slope is not None
    assert slope.high == pytest.approx(slope.estimate + 2.2621571627409915 * slope.se)  # t(9)
    assert fit.method == "ordinary least squares; Student's t, 9 degrees of freedom"
    assert fit.model == "y = intercept + b(a) a + b(b) b"


def test_the_order_of_the_rows_changes_no_bit() -> None:
    """Caught mutation: sums in the order of the rows, as LAPACK's QR takes them."""
    predictors, y = longley()
    order = list(range(16))
    random.Random(1).shuffle(order)
    shuffled = multiple_regression({k: [v[i] for i in order] for k, v in predictors.items()}, [y[i] for i in order])
    plain = multiple_regression(predictors, y)
    assert shuffled.coefficients == plain.coefficients
    assert (shuffled.r_squared, shuffled.aic) == (plain.r_squared, plain.aic)
    assert shuffled.residuals == tuple(plain.residuals[i] for i in order)


def test_a_dependent_column_is_named() -> None:
    """Caught mutations: coefficients of 1e15 from a column of rounding dust; the wrong column named."""
    a, b = [1.0, 2.0, 4.0, 8.0, 3.0], [0.1, 0.7, 0.3, 0.9, 0.2]
    twice = [2 * left - 3 * right + 7 for left, right in zip(a, b, strict=True)]
    fit = multiple_regression({"a": a, "b": b, "twice": twice}, [1.0, 0.0, 2.0, 5.0, 1.0])
    assert (fit.coefficients, fit.r_squared) == ((), None)
    assert fit.problem == "twice is a linear combination of a constant and a, b: it has no own slope"


def test_points_with_a_hole_are_left_out_with_the_reason() -> None:
    """Caught mutation: the name of the predictor lost."""
    fit = multiple_regression({"a": [1, 2, math.nan, 4, 5], "b": [1, 4, 9, math.inf, 25]}, [1, 2, 3, 4, 5])
    assert [(point.index, point.reason) for point in fit.left_out] == [(2, "a is not finite"), (3, "b is not finite")]
    assert fit.n == 3
    assert fit.problem == "3 points determine 3 coefficients: no interval and no R^2"


def test_a_name_that_is_taken_and_columns_of_unequal_length_are_refused() -> None:
    """Caught mutation: a predictor called intercept, which then stands for two coefficients."""
    with pytest.raises(ValueError, match="names intercept and y are taken"):
        multiple_regression({"intercept": [1, 2]}, [1, 2])
    with pytest.raises(ValueError, match="as many values"):
        multiple_regression({"a": [1, 2, 3]}, [1, 2])


def test_the_solver_alone() -> None:
    """By hand: columns (1, 1, 1) and (0, 1, 2), y = (1, 3, 5): 1 + 2 x, inverse ((5, -3), (-3, 3)) / 6."""
    solution = solve([np.ones(3), np.arange(3.0)], np.array([1.0, 3.0, 5.0]))
    assert solution.coefficients.tolist() == pytest.approx([1, 2])
    assert solution.inverse.ravel().tolist() == pytest.approx([5 / 6, -1 / 2, -1 / 2, 1 / 2])
    assert solution.residuals.tolist() == pytest.approx([0, 0, 0], abs=1e-15)
