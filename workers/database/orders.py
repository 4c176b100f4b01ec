"""Orders of a list in SQL: keys that may be missing or infinite, walked in stretches that an index serves.

The first key cuts the list into stretches: in rising order what is -infinity, the finite values, +infinity, and
last what is missing or NaN. Inside a stretch the first key is a plain column that is never NULL. The keys after
it sort what is left by two columns each: the rank of such a stretch, and the value.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, case, cast, collate, func, literal, or_
from sqlalchemy.orm import aliased

from workers.database.columns import UtcDateTime
from workers.database.conditions import (
    COLUMNS,
    INFINITY,
    MINUS_INFINITY,
    NAN,
    Source,
    Truth,
    column_of,
    is_code,
    is_so,
)
from workers.database.json_values import JsonValue
from workers.database.metrics import PARTS
from workers.database.models import ExperimentRow, MetricRow
from workers.experiments.filtering.fields import Field, Kind
from workers.experiments.filtering.order import Key, Order
from workers.experiments.filtering.typed import All, Compared, Condition, Present

Row = ExperimentRow
SORTED_CHARACTERS = 64  # of a text: a cursor holds them
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FALLBACKS: dict[Kind, Any] = {Kind.WORD: "", Kind.TEXT: "", Kind.MOMENT: EPOCH}


@dataclass(frozen=True, kw_only=True)
class Sort:
    """One column of ORDER BY, never NULL."""

    column: ColumnElement[Any]
    descending: bool = False

    @property
    def clause(self) -> ColumnElement[Any]:
        """Return it as ORDER BY takes it."""
        return self.column.desc() if self.descending else self.column.asc()


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a list in which the first key has one kind of value."""

    condition: Truth | None
    sorts: tuple[Sort, ...]
    inner: str | None = None  # metric without which nothing stands here
    finite: Field | None = None  # the first key, where it is finite here


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """An order on one database: its stretches, and the metrics to join for them."""

    stretches: tuple[Stretch, ...]
    joined: dict[str, Any] = field(default_factory=dict)


def sorting_of(source: Source, order: Order, condition: Condition) -> Sorting:
    """Return the order, without the stretches that the condition leaves empty."""
    joined = {key.field.metric: aliased(MetricRow) for key in order.keys if key.field.metric is not None}
    first, *rest = order.keys
    later = tuple(sort for key in rest for sort in _ranked(source, key, joined))
    tie = Sort(column=Row.id.expression, descending=order.keys[-1].descending)
    stretches = tuple(
        Stretch(condition=each.condition, sorts=(*each.sorts, *later, tie), inner=each.inner, finite=each.finite)
        for each in _stretches(source, first, joined, condition)
    )
    return Sorting(stretches=stretches, joined=joined)


def after(sorts: tuple[Sort, ...], values: tuple[Any, ...]) -> Truth:
    """Return the condition that a row comes behind the one with these values."""
    sort, *rest = sorts
    value = literal(values[0], sort.column.type)
    beyond = sort.column < value if sort.descending else sort.column > value
    if not rest:
        return beyond
    at_or_beyond = sort.column <= value if sort.descending else sort.column >= value
    return and_(at_or_beyond, or_(beyond, after(tuple(rest), values[1:])))


def _stretches(source: Source, key: Key, joined: dict[str, Any], condition: Condition) -> Iterator[Stretch]:
    asked, metric = key.field, key.field.metric
    column = _column(source, asked, joined)
    value = Sort(column=column, descending=key.descending)
    if metric is None and asked.name in COLUMNS and not Row.__table__.columns[COLUMNS[asked.name].name].nullable:
        yield Stretch(condition=None, sorts=(value,))
        return
    yield from _infinite(key, joined, condition, -math.inf)
    yield Stretch(condition=column.is_not(None), sorts=(value,), inner=metric, finite=asked)
    yield from _infinite(key, joined, condition, math.inf)
    if _may_be(condition, asked, None):
        yield Stretch(condition=_missing(column, asked, joined), sorts=())


def _infinite(key: Key, joined: dict[str, Any], condition: Condition, end: float) -> Iterator[Stretch]:
    """Yield the stretch of the infinite values at the lower or upper end of the list, where there can be any."""
    asked, infinity = key.field, -end if key.descending else end
    if asked.part in PARTS and _may_be(condition, asked, infinity):
        row, code = joined[str(asked.metric)], INFINITY if infinity > 0 else MINUS_INFINITY
        yield Stretch(condition=is_code(row, str(asked.part), code), sorts=(), inner=asked.metric)


def _missing(column: ColumnElement[Any], asked: Field, joined: dict[str, Any]) -> Truth:
    if asked.part not in PARTS:
        return column.is_(None)
    row = joined[str(asked.metric)]
    return and_(column.is_(None), or_(row.experiment_id.is_(None), is_code(row, str(asked.part), NAN)))


def _may_be(condition: Condition, asked: Field, value: float | None) -> bool:
    """Say whether the field may be infinite, or without a value for None, where the condition holds."""
    if isinstance(condition, All):
        return all(_may_be(each, asked, value) for each in condition.conditions)
    if isinstance(condition, Present) and condition.field == asked:
        return condition.negated is (value is None)
    if isinstance(condition, Compared) and condition.field == asked:
        values: Any = condition.values
        fits = all if condition.operator == "!=" else any
        return value is not None and fits(is_so(value, condition.operator, each) for each in values)
    return True


def _ranked(source: Source, key: Key, joined: dict[str, Any]) -> Iterator[Sort]:
    """Yield the two columns by which a key after the first one sorts."""
    asked = key.field
    column = _column(source, asked, joined)
    ranks: list[tuple[Truth, int]] = [(column.is_not(None), 1)]
    if asked.metric is not None and asked.part in PARTS:
        row = joined[asked.metric]
        ends = (INFINITY, MINUS_INFINITY) if key.descending else (MINUS_INFINITY, INFINITY)
        ranks += [(is_code(row, str(asked.part), code), rank) for code, rank in zip(ends, (0, 2), strict=True)]
    yield Sort(column=case(*ranks, else_=3))
    yield Sort(column=func.coalesce(column, _fallback(asked, column)), descending=key.descending)


def _fallback(asked: Field, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return literal(FALLBACKS.get(asked.kind, 0), column.type)


def _column(source: Source, asked: Field, joined: dict[str, Any]) -> ColumnElement[Any]:
    """Return what a key sorts by, NULL where that is missing or not finite."""
    if asked.metric is not None:
        part: ColumnElement[Any] = getattr(joined[asked.metric], str(asked.part))
        return part
    if asked.kind is Kind.JSON:
        return JsonValue(asked.path, source.dialect).key
    column = column_of(source, asked)
    if asked.kind is Kind.BOOLEAN:
        return cast(column, Integer)
    if asked.kind not in (Kind.TEXT, Kind.WORD):
        return column
    text = column if asked.name == "id" else func.substr(cast(column, String), 1, SORTED_CHARACTERS)
    # By the bytes, as SQLite does: a database in another language would sort otherwise.
    return collate(text, "C") if source.dialect == "postgresql" else text


def stored(value: Any) -> Any:
    """Return the value of a sort as JSON."""
    return value.isoformat() if isinstance(value, datetime) else value


def restored(sort: Sort, value: Any) -> Any:
    """Return the value of a sort from what `stored` made of it."""
    return datetime.fromisoformat(value) if isinstance(sort.column.type, UtcDateTime) else value
