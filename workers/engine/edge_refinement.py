"""L^p norms in one dimension by cells refined towards both ends and where the function is rough."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

NODES = 10  # Gauss-Legendre points per cell
MINIMUM_BUDGET = 8 * NODES
EDGE_HALVINGS = 20  # at most, at each end; shrinks the outermost cell to a millionth
ENOUGH = 1e-14  # estimated relative error of every norm at which refinement stops
ROUND_SHARE = 0.1  # cells with at least this share of the worst error are halved together
PEAKS, ZOOM_POINTS, ZOOM_ROUNDS = 8, 17, 9  # local search for the maximum: 8**9 times finer than the cells


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Cells [start, start + width] of [0, 1] with the sizes at their nodes."""

    start: Floats  # (c,)
    width: Floats  # (c,)
    sizes: Floats  # (c, NODES)
    errors: Floats  # (c, number of finite p): integral of (size / cell's peak)**p, estimated error
    integrals: Floats  # (c, number of finite p): the integral itself

    def __len__(self) -> int:
        return len(self.start)

    def replaced(self, chosen: npt.NDArray[np.bool_], by: "_Cells") -> "_Cells":
        return _Cells(
            start=np.concatenate([self.start[~chosen], by.start]),
            width=np.concatenate([self.width[~chosen], by.width]),
            sizes=np.concatenate([self.sizes[~chosen], by.sizes]),
            errors=np.concatenate([self.errors[~chosen], by.errors]),
            integrals=np.concatenate([self.integrals[~chosen], by.integrals]),
        )


def edge_refined_norms(size: Callable[[Floats], Floats], p: Sequence[float], budget: int) -> tuple[float, ...]:
    """Return the L^p norms of `size` >= 0, (n,) to (n,), on [0, 1] with at most `budget` points.

    Half of the budget goes to equal cells of 10 Gauss-Legendre points whose first and last are halved
    towards the end; the rest halves the cells with the largest estimated error, which kinks and jumps keep.
    The estimate is the distance to the interpolating rule on every other node. The maximum is searched
    around the 8 highest samples with at most 1,226 points beyond the budget. Raise ValueError for a budget
    below 80 points.
    """
    if budget < MINIMUM_BUDGET:
        raise ValueError(f"edge-refined needs a resolution of at least {MINIMUM_BUDGET}, got {budget}")
    exponents = np.array([exponent for exponent in p if not math.isinf(exponent)])
    cells = _evaluate(size, *_graded_mesh(budget // (2 * NODES)), exponents)
    used = len(cells) * NODES
    while np.isfinite(cells.sizes).all():
        chosen = _worst(cells, exponents, (budget - used) // (2 * NODES))
        if not chosen.any():
            break
        halves = np.repeat(cells.width[chosen] / 2, 2)
        starts = np.repeat(cells.start[chosen], 2)
        starts[1::2] += halves[1::2]
        children = _evaluate(size, starts, halves, exponents)
        used += len(children) * NODES
        cells = cells.replaced(chosen, children)
    peak = float(cells.sizes.max())
    return _norms(size, cells, exponents, p) if math.isfinite(peak) else (peak,) * len(p)


def _graded_mesh(count: int) -> tuple[Floats, Floats]:
    """Return starts and widths of `count` cells: equal ones, the outer two halved towards the ends."""
    halvings = min(EDGE_HALVINGS, count // 4)
    inner = np.linspace(0, 1, count - 2 * halvings + 1)
    near = inner[1] * 0.5 ** np.arange(halvings, 0, -1)
    edges = np.concatenate([[0.0], near, inner[1:-1], 1 - near[::-1], [1.0]])
    return edges[:-1], np.diff(edges)


def _rules() -> tuple[Floats, Floats, Floats]:
    """Return nodes on [0, 1], the Gauss-Legendre weights and those of the rule on every other node."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    coarse = np.zeros(NODES)
    moments = np.zeros(NODES // 2)
    moments[0] = 1.0  # the mean of the Legendre polynomials P_0, P_1, ... over the cell
    coarse[::2] = np.linalg.solve(np.polynomial.legendre.legvander(nodes[::2], NODES // 2 - 1).T, moments)
    return (nodes + 1) / 2, weights / 2, coarse


def _evaluate(size: Callable[[Floats], Floats], start: Floats, width: Floats, exponents: Floats) -> _Cells:
    nodes, weights, coarse = _rules()
    sizes = size((start[:, None] + width[:, None] * nodes).reshape(-1)).reshape(len(start), NODES)
    peaks = sizes.max(axis=1, keepdims=True)
    # a cell of zeros has no error; one with an infinite size ends the refinement
    with np.errstate(invalid="ignore"):
        shape = sizes / np.where(peaks > 0, peaks, 1.0)
        powers = shape[:, None, :] ** exponents[:, None]
        fine, rough = powers @ weights, powers @ coarse
        errors = width[:, None] * np.abs(fine - rough)
    return _Cells(start=start, width=width, sizes=sizes, errors=errors, integrals=width[:, None] * fine)


def _relative(cells: _Cells, exponents: Floats) -> tuple[float, Floats]:
    """Return the largest size and the factors (c, number of finite p) that refer the cells to it."""
    peaks = cells.sizes.max(axis=1)
    largest = float(peaks.max())
    return largest, (peaks / (largest if largest > 0 else 1.0))[:, None] ** exponents


def _worst(cells: _Cells, exponents: Floats, affordable: int) -> npt.NDArray[np.bool_]:
    """Choose the cells to halve, at most `affordable`: those with most of the error of any norm."""
    chosen = np.zeros(len(cells), dtype=np.bool_)
    if affordable < 1 or len(exponents) == 0:
        return chosen
    largest, factors = _relative(cells, exponents)
    if largest == 0:
        return chosen
    totals = (cells.integrals * factors).sum(axis=0)
    # d(norm) / norm = d(integral) / (p integral)
    errors = (cells.errors * factors / (totals * exponents)).max(axis=1)
    if errors.sum() < ENOUGH:
        return chosen
    worst = np.argsort(-errors, kind="stable")[:affordable]
    chosen[worst] = errors[worst] > ROUND_SHARE * errors.max()
    return chosen


def _norms(size: Callable[[Floats], Floats], cells: _Cells, exponents: Floats, p: Sequence[float]) -> tuple[float, ...]:
    largest, factors = _relative(cells, exponents)
    finite = iter(largest * (cells.integrals * factors).sum(axis=0) ** (1 / exponents))
    peak = _maximum(size, cells) if any(map(math.isinf, p)) else largest
    return tuple(peak if math.isinf(exponent) else float(next(finite)) for exponent in p)


def _maximum(size: Callable[[Floats], Floats], cells: _Cells) -> float:
    """Zoom into the highest local maxima of the samples and the two ends."""
    nodes, _, _ = _rules()
    points = np.concatenate([[0.0], (cells.start[:, None] + cells.width[:, None] * nodes).reshape(-1), [1.0]])
    sizes = np.concatenate([size(points[:1]), cells.sizes.reshape(-1), size(points[-1:])])
    order = np.argsort(points, kind="stable")
    points, sizes = points[order], sizes[order]
    before, after = np.r_[-np.inf, sizes[:-1]], np.r_[sizes[1:], -np.inf]
    tops = np.flatnonzero((sizes >= before) & (sizes >= after))
    tops = tops[np.argsort(-sizes[tops], kind="stable")][:PEAKS]
    left, right = points[np.maximum(tops - 1, 0)], points[np.minimum(tops + 1, len(points) - 1)]
    best = float(sizes.max())
    for _ in range(ZOOM_ROUNDS):
        grid = np.linspace(left, right, ZOOM_POINTS, axis=1)
        values = size(grid.reshape(-1)).reshape(grid.shape)
        best = float(np.maximum(best, values.max()))  # keeps a NaN
        top = values.argmax(axis=1)
        rows = np.arange(len(grid))
        left = grid[rows, np.maximum(top - 1, 0)]
        right = grid[rows, np.minimum(top + 1, ZOOM_POINTS - 1)]
    return best
