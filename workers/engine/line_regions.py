"""Exact linear regions of a ReLU network of any number of inputs along a straight line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workers.catalogue.values import DenseStack
from workers.engine.regions import Floats, Layer, LinearRegions, linear_regions

if TYPE_CHECKING:
    from workers.catalogue.values import State


def line_regions(layers: Sequence[Layer], start: Floats, end: Floats, residual: bool = False) -> LinearRegions:
    """Return the linear regions along start + t (end - start), t in [0, 1], for points start and end (d,).

    Breakpoints and slopes are in t. With `residual` a hidden layer whose weight is square adds its input.
    Raise ValueError as `linear_regions` does.
    """
    if np.array_equal(start, end):
        return LinearRegions(breakpoints=np.empty(0), slopes=np.zeros((1, len(layers[-1][0]))))
    if len(start) == 1:
        return _on_the_axis(layers, float(start[0]), float(end[0]), residual)
    # One more layer writes the line into d units: with a shift that keeps them from below 0, relu changes nothing.
    shift = np.maximum(0.0, -np.minimum(start, end))
    line = ((end - start)[:, None], start + shift)
    return linear_regions([line, *_unshifted(layers, shift, residual)], 0.0, 1.0, residual)


def _on_the_axis(layers: Sequence[Layer], start: float, end: float, residual: bool) -> LinearRegions:
    found = linear_regions(layers, min(start, end), max(start, end), residual)
    order = slice(None) if start < end else slice(None, None, -1)
    return LinearRegions(
        breakpoints=(found.breakpoints[order] - start) / (end - start), slopes=found.slopes[order] * (end - start)
    )


def _unshifted(layers: Sequence[Layer], shift: Floats, residual: bool) -> list[Layer]:
    """Return layers that give on x + shift what the given ones give on x.

    A hidden layer that adds its input hands the shift on; the first that does not takes it off.
    """
    changed: list[Layer] = []
    for index, (weight, bias) in enumerate(layers):
        changed.append((weight, bias - weight @ shift))
        hidden = index < len(layers) - 1
        if not (residual and hidden and weight.shape[0] == weight.shape[1]):
            return [*changed, *layers[index + 1 :]]
    return changed


def dense_layers(stack: DenseStack, state: "State") -> list[Layer]:
    """Return weight (out, in) and bias (out,) of each layer, zeros where the stack has no bias."""
    return [
        (state[f"layers.{index}.weight"], state.get(f"layers.{index}.bias", np.zeros(units)))
        for index, units in enumerate(stack.sizes[1:])
    ]
