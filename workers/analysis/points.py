"""Points that a fit rests on, and those that it leaves out with the reason."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.analysis.aggregates import median
from workers.analysis.moments import mean
from workers.catalogue.problems import InvalidError, Problem


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A point that a fit does not use: its place in the input, its coordinates, and why."""

    index: int
    x: tuple[float, ...]
    y: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Points:
    """The points of a fit: predictors by name, each (n,), the response (n,), and what was left out."""

    predictors: Mapping[str, tuple[float, ...]]
    y: tuple[float, ...]
    left_out: tuple[LeftOut, ...]


class Over(StrEnum):
    """What a point of a fit over groups is."""

    MEANS = "means"  # one point per group
    MEDIANS = "medians"  # one point per group
    VALUES = "values"  # one point per value


@dataclass(frozen=True, kw_only=True)
class Group:
    """The values measured at one x."""

    x: float
    values: tuple[float, ...]


def pooled(groups: Sequence[Group], over: Over) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the x and the y of the points of groups; y is NaN for a group without values or with a non-finite one."""
    if over is Over.VALUES:
        pairs = [(float(group.x), float(value)) for group in groups for value in group.values]
    else:
        centre = mean if over is Over.MEANS else median
        pairs = [(float(group.x), centre(group.values) if _sound(group) else math.nan) for group in groups]
    return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)


def _sound(group: Group) -> bool:
    return bool(group.values) and all(math.isfinite(value) for value in group.values)


def selected(
    predictors: Mapping[str, Sequence[float]],
    y: Sequence[float],
    *,
    floor: float | None = None,
    logarithm_of: Sequence[str] = (),
    logarithm_of_y: bool = False,
) -> Points:
    """Return the points that a fit can use: finite, not below the floor, positive where a logarithm is taken.

    Raises InvalidError for a floor that is not a positive number, ValueError for columns of unequal length.
    """
    _check_floor(floor)
    columns = {name: tuple(float(value) for value in values) for name, values in predictors.items()}
    response = tuple(float(value) for value in y)
    if any(len(values) != len(response) for values in columns.values()):
        raise ValueError("x and y must have as many values")
    positive = [*logarithm_of, *(["y"] if logarithm_of_y else [])]
    kept, left_out = [], []
    for index, value in enumerate(response):
        row = {name: values[index] for name, values in columns.items()}
        reason = _reason({**row, "y": value}, floor, positive)
        if reason is None:
            kept.append(index)
        else:
            left_out.append(LeftOut(index=index, x=tuple(row.values()), y=value, reason=reason))
    return Points(
        predictors={name: tuple(values[index] for index in kept) for name, values in columns.items()},
        y=tuple(response[index] for index in kept),
        left_out=tuple(left_out),
    )


def _check_floor(floor: float | None) -> None:
    if floor is not None and not (math.isfinite(floor) and floor > 0):
        detail = f"must be a positive number, or absent for no floor; it is {floor!r}"
        raise InvalidError([Problem(path=("floor",), code="out-of-range", detail=detail)])


def _reason(point: Mapping[str, float], floor: float | None, positive: Sequence[str]) -> str | None:
    for name, value in point.items():
        if not math.isfinite(value):
            return f"{name} is not finite"
    for name in positive:
        if point[name] <= 0:
            return f"{name} is not positive: it has no logarithm"
    if floor is not None and point["y"] < floor:
        return f"y is below the floating-point floor {floor!r}"
    return None
