"""A sum of sines."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.domains import LARGEST_COORDINATE, interval_problems
from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@targets.register("sine-sum", source="Rahaman et al. 2019, arXiv:1806.08734")
@dataclass(frozen=True, kw_only=True)
class SineSum(Target):
    """f(x) = sum over i of a_i sin(2 pi k_i x + phi_i).

    The target on which spectral bias shows: a network learns its low frequencies k_i first.
    """

    frequencies: tuple[float, ...] = parameter(
        (1.0,), "k_i, cycles per unit length", min_items=1, max_items=256, minimum=0.0, maximum=1e6
    )
    amplitudes: tuple[float, ...] | None = parameter(
        None, "a_i, one per frequency; null: all 1", max_items=256, minimum=-1e6, maximum=1e6
    )
    phases: tuple[float, ...] | None = parameter(
        None, "phi_i in radians, one per frequency; null: all 0", max_items=256, minimum=-1e6, maximum=1e6
    )
    domain: tuple[float, float] = parameter(
        (-1.0, 1.0), "[low, high] of x", minimum=-LARGEST_COORDINATE, maximum=LARGEST_COORDINATE
    )

    def problems(self) -> Iterable[Problem]:
        """Yield lists of the wrong length and an empty domain."""
        yield from interval_problems([("domain", self.domain)])
        for name in ("amplitudes", "phases"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.frequencies):
                detail = f"must have {len(self.frequencies)} items, one per frequency; got {len(given)}"
                yield Problem(path=(name,), code="length", detail=detail)

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the domain of x."""
        return {"x": self.domain}

    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the sum as a function (n, 1) to (n, 1); the seed has no part in it."""
        import numpy as np

        amplitudes = self.amplitudes or (1.0,) * len(self.frequencies)
        phases = self.phases or (0.0,) * len(self.frequencies)

        def evaluate(x: "Floats") -> "Floats":
            # Term by term: a product of matrices would round differently with the number of rows.
            total = np.zeros_like(x)
            for frequency, amplitude, phase in zip(self.frequencies, amplitudes, phases, strict=True):
                total += amplitude * np.sin(2 * math.pi * frequency * x + phase)
            return total

        return evaluate
