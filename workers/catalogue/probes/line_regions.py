"""The pieces of a relu network along lines."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workers.catalogue.kinds import probes
from workers.catalogue.line_probes import LineProbe
from workers.catalogue.problems import Problem
from workers.catalogue.values import DenseStack, Reading, Subject


@probes.register("line-regions", source="Hanin and Rolnick 2019, arXiv:1901.09021; Raghu et al. 2017, arXiv:1606.05336")
@dataclass(frozen=True, kw_only=True)
class LineRegions(LineProbe):
    """How many linear pieces a relu network of any number of inputs has along random lines, exactly from its weights.

    The lines go from one test sample to another, or through two uniform points of the target's domain from face to
    face, which in one dimension is the interval itself, once. Metrics: line_regions_mean and line_regions_max, the
    pieces of a line; kinks_per_length, the kinks over the summed lengths of the lines in the units of the data,
    which at initialisation grows like the number of units. All are NaN for weights that are not finite. Arrays:
    counts (lines,), starts and ends (lines, d) in the units of the data.
    """

    def metric_names(self) -> tuple[str, ...]:
        """Return mean, maximum and density."""
        return self.named("line_regions_mean", "line_regions_max", "kinks_per_length")

    def work(self, stack: DenseStack) -> int:
        """Return about as many pieces as units (Hanin and Rolnick 2019), times the weights."""
        return (1 + sum(stack.sizes[1:-1])) * stack.parameter_count

    def misfits_of_stack(self, stack: DenseStack | None) -> Iterable[Problem]:
        """Yield that other networks have no linear pieces."""
        if stack is None or not _piecewise_linear(stack):
            yield Problem(detail='needs dense layers with the activation "relu": others have no linear pieces')

    def measure(self, subject: Subject) -> Reading:
        """Count the pieces of each line."""
        import numpy as np

        from workers.engine.line_regions import dense_layers, line_regions

        stack, scaling = subject.stack, subject.scaling
        assert stack is not None, "the spec refuses architectures without a stack"
        if not all(np.isfinite(array).all() for array in subject.state.values()):
            return Reading(metrics=dict.fromkeys(self.metric_names(), math.nan))
        layers = dense_layers(stack, subject.state)
        starts, ends = self.drawn(subject)
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


def _piecewise_linear(stack: DenseStack) -> bool:
    return stack.activation == "relu" or len(stack.sizes) == 2
