"""Stacks of fully connected layers, as a torch module and as a function of given weights."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional

from workers.catalogue.values import DenseStack
from workers.engine.activations import ACTIVATIONS


class DenseNetwork(nn.Module):
    """The module of a dense stack: (n, sizes[0]) to (n, sizes[-1]), named layers.<i>.weight and layers.<i>.bias."""

    def __init__(self, stack: DenseStack) -> None:
        super().__init__()
        self.stack = stack
        pairs = zip(stack.sizes[:-1], stack.sizes[1:], strict=True)
        layers = [nn.Linear(fan_in, fan_out, bias=stack.bias) for fan_in, fan_out in pairs]
        self.layers = nn.ModuleList(layers)
        self.activation = ACTIVATIONS[stack.activation].function

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, inputs) to (n, outputs)."""
        weights = [
            (layer.get_parameter("weight"), layer.get_parameter("bias") if self.stack.bias else None)
            for layer in self.layers
        ]
        return dense_outputs(self.stack, weights, inputs, self.activation)


def dense_outputs(
    stack: DenseStack,
    weights: Sequence[tuple[Tensor, Tensor | None]],
    inputs: Tensor,
    activation: Callable[[Tensor], Tensor],
) -> Tensor:
    """Map (n, d) to (n, m) by the layers' weights (out, in) and biases (out,)."""
    hidden = inputs
    for index, (weight, bias) in enumerate(weights[:-1]):
        output = activation(functional.linear(hidden, weight, bias))
        hidden = output + hidden if adds_input(stack, index) else output
    weight, bias = weights[-1]
    return functional.linear(hidden, weight, bias)


def adds_input(stack: DenseStack, index: int) -> bool:
    """Say whether hidden layer `index` adds its input to its output."""
    return stack.residual and stack.sizes[index] == stack.sizes[index + 1]
