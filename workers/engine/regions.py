"""Exact linear regions of a ReLU network in one dimension.

Such a network is continuous and piecewise linear, so it is known by its values at the nodes where it may
bend and by one slope per piece between them. Each layer adds the nodes at which one of its preactivations
changes sign. Source: Hanin and Rolnick 2019, arXiv:1901.09021 (the count along a line); Telgarsky 2016,
arXiv:1602.04485 (networks with exponentially many regions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Layer: TypeAlias = tuple[Floats, Floats]  # weight (out, in), bias (out,)

EPSILON = float(np.finfo(np.float64).eps)
SNAP = 64 * EPSILON  # of the sum of absolute terms: below it a preactivation at a node is rounding
NARROWEST = 2.0**-40  # of the interval: nodes nearer than this are one, as rounding moves crossings apart
SAFETY = 16  # standard errors of rounding between the slopes of two regions
MAXIMUM_NUMBERS = 2**27  # pieces times units of one layer: 1 GB per array


@dataclass(frozen=True, kw_only=True)
class LinearRegions:
    """Where the slope of a network function changes, and the slopes between."""

    breakpoints: Floats  # (b,) ascending, strictly inside the interval
    slopes: Floats  # (b + 1, m) derivative of each output on each region

    @property
    def count(self) -> int:
        """Return the number of linear regions."""
        return len(self.breakpoints) + 1


@dataclass(frozen=True, kw_only=True)
class _Pieces:
    """The outputs of a layer on the pieces between nodes."""

    nodes: Floats  # (k + 1,)
    values: Floats  # (k + 1, w) at the nodes
    slopes: Floats  # (k, w)
    variances: Floats  # (k, w) of the rounding errors in slopes


def linear_regions(layers: Sequence[Layer], low: float, high: float, residual: bool = False) -> LinearRegions:
    """Return the linear regions on [low, high] of h -> relu(W h + b) layers, the last one linear.

    With `residual` a hidden layer whose weight is square adds its input: h -> h + relu(W h + b).

    Adjacent pieces belong to one region when no slope differs by more than 16 standard errors of rounding,
    each operation being an independent relative error of 2**-52 (the model of Higham and Mary 2019,
    doi:10.1137/18M1226312): a worst-case bound grows by sum |w| per layer and would swallow true kinks of
    deep networks. Kinks nearer than 2**-40 of the interval count as one. The cost is O(pieces * weights).
    Raise ValueError for sizes that do not fit, values that are not finite, or more than 2**27 numbers.
    """
    weights = [(np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)) for w, b in layers]
    _check(weights, low, high)
    pieces = _Pieces(
        nodes=np.array([low, high], dtype=np.float64),
        values=np.array([[low], [high]], dtype=np.float64),
        slopes=np.ones((1, 1)),
        variances=np.zeros((1, 1)),
    )
    for layer in weights[:-1]:
        pieces = _hidden(pieces, layer, residual)
    return _merged(_affine(pieces, weights[-1]))


def _check(layers: Sequence[Layer], low: float, high: float) -> None:
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"low must be below high, both finite, got {low} and {high}")
    if not layers:
        raise ValueError("a network needs at least one layer")
    width = 1
    for index, (weight, bias) in enumerate(layers):
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            detail = f"layer {index} has weight {weight.shape} and bias {bias.shape}"
            raise ValueError(f"{detail}, expected (out, {width}) and (out,)")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"layer {index} has values that are not finite")
        width = len(weight)


def _affine(pieces: _Pieces, layer: Layer) -> _Pieces:
    """Apply W h + b; values that rounding alone keeps from zero become zero."""
    weight, bias = layer
    if len(pieces.nodes) * len(weight) > MAXIMUM_NUMBERS:
        raise ValueError(f"{len(pieces.slopes)} pieces of {len(weight)} units are too many: use a smaller network")
    values = pieces.values @ weight.T + bias
    terms = np.abs(pieces.values) @ np.abs(weight).T + np.abs(bias)
    values[np.abs(values) <= SNAP * terms] = 0.0
    # a sum of n products: n + 1 roundings, each relative to at most the root of the sum of squares
    rounding = (weight.shape[1] + 1) * EPSILON**2 * pieces.slopes**2
    variances = (pieces.variances + rounding) @ (weight**2).T
    return _Pieces(nodes=pieces.nodes, values=values, slopes=pieces.slopes @ weight.T, variances=variances)


def _hidden(pieces: _Pieces, layer: Layer, residual: bool) -> _Pieces:
    """Apply relu(W h + b), or h + relu(W h + b), on pieces split where a unit turns on or off."""
    before = _affine(pieces, layer)
    adds_input = residual and layer[0].shape[0] == layer[0].shape[1]
    source, place, nodes = _split(before)
    parent = source[:-1]  # a piece starts at a node of its parent or inside it
    values = _interpolated(before.values, source, place)
    on = values[:-1] + values[1:] > 0  # no unit changes sign inside a piece any more
    values = np.maximum(values, 0.0)
    slopes = np.where(on, before.slopes[parent], 0.0)
    variances = np.where(on, before.variances[parent], 0.0)
    if adds_input:
        values += _interpolated(pieces.values, source, place)
        slopes += pieces.slopes[parent]
        variances += pieces.variances[parent] + EPSILON**2 * slopes**2
    return _Pieces(nodes=nodes, values=values, slopes=slopes, variances=variances)


def _split(pieces: _Pieces) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Return old and new nodes in order: their piece, their place in it in [0, 1), their position.

    Every old node stays; a new one that is too near to another is dropped.
    """
    left, right = pieces.values[:-1], pieces.values[1:]
    piece, unit = np.nonzero((left < 0) & (right > 0) | (left > 0) & (right < 0))
    start, stop = left[piece, unit], right[piece, unit]
    place = start / (start - stop)
    begin, end = pieces.nodes[piece], pieces.nodes[piece + 1]
    node = begin + place * (end - begin)
    # the second bound is the rounding of positions in an interval far from zero
    low, high = pieces.nodes[[0, -1]]
    gap = max(NARROWEST * (high - low), 8 * EPSILON * max(abs(low), abs(high)))
    order = np.argsort(node, kind="stable")
    order = order[(node[order] - begin[order] > gap) & (end[order] - node[order] > gap)]
    order = order[np.diff(node[order], prepend=-np.inf) > gap]
    source = np.concatenate([np.arange(len(pieces.nodes)), piece[order]])
    place = np.concatenate([np.zeros(len(pieces.nodes)), place[order]])
    nodes = np.concatenate([pieces.nodes, node[order]])
    sequence = np.argsort(nodes, kind="stable")
    return source[sequence], place[sequence], nodes[sequence]


def _interpolated(values: Floats, source: npt.NDArray[np.intp], place: Floats) -> Floats:
    """Return the values (k + 1, w) of the old nodes at places inside their pieces."""
    following = np.minimum(source + 1, len(values) - 1)
    return values[source] + place[:, None] * (values[following] - values[source])


def _merged(pieces: _Pieces) -> LinearRegions:
    changes = np.abs(np.diff(pieces.slopes, axis=0))
    variances = pieces.variances[:-1] + pieces.variances[1:]
    kinks = (changes > SAFETY * np.sqrt(variances)).any(axis=1)
    first = np.append(True, kinks)  # pieces that begin a region
    return LinearRegions(breakpoints=pieces.nodes[1:-1][kinks], slopes=pieces.slopes[first])
