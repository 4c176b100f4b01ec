"""The distance of a mean from a theory, against scipy's one-sample t test."""

import math

import numpy as np
import pytest
from scipy import stats

from workers.analysis.distance import distance, distance_of


def test_the_distance_of_one_to_three_from_nothing() -> None:
    """By hand: 2 / (1 / sqrt 3). Caught mutations: the sign; sd for se; n degrees of freedom."""
    found = distance([1.0, 2.0, 3.0], 0.0)
    assert (found.difference, found.degrees_of_freedom) == (2.0, 2)
    assert found.standard_errors == pytest.approx(2 * math.sqrt(3))
    assert distance([1.0, 2.0, 3.0], 4.0).standard_errors == pytest.approx(-2 * math.sqrt(3))
    assert found.method == "(mean - theory) / se, Student's t, 2 degrees of freedom"


@pytest.mark.parametrize("n", [2, 5, 40])
def test_its_p_value_is_that_of_scipy(n: int) -> None:
    """Caught mutations: one side; a normal law."""
    values = np.random.default_rng(n).normal(loc=0.2, size=n).tolist()
    expected = stats.ttest_1samp(values, 0.5)
    found = distance(values, 0.5)
    assert (found.standard_errors, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)


def test_a_known_error_has_the_normal_law() -> None:
    """By hand: 2 standard errors, 4.55 % beyond. Caught mutation: a t law."""
    found = distance_of(1.2, 0.1, 1.0)
    assert found.standard_errors == pytest.approx(2)
    assert found.p_value == pytest.approx(0.04550026389635842)
    assert found.degrees_of_freedom is None


def test_without_an_error_the_method_says_so() -> None:
    """Caught mutations: 0 / 0; a distance of 0 for one value."""
    one, off, on = distance([2.0], 1.0), distance([2.0, 2.0], 3.0), distance([3.0, 3.0], 3.0)
    assert (one.difference, one.se, one.standard_errors, one.p_value) == (1.0, None, None, None)
    assert "one value has no standard error" in one.method
    assert (off.standard_errors, off.p_value) == (-math.inf, 0.0)
    assert (on.standard_errors, on.p_value) == (0.0, 1.0)
    assert off.method.endswith("the standard error is 0")


def test_what_has_no_distance_is_refused() -> None:
    """Caught mutations: NaN let through; a negative error."""
    for call in (lambda: distance([1.0, math.nan], 0.0), lambda: distance([1.0, 2.0], math.inf)):
        with pytest.raises(ValueError, match="must be finite"):
            call()
    with pytest.raises(ValueError, match="at least one value"):
        distance([], 0.0)
    with pytest.raises(ValueError, match="not negative"):
        distance_of(1.0, -0.1, 1.0)
