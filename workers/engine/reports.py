"""What a population takes and whom it tells."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from workers.experiments.lifecycle import StatusReason
from workers.experiments.measurement import Curve, Measurement
from workers.experiments.spec import ExperimentSpec

Curves = Mapping[str, tuple[list[int], list[float]]]  # name to steps and values


class StoppedError(Exception):
    """The whole population was given up."""


class CancelledError(Exception):
    """This experiment was cancelled."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """An experiment to run; `source` holds the spec and the model that `model_of` names."""

    id: str
    spec: ExperimentSpec
    source: tuple[ExperimentSpec, bytes] | None = None


class Reporter(Protocol):
    """Who hears about a population; every job ends in exactly one of finish, fail and cancelled, unless stopped."""

    def progress(
        self, job_id: str, *, phase: str, completed: int, total: int, unit: str, curves: Sequence[Curve]
    ) -> None:
        """Hear where a job is, with the points that its curves gained."""

    def finish(self, job_id: str, measurement: Measurement) -> None:
        """Hear a result."""

    def fail(self, job_id: str, reason: StatusReason, detail: str) -> None:
        """Hear that there will be no result, and why."""

    def cancelled(self, job_id: str) -> None:
        """Hear that a job was given up as asked."""

    def stopping(self) -> bool:
        """Say whether to give up the whole population."""

    def cancel_requested(self) -> frozenset[str]:
        """Return the jobs to give up."""


class Bulletin:
    """Tells a reporter how its jobs fare; time decides what is told when, and nothing else.

    `open` holds the jobs without a last word.
    """

    def __init__(self, reporter: Reporter, report_seconds: float, job_ids: Iterable[str]) -> None:
        self._reporter, self._report_seconds = reporter, report_seconds
        self.open = set(job_ids)
        self._due = time.monotonic() + report_seconds
        self._told: dict[tuple[str, str], int] = {}

    def begin(self) -> None:
        """Note that jobs begin: one that ends within twice `report_seconds` is not told of on the way.

        To write where it is would cost as much as to write its result, and nobody could read it before that.
        """
        self._due = time.monotonic() + 2 * self._report_seconds

    def hear(self) -> None:
        """Give up what was asked to be given up: raise StoppedError, or close cancelled jobs."""
        if self._reporter.stopping():
            raise StoppedError
        requested = self._reporter.cancel_requested()
        if requested:
            for job_id in sorted(self.open & requested):
                self.open.discard(job_id)
                self._reporter.cancelled(job_id)

    def check(self, job_id: str) -> None:
        """Raise CancelledError or StoppedError if the job was given up."""
        self.hear()
        if job_id not in self.open:
            raise CancelledError

    def is_due(self) -> bool:
        """Say whether it is time to tell, once per `report_seconds`."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self._report_seconds
        return True

    def tell(self, job_id: str, phase: str, completed: int, total: int, unit: str, curves: Curves) -> None:
        """Tell where a job is, with the points that its curves gained since the last time."""
        news = []
        for name, (steps, values) in curves.items():
            told = self._told.get((job_id, name), 0)
            if len(steps) > told:
                news.append(Curve(name=name, steps=tuple(steps[told:]), values=tuple(values[told:])))
                self._told[job_id, name] = len(steps)
        self._reporter.progress(job_id, phase=phase, completed=completed, total=total, unit=unit, curves=news)

    def finish(self, job_id: str, measurement: Measurement) -> None:
        """Say a job's last word: its result."""
        self.open.discard(job_id)
        self._reporter.finish(job_id, measurement)

    def fail(self, job_id: str, reason: StatusReason, detail: str) -> None:
        """Say a job's last word: why it has no result."""
        self.open.discard(job_id)
        self._reporter.fail(job_id, reason, detail)
