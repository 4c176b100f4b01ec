"""A network with disturbed initial weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Architecture, Network, architectures
from workers.catalogue.parameters import REQUIRED, parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, DenseStack, Task

if TYPE_CHECKING:
    from torch.nn import Module

    from workers.catalogue.values import Floats, State


@architectures.register(
    "perturbed", source="Goodfellow, Vinyals and Saxe 2015, arXiv:1412.6544, on training from near a known solution"
)
@dataclass(frozen=True, kw_only=True)
class Perturbed(Network):
    """Another network whose initial weights are moved by normal noise: training starts near a known solution.

    To each entry of an array of weights or biases it adds `sd` times the root of the array's mean square times a
    standard normal number; arrays of zeros stay. From the weights of a constructed network it shows whether training
    would keep, or find again, what it does not find from a random start.
    """

    initial = ("sd",)

    network: Architecture = parameter(REQUIRED, "whose weights are moved", example={"kind": "sawtooth"})
    sd: float = parameter(
        0.01, "standard deviation of the noise, as a part of an array's root mean square", minimum=0.0, maximum=100.0
    )

    def problems(self) -> Iterable[Problem]:
        """Yield a model without initial weights."""
        if not isinstance(self.network, Network):
            detail = f"{self.network.kind} has no initial weights: use a network that gradients train"
            yield Problem(path=("network",), detail=detail)

    @property
    def moved(self) -> Network:
        """Return the network that is moved."""
        assert isinstance(self.network, Network), "the constructor refuses estimators"
        return self.network

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield why the network cannot serve the data."""
        return (problem.under("network") for problem in self.network.misfits(sizes, task))

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return that of the network."""
        return self.network.parameter_count(inputs, outputs)

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return that of the network."""
        return self.network.numbers_per_sample(inputs, outputs)

    def multiplications_per_sample(self, inputs: int, outputs: int) -> int:
        """Return that of the network."""
        return self.network.multiplications_per_sample(inputs, outputs)

    def stack(self, inputs: int, outputs: int) -> DenseStack | None:
        """Return that of the network."""
        return self.moved.stack(inputs, outputs)

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return that of the network."""
        return self.moved.module(inputs, outputs)

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the network's own initial weights for the seed, moved."""
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.INIT).child("perturbation")
        return {
            name: self._moved(array, stream.child(name).normals(array.shape))
            for name, array in self.moved.initial_state(inputs, outputs, seed).items()
        }

    def _moved(self, array: "Floats", noise: "Floats") -> "Floats":
        import numpy as np

        return np.asarray(array + self.sd * np.sqrt(np.mean(np.square(array))) * noise)
