"""A member of a population, and how its frames and rows translate into each other."""

from dataclasses import dataclass, field

from workers.database.values import Claimed, Progress, Report
from workers.experiments.lifecycle import StatusReason
from workers.experiments.measurement import as_curves


@dataclass(kw_only=True)
class Member:
    """An experiment of the population. `settled`: its row has its end, or is no longer ours."""

    claimed: Claimed
    deadline: float | None
    progress: Progress | None = None
    points: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    settled: bool = False
    silent: bool = False  # the runner said its last word about it
    dropped_at: float | None = None  # when the runner was told to drop it


def deadline_of(claimed: Claimed, begun: float) -> float | None:
    """Return the monotonic moment at which the experiment is over its time, None without a limit."""
    return None if claimed.timeout_seconds is None else begun + claimed.timeout_seconds


def report_of(member: Member) -> Report:
    """Return what is new about the member."""
    curves = as_curves(member.points)
    return Report(id=member.claimed.id, fence=member.claimed.fence, progress=member.progress, curves=curves)


def reason_of(text: object) -> StatusReason:
    """Return the reason by its name, `internal` for a name that is none."""
    try:
        return StatusReason(str(text))
    except ValueError:
        return StatusReason.INTERNAL
