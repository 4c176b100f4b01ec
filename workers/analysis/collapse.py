"""Data collapse: whether curves fall on one another once their axes are rescaled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.analysis.least_squares import Floats, dot
from workers.analysis.moments import mean
from workers.analysis.points import LeftOut

FEWEST = 3  # two points have an R^2 that says nothing


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points of one system, and the scaling that a theory gives it: ((x - x_shift) x_factor, y y_factor)."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    x_shift: float = 0.0
    x_factor: float = 1.0
    y_factor: float = 1.0


@dataclass(frozen=True, kw_only=True)
class ScaledCurve:
    """A curve after rescaling, sorted by x; finite points only."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """How well each rescaled curve is predicted by the others; without R^2, `problem` says why."""

    r_squared: float | None
    n: int  # points compared
    used: tuple[int, ...]  # the same for each curve
    curves: tuple[ScaledCurve, ...]
    left_out: tuple[LeftOut, ...]  # its index counts through all curves as they were given; x and y are rescaled
    method: str
    problem: str | None


METHOD = "R^2 of each rescaled point against the straight line between its neighbours on the other curves, pooled"


def collapse(curves: Sequence[Curve]) -> Collapse:
    """Return R^2 = 1 - sum (y - y_others)**2 / sum (y - mean)**2 of curves after rescaling.

    y_others interpolates the points of all other curves linearly (Bhattacharjee and Seno 2001; those at one x
    count with their mean); a point beyond their range is left out, never extrapolated. Noise of the curves
    and the curvature between neighbours lower it; unscaled curves are the control. On quantities that span
    decades give logarithms: the largest values decide otherwise.
    """
    scaled, left_out = _rescaled(curves)
    measured, predicted = [], []
    used = []
    for index, (curve, places) in enumerate(scaled):
        others = [other for place, (other, _) in enumerate(scaled) if place != index]
        within, guesses = _predictions(curve, others)
        measured += [y for y, inside in zip(curve.y, within, strict=True) if inside]
        predicted += guesses
        used.append(len(guesses))
        left_out += [
            LeftOut(index=place, x=(x,), y=y, reason="x is beyond the range of the other curves")
            for place, x, y, inside in zip(places, curve.x, curve.y, within, strict=True)
            if not inside
        ]
    r_squared, problem = _judged(scaled, used, np.array(measured), np.array(predicted))
    return Collapse(
        r_squared=r_squared,
        n=len(measured),
        used=tuple(used),
        curves=tuple(curve for curve, _ in scaled),
        left_out=tuple(sorted(left_out, key=lambda point: point.index)),
        method=METHOD,
        problem=problem,
    )


def _rescaled(curves: Sequence[Curve]) -> tuple[list[tuple[ScaledCurve, tuple[int, ...]]], list[LeftOut]]:
    """Return the scaled curves, each with the places of its points in the input, and the points left out."""
    scaled, left_out, start = [], [], 0
    for curve in curves:
        points = []
        for place, (x, y) in enumerate(zip(curve.x, curve.y, strict=True), start=start):
            moved = (float(x) - curve.x_shift) * curve.x_factor, float(y) * curve.y_factor
            if all(math.isfinite(value) for value in moved):
                points.append((*moved, place))
            else:
                reason = "x or y is not finite after rescaling"
                left_out.append(LeftOut(index=place, x=moved[:1], y=moved[1], reason=reason))
        points.sort()
        start += len(curve.x)
        named = ScaledCurve(name=curve.name, x=tuple(x for x, _, _ in points), y=tuple(y for _, y, _ in points))
        scaled.append((named, tuple(place for _, _, place in points)))
    return scaled, left_out


def _predictions(curve: ScaledCurve, others: Sequence[ScaledCurve]) -> tuple[list[bool], list[float]]:
    """Return which points of a curve lie within the range of the others, and what these predict there."""
    pool: dict[float, list[float]] = {}
    for other in others:
        for x, y in zip(other.x, other.y, strict=True):
            pool.setdefault(x, []).append(y)
    if not pool:
        return [False] * len(curve.x), []
    places = sorted(pool)
    within = [places[0] <= value <= places[-1] for value in curve.x]
    inside = [value for value, kept in zip(curve.x, within, strict=True) if kept]
    return within, np.interp(inside, places, [mean(pool[place]) for place in places]).tolist()


def _judged(
    scaled: Sequence[tuple[ScaledCurve, tuple[int, ...]]], used: Sequence[int], measured: Floats, predicted: Floats
) -> tuple[float | None, str | None]:
    if len(scaled) < 2:
        return None, f"{len(scaled)} curves: a collapse takes at least two"
    for (curve, _), count in zip(scaled, used, strict=True):
        if not count:
            return None, f"no point of curve {curve.name} lies within the range of the others"
    if len(measured) < FEWEST:
        return None, f"{len(measured)} points to compare: R^2 takes at least {FEWEST}"
    centred = measured - mean(measured.tolist())
    total = dot(centred, centred)
    if not total:
        return None, "y has the same value at all points to compare: no R^2"
    missed = measured - predicted
    return 1 - dot(missed, missed) / total, None
