"""Exact predicates: what breaks them, by how much, and where."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.exact import Direction, Dtype, Tolerance, all_above, all_below, all_equal, epsilon, monotone
from workers.analysis.verdict import Verdict
from workers.catalogue.problems import InvalidError

UP, DOWN = Direction.INCREASING, Direction.DECREASING
values_of = st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=1, max_size=12)


def test_the_worst_value_is_named_with_its_place() -> None:
    """Catches the first offender in place of the worst, and a worst that is lost when all is well."""
    broken = all_below([0.5, 1.5, 3.0, 2.0], 1.0, labels=["a", "b", "c", "d"])
    assert (broken.holds, broken.worst, broken.worst_at, broken.excess, broken.n_broken) == (False, 3.0, "c", 2.0, 3)
    assert broken.verdict is Verdict.CONTRADICTED
    kept = all_above([0.5, 0.25, 3.0], 0.125)
    assert (kept.holds, kept.worst, kept.worst_at, kept.excess, kept.n_broken) == (True, 0.25, 1, -0.125, 0)
    assert kept.verdict is Verdict.SUPPORTED


def test_the_bound_itself_is_allowed_unless_strict() -> None:
    """Catches < in place of <= and a strict bound that is not."""
    for predicate in (all_below, all_above):
        assert predicate([1.0], 1.0).holds
        assert not predicate([1.0], 1.0, strict=True).holds
    assert all_below([math.nextafter(1.0, 0.0)], 1.0, strict=True).holds
    assert not all_below([math.nextafter(1.0, 2.0)], 1.0).holds


def test_nothing_and_no_number_are_no_evidence() -> None:
    """Catches "all of none" taken for true, a NaN that compares as fine and one that hides a broken value."""
    assert all_below([], 1.0).verdict is Verdict.INCONCLUSIVE
    assert monotone([1.0], UP).verdict is Verdict.INCONCLUSIVE
    nan = all_below([0.5, math.nan], 1.0)
    assert (nan.holds, nan.verdict, nan.n_not_a_number, nan.worst) == (False, Verdict.INCONCLUSIVE, 1, 0.5)
    assert all_below([math.nan, 2.0], 1.0).verdict is Verdict.CONTRADICTED
    assert all_below([-math.inf, 0.0], 1.0).holds and not all_below([math.inf], 1.0).holds
    assert monotone([1.0, math.nan, 3.0], UP).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("predicted", [1.0, 0.1, -3.0, 1e-30])
@pytest.mark.parametrize("dtype", list(Dtype))
def test_ulps_count_the_numbers_between(predicted: float, dtype: Dtype) -> None:
    """Catches ulps of float64 for values of float32, ulps of 1 for small predictions, and one ulp too many."""
    kind = np.dtype(dtype).type
    start = kind(predicted)
    three = start
    for _ in range(3):  # away from 0, where the numbers are nowhere denser than at the prediction
        three = np.nextafter(three, kind(math.copysign(math.inf, predicted)))
    measured = [float(three)]
    assert all_equal(measured, [float(start)], Tolerance(ulps=3, dtype=dtype)).holds
    found = all_equal(measured, [float(start)], Tolerance(ulps=2, dtype=dtype))
    assert not found.holds
    assert found.excess == float(np.spacing(abs(start)))


def test_the_largest_tolerance_counts() -> None:
    """Catches tolerances that add up, a relative one of the measured value, and one shared by all predictions."""
    tolerance = Tolerance(absolute=0.125, relative=0.25)
    assert all_equal([1.25, 0.125], [1.0, 0.0], tolerance).holds
    assert not all_equal([1.375], [1.0], tolerance).holds  # 0.375 = 0.125 + 0.25
    assert not all_equal([1.3125], [1.0], tolerance).holds  # 0.3125 is less than a quarter of 1.3125
    found = all_equal([10.0, 0.5], [8.0, 0.25], tolerance, labels=[2, 4])
    assert (found.holds, found.worst_at, found.excess) == (False, 4, 0.125)
    assert all_equal([0.5], [0.5], Tolerance()).holds


def test_epsilon_is_the_gap_above_one() -> None:
    """Catches half of it, the unit roundoff."""
    assert 1.0 + epsilon(Dtype.FLOAT64) == math.nextafter(1.0, 2.0)
    assert epsilon(Dtype.FLOAT32) == 2.0**-23


def test_monotone_sequences() -> None:
    """Catches a direction turned around, equal neighbours that count as a step and slack that is ignored."""
    assert monotone([1.0, 1.0, 2.0], UP).holds
    assert not monotone([1.0, 1.0, 2.0], UP, strict=True).holds
    assert monotone([3.0, 2.0, 0.0], DOWN, strict=True).holds
    found = monotone([1.0, 2.0, 1.5, 3.0, 2.75], UP, labels=[10, 20, 30, 40, 50])
    assert (found.holds, found.worst, found.worst_at, found.excess, found.n, found.n_broken) == (
        False,
        1.5,
        30,
        0.5,
        4,
        2,
    )
    assert monotone([1.0, 2.0, 1.5, 3.0, 2.75], UP, slack=0.5).holds
    assert monotone([1.0, math.inf, math.inf], UP).holds
    assert not monotone([math.inf, 1.0], UP).holds


@given(values_of, st.integers(-16, 16).map(lambda k: k / 4))
def test_mirrored_values_satisfy_the_mirrored_predicate(values: list[float], bound: float) -> None:
    """Catches two predicates that differ in more than their direction."""
    mirrored = [-value for value in values]
    below, above = all_below(values, bound), all_above(mirrored, -bound)
    assert (above.holds, above.excess, above.worst_at) == (below.holds, below.excess, below.worst_at)
    assert below.holds == (max(values) <= bound)
    assert monotone(mirrored, DOWN).holds == monotone(values, UP).holds == (values == sorted(values)) or len(values) < 2


def test_bad_input_is_refused() -> None:
    """Catches a tolerance below 0, predictions that do not match and a bound that is none."""
    with pytest.raises(InvalidError, match="/tolerance/relative: must be finite and not negative"):
        Tolerance(relative=-0.1)
    with pytest.raises(InvalidError, match="/slack"):
        monotone([1.0, 2.0], UP, slack=-1.0)
    with pytest.raises(ValueError, match="2 values need as many predictions, not 1"):
        all_equal([1.0, 2.0], [1.0], Tolerance())
    with pytest.raises(ValueError, match="1 values need as many labels, not 2"):
        all_below([1.0], 2.0, labels=["a", "b"])
    with pytest.raises(ValueError, match="a prediction must be a finite number"):
        all_equal([1.0], [math.nan], Tolerance())
    with pytest.raises(ValueError, match="it has no ulp there"):
        all_equal([1e300], [1e300], Tolerance(ulps=1, dtype=Dtype.FLOAT32))
