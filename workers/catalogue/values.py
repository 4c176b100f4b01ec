"""Values that pass between components and the engine: samples, splits, subjects, readings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workers.catalogue.kinds import Architecture, Loss

    Floats = NDArray[np.float64]
    State = dict[str, NDArray[Any]]


class Task(StrEnum):
    """What the outputs mean."""

    REGRESSION = "regression"  # outputs are real values
    CLASSIFICATION = "classification"  # outputs are one-hot rows, one column per class


@dataclass(frozen=True, kw_only=True)
class DataSizes:
    """Numbers of inputs d, outputs m and samples per part; known without drawing the data."""

    inputs: int
    outputs: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Inputs (n, d) and outputs (n, m), float64, in the units of the data."""

    inputs: "Floats"
    outputs: "Floats"


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Affine scaling: the network sees (x - input_mean) / input_scale and answers (y - output_mean) / output_scale."""

    input_mean: "Floats"  # (d,)
    input_scale: "Floats"  # (d,)
    output_mean: "Floats"  # (m,)
    output_scale: "Floats"  # (m,)


@dataclass(frozen=True, kw_only=True)
class Split:
    """One draw of a data set."""

    train: Samples
    validation: Samples
    test: Samples
    task: Task
    scaling: Scaling
    indices: "Mapping[str, NDArray[np.int64]]" = field(default_factory=dict)  # of a table: rows of each part


@dataclass(frozen=True, kw_only=True)
class DenseStack:
    """Fully connected layers: sizes (inputs, hidden..., outputs), the last layer linear.

    With `residual`, a hidden layer whose input and output sizes agree adds its input to its output.
    State names are layers.<i>.weight (out, in) and, with bias, layers.<i>.bias (out,).
    """

    sizes: tuple[int, ...]
    activation: str
    bias: bool = True
    residual: bool = False

    @property
    def parameter_count(self) -> int:
        """Return the number of weights and biases."""
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return sum(fan_in * fan_out + (fan_out if self.bias else 0) for fan_in, fan_out in pairs)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a probe looks at: a model with everything that is known about its problem.

    `predict` maps (n, d) to (n, m) in the units of the data, float64. `truth` is the target function
    without noise, or None where only samples exist. `box` is the target's domain, one (low, high) per input.
    `curves` maps a metric's name to its (steps, values). `architecture`, `inputs`, `outputs`, `dtype`, `scaling`
    and the float64 `state` are the model itself, which a probe may build again; `loss` is what was minimised.
    """

    predict: "Callable[[Floats], Floats]"
    truth: "Callable[[Floats], Floats] | None"
    box: tuple[tuple[float, float], ...] | None
    split: Split
    stack: DenseStack | None
    state: "State"
    curves: "Mapping[str, tuple[list[int], list[float]]]"
    seed: int
    architecture: "Architecture"
    inputs: int
    outputs: int
    dtype: str
    scaling: Scaling
    loss: "Loss"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a probe or simulation measured: named scalars, and named arrays kept as an artifact."""

    metrics: Mapping[str, float]
    arrays: "Mapping[str, NDArray[Any]]" = field(default_factory=dict)
