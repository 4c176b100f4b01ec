"""Layers on a grid whose windows have weights of their own."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from workers.catalogue.grids import GridLayer, Weights, area
from workers.engine.convolution import WindowModule, padded

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LocalConnection(WindowModule):
    """A layer with weights (positions, channels, channels before, k, ...) and biases (positions, channels)."""

    def __init__(self, layer: GridLayer, weights: Weights, activation: str, bias: bool) -> None:
        super().__init__(layer, weights, activation, bias)
        self.register_buffer("windows", torch.from_numpy(window_entries(layer)), persistent=False)

    def weigh(self, inputs: Tensor) -> Tensor:
        """Multiply each position's window with a matrix of its own."""
        layer = self.layer
        positions = area(layer.convolved, layer.axes)
        framed = padded(inputs, layer.window.margins, layer.padding, layer.axes).flatten(1)
        seen = framed.index_select(1, self.get_buffer("windows")).reshape(-1, positions, layer.fan_in).transpose(0, 1)
        matrices = self.weight.reshape(positions, layer.planes, layer.fan_in).transpose(1, 2)
        biases = self.bias if self.bias is None else self.bias.unsqueeze(1)
        sums = torch.bmm(seen, matrices) if biases is None else torch.baddbmm(biases, seen, matrices)
        return sums.permute(1, 2, 0).reshape(-1, layer.planes, *(layer.convolved,) * layer.axes)


def window_entries(layer: GridLayer) -> "NDArray[np.int64]":
    """Return which numbers of a padded input (planes, size, ...) each window holds, window by window: flat."""
    size = layer.size + sum(layer.window.margins)
    starts = layer.window.stride * np.arange(layer.convolved)
    along = starts[:, None] + np.arange(layer.window.width)  # (windows, width) of one axis
    if layer.axes == 2:
        along = (along[:, None, :, None] * size + along[None, :, None, :]).reshape(-1, layer.entries)
    planes = area(size, layer.axes) * np.arange(layer.planes_in)
    return np.asarray(along[:, None, :] + planes[:, None]).reshape(-1)
