"""Axes of a sweep: lists, ranges, geometric ranges and counts of seeds, as tuples of values."""

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from workers.catalogue.problems import InvalidError, Problem

MOST_VALUES = 10_000
SEEDS = ("seed", "seeds.data", "seeds.init", "seeds.order")
FORMS = 'a list of values, {"range": [first, last, step]}, {"log_range": [first, last, factor]} or {"count": n}'
SLACK = Decimal("1e-9")  # of a step: a last value that is missed by rounding alone is taken

Values = tuple[Any, ...]


def values_of(path: str, axis: Any, seed: Any = 0) -> Values:
    """Return the values of a JSON axis; `{"count": n}` counts on from `seed`. Raise InvalidError."""
    if isinstance(axis, list):
        return _listed(axis)
    if not isinstance(axis, Mapping) or len(axis) != 1 or (form := next(iter(axis))) not in _FORMS:
        raise _refusal(f"must be {FORMS}", code="type")
    try:
        return _FORMS[form](path, axis[form], seed)
    except InvalidError as error:
        raise InvalidError([problem.under(form) for problem in error.problems]) from None


def _listed(axis: list[Any]) -> Values:
    if not 1 <= len(axis) <= MOST_VALUES:
        raise _refusal(f"must have 1 to {MOST_VALUES} values; got {len(axis)}", code="length")
    seen: dict[str, int] = {}
    for index, value in enumerate(axis):
        first = seen.setdefault(_canonical(value), index)
        if first != index:
            detail = f"repeats value {first}: equal cells would be counted as different ones"
            raise InvalidError([Problem(path=(index,), code="duplicate", detail=detail)])
    return tuple(axis)


def _canonical(value: Any) -> str:
    """Return a text that two values share where a spec makes no difference between them."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _range(path: str, given: Any, seed: Any) -> Values:
    first, last, step = _three(given, "first, last, step")
    if step == 0 or (last - first) / step < 0:
        raise _refusal("the step must lead from first to last", code="range")
    count = int((last - first) / step + SLACK) + 1
    _bound(count)
    return tuple(_number(first + step * index, given) for index in range(count))


def _log_range(path: str, given: Any, seed: Any) -> Values:
    first, last, factor = _three(given, "first, last, factor")
    if min(first, last, factor) <= 0 or factor == 1:
        raise _refusal("first, last and factor must be positive, and the factor not 1", code="range")
    spans = (last / first).ln() / factor.ln()
    if spans < -SLACK:
        raise _refusal("the factor must lead from first to last", code="range")
    count = int(spans + SLACK) + 1
    _bound(count)
    return tuple(_number(first * factor**index, given) for index in range(count))


def _count(path: str, given: Any, seed: Any) -> Values:
    if path not in SEEDS:
        raise _refusal(f"counts seeds, on an axis named {' or '.join(SEEDS)}; give a list or a range here")
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_VALUES:
        raise _refusal(f"must be an integer between 1 and {MOST_VALUES}", code="range")
    start = seed if isinstance(seed, int) and not isinstance(seed, bool) else 0
    return tuple(range(start, start + given))


_FORMS: dict[str, Callable[[str, Any, Any], Values]] = {"range": _range, "log_range": _log_range, "count": _count}


def _three(given: Any, names: str) -> tuple[Decimal, Decimal, Decimal]:
    if (
        not isinstance(given, list)
        or len(given) != 3
        or any(isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each) for each in given)
    ):
        raise _refusal(f"must be [{names}], three finite numbers", code="type")
    # As they are written, in decimals: three steps of 0.1 are 0.3 and not 0.30000000000000004.
    first, last, step = (Decimal(str(each)) for each in given)
    return first, last, step


def _number(value: Decimal, given: list[Any]) -> int | float:
    """Return a whole number where the client wrote none but whole ones and it is one."""
    whole = all(isinstance(each, int) for each in given) and value == value.to_integral_value()
    return int(value) if whole else float(value)


def _bound(count: int) -> None:
    if count > MOST_VALUES:
        raise _refusal(f"gives {count} values, at most {MOST_VALUES} are taken: take a larger step", code="too-large")


def _refusal(detail: str, code: str = "invalid") -> InvalidError:
    return InvalidError([Problem(code=code, detail=detail)])
