"""The tensor program that trains the members of a chunk."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from workers.catalogue.values import State


class Program(ABC):
    """One training step for several networks of one shape at once.

    `memory` holds what carries over from step to step, each (slots, length): the parameters first, then
    the buffers of the optimizer.
    """

    slots: int
    memory: tuple[Tensor, ...]

    @abstractmethod
    def context(self) -> AbstractContextManager[object]:
        """Return the mode of torch in which `step` runs."""

    @abstractmethod
    def load(self, slot: int, state: "State") -> None:
        """Start a slot from a state."""

    @abstractmethod
    def step(self, inputs: Tensor, targets: Tensor, coefficients: Sequence[Tensor]) -> None:
        """Take one step: inputs (slots, n, d), targets (slots, n, m), each coefficient (slots, 1)."""

    @abstractmethod
    def outputs(self, slot: int, inputs: Tensor) -> Tensor:
        """Map (n, d) to (n, m) by the present weights of a slot."""

    @abstractmethod
    def state(self, slot: int) -> "State":
        """Return a copy of the present weights of a slot, by their torch names."""
