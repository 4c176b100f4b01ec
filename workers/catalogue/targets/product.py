"""The product of the inputs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.domains import LARGEST_COORDINATE, interval_problems, numbered
from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@targets.register("product", source="Lin, Tegmark and Rolnick 2017, arXiv:1608.08225")
@dataclass(frozen=True, kw_only=True)
class Product(Target):
    """f(x) = x1 x2 ... xn.

    A tree of multiplication gates computes it with about 4n neurons; one hidden layer needs 2**n.
    """

    inputs: int = parameter(2, "n, the number of factors", minimum=1, maximum=64)
    domain: tuple[float, float] = parameter(
        (-1.0, 1.0), "[low, high] of every factor", minimum=-LARGEST_COORDINATE, maximum=LARGEST_COORDINATE
    )

    def problems(self) -> Iterable[Problem]:
        """Yield an empty domain."""
        return interval_problems([("domain", self.domain)])

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the cube over x1 .. xn."""
        return numbered(self.inputs, self.domain)

    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the product as a function (n, d) to (n, 1); the seed has no part in it."""
        return lambda x: x.prod(axis=1, keepdims=True)
