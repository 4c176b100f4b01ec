"""The noncentral t distribution where scipy's function is NaN, and where it is not."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from scipy.special import nctdtr, ndtr

from workers.analysis.noncentral_t import noncentral_t


@pytest.mark.parametrize(
    ("degrees", "delta", "t"), [(1, 0.5, 12.7), (4, -3.0, 1.0), (9, 30.0, 35.0), (500, 20.0, 18.0)]
)
def test_it_is_the_integral_over_the_law_of_s(degrees: int, delta: float, t: float) -> None:
    """Catches noncentrality and t in each other's place, and the upper tail."""

    def inside(s: float) -> float:
        return float(ndtr(t * s - delta) * scipy.stats.chi.pdf(s * math.sqrt(degrees), degrees) * math.sqrt(degrees))

    expected, _ = scipy.integrate.quad(inside, 0, 8, points=[delta / t, 1.0], limit=400, epsabs=1e-12)
    assert noncentral_t(degrees, delta, t) == pytest.approx(expected, abs=1e-10)


def test_where_scipy_gives_no_number_the_probability_is_zero_or_one() -> None:
    """Catches NaN read as a power that suffices, and 0 in place of 1; the integral over the law of s says which."""
    generator = np.random.default_rng(1)
    n = 100_000
    degrees = np.floor(10 ** generator.uniform(0, 5, n))
    t, delta = (generator.choice([-1, 1], n) * 10 ** generator.uniform(-3, 3, n) for _ in range(2))
    odd = np.flatnonzero(np.isnan(nctdtr(degrees, delta, t)))
    assert len(odd) > 100
    nodes, weights = np.polynomial.legendre.leggauss(400)
    for m, d, at in zip(degrees[odd], delta[odd], t[odd], strict=True):
        low, high = np.sqrt(scipy.stats.chi2.ppf([1e-14, 1 - 1e-14], m) / m)
        s = low + (high - low) * (nodes + 1) / 2
        density = scipy.stats.chi.pdf(s * math.sqrt(m), m) * math.sqrt(m) * (high - low) / 2
        expected = float(np.sum(weights * density * ndtr(at * s - d)))
        assert noncentral_t(int(m), d, at) == pytest.approx(expected, abs=1e-9)  # the nodes err by 1e-10
