"""Convolutions over the groups p4 and p4m, by one ordinary convolution with every orientation of each kernel.

Source: Cohen and Welling 2016, arXiv:1602.07576, section 6: the sum over x of psi(g^-1 x) f(x) in the first layer,
the sum over h and x of psi(g^-1 h, g^-1 x) f(h, x) in the others.
"""

import numpy as np
import torch
from torch import Tensor

from workers.catalogue.grids import GridLayer, Weights
from workers.engine.convolution import WindowModule, convolved
from workers.engine.plane_groups import oriented_kernels


class GroupConvolution(WindowModule):
    """A layer with weights (channels, channels before, [orientations before,] k, k) and a bias per channel.

    Plane c * orientations + g of the result belongs to orientation g of channel c.
    """

    def __init__(self, layer: GridLayer, weights: Weights, activation: str, bias: bool) -> None:
        super().__init__(layer, weights, activation, bias)
        places = oriented_kernels(layer.window.width, layer.orientations_in, layer.orientations)
        channels, before = weights.shape[:2]
        kernels = np.arange(channels * before).reshape(channels, 1, before, 1, 1, 1) * places[0].size
        entries = kernels + places[None, :, None]  # (channels, orientations, before, orientations before, k, k)
        self.register_buffer("entries", torch.from_numpy(entries.reshape(-1)), persistent=False)

    def weigh(self, inputs: Tensor) -> Tensor:
        """Convolve with all orientations of the kernels."""
        layer = self.layer
        # One gather: half the time of turning the kernel orientation by orientation.
        entries = self.weight.flatten().index_select(0, self.get_buffer("entries"))
        weight = entries.reshape(layer.planes, layer.planes_in, *layer.kernel)
        bias = None if self.bias is None else self.bias.repeat_interleave(layer.orientations)
        return convolved(inputs, weight, bias, layer)
