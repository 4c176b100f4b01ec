"""How far an experiment is, when it will be done and what it waits for."""

from datetime import UTC, datetime
from typing import Any

from service.context import Context
from workers.database import queries
from workers.database.values import ExperimentView
from workers.experiments.lifecycle import Status


def progress_of(context: Context, view: ExperimentView) -> dict[str, Any]:
    """Return the members of a progress reply."""
    now = datetime.now(UTC)
    with context.database.read() as session:
        queued = view.status is Status.QUEUED
        ahead = queries.jobs_ahead(session, view) if queued else 0
        waiting_for = _waiting_for(view, queries.has_taker(session, view, now)) if queued else "none"
    # Of a failed or cancelled one it tells where; of a succeeded one, the last report before the end.
    shown = None if view.status in (Status.QUEUED, Status.SUCCEEDED) else view.progress
    return {
        "status": view.status,
        "phase": shown.phase if shown else None,
        "completed": shown.completed if shown else None,
        "total": shown.total if shown else None,
        "unit": shown.unit if shown else None,
        "eta_seconds": _eta_seconds(view, now),
        "jobs_ahead": ahead,
        "waiting_for": waiting_for,
    }


def _waiting_for(view: ExperimentView, has_taker: bool) -> str:
    if has_taker:
        return "capacity"
    return "gpu_worker" if view.queue == "gpu" else "matching_worker"


def _eta_seconds(view: ExperimentView, now: datetime) -> float | None:
    """Return the seconds left at the rate since the attempt began, or None where there is no rate yet."""
    shown, attempt = view.progress, view.attempt
    if view.status is not Status.RUNNING or shown is None or attempt is None or shown.completed <= 0:
        return None
    elapsed = (now - attempt.started_at).total_seconds()
    return max(0.0, elapsed * (shown.total - shown.completed) / shown.completed)
