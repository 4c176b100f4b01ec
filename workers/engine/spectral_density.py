"""How the eigenvalues of a symmetric matrix are distributed, from its products with random vectors.

Source: Ubaru, Chen and Saad 2017, doi:10.1137/16M1104974; the trace: Hutchinson 1990, doi:10.1080/03610919008812866,
its variance reduced by known eigenvectors as in Meyer et al. 2021, arXiv:2010.09649.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.engine.lanczos import Extremes, Product, quadrature
from workers.engine.philox import Stream

Floats: TypeAlias = npt.NDArray[np.float64]

BROADENING = 0.01  # standard deviation of the Gaussians of a drawn density, of the width of the spectrum
NARROWEST = 1e-6  # of the largest |eigenvalue|: a narrower spectrum is drawn as if it had this width
MARGIN = 5  # standard deviations beyond the outermost nodes: what is cut off is below 1e-6


@dataclass(frozen=True, kw_only=True)
class SpectralDensity:
    """One Gauss rule per random vector; the mean of their sums w f(node) estimates trace f(H) / p."""

    nodes: Floats  # (vectors, k)
    weights: Floats  # (vectors, k), of each vector summing to 1
    traces: Floats  # (vectors,) independent estimates of the trace
    negatives: Floats  # (vectors,) the same of the sum of |negative eigenvalues|

    def trace(self) -> tuple[float, float]:
        """Return the estimate of the trace and its standard error."""
        return float(self.traces.mean()), float(self.traces.std(ddof=1) / math.sqrt(len(self.traces)))

    def negative_share(self) -> float:
        """Return the sum of |negative eigenvalues| over the sum of all |eigenvalues|, 0 for the zero matrix."""
        negative = float(self.negatives.mean())
        total = float(self.traces.mean()) + 2 * negative
        return min(1.0, negative / total) if total > 0 else 0.0

    def drawn(self, points: int) -> tuple[Floats, Floats]:
        """Return eigenvalues (points,) and the density there, each node broadened to a Gaussian; its integral is 1."""
        low, high = float(self.nodes.min()), float(self.nodes.max())
        # a single eigenvalue has a width of rounding
        width = BROADENING * max(high - low, NARROWEST * max(abs(low), abs(high))) or BROADENING
        grid = np.linspace(low - MARGIN * width, high + MARGIN * width, points)
        density = np.zeros(points)
        for nodes, weights in zip(self.nodes, self.weights, strict=True):
            density += np.exp(-0.5 * ((grid[:, None] - nodes) / width) ** 2) @ weights
        return grid, density / (len(self.nodes) * width * math.sqrt(2 * math.pi))


def spectral_density(product: Product, known: Extremes, vectors: int, steps: int, stream: Stream) -> SpectralDensity:
    """Measure a symmetric matrix by `vectors` times `steps` products.

    The vectors r have entries of +1 and -1, so that r^T H r, the first step of each, has the trace as its mean.
    (v . r)**2 has the mean 1 for a unit vector v, so that taking off value ((v . r)**2 - 1) for each `known` pair
    leaves the mean as it is and takes that pair's part of the variance. Raise FloatingPointError where a product is not
    finite.
    """
    size = len(known.vectors)
    signs = 2.0 * stream.child("signs").integers(2, (vectors, size)) - 1.0
    rules = [quadrature(product, each, steps, stream.child(f"vector-{index}")) for index, each in enumerate(signs)]
    nodes, weights = (np.stack(each) for each in zip(*rules, strict=True))
    excess = (signs @ known.vectors) ** 2 - 1
    return SpectralDensity(
        nodes=nodes,
        weights=weights,
        traces=size * np.sum(nodes * weights, axis=1) - excess @ known.values,
        negatives=size * np.sum(np.maximum(-nodes, 0.0) * weights, axis=1) - excess @ np.maximum(-known.values, 0.0),
    )
