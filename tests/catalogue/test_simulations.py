"""Simulations whose answers are known in closed form."""

import math

import numpy as np
import pytest

from workers.analysis.intervals import wilson
from workers.catalogue.kinds import simulations
from workers.catalogue.simulations.goe_eigenvalues import _goe

SAMPLES = 20_000


@pytest.mark.parametrize(
    ("n", "probability"),
    [(1, 1 / 2), (2, (2 - math.sqrt(2)) / 4), (3, (math.pi - 2 * math.sqrt(2)) / (4 * math.pi))],
)
def test_the_probability_of_a_minimum_is_the_known_one(n: int, probability: float) -> None:
    """20,000 matrices, 4 sigma. Mutation: variance 1 on the diagonal too."""
    reading = simulations.get("goe-eigenvalues")(n=n, samples=SAMPLES).run(0, lambda completed, total: None)
    sigma = math.sqrt(probability * (1 - probability) / SAMPLES)
    assert reading.metrics["probability_positive_definite"] == pytest.approx(probability, abs=4 * sigma)
    assert reading.metrics["negative_fraction"] == pytest.approx(0.5, abs=0.02)
    assert reading.arrays["smallest_eigenvalues"].shape == (SAMPLES,)


def test_the_entries_have_the_variances_of_the_ensemble() -> None:
    """1/n beside the diagonal, 2/n on it; symmetric. Mutation: divide by 2 instead of sqrt(2 n)."""
    matrices = _goe(np.random.default_rng(0).standard_normal((20_000, 3, 3)))
    assert np.array_equal(matrices, np.swapaxes(matrices, 1, 2))
    assert matrices[:, 0, 1].var() == pytest.approx(1 / 3, rel=0.05)
    assert matrices[:, 0, 0].var() == pytest.approx(2 / 3, rel=0.05)


def test_the_smallest_eigenvalue_of_a_large_matrix_nears_the_edge_of_the_semicircle() -> None:
    """-2 + 1.2065 n**(-2/3) for n = 200 (Tracy and Widom, beta = 1): -1.965. Mutation: no division by sqrt(n)."""
    reading = simulations.get("goe-eigenvalues")(n=200, samples=50).run(0, lambda completed, total: None)
    assert reading.metrics["smallest_eigenvalue_mean"] == pytest.approx(-2 + 1.2065 * 200 ** (-2 / 3), abs=0.02)


def test_more_samples_begin_with_the_fewer_ones_and_progress_counts_them() -> None:
    """Blocks of 32 for n = 256. Mutation: a step that depends on the number of samples."""
    notes: list[tuple[int, int]] = []
    few, more = (
        simulations.get("goe-eigenvalues")(n=256, samples=samples).run(0, lambda *note: notes.append(note))
        for samples in (10, 40)
    )
    assert np.array_equal(more.arrays["smallest_eigenvalues"][:10], few.arrays["smallest_eigenvalues"])
    assert notes == [(10, 10), (32, 40), (40, 40)]


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Brown, Cai and DasGupta 2001 give the formula; values computed by hand with z = 1.95996.
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (15, 100, 0.0931, 0.2328)],
)
def test_the_wilson_interval_is_that_of_the_table(successes: int, trials: int, low: float, high: float) -> None:
    """Mutation: the plain normal interval, which is empty at 0."""
    interval = wilson(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
