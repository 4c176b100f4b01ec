"""Pairs of values with the same keys, and what could not be paired."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workers.catalogue.problems import InvalidError, Problem

SHOWN = 5  # duplicate keys named in one message

Key = tuple[Any, ...]  # JSON values: one per path of pair_by
Keyed = Sequence[tuple[Key, float | None]]  # None: the run left no value
_Side = dict[str, tuple[Key, float | None]]  # by the key's JSON text


class Policy(StrEnum):
    """What becomes of a pair with a value that is missing, NaN or infinite; it is counted under each."""

    LEAVE_OUT = "leave_out"  # the pair takes no part
    REFUSE = "refuse"  # an error: every pair must be finite
    WORST = "worst"  # the value counts as infinitely bad, so the arm that failed loses the pair


class Fault(StrEnum):
    """What is wrong with one value."""

    MISSING = "missing"
    NON_FINITE = "non_finite"


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """One pair with values that are no finite numbers."""

    key: Key
    a: Fault | None
    b: Fault | None


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two columns of values with equal keys, in the order of the keys: numbers by size, then texts."""

    keys: tuple[Key, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]
    unpaired_a: tuple[Key, ...]
    unpaired_b: tuple[Key, ...]
    unusable: tuple[Unusable, ...]
    method: str

    @property
    def n_pairs(self) -> int:
        """Return the number of pairs that take part."""
        return len(self.keys)

    @property
    def n_missing(self) -> int:
        """Return the number of paired values that no run left."""
        return sum((pair.a, pair.b).count(Fault.MISSING) for pair in self.unusable)

    @property
    def n_non_finite(self) -> int:
        """Return the number of paired values that are NaN or infinite."""
        return sum((pair.a, pair.b).count(Fault.NON_FINITE) for pair in self.unusable)

    @property
    def differences(self) -> tuple[float, ...]:
        """Return a minus b, pair by pair: 0 where both are infinitely bad, infinite where one is."""
        return tuple(0.0 if a == b else a - b for a, b in zip(self.a, self.b, strict=True))


def pair(a: Keyed, b: Keyed, *, policy: Policy = Policy.LEAVE_OUT, larger_is_worse: bool = True) -> Pairs:
    """Return the values of a and b paired by key, free of the order in which they came.

    Keys are equal as JSON: 64 and 64.0 are, 1 and true are not, a list and a tuple are. Raise InvalidError
    where a side has two values with one key, and under `refuse` where a paired value is no finite number.
    """
    left, right = _by_key(a), _by_key(b)
    if problems := [*_duplicates("a", a), *_duplicates("b", b)]:
        raise InvalidError(problems)
    shared = [text for text in _sorted(left) if text in right]
    unusable = {text: found for text in shared if (found := _unusable(left[text], right[text]))}
    if unusable and policy is Policy.REFUSE:
        raise InvalidError([_refused(list(unusable.values()))])
    kept = [text for text in shared if policy is Policy.WORST or text not in unusable]
    worst = math.inf if larger_is_worse else -math.inf
    return Pairs(
        keys=tuple(left[text][0] for text in kept),
        a=tuple(_number(left[text][1], worst) for text in kept),
        b=tuple(_number(right[text][1], worst) for text in kept),
        unpaired_a=_only(left, right),
        unpaired_b=_only(right, left),
        unusable=tuple(unusable.values()),
        method=_METHODS[policy],
    )


_METHODS = {
    Policy.LEAVE_OUT: "paired by equal keys; pairs with a missing or non-finite value left out",
    Policy.REFUSE: "paired by equal keys; every value of a pair is finite",
    Policy.WORST: "paired by equal keys; a missing or non-finite value counts as infinitely bad",
}


def _by_key(side: Keyed) -> _Side:
    return {_text(key): (key, value) for key, value in side}


def _sorted(side: _Side) -> list[str]:
    return sorted(side, key=lambda text: ([_order(part) for part in side[text][0]], text))


def _only(side: _Side, other: _Side) -> tuple[Key, ...]:
    return tuple(side[text][0] for text in _sorted(side) if text not in other)


def _order(part: Any) -> tuple[int, float, str]:
    if isinstance(part, int | float):
        return (0, part, "")
    return (1, 0.0, part if isinstance(part, str) else json.dumps(_plain(part), sort_keys=True))


def _text(key: Key) -> str:
    """Return one text for keys that are equal as JSON."""
    return json.dumps([_plain(part) for part in key], sort_keys=True, allow_nan=False)


def _plain(part: Any) -> Any:
    if isinstance(part, float) and part.is_integer():
        return int(part)
    if isinstance(part, list | tuple):
        return [_plain(each) for each in part]
    if isinstance(part, Mapping):
        return {name: _plain(each) for name, each in part.items()}
    return part


def _duplicates(name: str, side: Keyed) -> list[Problem]:
    twice = [f"{text} ({count})" for text, count in sorted(Counter(_text(key) for key, _ in side).items()) if count > 1]
    if not twice:
        return []
    more = f" and {len(twice) - SHOWN} more keys" if len(twice) > SHOWN else ""
    detail = (
        f"{', '.join(twice[:SHOWN])}{more} of {name} have more than one value: "
        f"pair by one more path that tells them apart, or filter {name} further"
    )
    return [Problem(path=("pair_by",), code="duplicate-key", detail=detail)]


def _unusable(a: tuple[Key, float | None], b: tuple[Key, float | None]) -> Unusable | None:
    faults = _fault(a[1]), _fault(b[1])
    return Unusable(key=a[0], a=faults[0], b=faults[1]) if any(faults) else None


def _fault(value: float | None) -> Fault | None:
    if value is None:
        return Fault.MISSING
    return None if math.isfinite(value) else Fault.NON_FINITE


def _number(value: float | None, worst: float) -> float:
    return worst if value is None or not math.isfinite(value) else float(value)


def _refused(unusable: Sequence[Unusable]) -> Problem:
    named = ", ".join(_text(pair.key) for pair in unusable[:SHOWN])
    more = f" and {len(unusable) - SHOWN} more" if len(unusable) > SHOWN else ""
    detail = f"the pairs {named}{more} have a missing or non-finite value: leave them out, or count them as worst"
    return Problem(path=("metric",), code="not-finite", detail=detail)
