"""A tree of multiplication gates."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.stacks import StackNetwork
from workers.catalogue.values import DataSizes, DenseStack, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

SIGNS = ((1, 1), (-1, -1), (1, -1), (-1, 1))  # of u and v in the four units of a gate
READOUT = (1, 1, -1, -1)
# Where the second derivative is largest, for those whose own is 0 at 0.
USUAL_OFFSET = {"sigmoid": math.log(2 + math.sqrt(3)), "tanh": math.log(2 + math.sqrt(3)) / 2}
SMALLEST_CURVATURE = 1e-3  # below it the gate divides rounding errors by almost nothing


@architectures.register("multiplication-tree", source="Lin, Tegmark and Rolnick 2017, arXiv:1608.08225, eqs. 10-11")
@dataclass(frozen=True, kw_only=True)
class MultiplicationTree(StackNetwork):
    """The product of the inputs by a binary tree of gates, written down, not trained.

    A gate multiplies u and v by four units with activation s around the offset b:
    [s(b+lu+lv) + s(b-lu-lv) - s(b+lu-lv) - s(b-lu+lv)] / (4 s''(b) l**2), where l is `gate_scale`. Its relative error
    is of order l**2 (u**2 + v**2); rounding adds eps / l**2, so the best l is near eps**(1/4): 0.02 in float32,
    1e-4 in float64. With `square` the gate is exact. The n-1 gates are folded into dense layers, ceil(log2 n)
    hidden ones; in a level of odd length the last value is multiplied by 1. It can be trained from there.
    """

    constructed = True

    activation: Literal["softplus", "sigmoid", "tanh", "gelu", "silu", "exp", "square"] = parameter(
        "softplus", "smooth nonlinearity whose second derivative multiplies"
    )
    gate_scale: float = parameter(0.03, "l: how far a gate's units move", exclusive_minimum=0.0, maximum=10.0)
    offset: float | None = parameter(
        None,
        "b: where the units sit; null: 0, or for sigmoid and tanh where they curve most",
        minimum=-20.0,
        maximum=20.0,
    )

    @property
    def centre(self) -> float:
        """Return b."""
        return USUAL_OFFSET.get(self.activation, 0.0) if self.offset is None else self.offset

    def problems(self) -> Iterable[Problem]:
        """Yield an offset at which the activation is straight."""
        if abs(curvature(self.activation, self.centre)) < SMALLEST_CURVATURE:
            detail = f"the second derivative of {self.activation} at {self.centre:g} is too near 0: choose another"
            yield Problem(path=("offset",), code="range", detail=detail)

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield that it maps two or more numbers to their product."""
        if sizes.inputs < 2 or sizes.outputs != 1 or task is not Task.REGRESSION:
            detail = f"maps 2 or more inputs to 1 output; the data have {sizes.inputs} and {sizes.outputs}"
            yield Problem(detail=detail)

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the folded layers: four units per gate and level."""
        return DenseStack(
            sizes=(inputs, *(4 * gates for gates in _levels(inputs)), outputs), activation=self.activation
        )

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the written weights; the seed has no part in them."""
        import numpy as np

        state: State = {}
        values: Floats = np.eye(inputs)  # how the values of a level read the units of the level before
        for level, gates in enumerate(_levels(inputs)):
            pairs, constant = self._gates(gates, len(values))
            state[f"layers.{level}.weight"] = pairs @ values
            state[f"layers.{level}.bias"] = constant
            values = np.asarray(np.kron(np.eye(gates), self._readout()), dtype=np.float64)
        state[f"layers.{len(_levels(inputs))}.weight"] = values
        state[f"layers.{len(_levels(inputs))}.bias"] = np.zeros(1)
        return state

    def _gates(self, gates: int, values: int) -> tuple["Floats", "Floats"]:
        """Return weights (4 gates, values) and biases (4 gates,): units of gate g see values 2g and 2g + 1."""
        import numpy as np

        weights, biases = np.zeros((4 * gates, values)), np.full(4 * gates, self.centre)
        for gate in range(gates):
            for unit, (left, right) in enumerate(SIGNS):
                weights[4 * gate + unit, 2 * gate] = self.gate_scale * left
                if 2 * gate + 1 < values:
                    weights[4 * gate + unit, 2 * gate + 1] = self.gate_scale * right
                else:
                    biases[4 * gate + unit] += self.gate_scale * right  # the missing value is 1
        return weights, biases

    def _readout(self) -> "Floats":
        import numpy as np

        return np.array([READOUT]) / (4 * curvature(self.activation, self.centre) * self.gate_scale**2)


def curvature(activation: str, x: float) -> float:
    """Return the second derivative of the activation at x."""
    sigmoid = 1 / (1 + math.exp(-x))
    slope = sigmoid * (1 - sigmoid)
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    second = {
        "softplus": slope,
        "sigmoid": slope * (1 - 2 * sigmoid),
        "tanh": -2 * math.tanh(x) * (1 - math.tanh(x) ** 2),
        "gelu": density * (2 - x * x),
        "silu": slope * (2 + x * (1 - 2 * sigmoid)),
        "exp": math.exp(x),
        "square": 2.0,
    }
    return second[activation]


def _levels(inputs: int) -> list[int]:
    """Return the gates of each level: half the values, rounded up, until one is left."""
    gates = []
    while inputs > 1:
        inputs = (inputs + 1) // 2
        gates.append(inputs)
    return gates
