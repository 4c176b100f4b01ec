"""Values of sweeps and of comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workers.database.values import ExperimentView, NewExperiment
from workers.experiments.lifecycle import Outcome, Status, SweepStatus, sweep_status
from workers.experiments.measurement import MetricSummary


@dataclass(frozen=True, kw_only=True)
class NewSweep:
    """A grid to be submitted: its plan as JSON (base, axes, zip), and its cells in the order of their numbers.

    With `reuse`, a cell takes an equal experiment that has succeeded instead of a new one.
    """

    plan: Mapping[str, Any]
    cells: tuple[NewExperiment, ...]
    name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_parallel: int | None = None
    reuse: bool = False
    created_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class SweepView:
    """Everything that one look at a sweep shows; `counts` per status, with `missing`, add up to `cells_total`."""

    id: str
    project_id: str
    created_at: datetime
    created_by: str | None
    name: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    plan: Mapping[str, Any]
    cells_total: int
    max_parallel: int | None
    cancelled_at: datetime | None
    counts: Mapping[str, int]
    cells_reused: int

    @property
    def status(self) -> SweepStatus:
        """Return what follows from the cells."""
        return sweep_status(self.counts, cancelled=self.cancelled_at is not None)


@dataclass(frozen=True, kw_only=True)
class CellView:
    """A cell of a sweep: its number, and its experiment unless that was deleted."""

    number: int
    reused: bool
    experiment: ExperimentView | None


@dataclass(frozen=True, kw_only=True)
class CellOutcome:
    """What a cell amounts to: the status of its experiment, None where that was deleted, and some of its metrics."""

    number: int
    status: Status | None
    outcome: Outcome | None
    metrics: Mapping[str, MetricSummary]


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """An experiment as statistics see it: its spec as JSON, how it ended, and one of its metrics, if it has it."""

    id: str
    status: Status
    outcome: Outcome | None
    spec: Mapping[str, Any]
    metric: MetricSummary | None


@dataclass(frozen=True, kw_only=True)
class ComparisonView:
    """A comparison as it was found: the question with all defaults, and the result, both JSON values."""

    id: str
    created_at: datetime
    name: str | None
    question: Mapping[str, Any]
    result: Mapping[str, Any]
    inputs_hash: str
