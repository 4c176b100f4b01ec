"""The BCa bootstrap against scipy's, its coverage, and the bits of its stream."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workers.analysis import bootstrap
from workers.analysis.bootstrap import RESAMPLES, bca_mean, resampled_means

SKEWED = np.random.default_rng(4).lognormal(sigma=1.2, size=30).tolist()
WHOLE = st.lists(st.integers(-1000, 1000).map(float), min_size=20, max_size=40)
STORED = (79.8875733654543, 180.4000146084395)  # of the squares of 0 to 19


def test_the_interval_is_scipys_up_to_the_error_of_resampling() -> None:
    """Skewed values move BCa by 0.2 standard errors. Caught mutations: acceleration 0; bias 0; plain percentiles."""
    ours = bca_mean(SKEWED, resamples=100_000)
    reference = stats.bootstrap((SKEWED,), np.mean, n_resamples=100_000, method="BCa", rng=5, batch=10_000)
    percentile = stats.bootstrap((SKEWED,), np.mean, n_resamples=100_000, method="percentile", rng=5, batch=10_000)
    expected, naive = reference.confidence_interval, percentile.confidence_interval
    # The error of a 2.5 % quantile over B resamples is sqrt(0.025 * 0.975 / B) / 0.058 = 0.0084 se; both sides have it.
    allowed = 5 * math.sqrt(2) * 0.0084 * np.std(SKEWED, ddof=1) / math.sqrt(len(SKEWED))
    assert (ours.low, ours.high) == (
        pytest.approx(expected.low, abs=allowed),
        pytest.approx(expected.high, abs=allowed),
    )
    assert abs(naive.high - expected.high) > 2 * allowed


def test_the_interval_of_20_normal_values_covers_what_theory_says() -> None:
    """Its error of a mean is sqrt(19 / 20) of the true one: P(|t19| < 1.96 sqrt(0.95)) = 0.929, not 0.95.

    Caught mutations: one-sided quantiles, which cover 88 %; resamples of fewer values.
    """
    replicates = 1000
    samples = np.random.default_rng(6).normal(size=(replicates, 20)).tolist()
    intervals = [bca_mean(sample, resamples=999) for sample in samples]
    covered = sum(interval.low <= 0 <= interval.high for interval in intervals) / replicates  # type: ignore[operator]
    expected = 1 - 2 * stats.t.sf(1.959964 * math.sqrt(0.95), 19)
    assert abs(covered - expected) < 4 * math.sqrt(expected * (1 - expected) / replicates)


def test_the_indices_are_cut_from_the_raw_stream_of_the_generator() -> None:
    """In whole numbers, draw by draw. Caught mutations: the lower half of the bits; another seed; a modulus."""
    values = np.array([0.5, 2.0, 7.0])
    raw = [int(word) for word in np.random.PCG64(0).random_raw(12)]
    drawn = [float(values[(word >> 32) * 3 >> 32]) for word in raw]
    assert resampled_means(values, 4).tolist() == pytest.approx([sum(drawn[i : i + 3]) / 3 for i in range(0, 12, 3)])


def test_each_value_is_drawn_as_often() -> None:
    """Caught mutations: an index off by one; the last value never drawn. 5 standard errors of a share of 1/7."""
    draws = 70_000
    for place in range(7):
        share = resampled_means(np.eye(7)[place], draws // 7).mean()
        assert share == pytest.approx(1 / 7, abs=5 * math.sqrt(6 / 49 / draws))


def test_the_size_of_the_batches_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Caught mutation: the stream started anew for each batch."""
    whole = bca_mean(SKEWED)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 70)
    assert bca_mean(SKEWED) == whole


def test_a_stored_interval_comes_out_again() -> None:
    """A verdict must be recomputable: these bounds were stored once. Caught mutation: any change of the stream."""
    interval = bca_mean([float(value**2) for value in range(20)])
    assert interval.method == f"bootstrap of the mean, BCa, {RESAMPLES} resamples, PCG64 seed 0"
    assert (interval.low, interval.high) == pytest.approx(STORED, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(WHOLE, st.integers(-1000, 1000), st.sampled_from([0.25, 2.0, 1024.0]), st.randoms())
def test_order_shift_and_scale(values: list[float], shift: int, scale: float, random: object) -> None:
    """Whole numbers and powers of two, so that moving them rounds nothing. Caught mutation: a seed from the data."""
    plain = bca_mean(values)
    shuffled = sorted(values, key=lambda _: random.random())  # type: ignore[attr-defined]
    moved = bca_mean([scale * (value + shift) for value in shuffled])
    assert bca_mean(shuffled) == plain
    tolerance = 1e-11 * scale * 2000
    for ours, theirs in ((moved.low, plain.low), (moved.high, plain.high)):
        assert ours == pytest.approx(scale * (theirs + shift), abs=tolerance)  # type: ignore[operator]


@settings(max_examples=40, deadline=None)
@given(WHOLE)
def test_the_bounds_lie_within_the_values(values: list[float]) -> None:
    """Caught mutation: bounds that leave the range of the values by rounding, or as estimate +- z se does."""
    interval = bca_mean(values, resamples=999)
    assert min(values) <= interval.low <= interval.high <= max(values)  # type: ignore[operator]


def test_where_there_is_no_bootstrap_the_method_says_why() -> None:
    """Caught mutations: 0 / 0 for equal values; an overflow; the most extreme resample passed off as a quantile."""
    equal = bca_mean([0.1] * 25)
    assert (equal.low, equal.high, equal.method) == (0.1, 0.1, "all values are equal")
    wide = bca_mean([1.7e308, *[-1.7e308] * 20])
    assert (wide.low, wide.method) == (None, "no interval: the values lie further apart than float64 reaches")
    beyond = bca_mean(SKEWED, level=0.9999)
    assert (beyond.low, beyond.high) == (None, None)
    assert "fewer than 10 beyond level 0.9999" in beyond.method
    with pytest.raises(ValueError, match="at least two values"):
        bca_mean([1.0])


def test_an_outlier_at_the_pole_of_the_correction_gives_the_last_resample() -> None:
    """A pole of Efron's formula: 1 - a (z0 + z) = 0. Caught mutation: the sign past it kept, which swaps the bounds."""
    interval = bca_mean([0.0] * 199 + [1.0], level=0.99)
    assert 0 <= interval.low < 1 / 200 < interval.high <= 1  # type: ignore[operator]
    assert bootstrap._corrected(3.0, 0.0, 0.5) == 1.0
    assert bootstrap._corrected(-3.0, 0.0, -0.5) == 0.0
