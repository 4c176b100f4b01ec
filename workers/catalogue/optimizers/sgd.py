"""Stochastic gradient descent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Optimizer, optimizers
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from workers.catalogue.values import Floats


@optimizers.register("sgd", source="Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Sutskever et al. 2013, ICML")
@dataclass(frozen=True, kw_only=True)
class StochasticGradientDescent(Optimizer):
    """Steps along the gradient, or along a velocity: v = momentum v + gradient, parameters -= learning_rate v.

    With `nesterov` the step is gradient + momentum v. Both are as in torch.optim.SGD without dampening.
    """

    buffers = ("velocity",)
    numeric = ("learning_rate", "momentum")

    learning_rate: float = parameter(0.01, "step size", exclusive_minimum=0.0, maximum=1e6)
    momentum: float = parameter(0.0, "decay of the velocity", minimum=0.0, exclusive_maximum=1.0)
    nesterov: bool = parameter(False, "look ahead along the velocity")

    def problems(self) -> Iterable[Problem]:
        """Yield that Nesterov's step needs a momentum."""
        if self.nesterov and self.momentum == 0:
            yield Problem(path=("nesterov",), detail="needs a momentum above 0")

    def coefficients(self, steps: "Floats", factors: "Floats") -> "Floats":
        """Return columns -learning rate, momentum."""
        import numpy as np

        return np.stack([-self.learning_rate * factors, np.full(len(steps), self.momentum)], axis=1)

    def update(
        self, parameters: "Tensor", gradients: "Tensor", buffers: "Sequence[Tensor]", coefficients: "Sequence[Tensor]"
    ) -> None:
        """Apply one step in place."""
        (velocity,) = buffers
        step, momentum = coefficients
        velocity.mul_(momentum).add_(gradients)
        direction = gradients + velocity * momentum if self.nesterov else velocity
        parameters.add_(direction * step)
