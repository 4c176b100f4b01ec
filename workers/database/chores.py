"""Chores: what is overdue, lost or no longer needed; each may run in many workers at once."""

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from workers.database.blobs import drop_unused_blobs
from workers.database.claims import close_lease
from workers.database.models import ExperimentRow, InferenceRow, LeaseRow, ReplyRow, WorkerRow
from workers.database.session import changed
from workers.database.transitions import end_attempts, give_back, move
from workers.database.values import LeaseView, WorkerIdentity
from workers.experiments.lifecycle import Status, StatusReason, sources_of

__all__ = [
    "cancel_overdue",
    "drop_unused_blobs",
    "expire_inferences",
    "expire_queued",
    "expire_replies",
    "forget_lost_workers",
    "leases",
    "take_back",
]

Row = ExperimentRow
REPLIES_HOURS = 24
INFERENCES_HOURS = 1
WORKERS_HOURS = 24


def leases(session: Session) -> list[LeaseView]:
    """Return every lease with its beat and its worker's identity."""
    rows = session.execute(select(LeaseRow, WorkerRow).join(WorkerRow, WorkerRow.id == LeaseRow.worker_id)).all()
    return [
        LeaseView(
            id=lease.id,
            beat=lease.beat,
            worker=WorkerIdentity(
                id=worker.id,
                host=worker.host,
                pid=worker.pid,
                boot_id=worker.boot_id,
                process_started=worker.process_started,
                queue=worker.queue,
            ),
        )
        for lease, worker in rows
    ]


def take_back(session: Session, lease_id: str, beat: int, now: datetime) -> int:
    """Give the experiments of a lost worker back and return how many; 0, and nothing happens, if the beat moved."""
    still = and_(LeaseRow.id == lease_id, LeaseRow.beat == beat)
    if session.scalar(select(LeaseRow.id).where(still).with_for_update()) is None:
        return 0
    moved = give_back(session, Row.lease_id == lease_id, {}, now, refund=False, ending="lost")
    close_lease(session, lease_id)
    return len(moved)


def expire_queued(session: Session, now: datetime) -> int:
    """Fail what has waited longer than its client wanted, and return how many."""
    change = {"status_reason": StatusReason.QUEUE_TTL_PASSED.value, "finished_at": now}
    waiting = sources_of(Status.FAILED) - {Status.RUNNING}
    return len(move(session, Row.queue_deadline <= now, Status.FAILED, waiting, change, now))


def cancel_overdue(session: Session, now: datetime, grace_seconds: float = 5) -> int:
    """Fence and cancel what was asked to stop longer ago than the grace, and return how many."""
    overdue = Row.cancel_requested_at < now - timedelta(seconds=grace_seconds)
    change = {
        "status_reason": func.coalesce(Row.cancel_reason, StatusReason.CANCELLED_BY_CLIENT.value),
        "fence": Row.fence + 1,
        "finished_at": now,
        "cancel_requested_at": None,
        "cancel_reason": None,
    }
    running = sources_of(Status.CANCELLED) - {Status.QUEUED}
    moved = move(session, overdue, Status.CANCELLED, running, change, now)
    end_attempts(session, [each.id for each in moved], now, Status.CANCELLED.value, "did not stop in time")
    return len(moved)


def expire_replies(session: Session, now: datetime) -> int:
    """Drop replies kept for a day, and keys whose request never got one; return how many."""
    old = or_(ReplyRow.created_at.is_(None), ReplyRow.created_at <= now - timedelta(hours=REPLIES_HOURS))
    return changed(session, delete(ReplyRow).where(old))


def expire_inferences(session: Session, now: datetime) -> int:
    """Drop questions an hour after they were asked, answered or not; return how many."""
    old = InferenceRow.created_at <= now - timedelta(hours=INFERENCES_HOURS)
    return changed(session, delete(InferenceRow).where(old))


def forget_lost_workers(session: Session, now: datetime) -> int:
    """Drop workers that nobody has seen for a day and that hold nothing; return how many."""
    old = WorkerRow.seen_at <= now - timedelta(hours=WORKERS_HOURS)
    leased = exists().where(LeaseRow.worker_id == WorkerRow.id)
    return changed(session, delete(WorkerRow).where(old, ~leased))
