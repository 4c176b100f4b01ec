"""Effect sizes and their intervals against closed forms, scipy and a slow independent form."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.bootstrap import bca_mean
from workers.analysis.effects import cliffs_delta, common_language, hedges_correction, mean_difference, standardized
from workers.analysis.intervals import student_t
from workers.analysis.location_tests import Location
from workers.analysis.paired import paired_test

distinct = st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=3, max_size=12, unique=True)


def test_the_mean_difference_has_a_t_interval_below_twenty_values() -> None:
    """Catches a bootstrap of few values, which covers too little, and a threshold that is one off."""
    values = [float(k * k % 11) for k in range(20)]
    assert mean_difference(values[:19]) == student_t(values[:19])
    assert mean_difference(values) == bca_mean(values)


@pytest.mark.parametrize(("degrees", "factor"), [(2, 1 / math.sqrt(math.pi)), (4, math.sqrt(2 / math.pi)), (1, 0.0)])
def test_hedges_factor_is_the_closed_form(degrees: int, factor: float) -> None:
    """Catches n where n - 1 belongs, and the approximation 1 - 3 / (4 m - 1) in its place."""
    assert hedges_correction(degrees) == pytest.approx(factor, rel=1e-14)


@pytest.mark.parametrize("n", [4, 12, 400])
def test_hedges_g_is_unbiased_under_the_noncentral_t(n: int) -> None:
    """Catches a factor upside down: the mean of d times it is delta, by the mean of scipy's noncentral t."""
    delta = 0.7
    mean_of_d = scipy.stats.nct.mean(n - 1, math.sqrt(n) * delta) / math.sqrt(n)
    assert hedges_correction(n - 1) * mean_of_d == pytest.approx(delta, rel=1e-10)


@pytest.mark.parametrize("n", [2, 5, 40])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_ends_of_the_interval_of_d_leave_equal_tails(n: int, level: float) -> None:
    """Catches swapped ends, d where sqrt(n) d belongs, and a bisection that stops early."""
    values = np.random.default_rng(n).normal(0.5, 1, n).tolist()
    found = standardized(values, level=level)
    assert found.d_z is not None and found.hedges_g is not None and found.interval is not None
    assert found.d_z == pytest.approx(np.mean(values) / np.std(values, ddof=1), rel=1e-12)
    assert found.hedges_g == pytest.approx(found.d_z * hedges_correction(n - 1), rel=1e-14)
    observed, low, high = math.sqrt(n) * found.d_z, found.interval.low, found.interval.high
    assert low is not None and high is not None and low < found.d_z < high
    tail = (1 - level) / 2
    assert scipy.stats.nct.sf(observed, n - 1, math.sqrt(n) * low) == pytest.approx(tail, rel=1e-8)
    assert scipy.stats.nct.cdf(observed, n - 1, math.sqrt(n) * high) == pytest.approx(tail, rel=1e-8)


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_the_interval_of_an_enormous_d_is_that_of_the_standard_deviation(n: int) -> None:
    """Catches a noncentral t asked for more than it can give: far out, delta / d follows sqrt(chi2 / (n - 1))."""
    raw = np.random.default_rng(n).normal(size=n)
    for t in (300.0, 990.0):
        values = ((raw - raw.mean()) / raw.std(ddof=1) + t / math.sqrt(n)).tolist()
        found = standardized(values)
        assert found.d_z is not None and found.interval is not None
        limits = np.sqrt(scipy.stats.chi2.ppf([0.025, 0.975], n - 1) / (n - 1))
        # Of the mean's own error at most 2 / t of the end is left, squared beside that of s.
        assert [found.interval.low, found.interval.high] == pytest.approx(found.d_z * limits, rel=0.01)
    beyond = standardized([value + 20 / math.sqrt(n) for value in values]).interval
    assert beyond is not None and (beyond.low, beyond.high) == (None, None)


@pytest.mark.parametrize(
    ("values", "d"), [([1e300, 1e300 + 1e285], None), ([5.0, 5.0, 5.0], None), ([1e8, 1e8 + 1], 1e8)]
)
def test_a_difference_without_measurable_spread_has_no_interval(values: list[float], d: float | None) -> None:
    """Catches a division by zero and a noncentrality at which the law is no longer evaluated."""
    found = standardized(values)
    assert found.interval is None or found.interval.low is None
    assert d is None or (found.d_z is not None and found.d_z > d)


@given(distinct)
def test_the_interval_of_d_excludes_zero_exactly_when_t_rejects(values: list[float]) -> None:
    """Catches an interval at another level than the test: both invert one law."""
    interval, p = standardized(values).interval, paired_test(Location.STUDENT_T, values).p_value
    assert interval is not None and interval.low is not None and interval.high is not None and p is not None
    if abs(p - 0.05) > 1e-9:
        assert (interval.low > 0 or interval.high < 0) == (p < 0.05)


@given(distinct)
def test_standardized_effects_have_no_unit(values: list[float]) -> None:
    """Catches an effect that changes with the unit of the metric, and arms that are not treated alike."""
    found, scaled, swapped = (standardized([factor * each for each in values]) for factor in (1, 8, -1))
    assert scaled == found
    assert swapped.d_z == (-found.d_z if found.d_z else found.d_z)
    assert found.interval is not None and swapped.interval is not None
    assert swapped.interval.low == pytest.approx(-(found.interval.high or 0.0), abs=1e-9)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0, 2.0, math.inf]), min_size=1, max_size=30))
def test_the_common_language_interval_is_the_inverse_of_the_sign_test(values: list[float]) -> None:
    """Catches ties that count for a side and an interval that contradicts the exact test beside it."""
    found, result = common_language(values), paired_test(Location.SIGN, values)
    assert found.n_greater + found.n_less + found.n_equal == len(values)
    if found.interval is None:
        assert found.n_equal == len(values)
        return
    assert found.interval.estimate == found.n_greater / (len(values) - found.n_equal)
    low, high = found.interval.low, found.interval.high
    assert low is not None and high is not None
    assert (low > 0.5 or high < 0.5) == (result.p_value is not None and result.p_value <= 0.05)


def slow_cliff(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[Fraction, Fraction]:
    """Return delta and its variance from the matrix of dominances, in exact arithmetic (Cliff 1996)."""
    n, m = len(a), len(b)
    signs = [[Fraction((x > y) - (x < y)) for y in b] for x in a]
    delta = sum(map(sum, signs), Fraction()) / (n * m)
    rows = sum(((sum(row, Fraction()) / m - delta) ** 2 for row in signs), Fraction())
    columns = sum(((sum(column, Fraction()) / n - delta) ** 2 for column in zip(*signs, strict=True)), Fraction())
    cells = sum(((each - delta) ** 2 for row in signs for each in row), Fraction())
    return delta, (m * m * rows + n * n * columns - cells) / (n * m * (n - 1) * (m - 1))


def test_the_variance_of_delta_is_unbiased() -> None:
    """Catches a term with the wrong sign or factor: over all 3^5 samples its mean is the variance of delta itself."""
    samples = [slow_cliff(each[:2], each[2:]) for each in itertools.product((0, 1, 2), repeat=5)]
    deltas = [delta for delta, _ in samples]
    mean = sum(deltas, Fraction()) / len(deltas)
    assert sum((variance for _, variance in samples), Fraction()) / len(samples) == sum(
        ((delta - mean) ** 2 for delta in deltas), Fraction()
    ) / len(deltas)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=9), st.lists(st.integers(0, 6), min_size=2, max_size=9))
def test_cliffs_delta_and_its_interval_are_those_of_the_slow_form(a: list[int], b: list[int]) -> None:
    """Catches ties counted to one side, rows taken for columns, and the interval's sign of delta^3."""
    exact_delta, exact_variance = slow_cliff(tuple(a), tuple(b))
    found = cliffs_delta(a, b)
    delta, z = float(exact_delta), scipy.stats.norm.ppf(0.975)
    variance = max(float(exact_variance), (1 - delta**2) / (len(a) * len(b) - 1))
    assert found.delta.estimate == pytest.approx(delta, abs=1e-15)
    low, high = found.delta.low, found.delta.high
    assert low is not None and high is not None and -1 <= low <= delta + 1e-12 <= high + 2e-12 <= 1 + 3e-12
    if abs(delta) < 1 and low > -1 and high < 1:
        root = z * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + z * z * variance)
        below = 1 - delta**2 + z * z * variance
        expected = [(delta - delta**3 + side * root) / below for side in (-1, 1)]
        assert [low, high] == pytest.approx(expected, abs=1e-9)
    assert found.probability.estimate == (found.delta.estimate + 1) / 2


def test_samples_that_do_not_overlap_have_wilsons_interval() -> None:
    """Catches an interval of no width where all values of one arm are larger."""
    found, mirrored = cliffs_delta([5.0, 6.0, math.inf], [1.0, 2.0, 3.0, 4.0]), cliffs_delta([1.0, 2.0], [3.0, 4.0])
    z2 = scipy.stats.norm.ppf(0.975) ** 2
    assert (found.delta.estimate, found.delta.high) == (1.0, 1.0)
    assert found.probability.low == pytest.approx(3 / (3 + z2), rel=1e-12)
    assert (mirrored.delta.low, mirrored.delta.high) == (-1.0, pytest.approx(-(2 - z2) / (2 + z2), rel=1e-12))


def test_the_interval_of_delta_covers_a_known_probability() -> None:
    """Catches a variance without its root: for normals one apart P(a > b) is Phi(1 / sqrt 2)."""
    true = 2 * scipy.stats.norm.cdf(1 / math.sqrt(2)) - 1
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(1000):
        interval = cliffs_delta(generator.normal(1, 1, 15).tolist(), generator.normal(0, 1, 15).tolist()).delta
        assert interval.low is not None and interval.high is not None
        covered += interval.low <= true <= interval.high
    # 4 standard errors of a coverage of 0.95 in 1000 draws.
    assert abs(covered / 1000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 1000)
