"""The fields of a component: type hint, bounds and meaning, from which schema and checks follow."""

import math
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from workers.catalogue.problems import Problem

REQUIRED: Any = MISSING


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a parameter means and which values it takes; the bounds of a list hold for its items.

    `example` is a JSON value for the example of a component whose field has no telling default.
    """

    meaning: str
    example: Any = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    min_items: int | None = None
    max_items: int | None = None
    max_length: int | None = None
    pattern: str | None = None  # of a whole string, in the syntax that Python and ECMA-262 share

    def violations(self, value: float) -> Iterator[str]:
        """Yield a sentence for each bound that the number breaks."""
        if self.minimum is not None and value < self.minimum:
            yield f"must be at least {self.minimum:g}; got {value:g}"
        if self.maximum is not None and value > self.maximum:
            yield f"must be at most {self.maximum:g}; got {value:g}"
        if self.exclusive_minimum is not None and value <= self.exclusive_minimum:
            yield f"must be greater than {self.exclusive_minimum:g}; got {value:g}"
        if self.exclusive_maximum is not None and value >= self.exclusive_maximum:
            yield f"must be less than {self.exclusive_maximum:g}; got {value:g}"


def parameter(default: Any, meaning: str, **bounds: Any) -> Any:
    """Declare a component's field; `REQUIRED` as default means that the client must give it."""
    return field(default=default, metadata={"bounds": Bounds(meaning=meaning, **bounds)})


def bounds_of(declared: Field[Any]) -> Bounds:
    """Return the bounds of a field made by `parameter`."""
    bounds: Bounds = declared.metadata["bounds"]
    return bounds


@cache
def hints_of(cls: type) -> Mapping[str, Any]:
    """Return the resolved type hint of every dataclass field of `cls`, in order."""
    hints = typing.get_type_hints(cls)
    return {declared.name: hints[declared.name] for declared in fields(cls)}


def options(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union hint, or the hint alone."""
    if get_origin(hint) in (Union, types.UnionType):
        return get_args(hint)
    return (hint,)


def check(hint: Any, bounds: Bounds, value: Any) -> Iterator[Problem]:
    """Yield a problem for each way in which `value` is not of `hint` or breaks `bounds`."""
    members = options(hint)
    if hint is Any or (value is None and type(None) in members):
        return
    attempts = [list(_check_one(member, bounds, value)) for member in members if member is not type(None)]
    if [] in attempts:
        return
    # A value of the right type with a wrong bound gets the sentence about the bound.
    yield from min(attempts, key=lambda problems: any(problem.code == "type" for problem in problems))


def _check_one(hint: Any, bounds: Bounds, value: Any) -> Iterator[Problem]:
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint) or isinstance(value, bool) not in {isinstance(a, bool) for a in get_args(hint)}:
            allowed = tuple(str(choice) for choice in get_args(hint))
            yield Problem(code="choice", detail=f"must be one of {', '.join(allowed)}", allowed=allowed)
    elif origin is tuple:
        yield from _check_items(get_args(hint), bounds, value)
    elif origin in (dict, Mapping):
        yield from _check_members(get_args(hint)[1], bounds, value)
    elif hint in (int, float):
        yield from _check_number(hint, bounds, value)
    elif not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        yield Problem(code="type", detail=f"must be {_word(hint)}")
    elif hint is str:
        yield from _check_text(bounds, value)


def _check_text(bounds: Bounds, value: str) -> Iterator[Problem]:
    if bounds.max_length is not None and len(value) > bounds.max_length:
        yield Problem(code="length", detail=f"must have at most {bounds.max_length} characters; got {len(value)}")
    if bounds.pattern is not None and not re.fullmatch(bounds.pattern, value):
        yield Problem(code="pattern", detail=f"must match {bounds.pattern}")


def _check_items(hints: tuple[Any, ...], bounds: Bounds, value: Any) -> Iterator[Problem]:
    if not isinstance(value, tuple):
        yield Problem(code="type", detail="must be a list")
        return
    repeated = len(hints) == 2 and hints[1] is Ellipsis
    if not repeated and len(value) != len(hints):
        yield Problem(code="length", detail=f"must have exactly {len(hints)} items; got {len(value)}")
        return
    if repeated and bounds.min_items is not None and len(value) < bounds.min_items:
        yield Problem(code="length", detail=f"must have at least {bounds.min_items} items; got {len(value)}")
    if repeated and bounds.max_items is not None and len(value) > bounds.max_items:
        yield Problem(code="length", detail=f"must have at most {bounds.max_items} items; got {len(value)}")
        return  # a body of a megabyte can hold 300,000 items, each with a problem of its own
    for index, item in enumerate(value):
        for problem in check(hints[0] if repeated else hints[index], bounds, item):
            yield problem.under(index)


def _check_members(hint: Any, bounds: Bounds, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(code="type", detail="must be an object")
        return
    if bounds.min_items is not None and len(value) < bounds.min_items:
        yield Problem(code="length", detail=f"must have at least {bounds.min_items} members; got {len(value)}")
    if bounds.max_items is not None and len(value) > bounds.max_items:
        yield Problem(code="length", detail=f"must have at most {bounds.max_items} members; got {len(value)}")
        return
    for name, member in value.items():
        for problem in check(hint, bounds, member):
            yield problem.under(name)


def _check_number(hint: type, bounds: Bounds, value: Any) -> Iterator[Problem]:
    integer = isinstance(value, int) and not isinstance(value, bool)
    if not (integer or (hint is float and isinstance(value, float))):
        yield Problem(code="type", detail=f"must be {_word(hint)}")
    elif abs(value) > sys.float_info.max or math.isnan(value):  # an integer may be too large for a float
        yield Problem(code="range", detail="must be finite")
    else:
        yield from (Problem(code="range", detail=detail) for detail in bounds.violations(value))


def _word(hint: Any) -> str:
    words = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}
    return words.get(hint, f"a {getattr(hint, '__name__', hint)}")
