"""How far a network is from piecewise linear."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.kinds import probes
from workers.catalogue.line_probes import LineProbe
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DenseStack, Reading, Subject

POINTS, POINTS_PER_UNIT = 4096, 9  # of a line that are evaluated


@probes.register("piecewise-linearity", source="Arora et al. 2016, arXiv:1611.01491, theorem 2.1")
@dataclass(frozen=True, kw_only=True)
class PiecewiseLinearity(LineProbe):
    """How far a network of dense layers is from piecewise linear along random lines, in float64.

    A hinge is a place on a line where the slope of a relu network changes, known exactly from its weights; for
    another activation it is where a preactivation changes its sign. Metrics: piecewise_linear_residual, the largest
    distance of the network from its chords between neighbouring hinges, over the range of the output on all lines;
    bending_between_hinges, the share of the slope's total variation that lies between hinges and not at them;
    hinges_max, the most on one line. The first two are at rounding level, about 1e-15, for a relu network; for a
    smooth one the second is about 7/8 (it looks at 8 points of each piece) or more, while the first falls with the
    number of units. All are NaN for weights that are
    not finite. Lines go through two uniform points of the target's domain from face to face, which in one dimension is
    the interval itself, once, or from one test sample to another. Arrays: starts and ends (lines, d), in the units
    of the data; residuals and hinge_counts (lines,); hinge_places, of one line after the other, from 0 to 1.
    """

    through: Literal["domain", "samples"] = parameter(
        "domain", "what the lines go through: the target's domain, or pairs of test samples"
    )
    lines: int = parameter(16, "number of lines", minimum=1, maximum=1000)

    def metric_names(self) -> tuple[str, ...]:
        """Return residual, share and number of hinges."""
        return self.named("piecewise_linear_residual", "bending_between_hinges", "hinges_max")

    def work(self, stack: DenseStack) -> int:
        """Return the points that are evaluated, times the weights."""
        return (POINTS + POINTS_PER_UNIT * sum(stack.sizes[1:-1])) * stack.parameter_count

    def misfits_of_stack(self, stack: DenseStack | None) -> Iterable[Problem]:
        """Yield a network without layers to look at."""
        if stack is None:
            yield Problem(detail="needs a network of dense layers: others have no preactivations to look at")

    def measure(self, subject: Subject) -> Reading:
        """Look at the network between the hinges of each line."""
        import numpy as np

        from workers.engine.bending import bending
        from workers.engine.exact import exact_module
        from workers.engine.line_regions import dense_layers

        stack, scaling = subject.stack, subject.scaling
        assert stack is not None, "the spec refuses architectures without a stack"
        if not all(np.isfinite(array).all() for array in subject.state.values()):
            return Reading(metrics=dict.fromkeys(self.metric_names(), math.nan))
        starts, ends = self.drawn(subject)
        scaled = [(points - scaling.input_mean) / scaling.input_scale for points in (starts, ends)]
        found = bending(exact_module(subject), stack, dense_layers(stack, subject.state), *scaled)
        counts = np.array([len(places) for places in found.hinges])
        values = (float(found.residuals.max()), found.between, float(counts.max()))
        return Reading(
            metrics=dict(zip(self.metric_names(), values, strict=True)),
            arrays={
                "starts": starts,
                "ends": ends,
                "residuals": found.residuals,
                "hinge_counts": counts,
                "hinge_places": np.concatenate(found.hinges),
            },
        )
