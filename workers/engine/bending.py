"""How far a stack of dense layers is from piecewise linear along straight lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.catalogue.values import DenseStack
from workers.engine.activations import ACTIVATIONS
from workers.engine.layers import dense_outputs
from workers.engine.line_regions import line_regions
from workers.engine.regions import Layer

Floats: TypeAlias = npt.NDArray[np.float64]

INSIDE = 8  # points looked at between two hinges
GRID_CELLS = 4096  # of a line, each searched for changes of sign
NARROWEST = 2.0**-30  # of a line: between nearer hinges no slope is taken, as it may be that of a neighbouring piece
ROUNDING = 2.0**-40  # of the steepest slope: less variation is rounding, 1e4 sums in float64
ROWS = 4096  # points evaluated at a time


@dataclass(frozen=True, kw_only=True)
class Bending:
    """Where the hinges of each line are, and what the function does between them."""

    hinges: list[Floats]  # per line (h,): places from 0 at its start to 1 at its end
    residuals: Floats  # (lines,) largest distance from the chords between neighbouring hinges, over the output's range
    between: float  # share of the total variation of the slope that lies between hinges, not at them


@dataclass(frozen=True, kw_only=True)
class _Line:
    low: Floats  # (m,)
    high: Floats  # (m,)
    distances: Floats  # (m,) largest ones from the chords
    steepest: float
    inside: float  # total variation of the slope between hinges
    across: float  # and at them


def bending(module: nn.Module, stack: DenseStack, layers: Sequence[Layer], starts: Floats, ends: Floats) -> Bending:
    """Measure `module`, whose weights are `layers`, along the lines from `starts` to `ends`, both (lines, d).

    The hinges of relu layers are known exactly from the weights. Those of other activations are the places at
    which a preactivation changes its sign; between two of them a function without curvature would be straight.
    """
    hinges = [hinges_along(stack, layers, *line) for line in zip(starts, ends, strict=True)]
    lines = [_look(module, *line) for line in zip(starts, ends, hinges, strict=True)]
    with np.errstate(invalid="ignore"):  # infinity less infinity
        extent = np.max([line.high for line in lines], axis=0) - np.min([line.low for line in lines], axis=0)
    distances = np.stack([line.distances for line in lines])
    total = sum(line.inside + line.across for line in lines)
    straight = total <= ROUNDING * max(line.steepest for line in lines)
    between = 0.0 if straight else sum(line.inside for line in lines) / total
    return Bending(
        hinges=hinges,
        residuals=np.asarray((distances / np.where(extent > 0, extent, 1.0)).max(axis=1)),
        between=between if np.isfinite(distances).all() and math.isfinite(total) else math.nan,
    )


def hinges_along(stack: DenseStack, layers: Sequence[Layer], start: Floats, end: Floats) -> Floats:
    """Return the places of the hinges on the line from start to end (d,), ascending in (0, 1)."""
    if stack.activation == "relu" or len(layers) == 1:
        return line_regions(layers, start, end, stack.residual).breakpoints
    grid = np.linspace(0.0, 1.0, GRID_CELLS + 1)
    values = _preactivations(stack, layers, _points(start, end, grid))
    left, right = values[:-1], values[1:]
    cell, unit = np.nonzero((left >= 0) != (right >= 0))
    before, after = left[cell, unit], right[cell, unit]
    # A chord of a cell misses the zero by its width squared at most: nothing, where the function has no kink.
    return np.unique(grid[cell] + before / (before - after) / GRID_CELLS)


def _preactivations(stack: DenseStack, layers: Sequence[Layer], points: Tensor) -> Floats:
    """Return the preactivations of all hidden layers at points (n, d): (n, units)."""
    function = ACTIVATIONS[stack.activation].function
    weights = [(torch.from_numpy(weight), torch.from_numpy(bias)) for weight, bias in layers]
    found: list[Tensor] = []

    def watched(preactivations: Tensor) -> Tensor:
        found.append(preactivations)
        return function(preactivations)

    blocks = []
    for rows in torch.split(points, ROWS):
        dense_outputs(stack, weights, rows, watched)
        blocks.append(torch.cat(found, dim=1))
        found.clear()
    return np.asarray(torch.cat(blocks).numpy())


def _points(start: Floats, end: Floats, places: Floats) -> Tensor:
    return torch.from_numpy(start + places[:, None] * (end - start))


def _look(module: nn.Module, start: Floats, end: Floats, hinges: Floats) -> _Line:
    """Compare the module with its chords between neighbouring hinges, and its slopes inside of and across them."""
    nodes = np.concatenate([[0.0], hinges, [1.0]])
    widths, fractions = np.diff(nodes), (np.arange(INSIDE) + 0.5) / INSIDE
    places = nodes[:-1, None] + fractions * widths[:, None]
    at_nodes, _ = _evaluated(module, start, end, nodes)
    found, slopes = (each.reshape(*places.shape, -1) for each in _evaluated(module, start, end, places.reshape(-1)))
    left, right = at_nodes[:-1, None], at_nodes[1:, None]
    wide = slopes[widths > NARROWEST]
    with np.errstate(invalid="ignore", over="ignore"):  # exp and square grow beyond all numbers
        return _Line(
            low=np.minimum(at_nodes.min(axis=0), found.min(axis=(0, 1))),
            high=np.maximum(at_nodes.max(axis=0), found.max(axis=(0, 1))),
            distances=np.abs(found - (left + fractions[:, None] * (right - left))).max(axis=(0, 1)),
            steepest=float(np.linalg.norm(wide, axis=-1).max()),
            inside=float(np.linalg.norm(np.diff(wide, axis=1), axis=-1).sum()),
            across=float(np.linalg.norm(wide[1:, 0] - wide[:-1, -1], axis=-1).sum()),
        )


def _evaluated(module: nn.Module, start: Floats, end: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Return the outputs (n, m) at places (n,) of the line and their derivatives by the place."""
    outputs, slopes = [], []
    origin, along = torch.from_numpy(start), torch.from_numpy(end - start)
    for rows in torch.split(torch.from_numpy(places), ROWS):
        rows.requires_grad_()
        found = module(origin + rows[:, None] * along)
        # By reverse mode: the forward one of torch loads its compiler, seconds in a fresh process.
        each = [torch.autograd.grad(column.sum(), rows, retain_graph=True)[0] for column in found.unbind(dim=1)]
        outputs.append(found.detach())
        slopes.append(torch.stack(each, dim=1))
    return torch.cat(outputs).numpy(), torch.cat(slopes).numpy()
