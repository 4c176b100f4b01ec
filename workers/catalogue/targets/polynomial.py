"""A random polynomial."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from workers.catalogue.domains import interval_problems, numbered
from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.philox import Stream

ENUMERATED = 4096  # so few exponents are listed and shuffled; among more, repetitions in a draw are rare


@targets.register(
    "polynomial", source="Andoni, Panigrahy, Valiant and Zhang 2014, Learning sparse polynomial functions, SODA"
)
@dataclass(frozen=True, kw_only=True)
class Polynomial(Target):
    """A sum of random monomials in n inputs, drawn from the seed.

    The exponents are drawn without repetition and evenly among all monomials of total degree at most
    `degree`, the constant among them; the coefficients are standard normal, then scaled to a sum of
    squares of 1.
    """

    inputs: int = parameter(2, "n, the number of inputs", minimum=1, maximum=64)
    degree: int = parameter(3, "highest total degree of a monomial", minimum=1, maximum=64)
    monomials: int = parameter(4, "number of terms", minimum=1, maximum=1024)
    domain: tuple[float, float] = parameter((-1.0, 1.0), "[low, high] of every input", minimum=-10, maximum=10)

    def problems(self) -> Iterable[Problem]:
        """Yield an empty domain and more terms than there are."""
        yield from interval_problems([("domain", self.domain)])
        there_are = math.comb(self.inputs + self.degree, self.degree)
        if self.monomials > there_are:
            detail = f"must be at most {there_are}, all monomials in {self.inputs} inputs of degree {self.degree}"
            yield Problem(path=("monomials",), code="range", detail=detail)

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the cube over x1 .. xn."""
        return numbered(self.inputs, self.domain)

    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the polynomial of the seed as a function (n, d) to (n, 1)."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.TARGET)
        exponents = self._exponents(stream.child("exponents"))
        coefficients = stream.child("coefficients").normals(self.monomials)
        coefficients /= np.sqrt(np.sum(coefficients**2))

        def evaluate(x: "Floats") -> "Floats":
            total = np.zeros(len(x))
            for coefficient, powers in zip(coefficients, exponents, strict=True):
                total += coefficient * np.prod(x ** np.array(powers), axis=1)
            return total[:, None]

        return evaluate

    def _exponents(self, stream: "Stream") -> list[tuple[int, ...]]:
        places = self.inputs + self.degree
        if math.comb(places, self.degree) <= ENUMERATED:
            every = list(combinations(range(places), self.inputs))
            return [_powers(every[index]) for index in stream.permutation(len(every))[: self.monomials]]
        found: dict[tuple[int, ...], None] = {}
        draw = 0
        while len(found) < self.monomials:
            bars = sorted(int(place) for place in stream.permutation(places, draw)[: self.inputs])
            found[_powers(tuple(bars))] = None
            draw += 1
        return list(found)


def _powers(bars: tuple[int, ...]) -> tuple[int, ...]:
    """Return the exponents that n bars among n + degree places leave between them: stars and bars."""
    return tuple(bar - before - 1 for bar, before in zip(bars, (-1, *bars[:-1]), strict=True))
