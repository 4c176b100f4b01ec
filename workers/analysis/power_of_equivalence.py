"""The power of two one-sided t tests, by integration over the law of the standard deviation."""

import math

import numpy as np
from scipy.special import gammainccinv, gammaincinv, gammaln, ndtr, stdtrit

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
LEFT_OUT = 1e-13  # of probability, at either end of the law of s


def power_of_equivalence(n: int, margin: float, difference: float, alpha: float) -> float:
    """Return the probability that n normal values of sd 1 and this mean are found to have |mean| < margin.

    Given their standard deviation s, the mean must lie within margin - t s / sqrt(n) of 0; s and the mean
    are independent, and (n - 1) s^2 follows chi-square with n - 1 degrees of freedom.
    """
    m, root = n - 1, math.sqrt(n)
    quantile = float(stdtrit(m, 1 - alpha))
    low = math.sqrt(2 * float(gammaincinv(m / 2, LEFT_OUT)) / m)
    high = min(math.sqrt(2 * float(gammainccinv(m / 2, LEFT_OUT)) / m), margin * root / quantile)
    if high <= low:
        return 0.0
    s = low + (high - low) * (NODES + 1) / 2
    reach = margin - quantile * s / root
    found = ndtr(root * (reach - difference)) - ndtr(root * (-reach - difference))
    log_density = math.log(2) + m / 2 * math.log(m / 2) - float(gammaln(m / 2)) + (m - 1) * np.log(s) - m * s * s / 2
    return float(np.sum(WEIGHTS * found * np.exp(log_density)) * (high - low) / 2)
