"""Workers, and how they take experiments from the queue: a population at a time, under one lease."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from workers.database import limits
from workers.database.blobs import named_content
from workers.database.curves import forget_curves
from workers.database.ids import new_id
from workers.database.models import AttemptRow, ExperimentRow, LeaseRow, WorkerRow
from workers.database.session import changed, insert_rows, upsert
from workers.database.transitions import Moved, add_events, stands_in
from workers.database.values import Abilities, Claim, Claimed, ModelSource, WorkerIdentity
from workers.experiments.lifecycle import Status, sources_of
from workers.experiments.measurement import MODEL
from workers.experiments.shape import COMPILED, is_stacked

Row = ExperimentRow
SEEN_SECONDS = 30.0  # a worker seen within so long counts as alive where work is shared out; safety rests on leases
LINE = (Row.priority.desc(), Row.rank, Row.queued_at, Row.id)


def register_worker(session: Session, identity: WorkerIdentity, now: datetime) -> None:
    """Make the worker known; registering again refreshes it."""
    given = asdict(identity) | {"registered_at": now, "seen_at": now}
    statement = upsert(session, WorkerRow).values(**given)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=given))


def forget_worker(session: Session, worker_id: str) -> None:
    """Delete the worker unless a lease still names it."""
    leased = exists().where(LeaseRow.worker_id == WorkerRow.id)
    session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id, ~leased))


def touch_worker(session: Session, worker_id: str, now: datetime) -> bool:
    """Note that the worker lives; False means that it has to register again."""
    statement = update(WorkerRow).where(WorkerRow.id == worker_id).values(seen_at=now)
    return bool(changed(session, statement))


def claim(
    session: Session, worker_id: str, abilities: Abilities, now: datetime, *, least: int = 8, most: int = 256
) -> Claim | None:
    """Take the first experiment in line and others of its shape, and return them; None when none can be taken.

    Of the others, this worker's share, but at most `most` in all. Where few cost as much as many, the idle workers
    share and at least `least` are taken; where they train one after the other, all workers do: who is busy now
    finds work left when it comes back, and all end at about the same time.
    A suspect of a crash comes alone.
    """
    _note_compiler(session, worker_id, abilities)
    free = limits.free_places(session)
    able = _claimable(abilities, now)
    if free:
        able = and_(able, limits.may_run(free))
    first = session.execute(
        select(Row.id, Row.shape_key, Row.alone).where(able).order_by(*LINE).limit(1).with_for_update(skip_locked=True)
    ).first()
    if first is None:
        return None
    alike = and_(able, Row.shape_key == first.shape_key, Row.alone.is_(False))
    if first.alone:
        mine, size = Row.id == first.id, 1
    else:
        stacked = is_stacked(first.shape_key)
        share = _share(session, alike, _sharers(abilities, now, idle=stacked))
        mine, size = alike, min(most, max(least if stacked else 1, share))
    lease_id = new_id("lse")
    insert_rows(session, LeaseRow, [{"id": lease_id, "worker_id": worker_id, "beat": 0, "created_at": now}])
    mine = and_(able, mine)
    if free:
        mine = Row.id.in_(limits.within(free, session.execute(_line(mine, size, Row.id, Row.sweep_id)).all()))
    rows = _take(session, mine, size, lease_id, now)
    _open_attempts(session, rows, worker_id, abilities, now)
    _forget_foreign_points(session, [row.id for row in rows if row.replayed])
    return Claim(lease_id=lease_id, experiments=tuple(_claimed(session, row) for row in rows))


def beat(session: Session, lease_id: str, worker_id: str, now: datetime) -> bool:
    """Show that the population's supervisor lives; False means that the lease was taken back."""
    touch_worker(session, worker_id, now)
    statement = update(LeaseRow).where(LeaseRow.id == lease_id, LeaseRow.worker_id == worker_id)
    return bool(changed(session, statement.values(beat=LeaseRow.beat + 1)))


def close_lease(session: Session, lease_id: str) -> bool:
    """Delete the lease of a population that is done; False, and it stays, while one of it still runs."""
    running = exists().where(Row.lease_id == LeaseRow.id)
    statement = delete(LeaseRow).where(LeaseRow.id == lease_id, ~running)
    return bool(changed(session, statement))


def live_workers(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a worker was seen lately."""
    return WorkerRow.seen_at > now - timedelta(seconds=SEEN_SECONDS)


def _claimable(abilities: Abilities, now: datetime) -> ColumnElement[bool]:
    return and_(
        stands_in(*sources_of(Status.RUNNING)),
        Row.queue == abilities.queue,
        Row.spec_version <= abilities.spec_version,
        or_(Row.queue_deadline.is_(None), Row.queue_deadline > now),
        *([] if abilities.compiles else [~Row.shape_key.startswith(COMPILED)]),
    )


def _note_compiler(session: Session, worker_id: str, abilities: Abilities) -> None:
    """Make known what the worker's runner found out about itself."""
    outdated = and_(WorkerRow.id == worker_id, WorkerRow.compiles != abilities.compiles)
    session.execute(update(WorkerRow).where(outdated).values(compiles=abilities.compiles))


def _sharers(abilities: Abilities, now: datetime, *, idle: bool) -> Select[int]:
    """Return the query for how many workers of the queue live, of the `idle` ones alone where that is asked."""
    live = select(func.count()).where(WorkerRow.queue == abilities.queue, live_workers(now))
    leased = exists().where(LeaseRow.worker_id == WorkerRow.id)
    return live.where(~leased) if idle else live


def _share(session: Session, alike: ColumnElement[bool], sharers: Select[int]) -> int:
    matching = session.execute(select(func.count()).where(alike)).scalar_one()
    workers = max(1, session.execute(sharers).scalar_one())
    return -(-matching // workers)


def _take(session: Session, condition: ColumnElement[bool], size: int, lease_id: str, now: datetime) -> list[Any]:
    """Set them running, with a new fence and one attempt more, and return their rows in line."""
    # A CTE is run once; a subquery inside IN may be run again and lock more rows than its limit.
    chosen = _line(condition, size, Row.id).cte("chosen")
    statement = (
        update(Row)
        .where(Row.id.in_(select(chosen.c.id)), stands_in(*sources_of(Status.RUNNING)))
        .values(
            status=Status.RUNNING,
            version=Row.version + 1,
            fence=Row.fence + 1,
            attempts=Row.attempts + 1,
            lease_id=lease_id,
            started_at=now,
            queue_deadline=None,
            replayed=Row.reports > 0,
        )
        .returning(*_WANTED)
    )
    rows = session.execute(statement).all()
    moved = [
        Moved(
            id=row.id,
            project_id=row.project_id,
            version=row.version,
            status=row.status,
            status_reason=row.status_reason,
        )
        for row in rows
    ]
    add_events(session, moved, now, {})
    return sorted(rows, key=lambda row: (-row.priority, row.rank, row.queued_at, row.id))


def _line(condition: ColumnElement[bool], size: int, *columns: Any) -> Select[Any]:
    """Return the query for the first in line, which locks them and passes over what others have locked."""
    return select(*columns).where(condition).order_by(*LINE).limit(size).with_for_update(skip_locked=True)


_WANTED = (
    Row.id,
    Row.project_id,
    Row.version,
    Row.status,
    Row.status_reason,
    Row.fence,
    Row.attempts,
    Row.spec,
    Row.timeout_seconds,
    Row.model_of,
    Row.replayed,
    Row.priority,
    Row.rank,
    Row.queued_at,
)


def _open_attempts(session: Session, rows: Sequence[Any], worker_id: str, abilities: Abilities, now: datetime) -> None:
    worker = session.execute(select(WorkerRow.host, WorkerRow.pid).where(WorkerRow.id == worker_id)).one()
    fingerprint = json.dumps(dict(abilities.fingerprint), sort_keys=True)
    attempt = {
        "worker": f"{worker.host}-{worker.pid}",
        "device": str(abilities.fingerprint.get("device", abilities.queue)),
        "population_size": len(rows),
        "fingerprint_hash": hashlib.sha256(fingerprint.encode()).hexdigest(),
        "started_at": now,
    }
    numbered = [{"experiment_id": row.id, "fence": row.fence, "number": row.attempts} | attempt for row in rows]
    insert_rows(session, AttemptRow, numbered)


def _forget_foreign_points(session: Session, ids: Sequence[str]) -> None:
    """Drop points that an attempt on another fingerprint left: there, other bits are no surprise."""
    if not ids:
        return
    kinds = func.count(func.distinct(AttemptRow.fingerprint_hash))
    mixed = (
        select(AttemptRow.experiment_id)
        .where(AttemptRow.experiment_id.in_(ids))
        .group_by(AttemptRow.experiment_id)
        .having(kinds > 1)
    )
    foreign = session.scalars(mixed).all()
    if foreign:
        forget_curves(session, foreign)
        fresh = update(Row).where(Row.id.in_(foreign)).values(replayed=False, live_metrics=None)
        session.execute(fresh)


def _claimed(session: Session, row: Any) -> Claimed:
    return Claimed(
        id=row.id,
        fence=row.fence,
        attempt=row.attempts,
        spec=row.spec,
        timeout_seconds=row.timeout_seconds,
        source=_source(session, row.project_id, row.model_of) if row.model_of else None,
    )


def _source(session: Session, project_id: str, experiment_id: str) -> ModelSource | None:
    spec = session.scalar(select(Row.spec).where(Row.id == experiment_id, Row.project_id == project_id))
    model = named_content(session, experiment_id, MODEL) if spec else None
    return None if spec is None or model is None else ModelSource(spec=spec, model=model)
