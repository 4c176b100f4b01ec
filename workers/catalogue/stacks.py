"""Networks that are plain stacks of dense layers."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Network
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, DenseStack, Task

if TYPE_CHECKING:
    from torch.nn import Module


class StackNetwork(Network):
    """A network that is known by its layers. Abstract: an architecture says which, and how they start."""

    @abstractmethod
    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the layers."""

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of weights and biases."""
        return self.stack(inputs, outputs).parameter_count

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return the layers as a torch module."""
        from workers.engine.layers import DenseNetwork

        return DenseNetwork(self.stack(inputs, outputs))


class CurveNetwork(StackNetwork):
    """A stack that is written down for one number to one number. Abstract."""

    constructed = True

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield other data than a regression of one output on one input."""
        if (sizes.inputs, sizes.outputs) != (1, 1) or task is not Task.REGRESSION:
            detail = f"maps 1 input to 1 output; the data have {sizes.inputs} and {sizes.outputs}"
            yield Problem(detail=detail)
