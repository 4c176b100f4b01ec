"""Adam with decoupled weight decay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Optimizer, optimizers
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from torch import Tensor

    from workers.catalogue.values import Floats


@optimizers.register("adamw", source="Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2")
@dataclass(frozen=True, kw_only=True)
class AdamW(Optimizer):
    """Adam that also shrinks every parameter by the factor 1 - learning_rate weight_decay at each step.

    The decay is no part of the gradient, so the running means do not see it; biases decay as weights do.
    """

    buffers = ("mean", "square")
    numeric = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")

    learning_rate: float = parameter(0.001, "step size", exclusive_minimum=0.0, maximum=1e6)
    beta1: float = parameter(0.9, "decay of the mean of gradients", minimum=0.0, exclusive_maximum=1.0)
    beta2: float = parameter(0.999, "decay of the mean of squared gradients", minimum=0.0, exclusive_maximum=1.0)
    epsilon: float = parameter(1e-8, "added to the root of the mean square", minimum=1e-37, maximum=1.0)
    weight_decay: float = parameter(0.01, "shrinking per step, in units of the learning rate", minimum=0.0, maximum=1e6)

    def coefficients(self, steps: "Floats", factors: "Floats") -> "Floats":
        """Return columns beta1, 1-beta1, beta2, 1-beta2, step size, root correction, epsilon, kept fraction."""
        import numpy as np

        t = steps + 1.0
        columns = np.empty((len(steps), 8))
        columns[:, :4] = self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2
        columns[:, 4] = -self.learning_rate * factors / (1 - self.beta1**t)
        columns[:, 5] = np.sqrt(1 - self.beta2**t)
        columns[:, 6] = self.epsilon
        columns[:, 7] = 1 - self.learning_rate * factors * self.weight_decay
        return columns

    def update(
        self, parameters: "Tensor", gradients: "Tensor", buffers: "Sequence[Tensor]", coefficients: "Sequence[Tensor]"
    ) -> None:
        """Apply one step in place."""
        mean, square = buffers
        beta1, rest1, beta2, rest2, step, root_correction, epsilon, kept = coefficients
        mean.mul_(beta1).addcmul_(gradients, rest1)
        square.mul_(beta2).add_(gradients.mul_(gradients).mul_(rest2))
        change = gradients.copy_(square).sqrt_().div_(root_correction).add_(epsilon).reciprocal_().mul_(mean).mul_(step)
        parameters.mul_(kept).add_(change)
