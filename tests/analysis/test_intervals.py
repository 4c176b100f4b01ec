"""Intervals against scipy, closed forms and their promised coverage."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workers.analysis.intervals import (
    Correction,
    clopper_pearson,
    simultaneous_level,
    simultaneous_student_t,
    simultaneous_wilson,
    student_t,
    wilson,
)
from workers.analysis.moments import mean, standard_deviation
from workers.catalogue.problems import InvalidError

# Both sides compute in float64 with special functions good to about 1e-14.
CLOSE = {"rel": 1e-12, "abs": 1e-15}
ROOT = {"rel": 1e-10, "abs": 1e-11}  # scipy finds the exact interval by a root finder with a tolerance of 2e-12
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def within(share: float, expected: float, replicates: int) -> bool:
    """Say whether a share lies within 4 standard errors of its expectation: 1 in 16,000 does not by chance."""
    return abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / replicates)


@given(st.lists(FLOATS, min_size=1, max_size=30))
def test_a_mean_lies_within_its_values_whatever_their_size(values: list[float]) -> None:
    """Caught mutations: fsum(values) / n, which overflows and can leave [min, max] by rounding."""
    assert min(values) <= mean(values) <= max(values)


@given(st.lists(FLOATS, min_size=2, max_size=12), st.randoms())
def test_moments_do_not_depend_on_the_order(values: list[float], random: object) -> None:
    """Caught mutation: numpy's mean and std, whose last bits follow the order."""
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert (mean(values), standard_deviation(values)) == (mean(shuffled), standard_deviation(shuffled))


def test_a_deviation_beyond_float64_is_infinite() -> None:
    """Caught mutation: the OverflowError of the standard library let through."""
    assert standard_deviation([1.7e308, -1.7e308]) == math.inf


def test_the_t_interval_of_one_to_five() -> None:
    """By hand: mean 3, se sqrt(2.5 / 5), t(4) = 2.776445. Caught mutations: n for n - 1; a normal quantile."""
    interval = student_t([1, 2, 3, 4, 5])
    half = 2.7764451051977987 * math.sqrt(0.5)
    assert (interval.low, interval.high) == (pytest.approx(3 - half, **CLOSE), pytest.approx(3 + half, **CLOSE))
    assert interval.method == "Student's t, 4 degrees of freedom"


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=19), st.floats(0.5, 0.999))
def test_the_t_interval_is_that_of_scipy(values: list[float], level: float) -> None:
    """Caught mutations: a one-sided quantile; the level of alpha."""
    interval = student_t(values, level=level)
    se = statistics.stdev(values) / math.sqrt(len(values))
    if se > 0:
        expected = stats.t.interval(level, len(values) - 1, statistics.mean(values), se)
        assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_value_has_no_interval_and_equal_values_say_so() -> None:
    """Caught mutations: a division by n - 1 = 0; a width of 0 without a word."""
    one, equal = student_t([2.5]), student_t([0.1, 0.1, 0.1])
    assert (one.estimate, one.low, one.high, one.method) == (2.5, None, None, "no interval: one value")
    assert (equal.low, equal.high) == (0.1, 0.1)
    assert equal.method.endswith("all values are equal")


def test_the_t_interval_of_five_normal_values_covers_95_percent_and_a_percentile_bootstrap_does_not() -> None:
    """The reason for Student's t below 20: the negative control covers about 84 %. Caught mutation: se = sd / n."""
    replicates, resamples = 4000, 500
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(replicates, 5))
    intervals = [student_t(sample.tolist()) for sample in samples]
    covered = sum(interval.low <= 0 <= interval.high for interval in intervals)  # type: ignore[operator]
    assert within(covered / replicates, 0.95, replicates)
    picks = generator.integers(0, 5, size=(replicates, resamples, 5))
    means = np.take_along_axis(samples[:, None, :], picks, axis=2).mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert 0.80 < np.mean((low <= 0) & (high >= 0)) < 0.88


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (1, 10), (7, 12), (12, 12), (0, 1), (450, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_probabilities_have_the_intervals_of_scipy(successes: int, trials: int, level: float) -> None:
    """Caught mutations: the continuity correction; a tail of alpha; successes and failures exchanged."""
    reference = stats.binomtest(successes, trials)
    for interval, method, close in ((wilson, "wilson", CLOSE), (clopper_pearson, "exact", ROOT)):
        expected = reference.proportion_ci(level, method=method)
        found = interval(successes, trials, level=level)
        assert (found.low, found.high) == (pytest.approx(expected.low, **close), pytest.approx(expected.high, **close))


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5])
def test_clopper_pearson_covers_at_least_its_level_for_every_p(p: float) -> None:
    """Summed over all outcomes, without simulation. Caught mutation: a tail of alpha, which covers 90 %."""
    n = 25
    covered = [k for k in range(n + 1) if clopper_pearson(k, n).low <= p <= clopper_pearson(k, n).high]  # type: ignore
    assert stats.binom.pmf(covered, n, p).sum() >= 0.95


def test_bounds_at_the_ends_are_exact() -> None:
    """By hand: Wilson's upper bound of 0 of n is z**2 / (n + z**2). Caught mutation: 1e-17 in place of 0."""
    z = 1.959963984540054
    none, all_ = wilson(0, 10), wilson(10, 10)
    assert (none.low, none.high) == (0.0, pytest.approx(z * z / (10 + z * z), **CLOSE))
    assert (all_.low, all_.high) == (pytest.approx(10 / (10 + z * z), **CLOSE), 1.0)
    # Rounding leaves them 1e-17 off for about every fourth n.
    assert {(wilson(0, n).low, wilson(n, n).high) for n in range(1, 50)} == {(0.0, 1.0)}


def test_the_level_of_each_of_several_intervals() -> None:
    """By hand: 0.95 over 5 is 0.99, or 0.95**(1/5). Caught mutation: alpha for level."""
    assert simultaneous_level(0.95, 5) == pytest.approx(0.99, **CLOSE)
    assert simultaneous_level(0.95, 5, Correction.SIDAK) == pytest.approx(0.9897937816869885, **CLOSE)
    assert simultaneous_level(0.9, 1) == pytest.approx(0.9, **CLOSE)


@pytest.mark.parametrize("correction", list(Correction))
def test_simultaneous_intervals_all_hold_at_once(correction: Correction) -> None:
    """Six arms: uncorrected intervals hold at once in 0.95**6 = 74 %. Caught mutation: the correction left out."""
    replicates, arms = 1500, 6
    samples = np.random.default_rng(1).normal(size=(replicates, arms, 8)).tolist()
    together = [simultaneous_student_t(arm, correction=correction) for arm in samples]
    held = [all(one.low <= 0 <= one.high for one in each) for each in together]  # type: ignore[operator]
    # Bonferroni's 0.9508 for independent arms and Sidak's 0.95 differ by less than the error.
    assert within(sum(held) / replicates, 0.95, replicates)


def test_simultaneous_intervals_say_that_they_are() -> None:
    """Caught mutation: the method of a single interval kept."""
    first, second = simultaneous_wilson([(1, 10), (9, 10)], correction=Correction.SIDAK)
    assert first.method == "Wilson score, without continuity correction; 2 intervals at once at 0.95, Sidak"
    assert first.level == pytest.approx(math.sqrt(0.95))
    assert (second.low, second.high) == (wilson(9, 10, level=first.level).low, wilson(9, 10, level=first.level).high)
    assert simultaneous_wilson([]) == simultaneous_student_t([]) == ()


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5, math.nan])
def test_a_level_outside_0_to_1_is_refused_by_name(level: float) -> None:
    """Caught mutations: 95 taken for 0.95; NaN let through, since no comparison with it is true."""
    with pytest.raises(InvalidError, match=r"/level: must lie between 0 and 1"):
        student_t([1, 2, 3], level=level)


def test_what_no_interval_can_rest_on_is_refused() -> None:
    """Caught mutations: NaN averaged; more successes than trials; no trial."""
    with pytest.raises(ValueError, match="must be finite"):
        student_t([1.0, math.nan])
    with pytest.raises(ValueError, match="at least one value"):
        student_t([])
    for counts in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="successes of n >= 1 trials"):
            wilson(*counts)
