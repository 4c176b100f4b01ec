"""Correlations against scipy, all permutations, and the coverage of their intervals."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workers.analysis.correlation import ALTERNATIVES, Correlation, pearson, spearman
from workers.analysis.rank_distribution import doubled_midranks, permutation_counts
from workers.catalogue.problems import InvalidError

TIED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=6)


def by_permuting(x: list[float], y: list[float], alternative: str) -> float:
    """Return the share of all orders of y whose rho is at least as extreme."""
    ranks, moved = stats.rankdata(x), stats.rankdata(y)
    observed = float(np.corrcoef(ranks, moved)[0, 1])
    rhos = np.array([np.corrcoef(ranks, order)[0, 1] for order in itertools.permutations(moved)])
    extreme = {
        "two-sided": np.abs(rhos) >= abs(observed) - 1e-9,  # ties that rounding would part
        "greater": rhos >= observed - 1e-9,
        "less": rhos <= observed + 1e-9,
    }
    return float(extreme[alternative].mean())


@settings(max_examples=25, deadline=None)
@given(TIED, st.sampled_from(ALTERNATIVES))
def test_p_is_the_share_of_all_orders_ties_included(pairs: list[tuple[int, int]], alternative: str) -> None:
    """Caught mutations: > for >=; the law without ties; less and greater exchanged; ranks of x met out of order."""
    x, y = [float(left) for left, _ in pairs], [float(right) for _, right in pairs]
    found = spearman(x, y, alternative=alternative)  # type: ignore[arg-type]
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert found.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
        assert found.p_value == pytest.approx(by_permuting(x, y, alternative))
    else:
        assert found.estimate is None


def test_five_pairs_in_order_are_one_of_120_or_its_mirror() -> None:
    """By hand: 2 / 120 two-sided, 1 / 120 one-sided. Caught mutation: Student's t, whose p is 0 here."""
    up = spearman([1, 2, 3, 4, 5], [1, 4, 9, 16, 25])
    assert (up.estimate, up.p_value) == (1.0, pytest.approx(2 / 120))
    assert spearman([1, 2, 3, 4, 5], [1, 4, 9, 16, 25], alternative="greater").p_value == pytest.approx(1 / 120)
    assert spearman([1, 2, 3, 4, 5], [1, 4, 9, 16, 25], alternative="less").p_value == 1.0
    assert up.problem == "no interval: Fisher's z of a coefficient of 1 or -1 is infinite"
    assert up.method == "Spearman's rho; p exact over all 120 permutations"


def test_all_permutations_of_ten_ranks_are_counted() -> None:
    """Caught mutation: a product beyond the largest sum. 10! and the mean n (n + 1)**2 of doubled ranks by hand."""
    counts = permutation_counts(range(2, 22, 2), range(2, 22, 2))
    assert counts.sum() == math.factorial(10)
    assert (counts * np.arange(len(counts))).sum() / math.factorial(10) == 10 * 11**2
    with pytest.raises(ValueError, match="up to 10 ranks"):
        permutation_counts(range(11), range(11))


def test_ranks_are_doubled_and_shared() -> None:
    """By hand. Caught mutations: the first rank for all ties; ranks from 0."""
    assert doubled_midranks([3.0, 1.0, 3.0, 7.0]) == (5, 2, 5, 8)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_above_ten_pairs_p_is_that_of_scipy(alternative: str) -> None:
    """Caught mutations: n - 1 degrees of freedom; the tail of the other side."""
    x, y = np.random.default_rng(0).normal(size=(2, 14))
    y = (y + 0.5 * x).tolist()
    for ours, theirs in ((spearman, stats.spearmanr), (pearson, stats.pearsonr)):
        expected = theirs(x, y, alternative=alternative)
        found = ours(x.tolist(), y, alternative=alternative)
        assert (found.estimate, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
        assert "Student's t, 12 degrees of freedom" in found.method


def test_pearsons_interval_is_that_of_scipy() -> None:
    """Caught mutations: n for n - 3; the interval on r instead of z."""
    x, y = np.random.default_rng(1).normal(size=(2, 9))
    expected = stats.pearsonr(x, y).confidence_interval(0.9)
    found = pearson(x.tolist(), y.tolist(), level=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_interval_of_rho_covers_95_percent_and_fishers_own_does_not() -> None:
    """Normal pairs, r = 0.9: rho is 6 / pi asin(0.45). Caught mutation: the variance 1 / (n - 3), the control here."""
    replicates, n, r = 1500, 30, 0.9
    generator = np.random.default_rng(3)
    x, noise = generator.normal(size=(2, replicates, n))
    y = r * x + math.sqrt(1 - r * r) * noise
    rho = 6 / math.pi * math.asin(r / 2)
    found = [spearman(left, right) for left, right in zip(x.tolist(), y.tolist(), strict=True)]
    error = math.sqrt(0.95 * 0.05 / replicates)
    assert abs(share(found, rho, math.sqrt(1.0)) - 0.95) < 4 * error
    # Without the factor 1 + rho**2 / 2 = 1.4 the interval is 1 / sqrt(1.4) as wide: about 90 %.
    assert share(found, rho, math.sqrt(1 / 1.4)) < 0.95 - 4 * error


def share(found: list[Correlation], rho: float, width: float) -> float:
    """Return how many intervals, so much as wide on Fisher's scale, cover rho."""
    covered = 0
    for one in found:
        centre = math.atanh(one.estimate)  # type: ignore[arg-type]
        half = width * (math.atanh(one.high) - centre)  # type: ignore[arg-type]
        covered += abs(math.atanh(rho) - centre) <= half
    return covered / len(found)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=14), st.randoms())
def test_rho_depends_on_neither_order_nor_monotone_units(pairs: list[tuple[int, int]], random: object) -> None:
    """Caught mutation: values in the place of ranks."""
    shuffled = sorted(pairs, key=lambda _: random.random())  # type: ignore[attr-defined]
    plain = spearman([x for x, _ in pairs], [y for _, y in pairs])
    moved = spearman([math.exp(x) for x, _ in shuffled], [y**3 for _, y in shuffled])
    assert (moved.estimate, moved.p_value, moved.low) == (plain.estimate, plain.p_value, plain.low)


def test_a_line_has_a_coefficient_of_exactly_1() -> None:
    """Caught mutations: 1 + 2e-16, which has no atanh; p = 0, rarer than any order of 12 pairs."""
    found = pearson([0.1 * i for i in range(12)], [0.3 * i + 0.7 for i in range(12)])
    assert (found.estimate, found.low) == (1.0, None)
    assert found.p_value == pytest.approx(1 / math.factorial(12))


def test_what_the_pairs_do_not_give_is_said() -> None:
    """Caught mutations: NaN from a constant; a pair with a hole dropped without a word."""
    assert spearman([1], [1]).problem == "1 usable pairs: a correlation takes at least two"
    assert spearman([1, 2], [3, 3]).problem == "y has the same value in all pairs: no correlation follows from it"
    three = spearman([1, 2, 3], [1, 3, 2])
    assert (three.estimate, three.p_value) == (0.5, 1.0)
    assert three.problem == "no interval: 3 pairs, Fisher's z takes at least 4"
    assert pearson([1, 2], [3, 4]).problem == "2 pairs lie on a line whatever they are: r says nothing"
    holed = spearman([1, 2, 3, math.nan], [1, 3, 2, 0])
    assert (holed.n, holed.estimate) == (3, three.estimate)
    assert [(point.index, point.reason) for point in holed.left_out] == [(3, "x is not finite")]
    wide = pearson([-1.7e308, 1.7e308, 0], [1, 2, 3])
    assert wide.problem == "values lie further apart than float64 reaches: give them in other units"


def test_an_unknown_alternative_is_refused_by_name() -> None:
    """Caught mutation: a KeyError out of a table."""
    with pytest.raises(InvalidError, match="/alternative: must be one of two-sided, greater, less"):
        spearman([1, 2], [1, 2], alternative="more")  # type: ignore[arg-type]
