"""How many units a hidden layer needs for the Taylor series of a product."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Reading


@simulations.register(
    "product-conditions",
    source="Lin, Tegmark and Rolnick 2017, arXiv:1608.08225; Rolnick and Tegmark 2018, arXiv:1705.05502, theorem 4.1",
)
@dataclass(frozen=True, kw_only=True)
class ProductConditions(Simulation):
    """How nearly a hidden layer of so many units can have the Taylor series of x1 x2 ... xn up to degree n.

    For an activation all of whose Taylor coefficients differ from 0, the coefficients and weights of the units must
    meet one condition for each monomial of degree at most n. That takes 2**n units: the proof needs the products of
    the weights over all subsets of the inputs to have full row rank. Fewer come near only with diverging weights, so
    none may exceed `bound`: with one unit and n = 1 the sum of squares left is 1 / (1 + bound**2). Where the activation
    is even or odd around its centre, the degrees of the other parity make no conditions (`same-parity`), and 2**(n-1)
    units do: so tanh multiplies three numbers with four units. Solved by least squares from several random starts.

    Metrics: residual, the least sum of squares left over the starts, and residual_median; largest_weight and rank of
    the products over subsets, at the best end; rank_needed, 2**n; conditions, their number. The array residuals
    (starts,) keeps the ends.
    """

    factors: int = parameter(2, "n, numbers multiplied", minimum=1, maximum=5)
    units: int = parameter(4, "of the hidden layer", minimum=1, maximum=64)
    degrees: Literal["all", "same-parity"] = parameter("all", "which degrees the activation has terms of")
    bound: float = parameter(10.0, "largest absolute value of a weight", minimum=1.0, maximum=1e4)
    starts: int = parameter(10, "random starts", minimum=1, maximum=200)

    def metric_names(self) -> tuple[str, ...]:
        """Return what is left, and what the best end looks like."""
        return ("residual", "residual_median", "largest_weight", "rank", "rank_needed", "conditions")

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Search from all starts; start i depends on the seed, the sizes and i alone."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.product_conditions import best_fit, conditions, normal_start, subset_rank, unmet

        exponents = conditions(self.factors, same_parity=self.degrees == "same-parity")
        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        ends, residuals = [], np.empty(self.starts)
        for index in range(self.starts):
            start = normal_start(stream.normals((self.units, 1 + self.factors), step=index))
            ends.append(best_fit(exponents, start, bound=self.bound))
            residuals[index] = np.sum(np.square(unmet(exponents, ends[-1])))
            progress(index + 1, self.starts)
        best = ends[int(np.argmin(residuals))]
        values = (
            float(residuals.min()),
            float(np.median(residuals)),
            float(np.abs(best).max()),
            float(subset_rank(best)),
            float(2**self.factors),
            float(len(exponents)),
        )
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)), arrays={"residuals": residuals})
