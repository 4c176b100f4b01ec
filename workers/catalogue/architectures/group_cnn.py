"""The convolutional network that is equivariant to rotations and reflections."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.grids import GridLayer, Weights, shared_weights
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from torch.nn import Module


@architectures.register("group-cnn", source="Cohen and Welling 2016, arXiv:1602.07576")
@dataclass(frozen=True, kw_only=True)
class GroupConvolutionalNetwork(GridNetwork):
    """Convolutions on a square whose filters are used in every orientation: 4 quarter turns, or 8 with mirror images.

    Each channel has one plane per orientation. The head `average` is invariant: a mean over orientations and positions;
    `map` takes the mean over orientations alone; `flatten` is neither. A layer with a stride or a pool keeps the
    symmetry only where its windows lie symmetrically: (size + padding - kernel_size) a multiple of the stride, the
    size a multiple of a max or average pool, (size - 1) one of a padded blur; an even kernel needs padding none or
    a padding_width. Names of the state: layers.0.weight (channels, input channels, k, k), layers.<i>.weight (channels,
    channels before, orientations, k, k), layers.<i>.bias (channels,), head.weight and head.bias as in the kind cnn.
    """

    group: Literal["p4", "p4m"] = parameter("p4", "quarter turns, or quarter turns and mirror images")

    @property
    def axes(self) -> int:
        """Return 2."""
        return 2

    @property
    def orientations(self) -> int:
        """Return the order of the group without its translations."""
        return {"p4": 4, "p4m": 8}[self.group]

    def layer_weights(self, name: str, layer: GridLayer) -> Weights:
        """Return one kernel per pair of channels, and from the second layer on per orientation."""
        return shared_weights(name, layer)

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return the layers as a torch module."""
        from workers.engine.convolution import grid_module
        from workers.engine.group_convolution import GroupConvolution

        stack = self.grid(inputs, outputs)
        return grid_module(stack, self.weights(stack), self.activation, self.bias, GroupConvolution)
