"""The multilayer perceptron."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.initialisation import Initialisation, drawn_state
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.stacks import StackNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import State

Activation = Literal["relu", "tanh", "gelu", "sigmoid", "softplus", "silu", "sine", "square", "exp"]


@architectures.register("mlp", source="Rosenblatt 1958, doi:10.1037/h0042519; initial weights as in torch.nn.Linear")
@dataclass(frozen=True, kw_only=True)
class MultilayerPerceptron(StackNetwork):
    """Fully connected layers with an activation between them; the last layer is linear.

    `width` is the number of units of every hidden layer, or a list with one number per hidden layer. With
    `residual` a hidden layer that keeps its width adds its input to its output. The activation `square` is
    x**2, `sine` is sin(x), `exp` is e**x; `gelu` is the exact one, x times the normal distribution function.
    """

    width: int | tuple[int, ...] = parameter(
        64, "units per hidden layer: a number, or one per layer", minimum=1, maximum=65_536, min_items=1, max_items=256
    )
    depth: int | None = parameter(
        None, "hidden layers; null: 2, or as many as width lists; 0: a linear model", minimum=0, maximum=256
    )
    activation: Activation = parameter("relu", "nonlinearity between layers")
    bias: bool = parameter(True, "whether layers add a bias")
    residual: bool = parameter(False, "whether a hidden layer adds its input to its output")
    initialisation: Initialisation = parameter(Initialisation(), "how the initial weights are drawn")

    def problems(self) -> Iterable[Problem]:
        """Yield a list of widths that does not match the depth."""
        if isinstance(self.width, tuple) and self.depth is not None and len(self.width) != self.depth:
            detail = f"lists {len(self.width)} hidden layers but depth is {self.depth}: leave depth out"
            yield Problem(path=("width",), code="length", detail=detail)

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the units of each hidden layer."""
        if isinstance(self.width, tuple):
            return self.width
        return (self.width,) * (2 if self.depth is None else self.depth)

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the layers."""
        return DenseStack(
            sizes=(inputs, *self.widths, outputs), activation=self.activation, bias=self.bias, residual=self.residual
        )

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the drawn weights."""
        return drawn_state(self.stack(inputs, outputs), self.initialisation, seed)
