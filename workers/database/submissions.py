"""What clients submit: new experiments, retries, and the replies kept for repeated requests."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Insert, ScalarSelect, and_, bindparam, func, insert, literal, select, update
from sqlalchemy.orm import Session

from workers.catalogue.kinds import Component
from workers.catalogue.trainings.gradient import Gradient
from workers.database.curves import append_chunks, forget_curves
from workers.database.ids import new_id
from workers.database.metrics import store_metrics, summaries_of
from workers.database.models import ExperimentRow, ReplyRow, TagRow
from workers.database.session import insert_rows, upsert
from workers.database.transitions import Moved, add_events, move, stands_in
from workers.database.values import ExperimentView, NewExperiment, StoredReply
from workers.database.views import experiment_views
from workers.experiments.codec import encode, spec_hash
from workers.experiments.lifecycle import Outcome, Status, StatusReason, sources_of
from workers.experiments.measurement import MetricSummary, as_curves
from workers.experiments.shape import dense_stack, queue_of, shape_key
from workers.experiments.spec import SPEC_VERSION, Approximation, ExperimentSpec, Recorded, Simulated

Row = ExperimentRow
AT_ONCE = 500  # rows moved by one statement


class KeyReusedError(Exception):
    """The idempotency key was used for another request: take a new key for each request."""


def submit(session: Session, new: NewExperiment, *, project_id: str, now: datetime) -> str:
    """Store the experiment and its first event, and return its id; a recorded one is succeeded at once."""
    return submitted(session, new, project_id=project_id, now=now).id


def submitted(session: Session, new: NewExperiment, *, project_id: str, now: datetime) -> ExperimentView:
    """Do what `submit` does, and return the experiment as whoever reads it next will see it."""
    row, tags = _row(new, project_id=project_id, now=now), tuple(dict.fromkeys(new.tags))
    place = {"rank_project": project_id, "rank_priority": new.priority}
    session.connection().execute(_insertion(isinstance(new.spec, Recorded)), row | place)
    insert_rows(session, TagRow, _tags(row, tags))
    add_events(session, [_first(row)], now, {})
    if isinstance(new.spec, Recorded):
        _store_recorded(session, _first(row), new.spec)
        return experiment_views(session, session.scalars(select(Row).where(Row.id == row["id"])).all())[0]
    return _view_of_queued(row, tags)


def submit_cells(
    session: Session, cells: Sequence[NewExperiment], *, project_id: str, sweep_id: str, now: datetime
) -> list[str]:
    """Store the experiments of a sweep by a few statements, however many there are; return their ids in order."""
    if not cells:
        return []
    rows = [_row(new, project_id=project_id, now=now) | {"sweep_id": sweep_id} for new in cells]
    first: dict[int, int] = {}
    for row in rows:  # each priority has a line of its own
        priority = row["priority"]
        if priority not in first:
            first[priority] = session.execute(select(_rank(project_id, priority))).scalar_one()
        row["rank"], first[priority] = first[priority], first[priority] + 1
    insert_rows(session, Row, rows)
    insert_rows(session, TagRow, [tag for row, new in zip(rows, cells, strict=True) for tag in _tags(row, new.tags)])
    add_events(session, [_first(row) for row in rows], now, {})
    return [row["id"] for row in rows]


def _row(new: NewExperiment, *, project_id: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a new experiment but its rank."""
    recorded = isinstance(new.spec, Recorded)
    return {
        "id": new_id("exp"),
        "project_id": project_id,
        "version": 1,
        "status": Status.SUCCEEDED if recorded else Status.QUEUED,
        "status_reason": StatusReason.NONE.value,
        "outcome": Outcome.COMPLETED.value if recorded else None,
        "verified": not recorded,
        "created_at": now,
        "queued_at": now,
        "finished_at": now if recorded else None,
        "queue_deadline": _deadline(now, new.queue_ttl_seconds),
        **dict.fromkeys(("nondeterministic", "reused", "alone", "replayed"), False),
        **dict.fromkeys(("fence", "attempts", "reports"), 0),
        **_given(new),
        **_columns_of(new.spec),
    }


def _tags(row: Mapping[str, Any], tags: Sequence[str]) -> list[dict[str, Any]]:
    return [{"experiment_id": row["id"], "project_id": row["project_id"], "tag": tag} for tag in dict.fromkeys(tags)]


def _first(row: Mapping[str, Any]) -> Moved:
    """Return what the first event of a new experiment tells."""
    return Moved(
        id=row["id"],
        project_id=row["project_id"],
        version=1,
        status=row["status"],
        status_reason=row["status_reason"],
    )


def retry(session: Session, project_id: str, id: str, now: datetime) -> bool | None:
    """Queue a failed or cancelled experiment again with all its attempts; False where it is neither, None unknown."""
    mine = and_(Row.id == id, Row.project_id == project_id)
    if session.execute(select(Row.id).where(mine)).first() is None:
        return None
    return bool(requeue_ended(session, project_id, mine, now))


def requeue_ended(session: Session, project_id: str, mine: ColumnElement[bool], now: datetime) -> int:
    """Queue the failed and cancelled ones of a project's experiments again, and return how many there were."""
    ended = sources_of(Status.QUEUED) - {Status.RUNNING}
    query = select(Row.id, Row.priority, Row.queue_ttl_seconds).where(mine, stands_in(*ended))
    alike: dict[tuple[int, float | None], list[str]] = {}
    for row in session.execute(query.order_by(Row.queued_at, Row.id).with_for_update()):
        alike.setdefault((row.priority, row.queue_ttl_seconds), []).append(row.id)
    for (priority, seconds), ids in alike.items():
        first = session.execute(select(_rank(project_id, priority))).scalar_one()
        for start in range(0, len(ids), AT_ONCE):
            these = ids[start : start + AT_ONCE]
            change = _AGAIN | {"queued_at": now, "queue_deadline": _deadline(now, seconds)}
            move(session, Row.id.in_(these), Status.QUEUED, ended, change, now, data={"retry": True})
            forget_curves(session, these)
        _line_up(session, ids, first)
    return sum(map(len, alike.values()))


_AGAIN = {
    **dict.fromkeys(("status_detail", "started_at", "finished_at", "progress", "live_metrics"), None),
    **dict.fromkeys(("cancel_requested_at", "cancel_reason"), None),
    **dict.fromkeys(("attempts", "reports"), 0),
    **dict.fromkeys(("alone", "replayed"), False),
    "status_reason": StatusReason.NONE.value,
}


def _line_up(session: Session, ids: Sequence[str], first: int) -> None:
    """Give experiments places in their project's line, one behind the other."""
    table = Row.__table__
    statement = update(table).where(table.c.id == bindparam("b_id")).values(rank=bindparam("b_rank"))  # type: ignore[arg-type]
    session.connection().execute(statement, [{"b_id": id, "b_rank": first + place} for place, id in enumerate(ids)])


def replay(
    session: Session, *, project_id: str, key: str, method: str, path: str, body_hash: str
) -> StoredReply | None:
    """Return the reply to the first request with this key; None makes the caller's request the first.

    Comes first in a writing transaction: a concurrent request with the key then waits here until this
    one has committed its reply, or takes its place if it fails. Raise KeyReusedError for another request.
    """
    request = {"method": method, "path": path, "body_hash": body_hash}
    record = upsert(session, ReplyRow).values(project_id=project_id, key=key, **request)
    session.execute(record.on_conflict_do_nothing())
    mine = and_(ReplyRow.project_id == project_id, ReplyRow.key == key)
    found = session.scalars(select(ReplyRow).where(mine)).one()
    if any(getattr(found, part) != value for part, value in request.items()):
        raise KeyReusedError(KeyReusedError.__doc__)
    if found.status is None or found.body is None:
        return None
    return StoredReply(status=found.status, body=found.body, headers=found.headers or {})


def store_reply(
    session: Session,
    *,
    project_id: str,
    key: str,
    method: str,
    path: str,
    body_hash: str,
    reply: StoredReply,
    now: datetime,
) -> None:
    """Keep the reply for repeated requests, in the transaction in which `replay` answered None."""
    given = {"method": method, "path": path, "body_hash": body_hash, "created_at": now}
    given |= {"status": reply.status, "body": reply.body, "headers": dict(reply.headers)}
    record = upsert(session, ReplyRow).values(project_id=project_id, key=key, **given)
    session.execute(record.on_conflict_do_update(index_elements=["project_id", "key"], set_=given))


def _rank(project_id: Any, priority: Any) -> ScalarSelect[int]:
    """Return the query for how many of the project's experiments wait already at this priority."""
    waiting = select(func.count()).where(
        Row.project_id == project_id, Row.priority == priority, stands_in(Status.QUEUED)
    )
    return waiting.scalar_subquery()


@cache
def _insertion(recorded: bool) -> Insert:
    """Return the INSERT of one row; made anew for each, its forty columns cost more than sending it."""
    rank = literal(0) if recorded else _rank(bindparam("rank_project"), bindparam("rank_priority"))
    return insert(Row.__table__).values(rank=rank)  # type: ignore[arg-type]


def _view_of_queued(row: Mapping[str, Any], tags: Sequence[str]) -> ExperimentView:
    """Return what a row of a new experiment shows: what it says, and nothing of attempts, metrics or progress."""
    known: dict[str, Any] = {each.name: row.get(each.name) for each in fields(ExperimentView)}
    known |= {"tags": tuple(sorted(tags)), "cancelling": False, "metrics": {}}
    return ExperimentView(**known | {"status_reason": StatusReason(row["status_reason"])})


def _deadline(now: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _given(new: NewExperiment) -> dict[str, Any]:
    """Return the columns that the client has set."""
    return {
        "name": new.name,
        "metadata": dict(new.metadata),
        "priority": new.priority,
        "timeout_seconds": new.timeout_seconds,
        "queue_ttl_seconds": new.queue_ttl_seconds,
        "max_attempts": new.max_attempts,
        "created_by": new.created_by,
        "rerun_of": new.rerun_of,
    }


def _columns_of(spec: ExperimentSpec) -> dict[str, Any]:
    """Return the columns that follow from the spec."""
    columns: dict[str, Any] = {
        "spec": encode(spec),
        "spec_hash": spec_hash(spec),
        "spec_version": SPEC_VERSION,
        "type": spec.type,
        "seed": spec.seed,
        "queue": queue_of(spec),
        "shape_key": shape_key(spec),
    }
    if isinstance(spec, Simulated):
        columns["simulation_kind"] = spec.simulation.kind
    if isinstance(spec, Approximation):
        columns |= _columns_of_approximation(spec)
    return columns


def _columns_of_approximation(spec: Approximation) -> dict[str, Any]:
    sizes, stack = spec.sizes, dense_stack(spec)
    hidden = stack.sizes[1:-1] if stack else ()
    optimizer = spec.training.optimizer if isinstance(spec.training, Gradient) else None
    architecture = spec.architecture
    return {
        "target_kind": _kind(spec.target),
        "dataset_kind": spec.dataset.kind,
        "architecture_kind": _kind(architecture),
        "optimizer_kind": _kind(optimizer),
        "learning_rate": getattr(optimizer, "learning_rate", None),
        "width": max(hidden, default=None),
        "depth": len(hidden) if stack else None,
        "parameters": architecture.parameter_count(sizes.inputs, sizes.outputs) if architecture else None,
        "dtype": spec.dtype,
        "model_of": spec.model_of,
    }


def _kind(component: Component | None) -> str | None:
    return component.kind if component else None


def _store_recorded(session: Session, owner: Moved, spec: Recorded) -> None:
    curves = as_curves({name: (curve[0], curve[1]) for name, curve in (spec.curves or {}).items()})
    append_chunks(session, [(owner.id, 0, curves)])
    store_metrics(session, [(owner.id, owner.project_id, {**_lone(spec.metrics), **summaries_of(curves)})])


def _lone(metrics: Mapping[str, float]) -> dict[str, MetricSummary]:
    """Return metrics that came without a curve."""
    return {
        name: MetricSummary(first=value, last=value, min=value, max=value, mean=value, argmin_step=None, n=1)
        for name, value in metrics.items()
    }
