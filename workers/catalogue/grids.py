"""Lines and squares under sliding windows: how many positions a layer reads, writes and sees."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.problems import Problem

Padding = Literal["circular", "zero", "reflect", "none"]
Pooling = Literal["none", "max", "average", "blur"]
Head = Literal["average", "flatten", "map"]


def area(size: int, axes: int) -> int:
    """Return the positions of a line or a square with `size` of them along an axis."""
    return size if axes == 1 else size * size


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window `width` positions wide that moves by `stride` along an axis with `margins` added to its ends."""

    width: int = 1
    stride: int = 1
    margins: tuple[int, int] = (0, 0)  # positions added before and after

    def places(self, size: int) -> int:
        """Return how many places it has on `size` positions; less than 1 where it does not fit."""
        return (size + sum(self.margins) - self.width) // self.stride + 1


@dataclass(frozen=True, kw_only=True)
class ReceptiveField:
    """What position p of a layer sees along an axis of the input: `width` positions from p * stride - before."""

    stride: int
    before: int
    width: int

    def inside(self, size: int, places: int) -> tuple[bool, ...]:
        """Say of each place whether it sees none of the padding around `size` positions."""
        starts = (place * self.stride - self.before for place in range(places))
        return tuple(start >= 0 and start + self.width <= size for start in starts)


def receptive_field(windows: Iterable[Window]) -> ReceptiveField:
    """Return what the last of consecutive windows sees of the first one's input."""
    stride, before, width = 1, 0, 1
    for window in windows:
        before += window.margins[0] * stride
        width += (window.width - 1) * stride
        stride *= window.stride
    return ReceptiveField(stride=stride, before=before, width=width)


@dataclass(frozen=True, kw_only=True)
class GridLayer:
    """A layer on a line (1 axis) or a square (2 axes): windows of weights, then an activation, then pooling.

    A plane is one number at each position; each channel has a plane per orientation, side by side. `size` counts the
    positions along an axis that the layer reads.
    """

    axes: int
    size: int
    planes_in: int
    planes: int
    window: Window
    padding: Padding
    pooling: Pooling
    pool: Window
    orientations_in: int = 1
    orientations: int = 1

    @property
    def entries(self) -> int:
        """Return the positions in a window."""
        return area(self.window.width, self.axes)

    @property
    def fan_in(self) -> int:
        """Return the numbers in a window."""
        return self.planes_in * self.entries

    @property
    def fan_out(self) -> int:
        """Return the units that a number reaches where windows are one position apart."""
        return self.planes * self.entries

    @property
    def kernel(self) -> tuple[int, ...]:
        """Return the shape of a window."""
        return (self.window.width,) * self.axes

    @property
    def convolved(self) -> int:
        """Return the positions along an axis between windows and pooling."""
        return self.window.places(self.size)

    @property
    def size_out(self) -> int:
        """Return the positions along an axis that the layer writes."""
        return self.pool.places(self.convolved)

    @property
    def taps(self) -> tuple[float, ...]:
        """Return the binomial low-pass filter of a blur along an axis: 1/4, 1/2, 1/4 for a window of 3."""
        order = self.pool.width - 1
        return tuple(math.comb(order, place) / 2**order for place in range(order + 1))

    @property
    def numbers(self) -> int:
        """Return how many numbers one sample takes in the layer at most, all its windows laid out side by side."""
        # Padded axis by axis, then laid flat.
        framed = (self.axes + 1) * self.planes_in * area(self.size + sum(self.window.margins), self.axes)
        columns = self.fan_in * area(self.convolved, self.axes)
        written, pooled = 2 * area(self.convolved, self.axes), area(self.size_out, self.axes)
        if self.pooling == "blur":
            pooled += self.axes * area(self.convolved + sum(self.pool.margins), self.axes)
        # A maximum remembers where it was found.
        of_pool = {"none": 0, "max": 2 * pooled}.get(self.pooling, pooled)
        return framed + columns + self.planes * (written + of_pool)

    @property
    def blur_multiplications(self) -> int:
        """Return the multiplications that pooling takes for one sample."""
        blurs = self.pooling == "blur"
        return self.planes * area(self.pool.width * self.size_out, self.axes) if blurs else 0

    def problems(self) -> Iterator[Problem]:
        """Yield why the layer cannot work on so few positions, by the names of an architecture's fields."""
        if self.convolved < 1:
            detail = (
                f"a window of {self.window.width} does not fit on {self.size} positions: use fewer layers or padding"
            )
            yield Problem(path=("kernel_size",), code="range", detail=detail)
            return
        if self.size_out < 1:
            detail = f"a pool of {self.pool.stride} does not fit on {self.convolved} positions: pool in fewer layers"
            yield Problem(path=("pool_size",), code="range", detail=detail)
        added = [(max(self.window.margins), self.size), (max(self.pool.margins), self.convolved)]
        for margin, size in added:
            most = {"circular": size, "reflect": size - 1}.get(self.padding, margin)
            if margin > most:
                detail = f"{self.padding} padding finds {most} positions to repeat and needs {margin}: use zero or none"
                yield Problem(path=("padding",), code="range", detail=detail)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights of one layer: its name in the state, its shapes, and how often one sample meets each weight.

    `sets` of them are drawn independently: one, or one for each position where positions share no weights.
    """

    name: str
    shape: tuple[int, ...]
    bias: tuple[int, ...]
    fan_in: int
    fan_out: int
    uses: int
    sets: int = 1

    def count(self, bias: bool) -> int:
        """Return the number of weights, and of biases where there are any."""
        return math.prod(self.shape) + (math.prod(self.bias) if bias else 0)


def shared_weights(name: str, layer: GridLayer) -> Weights:
    """Return those of a layer that has the same kernels at every position and in every orientation."""
    before = (layer.planes_in // layer.orientations_in, layer.orientations_in)
    channels = layer.planes // layer.orientations
    return Weights(
        name=name,
        shape=(channels, *before[: 1 if layer.orientations_in == 1 else 2], *layer.kernel),
        bias=(channels,),
        fan_in=layer.fan_in,
        fan_out=layer.fan_out,
        uses=layer.orientations * area(layer.convolved, layer.axes),
    )


@dataclass(frozen=True, kw_only=True)
class GridStack:
    """Layers on a grid and the head that reads them."""

    axes: int
    planes: int  # of the input
    size: int
    layers: tuple[GridLayer, ...]
    head: Head
    outputs: int

    @property
    def places(self) -> int:
        """Return the positions along an axis that the head reads."""
        return self.layers[-1].size_out

    @property
    def channels(self) -> int:
        """Return the channels that the head reads."""
        return self.layers[-1].planes // self.layers[-1].orientations

    @property
    def numbers_out(self) -> int:
        """Return how many numbers the last layer writes."""
        return self.layers[-1].planes * area(self.places, self.axes)

    @property
    def map_layer(self) -> GridLayer:
        """Return the head of a map as a layer: a linear function of the channels at each position."""
        return GridLayer(
            axes=self.axes,
            size=self.places,
            planes_in=self.channels,
            planes=self.outputs // area(self.places, self.axes),
            window=Window(),
            padding="none",
            pooling="none",
            pool=Window(),
        )

    @property
    def linear_weights(self) -> Weights:
        """Return those of a linear head."""
        features = self.numbers_out if self.head == "flatten" else self.channels
        shape = (self.outputs, features)
        return Weights(name="head", shape=shape, bias=(self.outputs,), fan_in=features, fan_out=self.outputs, uses=1)

    @property
    def field(self) -> ReceptiveField:
        """Return what a position of the last layer sees."""
        return receptive_field(window for layer in self.layers for window in (layer.window, layer.pool))
