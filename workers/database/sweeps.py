"""Sweeps: a grid of experiments in one transaction, and what is asked and done about all of them at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, func, literal, select, tuple_, update
from sqlalchemy.orm import Session

from workers.database.ids import new_id
from workers.database.metrics import metrics_where
from workers.database.models import ExperimentRow, MetricRow
from workers.database.results import ask_to_stop
from workers.database.session import insert_rows
from workers.database.submissions import requeue_ended, submit_cells
from workers.database.sweep_models import CellRow, SweepRow
from workers.database.sweep_values import CellOutcome, CellView, NewSweep, SweepView
from workers.database.transitions import move, stands_in
from workers.database.values import NewExperiment, Page
from workers.database.views import experiment_views
from workers.experiments.codec import spec_hash
from workers.experiments.lifecycle import Outcome, Status, StatusReason, sources_of

Row = ExperimentRow
MISSING = "missing"  # counts cells whose experiment was deleted
AT_ONCE = 500  # spec hashes asked for by one statement


def submit_sweep(session: Session, new: NewSweep, *, project_id: str, now: datetime) -> SweepView:
    """Store the sweep and its cells, all or nothing, and return it."""
    sweep_id = new_id("swp")
    hashes = [spec_hash(cell.spec) for cell in new.cells] if new.reuse else []
    known = succeeded_by_hash(session, project_id, hashes)
    taken = [known.get(each) for each in hashes] if new.reuse else [None] * len(new.cells)
    row = {
        "id": sweep_id,
        "project_id": project_id,
        "created_at": now,
        "created_by": new.created_by,
        "name": new.name,
        "tags": list(new.tags),
        "metadata": dict(new.metadata),
        "plan": dict(new.plan),
        "cells_total": len(new.cells),
        "max_parallel": new.max_parallel,
        "cancelled_at": None,
    }
    insert_rows(session, SweepRow, [row])
    fresh = [cell for cell, there in zip(new.cells, taken, strict=True) if there is None]
    made = iter(submit_cells(session, fresh, project_id=project_id, sweep_id=sweep_id, now=now))
    insert_rows(
        session,
        CellRow,
        [
            {"sweep_id": sweep_id, "number": number, "experiment_id": there or next(made), "reused": there is not None}
            for number, there in enumerate(taken)
        ],
    )
    found = sweep(session, project_id, sweep_id)
    assert found is not None, "it was stored by this transaction"
    return found


def succeeded_by_hash(session: Session, project_id: str, hashes: Sequence[str]) -> dict[str, str]:
    """Return the id of the newest experiment of ours that has succeeded, by spec hash, where there is one."""
    found: dict[str, str] = {}
    for first in range(0, len(hashes), AT_ONCE):
        wanted = list(dict.fromkeys(hashes[first : first + AT_ONCE]))
        query = (
            select(Row.spec_hash, Row.id)
            .where(
                Row.project_id == project_id,
                Row.spec_hash.in_(wanted),
                stands_in(Status.SUCCEEDED),
                Row.verified,
            )
            .order_by(Row.created_at, Row.id)
        )
        found |= {row.spec_hash: row.id for row in session.execute(query)}
    return found


def sweep(session: Session, project_id: str, id: str) -> SweepView | None:
    """Return the project's sweep, or None."""
    rows = session.scalars(select(SweepRow).where(SweepRow.id == id, SweepRow.project_id == project_id)).all()
    return next(iter(_views(session, rows)), None)


def list_sweeps(
    session: Session, project_id: str, *, after: tuple[datetime, str] | None = None, limit: int
) -> Page[SweepView]:
    """Return the newest sweeps; `after` is (created_at, id) of the last one seen."""
    query = select(SweepRow).where(SweepRow.project_id == project_id)
    if after is not None:
        last = tuple_(literal(after[0], SweepRow.created_at.type), literal(after[1], SweepRow.id.type))
        query = query.where(tuple_(SweepRow.created_at, SweepRow.id) < last)
    rows = session.scalars(query.order_by(SweepRow.created_at.desc(), SweepRow.id.desc()).limit(limit + 1)).all()
    return Page(items=tuple(_views(session, rows[:limit])), has_more=len(rows) > limit)


def cells(
    session: Session, sweep_id: str, *, statuses: Sequence[Status] = (), after: int = -1, limit: int
) -> Page[CellView]:
    """Return the cells behind the number `after` whose experiment has one of `statuses`; without any, all."""
    query = select(CellRow, Row).outerjoin(Row, Row.id == CellRow.experiment_id)
    query = query.where(CellRow.sweep_id == sweep_id, CellRow.number > after)
    if statuses:
        query = query.where(stands_in(*dict.fromkeys(statuses)))
    found = session.execute(query.order_by(CellRow.number).limit(limit + 1)).all()
    shown = found[:limit]
    views = {view.id: view for view in experiment_views(session, [row for _, row in shown if row is not None])}
    items = [
        CellView(number=cell.number, reused=cell.reused, experiment=views[row.id] if row is not None else None)
        for cell, row in shown
    ]
    return Page(items=tuple(items), has_more=len(found) > limit)


def cancel_sweep(session: Session, project_id: str, id: str, now: datetime) -> SweepView | None:
    """Cancel what waits, ask what runs to stop, and return the sweep; None where there is no such.

    Reused experiments are not the sweep's own, and stay.
    """
    mine = and_(SweepRow.id == id, SweepRow.project_id == project_id)
    if session.scalar(select(SweepRow.id).where(mine).with_for_update()) is None:
        return None
    own = and_(Row.sweep_id == id, Row.project_id == project_id)
    reason = StatusReason.CANCELLED_BY_SWEEP
    open_cells = select(Row.id).where(own, stands_in(Status.QUEUED, Status.RUNNING))
    if session.scalar(open_cells.limit(1)) is not None:
        session.execute(update(SweepRow).where(mine).values(cancelled_at=now))
    waiting = sources_of(Status.CANCELLED) - {Status.RUNNING}
    move(session, own, Status.CANCELLED, waiting, {"status_reason": reason.value, "finished_at": now}, now)
    ask_to_stop(session, own, reason, now)
    return sweep(session, project_id, id)


def retry_sweep(
    session: Session,
    project_id: str,
    id: str,
    refilled: Callable[[SweepView, Sequence[int]], Sequence[NewExperiment]],
    now: datetime,
) -> SweepView | None:
    """Queue the failed, the cancelled and the missing cells again, and return the sweep; None where there is no such.

    `refilled` gives the experiments of the cells of these numbers anew.
    """
    mine = and_(SweepRow.id == id, SweepRow.project_id == project_id)
    if session.scalar(select(SweepRow.id).where(mine).with_for_update()) is None:
        return None
    requeue_ended(session, project_id, and_(Row.sweep_id == id, Row.project_id == project_id), now)
    session.execute(update(SweepRow).where(mine).values(cancelled_at=None))
    empty = and_(CellRow.sweep_id == id, CellRow.experiment_id.is_(None))
    numbers = session.scalars(select(CellRow.number).where(empty).order_by(CellRow.number)).all()
    view = sweep(session, project_id, id)
    if view is None or not numbers:
        return view
    ids = submit_cells(session, refilled(view, numbers), project_id=project_id, sweep_id=id, now=now)
    table = CellRow.__table__
    place = and_(table.c.sweep_id == id, table.c.number == bindparam("b_number"))
    filled = update(table).where(place).values(experiment_id=bindparam("b_experiment"), reused=False)  # type: ignore[arg-type]
    pairs = zip(numbers, ids, strict=True)
    session.connection().execute(filled, [{"b_number": number, "b_experiment": made} for number, made in pairs])
    return sweep(session, project_id, id)


def outcomes(session: Session, sweep_id: str, metrics: Sequence[str]) -> list[CellOutcome]:
    """Return what all cells amount to in some metrics, in the order of their numbers."""
    query = (
        select(CellRow.number, CellRow.experiment_id, Row.status, Row.outcome)
        .outerjoin(Row, Row.id == CellRow.experiment_id)
        .where(CellRow.sweep_id == sweep_id)
        .order_by(CellRow.number)
    )
    mine = select(CellRow.experiment_id).where(CellRow.sweep_id == sweep_id)
    known = metrics_where(session, MetricRow.experiment_id.in_(mine), MetricRow.name.in_(metrics))
    return [
        CellOutcome(
            number=row.number,
            status=row.status,
            outcome=Outcome(row.outcome) if row.outcome else None,
            metrics=known.get(row.experiment_id, {}),
        )
        for row in session.execute(query)
    ]


def metric_names(session: Session, sweep_id: str) -> list[str]:
    """Return the names of all metrics that the sweep's cells have, in order."""
    query = (
        select(MetricRow.name)
        .join(CellRow, CellRow.experiment_id == MetricRow.experiment_id)
        .where(CellRow.sweep_id == sweep_id)
        .distinct()
    )
    return sorted(session.scalars(query))


def _views(session: Session, rows: Iterable[SweepRow]) -> list[SweepView]:
    """Return one view a row, in the same order; one query more, however many there are."""
    rows = list(rows)
    counts = _counts(session, [row.id for row in rows])
    return [
        SweepView(
            id=row.id,
            project_id=row.project_id,
            created_at=row.created_at,
            created_by=row.created_by,
            name=row.name,
            tags=tuple(row.tags),
            metadata=row.metadata_,
            plan=row.plan,
            cells_total=row.cells_total,
            max_parallel=row.max_parallel,
            cancelled_at=row.cancelled_at,
            counts=counts[row.id][0],
            cells_reused=counts[row.id][1],
        )
        for row in rows
    ]


def _counts(session: Session, ids: Sequence[str]) -> Mapping[str, tuple[dict[str, int], int]]:
    """Return per sweep the number of cells in each status and missing, and how many of all are reused."""
    none: dict[str, int] = dict.fromkeys((*(status.value for status in Status), MISSING), 0)
    found: dict[str, tuple[dict[str, int], int]] = {id: (dict(none), 0) for id in ids}
    if not ids:
        return found
    query = (
        select(CellRow.sweep_id, Row.status, CellRow.reused, func.count())
        .outerjoin(Row, Row.id == CellRow.experiment_id)
        .where(CellRow.sweep_id.in_(ids))
        .group_by(CellRow.sweep_id, Row.status, CellRow.reused)
    )
    for sweep_id, status, reused, count in session.execute(query):
        counts, before = found[sweep_id]
        counts[MISSING if status is None else status.value] += count
        found[sweep_id] = (counts, before + count * bool(reused))
    return found
