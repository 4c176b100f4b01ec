"""L^p norms of a vector-valued function on a box."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from workers.engine.edge_refinement import edge_refined_norms
from workers.engine.philox import Purpose, Stream

Floats: TypeAlias = npt.NDArray[np.float64]
Rule = Literal["grid", "edge-refined", "quasi-monte-carlo"]

BLOCK_NUMBERS = 2**20  # coordinates per call of the function: 8 MB in float64
PANEL = 4  # Gauss-Legendre points per panel: exact to degree 7
MAXIMUM_POINTS = 2**28  # of a product grid; minutes even for a tiny network


def lp_error(
    difference: Callable[[Floats], Floats],
    low: Floats,
    high: Floats,
    p: Sequence[float],
    rule: Rule,
    resolution: int,
    seed: int,
) -> tuple[float, ...]:
    """Return the L^p norms of `difference`, (n, d) to (n, m), on the box [low, high], one per p in [1, inf].

    The measure is the uniform probability on the box and the norm of the m outputs is Euclidean:
    (mean |e|_2**p)**(1/p), and the largest |e|_2 found for p = inf. The constant 1 has norm 1 for each p.

    grid: product of composite 4-point Gauss-Legendre rules with `resolution` points per axis, rounded up to
    a multiple of 4; the maximum is also taken over the faces and corners of the box.
    edge-refined: one dimension only, see `edge_refined_norms`; `resolution` is its budget of points.
    quasi-monte-carlo: `resolution` points, rounded up to a power of 2, of the Sobol sequence shifted at
    random modulo 1 (Cranley and Patterson 1976), the shift drawn from `seed`; the other rules ignore it.

    A value that is not finite makes every norm so. Raise ValueError for arguments outside these terms.
    """
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    _check(low, high, p, resolution)
    if rule == "edge-refined":
        if len(low) != 1:
            raise ValueError(f"edge-refined works in one dimension, got {len(low)}: use quasi-monte-carlo")
        return edge_refined_norms(lambda u: _sizes(difference, low, high, u[:, None]), p, resolution)
    if rule == "grid":
        samples = _grid(len(low), resolution)
    elif rule == "quasi-monte-carlo":
        samples = _sobol(len(low), resolution, seed)
    else:
        raise ValueError(f"rule must be grid, edge-refined or quasi-monte-carlo, got {rule!r}")
    return _norms(((_sizes(difference, low, high, unit), weights) for unit, weights in samples), p)


def _check(low: Floats, high: Floats, p: Sequence[float], resolution: int) -> None:
    if low.ndim != 1 or low.shape != high.shape or len(low) == 0:
        raise ValueError(f"low and high must both have shape (d,), got {low.shape} and {high.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise ValueError("low and high must be finite, with low below high on every axis")
    if not all(exponent >= 1 for exponent in p):
        raise ValueError(f"every p must be at least 1, got {tuple(p)}")
    if resolution < 1:
        raise ValueError(f"resolution must be at least 1, got {resolution}")


def _sizes(difference: Callable[[Floats], Floats], low: Floats, high: Floats, unit: Floats) -> Floats:
    """Return |difference|_2 at points of the unit cube stretched to the box: (n, d) to (n,)."""
    points = np.minimum(low + unit * (high - low), high)  # the sum may round to just above high
    values = np.asarray(difference(points), dtype=np.float64)
    if values.ndim != 2 or len(values) != len(points):
        raise ValueError(f"the function gave shape {values.shape} for {len(points)} points, not (n, m)")
    sizes: Floats = np.hypot.reduce(np.abs(values), axis=1)  # squares of values above 1e154 overflow
    return sizes


def _norms(samples: Iterator[tuple[Floats, Floats]], p: Sequence[float]) -> tuple[float, ...]:
    """Reduce blocks of sizes and weights, which sum to 1 over all blocks, to the norms.

    Sums are kept relative to the largest size so far, so that no power overflows.
    """
    exponents = np.array([exponent for exponent in p if not math.isinf(exponent)])
    largest, sums = 0.0, np.zeros(len(exponents))
    for sizes, weights in samples:
        peak = float(sizes.max())
        if not math.isfinite(peak):
            return (peak,) * len(p)
        if peak > largest:
            sums *= (largest / peak) ** exponents
            largest = peak
        if largest > 0:
            sums += [weights @ (sizes / largest) ** exponent for exponent in exponents]
    finite = iter(largest * sums ** (1 / exponents))
    return tuple(largest if math.isinf(exponent) else float(next(finite)) for exponent in p)


def _grid(dimension: int, resolution: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield blocks of the product grid on the unit cube; end points carry no weight."""
    nodes, weights = composite_gauss(-(-resolution // PANEL))
    nodes = np.concatenate([[0.0], nodes, [1.0]])
    weights = np.concatenate([[0.0], weights, [0.0]])
    total = len(nodes) ** dimension
    if total > MAXIMUM_POINTS:
        detail = f"a grid of {len(nodes)}**{dimension} points is too large: use quasi-monte-carlo"
        raise ValueError(detail)
    block = max(1, BLOCK_NUMBERS // dimension)
    for start in range(0, total, block):
        flat = np.arange(start, min(start + block, total))
        index = np.stack(np.unravel_index(flat, (len(nodes),) * dimension), axis=1)
        yield nodes[index], weights[index].prod(axis=1)


def composite_gauss(panels: int) -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1] of equal panels with 4 Gauss-Legendre points each."""
    nodes, weights = np.polynomial.legendre.leggauss(PANEL)
    starts = np.arange(panels)[:, None]
    return ((starts + (nodes + 1) / 2) / panels).reshape(-1), np.tile(weights / (2 * panels), panels)


def _sobol(dimension: int, resolution: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield blocks of the shifted Sobol sequence; every block but a lonely first one is a power of 2."""
    from scipy.stats import qmc  # half a second to seconds in a fresh process, and the other rules need none of it

    count = 1 << (resolution - 1).bit_length()
    block = min(count, 1 << (max(1, BLOCK_NUMBERS // dimension).bit_length() - 1))
    shift = Stream(seed=seed, purpose=Purpose.PROBE).child("quasi-monte-carlo").uniforms(dimension)
    sequence = qmc.Sobol(dimension, scramble=False)
    for _ in range(count // block):
        yield (sequence.random(block) + shift) % 1.0, np.full(block, 1 / count)
