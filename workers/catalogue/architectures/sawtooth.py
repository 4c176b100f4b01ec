"""The sawtooth as a deep relu network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.stacks import CurveNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import State


@architectures.register("sawtooth", source="Telgarsky 2016, arXiv:1602.04485; Telgarsky 2015, arXiv:1509.08101")
@dataclass(frozen=True, kw_only=True)
class SawtoothNetwork(CurveNetwork):
    """The tent map 2 relu(x) - 4 relu(x - 1/2) composed `depth` times, written down, not trained.

    Each hidden layer has 2 units; the sum that ends a tent is folded into the layer after it. On [0, 1] it has
    2**(depth-1) teeth in 2**depth pieces and equals the target `sawtooth` of the same depth: all weights are
    powers of two, so not even rounding parts them. Left of 0 it is 0; right of 1 it is 0, at depth 1 it goes on
    falling. One hidden layer needs 2**depth units for the same, as `linear-spline` writes them. It can be
    trained from there.
    """

    # The target's own bound: 2**44 teeth leave 8 bits of the 53 to tell the position inside a tooth.
    depth: int = parameter(3, "hidden layers: how often the tent map is composed", minimum=1, maximum=45)

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the hidden layers of two units each."""
        return DenseStack(sizes=(inputs, *(2,) * self.depth, outputs), activation="relu")

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the written weights; the seed has no part in them."""
        import numpy as np

        state: State = {}
        reading = np.array([[1.0]])  # how a tent reads the layer before
        for layer in range(self.depth):
            state[f"layers.{layer}.weight"] = np.repeat(reading, 2, axis=0)
            state[f"layers.{layer}.bias"] = np.array([0.0, -0.5])
            reading = np.array([[2.0, -4.0]])
        state[f"layers.{self.depth}.weight"] = reading
        state[f"layers.{self.depth}.bias"] = np.zeros(1)
        return state
