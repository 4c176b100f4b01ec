"""Summaries of replicates: intervals that cover as often as they say."""

import numpy as np
import pytest
from scipy.stats import t

from workers.engine.replicates import mean_metrics, share_metrics, variance_metrics


def test_a_mean_has_the_interval_of_student() -> None:
    """By scipy. Mutations: a normal quantile; ddof=0."""
    values = np.array([1.0, 2.0, 4.0, 4.5])
    low, high = t.interval(0.95, 3, loc=values.mean(), scale=values.std(ddof=1) / 2)
    found = mean_metrics("gain", values)
    assert found == pytest.approx({"gain": values.mean(), "gain_low": low, "gain_high": high}, rel=1e-12)


def test_a_share_has_the_interval_of_wilson() -> None:
    """15 of 100: 0.0931 to 0.2328, by hand. Mutation: successes and trials exchanged."""
    found = share_metrics("rate", 15, 100)
    assert found == pytest.approx({"rate": 0.15, "rate_low": 0.0931, "rate_high": 0.2328}, abs=5e-5)


@pytest.mark.parametrize("law", ["normal", "exponential", "uniform"])
def test_the_interval_of_a_variance_covers_it_whatever_the_law(law: str) -> None:
    """Of 2000 intervals at 400 values 95 %, less a little for a skewed law. Mutation: the normal law's 2 s**4 / n."""
    generator = np.random.default_rng(0)
    truth = {"normal": 1.0, "exponential": 1.0, "uniform": 1 / 12}[law]
    values = getattr(
        generator, {"normal": "standard_normal", "exponential": "standard_exponential", "uniform": "random"}[law]
    )((2000, 400))
    found = [variance_metrics("v", row) for row in values]
    covered = np.mean([each["v_low"] <= truth <= each["v_high"] for each in found])
    assert np.mean([each["v"] for each in found]) == pytest.approx(truth, rel=0.02)
    assert 0.90 < covered < 0.97
