"""Linear regressions with more weights than samples: gradient descent, and risks in closed form."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

STEPS_BETWEEN_NOTES = 50


def descend(
    inputs: Floats, answers: Floats, start: Floats, *, steps: int, tolerance: float, note: Callable[[], None]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the weights (k, d) of gradient descent of the squared error, and whether each run arrived.

    The problems are inputs (k, n, d) and answers (k, n); the rate is 1 over the largest curvature of each. A run
    has arrived when its gradient is `tolerance` times the one at zero weights. `note` is called now and then.
    """
    weights = start.copy()
    rates = 1 / np.linalg.norm(inputs, ord=2, axis=(1, 2)) ** 2
    first = np.linalg.norm(np.einsum("knd,kn->kd", inputs, answers), axis=1)
    arrived = np.zeros(len(start), dtype=bool)
    for step in range(steps):
        if step % STEPS_BETWEEN_NOTES == 0:
            note()
        errors = (inputs @ weights[:, :, None])[:, :, 0] - answers
        gradients = (errors[:, None, :] @ inputs)[:, 0]
        arrived = np.linalg.norm(gradients, axis=1) <= tolerance * first
        if arrived.all():
            break
        weights = weights - rates[:, None] * gradients
    return weights, arrived


def expected_risk(samples: int, inputs: int, signal: float, noise: float) -> float:
    """Return the expected squared error of the weights of least norm, for standard normal inputs.

    Of n samples and d weights, exactly (Belkin, Hsu and Xu 2020, arXiv:1903.07571, theorem 1, for all weights used):
    noise**2 d / (n - d - 1) below n - 1 weights, signal**2 (1 - n/d) + noise**2 n / (d - n - 1) above n + 1;
    between them it is infinite.
    """
    if inputs < samples - 1:
        return noise**2 * inputs / (samples - inputs - 1)
    if inputs > samples + 1:
        return signal**2 * (1 - samples / inputs) + noise**2 * samples / (inputs - samples - 1)
    return math.inf if noise > 0 else max(0.0, signal**2 * (1 - samples / inputs))


def limiting_risk(aspect: float, signal: float, noise: float) -> float:
    """Return the limit of the risk as samples and weights grow at the ratio `aspect` of weights to samples.

    Source: Hastie, Montanari, Rosset and Tibshirani 2022, arXiv:1903.08560, theorem 1.
    """
    if aspect < 1:
        return noise**2 * aspect / (1 - aspect)
    if aspect > 1:
        return signal**2 * (1 - 1 / aspect) + noise**2 / (aspect - 1)
    return math.inf if noise > 0 else 0.0


def ridge_weights(inputs: Floats, answers: Floats, penalty: float) -> Floats:
    """Return the weights (k, d) of least squared error plus `penalty` times their squared length.

    X^T (X X^T + penalty)^-1 y, for inputs X (k, n, d) with fewer samples than weights and answers y (k, n).
    """
    gram = inputs @ np.swapaxes(inputs, 1, 2) + penalty * np.eye(inputs.shape[1])
    return np.asarray((np.linalg.solve(gram, answers[:, :, None])[:, :, 0][:, None, :] @ inputs)[:, 0])
