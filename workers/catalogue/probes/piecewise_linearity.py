"""How far a network is from piecewise linear."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Architecture, Network, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

LARGEST_WORK = 2**38  # lines times points times weights: some minutes on one core
POINTS, POINTS_PER_UNIT = 4096, 9  # of a line that are evaluated


@probes.register("piecewise-linearity", source="Arora et al. 2016, arXiv:1611.01491, theorem 2.1")
@dataclass(frozen=True, kw_only=True)
class PiecewiseLinearity(Probe):
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

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield another architecture, nothing to draw lines through, and too much work."""
        stack = architecture.stack(sizes.inputs, sizes.outputs) if isinstance(architecture, Network) else None
        if stack is None:
            yield Problem(detail="needs a network of dense layers: others have no preactivations to look at")
            return
        if self.through == "domain" and target is None:
            yield Problem(path=("through",), detail='needs a target: use "samples" for data without one')
        if self.through == "samples" and sizes.test < 2:
            yield Problem(path=("through",), detail='needs 2 test samples: use "domain" or a larger test_size')
        points = POINTS + POINTS_PER_UNIT * sum(stack.sizes[1:-1])
        most = LARGEST_WORK // (points * stack.parameter_count)
        if most == 0:
            yield Problem(detail=f"a network of {stack.parameter_count} weights takes too long: use a smaller one")
        elif self.lines > most:
            detail = f"must be at most {most} for a network of {stack.parameter_count} weights"
            yield Problem(path=("lines",), code="range", detail=detail)

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
        starts, ends = self._lines(subject)
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

    def _lines(self, subject: Subject) -> "tuple[Floats, Floats]":
        from workers.engine.philox import Purpose, Stream
        from workers.engine.segments import between_points, chords

        stream = Stream(seed=subject.seed, purpose=Purpose.PROBE).child("piecewise-linearity")
        if self.through == "samples":
            return between_points(subject.split.test.inputs, self.lines, stream)
        assert subject.box is not None, "the spec refuses a domain without a target"
        return chords(subject.box, self.lines, stream)
