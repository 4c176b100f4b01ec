"""A power of the error."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Loss, losses
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import Task

if TYPE_CHECKING:
    from torch import Tensor


@losses.register("lp", source="Arora, Cohen and Hazan 2018, arXiv:1802.06509, section 3")
@dataclass(frozen=True, kw_only=True)
class LpLoss(Loss):
    """Mean over samples and outputs of |outputs - targets|**p; for p = 2 the mean squared error."""

    p: float = parameter(4.0, "power of the absolute error", minimum=1.0, maximum=16.0)

    def value(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return the mean over the last two axes."""
        return (outputs - targets).abs().pow(self.p).mean(dim=(-2, -1))

    def delta(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return p sign(e) |e|**(p - 1) / (n m), with e the error; 0 where there is none."""
        error = outputs - targets
        return error.sign().mul_(error.abs().pow(self.p - 1)).mul_(self.p / (outputs.shape[-2] * outputs.shape[-1]))

    def misfits(self, task: Task) -> Iterable[Problem]:
        """Yield that classes have no errors to take powers of."""
        if task is not Task.REGRESSION:
            yield Problem(detail="lp needs a regression: use cross-entropy")
