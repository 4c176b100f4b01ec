"""Eigenvalues of a symmetric matrix that is known by its products with vectors.

Block Lanczos with full reorthogonalisation: Golub and Underwood 1977, in Rice, Mathematical software III.
Stochastic Lanczos quadrature: Ubaru, Chen and Saad 2017, doi:10.1137/16M1104974.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.engine.philox import Stream

Floats: TypeAlias = npt.NDArray[np.float64]
Product: TypeAlias = Callable[[Floats], Floats]  # (p, b) to (p, b): the matrix times b vectors

EPSILON = float(np.finfo(np.float64).eps)
CHECK_AGAIN = 1.1  # growth of the space between two looks: their cost, cubic, then stays a multiple of the last one's


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """Eigenvalues at both ends, the outermost first, with ||H v - value v|| of their unit vectors v.

    Each value is within its residual of an eigenvalue of H (Parlett 1998, theorem 4.5.1).
    """

    largest: Floats  # (k,) descending
    largest_residuals: Floats  # (k,)
    smallest: Floats  # (k,) ascending
    smallest_residuals: Floats  # (k,)
    values: Floats  # (j,) of both ends, each once
    vectors: Floats  # (p, j), orthonormal


@dataclass(frozen=True, kw_only=True)
class _Subspace:
    """An orthonormal basis, the matrix on it, and what the matrix makes of its last vectors outside of it."""

    basis: Floats  # (p, k)
    projected: Floats  # (k, k)
    outside: Floats  # (p, b)

    def pairs(self) -> tuple[Floats, Floats, Floats]:
        """Return Ritz values ascending (k,), their coordinates in the basis (k, k) and residual norms (k,)."""
        values, coordinates = np.linalg.eigh(self.projected)
        # H Q s - value Q s is outside of the basis, and only the last vectors of Q lead there.
        residuals = np.linalg.norm(self.outside @ coordinates[-self.outside.shape[1] :], axis=0)
        return values, coordinates, residuals


def extreme_eigenvalues(
    product: Product, size: int, count: int, budget: int, tolerance: float, stream: Stream
) -> Extremes:
    """Return the `count` largest and smallest eigenvalues of a symmetric matrix H (size, size), with multiplicity.

    The block has `count` vectors, so that an eigenvalue of that multiplicity shows all its copies. It stops
    when all residuals are below `tolerance` times the largest |eigenvalue|, or at `budget` products with one
    vector (2 count more measure the residuals). Raise FloatingPointError where a product is not finite.
    """
    count = min(count, size)
    # whole blocks: a part of one would leave out directions that the residuals need
    limit = size if budget >= size else max(count, budget // count * count)
    due = 2 * count
    for space in _growing(product, stream.child("start").normals((size, count)), limit, stream):
        reached = space.basis.shape[1]
        if reached < min(due, limit):
            continue
        due = CHECK_AGAIN * reached
        values, coordinates, residuals = space.pairs()
        outer = np.concatenate([residuals[:count], residuals[-count:]])
        if reached >= 2 * count and (outer <= tolerance * np.abs(values).max()).all():
            break
    ends = np.unique(np.r_[:count, len(values) - count : len(values)])
    vectors, values = space.basis @ coordinates[:, ends], values[ends]
    residuals = np.linalg.norm(product(vectors) - vectors * values, axis=0)
    return Extremes(
        largest=values[::-1][:count],
        largest_residuals=residuals[::-1][:count],
        smallest=values[:count],
        smallest_residuals=residuals[:count],
        values=values,
        vectors=vectors,
    )


def quadrature(product: Product, start: Floats, steps: int, stream: Stream) -> tuple[Floats, Floats]:
    """Return nodes and weights (k,) of the Gauss rule with sum w f(node) = s^T f(H) s for the unit vector s.

    `start` (p,) is a multiple of s; k is `steps`, or p where that is less. The rule is exact for polynomials f
    of degree below 2 k.
    """
    for space in _growing(product, start[:, None], min(steps, len(start)), stream):
        last = space
    nodes, coordinates, _ = last.pairs()
    return nodes, coordinates[0] ** 2


def _growing(product: Product, start: Floats, limit: int, stream: Stream) -> Iterator[_Subspace]:
    """Yield the Krylov spaces of growing dimension, the last one of dimension `limit`.

    The matrix on the space consists of inner products, not of the three-term recurrence: a vector that
    rounding, or a random one after a breakdown, put into the basis makes it no less exact.
    """
    size = len(start)
    basis, projected = np.empty((size, limit), order="F"), np.zeros((limit, limit))
    spare = (stream.child("restart").normals(size, step=step) for step in itertools.count())
    filled, norm, candidates = 0, 0.0, start
    while filled < limit:
        first = filled
        for column in candidates.T[: limit - first]:
            # below this the direction is rounding, and a random one serves as well
            vector = _orthogonal(column, basis[:, :filled], floor=size * EPSILON * norm)
            while vector is None:
                vector = _orthogonal(next(spare), basis[:, :filled], floor=0.0)
            basis[:, filled] = vector
            filled += 1
        image = product(basis[:, first:filled])
        if not np.isfinite(image).all():
            raise FloatingPointError("a product with the matrix is not finite")
        norm = max(norm, float(np.linalg.norm(image, axis=0).max()))
        inside = basis[:, :filled].T @ image
        candidates = image - basis[:, :filled] @ inside
        projected[:filled, first:filled] = inside
        projected[first:filled, :filled] = inside.T
        yield _Subspace(basis=basis[:, :filled], projected=projected[:filled, :filled], outside=candidates)


def _orthogonal(column: Floats, basis: Floats, floor: float) -> Floats | None:
    """Return the unit vector along the part of `column` outside of the basis; None for a part of `floor` or less.

    Two passes of Gram-Schmidt are enough (Giraud et al. 2005, doi:10.1007/s00211-005-0615-4); a third one after
    normalising covers a column that was inside of the space but for rounding.
    """
    vector = column.copy()
    for _ in range(3):
        vector -= basis @ (basis.T @ vector)
        length = float(np.linalg.norm(vector))
        if length <= floor:
            return None
        vector, floor = vector / length, 0.5  # of a unit vector: when less is left, it was rounding
    return vector
