"""The square as a deep relu network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.stacks import CurveNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import State


@architectures.register("yarotsky-square", source="Yarotsky 2017, arXiv:1610.01145, proposition 2")
@dataclass(frozen=True, kw_only=True)
class YarotskySquare(CurveNetwork):
    """x**2 on [0, 1] up to 4**-(depth+1), written down, not trained.

    f(x) = x - sum over s from 1 to depth of g_s(x) / 4**s, where g_s is the tent map 2 relu(x) - 4 relu(x - 1/2)
    composed s times. It is the linear interpolant of x**2 at the multiples of 2**-depth, so its error is largest
    midway between them. A hidden layer has the two units of the tent and a third that carries the sum so far,
    which is never negative on [0, 1]; in the first layer the tent's own unit is that sum: 3 depth - 1 units. All
    weights are powers of two. Outside [0, 1] it is no square: 0 on the left, a straight line on the right. It
    can be trained from there.
    """

    # 4**-26 is the rounding of float64 at 1.
    depth: int = parameter(4, "hidden layers: terms of the sum", minimum=1, maximum=25)

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return a hidden layer of two units and others of three."""
        return DenseStack(sizes=(inputs, 2, *(3,) * (self.depth - 1), outputs), activation="relu")

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the written weights; the seed has no part in them."""
        import numpy as np

        state: State = {"layers.0.weight": np.ones((2, 1)), "layers.0.bias": np.array([0.0, -0.5])}
        tent, carried = np.array([2.0, -4.0]), np.array([1.0, 0.0])  # how they are read from the units before
        for layer in range(1, self.depth):
            total = carried - tent / 4.0**layer
            state[f"layers.{layer}.weight"] = np.stack([tent, tent, total])
            state[f"layers.{layer}.bias"] = np.array([0.0, -0.5, 0.0])
            tent, carried = np.array([2.0, -4.0, 0.0]), np.array([0.0, 0.0, 1.0])
        state[f"layers.{self.depth}.weight"] = (carried - tent / 4.0**self.depth)[None, :]
        state[f"layers.{self.depth}.bias"] = np.zeros(1)
        return state
