"""Equivalence: a stated margin, two tests, and noise that never helps."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.equivalence import Equivalence, equivalence_of_location, equivalence_of_proportion
from workers.analysis.intervals import student_t
from workers.analysis.location_tests import Location
from workers.analysis.verdict import Verdict
from workers.catalogue.problems import InvalidError

distinct = st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=3, max_size=12, unique=True)


@given(distinct, st.sampled_from([0.5, 1.0, 3.0]))
def test_the_p_values_are_those_of_two_one_sided_t_tests(values: list[float], margin: float) -> None:
    """Catches the smaller p value in place of the larger, and a margin with the wrong sign."""
    found = equivalence_of_location(values, 0.25, margin=margin)
    above = scipy.stats.ttest_1samp(values, 0.25 - margin, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(values, 0.25 + margin, alternative="less").pvalue
    assert found.p_value == pytest.approx(max(above, below), rel=1e-9)
    assert found.p_outside == pytest.approx(min(1.0, 2 * min(1 - above, 1 - below)), rel=1e-6, abs=1e-12)


@given(distinct, st.sampled_from([0.5, 1.0, 3.0]))
def test_supported_is_the_interval_at_twice_alpha_within_the_margin(values: list[float], margin: float) -> None:
    """Catches an interval at level 1 - alpha beside a test at alpha: they would disagree."""
    found = equivalence_of_location(values, 0.25, margin=margin)
    assert found.interval is not None and found.interval.low is not None and found.interval.high is not None
    assert found.interval.level == pytest.approx(0.9)
    inside = 0.25 - margin < found.interval.low and found.interval.high < 0.25 + margin
    assert inside == (found.verdict is Verdict.SUPPORTED)


@pytest.mark.parametrize("test", list(Location))
def test_the_verdict_follows_the_location(test: Location) -> None:
    """Catches a contradiction that needs no evidence and a location outside that is called equivalent."""
    values = [0.9, 1.0, 1.1, 1.2, 0.8, 1.05, 0.95, 1.15]
    assert _verdict(values, 1.0, 0.3, test) is Verdict.SUPPORTED
    assert _verdict(values, 1.5, 0.1, test) is Verdict.CONTRADICTED
    assert _verdict(values, 1.1, 0.1, test) is Verdict.INCONCLUSIVE


def test_the_estimate_is_the_location_that_is_judged() -> None:
    """Catches the mean beside a test of the median; Hodges-Lehmann by hand: the median of all pairwise means."""
    values = [0.0, 1.0, 2.0, 3.0, 14.0]
    estimates = [equivalence_of_location(values, 2.0, margin=20.0, test=test).estimate for test in Location]
    # Walsh means: 0 .5 1 1.5 7 / 1 1.5 2 7.5 / 2 2.5 8 / 3 8.5 / 14; the eighth of fifteen is 2.
    assert dict(zip(Location, estimates, strict=True)) == {
        Location.STUDENT_T: 4.0,
        Location.SIGN: 2.0,
        Location.WILCOXON: 2.0,
    }


def _verdict(values: list[float], predicted: float, margin: float, test: Location) -> Verdict:
    return equivalence_of_location(values, predicted, margin=margin, test=test).verdict


def at_the_margin(sd: float, n: int, rows: int) -> list[Equivalence]:
    """Return the results of samples whose mean lies exactly on the margin, where equivalence is false."""
    draws = np.random.default_rng(17).normal(1.0, sd, (rows, n))
    return [equivalence_of_location(row, 0.0, margin=1.0) for row in draws.tolist()]


@pytest.mark.parametrize(("sd", "exact"), [(0.5, True), (3.0, False)])
def test_at_the_margin_equivalence_is_claimed_at_rate_alpha_at_most(sd: float, exact: bool) -> None:
    """Catches alpha / 2 for each test, a margin that is doubled, and the 95 % interval's 2.5 %."""
    results = at_the_margin(sd, 8, 2500)
    rate = np.mean([each.verdict is Verdict.SUPPORTED for each in results])
    error = 4 * math.sqrt(0.05 * 0.95 / 2500)  # 4 standard errors
    assert rate <= 0.05 + error
    if exact:  # the far bound is ten standard errors away, so the near test alone decides
        assert rate >= 0.05 - error
    assert np.mean([each.verdict is Verdict.CONTRADICTED for each in results]) <= 0.05 + error


def test_noise_makes_an_interval_contain_the_prediction_but_no_equivalence() -> None:
    """The negative control: a value three margins off, drowned in noise, passes the naive rule nearly always."""
    draws = np.random.default_rng(23).normal(3.0, 30.0, (400, 5)).tolist()
    intervals = [student_t(row) for row in draws]
    naive = np.mean([(each.low or 0.0) <= 0.0 <= (each.high or 0.0) for each in intervals])
    claimed = np.mean([equivalence_of_location(row, 0.0, margin=1.0).verdict is Verdict.SUPPORTED for row in draws])
    assert naive > 0.9
    assert claimed <= 0.05


def test_few_or_equal_values_cannot_show_equivalence_of_a_mean() -> None:
    """Catches one value within the margin, and a deterministic result repeated, taken for evidence."""
    one = equivalence_of_location([1.0], 1.0, margin=0.5)
    assert (one.verdict, one.p_value, one.needed_n) == (Verdict.INCONCLUSIVE, None, 2)
    equal = equivalence_of_location([1.0] * 9, 1.0, margin=0.5)
    assert (equal.verdict, equal.needed_n) == (Verdict.INCONCLUSIVE, None)
    assert "exact predicate" in equal.reason
    median = equivalence_of_location([1.0] * 9, 1.0, margin=0.5, test=Location.SIGN)
    assert (median.verdict, median.p_value) == (Verdict.SUPPORTED, 2**-9)
    assert equivalence_of_location([1.0] * 4, 1.0, margin=0.5, test=Location.SIGN).needed_n == 5


@pytest.mark.parametrize(("predicted", "margin"), [(0.5, 0.1), (0.9, 0.05), (0.98, 0.05), (0.0, 0.03)])
def test_a_proportion_at_the_margin_is_called_equivalent_at_rate_alpha_at_most(predicted: float, margin: float) -> None:
    """Catches a tail that leaves out the observed count; exact: the sum over all counts of 120 trials."""
    results = [equivalence_of_proportion(k, 120, predicted, margin=margin) for k in range(121)]
    for side in (predicted - margin, predicted + margin):
        if 0 < side < 1:
            law = scipy.stats.binom.pmf(range(121), 120, side)
            assert sum(law[k] for k in range(121) if results[k].verdict is Verdict.SUPPORTED) <= 0.05
            assert sum(law[k] for k in range(121) if results[k].verdict is Verdict.CONTRADICTED) <= 0.05
    nearest = results[round(120 * predicted)]
    # 120 trials know a probability of a half to 0.075 only: too coarse for a margin of 0.05 at 0.9.
    assert nearest.verdict is (Verdict.INCONCLUSIVE if predicted == 0.9 else Verdict.SUPPORTED)


@pytest.mark.parametrize(("predicted", "margin"), [(0.5, 0.2), (0.9, 0.07), (0.98, 0.05), (0.02, 0.1)])
def test_the_least_trials_of_a_proportion_are_the_fewest_at_which_some_count_decides(
    predicted: float, margin: float
) -> None:
    """Catches a study of so few trials that no outcome supports it, run all the same; by trying every count."""
    needed = equivalence_of_proportion(1, 1, predicted, margin=margin).needed_n
    assert needed is not None and needed > 1
    for trials in range(1, needed + 1):
        results = [equivalence_of_proportion(k, trials, predicted, margin=margin) for k in range(trials + 1)]
        assert any(each.verdict is Verdict.SUPPORTED for each in results) == (trials == needed)
        assert all((each.p_value is None) == (each.needed_n is not None) for each in results)


def test_a_bound_beyond_zero_or_one_needs_no_evidence() -> None:
    """Catches a proportion near 1 that can never be equivalent because p = 1.03 cannot be rejected."""
    found = equivalence_of_proportion(120, 120, 0.98, margin=0.05)
    assert found.p_value == pytest.approx(scipy.stats.binom.sf(119, 120, 0.93), rel=1e-12)
    assert found.interval is not None and found.interval.high == 1.0


@given(distinct)
def test_shift_scale_and_swapped_sides_change_no_p_value(values: list[float]) -> None:
    """Catches a margin that does not scale, and sides of the prediction that are not treated alike."""
    found = equivalence_of_location(values, 0.25, margin=1.0)
    moved = equivalence_of_location([4 * each + 16 for each in values], 17.0, margin=4.0)
    mirrored = equivalence_of_location([-each for each in values], -0.25, margin=1.0)
    assert moved.p_value == pytest.approx(found.p_value, rel=1e-9)
    assert (mirrored.p_value, mirrored.p_outside) == (found.p_value, found.p_outside)


@pytest.mark.parametrize(("margin", "predicted", "pointer"), [(0.0, 0.5, "/margin"), (0.1, math.inf, "/predicted")])
def test_equality_itself_cannot_be_asked_for(margin: float, predicted: float, pointer: str) -> None:
    """Catches a margin of 0, which no data can meet."""
    with pytest.raises(InvalidError) as caught:
        equivalence_of_location([1.0, 2.0], predicted, margin=margin)
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    with pytest.raises(InvalidError, match="/predicted: a probability lies between 0 and 1"):
        equivalence_of_proportion(1, 2, 1.5, margin=0.1)
