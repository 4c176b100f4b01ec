"""One-sided tests of a location against enumeration, the binomial law and scipy."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.location_tests import EXACT_SIGNS_TO, LOCATION_TESTS, Location, least_n
from workers.analysis.signed_rank import EXACT_TO, doubled_ranks, positive_rank_sum, upper_tail

SIGN, T, WILCOXON = (LOCATION_TESTS[each] for each in (Location.SIGN, Location.STUDENT_T, Location.WILCOXON))
# Eighths: shifts, mirrors and doublings of them are exact.
eighths = st.lists(st.integers(-24, 24).map(lambda k: k / 8), min_size=1, max_size=9)


def enumerated_tail(differences: list[float]) -> float:
    """Return the share of all sign patterns whose positive rank sum is as large, by brute force with scipy's ranks."""
    ranks = scipy.stats.rankdata(np.abs(differences))
    reached = ranks[np.array(differences) > 0].sum()
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return float(np.mean(np.array(sums) >= reached))


@given(eighths)
def test_the_rank_test_is_the_enumeration_of_all_signs(values: list[float]) -> None:
    """Catches ranks that do not share their mean, a tail that leaves out what was observed, zeros that take part."""
    nonzero = [value for value in values if value]
    expected = enumerated_tail(nonzero) if nonzero else 1.0
    # Both are sums of at most 2^9 multiples of 2^-9: equal, not close.
    assert WILCOXON.above(values, 0.0) == expected


@pytest.mark.parametrize("n", [1, 5, 12, 50, EXACT_TO])
def test_the_rank_test_without_ties_is_that_of_scipy(n: int) -> None:
    """Catches a doubled rank that counts once, and a loss of accuracy as the number of signs grows."""
    values = np.random.default_rng(n).normal(0.2, 1, n)
    reference = scipy.stats.wilcoxon(values, alternative="greater", method="exact")
    # The reference sums up to 20,000 terms of its own.
    assert WILCOXON.above(values.tolist(), 0.0) == pytest.approx(reference.pvalue, rel=1e-11)
    assert WILCOXON.statistic(values.tolist(), 0.0) == reference.statistic


def test_the_rank_test_of_many_ties_is_the_normal_law_of_scipy() -> None:
    """Catches a variance without correction for ties and a correction for continuity on the wrong side."""
    values = np.random.default_rng(7).integers(-9, 12, 3 * EXACT_TO).astype(float)
    reference = scipy.stats.wilcoxon(values, alternative="greater", method="approx", correction=True)
    assert WILCOXON.above(values.tolist(), 0.0) == pytest.approx(reference.pvalue, rel=1e-12)
    few = values[:EXACT_TO].tolist()
    exact, approximate = WILCOXON.above(few, 0.0), scipy.stats.wilcoxon(few, alternative="greater", method="approx")
    assert exact == pytest.approx(approximate.pvalue, abs=2e-3)  # 1 / n of a probability


def test_infinite_differences_share_the_largest_rank() -> None:
    """Catches an infinite difference that is left out or that turns ranks into NaN."""
    assert doubled_ranks([math.inf, 1.0, math.inf]) == [5, 2, 5]
    assert positive_rank_sum([math.inf, 1.0, -math.inf]) == 3.5
    assert upper_tail([math.inf, math.inf, 1.0]) == 1 / 8


@given(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 3.0]), min_size=1, max_size=40))
def test_the_sign_test_is_the_binomial_test_of_a_half(values: list[float]) -> None:
    """Catches ties that are kept or split, and a tail that leaves out the observed count."""
    k, n = sum(value > 0 for value in values), sum(value != 0 for value in values)
    expected = scipy.stats.binomtest(k, n, 0.5, alternative="greater").pvalue if n else 1.0
    assert SIGN.above(values, 0.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [EXACT_SIGNS_TO, EXACT_SIGNS_TO + 1, 20_000])
def test_the_sign_test_of_many_pairs_is_still_the_binomial(n: int) -> None:
    """Catches an off-by-one where the sum gives way to the incomplete beta function."""
    k = n // 2 + round(math.sqrt(n))
    expected = scipy.stats.binom.sf(k - 1, n, 0.5)
    assert SIGN.above([1.0] * k + [-1.0] * (n - k), 0.0) == pytest.approx(expected, rel=1e-10)
    assert SIGN.above([-1.0] * n, 0.0) == 1.0


@given(
    st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=2, max_size=20, unique=True),
    st.integers(-80, 80).map(lambda k: k / 16),
)
def test_the_t_test_is_that_of_scipy(values: list[float], bound: float) -> None:
    """Catches a spread with n below, degrees of freedom of n, and the other tail."""
    expected = scipy.stats.ttest_1samp(values, bound, alternative="greater").pvalue
    assert T.above(values, bound) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("test", list(Location))
@given(
    values=st.lists(st.integers(-24, 24).map(lambda k: k / 8), min_size=3, max_size=9, unique=True),
    shift=st.integers(-9, 9),
)
def test_a_location_moves_with_its_values(test: Location, values: list[float], shift: int) -> None:
    """Catches a bound that is subtracted twice or not at all, a scale that matters, and tails that do not mirror."""
    above, below = LOCATION_TESTS[test].tails(values)
    moved, _ = LOCATION_TESTS[test].tails([value + shift for value in values])
    scaled, _ = LOCATION_TESTS[test].tails([4 * value for value in values])
    _, mirrored = LOCATION_TESTS[test].tails([-value for value in values])
    # t divides by an exactly rounded mean and spread: a shift may move their last bits.
    exactly = {"rel": 1e-9} if test is Location.STUDENT_T else {"rel": 0.0}
    assert moved(0.25 + shift) == pytest.approx(above(0.25), **exactly)
    assert scaled(1.0) == pytest.approx(above(0.25), **exactly)
    assert mirrored(-0.25) == above(0.25)
    if test is Location.STUDENT_T:
        assert above(0.25) + below(0.25) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("alpha", "least"), [(0.05, 5), (0.05 / 2, 6), (0.05 / 4, 7), (0.05 / 6, 7), (0.05 / 8, 8), (0.125, 3), (0.3, 2)]
)
def test_the_least_number_is_where_one_sign_pattern_is_rare_enough(alpha: float, least: int) -> None:
    """Catches a number from a rounded logarithm (0.125 takes exactly 3) and one that is only safe."""
    for test in (Location.SIGN, Location.WILCOXON):
        assert least_n(test, alpha) == least
        judge = LOCATION_TESTS[test]
        assert judge.above([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0][:least], 0.0) <= alpha
        assert judge.above([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0][: least - 1], 0.0) > alpha
    assert least_n(Location.STUDENT_T, alpha) == 2
