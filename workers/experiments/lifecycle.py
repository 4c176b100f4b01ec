"""The life of an experiment: five states, one table, everything else derived from it."""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where an experiment is."""

    QUEUED = "queued"  # waits for a worker
    RUNNING = "running"  # a worker holds its fence
    SUCCEEDED = "succeeded"  # has its result; the outcome says which
    FAILED = "failed"  # has a reason instead of a result
    CANCELLED = "cancelled"  # was stopped by whom the reason names

    @property
    def is_terminal(self) -> bool:
        """Say whether nothing but a retry changes it."""
        return self in TERMINAL


class StatusReason(StrEnum):
    """Why it is there; `none` unless it failed or was cancelled."""

    NONE = "none"
    INVALID = "invalid"  # the worker refused the spec
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_LOST = "worker_lost"
    TIMED_OUT = "timed_out"
    CRASH_LOOP = "crash_loop"
    QUEUE_TTL_PASSED = "queue_ttl_passed"
    CANCELLED_BY_CLIENT = "cancelled_by_client"
    CANCELLED_BY_SWEEP = "cancelled_by_sweep"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """How a succeeded experiment ended; diverging is a finding, not a failure."""

    COMPLETED = "completed"
    EARLY_STOPPED = "early_stopped"
    DIVERGED = "diverged"


class SweepStatus(StrEnum):
    """Where a sweep is; it follows from its cells."""

    RUNNING = "running"  # a cell waits or runs
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"  # no cell has succeeded
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Say whether nothing but a retry changes it."""
        return self is not SweepStatus.RUNNING


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.QUEUED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
}
TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


def sources_of(status: Status) -> frozenset[Status]:
    """Return the states from which `status` can be reached."""
    return frozenset(source for source, reached in TRANSITIONS.items() if status in reached)


def sweep_status(counts: Mapping[str, int], *, cancelled: bool) -> SweepStatus:
    """Return the status of a sweep with so many cells in each status of an experiment, and so many `missing`."""
    if counts[Status.QUEUED] or counts[Status.RUNNING]:
        return SweepStatus.RUNNING
    if not any(count for status, count in counts.items() if status != Status.SUCCEEDED):
        return SweepStatus.SUCCEEDED
    if cancelled:
        return SweepStatus.CANCELLED
    return SweepStatus.PARTIALLY_SUCCEEDED if counts[Status.SUCCEEDED] else SweepStatus.FAILED
