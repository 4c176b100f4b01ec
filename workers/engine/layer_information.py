"""Estimates of the information between the inputs of a network and the units of a layer, in bits."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

    Entropy = Callable[[Floats], float]

ROWS = 512  # of the distances between units at a time: 16 MB for 4096 inputs


def information(units: "Floats", labels: NDArray[np.int64], entropy: "Entropy") -> tuple[float, float]:
    """Return I(X;T) and I(T;Y) of units (n, width) and labels (n,), each of the n inputs being equally likely.

    `entropy` is that of units in bits, of a noise on them taken off: then I(X;T) = H(T) and I(T;Y) = H(T) - H(T|Y).
    """
    whole = entropy(units)
    given = sum(float(np.mean(labels == label)) * entropy(units[labels == label]) for label in np.unique(labels))
    return whole, whole - given


def entropy_of_bins(bins: NDArray[np.float64]) -> float:
    """Return the entropy, in bits, of the rows (n, width): of the frequencies with which they occur."""
    counts = np.unique(np.ascontiguousarray(bins), axis=0, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares @ np.log2(shares))) + 0.0  # no -0.0 for rows that are all alike


def equal_bins(units: "Floats", width: float) -> "Floats":
    """Return the numbers of the bins of one width, with a border at 0, into which the units fall."""
    return np.floor(units / width)


def bins_of_range(units: "Floats", count: int) -> "Floats":
    """Return the numbers, 0 to count - 1, of equal bins between the smallest and the largest of all the units."""
    low, high = float(units.min()), float(units.max())
    if high == low:
        return np.zeros_like(units)
    return np.minimum(np.floor((units - low) / (high - low) * count), count - 1)


def noisy_entropy(units: "Floats", noise_sd: float) -> float:
    """Return an upper bound on the entropy of units plus normal noise, less that of the noise, in bits.

    The mixture's entropy by the pairwise Kullback-Leibler divergences of its components, -mean log2 mean
    exp(-|t_i - t_j|**2 / (2 sd**2)) (Kolchinsky and Tracey 2017, eq. 10); exact where units coincide or lie far apart.
    """
    # As |a|**2 + |b|**2 - 2 a b around the mean: differences of all pairs would take width times the memory.
    scaled = (units - units.mean(axis=0)) / noise_sd
    squares = np.square(scaled).sum(axis=1)
    total = 0.0
    for start in range(0, len(units), ROWS):
        part = slice(start, start + ROWS)
        distances = np.maximum(squares[part, None] + squares - 2 * scaled[part] @ scaled.T, 0.0)
        total -= float(np.log2(np.exp(-distances / 2).mean(axis=1)).sum())
    return min(max(total / len(units), 0.0), math.log2(len(units)))
