"""What a worker reports: points on the way, and how each experiment ends; all of it refused without the fence."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, select, tuple_, update
from sqlalchemy.orm import Session

from workers.database.blobs import store_blobs
from workers.database.curves import append_chunks, differs, forget_curves, recorded_points, unrecorded
from workers.database.ids import new_id
from workers.database.metrics import add_points, store_metrics, summaries_of
from workers.database.models import ArtifactRow, ExperimentRow
from workers.database.session import insert_rows
from workers.database.transitions import Moved, add_events, end_attempts, give_back, held, move, stands_in
from workers.database.values import CancelAnswer, RecordAnswer, Report
from workers.experiments.lifecycle import Status, StatusReason, sources_of
from workers.experiments.measurement import Artifact, Curve, Measurement

Row = ExperimentRow


def record(session: Session, reports: Sequence[Report]) -> Mapping[str, RecordAnswer]:
    """Store progress and new points of those still held, and answer for every id who is, and who is to stop."""
    merged = _merged(reports)
    telling = {report.id: report for report in merged.values() if report.progress or report.curves}
    rows = _held_rows(session, telling) if telling else {}
    chunks, changes = [], []
    for experiment_id, row in rows.items():
        report = merged[experiment_id]
        curves = report.curves
        changed = False
        if row.replayed and curves:
            recorded = recorded_points(session, experiment_id)
            changed = differs(recorded, curves)
            curves = tuple(unrecorded(recorded, curves))
        chunks.append((experiment_id, row.reports, curves))
        changes.append(
            {
                "b_id": experiment_id,
                "b_progress": asdict(report.progress) if report.progress else row.progress,
                "b_live": add_points(row.live_metrics, curves),
                "b_changed": row.nondeterministic or changed,
            }
        )
    append_chunks(session, chunks)
    _write_reports(session, changes)
    requested = {experiment_id: row.cancel_requested_at for experiment_id, row in rows.items()}
    requested |= _requests(session, [report for report in merged.values() if report.id not in telling])
    return {
        experiment_id: RecordAnswer(
            held=experiment_id in requested, cancel_requested=requested.get(experiment_id) is not None
        )
        for experiment_id in merged
    }


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an experiment leaves, with the fence of who reports it."""

    id: str
    fence: int
    measurement: Measurement


def finish(session: Session, id: str, fence: int, measurement: Measurement, now: datetime) -> bool:
    """Store the result, all of it or nothing; return False, with nothing stored, to who does not hold it."""
    return id in finish_all(session, [Result(id=id, fence=fence, measurement=measurement)], now)


def finish_all(session: Session, results: Sequence[Result], now: datetime) -> frozenset[str]:
    """Store results of different experiments, each whole; return the ids of those that their reporters hold.

    Of the others nothing is stored.
    """
    moved = _succeed(session, results, now)
    taken = [(moved[result.id], result.measurement) for result in results if result.id in moved]
    if not taken:
        return frozenset()
    forget_curves(session, list(moved))
    append_chunks(session, [(owner.id, 0, measurement.curves) for owner, measurement in taken])
    store_metrics(
        session, [(owner.id, owner.project_id, summaries_of(measurement.curves)) for owner, measurement in taken]
    )
    _store_artifacts(session, [(owner, each) for owner, found in taken for each in found.artifacts], now)
    end_attempts(session, list(moved), now, Status.SUCCEEDED.value)
    return frozenset(moved)


def fail(session: Session, id: str, fence: int, reason: StatusReason | str, detail: str | None, now: datetime) -> bool:
    """End the experiment as failed; return False to who does not hold it."""
    change = {
        "status_reason": StatusReason(reason).value,
        "status_detail": detail,
        "finished_at": now,
        "cancel_requested_at": None,
        "cancel_reason": None,
    }
    moved = move(session, held(id, fence), Status.FAILED, sources_of(Status.FAILED), change, now)
    end_attempts(session, [each.id for each in moved], now, Status.FAILED.value, detail)
    return bool(moved)


def end_cancelled(session: Session, id: str, fence: int, now: datetime) -> bool:
    """End the experiment as cancelled; return False to who does not hold it."""
    change = {
        "status_reason": func.coalesce(Row.cancel_reason, StatusReason.CANCELLED_BY_CLIENT.value),
        "finished_at": now,
        "cancel_requested_at": None,
        "cancel_reason": None,
    }
    moved = move(session, held(id, fence), Status.CANCELLED, sources_of(Status.CANCELLED), change, now)
    end_attempts(session, [each.id for each in moved], now, Status.CANCELLED.value)
    return bool(moved)


def requeue(
    session: Session, id: str, fence: int, *, refund: bool, ending: str, now: datetime, alone: bool = False
) -> bool:
    """Give the experiment back; return False to who does not hold it.

    It waits again, unless its attempts are spent (failed, worker_lost) or it was asked to stop (cancelled).
    With `refund` the attempt does not count; with `alone` it next runs without companions, to find who crashed.
    """
    change = {"alone": True} if alone else {}
    return bool(give_back(session, held(id, fence), change, now, refund=refund, ending=ending))


def cancel(
    session: Session, project_id: str, id: str, now: datetime, reason: StatusReason | str
) -> CancelAnswer | None:
    """Cancel a waiting experiment, ask a running one to stop, and return the state; None where there is no such."""
    mine = and_(Row.id == id, Row.project_id == project_id)
    status = session.scalar(select(Row.status).where(mine).with_for_update())
    if status is None:
        return None
    if status is Status.QUEUED:
        change = {"status_reason": StatusReason(reason).value, "finished_at": now}
        waiting = sources_of(Status.CANCELLED) - {Status.RUNNING}
        move(session, mine, Status.CANCELLED, waiting, change, now)
        return CancelAnswer(status=Status.CANCELLED, cancelling=False)
    if status is Status.RUNNING:
        ask_to_stop(session, mine, StatusReason(reason), now)
    return CancelAnswer(status=status, cancelling=status is Status.RUNNING)


def ask_to_stop(session: Session, mine: ColumnElement[bool], reason: StatusReason, now: datetime) -> None:
    """Note that the running ones of these experiments are to stop, unless that was asked before."""
    statement = (
        update(Row)
        .where(mine, stands_in(Status.RUNNING), Row.cancel_requested_at.is_(None))
        .values(cancel_requested_at=now, cancel_reason=reason.value, version=Row.version + 1)
        .returning(Row.id, Row.project_id, Row.version, Row.status, literal(reason.value).label("status_reason"))
    )
    moved = [Moved(**row._mapping) for row in session.execute(statement)]
    add_events(session, moved, now, {}, kind="cancelling")


def _succeed(session: Session, results: Sequence[Result], now: datetime) -> dict[str, Moved]:
    """Take those that are held to their end, all with the same change by one statement; return them by id."""
    pairs = [(result.id, result.fence) for result in results]
    mine = and_(tuple_(Row.id, Row.fence).in_(pairs), stands_in(Status.RUNNING))
    # All are locked at once, in the order of their ids: locked change by change, two that share rows could wait for
    # each other.
    rows = session.execute(select(Row.id, Row.replayed).where(mine).order_by(Row.id).with_for_update())
    replayed = {row.id: row.replayed for row in rows}
    alike: dict[str, tuple[dict[str, Any], list[Result]]] = {}
    for result in results:
        if result.id in replayed:
            changed = replayed[result.id] and differs(recorded_points(session, result.id), result.measurement.curves)
            change = _change_of(result.measurement, changed)
            alike.setdefault(json.dumps(change, sort_keys=True), (change, []))[1].append(result)
    moved: list[Moved] = []
    for change, group in alike.values():
        these = tuple_(Row.id, Row.fence).in_([(result.id, result.fence) for result in group])
        data = {"outcome": change["outcome"]}
        change["finished_at"] = now
        moved += move(session, these, Status.SUCCEEDED, sources_of(Status.SUCCEEDED), change, now, data=data)
    return {each.id: each for each in moved}


def _change_of(measurement: Measurement, changed: bool) -> dict[str, Any]:
    """Return the columns that the result sets beside the time; JSON values, by which equal ones are found."""
    change = {
        "status_reason": StatusReason.NONE.value,
        "outcome": measurement.outcome.value,
        "stopped_at_step": measurement.stopped_at_step,
        "fingerprint": dict(measurement.fingerprint),
        "cancel_requested_at": None,
        "cancel_reason": None,
        "live_metrics": None,
    }
    return change | {"nondeterministic": True} if changed else change


def _merged(reports: Sequence[Report]) -> dict[str, Report]:
    """Return one report per id: the newest progress, the points of all, in the order given."""
    merged: dict[str, Report] = {}
    for report in reports:
        before = merged.get(report.id)
        if before is None or before.fence != report.fence:
            merged[report.id] = report
            continue
        points: dict[str, Curve] = {}
        for curve in (*before.curves, *report.curves):
            known = points.get(curve.name, Curve(name=curve.name, steps=(), values=()))
            points[curve.name] = Curve(
                name=curve.name, steps=known.steps + curve.steps, values=known.values + curve.values
            )
        merged[report.id] = Report(
            id=report.id,
            fence=report.fence,
            progress=report.progress or before.progress,
            curves=tuple(points.values()),
        )
    return merged


def _held_rows(session: Session, reports: Mapping[str, Report]) -> dict[str, Any]:
    """Number the report of each experiment that its reporter holds, which locks it, and return those."""
    pairs = [(report.id, report.fence) for report in reports.values()]
    running = stands_in(Status.RUNNING)
    mine = select(Row.id).where(tuple_(Row.id, Row.fence).in_(pairs), running).order_by(Row.id).with_for_update()
    chosen = mine.cte("chosen")
    statement = (
        update(Row)
        .where(Row.id.in_(select(chosen.c.id)), running)
        .values(reports=Row.reports + 1)
        .returning(
            Row.id,
            Row.reports,
            Row.replayed,
            Row.cancel_requested_at,
            Row.progress,
            Row.live_metrics,
            Row.nondeterministic,
        )
    )
    return {row.id: row for row in session.execute(statement)}


def _requests(session: Session, reports: Sequence[Report]) -> dict[str, datetime | None]:
    """Return when each experiment that its reporter holds was asked to stop; None where it was not."""
    if not reports:
        return {}
    mine = tuple_(Row.id, Row.fence).in_([(report.id, report.fence) for report in reports])
    rows = session.execute(select(Row.id, Row.cancel_requested_at).where(mine, stands_in(Status.RUNNING)))
    return {row.id: row.cancel_requested_at for row in rows}


def _write_reports(session: Session, changes: Sequence[dict[str, Any]]) -> None:
    if changes:
        table = Row.__table__
        statement = (
            update(table)  # type: ignore[arg-type]
            .where(table.c.id == bindparam("b_id"))
            .values(
                progress=bindparam("b_progress"),
                live_metrics=bindparam("b_live"),
                nondeterministic=bindparam("b_changed"),
            )
        )
        session.connection().execute(statement, changes)


def _store_artifacts(session: Session, artifacts: Sequence[tuple[Moved, Artifact]], now: datetime) -> None:
    hashed = [(hashlib.sha256(artifact.content).hexdigest(), owner, artifact) for owner, artifact in artifacts]
    store_blobs(session, {sha256: artifact.content for sha256, _, artifact in hashed})
    rows = [
        {
            "id": new_id("art"),
            "experiment_id": owner.id,
            "project_id": owner.project_id,
            "name": artifact.name,
            "media_type": artifact.media_type,
            "size_bytes": len(artifact.content),
            "sha256": sha256,
            "created_at": now,
        }
        for sha256, owner, artifact in hashed
    ]
    insert_rows(session, ArtifactRow, rows)
