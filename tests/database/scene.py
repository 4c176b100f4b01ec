"""A project with workers on one database, moved on second by second."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from tests.builders import new_experiment
from workers.database import claims, queries, results, submissions
from workers.database.models import EventRow, ExperimentRow
from workers.database.session import Database
from workers.database.values import Abilities, Claim, Claimed, ExperimentView, WorkerIdentity
from workers.experiments.lifecycle import Outcome, Status, StatusReason
from workers.experiments.measurement import Artifact, Curve, Measurement

START = datetime(2030, 1, 1, tzinfo=UTC)
CPU = Abilities(queue="cpu", spec_version=1, fingerprint={"device": "cpu", "threads": 1, "kernel": "abc"})


def identity(worker_id: str = "wrk_a", queue: str = "cpu") -> WorkerIdentity:
    """Return a worker process."""
    return WorkerIdentity(id=worker_id, host="host", pid=7, boot_id="boot", process_started=1.5, queue=queue)


def curve(name: str, *values: float, start: int = 0) -> Curve:
    """Return a curve at steps `start`, `start` + 1, ..."""
    return Curve(name=name, steps=tuple(range(start, start + len(values))), values=values)


def measurement(*values: float, artifacts: Sequence[Artifact] = (), **changes: Any) -> Measurement:
    """Return a result with one curve, train_loss."""
    return Measurement(curves=(curve("train_loss", *(values or (2.0, 1.0))),), artifacts=tuple(artifacts), **changes)


def model(content: bytes = b"weights", name: str = "model.safetensors") -> Artifact:
    """Return an artifact."""
    return Artifact(name=name, media_type="application/octet-stream", content=content)


@dataclass
class Scene:
    """Calls to the database in transactions of their own; `now` moves on by a second at each."""

    database: Database
    project_id: str
    now: datetime = field(default=START)

    def tick(self, seconds: float = 1.0) -> datetime:
        """Move the time on and return it."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def submit(self, project_id: str | None = None, **changes: Any) -> str:
        """Submit an experiment and return its id."""
        with self.database.write() as session:
            new = new_experiment(**changes)
            return submissions.submit(session, new, project_id=project_id or self.project_id, now=self.tick())

    def claim(self, worker_id: str = "wrk_a", abilities: Abilities = CPU, **limits: int) -> Claim | None:
        """Register the worker and claim."""
        with self.database.write() as session:
            claims.register_worker(session, identity(worker_id, abilities.queue), self.tick())
            return claims.claim(session, worker_id, abilities, self.now, **limits)

    def running(self, **changes: Any) -> Claimed:
        """Submit an experiment, claim it and return it."""
        experiment_id = self.submit(**changes)
        claimed = self.claim()
        assert claimed is not None
        return next(each for each in claimed.experiments if each.id == experiment_id)

    def write(self, function: Any, *arguments: Any, **named: Any) -> Any:
        """Call a function in a writing transaction."""
        with self.database.write() as session:
            return function(session, *arguments, **named)

    def read(self, function: Any, *arguments: Any, **named: Any) -> Any:
        """Call a function in a reading transaction."""
        with self.database.read() as session:
            return function(session, *arguments, **named)

    def finish(self, claimed: Claimed, result: Measurement | None = None) -> bool:
        """Finish an experiment."""
        return bool(self.write(results.finish, claimed.id, claimed.fence, result or measurement(), self.tick()))

    def view(self, experiment_id: str) -> ExperimentView:
        """Return an experiment that exists."""
        view = self.read(queries.experiment, self.project_id, experiment_id)
        assert isinstance(view, ExperimentView)
        return view

    def row(self, experiment_id: str) -> ExperimentRow:
        """Return an experiment's row, for what no view shows."""
        with self.database.read() as session:
            return session.execute(select(ExperimentRow).where(ExperimentRow.id == experiment_id)).scalar_one()

    def kinds(self, experiment_id: str) -> list[str]:
        """Return the kinds of its events, after checking that their versions count from 1 to its own."""
        with self.database.read() as session:
            query = select(EventRow.version, EventRow.kind).where(EventRow.experiment_id == experiment_id)
            events = session.execute(query.order_by(EventRow.version)).all()
        assert [event.version for event in events] == list(range(1, self.view(experiment_id).version + 1))
        return [event.kind for event in events]

    def bring_to(self, status: Status, **changes: Any) -> Claimed:
        """Return an experiment in a status, with the fence under which it was claimed; 0 where it never was."""
        if status is Status.QUEUED:
            return Claimed(id=self.submit(**changes), fence=0, attempt=0, spec={}, timeout_seconds=None)
        claimed = self.running(**changes)
        if status is Status.SUCCEEDED:
            assert self.finish(claimed)
        elif status is Status.FAILED:
            assert self.write(results.fail, claimed.id, claimed.fence, StatusReason.INTERNAL, "boom", self.tick())
        elif status is Status.CANCELLED:
            assert self.write(results.end_cancelled, claimed.id, claimed.fence, self.tick())
        return claimed


DIVERGED = Measurement(outcome=Outcome.DIVERGED, stopped_at_step=3)
