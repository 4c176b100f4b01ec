"""What can be asked about experiments; every answer is a value."""

from datetime import datetime

from sqlalchemy import and_, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from workers.database.blobs import content, named_content
from workers.database.claims import live_workers
from workers.database.curves import curves_of
from workers.database.ids import new_id
from workers.database.listings import count_by, list_experiments
from workers.database.metrics import metrics_of
from workers.database.models import (
    ArtifactRow,
    AttemptRow,
    EventRow,
    ExperimentRow,
    ProjectRow,
    WorkerRow,
)
from workers.database.session import upsert
from workers.database.transitions import stands_in
from workers.database.values import ArtifactView, AttemptView, EventView, ExperimentView
from workers.database.views import attempt_view, experiment_views
from workers.experiments.lifecycle import Status
from workers.experiments.shape import needs_compiler

__all__ = [
    "artifact",
    "artifacts_of",
    "attempts_of",
    "content",
    "count_by",
    "curves_of",
    "ensure_project",
    "events_of",
    "experiment",
    "has_taker",
    "jobs_ahead",
    "list_experiments",
    "metrics_of",
    "named_content",
    "version_of",
]

Row = ExperimentRow


def experiment(session: Session, project_id: str, id: str) -> ExperimentView | None:
    """Return the project's experiment, or None."""
    query = select(Row).where(Row.id == id, Row.project_id == project_id)
    views = experiment_views(session, session.scalars(query).all())
    return views[0] if views else None


def version_of(session: Session, project_id: str, id: str) -> int | None:
    """Return how many events the project's experiment has had, or None where there is no such."""
    return session.scalar(select(Row.version).where(Row.id == id, Row.project_id == project_id))


def events_of(session: Session, id: str, after_version: int = 0) -> list[EventView]:
    """Return the events after a version, oldest first."""
    query = select(EventRow).where(EventRow.experiment_id == id, EventRow.version > after_version)
    rows = session.scalars(query.order_by(EventRow.version))
    return [EventView(version=row.version, kind=row.kind, data=row.data, at=row.at) for row in rows]


def attempts_of(session: Session, id: str) -> list[AttemptView]:
    """Return the attempts, oldest first."""
    query = select(AttemptRow).where(AttemptRow.experiment_id == id).order_by(AttemptRow.fence)
    return [attempt_view(row) for row in session.scalars(query)]


def artifacts_of(session: Session, id: str) -> list[ArtifactView]:
    """Return the artifacts in the order of their names."""
    query = select(ArtifactRow).where(ArtifactRow.experiment_id == id).order_by(ArtifactRow.name)
    return [_artifact_view(row) for row in session.scalars(query)]


def artifact(session: Session, project_id: str, artifact_id: str) -> ArtifactView | None:
    """Return the project's artifact, or None."""
    query = select(ArtifactRow).where(ArtifactRow.id == artifact_id, ArtifactRow.project_id == project_id)
    row = session.scalars(query).first()
    return None if row is None else _artifact_view(row)


def jobs_ahead(session: Session, view: ExperimentView) -> int:
    """Return how many experiments stand before this one in its queue; 0 unless it waits."""
    mine = session.execute(
        select(Row.rank, Row.priority, Row.queued_at).where(Row.id == view.id, stands_in(Status.QUEUED))
    ).first()
    if mine is None:
        return 0
    place = (mine.rank, literal(mine.queued_at, Row.queued_at.type), view.id)
    earlier = and_(Row.priority == mine.priority, tuple_(Row.rank, Row.queued_at, Row.id) < tuple_(*place))
    waiting = and_(stands_in(Status.QUEUED), Row.queue == view.queue)
    ahead = select(func.count()).where(waiting, or_(Row.priority > mine.priority, earlier))
    return session.execute(ahead).scalar_one()


def has_taker(session: Session, view: ExperimentView, now: datetime) -> bool:
    """Say whether a worker that was seen lately can run the experiment."""
    able = and_(live_workers(now), WorkerRow.queue == view.queue)
    if needs_compiler(view.shape_key):
        able = and_(able, WorkerRow.compiles)
    return bool(session.scalar(select(exists().where(able))))


def ensure_project(session: Session, name: str = "default") -> str:
    """Return the id of the project of that name, made if it is missing; needs a session that writes."""
    project = upsert(session, ProjectRow).values(id=new_id("prj"), name=name)
    session.execute(project.on_conflict_do_nothing(index_elements=["name"]))
    return session.execute(select(ProjectRow.id).where(ProjectRow.name == name)).scalar_one()


def _artifact_view(row: ArtifactRow) -> ArtifactView:
    return ArtifactView(
        id=row.id,
        experiment_id=row.experiment_id,
        name=row.name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at=row.created_at,
    )
