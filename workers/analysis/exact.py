"""Exact predicates over deterministic values: bounds, a predicted function, an order.

They need no seeds and have no error rate. A NaN is no measured value: with one, a predicate that nothing else
breaks is inconclusive, not true.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np

from workers.analysis.verdict import Verdict
from workers.catalogue.problems import InvalidError, Problem


class Dtype(StrEnum):
    """The floating-point type that values were computed in."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Direction(StrEnum):
    """How a sequence moves."""

    INCREASING = "increasing"
    DECREASING = "decreasing"


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a value may lie from the prediction: the largest of the three."""

    absolute: float = 0.0
    relative: float = 0.0  # of the size of the prediction
    ulps: float = 0.0  # units in the last place of the prediction, in `dtype`
    dtype: Dtype = Dtype.FLOAT64

    def __post_init__(self) -> None:
        for name in ("absolute", "relative", "ulps"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                detail = f"must be finite and not negative; it is {value!r}"
                raise InvalidError([Problem(path=("tolerance", name), code="out-of-range", detail=detail)])

    def at(self, predicted: float) -> float:
        """Return the largest allowed distance from a finite prediction; raise ValueError where it has no ulp."""
        size = abs(predicted)
        if not self.ulps:
            return max(self.absolute, self.relative * size)
        dtype = np.dtype(self.dtype)
        if size >= float(np.finfo(dtype).max):
            raise ValueError(
                f"the prediction {predicted!r} lies outside the range of {self.dtype}: it has no ulp there"
            )
        return max(self.absolute, self.relative * size, self.ulps * float(np.spacing(dtype.type(size))))


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """Whether all values satisfy the predicate, and the one that satisfies it least or breaks it most."""

    holds: bool
    n: int  # values judged; for an order, steps
    n_broken: int
    n_not_a_number: int
    worst: float | None  # a value, NaN apart; None where there is none
    worst_at: Any  # its label, or its position from 0
    excess: float | None  # how far it lies beyond what is allowed; negative or 0 where the predicate holds there
    verdict: Verdict
    reason: str
    method: str


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One value: how far beyond what is allowed it lies, and whether it breaks the predicate."""

    value: float
    label: Any
    excess: float
    broken: bool


def epsilon(dtype: Dtype) -> float:
    """Return the distance from 1 to the next number, for bounds such as 8 eps."""
    return float(np.finfo(np.dtype(dtype)).eps)


def all_below(
    values: Sequence[float], bound: float, *, strict: bool = False, labels: Sequence[Any] | None = None
) -> Predicate:
    """Return whether every value is at most the bound, or below it where `strict`."""
    judged = [
        _Judged(value=value, label=label, excess=value - bound, broken=value > bound or (strict and value == bound))
        for value, label in _labelled(values, labels)
    ]
    return _predicate(judged, f"every value {'<' if strict else '<='} {_number(bound, 'bound')!r}")


def all_above(
    values: Sequence[float], bound: float, *, strict: bool = False, labels: Sequence[Any] | None = None
) -> Predicate:
    """Return whether every value is at least the bound, or above it where `strict`."""
    judged = [
        _Judged(value=value, label=label, excess=bound - value, broken=value < bound or (strict and value == bound))
        for value, label in _labelled(values, labels)
    ]
    return _predicate(judged, f"every value {'>' if strict else '>='} {_number(bound, 'bound')!r}")


def all_equal(
    values: Sequence[float], predicted: Sequence[float], tolerance: Tolerance, *, labels: Sequence[Any] | None = None
) -> Predicate:
    """Return whether every value lies within the tolerance of its own finite prediction."""
    if len(values) != len(predicted):
        raise ValueError(f"{len(values)} values need as many predictions, not {len(predicted)}")
    judged = []
    for (value, label), expected in zip(_labelled(values, labels), predicted, strict=True):
        excess = abs(value - _number(expected, "a prediction")) - tolerance.at(expected)
        judged.append(_Judged(value=value, label=label, excess=excess, broken=excess > 0))
    allowed = f"{tolerance.absolute!r}, {tolerance.relative!r} of the prediction, {tolerance.ulps!r} ulps"
    return _predicate(judged, f"every value within the largest of {allowed} of {tolerance.dtype} of its prediction")


def monotone(
    values: Sequence[float],
    direction: Direction,
    *,
    strict: bool = False,
    slack: float = 0.0,
    labels: Sequence[Any] | None = None,
) -> Predicate:
    """Return whether each value is at least the one before it less the slack (mirrored where decreasing).

    The worst is the value after the step that moves least in the direction. Fewer than two values have no order.
    """
    if not 0 <= slack < math.inf:
        detail = f"must be finite and not negative; it is {slack!r}"
        raise InvalidError([Problem(path=("slack",), code="out-of-range", detail=detail)])
    sign = 1 if direction is Direction.INCREASING else -1
    steps = list(_labelled(values, labels))
    judged = []
    for (before, _), (value, label) in pairwise(steps):
        excess = _fall(sign * before, sign * value) - slack
        judged.append(_Judged(value=value, label=label, excess=excess, broken=excess > 0 or (strict and excess == 0)))
    how = f"{'strictly ' if strict else ''}{direction}"
    return _predicate(judged, f"the values are {how}, each step within {slack!r}")


def _fall(before: float, after: float) -> float:
    """Return how far a sequence falls; equal infinities do not."""
    return 0.0 if before == after else before - after


def _labelled(values: Sequence[float], labels: Sequence[Any] | None) -> Iterable[tuple[float, Any]]:
    if labels is not None and len(labels) != len(values):
        raise ValueError(f"{len(values)} values need as many labels, not {len(labels)}")
    return zip((float(value) for value in values), range(len(values)) if labels is None else labels, strict=True)


def _number(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number")
    return float(value)


def _predicate(judged: Sequence[_Judged], statement: str) -> Predicate:
    numbers = [each for each in judged if not math.isnan(each.excess)]
    worst = max(numbers, key=lambda each: (each.excess, each.broken), default=None)
    broken, nan = sum(each.broken for each in numbers), len(judged) - len(numbers)
    verdict, reason = _verdict(len(judged), broken, nan)
    return Predicate(
        holds=verdict is Verdict.SUPPORTED,
        n=len(judged),
        n_broken=broken,
        n_not_a_number=nan,
        worst=worst.value if worst else None,
        worst_at=worst.label if worst else None,
        excess=worst.excess if worst else None,
        verdict=verdict,
        reason=reason,
        method=f"exact: {statement}",
    )


def _verdict(n: int, broken: int, nan: int) -> tuple[Verdict, str]:
    if broken:
        return Verdict.CONTRADICTED, f"{broken} of {n} break it"
    if nan:
        return Verdict.INCONCLUSIVE, f"{nan} of {n} are no numbers"
    if n == 0:
        return Verdict.INCONCLUSIVE, "there is nothing to judge"
    return Verdict.SUPPORTED, f"all {n} satisfy it"
