"""Lists of experiments: pages in any order, and counts by field."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from workers.database.conditions import Source, column_of, named, where
from workers.database.models import ExperimentRow, TagRow
from workers.database.orders import Sorting, Stretch, after, restored, sorting_of, stored
from workers.database.values import ExperimentView, Page
from workers.database.views import experiment_views
from workers.experiments.filtering.fields import Field, Kind
from workers.experiments.filtering.order import NEWEST, Order
from workers.experiments.filtering.typed import All, Compared, Condition

Row = ExperimentRow
EVERYTHING = All()
MOST_GROUPS = 100  # values that are told of one facet


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a page ended: the stretch of the order, and the sort values of its last row, the id among them."""

    stretch: int
    values: tuple[Any, ...]  # JSON values


@dataclass(frozen=True, kw_only=True)
class Listing(Page[ExperimentView]):
    """A page, and the place behind which the next one begins."""

    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Facet:
    """How many experiments have each value of a field, the most frequent first; None counts those without one."""

    field: str
    counts: tuple[tuple[str | int | float | bool | None, int], ...]
    has_more: bool


def list_experiments(
    session: Session,
    project_id: str,
    *,
    condition: Condition = EVERYTHING,
    order: Order = NEWEST,
    after: Place | None = None,
    limit: int,
    count: bool = False,
) -> Listing:
    """Return a page of the experiments that meet the condition.

    `after` is the place of the last one seen: what comes or goes meanwhile shifts nothing.
    """
    source = _source(session, project_id)
    total = None
    if count:
        total = session.execute(select(func.count()).select_from(Row).where(where(source, condition))).scalar_one()
    sorting = sorting_of(source, order, condition)
    found = _found(session, source, sorting, condition, after, limit + 1)
    items = experiment_views(session, [row[0] for _, row in found[:limit]])
    has_more = len(found) > limit
    place = _place(*found[limit - 1]) if has_more else None
    return Listing(items=tuple(items), has_more=has_more, total=total, place=place)


def count_by(
    session: Session, project_id: str, fields: Sequence[Field], condition: Condition = EVERYTHING
) -> tuple[int, list[Facet]]:
    """Return how many experiments meet the condition, and how many of them have which values of the fields."""
    source = _source(session, project_id)
    mine = where(source, condition)
    total = session.execute(select(func.count()).select_from(Row).where(mine)).scalar_one()
    return total, [_facet(session, source, field, mine) for field in fields]


def _source(session: Session, project_id: str) -> Source:
    return Source(project_id=project_id, dialect=session.get_bind().dialect.name)


def _found(
    session: Session, source: Source, sorting: Sorting, condition: Condition, place: Place | None, limit: int
) -> list[tuple[int, Any]]:
    """Return at most `limit` rows behind the place, each with the number of its stretch and its sort values."""
    found: list[tuple[int, Any]] = []
    for number, stretch in enumerate(sorting.stretches):
        if (place is not None and number < place.stretch) or len(found) >= limit:
            continue
        query = _walk(replace(source, joined=sorting.joined, finite=stretch.finite), stretch, condition)
        if place is not None and number == place.stretch:
            values = tuple(restored(*pair) for pair in zip(stretch.sorts, place.values, strict=True))
            query = query.where(after(stretch.sorts, values))
        found += [(number, row) for row in session.execute(query.limit(limit - len(found)))]
    return found


def _walk(source: Source, stretch: Stretch, condition: Condition) -> Select[Any]:
    """Return the query for the rows of a stretch in order."""
    columns = [sort.column.label(f"sort_{number}") for number, sort in enumerate(stretch.sorts)]
    query = select(Row, *columns)
    few = _names_few(condition)
    for metric, row in source.joined.items():
        # The project twice lets SQLite walk the metrics of all experiments in order; not where few are wanted.
        ours = row.name == metric if few else named(source, row, metric)
        query = query.join(row, and_(row.experiment_id == Row.id, ours), isouter=metric != stretch.inner)
    query = query.where(where(source, condition)).order_by(*(sort.clause for sort in stretch.sorts))
    return query if stretch.condition is None else query.where(stretch.condition)


def _names_few(condition: Condition) -> bool:
    """Say whether the condition names a sweep, or experiments by their ids."""
    if isinstance(condition, All):
        return any(_names_few(each) for each in condition.conditions)
    return isinstance(condition, Compared) and condition.operator == "=" and condition.field.name in ("sweep", "id")


def _place(stretch: int, row: Any) -> Place:
    return Place(stretch=stretch, values=tuple(stored(value) for value in row[1:]))


def _facet(session: Session, source: Source, field: Field, mine: ColumnElement[bool]) -> Facet:
    counted = func.count().label("n")
    if field.kind is Kind.TAGS:
        value: ColumnElement[Any] = TagRow.tag.expression
        query = select(value, counted).join(Row, Row.id == TagRow.experiment_id)
        query = query.where(TagRow.project_id == source.project_id, mine)
    else:
        value = column_of(source, field)
        query = select(value, counted).where(mine)
    rows = session.execute(query.group_by(value).order_by(counted.desc(), value).limit(MOST_GROUPS + 1)).all()
    # Equal counts: in one order on both databases, whose languages and places for NULL differ.
    shown = sorted(rows[:MOST_GROUPS], key=lambda row: (-row[1], row[0] is None, str(row[0])))
    counts = tuple((row[0], row[1]) for row in shown)
    return Facet(field=field.name, counts=counts, has_more=len(rows) > MOST_GROUPS)
