"""Rows of experiments to the values that leave the database."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from workers.database.metrics import live_summaries, metrics_of_many
from workers.database.models import AttemptRow, ExperimentRow, TagRow
from workers.database.values import AttemptView, ExperimentView, Progress, Queue
from workers.experiments.lifecycle import Outcome, Status, StatusReason


def experiment_views(session: Session, rows: Sequence[ExperimentRow]) -> list[ExperimentView]:
    """Return one view a row, in the same order; three queries more, however many there are."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    tags: dict[str, list[str]] = {}
    query = select(TagRow.experiment_id, TagRow.tag).where(TagRow.experiment_id.in_(ids)).order_by(TagRow.tag)
    for experiment_id, tag in session.execute(query):
        tags.setdefault(experiment_id, []).append(tag)
    metrics, attempts = metrics_of_many(session, ids), _newest_attempts(session, ids)
    return [
        ExperimentView(
            **_copied(row),
            metadata=row.metadata_,
            status_reason=StatusReason(row.status_reason),
            outcome=Outcome(row.outcome) if row.outcome else None,
            cancelling=row.status is Status.RUNNING and row.cancel_requested_at is not None,
            queue=cast(Queue, row.queue),
            progress=Progress(**row.progress) if row.progress else None,
            tags=tuple(tags.get(row.id, ())),
            metrics=metrics.get(row.id) or live_summaries(row.live_metrics),
            attempt=attempts.get(row.id),
        )
        for row in rows
    ]


def attempt_view(row: AttemptRow) -> AttemptView:
    """Return an attempt as a value."""
    return AttemptView(
        number=row.number,
        worker=row.worker,
        device=row.device,
        population_size=row.population_size,
        fence=row.fence,
        started_at=row.started_at,
        ended_at=row.ended_at,
        ending=row.ending,
        detail=row.detail,
    )


_CONVERTED = {"metadata", "status_reason", "outcome", "cancelling", "queue", "progress", "tags", "metrics", "attempt"}


def _copied(row: ExperimentRow) -> dict[str, Any]:
    declared = {each.name for each in fields(ExperimentView)}
    return {name: getattr(row, name) for name in declared - _CONVERTED}


def _newest_attempts(session: Session, ids: Sequence[str]) -> dict[str, AttemptView]:
    newest = (
        select(AttemptRow.experiment_id, func.max(AttemptRow.fence).label("fence"))
        .where(AttemptRow.experiment_id.in_(ids))
        .group_by(AttemptRow.experiment_id)
        .subquery()
    )
    query = select(AttemptRow).join(
        newest, (AttemptRow.experiment_id == newest.c.experiment_id) & (AttemptRow.fence == newest.c.fence)
    )
    rows = session.scalars(query)
    return {row.experiment_id: attempt_view(row) for row in rows}
