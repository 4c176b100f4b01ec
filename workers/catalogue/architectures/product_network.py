"""The product of the inputs by layers that multiply groups of numbers."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.stacks import StackNetwork
from workers.catalogue.taylor import taylor_coefficients
from workers.catalogue.values import DataSizes, DenseStack, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

USUAL_OFFSET = {"sigmoid": 1.0, "tanh": 1.0, "sine": 1.0, "square": 1.0}  # where no low derivative vanishes
SMALLEST_DERIVATIVE = 1e-3  # below it a group divides rounding errors by almost nothing
VANISHING = 1e-12  # a derivative of this size is rounding
MOST_UNITS = 65_536  # of one layer


@architectures.register(
    "product-network",
    source="Lin, Tegmark and Rolnick 2017, arXiv:1608.08225; Rolnick and Tegmark 2018, arXiv:1705.05502, theorem 5.1",
)
@dataclass(frozen=True, kw_only=True)
class ProductNetwork(StackNetwork):
    """The product of the inputs, written down, not trained: each layer multiplies groups of up to `group` numbers.

    A group of m numbers has one unit for each choice of m signs, s(b + l (+-x1 +- ... +- xm)), read out with the
    product of the signs: all terms of the Taylor series below x1 x2 ... xm cancel, and dividing by 2**m m! c_m l**m
    leaves the product up to a relative error of order l**2. So n numbers take 2**n units in one hidden layer
    (group >= n) and at most 4 n in ceil(log2 n) layers of gates (group 2); a number without a partner passes by
    two units. With `halved` one of each pair of opposite choices is left out, which is right where the activation
    has no terms of the other parity below m, as tanh at 0 for an odd m. Divided `at-ones`, a group is exact where
    all its numbers are 1 instead: that needs no derivatives, so it takes relu, whose gate |u + v| - |u - v| is no
    product at any l. It can be trained from there.
    """

    constructed = True

    activation: Literal["softplus", "sigmoid", "tanh", "gelu", "silu", "exp", "sine", "square", "relu"] = parameter(
        "softplus", "nonlinearity of the units"
    )
    group: int = parameter(2, "numbers multiplied at once, at most", minimum=2, maximum=16)
    gate_scale: float | tuple[float, ...] = parameter(
        0.03,
        "l, how far units move: a number, or one per hidden layer",
        exclusive_minimum=0.0,
        maximum=10.0,
        min_items=1,
        max_items=16,
    )
    offset: float | None = parameter(
        None, "b, where units sit; null: 1 for sigmoid, tanh, sine and square, else 0", minimum=-20.0, maximum=20.0
    )
    halved: bool = parameter(False, "leave out one of each pair of opposite signs")
    divided: Literal["by-taylor", "at-ones"] = parameter(
        "by-taylor", "how a group is scaled: by its Taylor coefficient, or to be right where all numbers are 1"
    )

    @property
    def centre(self) -> float:
        """Return b."""
        return USUAL_OFFSET.get(self.activation, 0.0) if self.offset is None else self.offset

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield that it maps two or more numbers to their product, and groups that it cannot multiply."""
        if sizes.inputs < 2 or sizes.outputs != 1 or task is not Task.REGRESSION:
            detail = f"maps 2 or more inputs to 1 output; the data have {sizes.inputs} and {sizes.outputs}"
            yield Problem(detail=detail)
            return
        levels = _levels(sizes.inputs, self.group)
        if isinstance(self.gate_scale, tuple) and len(self.gate_scale) != len(levels):
            detail = f"lists {len(self.gate_scale)} hidden layers; {sizes.inputs} inputs take {len(levels)}"
            yield Problem(path=("gate_scale",), code="length", detail=detail)
        widest = max(sum(len(self._signs(size)) for size in level) for level in levels)
        if widest > MOST_UNITS:
            detail = f"gives a layer of {widest} units, at most {MOST_UNITS}: multiply fewer numbers at once"
            yield Problem(path=("group",), code="range", detail=detail)
        yield from self._problems_of_groups(sorted({size for level in levels for size in level}))

    def _problems_of_groups(self, groups: list[int]) -> Iterator[Problem]:
        """Yield derivatives that vanish where a group divides by them, and others that do not where it is halved."""
        series = taylor_coefficients(self.activation, self.centre, max(groups))
        if series is None:
            yield from self._problems_of_a_kink(max(groups))
            return
        derivatives = [coefficient * math.factorial(k) for k, coefficient in enumerate(series)]
        for size in groups:
            place = f"derivative of {self.activation} at {self.centre:g}"
            if abs(derivatives[size]) < SMALLEST_DERIVATIVE:
                detail = f"derivative {size} is needed, but that {place} is too near 0: choose another offset"
                yield Problem(path=("offset",), code="range", detail=detail)
            wrong = [k for k in range(size - 1, -1, -2) if abs(derivatives[k]) > VANISHING]
            if self.halved and wrong:
                detail = f"a group of {size} cannot be halved: {place}, number {wrong[0]}, does not vanish"
                yield Problem(path=("halved",), detail=detail)

    def _problems_of_a_kink(self, largest: int) -> Iterator[Problem]:
        """Yield what only a Taylor series allows; the signed sum of three relu units is 0 where all numbers are 1."""
        if self.divided == "by-taylor":
            yield Problem(path=("divided",), detail='relu has no Taylor series at its kink: use "at-ones"')
        if self.halved:
            yield Problem(path=("halved",), detail="relu has no Taylor series at its kink: leave it false")
        if self.centre != 0:
            yield Problem(path=("offset",), detail="away from its kink relu is straight: leave it out")
        if largest > 2:
            yield Problem(path=("group",), code="range", detail="must be 2 for relu")

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return a hidden layer per level of groups."""
        hidden = (sum(len(self._signs(size)) for size in level) for level in _levels(inputs, self.group))
        return DenseStack(sizes=(inputs, *hidden, outputs), activation=self.activation)

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the written weights; the seed has no part in them."""
        import numpy as np

        levels = _levels(inputs, self.group)
        scales = self.gate_scale if isinstance(self.gate_scale, tuple) else (self.gate_scale,) * len(levels)
        state: State = {}
        reading: Floats = np.eye(inputs)  # how the numbers of a level are read from the units of the level before
        for layer, (level, scale) in enumerate(zip(levels, scales, strict=True)):
            signs = [np.array(self._signs(size)) for size in level]
            readouts = [
                one.prod(axis=1)[None, :] / self._divisor(size, scale) for size, one in zip(level, signs, strict=True)
            ]
            state[f"layers.{layer}.weight"] = scale * _block_diagonal(signs) @ reading
            state[f"layers.{layer}.bias"] = np.full(sum(map(len, signs)), self.centre)
            reading = _block_diagonal(readouts)
        state[f"layers.{len(levels)}.weight"] = reading
        state[f"layers.{len(levels)}.bias"] = np.zeros(1)
        return state

    def _signs(self, size: int) -> list[tuple[int, ...]]:
        """Return the signs of each unit of a group."""
        return [signs for signs in product((1, -1), repeat=size) if not self.halved or signs[0] == 1]

    def _divisor(self, size: int, scale: float) -> float:
        """Return what the signed sum of a group's units is divided by."""
        units = self._signs(size)
        if self.divided == "by-taylor":
            series = taylor_coefficients(self.activation, self.centre, size)
            assert series is not None, "the spec refuses activations with a kink"
            return len(units) * math.factorial(size) * series[size] * scale**size
        import numpy as np

        from workers.engine.activation_values import activation_values

        signs = np.array(units)
        at_ones = activation_values(self.activation, self.centre + scale * signs.sum(axis=1))
        return float(signs.prod(axis=1) @ at_ones)


def _levels(numbers: int, group: int) -> list[list[int]]:
    """Return the sizes of the groups of each level, as equal as they can be, until one number is left."""
    levels = []
    while numbers > 1:
        groups = -(-numbers // group)
        levels.append([numbers // groups + (index < numbers % groups) for index in range(groups)])
        numbers = groups
    return levels


def _block_diagonal(blocks: "list[Floats]") -> "Floats":
    import numpy as np

    rows, columns = (np.cumsum([0, *(block.shape[axis] for block in blocks)]) for axis in (0, 1))
    found = np.zeros((rows[-1], columns[-1]))
    for index, block in enumerate(blocks):
        found[rows[index] : rows[index + 1], columns[index] : columns[index + 1]] = block
    return found
