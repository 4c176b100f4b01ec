"""From a model to its measurement: probes, files, and where the numbers come from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Probe
from workers.catalogue.values import Reading, Subject
from workers.engine.artifacts import NPZ, SAFETENSORS, manifest, npz, predictions
from workers.engine.material import Material
from workers.engine.models import Model, save_model
from workers.engine.numerics import fingerprint
from workers.engine.reports import Curves
from workers.engine.subject import subject_of
from workers.experiments.lifecycle import Outcome
from workers.experiments.measurement import MODEL, Artifact, Curve, Measurement, as_curves
from workers.experiments.shape import backend_of, device_of
from workers.experiments.spec import Approximation

if TYPE_CHECKING:
    from workers.catalogue.values import State


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A model at the end of its training or fit, before anything is measured on it beyond its losses.

    `step` is the last one, `model_step` the one whose weights were kept; `snapshots` maps steps to states.
    """

    spec: Approximation
    model: Model
    material: Material
    curves: Curves
    outcome: Outcome = Outcome.COMPLETED
    step: int = 0
    model_step: int = 0
    snapshots: "Mapping[int, State]" = field(default_factory=dict)

    def measure(self, note: Callable[[int, int], None]) -> Measurement:
        """Run the probes and gather the files; `note(completed, total)` is called before each probe."""
        stages = [(step, replace(self.model, state=state)) for step, state in sorted(self.snapshots.items())]
        last = subject_of(self.spec, self.model, self.material.split, self.curves)
        readings = list(self._readings(last, stages, note))
        known = fingerprint(device_of(self.spec), backend_of(self.spec))
        files = [_model_file(MODEL, self.model)]
        files += [_model_file(f"model-{step}.safetensors", model) for step, model in stages]
        files += [predictions(last), *_files_of(readings)]
        files.append(manifest(self.spec, known, dataset_sha256=self.material.digest, model_step=self.model_step))
        return Measurement(
            outcome=self.outcome,
            stopped_at_step=None if self.outcome is Outcome.COMPLETED else self.step,
            curves=(*as_curves(self.curves), *_curves_of(readings)),
            artifacts=tuple(files),
            fingerprint=known,
        )

    def _readings(
        self, last: Subject, stages: list[tuple[int, Model]], note: Callable[[int, int], None]
    ) -> "Iterator[_Taken]":
        early = [(step, subject_of(self.spec, model, self.material.split, self.curves)) for step, model in stages]
        names: set[str] = set()
        for position, probe in enumerate(self.spec.probes):
            name = _file_name(probe, names)
            names.add(name)
            for step, subject in early if probe.at == "snapshots" else [(self.step, last)]:
                note(position, len(self.spec.probes))
                staged = f"{name}-{step}" if probe.at == "snapshots" else name
                yield _Taken(name=staged, step=step, reading=probe.measure(subject))


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """What a probe read at a step, and the name of the file with its arrays."""

    name: str
    step: int
    reading: Reading


def _file_name(probe: Probe, taken: set[str]) -> str:
    name = probe.label or probe.kind
    return name if name not in taken else f"{name}-{probe.kind}"


def _files_of(readings: Iterable[_Taken]) -> Iterator[Artifact]:
    for taken in readings:
        if taken.reading.arrays:
            yield Artifact(name=f"{taken.name}.npz", media_type=NPZ, content=npz(taken.reading.arrays))


def _model_file(name: str, model: Model) -> Artifact:
    return Artifact(name=name, media_type=SAFETENSORS, content=save_model(model))


def _curves_of(readings: Iterable[_Taken]) -> tuple[Curve, ...]:
    """Return one curve per metric, with a point per stage."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for taken in readings:
        for name, value in taken.reading.metrics.items():
            steps, values = found.setdefault(name, ([], []))
            steps.append(taken.step)
            values.append(value)
    return as_curves(found)
