"""The position of a peak: its interval by enumeration, and how often its verdict errs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.analysis.argmax import Centre, Design, Group, least_values, peak, peak_at
from workers.analysis.verdict import Verdict
from workers.catalogue.problems import InvalidError


def groups_of(columns: dict[float, list[float]]) -> list[Group]:
    """Return groups by position."""
    return [Group(x=x, values=tuple(values)) for x, values in columns.items()]


CLEAR = groups_of({x: [10 - (x - 3) ** 2 + noise for noise in (-0.2, 0.0, 0.1, 0.2, -0.1, 0.05)] for x in range(1, 6)})


def test_a_clear_peak_has_an_interval_of_no_width() -> None:
    """Catches a minimum in place of the maximum, and shares that do not belong to their positions."""
    found = peak(CLEAR)
    assert (found.position, found.low, found.high) == (3.0, 3.0, 3.0)
    assert (found.positions, found.shares) == ((1.0, 2.0, 3.0, 4.0, 5.0), (0.0, 0.0, 1.0, 0.0, 0.0))
    assert found.centres == pytest.approx([6.0083, 9.0083, 10.0083, 9.0083, 6.0083], abs=1e-4)


def test_the_verdict_needs_the_whole_interval() -> None:
    """Catches a tolerance that is ignored, and a peak elsewhere that contradicts nothing."""
    found = peak(CLEAR)
    assert peak_at(found, 3.2, tolerance=0.25).verdict is Verdict.SUPPORTED
    assert peak_at(found, 3.5, tolerance=0.25).verdict is Verdict.CONTRADICTED
    flat = peak(groups_of({x: [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] for x in range(5)}))
    assert peak_at(flat, 2.0, tolerance=1.0).verdict is Verdict.INCONCLUSIVE


def test_a_peak_at_the_end_of_the_axis_has_no_bound_there() -> None:
    """Catches a rising curve whose last point passes for its peak; a prediction inside is contradicted all the same."""
    rising = peak([group for group in CLEAR if group.x <= 3])
    assert rising.high == 3.0
    at_end = peak_at(rising, 3.0, tolerance=0.5)
    assert at_end.verdict is Verdict.INCONCLUSIVE
    assert at_end.reason.endswith("measure beyond the end of the axis")
    assert peak_at(rising, 8.0, tolerance=0.5).verdict is Verdict.INCONCLUSIVE
    assert peak_at(rising, 1.0, tolerance=0.5).verdict is Verdict.CONTRADICTED
    falling = peak([group for group in CLEAR if group.x >= 3])
    for predicted in (3.0, -8.0):
        assert peak_at(falling, predicted, tolerance=0.5).verdict is Verdict.INCONCLUSIVE
    assert peak_at(falling, 5.0, tolerance=0.5).verdict is Verdict.CONTRADICTED


@pytest.mark.parametrize("design", list(Design))
@pytest.mark.parametrize("centre", list(Centre))
def test_the_shares_are_those_of_all_resamples(design: Design, centre: Centre) -> None:
    """Catches paired groups resampled apart, independent ones resampled together and a biased choice of values."""
    a, b = [0.0, 3.0, 5.0], [1.0, 2.5, 4.5]
    middle = np.mean if centre is Centre.MEAN else np.median
    places = list(itertools.product(range(3), repeat=3))
    drawn = [(p, p) for p in places] if design is Design.PAIRED else list(itertools.product(places, repeat=2))
    wins = [middle([a[i] for i in p]) >= middle([b[i] for i in q]) for p, q in drawn]
    found = peak(groups_of({0: a, 1: b}), design=design, centre=centre)
    # 4 standard errors of 9999 draws; of equal centres the first counts, as in the enumeration.
    assert abs(found.shares[0] - np.mean(wins)) < 4 * math.sqrt(0.25 / 9999)


@pytest.mark.parametrize(
    ("design", "level", "least"), [(Design.PAIRED, 0.95, 6), (Design.INDEPENDENT, 0.95, 4), (Design.PAIRED, 0.75, 3)]
)
def test_few_values_cannot_decide(design: Design, level: float, least: int) -> None:
    """Catches five pairs that all agree taken for a certain peak: 2^-6, 1 / C(8, 4) and 2^-3 are rare enough."""
    assert least_values(design, level) == least
    few = [Group(x=group.x, values=group.values[: least - 1]) for group in CLEAR]
    found = peak_at(peak(few, design=design, level=level), 3.0, tolerance=0.5)
    assert (found.verdict, found.needed_n) == (Verdict.INCONCLUSIVE, least)
    enough = [Group(x=group.x, values=group.values[:least]) for group in CLEAR]
    assert peak_at(peak(enough, design=design, level=level), 3.0, tolerance=0.5).verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(("n", "design"), [(6, Design.PAIRED), (5, Design.INDEPENDENT), (20, Design.PAIRED)])
def test_of_two_equal_peaks_neither_is_claimed_more_often_than_alpha(n: int, design: Design) -> None:
    """Catches the plain percentile interval, which at n = 6 claims one of two equal peaks in 14 % of cases."""
    draws = np.random.default_rng(n).normal(size=(500, 4, n)) + np.array([-100.0, 0.0, 0.0, -100.0])[:, None]
    claimed = 0
    for rows in draws:
        found = peak(groups_of(dict(enumerate(rows.tolist()))), design=design, resamples=1999)
        claimed += any(peak_at(found, x, tolerance=0.5).verdict is Verdict.SUPPORTED for x in (1.0, 2.0))
    assert claimed / 500 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 500)  # 4 standard errors


def test_the_interval_covers_the_position_of_the_peak() -> None:
    """Catches an interval at the wrong level: the true peak of a flat parabola is covered in 95 % or more."""
    generator = np.random.default_rng(9)
    means = -0.1 * (np.arange(7.0) - 3) ** 2
    missed = 0
    for _ in range(300):
        rows = generator.normal(means[:, None], 1.0, (7, 10))
        found = peak(groups_of(dict(enumerate(rows.tolist()))), resamples=999)
        missed += not found.low <= 3 <= found.high
    assert missed / 300 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 300)


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.integers(-40, 40).map(float), min_size=4, max_size=6), min_size=2, max_size=5),
    st.integers(-8, 8),
    st.randoms(),
)
def test_order_shift_and_scale_change_no_share(columns: list[list[float]], shift: int, random: object) -> None:
    """Catches a result that depends on the order of groups, and a peak that moves with the unit of the metric."""
    groups = groups_of(dict(enumerate(columns)))
    found = peak(groups, resamples=200)
    shuffled = list(groups)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert peak(shuffled, resamples=200) == found
    moved = [Group(x=2 * group.x + shift, values=tuple(4 * value for value in group.values)) for group in groups]
    scaled = peak(moved, resamples=200)
    assert (scaled.shares, scaled.low, scaled.high) == (found.shares, 2 * found.low + shift, 2 * found.high + shift)


def test_bad_input_is_refused() -> None:
    """Catches two groups at one position, seeds that do not match and a negative tolerance."""
    with pytest.raises(ValueError, match="positions of groups are finite and differ"):
        peak([CLEAR[0], CLEAR[0]])
    with pytest.raises(ValueError, match="paired groups have the same seeds"):
        peak([CLEAR[0], Group(x=9.0, values=(1.0,))], design=Design.PAIRED)
    with pytest.raises(ValueError, match="two groups or more"):
        peak(CLEAR[:1])
    with pytest.raises(ValueError, match="must be finite"):
        peak([CLEAR[0], Group(x=9.0, values=(math.nan,))])
    with pytest.raises(InvalidError, match="/tolerance"):
        peak_at(peak(CLEAR), 3.0, tolerance=-1.0)
