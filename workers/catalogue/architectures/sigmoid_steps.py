"""A staircase of steep sigmoids."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from workers.catalogue.domains import LARGEST_COORDINATE
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.stacks import CurveNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import State


@architectures.register(
    "sigmoid-steps", source="Cybenko 1989, doi:10.1007/BF02551274; as drawn in Nielsen 2015, chapter 4"
)
@dataclass(frozen=True, kw_only=True)
class SigmoidSteps(CurveNetwork):
    """One hidden layer written down, not trained: a Riemann sum of smooth steps.

    [low, high] is cut into as many equal intervals as there are heights; on each the network is near that
    height. A hidden unit sits at every boundary where the height changes by d and adds d sigmoid(w (x - b)),
    where w = sharpness / interval length. It can be trained from there.
    """

    heights: tuple[float, ...] = parameter(
        (0.0, 1.0),
        "value on each interval, from left to right",
        min_items=2,
        max_items=65_536,
        minimum=-1e6,
        maximum=1e6,
    )
    low: float = parameter(-1.0, "left end", minimum=-LARGEST_COORDINATE, maximum=LARGEST_COORDINATE)
    high: float = parameter(1.0, "right end", minimum=-LARGEST_COORDINATE, maximum=LARGEST_COORDINATE)
    sharpness: float = parameter(
        100.0, "slope of the sigmoids, per interval length", exclusive_minimum=0.0, maximum=1e9
    )

    def problems(self) -> Iterable[Problem]:
        """Yield ends out of order."""
        if not self.low < self.high:
            yield Problem(path=("high",), code="range", detail=f"must be greater than low = {self.low:g}")

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return one hidden layer with a unit per boundary between intervals."""
        return DenseStack(sizes=(inputs, len(self.heights) - 1, outputs), activation="sigmoid")

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the written weights; the seed has no part in them."""
        import numpy as np

        boundaries = np.linspace(self.low, self.high, len(self.heights) + 1)[1:-1]
        slope = self.sharpness * len(self.heights) / (self.high - self.low)
        return {
            "layers.0.weight": np.full((len(boundaries), 1), slope),
            "layers.0.bias": -slope * boundaries,
            "layers.1.weight": np.array([[right - left for left, right in pairwise(self.heights)]]),
            "layers.1.bias": np.array([self.heights[0]]),
        }
