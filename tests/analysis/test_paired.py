"""Paired tests: what they decide, what they cannot decide, and how often they err."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.location_tests import Location
from workers.analysis.paired import PairedResult, paired_test
from workers.analysis.verdict import Alternative, Verdict
from workers.catalogue.problems import InvalidError

EXACT = (Location.SIGN, Location.WILCOXON)
MIRROR = {
    Alternative.LESS: Alternative.GREATER,
    Alternative.GREATER: Alternative.LESS,
    Alternative.TWO_SIDED: Alternative.TWO_SIDED,
}
SIZES = [1.0, 1.5, 2.5, 3.0, 4.5, 6.0, 7.0, 9.0]
differences = st.lists(st.integers(-40, 40).map(lambda k: k / 8), max_size=12)


@pytest.mark.parametrize("test", EXACT)
@pytest.mark.parametrize(
    ("alternative", "comparisons", "least"),
    [
        (Alternative.TWO_SIDED, 1, 6),  # 2 / 2^6 = 0.031
        (Alternative.TWO_SIDED, 2, 7),  # 2 / 2^7 = 0.016 <= 0.025
        (Alternative.TWO_SIDED, 4, 8),  # 2 / 2^8 = 0.0078 <= 0.0125
        (Alternative.GREATER, 1, 5),  # 1 / 2^5 = 0.031
        (Alternative.LESS, 2, 6),
    ],
)
def test_below_the_least_number_of_pairs_there_is_no_p_value(
    test: Location, alternative: Alternative, comparisons: int, least: int
) -> None:
    """Catches a p value that could never decide, a family that is forgotten and a bound that is one off."""
    sign = -1 if alternative is Alternative.LESS else 1
    clearest = [sign * size for size in SIZES]
    few = paired_test(test, clearest[: least - 1], alternative=alternative, comparisons=comparisons)
    assert (few.p_value, few.statistic, few.verdict) == (None, None, Verdict.INCONCLUSIVE)
    assert (few.least_n, few.needed_n) == (least, least)
    assert few.reason.endswith(f"it takes {least}")
    enough = paired_test(test, clearest[:least], alternative=alternative, comparisons=comparisons)
    assert (enough.verdict, enough.needed_n) == (Verdict.SUPPORTED, None)


def test_pairs_that_are_left_out_are_needed_again() -> None:
    """Catches a needed number that counts ties as evidence, and ties that are not said."""
    result = paired_test(Location.SIGN, [0.5] * 5 + [0.0] * 3)
    assert (result.n, result.n_used, result.least_n, result.needed_n) == (8, 5, 6, 9)
    assert "3 of 8 differences equal the tested value" in result.assumptions
    assert "(3 equal the tested value and are left out)" in result.reason


@pytest.mark.parametrize("values", [[], [0.0] * 9, [1.0]])
@pytest.mark.parametrize("test", list(Location))
def test_nothing_to_judge_is_inconclusive(test: Location, values: list[float]) -> None:
    """Catches a division by zero and a p value of 1 that poses as a finding."""
    result = paired_test(test, values)
    assert (result.p_value, result.verdict) == (None, Verdict.INCONCLUSIVE)


def test_t_says_why_it_cannot_judge() -> None:
    """Catches t = infinity of equal differences, which a repeated deterministic run gives at will."""
    equal = paired_test(Location.STUDENT_T, [0.25] * 8)
    assert (equal.verdict, equal.p_value, equal.needed_n) == (Verdict.INCONCLUSIVE, None, None)
    assert "exact predicate" in equal.reason
    assert paired_test(Location.SIGN, [0.25] * 8).verdict is Verdict.SUPPORTED
    infinite = [1.0, 2.0, 3.0, 1.0, 2.0, math.inf]
    assert "infinite" in paired_test(Location.STUDENT_T, infinite).reason
    for test in EXACT:
        assert paired_test(test, infinite).p_value == 2 / 2**6


def test_two_sided_p_values_are_those_of_scipy() -> None:
    """Catches a tail that counts once, and a statistic of the other side."""
    values = np.random.default_rng(3).normal(-0.4, 1, 15).tolist()
    t = paired_test(Location.STUDENT_T, values)
    reference = scipy.stats.ttest_1samp(values, 0.0)
    assert (t.p_value, t.statistic) == (pytest.approx(reference.pvalue, rel=1e-12), pytest.approx(reference.statistic))
    rank = paired_test(Location.WILCOXON, values)
    assert rank.p_value == pytest.approx(scipy.stats.wilcoxon(values, method="exact").pvalue, rel=1e-12)
    sign = paired_test(Location.SIGN, values)
    positive = sum(value > 0 for value in values)
    assert sign.p_value == pytest.approx(scipy.stats.binomtest(positive, 15, 0.5).pvalue, rel=1e-12)


@pytest.mark.parametrize("test", list(Location))
def test_the_verdict_says_on_which_side_of_the_minimum_effect_the_differences_lie(test: Location) -> None:
    """Catches a minimum effect with the wrong sign, one that is ignored, and a contradiction that is never said."""
    values = [0.9, 1.0, 1.1, 1.2, 0.8, 1.05, 0.95, 1.15]  # all within 0.2 of 1
    decided = {
        (Alternative.GREATER, 0.5): Verdict.SUPPORTED,
        (Alternative.GREATER, 1.5): Verdict.CONTRADICTED,
        (Alternative.GREATER, 1.02): Verdict.INCONCLUSIVE,
        (Alternative.LESS, 0.0): Verdict.CONTRADICTED,
        (Alternative.TWO_SIDED, 0.5): Verdict.SUPPORTED,
        (Alternative.TWO_SIDED, 1.5): Verdict.CONTRADICTED,
        (Alternative.TWO_SIDED, 1.02): Verdict.INCONCLUSIVE,
    }
    for (alternative, effect), verdict in decided.items():
        assert paired_test(test, values, alternative=alternative, minimum_effect=effect).verdict is verdict
        mirrored = paired_test(
            test, [-value for value in values], alternative=MIRROR[alternative], minimum_effect=effect
        )
        assert mirrored.verdict is verdict


def test_two_sided_the_statistic_is_that_of_the_tail_that_decides() -> None:
    """Catches a statistic about the far bound beside the p value of the near one."""
    values = [-0.9, -1.0, -1.1, -1.2, -0.8, -1.05, -0.95, 0.7]
    result = paired_test(Location.STUDENT_T, values, minimum_effect=0.5)
    expected = scipy.stats.ttest_1samp(values, -0.5, alternative="less")
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert result.p_value == pytest.approx(2 * expected.pvalue, rel=1e-12)
    assert paired_test(Location.SIGN, values, minimum_effect=0.5).statistic == 1.0  # one above -0.5, seven below
    assert paired_test(Location.SIGN, [0.6, 0.7, *values[:7]], minimum_effect=0.65).statistic == 2.0


def test_a_difference_of_zero_is_never_contradicted_two_sided() -> None:
    """Catches "not different" concluded from a p value near 1."""
    result = paired_test(Location.STUDENT_T, [1.0, -1.0] * 40, minimum_effect=0.0)
    assert (result.verdict, result.p_opposite) == (Verdict.INCONCLUSIVE, None)
    assert result.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("test", EXACT)
@pytest.mark.parametrize("alternative", list(Alternative))
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_over_all_signs_the_exact_tests_err_at_alpha_at_most(
    test: Location, alternative: Alternative, alpha: float
) -> None:
    """Catches any p value too small: under exchangeable arms each of the 2^8 sign patterns is equally likely."""
    found = [
        paired_test(
            test, [sign * size for sign, size in zip(signs, SIZES, strict=True)], alternative=alternative, alpha=alpha
        )
        for signs in itertools.product((1, -1), repeat=8)
    ]
    supported = sum(each.verdict is Verdict.SUPPORTED for each in found) / len(found)
    contradicted = sum(each.verdict is Verdict.CONTRADICTED for each in found) / len(found)
    assert 0 < supported <= alpha
    # One-sided the opposite is the mirror image.
    assert contradicted == (0 if alternative is Alternative.TWO_SIDED else supported)


@pytest.mark.parametrize(("alternative", "effect"), [(Alternative.LESS, 0.5), (Alternative.TWO_SIDED, 0.0)])
def test_t_errs_at_alpha_when_its_assumption_holds(alternative: Alternative, effect: float) -> None:
    """Catches a null that is not shifted to the minimum effect, a normal quantile for t, alpha spent twice."""
    draws = np.random.default_rng(11).normal(-effect, 2.0, (3000, 5))
    rate = np.mean([_supported(row, alternative, effect) for row in draws.tolist()])
    assert abs(rate - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 3000)  # exact for normal values: 4 standard errors


def _supported(row: list[float], alternative: Alternative, effect: float) -> bool:
    result = paired_test(Location.STUDENT_T, row, alternative=alternative, minimum_effect=effect)
    return result.verdict is Verdict.SUPPORTED


@pytest.mark.parametrize("test", list(Location))
@given(values=differences, effect=st.sampled_from([0.0, 0.5, 1.0]), alternative=st.sampled_from(list(Alternative)))
def test_swapped_arms_and_units_change_nothing_but_signs(
    test: Location, values: list[float], effect: float, alternative: Alternative
) -> None:
    """Catches sides that are not treated alike and a decision that depends on the unit of the metric."""
    result = paired_test(test, values, alternative=alternative, minimum_effect=effect)
    swapped = paired_test(test, [-each for each in values], alternative=MIRROR[alternative], minimum_effect=effect)
    scaled = paired_test(test, [4 * each for each in values], alternative=alternative, minimum_effect=4 * effect)
    assert _decision(swapped) == _decision(result) == _decision(scaled)
    assert result == paired_test(test, sorted(values), alternative=alternative, minimum_effect=effect)


def _decision(result: PairedResult) -> tuple[object, ...]:
    return result.p_value, result.p_opposite, result.verdict, result.needed_n, result.n_used


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"alpha": 0.0}, "/alpha"), ({"alpha": 0.5}, "/alpha"), ({"minimum_effect": -0.1}, "/minimum_effect")],
)
def test_a_bad_number_is_named(changes: dict[str, float], pointer: str) -> None:
    """Catches an alpha at which both sides could be shown, and a negative effect that turns a claim around."""
    with pytest.raises(InvalidError) as caught:
        paired_test(Location.SIGN, SIZES, **changes)  # type: ignore[arg-type]
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    with pytest.raises(ValueError, match="differences must be numbers"):
        paired_test(Location.SIGN, [math.nan])
