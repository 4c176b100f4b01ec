"""The tables; `migrations/` makes them, and a test compares the two."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, Index, LargeBinary, MetaData, String, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from workers.database.columns import NAMES, Json, Numbers, StatusType, UtcDateTime
from workers.database.indexes import FACETS, NOT_FINITE, QUEUED, RUNNING, only
from workers.experiments.lifecycle import Status

Id = String(40)
Word = String(64)
Double = Float(53)


class Base(DeclarativeBase):
    """All tables; constraints have names, so that a migration can drop them."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {str: Word, int: BigInteger(), float: Double, bytes: LargeBinary(), datetime: UtcDateTime()}  # noqa: RUF012


class ProjectRow(Base):
    """Who owns experiments."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)


class WorkerRow(Base):
    """A worker process that has registered; its identity tells on its host whether it lives."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    boot_id: Mapped[str]
    process_started: Mapped[float]
    queue: Mapped[str] = mapped_column(String(16))
    registered_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    compiles: Mapped[bool] = mapped_column(default=False, server_default=false())  # has the compiled back end


class LeaseRow(Base):
    """One population in one worker's hands; a beat that stands still gives it back."""

    __tablename__ = "leases"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    worker_id: Mapped[str] = mapped_column(Id, ForeignKey("workers.id"), index=True)
    beat: Mapped[int]
    created_at: Mapped[datetime]


class ExperimentRow(Base):
    """An experiment: the row is the job."""

    __tablename__ = "experiments"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Id, ForeignKey("projects.id"))
    version: Mapped[int]  # number of its events
    created_at: Mapped[datetime]
    created_by: Mapped[str | None] = mapped_column(Id)
    name: Mapped[str | None] = mapped_column(Text)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", Json)

    status: Mapped[Status] = mapped_column(StatusType)
    status_reason: Mapped[str] = mapped_column(String(32))
    status_detail: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(16))
    stopped_at_step: Mapped[int | None]
    verified: Mapped[bool]
    nondeterministic: Mapped[bool]
    reused: Mapped[bool]
    rerun_of: Mapped[str | None] = mapped_column(Id)
    sweep_id: Mapped[str | None] = mapped_column(Id)  # the one that submitted it

    spec: Mapped[dict[str, Any]] = mapped_column(Json)
    spec_hash: Mapped[str] = mapped_column(String(80))
    spec_version: Mapped[int]
    type: Mapped[str] = mapped_column(String(16))
    target_kind: Mapped[str | None]
    dataset_kind: Mapped[str | None]
    architecture_kind: Mapped[str | None]
    simulation_kind: Mapped[str | None]
    optimizer_kind: Mapped[str | None]
    learning_rate: Mapped[float | None]
    width: Mapped[int | None]  # units of the widest hidden layer
    depth: Mapped[int | None]
    parameters: Mapped[int | None]
    seed: Mapped[int]
    dtype: Mapped[str | None] = mapped_column(String(16))
    model_of: Mapped[str | None]

    queue: Mapped[str] = mapped_column(String(16))
    shape_key: Mapped[str]
    priority: Mapped[int] = mapped_column()
    rank: Mapped[int]  # place in the project's own line, so that projects take turns
    queued_at: Mapped[datetime]
    queue_ttl_seconds: Mapped[float | None]
    queue_deadline: Mapped[datetime | None]  # gone once a worker has had it
    timeout_seconds: Mapped[float | None]
    alone: Mapped[bool]  # suspected of a crash: runs without companions

    fence: Mapped[int]  # raised by each claim; what carries an older one is refused
    attempts: Mapped[int]  # claims that count
    max_attempts: Mapped[int]
    lease_id: Mapped[str | None] = mapped_column(Id, ForeignKey("leases.id"), index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(String(32))
    fingerprint: Mapped[dict[str, Any] | None] = mapped_column(Json)

    reports: Mapped[int]  # numbers the chunks of the curves
    replayed: Mapped[bool]  # an earlier attempt has left points to compare with
    progress: Mapped[dict[str, Any] | None] = mapped_column(Json)
    live_metrics: Mapped[dict[str, Any] | None] = mapped_column(Numbers)

    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
        CheckConstraint("(status = 'running') = (lease_id IS NOT NULL)", name="running_has_lease"),
        Index("ix_experiments_list", "project_id", "created_at", "id"),
        Index("ix_experiments_list_of_status", "project_id", "status", "created_at", "id"),
        Index("ix_experiments_spec_hash", "project_id", "spec_hash"),
        Index("ix_experiments_list_of_sweep", "project_id", "sweep_id", "created_at", "id"),
        Index("ix_experiments_facets", "project_id", *FACETS),  # counted without a look at the rows
        Index("ix_experiments_line", "queue", priority.desc(), "rank", "queued_at", "id", **only(QUEUED)),
        Index("ix_experiments_shape", "queue", "shape_key", **only(QUEUED)),
        Index("ix_experiments_rank", "project_id", "priority", **only(QUEUED)),
        Index("ix_experiments_deadline", "queue_deadline", **only(QUEUED)),
        Index("ix_experiments_sweep", "sweep_id", "status"),
        Index("ix_experiments_cancel", "cancel_requested_at", **only(RUNNING)),
    )  # fmt: skip


def of_experiment(*, part_of_key: bool = True) -> Any:
    """Return a column that names the experiment a row belongs to and goes with."""
    return mapped_column(Id, ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=part_of_key)


class TagRow(Base):
    """A tag of an experiment."""

    __tablename__ = "experiment_tags"

    experiment_id: Mapped[str] = of_experiment()
    tag: Mapped[str] = mapped_column(String(255), primary_key=True)
    project_id: Mapped[str] = mapped_column(Id)

    __table_args__ = (Index(None, "project_id", "tag", "experiment_id"),)


class AttemptRow(Base):
    """One time that a worker held the experiment."""

    __tablename__ = "attempts"

    experiment_id: Mapped[str] = of_experiment()
    fence: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    worker: Mapped[str] = mapped_column(String(300))
    device: Mapped[str] = mapped_column(String(255))
    population_size: Mapped[int]
    fingerprint_hash: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ending: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)


class EventRow(Base):
    """One change of an experiment."""

    __tablename__ = "events"

    experiment_id: Mapped[str] = of_experiment()
    version: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime]


class MetricRow(Base):
    """A metric's summary; what is not finite is NULL here and named in `non_finite` (columns.split_floats)."""

    __tablename__ = "metrics"

    experiment_id: Mapped[str] = of_experiment()
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    project_id: Mapped[str] = mapped_column(Id)
    first: Mapped[float | None]
    last: Mapped[float | None]
    min: Mapped[float | None]
    max: Mapped[float | None]
    mean: Mapped[float | None]
    non_finite: Mapped[int]
    argmin_step: Mapped[int | None]
    n: Mapped[int]

    __table_args__ = (
        Index(None, "project_id", "name", "last"), Index(None, "project_id", "name", "min"),
        Index("ix_metrics_non_finite", "project_id", "name", "non_finite", "experiment_id", **only(NOT_FINITE)),
    )  # fmt: skip


class CurveRow(Base):
    """Points of a curve: little-endian int64 steps and float64 values; one row once the experiment is done."""

    __tablename__ = "curves"

    experiment_id: Mapped[str] = of_experiment()
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    chunk: Mapped[int] = mapped_column(primary_key=True)
    steps: Mapped[bytes]
    values: Mapped[bytes]


class BlobRow(Base):
    """Bytes by their sha256, stored once."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    content: Mapped[bytes]


class ArtifactRow(Base):
    """A file that an experiment left."""

    __tablename__ = "artifacts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    experiment_id: Mapped[str] = of_experiment(part_of_key=False)
    project_id: Mapped[str] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(127))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "experiment_id", "name", unique=True),)


class InferenceRow(Base):
    """A question to a finished experiment's model, and the answer."""

    __tablename__ = "inferences"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Id)
    experiment_id: Mapped[str] = of_experiment(part_of_key=False)
    status: Mapped[str] = mapped_column(String(16))
    inputs: Mapped[Any] = mapped_column(Numbers)
    outputs: Mapped[Any | None] = mapped_column(Numbers)
    detail: Mapped[str | None] = mapped_column(Text)
    worker_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "status", "created_at"), Index(None, "experiment_id"))


class ReplyRow(Base):
    """The reply to the first request with an idempotency key; without a status while that one is at work."""

    __tablename__ = "idempotency_records"

    project_id: Mapped[str] = mapped_column(Id, ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    method: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(Text)
    body_hash: Mapped[str] = mapped_column(String(80))
    status: Mapped[int | None]
    body: Mapped[str | None] = mapped_column(Text)
    headers: Mapped[dict[str, str] | None] = mapped_column(Json)
    created_at: Mapped[datetime | None] = mapped_column(index=True)
