"""Filters with types: every field known, every value of the field's kind, and NOT pushed to the leaves.

A missing value and a NaN satisfy no comparison and no negated one: three values of truth, as in SQL. With NOT
gone from between AND and OR, only what is surely true matters, and a leaf is either that or not.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from workers.catalogue.problems import nearest
from workers.experiments.filtering.fields import Field, Kind, field_of
from workers.experiments.filtering.parser import parse
from workers.experiments.filtering.syntax import (
    And,
    Comparison,
    Fault,
    FilterError,
    Has,
    Name,
    Node,
    Not,
    Operator,
    Or,
    Presence,
    Value,
)

Plain = str | int | float | bool | datetime
OPPOSITE: dict[Operator, Operator] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
# A date and a time with its zone (RFC 3339, section 5.6); Python's parser takes much more.
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A comparison: `=` with one of the values, `!=` with none of them, the others with the only one."""

    field: Field
    operator: Operator
    values: tuple[Plain, ...]


@dataclass(frozen=True, kw_only=True)
class Present:
    """Whether the field has a value, or has none."""

    field: Field
    negated: bool = False


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """Whether one of the values is a tag, or none of them is."""

    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, kw_only=True)
class All:
    """Every condition; without any, always."""

    conditions: tuple["Condition", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Some:
    """At least one of the conditions."""

    conditions: tuple["Condition", ...]


Condition = Compared | Present | Tagged | All | Some


def filter_of(text: str) -> Condition:
    """Return the condition that a filter states; raise FilterError with every fault that can be told."""
    return condition_of(parse(text))


def condition_of(node: Node) -> Condition:
    """Return the condition that a tree states; raise FilterError with the faults of all its leaves."""
    faults: list[Fault] = []

    def kept(leaf: Comparison | Has | Presence, negated: bool) -> Condition:
        try:
            return _leaf(leaf, negated)
        except FilterError as error:
            faults.extend(error.faults)
            return All()

    condition = _pushed(node, False, kept)
    if faults:
        raise FilterError(*sorted(faults, key=lambda fault: fault.position))
    return condition


def _pushed(node: Node, negated: bool, leaf: Callable[[Comparison | Has | Presence, bool], Condition]) -> Condition:
    match node:
        case Not():
            return _pushed(node.term, not negated, leaf)
        case And() | Or():
            conditions = tuple(_pushed(term, negated, leaf) for term in node.terms)
            is_all = isinstance(node, And) is not negated
            return All(conditions=conditions) if is_all else Some(conditions=conditions)
        case _:
            return leaf(node, negated)


def _leaf(node: Comparison | Has | Presence, negated: bool) -> Condition:
    field = field_of(node.name)
    match node:
        case Presence():
            return Present(field=field, negated=negated)
        case Has():
            return _tagged(field, node, negated)
        case Comparison():
            return _test(field, node, negated)


def _tagged(field: Field, node: Has, negated: bool) -> Condition:
    if field.kind is not Kind.TAGS:
        raise _mistyped(node.name, f"':' with a value is for tags: write {field.name} = ..., or {field.name}:*")
    values = []
    for each in node.values:
        if not isinstance(each.value, str):
            raise _mistyped(each, 'a tag is text: write it in quotes, as in tags:"1"')
        values.append(each.value)
    return Tagged(values=tuple(values), negated=negated)


def _test(field: Field, node: Comparison, negated: bool) -> Condition:
    _check_operator(field, node)
    operator = OPPOSITE[node.operator] if negated else node.operator
    if len(node.values) == 1 and node.values[0].value is None:
        return Present(field=field, negated=operator == "=")
    return Compared(field=field, operator=operator, values=tuple(_converted(field, node.values)))


def _check_operator(field: Field, node: Comparison) -> None:
    if field.kind is Kind.TAGS:
        raise _mistyped(node, "tags are asked for by ':', as in tags:smoke")
    if field.kind is Kind.METRIC:
        raise _mistyped(node, f"a metric is compared by one of its parts: {field.name}.last")
    ordered = node.operator not in ("=", "!=")
    if ordered and not field.kind.is_ordered:
        raise _mistyped(node, f"{field.name} is {field.kind.value}, which only = and != compare")
    if len(node.values) > 1 and node.operator != "=":
        remedy = f"NOT {field.name} = (...)" if node.operator == "!=" else "one value"
        raise _mistyped(node, f"a list of values stands after = only: write {remedy}")
    for value in node.values:
        if value.value is None and (ordered or len(node.values) > 1):
            raise _mistyped(value, f"null is compared by = and !=, alone; {field.name}:* asks for a value")
        if ordered and field.kind is Kind.JSON and not _is_number(value.value):
            raise _mistyped(value, f"{node.operator} compares numbers")


def _converted(field: Field, values: Iterable[Value]) -> Iterable[Plain]:
    for value in values:
        yield _CONVERSIONS[field.kind](field, value)


def _word(field: Field, given: Value) -> Plain:
    value = _text(field, given)
    if value not in field.choices:
        hint = nearest(str(value), field.choices)
        message = f"{field.name} is none of these: {value!r}" + (f"; did you mean {hint!r}?" if hint else "")
        raise _mistyped(given, message, did_you_mean=hint, allowed=field.choices)
    return value


def _text(field: Field, given: Value) -> Plain:
    if not isinstance(given.value, str):
        raise _mistyped(given, f"{field.name} is {field.kind.value}: write the value in quotes")
    return given.value


def _number(field: Field, given: Value) -> Plain:
    value = given.value
    if not _is_number(value):
        raise _mistyped(given, f"{field.name} is {field.kind.value}, and {value!r} is none")
    assert isinstance(value, int | float)
    return float(value) if field.kind is Kind.NUMBER else value


def _boolean(field: Field, given: Value) -> Plain:
    if not isinstance(given.value, bool):
        raise _mistyped(given, f"{field.name} is true or false; got {given.value!r}")
    return given.value


def _moment(field: Field, given: Value) -> Plain:
    try:
        if isinstance(given.value, str) and MOMENT.fullmatch(given.value):
            return datetime.fromisoformat(given.value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; the year 1 in the far east
        pass
    raise _mistyped(given, f'{field.name} is a time: write it as "2026-01-31T12:00:00Z"')


def _json(field: Field, given: Value) -> Plain:
    assert given.value is not None
    return given.value


_CONVERSIONS: dict[Kind, Callable[[Field, Value], Plain]] = {
    Kind.WORD: _word,
    Kind.TEXT: _text,
    Kind.INTEGER: _number,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.MOMENT: _moment,
    Kind.JSON: _json,
}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _mistyped(
    place: Value | Name | Comparison, message: str, *, did_you_mean: str | None = None, allowed: tuple[str, ...] = ()
) -> FilterError:
    fault = Fault(
        code="filter-type", position=place.position, message=message, did_you_mean=did_you_mean, allowed=allowed
    )
    return FilterError(fault)
