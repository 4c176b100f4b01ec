"""Networks whose layers slide windows over a line or a square: their parameters, sizes and initial weights."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workers.catalogue.grids import GridLayer, GridStack, Head, Padding, Pooling, Weights, Window, area
from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import Network
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State
    from workers.engine.philox import Stream

Activation = Literal["relu", "tanh", "gelu", "sigmoid", "softplus", "silu", "sine", "square", "exp"]
LISTED = {"min_items": 1, "max_items": 64}
PER_LAYER = ("channels", "kernel_size", "stride", "padding_width", "pooling", "pool_size")


@dataclass(frozen=True, kw_only=True)
class GridNetwork(Network):
    """Layers of windows on a line or a square, then a head. Abstract: an architecture says what a window does.

    Inputs are channels, each a line of positions or a square row by row. A layer is windows, activation, pooling.
    """

    input_channels: int = parameter(
        1, "channels of the input; the columns of the data are one channel after the other", minimum=1, maximum=4096
    )
    channels: int | tuple[int, ...] = parameter(
        16,
        "channels that a layer writes: a number, or one per layer",
        minimum=1,
        maximum=4096,
        **LISTED,
    )
    depth: int | None = parameter(
        None, "layers before the head; null: 2, or as many as a list has", minimum=1, maximum=64
    )
    kernel_size: int | tuple[int, ...] = parameter(
        3,
        "positions of a window along each axis: a number, or one per layer",
        minimum=1,
        maximum=1024,
        **LISTED,
    )
    stride: int | tuple[int, ...] = parameter(
        1,
        "positions from one window to the next: a number, or one per layer",
        minimum=1,
        maximum=1024,
        **LISTED,
    )
    padding: Padding = parameter("zero", "what lies beyond the ends of every axis: none means windows stay inside")
    padding_width: int | tuple[int, ...] | None = parameter(
        None,
        "positions added to each end: a number, or one per layer; null: kernel_size - 1 in all, which keeps the "
        "size at stride 1 (an even kernel has one more after than before)",
        minimum=0,
        maximum=1024,
        **LISTED,
    )
    pooling: Pooling | tuple[Pooling, ...] = parameter(
        "none",
        "of neighbouring positions after the activation: a name, or one per layer; blur is a low-pass filter, "
        "then every pool_size-th position",
        **LISTED,
    )
    pool_size: int | tuple[int, ...] = parameter(
        2,
        "positions along each axis that pooling makes one: a number, or one per layer",
        minimum=2,
        maximum=1024,
        **LISTED,
    )
    activation: Activation = parameter("relu", "nonlinearity after the windows of every layer")
    bias: bool = parameter(True, "whether layers and head add a bias")
    head: Head = parameter(
        "average",
        "what follows the layers: their mean over all positions, or all of them, into a linear layer; "
        "map: a linear layer at each position, outputs are channels of an image",
    )
    initialisation: Initialisation = parameter(Initialisation(), "how the initial weights are drawn")

    @property
    @abstractmethod
    def axes(self) -> int:
        """Return 1 for a line, 2 for a square."""

    @property
    @abstractmethod
    def orientations(self) -> int:
        """Return how many orientations of each channel a layer writes."""

    @abstractmethod
    def layer_weights(self, name: str, layer: GridLayer) -> Weights:
        """Return the weights of one layer."""

    def problems(self) -> Iterable[Problem]:
        """Yield lists of different lengths, and a width of padding where there is none."""
        for name in PER_LAYER:
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.layer_count:
                detail = f"lists {len(value)} layers but there are {self.layer_count}: give one number per layer"
                yield Problem(path=(name,), code="length", detail=detail)
        if self.padding == "none" and self.padding_width is not None:
            yield Problem(path=("padding_width",), detail="has no part in the padding none: leave it out")

    @property
    def layer_count(self) -> int:
        """Return the layers before the head."""
        listed = (len(value) for name in PER_LAYER if isinstance(value := getattr(self, name), tuple))
        return next(listed, 2) if self.depth is None else self.depth

    def side(self, inputs: int) -> int | None:
        """Return the positions along an axis of the input, or None where the columns form no such frame."""
        size = round((inputs / self.input_channels) ** (1 / self.axes))
        return size if self.input_channels * area(size, self.axes) == inputs else None

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield columns that form no frame, windows that do not fit on it, and outputs that form no image."""
        size = self.side(sizes.inputs)
        if size is None:
            frame = "line" if self.axes == 1 else "square"
            detail = f"{sizes.inputs} inputs are not {self.input_channels} channel(s) of a {frame}: see input_channels"
            yield Problem(path=("input_channels",), detail=detail)
            return
        layer = None
        for index, layer in enumerate(self._layers(size)):
            problems = list(layer.problems())
            if problems:
                yield from (_of_layer(problem, index) for problem in problems)
                return
        places = area(layer.size_out, self.axes) if layer else 1
        if self.head == "map" and sizes.outputs % places:
            detail = f"{sizes.outputs} outputs are no channels of the {places} positions of the last layer"
            yield Problem(path=("head",), detail=detail)

    def grid(self, inputs: int, outputs: int) -> GridStack:
        """Return the layers on data of these sizes, which `misfits` has found to fit."""
        size = self.side(inputs)
        assert size is not None, "misfits refuses columns that form no frame"
        return GridStack(
            axes=self.axes,
            planes=self.input_channels,
            size=size,
            layers=tuple(self._layers(size)),
            head=self.head,
            outputs=outputs,
        )

    def weights(self, stack: GridStack) -> tuple[Weights, ...]:
        """Return the weights of the layers and of the head."""
        found = [self.layer_weights(f"layers.{index}", layer) for index, layer in enumerate(stack.layers)]
        head = self.layer_weights("head", stack.map_layer) if self.head == "map" else stack.linear_weights
        return (*found, head)

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of weights and biases."""
        return sum(each.count(self.bias) for each in self.weights(self.grid(inputs, outputs)))

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return the numbers of all layers, their windows laid out side by side, of the head and its input."""
        stack = self.grid(inputs, outputs)
        return inputs + sum(layer.numbers for layer in stack.layers) + 2 * stack.numbers_out + outputs

    def multiplications_per_sample(self, inputs: int, outputs: int) -> int:
        """Return the multiplications of one sample's way through windows, blurs and head."""
        stack = self.grid(inputs, outputs)
        windows = sum(math.prod(each.shape) * each.uses for each in self.weights(stack))
        return windows + sum(layer.blur_multiplications for layer in stack.layers)

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return weights drawn from a stream for each name, so that layers do not move each other."""
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.INIT)
        state: State = {}
        for each in self.weights(self.grid(inputs, outputs)):
            state[f"{each.name}.weight"] = self._drawn(stream.child(f"{each.name}.weight"), each)
            if self.bias:
                drawn = self.initialisation.bias(stream.child(f"{each.name}.bias"), math.prod(each.bias), each.fan_in)
                state[f"{each.name}.bias"] = drawn.reshape(each.bias)
        return state

    def _drawn(self, stream: "Stream", weights: Weights) -> "Floats":
        """Return initial weights of their shape; the rows of their matrix are units, its columns their inputs."""
        import numpy as np

        rows, law = math.prod(weights.shape) // weights.fan_in, self.initialisation
        if law.scheme == "orthogonal" and weights.sets > 1:
            streams = (stream.child(str(index)) for index in range(weights.sets))
            parts = [law.weight(each, rows // weights.sets, weights.fan_in) for each in streams]
            return np.stack(parts).reshape(weights.shape)
        drawn = law.weight(stream, rows, weights.fan_in)
        if law.scheme == "glorot":  # a number reaches more units than a window has rows
            drawn = drawn * math.sqrt((weights.fan_in + rows) / (weights.fan_in + weights.fan_out))
        return drawn.reshape(weights.shape)

    def _layers(self, size: int) -> Iterator[GridLayer]:
        """Yield the layers one by one; after one that has problems the next makes no sense."""
        planes, orientations = self.input_channels, 1
        for index in range(self.layer_count):
            kernel, stride = _at(self.kernel_size, index), _at(self.stride, index)
            pooling, pool_size = _at(self.pooling, index), _at(self.pool_size, index)
            added = _at(self.padding_width, index)
            layer = GridLayer(
                axes=self.axes,
                size=size,
                planes_in=planes,
                planes=_at(self.channels, index) * self.orientations,
                window=Window(width=kernel, stride=stride, margins=_margins(self.padding, kernel, added)),
                padding=self.padding,
                pooling=pooling,
                pool=_pool(pooling, pool_size, self.padding),
                orientations_in=orientations,
                orientations=self.orientations,
            )
            yield layer
            size, planes, orientations = layer.size_out, layer.planes, layer.orientations


def _at(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, tuple) else value


def _margins(padding: Padding, kernel: int, added: int | None) -> tuple[int, int]:
    if padding == "none":
        return 0, 0
    return ((kernel - 1) // 2, kernel // 2) if added is None else (added, added)


def _pool(pooling: Pooling, size: int, padding: Padding) -> Window:
    if pooling == "none":
        return Window()
    if pooling != "blur":
        return Window(width=size, stride=size)
    margin = 0 if padding == "none" else size - 1
    return Window(width=2 * size - 1, stride=size, margins=(margin, margin))


def _of_layer(problem: Problem, index: int) -> Problem:
    return Problem(path=problem.path, code=problem.code, detail=f"layer {index}: {problem.detail}")
