"""How continuous a model is."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.domains import LARGEST_COORDINATE, Interval
from workers.catalogue.kinds import Architecture, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.catalogue.values import Floats

USUAL_FRACTIONS = tuple(2.0**-k for k in range(3, 15))  # of the longest side of the domain
LARGEST_POINTS = 2**24  # evaluations; minutes for a network of a million weights


@probes.register("modulus-of-continuity", source="DeVore and Lorentz 1993, Constructive approximation, chapter 2")
@dataclass(frozen=True, kw_only=True)
class ModulusOfContinuity(Probe):
    """The modulus of continuity omega(delta): how far apart values can be at points within delta of each other.

    The distance of points is Euclidean, that of values the largest over the outputs, both in the units of the data.
    With one input, omega is exact on an equispaced grid; with more it is a lower bound, from pairs of points in random
    directions. The domain is the target's, or without one the bounding box of the test inputs, which are then
    the first points of the pairs. Metrics: modulus_exponent, the slope of log omega over log delta by least squares
    on all deltas with omega above 0 (1 for a Lipschitz function, alpha for a Hoelder one, 0 for one with jumps);
    modulus_lower_bound, omega at the largest delta; lipschitz_lower_bound, the largest omega over its delta. They are
    NaN for outputs that are not finite; a precision of float32 adds about 1e-7 of the outputs to omega. Arrays:
    deltas and modulus (deltas,), and target_modulus where a target is known.
    """

    deltas: tuple[float, ...] | None = parameter(
        None,
        "distances in the units of the inputs; null: 2**-3 ... 2**-14 of the longest side of the domain",
        exclusive_minimum=0.0,
        maximum=LARGEST_COORDINATE,
        min_items=2,
        max_items=64,
    )
    points: int = parameter(65_537, "points of the grid, with one input", minimum=3, maximum=LARGEST_POINTS)
    pairs: int = parameter(4096, "pairs of points for each delta, with more inputs", minimum=1, maximum=2**18)

    def problems(self) -> Iterable[Problem]:
        """Yield repeated distances, through which no line can be fitted."""
        if self.deltas is not None and len(set(self.deltas)) < len(self.deltas):
            yield Problem(path=("deltas",), detail="names a distance twice")

    def metric_names(self) -> tuple[str, ...]:
        """Return exponent and bounds."""
        return self.named("modulus_exponent", "modulus_lower_bound", "lipschitz_lower_bound")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield distances below the spacing of the grid."""
        if sizes.inputs != 1 or target is None:
            return
        ((low, high),) = target.box.values()
        smallest = min(self._deltas(((low, high),)))
        needed = math.ceil((high - low) / smallest * (1 - 1e-9)) + 1
        if needed > self.points:
            detail = f"a grid for the distance {smallest:g} on [{low:g}, {high:g}] needs {needed} points"
            yield Problem(path=("points",), code="range", detail=detail)

    def measure(self, subject: Subject) -> Reading:
        """Compare values at points that are near."""
        import numpy as np

        from workers.engine.modulus import fitted_exponent

        box = subject.box or _bounding_box(subject.split.test.inputs)
        deltas = self._deltas(box)
        if min(deltas) == 0:  # the test inputs are all the same
            return Reading(metrics=dict.fromkeys(self.metric_names(), math.nan))
        moduli = self._moduli(subject.predict, box, deltas, subject)
        arrays = {"deltas": np.array(deltas), "modulus": moduli}
        if subject.truth is not None:
            arrays["target_modulus"] = self._moduli(subject.truth, box, deltas, subject)
        largest = float(moduli[int(np.argmax(deltas))])
        values = (fitted_exponent(deltas, moduli), largest, float(np.max(moduli / deltas)))
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)), arrays=arrays)

    def _deltas(self, box: tuple[Interval, ...]) -> tuple[float, ...]:
        longest = max(high - low for low, high in box)
        return self.deltas or tuple(longest * fraction for fraction in USUAL_FRACTIONS)

    def _moduli(
        self,
        function: "Callable[[Floats], Floats]",
        box: tuple[Interval, ...],
        deltas: tuple[float, ...],
        subject: Subject,
    ) -> "Floats":
        from workers.engine.modulus import modulus_of_pairs, modulus_on_grid
        from workers.engine.philox import Purpose, Stream

        if len(box) == 1:
            return modulus_on_grid(function, box[0], self.points, deltas)
        stream = Stream(seed=subject.seed, purpose=Purpose.PROBE).child("modulus-of-continuity")
        starts = None if subject.box is not None else subject.split.test.inputs
        return modulus_of_pairs(function, starts, box, self.pairs, deltas, stream)


def _bounding_box(points: "Floats") -> tuple[Interval, ...]:
    return tuple(zip(points.min(axis=0).tolist(), points.max(axis=0).tolist(), strict=True))
