"""Typed filters to SQL: bound parameters only, the same answers on both databases.

Each function returns what is true exactly where the filter surely holds; NULL and false are alike here, because
NOT has been pushed to the leaves (workers/experiments/filtering/typed.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, literal, literal_column, or_, true
from sqlalchemy.orm import InstrumentedAttribute, aliased

from workers.database.json_values import JsonValue, metadata_value
from workers.database.metrics import PARTS
from workers.database.models import ExperimentRow, MetricRow, TagRow
from workers.experiments.filtering.fields import Field, Kind
from workers.experiments.filtering.syntax import Operator
from workers.experiments.filtering.typed import All, Compared, Condition, Plain, Present, Some, Tagged

Row = ExperimentRow
Truth = ColumnElement[bool]
NAN, INFINITY, MINUS_INFINITY = 1, 2, 3  # codes of columns.split_floats
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # what the columns of whole numbers hold
COLUMNS: Mapping[str, InstrumentedAttribute[Any]] = {
    "id": Row.id,
    "name": Row.name,
    "status": Row.status,
    "status_reason": Row.status_reason,
    "outcome": Row.outcome,
    "type": Row.type,
    "dtype": Row.dtype,
    "created_at": Row.created_at,
    "started_at": Row.started_at,
    "finished_at": Row.finished_at,
    "created_by": Row.created_by,
    "spec_hash": Row.spec_hash,
    "sweep": Row.sweep_id,
    "rerun_of": Row.rerun_of,
    "verified": Row.verified,
    "seed": Row.seed,
    "parameters": Row.parameters,
    "target.kind": Row.target_kind,
    "dataset.kind": Row.dataset_kind,
    "architecture.kind": Row.architecture_kind,
    "architecture.width": Row.width,
    "architecture.depth": Row.depth,
    "simulation.kind": Row.simulation_kind,
    "training.optimizer.kind": Row.optimizer_kind,
    "training.optimizer.learning_rate": Row.learning_rate,
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where conditions are asked: one project, one kind of database, and the metrics that the query has joined."""

    project_id: str
    dialect: str
    joined: Mapping[str, Any] = field(default_factory=dict)  # metric name to its alias of MetricRow
    finite: Field | None = None  # a part of a joined metric that the query takes from finite values only


def where(source: Source, condition: Condition) -> Truth:
    """Return the condition that the row's project is the source's and the filter holds."""
    return and_(Row.project_id == source.project_id, holds(source, condition))


def holds(source: Source, condition: Condition) -> Truth:
    """Return the filter as SQL."""
    match condition:
        case All():
            return and_(true(), *(holds(source, each) for each in condition.conditions))
        case Some():
            return or_(false(), *(holds(source, each) for each in condition.conditions))
        case Tagged():
            found = _tagged(TagRow.tag.in_(condition.values))
            return ~found if condition.negated else found
        case Present():
            return _present(source, condition)
        case Compared():
            return _compared(source, condition)


def is_code(row: Any, part: str, code: int) -> Truth:
    """Return the condition that a part of a metric is NaN or infinite, as the code says."""
    place = 2 * PARTS.index(part)
    # The zero is written out: with a placeholder no database knows that its partial index applies.
    return and_(row.non_finite != literal_column("0"), row.non_finite.bitwise_and(3 << place) == code << place)


def is_so(left: float, operator: Operator, right: float) -> bool:
    """Say whether one number compares so with another."""
    match operator:
        case "=":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right


def named(source: Source, row: Any, metric: str) -> Truth:
    """Return the condition that a row of metrics has the name, in the project."""
    return and_(row.project_id == source.project_id, row.name == metric)


def _tagged(condition: Truth = true()) -> Truth:  # noqa: B008
    return exists().where(TagRow.project_id == Row.project_id, TagRow.experiment_id == Row.id, condition)


def _of_metric(source: Source, metric: str, condition: Any) -> Truth:
    """Return whether the experiment's row of the metric meets the condition, a function of the row."""
    if metric in source.joined:
        row = source.joined[metric]
        return and_(row.experiment_id.is_not(None), condition(row))
    row = aliased(MetricRow)
    return exists().where(row.experiment_id == Row.id, named(source, row, metric), condition(row))


def _present(source: Source, wanted: Present) -> Truth:
    asked = wanted.field
    if asked.metric is not None:
        part = asked.part
        found = _of_metric(source, asked.metric, lambda row: true() if part is None else has_number(row, part))
    elif asked.kind is Kind.TAGS:
        found = _tagged()
    elif asked.kind is Kind.JSON:
        found = JsonValue(asked.path, source.dialect).is_there
    else:
        found = column_of(source, asked).is_not(None)
    # `found` is never NULL.
    return ~found if wanted.negated else found


def has_number(row: Any, part: str) -> Truth:
    """Return the condition that a part of a metric can be compared: neither NaN nor missing."""
    if part not in PARTS:
        return getattr(row, part).is_not(None)  # type: ignore[no-any-return]
    return or_(getattr(row, part).is_not(None), is_code(row, part, INFINITY), is_code(row, part, MINUS_INFINITY))


def column_of(source: Source, asked: Field) -> ColumnElement[Any]:
    """Return the column of a field from the table, or the value of a key of the metadata."""
    if asked.key is not None:
        return metadata_value(asked.key, source.dialect)
    column: ColumnElement[Any] = COLUMNS[asked.name].expression
    return column


def _compared(source: Source, test: Compared) -> Truth:
    asked, operator = test.field, test.operator
    if asked.metric is not None and asked.part in PARTS:
        part = str(asked.part)
        compare = _measured_finite if asked == source.finite else _measured
        return _of_metric(
            source, asked.metric, lambda row: _each(test, lambda value: compare(row, part, operator, value))
        )
    if asked.metric is not None:
        count = str(asked.part)
        return _of_metric(
            source, asked.metric, lambda row: _each(test, lambda value: _whole(getattr(row, count), operator, value))
        )
    if asked.kind is Kind.JSON:
        found = JsonValue(asked.path, source.dialect)
        return _each(test, lambda value: _in_json(found, operator, value))
    column = column_of(source, asked)
    if asked.kind is Kind.INTEGER:
        return _each(test, lambda value: _whole(column, operator, value))
    if asked.kind is Kind.NUMBER:
        return _each(test, lambda value: _finite(column, operator, value))
    return _listed(column, operator, test.values)


def _each(test: Compared, condition: Any) -> Truth:
    """Return whether one value fits or, with `!=`, whether all differ."""
    conditions = [condition(value) for value in test.values]
    return and_(*conditions) if test.operator == "!=" else or_(*conditions)


def _listed(column: ColumnElement[Any], operator: Operator, values: tuple[Plain, ...]) -> Truth:
    if len(values) == 1:
        return _applied(column, operator, literal(values[0], column.type))
    bound = [literal(value, column.type) for value in values]
    return column.in_(bound) if operator == "=" else column.not_in(bound)


def _applied(column: ColumnElement[Any], operator: Operator, value: ColumnElement[Any]) -> Truth:
    match operator:
        case "=":
            return column == value
        case "!=":
            return column != value
        case "<":
            return column < value
        case "<=":
            return column <= value
        case ">":
            return column > value
        case ">=":
            return column >= value


def _whole(column: ColumnElement[Any], operator: Operator, value: Any) -> Truth:
    """Compare a column of whole numbers with any number, exactly, and without asking it to hold the number."""
    if isinstance(value, float) and not math.isinf(value):
        bound = math.floor(value) if operator in ("<=", ">") else math.ceil(value)
    else:
        bound = value
    if bound == value or operator not in ("=", "!="):
        if SMALLEST <= bound <= LARGEST:
            return _applied(column, operator, literal(int(bound), column.type))
        always = bound > LARGEST if operator in ("<", "<=") else bound < SMALLEST
        always = operator == "!=" or (operator != "=" and always)
    else:
        always = operator == "!="
    return column.is_not(None) if always else false()


def _finite(column: ColumnElement[Any], operator: Operator, value: Any) -> Truth:
    """Compare a column of finite numbers with one that may be infinite."""
    if math.isinf(value):
        always = operator == "!=" or ((operator in ("<", "<=")) == (value > 0) and operator != "=")
        return column.is_not(None) if always else false()
    return _applied(column, operator, literal(value, column.type))


def _measured_finite(row: Any, part: str, operator: Operator, value: Any) -> Truth:
    return _finite(getattr(row, part), operator, value)


def _measured(row: Any, part: str, operator: Operator, value: Any) -> Truth:
    """Compare a part of a metric, which may be infinite itself."""
    found = [_finite(getattr(row, part), operator, value)]
    for code, infinity in ((INFINITY, math.inf), (MINUS_INFINITY, -math.inf)):
        if is_so(infinity, operator, value):
            found.append(is_code(row, part, code))
    return or_(*found)


def _in_json(found: JsonValue, operator: Operator, value: Any) -> Truth:
    """Compare what stands in the spec with a value of the same type; another type gives NULL."""
    if isinstance(value, bool):
        return _applied(found.boolean, operator, literal(int(value)))
    if isinstance(value, str):
        return _applied(found.text, operator, literal(value))
    assert not isinstance(value, datetime)
    if math.isinf(value):
        return _finite(found.number, operator, value)
    return _applied(found.number, operator, found.bound(value))
