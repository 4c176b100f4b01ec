"""What clients submit: new experiments, retries, and the replies kept for repeated requests."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, select
from sqlalchemy.orm import Session

from workers.catalogue.kinds import Component
from workers.catalogue.trainings.gradient import Gradient
from workers.database.curves import append_chunks, forget_curves
from workers.database.ids import new_id
from workers.database.metrics import store_metrics, summaries_of
from workers.database.models import ExperimentRow, ReplyRow, TagRow
from workers.database.session import upsert
from workers.database.transitions import Moved, add_events, move, stands_in
from workers.database.values import NewExperiment, StoredReply
from workers.experiments.codec import encode, spec_hash
from workers.experiments.lifecycle import Outcome, Status, StatusReason, sources_of
from workers.experiments.measurement import MetricSummary, as_curves
from workers.experiments.shape import dense_stack, queue_of, shape_key
from workers.experiments.spec import SPEC_VERSION, Approximation, ExperimentSpec, Recorded, Simulated

Row = ExperimentRow


class KeyReusedError(Exception):
    """The idempotency key was used for another request: take a new key for each request."""


def submit(session: Session, new: NewExperiment, *, project_id: str, now: datetime) -> str:
    """Store the experiment and its first event, and return its id; a recorded one is succeeded at once."""
    recorded = isinstance(new.spec, Recorded)
    row: dict[str, Any] = {
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
        "rank": 0 if recorded else _rank(session, project_id, new.priority),
        "queue_deadline": _deadline(now, new.queue_ttl_seconds),
        **dict.fromkeys(("nondeterministic", "reused", "alone", "replayed"), False),
        **dict.fromkeys(("fence", "attempts", "reports"), 0),
        **_given(new),
        **_columns_of(new.spec),
    }
    session.execute(insert(Row), [row])
    if new.tags:
        tags = [{"experiment_id": row["id"], "project_id": project_id, "tag": tag} for tag in dict.fromkeys(new.tags)]
        session.execute(insert(TagRow), tags)
    first = Moved(
        id=row["id"], project_id=project_id, version=1, status=row["status"], status_reason=row["status_reason"]
    )
    add_events(session, [first], now, {})
    if isinstance(new.spec, Recorded):
        _store_recorded(session, first, new.spec)
    return first.id


def retry(session: Session, project_id: str, id: str, now: datetime) -> bool | None:
    """Queue a failed or cancelled experiment again with all its attempts; False where it is neither, None unknown."""
    mine = and_(Row.id == id, Row.project_id == project_id)
    found = session.execute(select(Row.priority, Row.queue_ttl_seconds).where(mine).with_for_update()).first()
    if found is None:
        return None
    cleared = ("status_detail", "started_at", "finished_at", "progress", "live_metrics", "cancel_requested_at")
    change = {
        **dict.fromkeys((*cleared, "cancel_reason"), None),
        "status_reason": StatusReason.NONE.value,
        "attempts": 0,
        "reports": 0,
        "alone": False,
        "replayed": False,
        "queued_at": now,
        "rank": _rank(session, project_id, found.priority),
        "queue_deadline": _deadline(now, found.queue_ttl_seconds),
    }
    ended = sources_of(Status.QUEUED) - {Status.RUNNING}
    if not move(session, mine, Status.QUEUED, ended, change, now, data={"retry": True}):
        return False
    forget_curves(session, [id])
    return True


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


def _rank(session: Session, project_id: str, priority: int) -> int:
    """Return how many of the project's experiments wait already at this priority."""
    waiting = select(func.count()).where(
        Row.project_id == project_id, Row.priority == priority, stands_in(Status.QUEUED)
    )
    return session.execute(waiting).scalar_one()


def _deadline(now: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _given(new: NewExperiment) -> dict[str, Any]:
    """Return the columns that the client has set."""
    return {
        "name": new.name,
        "metadata_": dict(new.metadata),
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
    store_metrics(session, owner.id, owner.project_id, {**_lone(spec.metrics), **summaries_of(curves)})


def _lone(metrics: Mapping[str, float]) -> dict[str, MetricSummary]:
    """Return metrics that came without a curve."""
    return {
        name: MetricSummary(first=value, last=value, min=value, max=value, mean=value, argmin_step=None, n=1)
        for name, value in metrics.items()
    }
