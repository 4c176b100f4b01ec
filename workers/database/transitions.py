"""The one way a status changes: a conditional UPDATE that allocates the version, and the event of that version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, literal_column, select, update
from sqlalchemy.orm import Session

from workers.database.columns import StatusType
from workers.database.models import AttemptRow, EventRow, ExperimentRow
from workers.database.session import insert_rows
from workers.experiments.lifecycle import Status, StatusReason, sources_of

Row = ExperimentRow


@dataclass(frozen=True, kw_only=True)
class Moved:
    """An experiment whose status has changed."""

    id: str
    project_id: str
    version: int
    status: Status
    status_reason: str


def stands_in(*statuses: Status) -> ColumnElement[bool]:
    """Return the condition that an experiment has one of the statuses.

    Written out, not bound: with a placeholder neither database knows that its partial indexes apply.
    """
    words = [literal_column(f"'{status.value}'", StatusType) for status in sorted(statuses)]
    return Row.status == words[0] if len(words) == 1 else Row.status.in_(words)


def move(
    session: Session,
    condition: ColumnElement[bool],
    to: Status | ColumnElement[Status],
    sources: frozenset[Status],
    change: Mapping[str, Any],
    now: datetime,
    *,
    data: Mapping[str, Any] | None = None,
) -> list[Moved]:
    """Take the experiments that meet `condition` and stand in `sources` to the status `to`; return those moved.

    What is not returned was lost to somebody else. Leaves the lease, as every status but running does.
    """
    # Locked in the order of their ids: two that change the same rows then cannot wait for each other.
    chosen = select(Row.id).where(condition, stands_in(*sources)).order_by(Row.id).with_for_update().cte("chosen")
    statement = (
        update(Row)
        .where(Row.id.in_(select(chosen.c.id)), stands_in(*sources))
        .values({"status": to, "version": Row.version + 1, "lease_id": None, **change})
        .returning(Row.id, Row.project_id, Row.version, Row.status, Row.status_reason)
    )
    moved = [Moved(**row._mapping) for row in session.execute(statement)]
    add_events(session, moved, now, data or {})
    return moved


def add_events(
    session: Session, moved: Sequence[Moved], now: datetime, data: Mapping[str, Any], *, kind: str | None = None
) -> None:
    """Insert the event of each change, named after the new status unless `kind` is given."""
    rows = [
        {
            "experiment_id": each.id,
            "version": each.version,
            "project_id": each.project_id,
            "kind": kind or each.status.value,
            "data": reason_of(each) | dict(data),
            "at": now,
        }
        for each in moved
    ]
    insert_rows(session, EventRow, rows)


def reason_of(moved: Moved) -> dict[str, Any]:
    """Return the reason as an event shows it: nothing where there is none."""
    return {} if moved.status_reason == StatusReason.NONE else {"reason": moved.status_reason}


def held(experiment_id: str, fence: int) -> ColumnElement[bool]:
    """Return the condition that the holder of `fence` still holds the experiment.

    The fence alone is not enough: between a take-back and the next claim the row keeps it.
    """
    return and_(Row.id == experiment_id, Row.fence == fence, stands_in(Status.RUNNING))


def end_attempts(session: Session, ids: Sequence[str], now: datetime, ending: str, detail: str | None = None) -> None:
    """Close the open attempts of the experiments."""
    if ids:
        session.execute(
            update(AttemptRow)
            .where(AttemptRow.experiment_id.in_(ids), AttemptRow.ended_at.is_(None))
            .values(ended_at=now, ending=ending, detail=detail)
        )


def give_back(
    session: Session,
    condition: ColumnElement[bool],
    change: Mapping[str, Any],
    now: datetime,
    *,
    refund: bool,
    ending: str,
) -> list[Moved]:
    """Take running experiments from their worker: back to the queue, or to the end that is due.

    Cancelled where that was asked; failed as worker_lost where no attempt is left, unless this one is refunded.
    """
    to, reason, over = _fate(refund=refund)
    sources = sources_of(Status.CANCELLED) & sources_of(Status.FAILED) & sources_of(Status.QUEUED)
    moved = move(
        session,
        condition,
        to,
        sources,
        {
            "status_reason": reason,
            "attempts": Row.attempts - int(refund),
            "started_at": case((over, Row.started_at), else_=None),
            "finished_at": case((over, literal(now, Row.created_at.type)), else_=None),
            "cancel_requested_at": None,
            "cancel_reason": None,
            "progress": None,
            **change,
        },
        now,
        data={"ending": ending},
    )
    end_attempts(session, [each.id for each in moved], now, ending)
    return moved


def _fate(*, refund: bool) -> tuple[ColumnElement[Status], ColumnElement[str], ColumnElement[bool]]:
    """Return the status and reason of what comes back, and whether that is an end."""
    asked = Row.cancel_requested_at.is_not(None)
    spent = and_(Row.attempts >= Row.max_attempts, literal(not refund))
    to = case(
        (asked, literal(Status.CANCELLED, StatusType)),
        (spent, literal(Status.FAILED, StatusType)),
        else_=literal(Status.QUEUED, StatusType),
    )
    reason = case(
        (asked, Row.cancel_reason),
        (spent, literal(StatusReason.WORKER_LOST.value)),
        else_=literal(StatusReason.NONE.value),
    )
    return to, reason, asked | spent
