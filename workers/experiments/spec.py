"""Specs: frozen descriptions of one experiment, right by construction."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from workers.catalogue.kinds import (
    Architecture,
    Dataset,
    Estimator,
    Loss,
    Network,
    Part,
    Probe,
    Simulation,
    Target,
    Training,
)
from workers.catalogue.losses.cross_entropy import CrossEntropy
from workers.catalogue.losses.mse import MeanSquaredError
from workers.catalogue.parameters import REQUIRED, parameter
from workers.catalogue.problems import Problem
from workers.catalogue.trainings.fit import Fit
from workers.catalogue.trainings.gradient import Gradient
from workers.catalogue.values import DataSizes, Task
from workers.experiments.backends import Device, TrainingBackend, choices

SPEC_VERSION = 1  # raised when an older worker could misread a stored spec; claims filter on it
LARGEST_SEED = 2**63 - 1
LARGEST_STEP = 2**53  # every whole number up to it is a float; stored as int64
PREDICTIONS_LABEL = "predictions"  # a probe's arrays are kept under its label
# Curves that every experiment leaves where they make sense; no probe may give its metrics these names.
ALWAYS_RECORDED = (
    *(f"{part}_{what}" for part in ("train", "validation", "test") for what in ("loss", "accuracy")),
    "test_l2_error",
    "batch_loss",
)


@dataclass(frozen=True, kw_only=True)
class Seeds(Part):
    """Seeds of single purposes; each defaults to the experiment's seed."""

    data: int | None = parameter(None, "seed of the samples", minimum=0, maximum=LARGEST_SEED)
    init: int | None = parameter(None, "seed of the initial weights", minimum=0, maximum=LARGEST_SEED)
    order: int | None = parameter(None, "seed of the minibatch order", minimum=0, maximum=LARGEST_SEED)


@dataclass(frozen=True, kw_only=True)
class Approximation(Part):
    """Evaluate an architecture on a data set: trained, fitted, constructed or merely initialised."""

    type: ClassVar[str] = "approximation"

    target: Target | None = parameter(None, "the function to be learned; null where the data set brings its answers")
    dataset: Dataset = parameter(REQUIRED, "how samples are drawn")
    architecture: Architecture | None = parameter(None, "the family of functions; absent with model_of")
    training: Training | None = parameter(None, "how it becomes a model; null: measured as it starts")
    model_of: str | None = parameter(None, "id of a finished experiment whose model is measured again", max_length=64)
    probes: tuple[Probe, ...] = parameter((), "what is measured beyond the losses", max_items=32)
    seed: int = parameter(0, "the only source of randomness", minimum=0, maximum=LARGEST_SEED)
    seeds: Seeds | None = parameter(None, "seeds of single purposes")
    dtype: Literal["float32", "float64"] = parameter("float32", "precision of the network's arithmetic")
    device: Literal["auto", "cpu", "cuda"] = parameter("auto", "where it runs; auto: cpu")
    backend: Literal["auto", "compiled", "written", "vmap", "loop"] = parameter(
        "auto", "which code trains it; auto: the first that can, by architecture, device and steps"
    )

    def seed_of(self, purpose: Literal["data", "init", "order"]) -> int:
        """Return the seed of one purpose."""
        refined: int | None = getattr(self.seeds, purpose) if self.seeds else None
        return self.seed if refined is None else refined

    @property
    def sizes(self) -> DataSizes:
        """Return the sizes of the data."""
        return self.dataset.sizes(self.target)

    @property
    def loss(self) -> Loss:
        """Return the loss of a gradient training, or the usual one of the task."""
        if isinstance(self.training, Gradient) and self.training.loss is not None:
            return self.training.loss
        return CrossEntropy() if self.dataset.task is Task.CLASSIFICATION else MeanSquaredError()

    @property
    def bytes_per_number(self) -> int:
        """Return the bytes of one number of the network."""
        return 8 if self.dtype == "float64" else 4

    @property
    def device_class(self) -> Device:
        """Return the class of device that runs it; `auto` is the CPU, on every machine alike."""
        return "cuda" if self.device == "cuda" else "cpu"

    @property
    def backends(self) -> tuple[TrainingBackend, ...]:
        """Return the back ends that can train it, the one that `auto` takes first; none without gradient training."""
        if not isinstance(self.architecture, Network) or not isinstance(self.training, Gradient):
            return ()
        return choices(
            self.architecture,
            self.sizes,
            self.training,
            self.loss,
            device=self.device_class,
            bytes_per_number=self.bytes_per_number,
        )

    @classmethod
    def omissions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """Yield that training must be said: an untrained network is no result to get by forgetting a field."""
        if "training" not in given and given.get("model_of") is None:
            detail = 'is required: {"kind": "gradient"}, {"kind": "fit"}, or null to measure the model as it starts'
            yield Problem(path=("training",), code="required", detail=detail)

    def problems(self) -> Iterable[Problem]:
        """Yield what is wrong between the parts."""
        if self.dataset.needs_target and self.target is None:
            yield Problem(path=("target",), code="required", detail=f"the dataset {self.dataset.kind!r} needs a target")
            return
        if not self.dataset.needs_target and self.target is not None:
            yield Problem(
                path=("target",),
                detail=f"the dataset {self.dataset.kind!r} brings its own answers: leave the target out",
            )
            return
        misfits = [problem.under("dataset") for problem in self.dataset.misfits(self.target)]
        if misfits:  # the sizes that every later check reads need not exist
            yield from misfits
            return
        if self.model_of is not None:
            yield from self._problems_of_another_model()
        elif self.architecture is None:
            yield Problem(
                path=("architecture",),
                code="required",
                detail="is required unless model_of names a finished experiment",
            )
        else:
            yield from self._problems_of_training(self.architecture)
            if list(self.architecture.misfits(self.sizes, self.dataset.task)):
                return  # what follows asks for sizes of a network that there is not
            yield from self.problems_of_probes(self.architecture)
        if self.backend != "auto" and self.backend not in self.backends:
            able = " or ".join(f'"{name}"' for name in self.backends)
            remedy = f"use {able}, or leave it out" if able else "without gradient training there is none: leave it out"
            yield Problem(path=("backend",), detail=f'"{self.backend}" cannot train this experiment: {remedy}')
        yield from self._problems_of_names()

    def _problems_of_names(self) -> Iterator[Problem]:
        """Yield probes that want snapshots where there are none, and names that are there twice."""
        stages = isinstance(self.training, Gradient) and self.training.snapshots
        for index, probe in enumerate(self.probes):
            if probe.label == PREDICTIONS_LABEL:
                detail = f'"{probe.label}" names a file that every experiment leaves: choose another'
                yield Problem(path=("probes", index, "label"), detail=detail)
            if probe.at == "snapshots" and not stages:
                yield Problem(path=("probes", index, "at"), detail="there are no snapshots: set training.snapshots")
        names = Counter((*ALWAYS_RECORDED, *(name for probe in self.probes for name in probe.metric_names())))
        for name in (name for name, count in names.items() if count > 1):
            yield Problem(path=("probes",), detail=f"the metric {name!r} is there twice: give its probe a label")

    def _problems_of_another_model(self) -> Iterator[Problem]:
        for name in ("architecture", "training"):
            if getattr(self, name) is not None:
                yield Problem(path=(name,), detail="comes from the experiment named in model_of: leave it out")

    def _problems_of_training(self, architecture: Architecture) -> Iterator[Problem]:
        training = self.training
        for problem in architecture.misfits(self.sizes, self.dataset.task):
            yield problem.under("architecture")
        if isinstance(architecture, Estimator) and not isinstance(training, Fit):
            yield Problem(path=("training",), detail=f'{architecture.kind} is fitted: use {{"kind": "fit"}}')
        elif isinstance(architecture, Network) and isinstance(training, Fit):
            yield Problem(
                path=("training",),
                detail=f'{architecture.kind} is trained by gradients: use {{"kind": "gradient"}} or null',
            )
        if not isinstance(training, Gradient):
            return
        for problem in self.loss.misfits(self.dataset.task):
            yield problem.under("training", "loss")
        if training.batch_size is not None and training.batch_size > self.sizes.train:
            detail = f"must be at most the {self.sizes.train} training samples; null takes all of them"
            yield Problem(path=("training", "batch_size"), code="range", detail=detail)
        if training.early_stopping is not None and self.sizes.validation == 0:
            yield Problem(
                path=("training", "early_stopping"),
                detail="needs validation samples: raise the dataset's validation size",
            )

    def problems_of_probes(self, architecture: Architecture) -> Iterator[Problem]:
        """Yield which probes cannot look at `architecture` on these data."""
        for index, probe in enumerate(self.probes):
            for problem in probe.misfits(self.sizes, self.dataset.task, architecture, self.target):
                yield problem.under("probes", index)


@dataclass(frozen=True, kw_only=True)
class Simulated(Part):
    """Run a seeded numerical measurement that trains nothing."""

    type: ClassVar[str] = "simulation"

    simulation: Simulation = parameter(REQUIRED, "what is simulated")
    seed: int = parameter(0, "the only source of randomness", minimum=0, maximum=LARGEST_SEED)


@dataclass(frozen=True, kw_only=True)
class Recorded(Part):
    """Store a result that a client obtained with code of its own; it counts as unverified."""

    type: ClassVar[str] = "recorded"

    config: dict[str, Any] = parameter(REQUIRED, "whatever describes the run")
    metrics: dict[str, float] = parameter(REQUIRED, "metric name to its last value")
    curves: dict[str, tuple[tuple[float, ...], ...]] | None = parameter(None, "metric name to [steps, values]")
    seed: int = parameter(0, "seed that the client used", minimum=0, maximum=LARGEST_SEED)

    def problems(self) -> Iterable[Problem]:
        """Yield which curves are not a pair of lists of one length."""
        for name, curve in (self.curves or {}).items():
            if len(curve) != 2 or len(curve[0]) != len(curve[1]):
                yield Problem(path=("curves", name), detail="must be [steps, values], two lists of the same length")
            elif any(not step.is_integer() or not 0 <= step <= LARGEST_STEP for step in curve[0]):
                detail = f"steps must be whole numbers from 0 to {LARGEST_STEP}"
                yield Problem(path=("curves", name, 0), detail=detail)


ExperimentSpec = Approximation | Simulated | Recorded
TYPES: dict[str, type[Approximation] | type[Simulated] | type[Recorded]] = {
    cls.type: cls for cls in (Approximation, Simulated, Recorded)
}
