"""A linear spline as one layer of relu units."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from workers.catalogue.domains import LARGEST_COORDINATE
from workers.catalogue.kinds import architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.stacks import CurveNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import State

MOST_KNOTS = 16_384  # measured: 0.3 s of exact arithmetic
LARGEST_SLOPE = 1e12  # times the largest coordinate it is far from the end of float32
NEAREST = 2.0**-40  # of the range: between nearer knots rounding alone would make slopes

Hinge = tuple[float, float]  # where a unit turns on, and its output weight


@architectures.register("linear-spline", source="Arora, Basu, Mianjy and Mukherjee 2016, arXiv:1611.01491")
@dataclass(frozen=True, kw_only=True)
class LinearSpline(CurveNetwork):
    """The continuous function that is linear between given points, written down as one hidden layer.

    Outside the knots it stays at the first and last value (`outside` constant) or goes on along the first
    and last piece (linear). Every hidden unit is relu(x - knot) or relu(knot - x): units right of the middle
    knot look to the right and those left of it to the left, so that few are on at once. There are
    knots - 1 units, and 2 more for constant ends.

    Output weights are found in exact arithmetic, each making up for the rounding of those before it, so at
    every knot the written function is within one rounding of one unit's term of the value given there.
    Evaluation adds the rounding of a sum over all units that are on. For values that go up and down from knot
    to knot its terms grow as the square of the number of knots: float32 is lost on a thousand of them. It can
    be trained from there.
    """

    positions: tuple[float, ...] = parameter(
        (-1.0, 0.0, 1.0),
        "knots, in ascending order",
        min_items=2,
        max_items=MOST_KNOTS,
        minimum=-LARGEST_COORDINATE,
        maximum=LARGEST_COORDINATE,
    )
    values: tuple[float, ...] = parameter(
        (1.0, 0.0, 1.0), "value at each knot", min_items=2, max_items=MOST_KNOTS, minimum=-1e9, maximum=1e9
    )
    outside: Literal["constant", "linear"] = parameter("constant", "how it goes on left and right of the knots")

    def problems(self) -> Iterable[Problem]:
        """Yield lists of unequal length, or the first knots that are out of order or too near to each other."""
        if len(self.positions) != len(self.values):
            detail = f"must have one value for each of the {len(self.positions)} positions; got {len(self.values)}"
            yield Problem(path=("values",), code="length", detail=detail)
            return
        closest = NEAREST * (max(self.positions) - min(self.positions))
        pieces = zip(pairwise(self.positions), pairwise(self.values), strict=True)
        for index, ((left, right), (start, stop)) in enumerate(pieces, start=1):
            least = max(closest, abs(stop - start) / LARGEST_SLOPE)
            if not left < right or right - left < least:
                detail = f"must be greater than the position before, {left:g}, by {least:g} or more; got {right:g}"
                yield Problem(path=("positions", index), code="range", detail=detail)
                return

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return one hidden layer with a unit per piece, and one per constant end."""
        units = len(self.positions) - 1 + (2 if self.outside == "constant" else 0)
        return DenseStack(sizes=(inputs, units, outputs), activation="relu")

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the written weights; the seed has no part in them."""
        import numpy as np

        middle = len(self.positions) // 2
        leftward = self._hinges(self.positions[middle::-1], self.values[middle::-1])
        rightward = self._hinges(self.positions[middle:], self.values[middle:])
        directions = np.repeat([-1.0, 1.0], [len(leftward), len(rightward)])
        knots, weights = np.array(leftward + rightward).T
        return {
            "layers.0.weight": directions[:, None],
            "layers.0.bias": -directions * knots,
            "layers.1.weight": weights[None, :],
            "layers.1.bias": np.array([self.values[middle]]),
        }

    def _hinges(self, positions: tuple[float, ...], values: tuple[float, ...]) -> list[Hinge]:
        """Return the units that lead from the first knot to the last, which may lie on either side of it."""
        hinges: list[Hinge] = []
        height, slope = Fraction(values[0]), Fraction(0)  # of the function as it is written so far
        for (start, stop), value in zip(pairwise(positions), values[1:], strict=True):
            distance = abs(Fraction(stop) - Fraction(start))
            weight = float((Fraction(value) - height) / distance - slope)
            hinges.append((start, weight))
            slope += Fraction(weight)
            height += slope * distance
        return [*hinges, (positions[-1], -float(slope))] if self.outside == "constant" else hinges
