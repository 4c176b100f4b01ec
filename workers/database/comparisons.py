"""Comparisons: the experiments that a filter names with one metric, and what was found, kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from workers.database.conditions import Source, where
from workers.database.ids import new_id
from workers.database.metrics import metrics_where
from workers.database.models import ExperimentRow, MetricRow
from workers.database.session import insert_rows
from workers.database.sweep_models import ComparisonRow
from workers.database.sweep_values import ComparisonView, Sampled
from workers.experiments.filtering.typed import Condition
from workers.experiments.lifecycle import Outcome

Row = ExperimentRow


def sample(session: Session, project_id: str, condition: Condition, metric: str, *, most: int) -> list[Sampled]:
    """Return the experiments that meet the condition, at most `most` and one, oldest first, with one metric each."""
    mine = where(Source(project_id=project_id, dialect=session.get_bind().dialect.name), condition)
    taken = select(Row.id).where(mine).order_by(Row.created_at, Row.id).limit(most + 1)
    query = select(Row.id, Row.status, Row.outcome, Row.spec).where(Row.id.in_(taken))
    rows = session.execute(query.order_by(Row.created_at, Row.id)).all()
    known = metrics_where(session, MetricRow.experiment_id.in_(taken), MetricRow.name == metric)
    return [
        Sampled(
            id=row.id,
            status=row.status,
            outcome=Outcome(row.outcome) if row.outcome else None,
            spec=row.spec,
            metric=known.get(row.id, {}).get(metric),
        )
        for row in rows
    ]


def store_comparison(
    session: Session,
    *,
    project_id: str,
    name: str | None,
    question: Mapping[str, Any],
    result: Mapping[str, Any],
    inputs_hash: str,
    now: datetime,
) -> ComparisonView:
    """Keep a comparison and return it."""
    row: dict[str, Any] = {
        "id": new_id("cmp"),
        "project_id": project_id,
        "created_at": now,
        "name": name,
        "question": dict(question),
        "result": dict(result),
        "inputs_hash": inputs_hash,
    }
    insert_rows(session, ComparisonRow, [row])
    return ComparisonView(**{part: row[part] for part in row if part != "project_id"})


def comparison(session: Session, project_id: str, id: str) -> ComparisonView | None:
    """Return the project's comparison, or None."""
    row = session.scalars(
        select(ComparisonRow).where(ComparisonRow.id == id, ComparisonRow.project_id == project_id)
    ).first()
    if row is None:
        return None
    return ComparisonView(
        id=row.id,
        created_at=row.created_at,
        name=row.name,
        question=row.question,
        result=row.result,
        inputs_hash=row.inputs_hash,
    )
