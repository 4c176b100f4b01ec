"""Matrices that commute with cyclic shifts."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


def shift_matrix(size: int, step: int) -> "Floats":
    """Return the matrix (n, n) that moves the entry at i to i + step, modulo n."""
    return np.roll(np.eye(size), step, axis=0)


def commutator_singular_values(shift: "Floats") -> "Floats":
    """Return the singular values of W to P W - W P, descending: (n**2,); the commutant of P is its kernel."""
    identity = np.eye(len(shift))
    # Row by row, P W is (P x I) vec(W) and W P is (I x P^T) vec(W).
    return np.linalg.svd(np.kron(shift, identity) - np.kron(identity, shift.T), compute_uv=False)


def group_average(matrices: "Floats", step: int = 1) -> "Floats":
    """Return matrices (..., n, n) averaged over the group of a shift: mean of P^k W P^-k over all its powers."""
    size = matrices.shape[-1]
    order = size // np.gcd(size, step)
    moved = (np.roll(matrices, (k * step, k * step), axis=(-2, -1)) for k in range(int(order)))
    return np.asarray(sum(moved, np.zeros_like(matrices)) / order)


def nearest_circulant(matrices: "Floats") -> "Floats":
    """Return the circulant matrices (..., n, n) nearest to given ones: the mean of each wrapped diagonal."""
    size = matrices.shape[-1]
    row = np.arange(size)
    diagonals = np.stack([matrices[..., (row + lag) % size, row].mean(axis=-1) for lag in row], axis=-1)
    return np.asarray(diagonals[..., (row[:, None] - row) % size])


def circular_convolution(kernel: "Floats", signals: "Floats") -> "Floats":
    """Return the circular convolution of signals (..., n) with a kernel (n,), by the Fourier transform."""
    size = len(kernel)
    return np.asarray(np.fft.irfft(np.fft.rfft(kernel) * np.fft.rfft(signals), n=size))
