"""The kinds of component a user can ask for: one abstract class with its hooks and one registry each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workers.catalogue.parameters import bounds_of, check, hints_of, parameter
from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.registry import Registry
from workers.catalogue.values import DataSizes, DenseStack, Reading, Samples, Split, Subject, Task

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from workers.catalogue.values import Floats, State


class Part(ABC):  # noqa: B024  (abstract by role: only its dataclasses are built)
    """A frozen group of parameters; its constructor refuses values out of bounds, naming all of them."""

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        found: list[Problem] = []
        for declared in fields(self):  # type: ignore[arg-type]
            value = getattr(self, declared.name)
            found += [
                problem.under(declared.name) for problem in check(hints[declared.name], bounds_of(declared), value)
            ]
        found = found or list(self.problems())
        if found:
            raise InvalidError(found)

    def problems(self) -> Iterable[Problem]:
        """Yield what is wrong between fields that are right one by one."""
        return ()

    @classmethod
    def omissions(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """Yield which fields a client must not leave out although they have a default."""
        return ()


class Component(Part):
    """A part with a name in the catalogue."""

    kind: ClassVar[str]
    source: ClassVar[str]


class Target(Component):
    """The function to be learned."""

    outputs: ClassVar[int] = 1

    @property
    @abstractmethod
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the domain: variable name to (low, high), in the order of the input columns."""

    @abstractmethod
    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the function (n, d) to (n, outputs); a random target draws itself from `seed`."""


class Dataset(Component):
    """How samples are drawn: design, size, noise, split."""

    needs_target: ClassVar[bool]
    task: ClassVar[Task]

    def misfits(self, target: Target | None) -> Iterable[Problem]:
        """Yield why this data set cannot be drawn from the target."""
        return ()

    @abstractmethod
    def sizes(self, target: Target | None) -> DataSizes:
        """Return the sizes that `split` will have."""

    @abstractmethod
    def split(self, target: Target | None, seed: int) -> Split:
        """Draw train, validation and test samples, a pure function of the arguments."""


class Architecture(Component):
    """A family of functions from d inputs to m outputs."""

    @abstractmethod
    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of free parameters (of an estimator: the most it can have)."""

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return how many numbers one sample takes while the model is evaluated, at most."""
        return self.parameter_count(inputs, outputs)

    def multiplications_per_sample(self, inputs: int, outputs: int) -> int:
        """Return how many products of a number and a parameter one sample costs, at most."""
        return self.parameter_count(inputs, outputs)

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield why this architecture cannot serve data of these sizes."""
        return ()


class Network(Architecture):
    """An architecture with a differentiable module: trained by gradients or measured as it starts."""

    constructed: ClassVar[bool] = False  # its initial weights are written down, not drawn
    initial: ClassVar[tuple[str, ...]] = ("initialisation",)  # fields that decide its initial weights alone

    @abstractmethod
    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the initial weights by their torch names, float64."""

    def vmap_matrices(self, inputs: int, outputs: int) -> tuple[int, ...] | None:
        """Return the sizes of all trained matrices if vmap may train populations of it on a CPU, else None.

        An architecture is admitted where tests/engine/test_vmap.py finds equal bits and a gain.
        """
        return None

    @abstractmethod
    def module(self, inputs: int, outputs: int) -> "Module":
        """Return a torch module (n, inputs) to (n, outputs) with the names of `initial_state`."""

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return the inputs and outputs of all layers of a stack; other networks say it themselves."""
        stack = self.stack(inputs, outputs)
        return sum(stack.sizes) if stack is not None else self.parameter_count(inputs, outputs)

    def stack(self, inputs: int, outputs: int) -> DenseStack | None:
        """Return the layers when this is a plain stack of dense layers, else None."""
        return None


class Estimator(Architecture):
    """An architecture that is fitted in closed form or by a greedy or convex algorithm."""

    @abstractmethod
    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return the fitted state, arrays by name; samples are scaled already."""

    @abstractmethod
    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Map (n, d) to (n, m) by a fitted state; for a classification, class probabilities."""


class Schedule(Component):
    """How the learning rate moves during training."""

    @abstractmethod
    def factors(self, steps: "Floats", total: int) -> "Floats":
        """Return the factor on the learning rate at each of `steps` (t,), counted from 0, of `total`."""


class Loss(Component):
    """What is minimised; written with methods of tensors alone, over (..., n, m)."""

    @abstractmethod
    def value(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return the mean loss over the last two axes."""

    @abstractmethod
    def delta(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return d value / d outputs, of the shape of `outputs`."""

    def misfits(self, task: Task) -> Iterable[Problem]:
        """Yield why this loss cannot serve the task."""
        return ()


class Optimizer(Component):
    """An elementwise update rule; the same code serves one network and a stacked population."""

    buffers: ClassVar[tuple[str, ...]] = ()  # names of the per-parameter state, starting at zero
    numeric: ClassVar[tuple[str, ...]]  # fields that may differ between members of one population

    @abstractmethod
    def coefficients(self, steps: "Floats", factors: "Floats") -> "Floats":
        """Return (t, c) float64: the scalars of the update at each of `steps` (t,), counted from 0."""

    @abstractmethod
    def update(
        self, parameters: "Tensor", gradients: "Tensor", buffers: "Sequence[Tensor]", coefficients: "Sequence[Tensor]"
    ) -> None:
        """Change `parameters` and `buffers` in place; each coefficient broadcasts against them.

        `gradients` may be overwritten: a fresh tensor of all parameters costs a pass over the memory.
        Depends on no field named in `numeric`: those arrive by `coefficients`.
        """


class Training(Component):
    """How an architecture becomes a model."""


@dataclass(frozen=True, kw_only=True)
class Probe(Component):
    """Something measured on a model; its numbers become metrics."""

    at: Literal["end", "snapshots"] = parameter("end", "when it measures: once at the end, or at every snapshot")
    label: str | None = parameter(
        None,
        "put before the names of its metrics, to tell two probes of a kind apart",
        max_length=32,
        pattern="[a-z][a-z0-9_]*",
    )

    def named(self, *names: str) -> tuple[str, ...]:
        """Return the names with the label before them."""
        return tuple(f"{self.label}_{name}" if self.label else name for name in names)

    @abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """Return the names of the metrics that `measure` gives."""

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield why this probe cannot look at such an experiment."""
        return ()

    @abstractmethod
    def measure(self, subject: Subject) -> Reading:
        """Measure the model."""


class Simulation(Component):
    """A seeded numerical measurement that trains nothing."""

    @abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """Return the names of the metrics that `run` gives."""

    @abstractmethod
    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Run it; call `progress(completed, total)` now and then."""


targets: Registry[Target] = Registry("targets", "target", Target)
datasets: Registry[Dataset] = Registry("datasets", "dataset", Dataset)
architectures: Registry[Architecture] = Registry("architectures", "architecture", Architecture)
schedules: Registry[Schedule] = Registry("schedules", "schedule", Schedule)
losses: Registry[Loss] = Registry("losses", "loss", Loss, by_name=True)
optimizers: Registry[Optimizer] = Registry("optimizers", "optimizer", Optimizer)
trainings: Registry[Training] = Registry("trainings", "training", Training)
probes: Registry[Probe] = Registry("probes", "probe", Probe)
simulations: Registry[Simulation] = Registry("simulations", "simulation", Simulation)

REGISTRIES: tuple[Registry[Any], ...] = (
    targets,
    datasets,
    architectures,
    trainings,
    optimizers,
    schedules,
    losses,
    probes,
    simulations,
)


@cache
def registry_of(base: type) -> Registry[Any] | None:
    """Return the registry whose components derive from `base`, or None where `base` is a plain part."""
    return next((registry for registry in REGISTRIES if registry.base is base), None)
