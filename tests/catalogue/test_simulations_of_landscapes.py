"""Simulations of critical points and of the conditions of a product."""

import math
from typing import Any

import numpy as np
import pytest

from workers.catalogue.kinds import simulations
from workers.catalogue.values import Reading
from workers.engine.product_conditions import _derivatives, best_fit, conditions, subset_rank, unmet


def read(kind: str, **fields: Any) -> Reading:
    """Return what a simulation measures."""
    reading: Reading = simulations.get(kind)(**fields).run(0, lambda completed, total: None)
    return reading


def signs(factors: int) -> np.ndarray:
    """Return the units of the paper's construction: all signs, their product over 2**n before each."""
    found = np.array(np.meshgrid(*[[1.0, -1.0]] * factors)).reshape(factors, -1).T
    return np.concatenate([found.prod(axis=1, keepdims=True) / 2**factors, found], axis=1)


def test_the_index_rises_with_the_value_of_a_random_field() -> None:
    """Bray and Dean: rho above 0 by its interval, a negative slope, minima low. Mutation: share of positive ones."""
    found = read("random-field-critical-points", starts=150).metrics
    assert found["index_value_correlation_low"] > 0 and found["curvature_slope"] < 0
    assert found["minima_value_mean"] < 0 < found["minima_share"] < 0.5
    assert found["points"] > 50


def test_minima_are_half_of_all_points_in_one_dimension_and_rarer_in_more() -> None:
    """They alternate with maxima, so counts differ by one at most per gap. Mutation: any positive eigenvalue."""
    one, four = (read("random-field-critical-points", dimensions=d, starts=150) for d in (1, 4))
    assert one.metrics["minima_share"] == pytest.approx(0.5, abs=0.15)
    assert four.metrics["minima_share"] < 0.2
    assert set(one.arrays["indices"].tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("factors", "count"), [(1, 2), (2, 6), (3, 20), (4, 70)])
def test_there_is_a_condition_for_each_monomial(factors: int, count: int) -> None:
    """C(2n, n) of degree at most n; the product last. Mutation: degrees below n alone."""
    found = conditions(factors, same_parity=False)
    assert len(found) == count == math.comb(2 * factors, factors) and found[-1].tolist() == [1] * factors
    assert len(np.unique(found, axis=0)) == count
    even = conditions(factors, same_parity=True)
    assert {int(row.sum()) % 2 for row in even} == {factors % 2}


@pytest.mark.parametrize("factors", [1, 2, 3, 4])
def test_all_signs_meet_the_conditions_with_full_rank(factors: int) -> None:
    """2**n units as in the paper, exactly; one less has one rank less. Mutation: count the empty subset out."""
    units = signs(factors)
    assert np.abs(unmet(conditions(factors, same_parity=False), units)).max() < 1e-15
    assert subset_rank(units) == 2**factors and subset_rank(units[:-1]) == 2**factors - 1


def test_half_of_the_signs_meet_those_of_their_parity_alone() -> None:
    """n = 3: tanh has no even terms, so four units do; with the even ones they do not. Mutation: parity of n + 1."""
    units = signs(3)
    half = units[units[:, 1] > 0] * np.array([2.0, 1, 1, 1])
    assert np.abs(unmet(conditions(3, same_parity=True), half)).max() < 1e-15
    assert np.abs(unmet(conditions(3, same_parity=False), half)).max() > 0.5


def test_the_derivatives_are_those_of_the_conditions() -> None:
    """Central differences of 1e-6, to 1e-8. Mutation: r instead of r - 1 in the power."""
    exponents, units = conditions(3, same_parity=False), np.random.default_rng(0).normal(size=(5, 4))
    found = _derivatives(exponents, units)
    for index in range(units.size):
        move = np.zeros(units.size)
        move[index] = 1e-6
        above, below = (unmet(exponents, units + sign * move.reshape(units.shape)) for sign in (1, -1))
        np.testing.assert_allclose(found[:, index], (above - below) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("bound", [2.0, 10.0])
def test_one_unit_leaves_what_the_bound_says(bound: float) -> None:
    """min of c**2 + (c w - 1)**2 over |w| <= B is 1 / (1 + B**2). Mutation: no bound."""
    found = read("product-conditions", factors=1, units=1, bound=bound).metrics
    assert found["residual"] == pytest.approx(1 / (1 + bound**2), rel=1e-6)


@pytest.mark.parametrize(("factors", "degrees", "needed"), [(2, "all", 4), (3, "all", 8), (2, "same-parity", 2),
                                                            (3, "same-parity", 4)])  # fmt: skip
def test_the_conditions_are_met_by_as_many_units_as_the_theorem_says_and_not_by_fewer(
    factors: int, degrees: str, needed: int
) -> None:
    """To rounding at 2**n, or 2**(n-1) with one parity; far above it one unit short. Mutation: drop a condition."""
    enough, few = (
        read("product-conditions", factors=factors, units=units, degrees=degrees, starts=5).metrics
        for units in (needed, needed - 1)
    )
    assert enough["residual"] < 1e-20 and few["residual"] > 1e-10
    assert enough["largest_weight"] <= 10 and few["rank"] < enough["rank_needed"] == 2**factors


def test_no_weight_leaves_the_bound() -> None:
    """Mutation: bounds of the coefficients alone."""
    start = 5 * np.random.default_rng(0).normal(size=(3, 3))
    assert np.abs(best_fit(conditions(2, same_parity=False), start, bound=1.5)).max() <= 1.5
