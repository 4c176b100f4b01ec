"""The linear model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.initialisation import Initialisation, drawn_state
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.stacks import StackNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import State


@architectures.register("linear", source="Gauss 1809, Theoria motus, section 179; Widrow and Hoff 1960, IRE WESCON")
@dataclass(frozen=True, kw_only=True)
class Linear(StackNetwork):
    """Outputs W x + b, trained by gradients.

    The mean squared error is convex in W and b, so plain gradient descent has a closed form: the distance to
    its limit shrinks by 1 - learning_rate times an eigenvalue of the Hessian, a step and an eigenvector. With
    more inputs than samples the limit is the exact fit nearest to the start, from zero that of least norm.
    """

    bias: bool = parameter(True, "whether a constant b is added")
    initialisation: Initialisation = parameter(Initialisation(), "how the initial weights are drawn")

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the one layer."""
        return DenseStack(sizes=(inputs, outputs), activation="identity", bias=self.bias)

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the drawn weights."""
        return drawn_state(self.stack(inputs, outputs), self.initialisation, seed)
