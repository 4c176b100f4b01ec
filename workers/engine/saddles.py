"""Functions with a saddle point at the origin: their gradients and Newton steps."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


class Saddle(Protocol):
    """A function of points (k, d) whose saddle is the origin; descent leaves it along `unstable` coordinates."""

    @property
    def unstable(self) -> slice:
        """Return which coordinates lead away."""

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""

    def newton_step(self, x: Floats) -> Floats:
        """Return the inverse Hessian times the gradient, (k, d)."""


@dataclass(frozen=True, kw_only=True)
class StrictSaddle:
    """Sum of x**2 / 2 over the first coordinates and of y**4 / 4 - curvature y**2 / 2 over the last `directions`.

    The Hessian at the origin has the eigenvalues 1 and -curvature; the minima lie at y = +-sqrt(curvature).
    """

    directions: int
    curvature: float

    @property
    def unstable(self) -> slice:
        """Return the last coordinates."""
        return slice(-self.directions, None)

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""
        result = x.copy()
        y = x[:, self.unstable]
        result[:, self.unstable] = (y * y - self.curvature) * y  # a power takes ten times as long
        return result

    def newton_step(self, x: Floats) -> Floats:
        """Return the steps (k, d): the Hessian is diagonal."""
        result = x.copy()
        y = x[:, self.unstable]
        result[:, self.unstable] = (y * y - self.curvature) * y / (3 * y * y - self.curvature)
        return result


@dataclass(frozen=True, kw_only=True)
class MonkeySaddle:
    """x**3 / 3 - x y**2 of the last two coordinates and x**2 / 2 of the others; no curvature at the origin."""

    unstable = slice(-2, None)

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""
        result = x.copy()
        first, second = x[:, -2], x[:, -1]
        result[:, -2], result[:, -1] = first**2 - second**2, -2 * first * second
        return result

    def newton_step(self, x: Floats) -> Floats:
        """Return the steps (k, d): half of the way, since the function has degree 3."""
        result = x.copy()
        result[:, self.unstable] /= 2
        return result


@dataclass(frozen=True, kw_only=True)
class Inflection:
    """x**3 / 3 of the last coordinate and x**2 / 2 of the others; no curvature along it at the origin."""

    unstable = slice(-1, None)

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""
        result = x.copy()
        result[:, self.unstable] **= 2
        return result

    def newton_step(self, x: Floats) -> Floats:
        """Return the steps (k, d): half of the way, since the function has degree 3."""
        result = x.copy()
        result[:, self.unstable] /= 2
        return result


def follow(
    start: Floats, saddle: Saddle, *, newton: bool, learning_rate: float, steps: int, escape: float, far: float
) -> tuple[Floats, Floats]:
    """Return the points (k, d) after all steps, and when each had left the saddle, (k,), infinite where it had not.

    A point has left when its unstable coordinates are longer than `escape`. Beyond `far` points stand still: there
    the function falls without end.
    """
    x, left = start.copy(), np.full(len(start), np.inf)
    for step in range(steps + 1):
        staying = np.flatnonzero(np.isinf(left))
        unstable = x[staying, saddle.unstable]
        left[staying[np.einsum("ij,ij->i", unstable, unstable) > escape**2]] = step
        if step < steps:
            move = saddle.newton_step(x) if newton else learning_rate * saddle.gradient(x)
            x -= np.where((np.abs(x).max(axis=1) < far)[:, None], move, 0)
    return x, left
