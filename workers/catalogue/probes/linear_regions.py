"""The pieces of a relu network."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workers.catalogue.domains import LARGEST_COORDINATE, interval_problems
from workers.catalogue.kinds import Architecture, Network, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, DenseStack, Reading, Subject, Task


@probes.register(
    "linear-regions", source="Hanin and Rolnick 2019, arXiv:1901.09021; Montufar et al. 2014, arXiv:1402.1869"
)
@dataclass(frozen=True, kw_only=True)
class LinearRegions(Probe):
    """How many linear pieces a relu network of one input has on an interval, counted exactly from its weights.

    Metric: linear_regions, NaN for weights that are not finite. Arrays, in the units of the data: breakpoints
    (b,) inside the interval, slopes (b + 1, outputs) of the pieces.
    """

    domain: tuple[float, float] | None = parameter(
        None,
        "[low, high] of the interval; null: the target's domain",
        minimum=-LARGEST_COORDINATE,
        maximum=LARGEST_COORDINATE,
    )

    def problems(self) -> Iterable[Problem]:
        """Yield an empty interval."""
        return interval_problems([("domain", self.domain)] if self.domain else [])

    def metric_names(self) -> tuple[str, ...]:
        """Return the count."""
        return self.named("linear_regions")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield more than one input, another activation, and a missing interval."""
        if sizes.inputs != 1:
            yield Problem(detail=f"counts along 1 input; the data have {sizes.inputs}")
            return
        stack = architecture.stack(1, sizes.outputs) if isinstance(architecture, Network) else None
        if stack is None or not _piecewise_linear(stack):
            yield Problem(detail='needs dense layers with the activation "relu": others have no linear pieces')
        if self.domain is None and target is None:
            yield Problem(path=("domain",), code="required", detail="is required where no target gives one")

    def measure(self, subject: Subject) -> Reading:
        """Count the pieces."""
        import numpy as np

        from workers.engine.regions import linear_regions

        stack, interval = subject.stack, self.domain or (subject.box or ((-1.0, 1.0),))[0]
        assert stack is not None, "the spec refuses architectures without a stack"
        scaling, state = subject.scaling, subject.state
        if not all(np.isfinite(array).all() for array in state.values()):
            return Reading(metrics=dict.fromkeys(self.metric_names(), math.nan))
        layers = [
            (state[f"layers.{i}.weight"], state.get(f"layers.{i}.bias", np.zeros(stack.sizes[i + 1])))
            for i in range(len(stack.sizes) - 1)
        ]
        mean, scale = float(scaling.input_mean[0]), float(scaling.input_scale[0])
        low, high = ((end - mean) / scale for end in interval)
        found = linear_regions(layers, low, high, residual=stack.residual)
        return Reading(
            metrics=dict.fromkeys(self.metric_names(), float(found.count)),
            arrays={
                "breakpoints": found.breakpoints * scale + mean,
                "slopes": found.slopes * scaling.output_scale / scale,
            },
        )


def _piecewise_linear(stack: DenseStack) -> bool:
    return stack.activation == "relu" or len(stack.sizes) == 2
