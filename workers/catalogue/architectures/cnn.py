"""The convolutional network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.grids import GridLayer, Weights, shared_weights
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from torch.nn import Module


@architectures.register(
    "cnn", source="LeCun et al. 1989, doi:10.1162/neco.1989.1.4.541; blur pooling: Zhang 2019, arXiv:1904.11486"
)
@dataclass(frozen=True, kw_only=True)
class ConvolutionalNetwork(GridNetwork):
    """Layers of convolutions on a line or a square: every window of a layer has the same weights.

    Names of the state, which load into torch.nn: layers.<i>.weight (channels, channels before, k) or (..., k, k) and
    layers.<i>.bias (channels,) of Conv1d or Conv2d; head.weight (outputs, features) and head.bias of Linear, or of
    a convolution with a kernel of 1 in a map. The network of MNIST-1D (Greydanus and Kobak 2024) has dimensions 1,
    channels 25, kernel_size [5, 3, 3], stride 2, padding_width 1 and the head flatten.
    """

    dimensions: int = parameter(2, "axes of the input: 1 a line, 2 a square", minimum=1, maximum=2)

    @property
    def axes(self) -> int:
        """Return the dimensions."""
        return self.dimensions

    @property
    def orientations(self) -> int:
        """Return 1."""
        return 1

    def layer_weights(self, name: str, layer: GridLayer) -> Weights:
        """Return one kernel per pair of channels."""
        return shared_weights(name, layer)

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return the layers as a torch module."""
        from workers.engine.convolution import Convolution, grid_module

        stack = self.grid(inputs, outputs)
        return grid_module(stack, self.weights(stack), self.activation, self.bias, Convolution)
