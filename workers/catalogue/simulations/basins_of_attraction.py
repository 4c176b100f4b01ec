"""Gradient descent from random starts: how often it ends in a minimum that is not the lowest."""

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
    from workers.engine.surfaces import Surface

LARGEST_WORK = 2**37  # numbers moved, starts times dimensions times steps (times waves): some minutes on one core
LOOKED_AT = 16  # trapped ends whose Hessian is diagonalised


@simulations.register(
    "basins-of-attraction",
    source="Dauphin et al. 2014, arXiv:1406.2572, on minima in many dimensions; the surfaces are whydeep's own",
)
@dataclass(frozen=True, kw_only=True)
class BasinsOfAttraction(Simulation):
    """How often gradient descent from a normal random start ends in a minimum that is not the lowest.

    `dip`: a wide bowl whose centre lies `distance` away, with one Gaussian dip at the centre of the starts: a
    single basin of finite extent, whatever the dimension. Along the last `trough` coordinates it goes on without
    end; the probability then depends on the other ones alone. `double-wells`: x**4/4 - x**2/2 + tilt x in every
    coordinate, so that the minima multiply with the dimension: 1 - F(b/start_sd)**dimensions of the starts are
    trapped, where b is the barrier between the wells and F the normal distribution function; in one dimension it
    is the double well of the textbooks. `random-field`: a smooth Gaussian random function; every end that is
    higher than the lowest one counts as trapped.

    Metrics: trapped_probability, the share of the starts that arrived, with its 95 % Wilson interval
    trapped_probability_low, trapped_probability_high; unconverged_fraction, of the starts whose gradient was not
    short in time; steps_mean of the others; lowest_value of their ends; trapped_curvature, the smallest eigenvalue of
    the Hessian at up to 16 trapped ends: positive where they are minima, NaN where none is trapped. Arrays:
    end_values and trapped (starts,).
    """

    surface: Literal["dip", "double-wells", "random-field"] = parameter("dip", "what is descended")
    dimensions: int = parameter(2, "d, the number of coordinates", minimum=1, maximum=1000)
    starts: int = parameter(1000, "random starts", minimum=1, maximum=1_000_000)
    start_sd: float = parameter(
        1.0, "standard deviation of each coordinate of a start", exclusive_minimum=0.0, maximum=100.0
    )
    width: float = parameter(
        0.5, "of the dip, its standard deviation; of the field, its correlation length", minimum=0.01, maximum=100.0
    )
    trough: int = parameter(0, "coordinates along which the dip has no end", minimum=0, maximum=999)
    depth: float = parameter(1.0, "of the dip", exclusive_minimum=0.0, maximum=1000.0)
    distance: float = parameter(8.0, "from the dip to the centre of the bowl", exclusive_minimum=0.0, maximum=1000.0)
    bowl_curvature: float = parameter(
        0.05, "second derivative of the bowl around the dip", exclusive_minimum=0.0, maximum=100.0
    )
    tilt: float = parameter(0.1, "slope that makes the left wells the lower ones", minimum=0.0, maximum=0.38)
    waves: int = parameter(200, "number of waves in the field", minimum=1, maximum=10_000)
    learning_rate: float | None = parameter(
        None, "step size; null: 1 over the largest curvature on the way", exclusive_minimum=0.0, maximum=100.0
    )
    steps: int = parameter(5000, "most steps of a descent", minimum=1, maximum=1_000_000)
    tolerance: float = parameter(
        1e-5, "length of the gradient at which a descent has arrived", exclusive_minimum=0.0, maximum=1.0
    )

    def problems(self) -> Iterable[Problem]:
        """Yield a dip that is no minimum or not above the bowl's, a trough that leaves nothing, and too much work."""
        if self.surface == "dip":
            yield from self._problems_of_the_dip()
        work = self.starts * self.dimensions * self.steps * (self.waves if self.surface == "random-field" else 1)
        if work > LARGEST_WORK:
            detail = f"{work:.1e} numbers are to be moved, at most {LARGEST_WORK:.1e}: take fewer starts or steps"
            yield Problem(path=("starts",), code="range", detail=detail)

    def _problems_of_the_dip(self) -> Iterable[Problem]:
        slope = self.bowl_curvature * self.distance
        steepest = self.depth * math.exp(-0.5) / self.width
        if steepest <= slope:
            detail = f"the bowl's slope {slope:.3g} exceeds the dip's, {steepest:.3g}: there is no minimum; deepen it"
            yield Problem(path=("depth",), code="range", detail=detail)
        if self.depth >= slope * self.distance / 2:
            detail = f"must be less than {slope * self.distance / 2:.3g}, or the dip is the lowest minimum"
            yield Problem(path=("depth",), code="range", detail=detail)
        if self.trough >= self.dimensions:
            detail = f"must be less than the {self.dimensions} dimensions"
            yield Problem(path=("trough",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the probability, its interval, and how the descents fared."""
        return (
            *with_interval("trapped_probability"),
            "unconverged_fraction",
            "steps_mean",
            "lowest_value",
            "trapped_curvature",
        )

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Descend from all starts; start i depends on the seed, the dimensions and i alone."""
        import numpy as np

        from workers.engine.gradient_descent import descend
        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import share_metrics

        surface = self._surface(seed)
        starts = Stream(seed=seed, purpose=Purpose.SIMULATION).child("starts")
        with np.errstate(over="ignore", invalid="ignore"):  # of a learning rate that is too large
            found = descend(
                surface,
                self.start_sd * starts.normals((self.starts, self.dimensions)),
                learning_rate=self.learning_rate or 1 / surface.smoothness,
                steps=self.steps,
                tolerance=self.tolerance,
                progress=progress,
            )
            values = surface.value(found.ends)
            trapped = found.arrived & surface.is_trapped(found.ends)
        progress(self.steps, self.steps)
        arrived = int(found.arrived.sum())
        if arrived:
            share = share_metrics("trapped_probability", int(trapped.sum()), arrived)
        else:
            share = dict.fromkeys(with_interval("trapped_probability"), math.nan)
        descents = {
            "unconverged_fraction": 1 - arrived / self.starts,
            "steps_mean": float(found.steps[found.arrived].mean()) if arrived else math.nan,
            "lowest_value": float(values[found.arrived].min()) if arrived else math.nan,
            "trapped_curvature": _smallest_curvature(surface, found.ends[trapped][:LOOKED_AT]),
        }
        return Reading(metrics=share | descents, arrays={"end_values": values, "trapped": np.asarray(trapped)})

    def _surface(self, seed: int) -> "Surface":
        from workers.engine.philox import Purpose, Stream
        from workers.engine.surfaces import Dip, DoubleWells, RandomField

        if self.surface == "dip":
            return Dip(
                dimensions=self.dimensions,
                trough=self.trough,
                width=self.width,
                depth=self.depth,
                distance=self.distance,
                curvature=self.bowl_curvature,
            )
        if self.surface == "double-wells":
            return DoubleWells(dimensions=self.dimensions, tilt=self.tilt, start_sd=self.start_sd)
        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        return RandomField(
            frequencies=stream.child("frequencies").normals((self.waves, self.dimensions)) / self.width,
            phases=2 * math.pi * stream.child("phases").uniforms(self.waves),
        )


def _smallest_curvature(surface: "Surface", points: "Floats") -> float:
    """Return the smallest eigenvalue of the Hessians at points (k, d), NaN where there are none."""
    import numpy as np

    return min((float(np.linalg.eigvalsh(surface.hessian(point))[0]) for point in points), default=math.nan)
