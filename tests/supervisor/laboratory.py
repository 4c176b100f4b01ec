"""A laboratory for tests: a migrated database, a broker, and real Celery workers as processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from celery import Celery
from sqlalchemy.exc import OperationalError

from workers.catalogue.load import load
from workers.database import queries, results, submissions
from workers.database.session import Database
from workers.database.values import AttemptView, ExperimentView, NewExperiment
from workers.experiments.codec import decode
from workers.experiments.lifecycle import Status, StatusReason
from workers.messages import Bell, publisher_configuration

ROOT = Path(__file__).parents[2]
SHORT = {"poll_seconds": 0.2, "beat_seconds": 0.3, "lease_seconds": 3.0, "fence_seconds": 2.0, "report_seconds": 0.1}


def spec(*, seed: int = 0, steps: int = 300, width: int = 8, backend: str = "auto") -> dict[str, Any]:
    """Return a small approximation as JSON values; those of the written back end are claimed several at a time."""
    evaluate_every = max(100, steps // 1000)
    return {
        "type": "approximation",
        "target": {"kind": "sine-sum"},
        "dataset": {"kind": "sampled", "train_size": 64, "validation_size": 16, "test_size": 64},
        "architecture": {"kind": "mlp", "width": width, "depth": 1},
        "training": {"kind": "gradient", "steps": steps, "batch_size": 16, "evaluate_every": evaluate_every},
        "seed": seed,
        "backend": backend,
    }


LONG = 50_000_000  # steps that no test waits for
SELDOM_SECONDS = 3600.0  # between polls: such a worker looks only when it is rung


class Laboratory:
    """A database with experiments in it; workers are started on it by `worker`."""

    def __init__(self, database_url: str, broker_url: str, folder: Path) -> None:
        load()
        self.database_url, self.broker_url, self.folder = database_url, broker_url, folder
        self.database = Database(database_url)
        self.workers: list[WorkerProcess] = []
        with self.database.write() as session:
            self.project_id = queries.ensure_project(session)
        app = Celery("laboratory", set_as_current=False)
        app.conf.update({**publisher_configuration(), "broker_url": broker_url})
        self.bell = Bell(app)

    def submit(self, *specs: dict[str, Any], **options: Any) -> list[str]:
        """Queue experiments, without a ring; return their ids."""
        with self.database.write() as session:
            return [
                submissions.submit(
                    session,
                    NewExperiment(spec=decode(each), **options),
                    project_id=self.project_id,
                    now=datetime.now(UTC),
                )
                for each in specs
            ]

    def submit_and_ring(self, *specs: dict[str, Any], **options: Any) -> list[str]:
        """Queue experiments and ring the training workers; return their ids."""
        ids = self.submit(*specs, **options)
        self.bell.ring("cpu")
        return ids

    def cancel(self, experiment_id: str) -> None:
        """Ask for the end of an experiment, as the API does."""
        with self.database.write() as session:
            reason = StatusReason.CANCELLED_BY_CLIENT
            results.cancel(session, self.project_id, experiment_id, datetime.now(UTC), reason)

    def worker(self, consumed: str = "cpu", *, ready: bool = True, **settings: float | str) -> "WorkerProcess":
        """Start a worker with settings by their field names; return it with its runner warm, unless not `ready`."""
        worker = WorkerProcess(self, consumed, settings)
        self.workers.append(worker)
        if ready:
            worker.await_ready()
        return worker

    def pair(self) -> None:
        """Start workers until two are alive and warm."""
        alive = [worker for worker in self.workers if worker.process.poll() is None]
        for worker in [*alive, *(self.worker(ready=False) for _ in range(2 - len(alive)))]:
            worker.await_ready()

    def owner(self, experiment_id: str) -> "WorkerProcess":
        """Return the worker that has the experiment, or had it last."""
        pid = int(self.attempts(experiment_id)[-1].worker.rpartition("-")[2])
        (worker,) = (each for each in self.workers if each.process.pid == pid)
        return worker

    def view(self, experiment_id: str) -> ExperimentView:
        """Return the experiment as it is now."""
        with self.database.read() as session:
            view = queries.experiment(session, self.project_id, experiment_id)
        assert view is not None
        return view

    def attempts(self, experiment_id: str) -> Sequence[AttemptView]:
        """Return the attempts, oldest first."""
        with self.database.read() as session:
            return sorted(queries.attempts_of(session, experiment_id), key=lambda attempt: attempt.fence)

    def events(self, experiment_id: str) -> list[str]:
        """Return the kinds of the events in order."""
        with self.database.read() as session:
            return [event.kind for event in queries.events_of(session, experiment_id)]

    def model(self, experiment_id: str) -> bytes:
        """Return the weights."""
        with self.database.read() as session:
            content = queries.named_content(session, experiment_id, "model.safetensors")
        assert content is not None
        return content

    def wait(self, ids: Sequence[str], status: Status, *, seconds: float = 40) -> list[ExperimentView]:
        """Wait until all experiments have the status; return them."""
        until(lambda: all(self.view(each).status is status for each in ids), lambda: self.describe(ids), seconds)
        return [self.view(each) for each in ids]

    def wait_for_progress(self, experiment_id: str) -> None:
        """Wait until the experiment has reported steps done."""
        until(
            lambda: (found := self.view(experiment_id).progress) is not None and found.completed > 0,
            lambda: self.describe([experiment_id]),
        )

    def describe(self, ids: Sequence[str]) -> str:
        """Return what to print when a wait was in vain."""
        views = [self.view(each) for each in ids]
        lines = [f"{view.id} {view.status} {view.status_reason} {view.status_detail}" for view in views[:5]]
        return "\n".join([*lines, *(worker.log_text() for worker in self.workers)])

    def close(self) -> None:
        """End every worker and what it left."""
        for worker in self.workers:
            worker.end()
        self.database.dispose()


class WorkerProcess:
    """A real `celery worker` on a laboratory."""

    def __init__(self, laboratory: Laboratory, queue: str, settings: dict[str, float | str]) -> None:
        given = {"database_url": laboratory.database_url, "broker_url": laboratory.broker_url, **SHORT, **settings}
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("WHYDEEP_")}
        environment = inherited | {f"WHYDEEP_{name.upper()}": str(value) for name, value in given.items()}
        self.queue = queue
        self.log = laboratory.folder / f"worker-{len(laboratory.workers)}.log"
        command = [sys.executable, "-m", "celery", "-A", "workers.messages:celery", "worker", "-Q", queue]
        options = ["-P", "threads", "-c", "1", "--without-gossip", "--without-mingle", "-l", "info"]
        name = ["-n", f"{self.log.stem}@{laboratory.folder.name}"]
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                [*command, *options, *name],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def log_text(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-6_000:]

    def await_ready(self) -> None:
        """Wait until its runner is warm and it listens; an inference worker has no runner before it is asked."""
        self.await_log("ready." if self.queue == "inference" else "runner ready")

    def await_log(self, *phrases: str) -> None:
        """Wait until its log holds one of the phrases."""
        until(lambda: any(each in self.log.read_text(errors="replace") for each in phrases), self.log_text, seconds=60)

    def runners(self) -> list[psutil.Process]:
        """Return its living child processes."""
        return [child for child in self.process.children() if child.status() != psutil.STATUS_ZOMBIE]

    def freeze(self, database: Database) -> None:
        """Stop it in its tracks, though not within a write, which would lock a whole SQLite database."""
        while True:
            self.process.suspend()
            try:
                with database.write():
                    return
            except OperationalError:
                self.process.resume()
                time.sleep(0.01)

    def end(self) -> None:
        """Kill it, whatever it does, and its runners."""
        if self.process.poll() is None:
            runners = self.runners()
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except psutil.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)
            for runner in runners:
                if runner.is_running():
                    runner.kill()


def until(reached: Callable[[], bool], describe: Callable[[], str], seconds: float = 30) -> None:
    """Wait until something is so; fail with a description after the time."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)
