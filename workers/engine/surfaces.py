"""Surfaces in d dimensions on which descent can end in a minimum that is not the lowest."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

FARTHEST_START = 6.0  # standard deviations: beyond it a normal number lies with probability 2e-9
SAME_MINIMUM = 1e-6  # values that differ by less belong to one minimum


class Surface(Protocol):
    """A function with its derivatives; `smoothness` bounds its curvature where descent from the starts can pass."""

    @property
    def smoothness(self) -> float:
        """Return the bound L: steps below 2 / L descend."""

    def value(self, x: Floats) -> Floats:
        """Return the values (k,) at points (k, d)."""

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d) at points (k, d)."""

    def hessian(self, x: Floats) -> Floats:
        """Return the second derivatives (d, d) at a point (d,)."""

    def is_trapped(self, x: Floats) -> Flags:
        """Say of each of the ends (k, d) of a descent whether it is in a minimum that is not the lowest."""


@dataclass(frozen=True, kw_only=True)
class Dip:
    """A bowl around (distance, 0, ..., 0) with a Gaussian dip of finite extent at the origin.

    f(x) = curvature |x - m|**2 / 2 - depth exp(-|u|**2 / (2 width**2)), where u is x without its last `trough`
    coordinates: along these the dip goes on without end.
    """

    dimensions: int
    trough: int
    width: float
    depth: float
    distance: float
    curvature: float

    @property
    def smoothness(self) -> float:
        """Return the curvature at the bottom of the dip: elsewhere the exponential bends less."""
        return self.curvature + self.depth / self.width**2

    def _dip(self, x: Floats) -> tuple[Floats, Floats]:
        """Return u, zero along the trough, and depth exp(-|u|**2 / (2 width**2)), of points (k, d)."""
        u = x.copy()
        u[:, self.dimensions - self.trough :] = 0
        return u, self.depth * np.exp(-np.sum(u**2, axis=1) / (2 * self.width**2))

    def _from_centre(self, x: Floats) -> Floats:
        offset = x.copy()
        offset[:, 0] -= self.distance
        return offset

    def value(self, x: Floats) -> Floats:
        """Return the values (k,)."""
        return np.asarray(self.curvature / 2 * np.sum(self._from_centre(x) ** 2, axis=1) - self._dip(x)[1])

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""
        u, pull = self._dip(x)
        return np.asarray(self.curvature * self._from_centre(x) + (pull / self.width**2)[:, None] * u)

    def hessian(self, x: Floats) -> Floats:
        """Return the second derivatives (d, d)."""
        u, pull = self._dip(x[None])
        confined = np.diag((np.arange(self.dimensions) < self.dimensions - self.trough).astype(float))
        bend = confined - np.outer(u[0], u[0]) / self.width**2
        return np.asarray(self.curvature * np.eye(self.dimensions) + pull[0] / self.width**2 * bend)

    def is_trapped(self, x: Floats) -> Flags:
        """Say whether it is nearer to the dip than to the bowl's centre: there is one minimum at each."""
        return np.asarray(x[:, 0] < self.distance / 2)


@dataclass(frozen=True, kw_only=True)
class DoubleWells:
    """A double well in every coordinate: f(x) = sum of x_i**4 / 4 - x_i**2 / 2 + tilt x_i."""

    dimensions: int
    tilt: float
    start_sd: float

    @property
    def smoothness(self) -> float:
        """Return 3 x**2 - 1 at the farthest start, or where the wells are."""
        return 3 * max(FARTHEST_START * self.start_sd, 1.5) ** 2 - 1

    @cached_property
    def barrier(self) -> float:
        """Return the local maximum between the wells: the middle root of x**3 - x + tilt."""
        return float(np.sort(np.roots([1.0, 0.0, -1.0, self.tilt]).real)[1])

    def value(self, x: Floats) -> Floats:
        """Return the values (k,)."""
        return np.asarray(np.sum(((x * x / 4 - 0.5) * x + self.tilt) * x, axis=1))

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""
        return np.asarray((x * x - 1) * x + self.tilt)  # a power takes ten times as long

    def hessian(self, x: Floats) -> Floats:
        """Return the second derivatives (d, d)."""
        return np.diag(3 * x**2 - 1)

    def is_trapped(self, x: Floats) -> Flags:
        """Say whether any coordinate is in the higher well, the right one."""
        return np.asarray(np.any(x > self.barrier, axis=1))


@dataclass(frozen=True, kw_only=True)
class RandomField:
    """A sum of random waves, Gaussian as their number grows, with covariance exp(-|x - y|**2 / (2 width**2)).

    f(x) = sqrt(2 / waves) sum over w of cos(k_w x + p_w), the k_w normal with standard deviation 1 / width.
    """

    frequencies: Floats  # (waves, d)
    phases: Floats  # (waves,)

    @property
    def smoothness(self) -> float:
        """Return sqrt(2 / waves) times the largest eigenvalue of the sum of k k^T, which no Hessian exceeds."""
        return self._scale * float(np.linalg.norm(self.frequencies, ord=2)) ** 2

    @property
    def _scale(self) -> float:
        return math.sqrt(2 / len(self.phases))

    def _angles(self, x: Floats) -> Floats:
        return np.asarray(x @ self.frequencies.T + self.phases)

    def value(self, x: Floats) -> Floats:
        """Return the values (k,)."""
        return np.asarray(self._scale * np.cos(self._angles(x)).sum(axis=1))

    def gradient(self, x: Floats) -> Floats:
        """Return the gradients (k, d)."""
        return np.asarray(-self._scale * np.sin(self._angles(x)) @ self.frequencies)

    def hessian(self, x: Floats) -> Floats:
        """Return the second derivatives (d, d)."""
        return np.asarray((self.frequencies * self.curvatures(x[None])[0][:, None]).T @ self.frequencies)

    def curvatures(self, x: Floats) -> Floats:
        """Return the second derivative of each wave by its angle (k, waves)."""
        return np.asarray(-self._scale * np.cos(self._angles(x)))

    def is_trapped(self, x: Floats) -> Flags:
        """Say whether it is higher than the lowest of all the ends."""
        values = self.value(x)
        return np.asarray(values > values.min(initial=math.inf) + SAME_MINIMUM)
