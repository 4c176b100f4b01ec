"""The mean squared error."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Loss, losses

if TYPE_CHECKING:
    from torch import Tensor


@losses.register("mse", source="Gauss 1809, Theoria motus, section 179")
@dataclass(frozen=True, kw_only=True)
class MeanSquaredError(Loss):
    """Mean over samples and outputs of the squared difference."""

    def value(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return the mean over the last two axes."""
        return (outputs - targets).square().mean(dim=(-2, -1))

    def delta(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return 2 (outputs - targets) / (n m)."""
        return (outputs - targets).mul_(2.0 / (outputs.shape[-2] * outputs.shape[-1]))
