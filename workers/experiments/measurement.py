"""What comes out of an experiment: summaries, curves and artifacts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from workers.experiments.lifecycle import Outcome

MODEL, PREDICTIONS, MANIFEST = "model.safetensors", "predictions.npz", "manifest.json"  # names of artifacts


@dataclass(frozen=True, kw_only=True)
class MetricSummary:
    """A metric over its steps. A value that is NaN or infinite is kept as such and takes no part in min, max, mean."""

    first: float
    last: float
    min: float
    max: float
    mean: float
    argmin_step: int | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A metric over steps."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file that an experiment leaves."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Everything that a succeeded experiment leaves; each curve's summary follows from it."""

    outcome: Outcome = Outcome.COMPLETED
    stopped_at_step: int | None = None  # the step of early stopping or divergence
    curves: tuple[Curve, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    fingerprint: Mapping[str, Any] = field(default_factory=dict)


def summarise(curve: Curve) -> MetricSummary:
    """Return the summary of a curve with at least one point."""
    finite = [(value, step) for value, step in zip(curve.values, curve.steps, strict=True) if math.isfinite(value)]
    values = [value for value, _ in finite]
    return MetricSummary(
        first=curve.values[0],
        last=curve.values[-1],
        min=min(values, default=math.nan),
        max=max(values, default=math.nan),
        mean=_mean(values),
        argmin_step=min(finite)[1] if finite else None,
        n=len(curve.values),
    )


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values) if values else math.nan
    except OverflowError:  # a diverging run passes 1e308 before it reaches infinity
        return math.fsum(value / len(values) for value in values)


def as_curves(points: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> tuple[Curve, ...]:
    """Return the curves of names with their steps and values."""
    return tuple(
        Curve(name=name, steps=tuple(map(int, steps)), values=tuple(map(float, values)))
        for name, (steps, values) in points.items()
    )


def to_message(measurement: Measurement) -> tuple[dict[str, Any], list[bytes]]:
    """Return a measurement as JSON values, NaN and infinity among them, and the contents of its artifacts."""
    said = {
        "outcome": str(measurement.outcome),
        "stopped_at_step": measurement.stopped_at_step,
        "curves": [asdict(curve) for curve in measurement.curves],
        "fingerprint": dict(measurement.fingerprint),
        "artifacts": [{"name": each.name, "media_type": each.media_type} for each in measurement.artifacts],
    }
    return said, [artifact.content for artifact in measurement.artifacts]


def from_message(said: Mapping[str, Any], contents: Sequence[bytes]) -> Measurement:
    """Return the measurement of a message; raise KeyError, TypeError or ValueError for a malformed one."""
    artifacts = zip(said["artifacts"], contents, strict=True)
    return Measurement(
        outcome=Outcome(said["outcome"]),
        stopped_at_step=said["stopped_at_step"],
        curves=as_curves({curve["name"]: (curve["steps"], curve["values"]) for curve in said["curves"]}),
        artifacts=tuple(
            Artifact(name=each["name"], media_type=each["media_type"], content=content) for each, content in artifacts
        ),
        fingerprint=said["fingerprint"],
    )
