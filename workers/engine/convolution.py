"""Networks of sliding windows as torch modules, and the convolution that most of them slide."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.catalogue.grids import GridLayer, GridStack, Weights
from workers.engine.activations import ACTIVATIONS

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d}
MAX_POOLS = {1: functional.max_pool1d, 2: functional.max_pool2d}
AVERAGE_POOLS = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


class WeightedModule(nn.Module):
    """Holds a weight and a bias, or None, of the shapes of `weights`; zero until a state is loaded."""

    bias: nn.Parameter | None

    def __init__(self, weights: Weights, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(weights.shape))
        self.register_parameter("bias", nn.Parameter(torch.zeros(weights.bias)) if bias else None)


class WindowModule(WeightedModule):
    """A layer on a grid: (n, planes before, size, ...) to (n, planes, size after, ...). Abstract in `weigh`."""

    def __init__(self, layer: GridLayer, weights: Weights, activation: str, bias: bool) -> None:
        super().__init__(weights, bias)
        self.layer = layer
        self.activation = ACTIVATIONS[activation].function
        taps = torch.tensor(layer.taps)
        low_pass = taps if layer.axes == 1 else torch.outer(taps, taps)
        # Not part of the state: a plain torch network has no such array.
        self.register_buffer("low_pass", low_pass[None, None], persistent=False)

    @abstractmethod
    def weigh(self, inputs: Tensor) -> Tensor:
        """Return the weighted sums over all windows, with biases."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Weigh the windows, activate, pool."""
        return self.pool(self.activation(self.weigh(inputs)))

    def pool(self, values: Tensor) -> Tensor:
        """Return one value for each pool of positions."""
        layer = self.layer
        if layer.pooling == "max":
            return MAX_POOLS[layer.axes](values, layer.pool.width)
        if layer.pooling == "average":
            return AVERAGE_POOLS[layer.axes](values, layer.pool.width)
        if layer.pooling == "none":
            return values
        framed = padded(values, layer.pool.margins, layer.padding, layer.axes)
        # Planes become samples, so that one filter serves all: a convolution in groups is slower.
        apart = framed.flatten(0, 1).unsqueeze(1)
        blurred = CONVOLUTIONS[layer.axes](apart, self.get_buffer("low_pass"), stride=layer.pool.stride)
        return blurred.reshape(-1, layer.planes, *blurred.shape[2:])


class Convolution(WindowModule):
    """A layer whose windows share their weights: (channels, channels before, k) or (..., k, k)."""

    def weigh(self, inputs: Tensor) -> Tensor:
        """Convolve."""
        return convolved(inputs, self.weight, self.bias, self.layer)


class LinearHead(WeightedModule):
    """A linear layer at the end: (n, features) to (n, outputs)."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Multiply and add."""
        return functional.linear(inputs, self.weight, self.bias)


class GridModule(nn.Module):
    """Layers on a grid and a head: (n, inputs) to (n, outputs), inputs one channel after the other."""

    def __init__(self, stack: GridStack, layers: Sequence[WindowModule], head: WeightedModule) -> None:
        super().__init__()
        self.stack = stack
        self.layers = nn.ModuleList(layers)
        self.head = head

    def features(self, inputs: Tensor) -> Tensor:
        """Return what the head reads: (n, planes, positions) or (n, planes, positions, positions)."""
        stack = self.stack
        hidden = inputs.reshape(-1, stack.planes, *(stack.size,) * stack.axes)
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, inputs) to (n, outputs)."""
        stack, hidden = self.stack, self.features(inputs)
        if stack.head == "flatten":
            hidden = hidden.flatten(1)
        elif stack.head == "average":  # over orientations too, which stand beside each other
            hidden = hidden.reshape(-1, stack.channels, stack.numbers_out // stack.channels).mean(-1)
        else:
            hidden = hidden.reshape(-1, stack.channels, stack.layers[-1].orientations, *hidden.shape[2:]).mean(2)
        found: Tensor = self.head(hidden)
        return found.flatten(1)


def grid_module(
    stack: GridStack,
    weights: Sequence[Weights],
    activation: str,
    bias: bool,
    layer: Callable[[GridLayer, Weights, str, bool], WindowModule],
) -> GridModule:
    """Return the module whose layers `layer` makes; a map's head is one of them, without activation."""
    layers = [layer(each, its, activation, bias) for each, its in zip(stack.layers, weights, strict=False)]
    last = weights[-1]
    head = layer(stack.map_layer, last, "identity", bias) if stack.head == "map" else LinearHead(last, bias)
    return GridModule(stack, layers, head)


def convolved(inputs: Tensor, weight: Tensor, bias: Tensor | None, layer: GridLayer) -> Tensor:
    """Convolve (n, planes before, ...) with a kernel (planes, planes before, k, ...), the frame padded."""
    convolve, (before, after) = CONVOLUTIONS[layer.axes], layer.window.margins
    if layer.padding == "zero" and before == after:
        return convolve(inputs, weight, bias, stride=layer.window.stride, padding=before)
    framed = padded(inputs, layer.window.margins, layer.padding, layer.axes)
    return convolve(framed, weight, bias, stride=layer.window.stride)


def padded(values: Tensor, margins: tuple[int, int], padding: str, axes: int) -> Tensor:
    """Add `margins` positions before and after along the last `axes` axes."""
    if margins == (0, 0):
        return values
    if padding == "zero":
        return functional.pad(values, margins * axes)
    # Joined pieces: measured at (64, 16, 16, 16) they take 0.4 ms forward and backward, torch's circular mode 0.9 ms;
    # and on a GPU torch's reflect mode has no deterministic backward.
    for axis in range(-axes, 0):
        values = torch.cat(_pieces(values, margins, padding, axis), axis)
    return values


def _pieces(values: Tensor, margins: tuple[int, int], padding: str, axis: int) -> list[Tensor]:
    """Return what lies before the values, the values, and what lies after them along an axis."""
    size, (before, after) = values.shape[axis], margins
    if padding == "circular":
        return [values.narrow(axis, size - before, before), values, values.narrow(axis, 0, after)]
    first, last = values.narrow(axis, 1, before), values.narrow(axis, size - 1 - after, after)
    return [first.flip(axis), values, last.flip(axis)]
