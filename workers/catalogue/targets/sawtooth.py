"""The sawtooth that separates deep from shallow networks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@targets.register("sawtooth", source="Telgarsky 2016, arXiv:1602.04485")
@dataclass(frozen=True, kw_only=True)
class Sawtooth(Target):
    """The tent map m(x) = min(2x, 2 - 2x) composed `depth` times, on [0, 1].

    It has 2**(depth-1) teeth. A relu network of `depth` hidden layers and 2 units each computes it
    exactly; one of few layers needs exponentially many units.
    """

    # 2**44 teeth leave 8 bits of the 53 to tell the position inside a tooth.
    depth: int = parameter(3, "how often the tent map is composed", minimum=1, maximum=45)

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the unit interval."""
        return {"x": (0.0, 1.0)}

    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the sawtooth as a function (n, 1) to (n, 1); the seed has no part in it."""
        import numpy as np

        teeth = 2.0 ** (self.depth - 1)

        def evaluate(x: "Floats") -> "Floats":
            # m composed k times is m of the fractional part of 2**(k-1) x, exact in binary arithmetic.
            position = np.mod(teeth * x, 1.0)
            return np.asarray(np.minimum(2 * position, 2 - 2 * position))

        return evaluate
