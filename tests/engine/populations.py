"""Small specs, a reporter that remembers, and runs of populations for the engine's tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workers.engine.population import Job, run_population
from workers.experiments.codec import decode
from workers.experiments.lifecycle import StatusReason
from workers.experiments.measurement import Curve, Measurement
from workers.experiments.spec import ExperimentSpec

DATA = {"kind": "sampled", "train_size": 50, "validation_size": 16, "test_size": 64}
TRAINING = {"kind": "gradient", "steps": 60, "batch_size": 15, "evaluate_every": 20}
NETWORK = {"kind": "mlp", "width": 17, "activation": "tanh"}


def spec(
    seed: int = 0,
    *,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    **more: Any,
) -> ExperimentSpec:
    """Return a small approximation; `network`, `training` and `data` change single fields."""
    json = {
        "type": "approximation",
        "target": "sine-sum",
        "dataset": {**DATA, **(data or {})},
        "architecture": {**NETWORK, **(network or {})},
        "training": {**TRAINING, **(training or {})},
        "seed": seed,
    }
    return decode({name: value for name, value in (json | more).items() if value is not None})


class Recorder:
    """Remembers what is said; `cancels` and `stops` look at it and decide what to give up."""

    def __init__(
        self,
        cancels: Callable[["Recorder"], frozenset[str]] = lambda heard: frozenset(),
        stops: Callable[["Recorder"], bool] = lambda heard: False,
    ) -> None:
        self._cancels, self._stops = cancels, stops
        self.finished: dict[str, Measurement] = {}
        self.failed: dict[str, tuple[StatusReason, str]] = {}
        self.gone: list[str] = []
        self.points: dict[tuple[str, str], list[int]] = {}
        self.completed: dict[str, int] = {}
        self.asked = 0

    def progress(
        self, job_id: str, *, phase: str, completed: int, total: int, unit: str, curves: Sequence[Curve]
    ) -> None:
        self.completed[job_id] = completed
        for curve in curves:
            self.points.setdefault((job_id, curve.name), []).extend(curve.steps)

    def finish(self, job_id: str, measurement: Measurement) -> None:
        assert job_id not in self.last_words
        self.finished[job_id] = measurement

    def fail(self, job_id: str, reason: StatusReason, detail: str) -> None:
        assert job_id not in self.last_words
        self.failed[job_id] = reason, detail

    def cancelled(self, job_id: str) -> None:
        assert job_id not in self.last_words
        self.gone.append(job_id)

    def stopping(self) -> bool:
        return self._stops(self)

    def cancel_requested(self) -> frozenset[str]:
        self.asked += 1
        return self._cancels(self)

    @property
    def last_words(self) -> set[str]:
        return {*self.finished, *self.failed, *self.gone}


def run(specs: Mapping[str, ExperimentSpec], recorder: Recorder | None = None) -> Recorder:
    """Run a population and return what was said about it."""
    recorder = recorder or Recorder()
    run_population([Job(id=name, spec=spec) for name, spec in specs.items()], recorder, report_seconds=0.0)
    return recorder


def alone(spec: ExperimentSpec) -> Measurement:
    """Run one experiment by itself."""
    recorder = run({"alone": spec})
    assert not recorder.failed, recorder.failed
    return recorder.finished["alone"]


def curve(measurement: Measurement, name: str) -> Curve:
    """Return a curve by its name."""
    return next(curve for curve in measurement.curves if curve.name == name)


def content(measurement: Measurement, name: str) -> bytes:
    """Return an artifact's bytes by its name."""
    return next(artifact.content for artifact in measurement.artifacts if artifact.name == name)
