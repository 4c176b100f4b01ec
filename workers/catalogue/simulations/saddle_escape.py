"""Descent near a saddle point: whether it converges to it, and how long it takes to leave."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.saddles import Saddle

LARGEST_WORK = 2**36  # starts times dimensions times steps: some minutes on one core
BLOCK_NUMBERS = 2**17  # of the starts that move at once: 1 MB, inside the cache
FAR = 1e6  # where the functions that fall without end are left alone
FEWEST_COORDINATES = {"strict": 1, "monkey": 2, "inflection": 1}


@simulations.register(
    "saddle-escape", source="Lee, Simchowitz, Jordan and Recht 2016, arXiv:1602.04915; Du et al. 2017, arXiv:1705.10412"
)
@dataclass(frozen=True, kw_only=True)
class SaddleEscape(Simulation):
    """How often descent from random starts ends at a saddle point, and after how many steps it leaves one.

    `strict`: x**2/2 in the first coordinates, y**4/4 - curvature y**2/2 in the last `directions`. Gradient descent
    with a step below 1/L ends at the saddle from no start but those with y = 0, a set of measure zero; from
    distance r it leaves after about log(escape_radius/r) / log(1 + learning_rate curvature) steps. Newton's method
    without damping is drawn to it. `monkey`, x**3/3 - x y**2, has no negative curvature, so it is not strict:
    descent leaves after about 1/(learning_rate r) steps. `inflection`, x**3/3 in one coordinate, is not strict either
    and attracts half of all starts.

    Metrics: saddle_probability, the share of starts that end within `radius` of the saddle, with its 95 % Wilson
    interval saddle_probability_low, saddle_probability_high; escape_steps_median, after how many steps the unstable
    coordinates are longer than escape_radius, infinite where most never are; escape_steps_mean of those that leave,
    NaN where none does; unescaped_fraction. Arrays: end_distances and escape_steps (starts,).
    """

    saddle: Literal["strict", "monkey", "inflection"] = parameter("strict", "the function")
    method: Literal["gradient-descent", "newton"] = parameter("gradient-descent", "how a point moves")
    dimensions: int = parameter(2, "d, the number of coordinates", minimum=1, maximum=1000)
    directions: int = parameter(1, "coordinates with negative curvature of `strict`", minimum=1, maximum=1000)
    curvature: float = parameter(1.0, "how negative it is: minus the eigenvalue", exclusive_minimum=0.0, maximum=100.0)
    distance: float | None = parameter(
        None,
        "of the starts from the saddle along the unstable coordinates; 0: on its stable manifold; null: "
        "all coordinates are standard normal",
        minimum=0.0,
        maximum=100.0,
    )
    learning_rate: float = parameter(0.1, "step size of gradient descent", exclusive_minimum=0.0, maximum=100.0)
    steps: int = parameter(400, "steps of each start", minimum=1, maximum=100_000)
    starts: int = parameter(10_000, "random starts", minimum=1, maximum=10_000_000)
    radius: float = parameter(0.05, "within which an end counts as at the saddle", exclusive_minimum=0.0, maximum=1.0)
    escape_radius: float = parameter(0.5, "at which a start has left", exclusive_minimum=0.0, maximum=100.0)

    def problems(self) -> Iterable[Problem]:
        """Yield too few coordinates and too much work."""
        fewest = self.directions if self.saddle == "strict" else FEWEST_COORDINATES[self.saddle]
        if self.dimensions < fewest:
            detail = f"must be at least {fewest}, the unstable coordinates"
            yield Problem(path=("dimensions",), code="range", detail=detail)
        work = self.starts * self.dimensions * self.steps
        if work > LARGEST_WORK:
            detail = f"{work:.1e} numbers are to be moved, at most {LARGEST_WORK:.1e}: take fewer starts or steps"
            yield Problem(path=("starts",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the probability, its interval, and the times of escape."""
        return (
            *with_interval("saddle_probability"),
            "escape_steps_median",
            "escape_steps_mean",
            "unescaped_fraction",
        )

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Move the starts in blocks; start i depends on the seed, the dimensions and i alone."""
        import numpy as np

        from workers.engine.replicates import share_metrics
        from workers.engine.saddles import follow

        function, block = self._function(), max(1, BLOCK_NUMBERS // self.dimensions)
        distances, escapes = np.empty(self.starts), np.empty(self.starts)
        for first in range(0, self.starts, block):
            last = min(first + block, self.starts)
            ends, escapes[first:last] = follow(
                self._starts(seed, first // block, last - first, function),
                function,
                newton=self.method == "newton",
                learning_rate=self.learning_rate,
                steps=self.steps,
                escape=self.escape_radius,
                far=FAR,
            )
            distances[first:last] = np.linalg.norm(ends, axis=1)
            progress(last, self.starts)
        stuck = int(np.sum(distances < self.radius))
        median = float(np.sort(escapes)[(self.starts - 1) // 2])  # no mean of two: they may be infinite
        left = escapes[np.isfinite(escapes)]
        escape = {
            "escape_steps_median": median,
            "escape_steps_mean": float(left.mean()) if len(left) else math.nan,
            "unescaped_fraction": 1 - len(left) / self.starts,
        }
        return Reading(
            metrics=share_metrics("saddle_probability", stuck, self.starts) | escape,
            arrays={"end_distances": distances, "escape_steps": escapes},
        )

    def _function(self) -> "Saddle":
        from workers.engine.saddles import Inflection, MonkeySaddle, StrictSaddle

        if self.saddle == "strict":
            return StrictSaddle(directions=self.directions, curvature=self.curvature)
        return MonkeySaddle() if self.saddle == "monkey" else Inflection()

    def _starts(self, seed: int, step: int, count: int, function: "Saddle") -> "Floats":
        """Return starts (count, d); with a distance, their unstable coordinates have that length."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        starts = Stream(seed=seed, purpose=Purpose.SIMULATION).normals((count, self.dimensions), step=step)
        if self.distance is not None:
            unstable = starts[:, function.unstable]
            lengths = np.linalg.norm(unstable, axis=1, keepdims=True)
            starts[:, function.unstable] = self.distance * unstable / lengths if self.distance > 0 else 0.0
        return starts
