"""Networks whose first layer is fixed: random features under a trained linear layer."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.engine.activations import ACTIVATIONS


class FixedLinear(nn.Module):
    """An affine map (n, inputs) to (n, outputs) that no training moves: its weight and bias are buffers."""

    weight: Tensor  # (outputs, inputs)
    bias: Tensor  # (outputs,)

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs))
        self.register_buffer("bias", torch.zeros(outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the map."""
        return functional.linear(inputs, self.weight, self.bias)


class RandomFeatureNetwork(nn.Module):
    """A linear layer over fixed features: (n, sizes[0]) to (n, sizes[2]), named layers.0 and layers.1."""

    def __init__(self, sizes: tuple[int, int, int], *, activation: str, factor: float, bias: bool) -> None:
        super().__init__()
        inputs, width, outputs = sizes
        self.layers = nn.ModuleList([FixedLinear(inputs, width), nn.Linear(width, outputs, bias=bias)])
        self.activation, self.factor = _function(activation), factor

    def features(self, inputs: Tensor) -> Tensor:
        """Return the features (n, sizes[1])."""
        return self.factor * self.activation(self.layers[0](inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, inputs) to (n, outputs)."""
        outputs: Tensor = self.layers[1](self.features(inputs))
        return outputs


def _function(activation: str) -> Callable[[Tensor], Tensor]:
    return torch.cos if activation == "cosine" else ACTIVATIONS[activation].function
