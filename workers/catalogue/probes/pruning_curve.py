"""How many weights a network can do without."""

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

USUAL = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
ROUNDING = 1e-9  # of an accuracy, a quotient of whole numbers
LARGEST_WORK = 2**38  # sparsities times samples times weights: some minutes on one core


@probes.register(
    "pruning-curve", source="Han et al. 2015, arXiv:1506.02626; without retraining: LeCun, Denker and Solla 1989"
)
@dataclass(frozen=True, kw_only=True)
class PruningCurve(Probe):
    """What is left of a network on the test samples when its smallest weights are set to zero, without retraining.

    Weights are the trained arrays of two or more axes (biases stay); of n weights round(sparsity n) are pruned, those
    of the smallest magnitude in the whole network (`global`) or in each array by itself (`layer`). Metrics:
    prunable_sparsity, the largest sparsity up to which `curve` stays within the tolerance at every one that was
    looked at, NaN for a model without a finite value; pruned_test_loss, pruned_test_accuracy or
    pruned_test_l2_error, the curve at `sparsity`. Arrays, one entry per sparsity, the first for the whole network:
    sparsities, remaining_weights (those that are not zero), test_loss, and test_accuracy of a classification or
    test_l2_error of a regression.
    """

    sparsities: tuple[float, ...] = parameter(
        USUAL, "fractions of the weights set to zero", minimum=0.0, maximum=1.0, min_items=1, max_items=100
    )
    scope: Literal["global", "layer"] = parameter("global", "where the smallest weights are looked for")
    curve: Literal["test_loss", "test_accuracy", "test_l2_error"] = parameter("test_loss", "what must not get worse")
    tolerance: float = parameter(
        0.1,
        "how much worse it may get: relative for loss and l2_error, absolute for accuracy",
        minimum=0.0,
        maximum=1e6,
    )
    sparsity: float = parameter(0.9, "where the curve becomes a metric", minimum=0.0, maximum=1.0)

    def metric_names(self) -> tuple[str, ...]:
        """Return the sparsity that does no harm, and the curve at one sparsity."""
        return self.named("prunable_sparsity", f"pruned_{self.curve}")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield models without weights, a curve that is not recorded, and too much work."""
        if not isinstance(architecture, Network):
            yield Problem(detail="needs a network: an estimator has no weights to prune")
            return
        wanted = {"test_accuracy": Task.CLASSIFICATION, "test_l2_error": Task.REGRESSION}
        if wanted.get(self.curve, task) is not task:
            yield Problem(path=("curve",), detail=f"a {task} has no curve {self.curve}: use test_loss")
        if sizes.test == 0:
            yield Problem(detail="there are no test samples")
            return
        multiplications = architecture.multiplications_per_sample(sizes.inputs, sizes.outputs)
        most = LARGEST_WORK // (sizes.test * multiplications)
        if (count := len(self._looked_at())) > most:
            detail = f"{count} sparsities, 0 and {self.sparsity:g} among them, take too long: at most {most}"
            yield Problem(path=("sparsities",), code="range", detail=f"{detail}, or use fewer test samples")

    def measure(self, subject: Subject) -> Reading:
        """Prune the whole network to each sparsity and evaluate it."""
        import numpy as np

        from workers.engine.pruning import pruning_curve

        looked_at = self._looked_at()
        arrays = pruning_curve(subject, looked_at, self.scope)
        curve = arrays[self.curve]
        values = (self._prunable(looked_at, curve), float(curve[looked_at.index(self.sparsity)]))
        return Reading(
            metrics=dict(zip(self.metric_names(), values, strict=True)),
            arrays={"sparsities": np.array(looked_at), **arrays},
        )

    def _looked_at(self) -> tuple[float, ...]:
        return tuple(sorted({0.0, self.sparsity, *self.sparsities}))

    def _prunable(self, sparsities: tuple[float, ...], curve: "Floats") -> float:
        """Return the last of the sparsities before the curve first gets worse than is tolerated."""
        whole = float(curve[0])
        if not math.isfinite(whole):
            return math.nan
        if self.curve == "test_accuracy":
            fine = curve >= whole - self.tolerance - ROUNDING
        else:
            fine = curve <= (1 + self.tolerance) * whole
        return sparsities[next((index for index, each in enumerate(fine) if not each), len(sparsities)) - 1]
