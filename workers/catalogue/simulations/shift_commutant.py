"""Which matrices commute with a cyclic shift."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Reading

SIGNALS = 100  # multiplied and convolved for comparison


@simulations.register(
    "shift-commutant",
    source="Kondor and Trivedi 2018, arXiv:1802.03690; Lin, Tegmark and Rolnick 2017, arXiv:1608.08225, section 2.4",
)
@dataclass(frozen=True, kw_only=True)
class ShiftCommutant(Simulation):
    """The dimension of the matrices that commute with a cyclic shift, and whether they are convolutions.

    P moves an entry of a vector of n by `step`. The solutions W of P W = W P are counted as the singular values of
    that linear system below n**2 roundings of its largest: n gcd(n, step) of n**2, so n free numbers for a step
    of 1, and all n**2 where nothing moves. The smallest of the others is 2 sin(pi / order), `order` the powers of P.
    A matrix of standard normal numbers is averaged over the group, mean of P^k W P^-k: for a step of 1 it is a
    circulant matrix then, the convolution with its first column.

    Metrics: commutant_dimension and predicted_dimension; spectral_gap, the smallest singular value that counts as
    not 0 (0 where all are); noncircular_before and noncircular_after, the norm of what a circulant matrix lacks of
    W before and after averaging, relative to W; convolution_error, the largest difference between products with the
    averaged matrix and convolutions by the Fourier transform, relative to the largest product, over 100 vectors.
    Arrays: singular_values (n**2,), average (n, n).
    """

    size: int = parameter(16, "entries n of a vector", minimum=2, maximum=32)
    step: int = parameter(1, "entries that the shift moves by; a multiple of n moves nothing", minimum=1, maximum=32)

    def metric_names(self) -> tuple[str, ...]:
        """Return dimensions, gap and deviations."""
        return (
            "commutant_dimension",
            "predicted_dimension",
            "spectral_gap",
            "noncircular_before",
            "noncircular_after",
            "convolution_error",
        )

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Count, average, compare."""
        import numpy as np

        from workers.engine import circulants
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        singular = circulants.commutator_singular_values(circulants.shift_matrix(self.size, self.step))
        free = singular <= np.finfo(np.float64).eps * self.size**2 * max(1.0, singular[0])
        progress(1, 2)
        matrix = stream.child("matrix").normals((self.size, self.size))
        average = circulants.group_average(matrix, self.step)
        vectors = stream.child("vectors").normals((SIGNALS, self.size))
        products = vectors @ average.T
        convolutions = circulants.circular_convolution(average[:, 0], vectors)

        def noncircular(found: "np.typing.NDArray[np.float64]") -> float:
            return float(np.linalg.norm(found - circulants.nearest_circulant(found)) / np.linalg.norm(found))

        values = (
            float(free.sum()),
            float(self.size * math.gcd(self.size, self.step)),
            float(singular[~free].min(initial=np.inf)) if not free.all() else 0.0,
            noncircular(matrix),
            noncircular(average),
            float(np.abs(products - convolutions).max() / np.abs(products).max()),
        )
        progress(2, 2)
        return Reading(
            metrics=dict(zip(self.metric_names(), values, strict=True)),
            arrays={"singular_values": singular, "average": average},
        )
