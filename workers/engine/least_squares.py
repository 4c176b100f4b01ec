"""Least squares on many designs at once, and the moments of random projections that their risks are made of."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


def least_squares(designs: "Floats", answers: "Floats") -> "Floats":
    """Return the coefficients (k, d, m) of least squared error, of least norm among them.

    `designs` (k, n, d) have full rank, `answers` are (k, n, m). By QR, whose error grows with the condition number
    of a design and not with its square.
    """
    samples, inputs = designs.shape[1:]
    if samples >= inputs:
        q, r = np.linalg.qr(designs)
        return np.asarray(np.linalg.solve(r, np.swapaxes(q, 1, 2) @ answers))
    q, r = np.linalg.qr(np.swapaxes(designs, 1, 2))
    return np.asarray(q @ np.linalg.solve(np.swapaxes(r, 1, 2), answers))


def noise_variance(samples: int, inputs: int) -> float:
    """Return the variance of each coefficient per variance of the noise, for standard normal designs.

    1 / (n - d - 1) for n > d + 1 and n / (d (d - n - 1)) for n < d - 1 (inverse Wishart); between them it is infinite.
    """
    if samples >= inputs:
        return 1 / (samples - inputs - 1)
    return samples / (inputs * (inputs - samples - 1))


def projection_moments(rank: int, inputs: int) -> tuple[float, float]:
    """Return E[p**2] and E[p q] of the first two diagonal entries of a random projection of this rank in R^d.

    u^T P u is Beta(n/2, (d - n)/2) for a unit vector u, and the entries of the diagonal sum to n.
    """
    square = rank * (rank + 2) / (inputs * (inputs + 2))
    mixed = (rank**2 / inputs - square) / (inputs - 1) if inputs > 1 else 0.0
    return square, mixed
