"""The pieces of a relu network along lines."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Architecture, Network, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, DenseStack, Reading, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

LARGEST_WORK = 2**38  # lines times units times weights: some minutes on one core


@probes.register("line-regions", source="Hanin and Rolnick 2019, arXiv:1901.09021; Raghu et al. 2017, arXiv:1606.05336")
@dataclass(frozen=True, kw_only=True)
class LineRegions(Probe):
    """How many linear pieces a relu network of any number of inputs has along random lines, exactly from its weights.

    The lines go from one test sample to another, or through two uniform points of the target's domain from face to
    face, which in one dimension is the interval itself, once. Metrics: line_regions_mean and line_regions_max, the
    pieces of a line; kinks_per_length, the kinks over the summed lengths of the lines in the units of the data,
    which at initialisation grows like the number of units. All are NaN for weights that are not finite. Arrays:
    counts (lines,), starts and ends (lines, d) in the units of the data.
    """

    through: Literal["samples", "domain"] = parameter(
        "samples", "what the lines go through: pairs of test samples, or the target's domain"
    )
    lines: int = parameter(100, "number of lines", minimum=1, maximum=10_000)

    def metric_names(self) -> tuple[str, ...]:
        """Return mean, maximum and density."""
        return self.named("line_regions_mean", "line_regions_max", "kinks_per_length")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield another activation, nothing to draw lines through, and too much work."""
        stack = architecture.stack(sizes.inputs, sizes.outputs) if isinstance(architecture, Network) else None
        if stack is None or not _piecewise_linear(stack):
            yield Problem(detail='needs dense layers with the activation "relu": others have no linear pieces')
            return
        if self.through == "domain" and target is None:
            yield Problem(path=("through",), detail='needs a target: only "samples" serves data without one')
        if self.through == "samples" and sizes.test < 2:
            yield Problem(path=("through",), detail='needs 2 test samples: use "domain" or a larger test_size')
        # a line has about as many pieces as the network has units (Hanin and Rolnick 2019)
        most = LARGEST_WORK // ((1 + sum(stack.sizes[1:-1])) * stack.parameter_count)
        if most == 0:
            yield Problem(detail=f"a network of {stack.parameter_count} weights takes too long: use a smaller one")
        elif self.lines > most:
            detail = f"must be at most {most} for a network of {stack.parameter_count} weights"
            yield Problem(path=("lines",), code="range", detail=detail)

    def measure(self, subject: Subject) -> Reading:
        """Count the pieces of each line."""
        import numpy as np

        from workers.engine.line_regions import dense_layers, line_regions

        stack, scaling = subject.stack, subject.scaling
        assert stack is not None, "the spec refuses architectures without a stack"
        if not all(np.isfinite(array).all() for array in subject.state.values()):
            return Reading(metrics=dict.fromkeys(self.metric_names(), math.nan))
        layers = dense_layers(stack, subject.state)
        starts, ends = self._lines(subject)
        first, last = ((points - scaling.input_mean) / scaling.input_scale for points in (starts, ends))
        lines = zip(first, last, strict=True)
        counts = np.array([line_regions(layers, start, end, stack.residual).count for start, end in lines])
        length = float(np.linalg.norm(ends - starts, axis=1).sum())
        kinks = float((counts - 1).sum())
        values = (float(counts.mean()), float(counts.max()), kinks / length if length else math.nan)
        return Reading(
            metrics=dict(zip(self.metric_names(), values, strict=True)),
            arrays={"counts": counts, "starts": starts, "ends": ends},
        )

    def _lines(self, subject: Subject) -> "tuple[Floats, Floats]":
        from workers.engine.philox import Purpose, Stream
        from workers.engine.segments import between_points, chords

        stream = Stream(seed=subject.seed, purpose=Purpose.PROBE).child("line-regions")
        if self.through == "samples":
            return between_points(subject.split.test.inputs, self.lines, stream)
        assert subject.box is not None, "the spec refuses a domain without a target"
        return chords(subject.box, self.lines, stream)


def _piecewise_linear(stack: DenseStack) -> bool:
    return stack.activation == "relu" or len(stack.sizes) == 2
