"""Downsampled curves keep what an eye would look for."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.downsampling import between, downsample
from workers.experiments.measurement import Curve

VALUES = st.lists(st.floats(width=32), min_size=1, max_size=300)


def curve(values: list[float]) -> Curve:
    """Return a curve at every third step."""
    return Curve(name="loss", steps=tuple(range(0, 3 * len(values), 3)), values=tuple(values))


@given(values=VALUES, most=st.integers(4, 60))
@example(values=[0.0, 0.0, 1.0, math.inf, 0.0], most=4)  # three points of the one stretch, and room for two
def test_points_are_points_of_the_curve_and_not_too_many(values: list[float], most: int) -> None:
    """Caught mutations: means of stretches; one point too many; the first or last point lost."""
    whole, shown = curve(values), downsample(curve(values), most)
    place = {step: repr(value) for step, value in zip(whole.steps, whole.values, strict=True)}
    assert len(shown.steps) <= most
    assert list(shown.steps) == sorted(set(shown.steps))
    assert all(place[step] == repr(value) for step, value in zip(shown.steps, shown.values, strict=True))
    assert (shown.steps[0], shown.steps[-1]) == (whole.steps[0], whole.steps[-1])
    assert (shown.n_raw, shown.downsampled) == (len(values), len(values) > len(shown.steps))


@given(values=VALUES, most=st.integers(5, 60))
def test_no_extreme_disappears(values: list[float], most: int) -> None:
    """Caught mutations: every k-th point; a NaN that lies between kept points."""
    shown = downsample(curve(values), most)
    finite = [value for value in values if math.isfinite(value)]
    kept = [value for value in shown.values if math.isfinite(value)]
    if finite:
        assert (min(kept), max(kept)) == (min(finite), max(finite))
    assert any(map(math.isfinite, shown.values)) == bool(finite)
    assert all(map(math.isfinite, shown.values)) == (len(finite) == len(values))


def test_a_spike_in_a_million_points_is_kept() -> None:
    """By hand: one spike up, one down, one NaN among zeros."""
    values = [0.0] * 100_000
    values[12_345], values[54_321], values[77_777] = 9.0, -9.0, math.nan
    shown = downsample(curve(values), 100)
    points = dict(zip(shown.steps, shown.values, strict=True))
    assert (points[3 * 12_345], points[3 * 54_321]) == (9.0, -9.0)
    assert math.isnan(points[3 * 77_777])


@pytest.mark.parametrize(
    ("first", "last", "steps"),
    [(None, None, (0, 3, 6)), (3, None, (3, 6)), (None, 3, (0, 3)), (4, 5, ()), (3, 3, (3,))],
)
def test_a_part_has_both_its_ends(first: int | None, last: int | None, steps: tuple[int, ...]) -> None:
    """Caught mutation: < in place of <=."""
    assert between(curve([1.0, 2.0, 3.0]), first, last).steps == steps
