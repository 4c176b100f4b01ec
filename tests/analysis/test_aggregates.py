"""Aggregates of a group: what they rest on, and their values by hand."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workers.analysis.aggregates import Aggregate, Policy, Runs, aggregate, interquartile_mean, median
from workers.analysis.bootstrap import bca_mean
from workers.analysis.intervals import student_t
from workers.catalogue.problems import InvalidError

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
MIXED = Runs(completed=(1.0, 2.0, 4.0, 9.0, math.nan), diverged=(50.0, math.inf), n_failed=1)


def without_values(result: Aggregate) -> Aggregate:
    """Return the aggregate less the one field that follows the order of the runs."""
    return dataclasses.replace(result, values=())


def test_the_numbers_of_five_values() -> None:
    """By hand: mean 4, median 3, middle three 8 / 3, squares 40 / 4. Caught mutations: n for n - 1; iqm = mean."""
    found = aggregate(Runs(completed=(3.0, 1.0, 9.0, 2.0, 5.0)))
    assert (found.n, found.mean, found.median, found.min, found.max) == (5, 4.0, 3.0, 1.0, 9.0)
    assert found.iqm == pytest.approx(10 / 3)
    assert (found.sd, found.se) == (pytest.approx(math.sqrt(10)), pytest.approx(math.sqrt(2)))
    interval = student_t([3.0, 1.0, 9.0, 2.0, 5.0])
    assert (found.ci_low, found.ci_high, found.method) == (interval.low, interval.high, interval.method)
    assert found.values == (3.0, 1.0, 9.0, 2.0, 5.0)
    assert found.rests_on == "5 of 5 runs: finite values of runs that completed; left out: none"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_the_interquartile_mean_is_the_trimmed_mean_of_rliable(values: list[float]) -> None:
    """rliable calls scipy's trim_mean with 0.25. Caught mutations: rounding the cut up; cutting one end only."""
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-12, abs=1e-6)


def test_below_20_values_students_t_and_from_20_on_a_bootstrap() -> None:
    """Caught mutation: > for >=."""
    few = aggregate(Runs(completed=tuple(float(value) for value in range(19))))
    many = aggregate(Runs(completed=tuple(float(value) for value in range(20))))
    expected = bca_mean(range(20))
    assert few.method == "Student's t, 18 degrees of freedom"
    assert (many.ci_low, many.ci_high, many.method) == (expected.low, expected.high, expected.method)


def test_completed_runs_alone_count_and_the_others_are_said() -> None:
    """Caught mutations: a diverged run averaged; one dropped without a count; NaN taken for a number."""
    found = aggregate(MIXED)
    assert (found.n, found.n_failed, found.n_diverged, found.n_non_finite) == (4, 1, 2, 1)
    assert (found.mean, found.values) == (4.0, (1.0, 2.0, 4.0, 9.0))
    said = "4 of 8 runs: finite values of runs that completed; left out: 1 failed, 2 diverged, 1 not finite"
    assert found.rests_on == said


def test_finite_values_of_diverged_runs_count_where_the_policy_says_so() -> None:
    """Caught mutations: the infinite one averaged; the policy without effect."""
    found = aggregate(MIXED, policy=Policy.FINITE)
    assert (found.n, found.n_failed, found.n_diverged, found.n_non_finite) == (5, 1, 2, 2)
    assert (found.mean, found.max) == (13.2, 50.0)
    said = "5 of 8 runs: finite values of all runs, the diverged ones included; left out: 1 failed, 2 not finite"
    assert found.rests_on == said


def test_the_worst_case_counts_every_run_and_has_a_median_but_no_mean() -> None:
    """By hand: 1 2 4 9 and four infinite. Caught mutations: failed runs left out; inf averaged to NaN."""
    found = aggregate(MIXED, policy=Policy.WORST)
    assert (found.n, found.min, found.max, found.median) == (8, 1.0, math.inf, math.inf)
    assert (found.mean, found.sd, found.se, found.ci_low, found.ci_high) == (None,) * 5
    assert found.method == "no interval: 4 of 8 values are infinite"
    assert found.rests_on == "all 8 runs; counted as infinitely bad: 1 failed, 2 diverged, 1 not finite"
    upside_down = aggregate(MIXED, policy=Policy.WORST, larger_is_worse=False)
    assert (upside_down.min, upside_down.max) == (-math.inf, 9.0)
    few = aggregate(Runs(completed=(1.0, 2.0, 3.0, 4.0), n_failed=1), policy=Policy.WORST)
    assert (few.median, few.iqm, few.mean) == (3.0, 3.0, None)


@pytest.mark.parametrize("policy", list(Policy))
def test_a_group_without_a_value_says_so(policy: Policy) -> None:
    """Caught mutation: min of nothing."""
    found = aggregate(Runs(completed=()), policy=policy)
    assert (found.n, found.mean, found.median, found.iqm, found.ci_low) == (0, None, None, None, None)
    assert found.method == "no interval: no value"


def test_one_value_has_no_spread() -> None:
    """Caught mutation: sd = 0 for one value, which would look exact."""
    found = aggregate(Runs(completed=(0.3,), n_failed=4))
    assert (found.mean, found.median, found.iqm) == (0.3, 0.3, 0.3)
    assert (found.sd, found.se, found.ci_low, found.ci_high, found.method) == (*(None,) * 4, "no interval: one value")


@given(st.lists(FLOATS, min_size=1, max_size=19), st.randoms())
def test_the_order_of_runs_changes_nothing_and_centres_stay_within(values: list[float], random: object) -> None:
    """Values up to 1.8e308. Caught mutations: sums in order; (a + b) / 2, which overflows; unsorted quartiles."""
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    found, again = aggregate(Runs(completed=tuple(values))), aggregate(Runs(completed=tuple(shuffled)))
    assert without_values(found) == without_values(again)
    assert all(min(values) <= centre <= max(values) for centre in (found.mean, found.median, found.iqm))


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=19), st.integers(-99, 99), st.sampled_from([0.5, 4.0]))
def test_shift_and_scale(values: list[int], shift: int, scale: float) -> None:
    """Caught mutation: any statistic that is not equivariant. Whole numbers, so that moving them rounds nothing."""
    plain = aggregate(Runs(completed=tuple(float(value) for value in values)))
    moved = aggregate(Runs(completed=tuple(scale * (value + shift) for value in values)))
    for name in ("mean", "median", "iqm", "min", "max", "ci_low", "ci_high"):
        assert getattr(moved, name) == pytest.approx(scale * (getattr(plain, name) + shift), abs=1e-9)
    assert moved.sd == pytest.approx(scale * plain.sd)  # type: ignore[operator]


def test_the_median_of_two_values_is_their_mean() -> None:
    """Caught mutation: the upper one of the two."""
    assert (median([3.0, 1.0]), median([5.0, 1.0, 2.0]), median([1.0, math.inf])) == (2.0, 2.0, math.inf)


def test_a_bad_level_is_refused_even_without_values() -> None:
    """Caught mutation: the check left to the interval, which an empty group never asks for."""
    with pytest.raises(InvalidError, match="/level"):
        aggregate(Runs(completed=()), level=95)
    with pytest.raises(ValueError, match="cannot be negative"):
        Runs(completed=(), n_failed=-1)
