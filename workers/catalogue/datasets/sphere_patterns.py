"""Patterns of twelve points on a sphere, in two classes that no rotation changes."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from workers.catalogue.kinds import datasets
from workers.catalogue.tables import TableDataset, one_hot
from workers.catalogue.values import Samples, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AXES = 6  # of an icosahedron through opposite vertices


@datasets.register(
    "sphere-patterns",
    source="after Shwartz-Ziv and Tishby 2017, arXiv:1703.00810, section 3.1, whose rule is not published in full",
)
@dataclass(frozen=True, kw_only=True)
class SpherePatterns(TableDataset):
    """All 4,096 ways to mark vertices of an icosahedron, as 12 inputs of 0 or 1, in two classes of nearly one size.

    The first input is a pole, the next five the ring around it, the last six the vertices opposite to these in the
    same order. The class is 1 where the sum of the marked vertices, vectors of length 1, is longer than in most other
    patterns: a quadratic rule that neither rotations of the icosahedron nor exchanging marked and unmarked change.
    Every pattern is there once, so all rows together have an entropy of 12 bits.
    """

    task = Task.CLASSIFICATION
    rows, columns, outputs = 4**AXES, 2 * AXES, 2
    shared_unit = True

    def read(self) -> Samples:
        """Return all patterns in binary order, the first input as the highest digit."""
        return _table()


@cache
def _table() -> Samples:
    import numpy as np

    patterns = (np.arange(4**AXES)[:, None] >> np.arange(2 * AXES)[::-1]) & 1
    along = patterns[:, :AXES] - patterns[:, AXES:]  # opposite vertices cancel
    # Vertices have cosines of 1 and +-1/sqrt(5). In whole numbers first: equal lengths must not differ by rounding.
    fifths = np.einsum("ni,ij,nj->n", along, _signs(), along)
    squares = np.square(along).sum(axis=1) + fifths / np.sqrt(5)
    labels = (squares > np.median(squares)).astype(np.int64)
    return Samples(inputs=patterns.astype(np.float64), outputs=one_hot(labels, 2))


def _signs() -> "NDArray[np.int64]":
    """Return the signs of the cosines between six vertices (6, 6), a pole and its ring; 0 on the diagonal."""
    import numpy as np

    place = np.arange(AXES - 1)
    ring = np.where(np.isin((place[:, None] - place) % 5, (1, 4)), 1, -1) * (1 - np.eye(AXES - 1, dtype=np.int64))
    return np.block(
        [[np.zeros((1, 1), dtype=np.int64), np.ones((1, 5), dtype=np.int64)], [np.ones((5, 1), dtype=np.int64), ring]]
    )
