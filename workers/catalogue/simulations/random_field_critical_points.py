"""Critical points of a random function: which are minima, and how high they lie."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import block_of, with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.surfaces import RandomField

LARGEST_WORK = 2**31  # starts times waves times dimensions**2: about a minute on one core


@simulations.register(
    "random-field-critical-points",
    source="Bray and Dean 2007, arXiv:cond-mat/0611023; Dauphin et al. 2014, arXiv:1406.2572",
)
@dataclass(frozen=True, kw_only=True)
class RandomFieldCriticalPoints(Simulation):
    """The share of negative curvatures at critical points of a smooth random function, against its value there.

    The function is a sum of random waves, nearly Gaussian with mean 0, variance 1 and correlation length `width`.
    Newton's method on the gradient finds its critical points of every kind from normal starts. Where the function
    has the value f, the Hessian is on average -f / width**2 times the identity, at critical points as at any other
    in many dimensions; so the index, the share of negative eigenvalues, rises with f: high critical points are
    saddles or maxima, and minima lie low.

    Metrics: index_value_correlation, Spearman's, with its 95 % interval index_value_correlation_low,
    index_value_correlation_high, NaN below 4 points; curvature_slope, of the mean eigenvalue against the value by
    least squares, near -1 / width**2 in many dimensions and steeper in few; minima_share; minima_value_mean, NaN
    without minima; points, the distinct critical points. Arrays: values and indices (points,).
    """

    dimensions: int = parameter(4, "d, the number of coordinates", minimum=1, maximum=64)
    starts: int = parameter(300, "starts of Newton's method", minimum=4, maximum=10_000)
    start_sd: float = parameter(
        10.0, "standard deviation of each coordinate of a start", exclusive_minimum=0.0, maximum=1e4
    )
    width: float = parameter(1.0, "correlation length", minimum=0.01, maximum=100.0)
    waves: int = parameter(200, "number of waves in the field", minimum=1, maximum=10_000)

    def problems(self) -> Iterable[Problem]:
        """Yield too much work, and fewer waves than dimensions, along which nothing would vary."""
        most = LARGEST_WORK // (self.waves * self.dimensions**2)
        if self.starts > most:
            detail = f"must be at most {most} for {self.waves} waves in {self.dimensions} dimensions"
            yield Problem(path=("starts",), code="range", detail=detail)
        if self.waves < 10 * self.dimensions:
            detail = f"must be at least {10 * self.dimensions}, ten per dimension"
            yield Problem(path=("waves",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the correlation, the slope, and what was found."""
        others = ("curvature_slope", "minima_share", "minima_value_mean", "points")
        return (*with_interval("index_value_correlation"), *others)

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Search from all starts in blocks; start i depends on the seed, the dimensions and i alone."""
        import numpy as np

        from workers.engine.critical_points import critical_points, distinct, hessians
        from workers.engine.philox import Purpose, Stream

        field = self._field(seed)
        stream = Stream(seed=seed, purpose=Purpose.SIMULATION).child("starts")
        starts = self.start_sd * stream.normals((self.starts, self.dimensions))
        block = block_of(self.waves * self.dimensions)
        reached = []
        for first in range(0, self.starts, block):
            reached.append(critical_points(field, starts[first : first + block], self.width))
            progress(min(first + block, self.starts), self.starts)
        points = distinct(np.concatenate(reached), self.width)
        return self._read(field.value(points), np.asarray(np.linalg.eigvalsh(hessians(field, points))))

    def _read(self, values: "Floats", eigenvalues: "Floats") -> Reading:
        """Return the metrics of critical points with these values (c,) and eigenvalues (c, d)."""
        import numpy as np

        from workers.engine.critical_points import rank_correlation

        indices, minima = np.mean(eigenvalues < 0, axis=1), np.all(eigenvalues > 0, axis=1)
        correlation = rank_correlation(indices, values)
        centred, count = values - values.mean() if len(values) else values, len(values)
        spread = float(centred @ centred)
        others = {
            "curvature_slope": float(centred @ eigenvalues.mean(axis=1)) / spread if spread > 0 else math.nan,
            "minima_share": float(minima.mean()) if count else math.nan,
            "minima_value_mean": float(values[minima].mean()) if minima.any() else math.nan,
            "points": float(count),
        }
        metrics = dict(zip(with_interval("index_value_correlation"), correlation, strict=True)) | others
        return Reading(metrics=metrics, arrays={"values": values, "indices": indices})

    def _field(self, seed: int) -> "RandomField":
        from workers.engine.philox import Purpose, Stream
        from workers.engine.surfaces import RandomField

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        return RandomField(
            frequencies=stream.child("frequencies").normals((self.waves, self.dimensions)) / self.width,
            phases=2 * math.pi * stream.child("phases").uniforms(self.waves),
        )
