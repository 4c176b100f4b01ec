"""Random symmetric matrices: how often a critical point would be a minimum."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

BLOCK_NUMBERS = 2**21  # entries of the matrices diagonalised at once: 16 MB


@simulations.register(
    "goe-eigenvalues", source="Mehta 2004, Random matrices, chapter 3; Dean and Majumdar 2006, arXiv:cond-mat/0609651"
)
@dataclass(frozen=True, kw_only=True)
class GoeEigenvalues(Simulation):
    """How often a random symmetric matrix has only positive eigenvalues.

    Matrices of the Gaussian orthogonal ensemble: independent normal entries of variance 1 above the diagonal
    and 2 on it, divided by sqrt(n), so that the eigenvalues fill [-2, 2] as n grows. The probability that all
    are positive is 1/2 for n = 1, (2 - sqrt(2))/4 for n = 2, and falls like exp(-n**2 log(3)/4): why a random
    critical point in many dimensions is a saddle. Metrics: probability_positive_definite with its 95 % Wilson
    interval probability_low, probability_high; the means smallest_eigenvalue_mean and negative_fraction, the
    latter of the fraction of negative eigenvalues. The array smallest_eigenvalues (samples,) keeps the draws.
    """

    n: int = parameter(2, "rows of the matrix", minimum=1, maximum=1000)
    samples: int = parameter(10_000, "matrices drawn", minimum=1, maximum=10_000_000)

    def metric_names(self) -> tuple[str, ...]:
        """Return the probability, its interval and two means."""
        return (
            "probability_positive_definite",
            "probability_low",
            "probability_high",
            "smallest_eigenvalue_mean",
            "negative_fraction",
        )

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Draw the matrices in blocks; sample i depends on the seed, n and i alone."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import share_metrics

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        block = max(1, BLOCK_NUMBERS // self.n**2)
        smallest, negative = np.empty(self.samples), np.empty(self.samples)
        for start in range(0, self.samples, block):
            stop = min(start + block, self.samples)
            drawn = stream.normals((block, self.n, self.n), step=start // block)[: stop - start]
            eigenvalues = np.linalg.eigvalsh(_goe(drawn))
            smallest[start:stop] = eigenvalues[:, 0]
            negative[start:stop] = np.mean(eigenvalues < 0, axis=1)
            progress(stop, self.samples)
        positive = int(np.sum(smallest > 0))
        share = share_metrics("probability", positive, self.samples)
        values = (*share.values(), float(smallest.mean()), float(negative.mean()))
        return Reading(
            metrics=dict(zip(self.metric_names(), values, strict=True)), arrays={"smallest_eigenvalues": smallest}
        )


def _goe(drawn: "Floats") -> "Floats":
    """Return symmetric matrices (k, n, n) from standard normal ones: (G + G^T) / sqrt(2 n)."""
    import numpy as np

    symmetric = drawn + np.swapaxes(drawn, 1, 2)
    return np.asarray(symmetric / math.sqrt(2 * drawn.shape[-1]))
