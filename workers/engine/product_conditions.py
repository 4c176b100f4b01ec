"""What a hidden layer must meet to have the Taylor series of a product, solved by least squares.

Source: Lin, Tegmark and Rolnick 2017, arXiv:1608.08225, section 3; Rolnick and Tegmark 2018, arXiv:1705.05502,
theorem 4.1: the sum of c_j s(w_j x) over units j has the terms of x1 x2 ... xn up to degree n, if s has all its
Taylor coefficients, exactly when the sum of c_j (product over h of w_jh**r_h) is 1 for r = (1, ..., 1) and 0 for
every other r of total degree at most n.
"""

import math
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

PRECISION = 1e-15  # of scipy's three stopping rules, the smallest that it takes
STEPS = 500  # evaluations of one search
RANK_TOLERANCE = 1e-6  # singular values below this part of the largest are none


def conditions(factors: int, *, same_parity: bool) -> Integers:
    """Return the exponents r (conditions, n), those of x1 x2 ... xn last; optionally only degrees of its parity."""
    found = [
        powers
        for powers in product(range(factors + 1), repeat=factors)
        if sum(powers) <= factors and not (same_parity and (factors - sum(powers)) % 2)
    ]
    found.sort(key=lambda powers: (max(powers) <= 1 and sum(powers) == factors, sum(powers)))
    return np.array(found, dtype=np.int64)


def best_fit(exponents: Integers, start: Floats, *, bound: float) -> Floats:
    """Return the units (m, 1 + n), each c_j and w_j, that meet the conditions best near `start`.

    No number is larger than `bound`.
    """
    shape = start.shape

    def residuals(flat: Floats) -> Floats:
        return unmet(exponents, flat.reshape(shape))

    def jacobian(flat: Floats) -> Floats:
        return _derivatives(exponents, flat.reshape(shape))

    found = least_squares(
        residuals,
        np.clip(start, -0.99 * bound, 0.99 * bound).ravel(),
        jac=jacobian,
        bounds=(-bound, bound),
        xtol=PRECISION,
        ftol=PRECISION,
        gtol=PRECISION,
        max_nfev=STEPS,
    )
    return np.asarray(found.x.reshape(shape))


def unmet(exponents: Integers, units: Floats) -> Floats:
    """Return by how much each condition is missed (conditions,)."""
    sums = _monomials(exponents, units[:, 1:]) @ units[:, 0]
    sums[-1] -= 1
    return np.asarray(sums)


def subset_rank(units: Floats) -> int:
    """Return the rank of the products of w_jh over the subsets of inputs h: of a matrix (2**n, m)."""
    subsets = np.array(list(product((0, 1), repeat=units.shape[1] - 1)))
    singular = np.linalg.svd(_monomials(subsets, units[:, 1:]), compute_uv=False)
    return int(np.sum(singular > RANK_TOLERANCE * singular[0]))


def _monomials(exponents: Integers, weights: Floats) -> Floats:
    """Return the products of powers (conditions, m)."""
    return np.asarray(np.prod(weights[None, :, :] ** exponents[:, None, :], axis=2))


def _derivatives(exponents: Integers, units: Floats) -> Floats:
    """Return the derivatives of the conditions by all numbers of the units, (conditions, m (1 + n))."""
    factors = units.shape[1] - 1
    found = np.empty((len(exponents), *units.shape))
    found[:, :, 0] = _monomials(exponents, units[:, 1:])
    for h in range(factors):
        lowered = exponents.copy()
        lowered[:, h] = np.maximum(lowered[:, h] - 1, 0)
        found[:, :, 1 + h] = exponents[:, h, None] * units[:, 0] * _monomials(lowered, units[:, 1:])
    return found.reshape(len(exponents), -1)


def normal_start(drawn: Floats) -> Floats:
    """Return a start whose conditions have size 1, from standard normal numbers (m, 1 + n)."""
    start = drawn.copy()
    start[:, 0] /= math.sqrt(len(drawn))
    return start
