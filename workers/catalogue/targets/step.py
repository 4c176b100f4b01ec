"""A staircase."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.domains import LARGEST_COORDINATE, interval_problems
from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@targets.register("step", source="Heaviside 1893, Electromagnetic Theory I")
@dataclass(frozen=True, kw_only=True)
class Step(Target):
    """Piecewise constant on an interval: heights[i] from positions[i-1] on, up to and without positions[i].

    No continuous function comes closer to it in the largest error than half the highest jump, though the
    mean error can be made as small as one likes: the target on which the norms of a claim part.
    """

    positions: tuple[float, ...] = parameter(
        (0.0,),
        "where it jumps, increasing",
        min_items=1,
        max_items=1024,
        minimum=-LARGEST_COORDINATE,
        maximum=LARGEST_COORDINATE,
    )
    heights: tuple[float, ...] = parameter(
        (0.0, 1.0), "its values, one more than positions", min_items=2, max_items=1025, minimum=-1e6, maximum=1e6
    )
    domain: tuple[float, float] = parameter(
        (-1.0, 1.0), "[low, high] of x", minimum=-LARGEST_COORDINATE, maximum=LARGEST_COORDINATE
    )

    def problems(self) -> Iterable[Problem]:
        """Yield an empty domain, positions out of order or out of it, and a wrong number of heights."""
        yield from interval_problems([("domain", self.domain)])
        if any(left >= right for left, right in zip(self.positions, self.positions[1:], strict=False)):
            yield Problem(path=("positions",), detail="must increase strictly")
        if any(not self.domain[0] < position < self.domain[1] for position in self.positions):
            yield Problem(path=("positions",), code="range", detail="must lie inside the domain")
        if len(self.heights) != len(self.positions) + 1:
            detail = f"must have {len(self.positions) + 1} items, one more than positions; got {len(self.heights)}"
            yield Problem(path=("heights",), code="length", detail=detail)

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the domain of x."""
        return {"x": self.domain}

    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the staircase as a function (n, 1) to (n, 1); the seed has no part in it."""
        import numpy as np

        heights, positions = np.array(self.heights), np.array(self.positions)

        def evaluate(x: "Floats") -> "Floats":
            values: Floats = heights[np.searchsorted(positions, x, side="right")]
            return values

        return evaluate
