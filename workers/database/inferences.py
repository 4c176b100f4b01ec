"""Questions to finished models: asked by a client, answered by an inference worker."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from workers.database.blobs import named_content
from workers.database.ids import new_id
from workers.database.models import ExperimentRow, InferenceRow
from workers.database.session import changed, insert_rows
from workers.database.values import Inference, InferenceStatus
from workers.experiments.measurement import MODEL

Row = InferenceRow
CLAIM_SECONDS = 30.0  # a question taken so long ago without an answer is asked again; answers cannot differ


def ask(session: Session, project_id: str, experiment_id: str, inputs: list[list[float]], now: datetime) -> str:
    """Store the question: inputs (n, d) to the experiment's model; return its id."""
    row = {
        "id": new_id("inf"),
        "project_id": project_id,
        "experiment_id": experiment_id,
        "status": "queued",
        "inputs": inputs,
        "created_at": now,
    }
    insert_rows(session, Row, [row])
    return str(row["id"])


def claim_inference(
    session: Session, worker_id: str, now: datetime
) -> tuple[Inference, Mapping[str, Any], bytes] | None:
    """Take the oldest question and return it with the model's spec and bytes; None when none waits."""
    lost = and_(Row.status == "running", Row.claimed_at <= now - timedelta(seconds=CLAIM_SECONDS))
    oldest = select(Row).where(or_(Row.status == "queued", lost)).order_by(Row.created_at, Row.id).limit(1)
    while True:
        found = session.scalars(oldest.with_for_update(skip_locked=True)).first()
        if found is None:
            return None
        change = {"status": "running", "worker_id": worker_id, "claimed_at": now}
        session.execute(update(Row).where(Row.id == found.id).values(change))
        model = named_content(session, found.experiment_id, MODEL)
        if model is not None:
            spec = session.execute(select(ExperimentRow.spec).where(ExperimentRow.id == found.experiment_id))
            taken = inference(session, found.id)
            assert taken is not None
            return taken, spec.scalar_one(), model
        answer(session, found.id, None, "the experiment has left no model", now)


def answer(session: Session, id: str, outputs: list[list[float]] | None, detail: str | None, now: datetime) -> bool:
    """Store the outputs (n, m), or what went wrong; False when the question is answered or gone."""
    status = "failed" if outputs is None else "succeeded"
    change = {"status": status, "outputs": outputs, "detail": detail, "answered_at": now}
    statement = update(Row).where(Row.id == id, Row.status == "running").values(change)
    return bool(changed(session, statement))


def inference(session: Session, id: str) -> Inference | None:
    """Return the question with its answer, as far as there is one."""
    row = session.scalars(select(Row).where(Row.id == id)).first()
    if row is None:
        return None
    return Inference(
        id=row.id,
        experiment_id=row.experiment_id,
        status=cast(InferenceStatus, row.status),
        inputs=row.inputs,
        outputs=row.outputs,
        detail=row.detail,
    )
