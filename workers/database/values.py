"""What goes into the database and comes out of it: frozen values, never rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from workers.experiments.lifecycle import Outcome, Status, StatusReason
from workers.experiments.measurement import Curve, MetricSummary
from workers.experiments.spec import ExperimentSpec

T = TypeVar("T")
Queue = Literal["cpu", "gpu"]
InferenceStatus = Literal["queued", "running", "succeeded", "failed"]


@dataclass(frozen=True, kw_only=True)
class NewExperiment:
    """What a client submits: the spec, and beside it what never changes a result."""

    spec: ExperimentSpec
    name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    priority: int = 1  # 0 low, 1 normal, 2 high
    timeout_seconds: float | None = None
    queue_ttl_seconds: float | None = None
    max_attempts: int = 3
    created_by: str | None = None
    rerun_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a running experiment is."""

    phase: str
    completed: int
    total: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class AttemptView:
    """One time that a worker held the experiment; `ended_at` and `ending` are None while it does."""

    number: int
    worker: str
    device: str
    population_size: int
    fence: int
    started_at: datetime
    ended_at: datetime | None
    ending: str | None
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class EventView:
    """One change of an experiment; versions count from 1 without a gap."""

    version: int
    kind: str
    data: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ArtifactView:
    """A file that an experiment left; its content is found by its sha256."""

    id: str
    experiment_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ExperimentView:
    """Everything that one look at an experiment shows; without a result, `metrics` summarise what was reported."""

    id: str
    project_id: str
    version: int
    name: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    status: Status
    status_reason: StatusReason
    status_detail: str | None
    outcome: Outcome | None
    stopped_at_step: int | None
    cancelling: bool
    verified: bool
    nondeterministic: bool
    spec: Mapping[str, Any]
    spec_hash: str
    reused: bool
    rerun_of: str | None
    sweep_id: str | None
    created_by: str | None
    priority: int
    parameters: int | None
    shape_key: str
    queue: Queue
    attempt: AttemptView | None
    metrics: Mapping[str, MetricSummary]
    progress: Progress | None
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list, whether there is more, and how many there are in all where that was asked."""

    items: tuple[T, ...]
    has_more: bool
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """A worker process; on its own host, boot id, pid and start time tell it from any other process."""

    id: str
    host: str
    pid: int
    boot_id: str
    process_started: float
    queue: str


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a worker can run."""

    queue: Queue
    spec_version: int
    fingerprint: Mapping[str, Any]

    @property
    def compiles(self) -> bool:
        """Say whether the worker has the compiled back end."""
        return self.fingerprint.get("kernel") is not None


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """The finished experiment whose model is measured again."""

    spec: Mapping[str, Any]
    model: bytes


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An experiment that a worker holds; `source` is None unless it is the model_of another that has a model."""

    id: str
    fence: int
    attempt: int
    spec: Mapping[str, Any]
    timeout_seconds: float | None
    source: ModelSource | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A population: experiments of one shape under one lease."""

    lease_id: str
    experiments: tuple[Claimed, ...]


@dataclass(frozen=True, kw_only=True)
class LeaseView:
    """A lease as its reaper sees it."""

    id: str
    beat: int
    worker: WorkerIdentity


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a running experiment tells: its progress and new points of its curves."""

    id: str
    fence: int
    progress: Progress | None = None
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordAnswer:
    """Whether the reporter still holds the experiment, and whether it was asked to stop."""

    held: bool
    cancel_requested: bool


@dataclass(frozen=True, kw_only=True)
class CancelAnswer:
    """The state after a request to cancel."""

    status: Status
    cancelling: bool


@dataclass(frozen=True, kw_only=True)
class StoredReply:
    """The reply that was given to the first request with an idempotency key."""

    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Inference:
    """A question to a model: inputs (n, d), and its outputs (n, m) once they are known."""

    id: str
    experiment_id: str
    status: InferenceStatus
    inputs: list[list[float]]
    outputs: list[list[float]] | None
    detail: str | None
