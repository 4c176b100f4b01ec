"""Probabilities against a bound: exact, and by an interval that the exact test confirms."""

import math

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.proportions import binomial_test, least_trials, probability_rule
from workers.analysis.verdict import Alternative, Verdict
from workers.catalogue.problems import InvalidError

counts = st.integers(40, 90).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
bounds = st.sampled_from([0.1, 0.25, 0.5, 0.9])


@given(counts, bounds, st.sampled_from([Alternative.LESS, Alternative.GREATER]))
def test_one_sided_p_values_are_those_of_scipy(count: tuple[int, int], bound: float, side: Alternative) -> None:
    """Catches a tail without the observed count, and sides that are swapped."""
    found = binomial_test(*count, bound, alternative=side)
    assert found.p_value == pytest.approx(
        scipy.stats.binomtest(*count, bound, alternative=side.value).pvalue, rel=1e-10
    )
    other = "less" if side is Alternative.GREATER else "greater"
    assert found.p_opposite == pytest.approx(scipy.stats.binomtest(*count, bound, alternative=other).pvalue, rel=1e-10)


@given(counts, bounds)
def test_two_sided_the_smaller_tail_counts_twice(count: tuple[int, int], bound: float) -> None:
    """Catches one tail alone; at a half it is also scipy's test, which sums the less probable counts."""
    found = binomial_test(*count, bound)
    tails = [
        binomial_test(*count, bound, alternative=side).p_value or 0.0
        for side in (Alternative.LESS, Alternative.GREATER)
    ]
    assert found.p_value == min(1.0, 2 * min(tails))
    if bound == 0.5:
        assert found.p_value == pytest.approx(scipy.stats.binomtest(*count, 0.5).pvalue, rel=1e-10)


@pytest.mark.parametrize("alternative", list(Alternative))
@pytest.mark.parametrize("bound", [0.1, 0.5, 0.93])
@pytest.mark.parametrize("trials", [50, 81])
def test_at_the_bound_no_side_is_shown_more_often_than_alpha(
    alternative: Alternative, bound: float, trials: int
) -> None:
    """Catches any p value too small; exact: the sum of the binomial law over all counts."""
    law = scipy.stats.binom.pmf(range(trials + 1), trials, bound)
    verdicts = [binomial_test(k, trials, bound, alternative=alternative).verdict for k in range(trials + 1)]
    for shown in (Verdict.SUPPORTED, Verdict.CONTRADICTED):
        assert sum(law[k] for k in range(trials + 1) if verdicts[k] is shown) <= 0.05
    assert Verdict.SUPPORTED in verdicts


@pytest.mark.parametrize(
    ("bound", "alternative", "alpha", "least"),
    [
        (0.5, Alternative.GREATER, 0.05, 5),  # 0.5^5 = 0.031
        (0.9, Alternative.GREATER, 0.05, 29),  # 0.9^29 = 0.047, 0.9^28 = 0.052
        (0.9, Alternative.LESS, 0.05, 2),
        (0.5, Alternative.TWO_SIDED, 0.05, 6),
        (0.9, Alternative.TWO_SIDED, 0.05, 2),  # all fail: 2 x 0.01
        (0.5, Alternative.GREATER, 0.25, 2),
        (0.01, Alternative.GREATER, 0.05, 1),
        (1e-9, Alternative.LESS, 0.05, math.ceil(math.log(0.05) / math.log1p(-1e-9))),
    ],
)
def test_below_the_least_number_of_trials_there_is_no_p_value(
    bound: float, alternative: Alternative, alpha: float, least: int
) -> None:
    """Catches the number of the other side, and a p value that no outcome could bring to alpha."""
    assert least_trials(bound, alternative, alpha) == least
    if 1 < least < 100:
        few = binomial_test(least - 1, least - 1, bound, alternative=alternative, alpha=alpha)
        assert (few.p_value, few.p_opposite, few.verdict, few.needed_n) == (None, None, Verdict.INCONCLUSIVE, least)
        best = 0 if alternative is Alternative.LESS or (bound > 0.5 and alternative is Alternative.TWO_SIDED) else least
        assert binomial_test(best, least, bound, alternative=alternative, alpha=alpha).verdict is Verdict.SUPPORTED


def test_the_rule_decides_by_the_wilson_interval() -> None:
    """Catches sides that are swapped, and an interval that holds the bound but decides."""
    assert probability_rule(90, 100, 0.8, side=Alternative.GREATER).verdict is Verdict.SUPPORTED
    assert probability_rule(90, 100, 0.8, side=Alternative.LESS).verdict is Verdict.CONTRADICTED
    assert probability_rule(85, 100, 0.8, side=Alternative.GREATER).verdict is Verdict.INCONCLUSIVE
    found = probability_rule(90, 100, 0.8, side=Alternative.GREATER)
    reference = scipy.stats.binomtest(90, 100).proportion_ci(method="wilson")
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((reference.low, reference.high), rel=1e-9)
    assert found.reason.startswith("the Wilson interval [0.82")


def test_an_interval_alone_may_not_decide() -> None:
    """Catches the Wilson interval trusted where it is wrong: one success of one trial is no evidence for p > 0.2."""
    found = probability_rule(1, 1, 0.2, side=Alternative.GREATER)
    assert found.interval is not None and found.interval.low is not None and found.interval.low > 0.2
    assert (found.verdict, found.needed_n) == (Verdict.INCONCLUSIVE, 3)  # 0.2^3 = 0.008 <= 0.025
    assert "not confirmed: 1 trials cannot decide" in found.reason


@pytest.mark.parametrize("bound", [0.02, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("trials", [3, 12, 60, 200])
def test_the_rule_errs_at_each_end_in_one_of_forty_cases_at_most(bound: float, trials: int) -> None:
    """Catches a rule without the exact test: by the Wilson interval alone in 5 % at n = 200, p = 0.02."""
    law = scipy.stats.binom.pmf(range(trials + 1), trials, bound)
    rules = [probability_rule(k, trials, bound, side=Alternative.GREATER) for k in range(trials + 1)]
    assert sum(law[k] for k in range(trials + 1) if rules[k].verdict is Verdict.SUPPORTED) <= 0.025
    assert sum(law[k] for k in range(trials + 1) if rules[k].verdict is Verdict.CONTRADICTED) <= 0.025


@given(counts, bounds)
def test_counting_failures_instead_turns_the_side_around(count: tuple[int, int], bound: float) -> None:
    """Catches sides that are not treated alike."""
    successes, trials = count
    found = probability_rule(successes, trials, bound, side=Alternative.GREATER)
    mirrored = probability_rule(trials - successes, trials, 1 - bound, side=Alternative.LESS)
    assert mirrored.p_value == (found.p_value and pytest.approx(found.p_value, rel=1e-9))
    assert mirrored.verdict is found.verdict


def test_bad_input_is_refused() -> None:
    """Catches a bound of 0 or 1, more successes than trials and a rule without a side."""
    for bound in (0.0, 1.0):
        with pytest.raises(InvalidError, match="/bound: must lie between 0 and 1"):
            binomial_test(1, 2, bound)
    with pytest.raises(ValueError, match="3 of 2"):
        binomial_test(3, 2, 0.5)
    with pytest.raises(ValueError, match="names the side"):
        probability_rule(1, 2, 0.5, side=Alternative.TWO_SIDED)
