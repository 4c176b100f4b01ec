"""The locally connected network."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.grids import GridLayer, Weights, area
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from torch.nn import Module


@architectures.register(
    "locally-connected",
    source="LeCun 1989, Generalization and network design strategies; Neyshabur 2020, arXiv:2007.13657",
)
@dataclass(frozen=True, kw_only=True)
class LocallyConnectedNetwork(GridNetwork):
    """The geometry of the kind cnn without shared weights: every window has weights and biases of its own.

    Names of the state: layers.<i>.weight (positions, channels, channels before, k) or (..., k, k), layers.<i>.bias
    (positions, channels), head.weight (outputs, features) and head.bias (outputs,); in a map the head is a layer with
    windows of 1. Positions are those of the windows, row by row.
    """

    dimensions: int = parameter(2, "axes of the input: 1 a line, 2 a square", minimum=1, maximum=2)

    def vmap_matrices(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Return the sizes of the layers' and the head's weights."""
        return tuple(math.prod(each.shape) for each in self.weights(self.grid(inputs, outputs)))

    @property
    def axes(self) -> int:
        """Return the dimensions."""
        return self.dimensions

    @property
    def orientations(self) -> int:
        """Return 1."""
        return 1

    def layer_weights(self, name: str, layer: GridLayer) -> Weights:
        """Return one kernel per position and pair of channels."""
        positions = area(layer.convolved, layer.axes)
        return Weights(
            name=name,
            shape=(positions, layer.planes, layer.planes_in, *layer.kernel),
            bias=(positions, layer.planes),
            fan_in=layer.fan_in,
            fan_out=layer.fan_out,
            uses=1,
            sets=positions,
        )

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return the layers as a torch module."""
        from workers.engine.convolution import grid_module
        from workers.engine.local_connection import LocalConnection

        stack = self.grid(inputs, outputs)
        return grid_module(stack, self.weights(stack), self.activation, self.bias, LocalConnection)
