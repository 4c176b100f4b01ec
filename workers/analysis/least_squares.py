"""Least squares with sums that are rounded once, so the order of the rows changes no bit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A column of which orthogonalisation leaves less than this part is a combination of the columns before it.
DEPENDENT = 1e-10


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Coefficients (p,), the inverse of X'X (p, p) and the residuals (n,); else the column that depends on others."""

    coefficients: Floats
    inverse: Floats
    residuals: Floats
    dependent: int | None = None


def solve(columns: Sequence[Floats], y: Floats) -> Solution:
    """Return the least-squares solution of sum_j b_j columns[j] = y, all of shape (n,), finite and near 1 in size.

    Modified Gram-Schmidt with y as the last column, as stable as Householder's QR (Björck 1967). LAPACK would
    do, but its bits depend on the processor, on the number of threads and on the order of the rows.
    """
    p = len(columns)
    units: list[Floats] = []
    R, c = np.eye(p), np.zeros(p)
    for j, column in enumerate(columns):
        rest = column
        for k, unit in enumerate(units):
            R[k, j] = dot(unit, rest)
            rest = rest - R[k, j] * unit
        R[j, j] = math.sqrt(dot(rest, rest))
        if R[j, j] <= DEPENDENT * math.sqrt(dot(column, column)):
            return Solution(coefficients=c, inverse=R, residuals=y, dependent=j)
        units.append(rest / R[j, j])
    residuals = y
    for j, unit in enumerate(units):
        c[j] = dot(unit, residuals)
        residuals = residuals - c[j] * unit
    inverse = _inverted(R)
    return Solution(
        coefficients=np.array([dot(row, c) for row in inverse]),
        inverse=np.array([[dot(left, right) for right in inverse] for left in inverse]),
        residuals=residuals,
    )


def dot(left: Floats, right: Floats) -> float:
    """Return the inner product: products in float64, their sum rounded once."""
    return math.fsum((left * right).tolist())


def _inverted(R: Floats) -> Floats:
    """Return the inverse of an upper triangular matrix (p, p) by back substitution."""
    p = len(R)
    inverse = np.zeros((p, p))
    for column in range(p):
        for row in range(column, -1, -1):
            rest = (1.0 if row == column else 0.0) - dot(R[row, row + 1 :], inverse[row + 1 :, column])
            inverse[row, column] = rest / R[row, row]
    return inverse
