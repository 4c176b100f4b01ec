"""Adam."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Optimizer, optimizers
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from torch import Tensor

    from workers.catalogue.values import Floats


@optimizers.register("adam", source="Kingma and Ba 2015, arXiv:1412.6980, algorithm 1")
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square, both corrected for their start at zero."""

    buffers = ("mean", "square")
    numeric = ("learning_rate", "beta1", "beta2", "epsilon")

    learning_rate: float = parameter(0.001, "step size", exclusive_minimum=0.0, maximum=1e6)
    beta1: float = parameter(0.9, "decay of the mean of gradients", minimum=0.0, exclusive_maximum=1.0)
    beta2: float = parameter(0.999, "decay of the mean of squared gradients", minimum=0.0, exclusive_maximum=1.0)
    epsilon: float = parameter(1e-8, "added to the root of the mean square", minimum=1e-37, maximum=1.0)

    def coefficients(self, steps: "Floats", factors: "Floats") -> "Floats":
        """Return columns beta1, 1-beta1, beta2, 1-beta2, step size, root correction, epsilon."""
        import numpy as np

        t = steps + 1.0
        columns = np.empty((len(steps), 7))
        columns[:, :4] = self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2
        columns[:, 4] = -self.learning_rate * factors / (1 - self.beta1**t)
        columns[:, 5] = np.sqrt(1 - self.beta2**t)
        columns[:, 6] = self.epsilon
        return columns

    def update(
        self, parameters: "Tensor", gradients: "Tensor", buffers: "Sequence[Tensor]", coefficients: "Sequence[Tensor]"
    ) -> None:
        """Apply one step in place."""
        mean, square = buffers
        beta1, rest1, beta2, rest2, step, root_correction, epsilon = coefficients
        mean.mul_(beta1).addcmul_(gradients, rest1)
        square.mul_(beta2).add_(gradients.mul_(gradients).mul_(rest2))
        parameters.add_(
            gradients.copy_(square).sqrt_().div_(root_correction).add_(epsilon).reciprocal_().mul_(mean).mul_(step)
        )
