"""The noncentral t distribution, also where scipy's gives NaN."""

import math

from scipy.special import nctdtr


def noncentral_t(degrees_of_freedom: int, noncentrality: float, t: float) -> float:
    """Return P(T <= t) for T = (Z + noncentrality) / s.

    Where scipy's function is NaN the probability is 0 or 1 to 1e-10, and the distance of t from the
    noncentrality says which.
    """
    found = float(nctdtr(degrees_of_freedom, noncentrality, t))
    return (1.0 if t > noncentrality else 0.0) if math.isnan(found) else found
