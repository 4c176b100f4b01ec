"""The cross-entropy of a classification."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Loss, losses
from workers.catalogue.problems import Problem
from workers.catalogue.values import Task

if TYPE_CHECKING:
    from torch import Tensor


@losses.register("cross-entropy", source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28")
@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """Mean negative log probability, in nats, of the true class; probabilities are the softmax of the outputs."""

    def value(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return the mean over samples; targets are one-hot rows."""
        return -(targets * outputs.log_softmax(dim=-1)).sum(dim=-1).mean(dim=-1)

    def delta(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return (softmax(outputs) - targets) / n."""
        return (outputs.softmax(dim=-1) - targets).mul_(1.0 / outputs.shape[-2])

    def misfits(self, task: Task) -> Iterable[Problem]:
        """Yield that a regression has no classes."""
        if task is not Task.CLASSIFICATION:
            yield Problem(detail="cross-entropy needs a classification: use mse")
