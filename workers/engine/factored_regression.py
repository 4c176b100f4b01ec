"""Gradient descent of linear regressions whose weight vector is a product of factors, at many rates at once.

A vector u (d,) and N - 1 numbers s give the weights w = u s_1 ... s_(N-1): a deep linear network of width 1. Source:
Arora, Cohen and Hazan 2018, arXiv:1802.06509, section 3 and theorem 1.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

DIVERGED = 1e3  # times the first loss: a run that comes so far stands still


@dataclass(frozen=True, kw_only=True)
class Regressions:
    """Problems with inputs (k, n, d) and answers (k, n); the loss is the mean of |error|**p / p."""

    inputs: Floats
    answers: Floats
    p: float

    def errors(self, weights: Floats) -> Floats:
        """Return the errors (k, r, n) of weights (k, r, d)."""
        return np.asarray(weights @ np.swapaxes(self.inputs, 1, 2) - self.answers[:, None, :])

    def losses(self, errors: Floats) -> Floats:
        """Return the losses (k, r)."""
        return np.asarray(np.mean(np.abs(errors) ** self.p, axis=2) / self.p)

    def gradients(self, errors: Floats) -> Floats:
        """Return the derivatives of the losses by the weights (k, r, d)."""
        slopes = np.sign(errors) * np.abs(errors) ** (self.p - 1)
        return np.asarray(slopes @ self.inputs / self.inputs.shape[1])


class Path(Protocol):
    """Weights (k, r, d) on their way down."""

    weights: Floats

    def move(self, gradients: Floats, rates: Floats) -> None:
        """Take a step, given the gradients by the weights (k, r, d) and the rates (k, r, 1)."""


class Factors:
    """Descent of every factor by itself; they start balanced, each with the N-th root of the length of w."""

    def __init__(self, weights: Floats, layers: int) -> None:
        root = np.linalg.norm(weights, axis=2, keepdims=True) ** (1 / layers)
        self.weights, self._vector = weights, weights / root ** (layers - 1)
        self._numbers = np.repeat(root, layers - 1, axis=2)

    def move(self, gradients: Floats, rates: Floats) -> None:
        """Take a step."""
        along = np.sum(self._vector * gradients, axis=2)
        of_numbers = np.empty_like(self._numbers)
        for j in range(self._numbers.shape[2]):
            of_numbers[:, :, j] = along * np.delete(self._numbers, j, axis=2).prod(axis=2)
        self._vector = self._vector - rates * self._numbers.prod(axis=2, keepdims=True) * gradients
        self._numbers = self._numbers - rates * of_numbers
        self.weights = self._vector * self._numbers.prod(axis=2, keepdims=True)


class EndToEnd:
    """The rule that the product follows as the rate goes to 0 (theorem 1 for one output, without weight decay)."""

    def __init__(self, weights: Floats, layers: int) -> None:
        self.weights, self._layers = weights, layers

    def move(self, gradients: Floats, rates: Floats) -> None:
        """Take a step: w -= rate |w|**(2 - 2/N) (g + (N - 1) P g), P the projection onto w."""
        w, layers = self.weights, self._layers
        squares = np.sum(w * w, axis=2, keepdims=True)
        projected = w * (np.sum(w * gradients, axis=2, keepdims=True) / squares)
        self.weights = w - rates * squares ** (1 - 1 / layers) * (gradients + (layers - 1) * projected)


def steps_to(problems: Regressions, path: Path, rates: Floats, *, ratio: float, steps: int) -> Floats:
    """Return after how many steps each rate (r,) first has its loss at `ratio` of the first one: (k, r).

    Infinite where it has not, also where another rate of the same problem was the first and ended the search.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of rates that are too large
        return _steps_to(problems, path, rates, ratio, steps)


def _steps_to(problems: Regressions, path: Path, rates: Floats, ratio: float, steps: int) -> Floats:
    reached = np.full(path.weights.shape[:2], np.inf)
    first = problems.losses(problems.errors(path.weights))
    for step in range(steps + 1):
        errors = problems.errors(path.weights)
        losses = problems.losses(errors)
        reached[(losses <= ratio * first) & np.isinf(reached)] = step
        if step == steps or np.isfinite(reached).any(axis=1).all():
            break
        moving = np.where(losses < DIVERGED * first, rates, 0.0)
        path.move(problems.gradients(errors), moving[:, :, None])
    best = reached.min(axis=1, keepdims=True)
    return np.where(reached == best, reached, np.inf)
