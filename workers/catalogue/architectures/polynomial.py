"""Polynomial least squares."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

LARGEST_BASIS = 4096  # terms; the fit takes about samples * terms**2 operations


@architectures.register(
    "polynomial", source="Gauss 1809, Theoria motus, section 179; Mason and Handscomb 2003, chapter 4"
)
@dataclass(frozen=True, kw_only=True)
class PolynomialLeastSquares(Estimator):
    """The polynomial of a total degree with the least squared error on the training set.

    Inputs are mapped to [-1, 1] by the training set's extremes. The Chebyshev basis keeps the fit well
    conditioned to high degrees; the monomial basis shows what happens without. Among several best fits (fewer
    samples than terms) it takes the one with the smallest coefficients.
    """

    degree: int = parameter(5, "highest total degree", minimum=0, maximum=1000)
    basis: Literal["chebyshev", "monomial"] = parameter("chebyshev", "factors of a term, one per input")
    ridge: float = parameter(0.0, "penalty on squared coefficients, per sample", minimum=0.0, maximum=1e6)

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield classes and too many terms."""
        if task is not Task.REGRESSION:
            yield Problem(detail="fits real outputs: use a tree, boosting or a network for classes")
        terms = math.comb(sizes.inputs + self.degree, self.degree)
        if terms > LARGEST_BASIS:
            detail = (
                f"degree {self.degree} in {sizes.inputs} inputs has {terms} terms; at most {LARGEST_BASIS} are fitted"
            )
            yield Problem(path=("degree",), code="range", detail=detail)

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of coefficients."""
        return math.comb(inputs + self.degree, self.degree) * outputs

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return exponents (terms, d), coefficients (terms, m) and the mapped range low, high (d,)."""
        import numpy as np

        low, high = samples.inputs.min(axis=0), samples.inputs.max(axis=0)
        exponents = np.array(list(_exponents(samples.inputs.shape[1], self.degree)))
        terms = self._terms(_unit(samples.inputs, low, high), exponents)
        outputs = samples.outputs
        if self.ridge:
            # Extra rows turn the penalised problem into a plain one without squaring its condition number.
            root = math.sqrt(self.ridge * len(outputs))
            terms = np.concatenate([terms, root * np.eye(terms.shape[1])])
            outputs = np.concatenate([outputs, np.zeros((terms.shape[1], outputs.shape[1]))])
        coefficients = np.linalg.lstsq(terms, outputs, rcond=None)[0]
        return {"exponents": exponents, "coefficients": coefficients, "low": low, "high": high}

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Evaluate the polynomial at (n, d)."""
        terms = self._terms(_unit(inputs, state["low"], state["high"]), state["exponents"])
        values: Floats = terms @ state["coefficients"]
        return values

    def _terms(self, unit: "Floats", exponents: "Floats") -> "Floats":
        """Return the basis (n, terms) at points (n, d) of the cube [-1, 1]."""
        import numpy as np

        factors = [np.ones_like(unit), unit]
        for _ in range(2, self.degree + 1):
            twice = self.basis == "chebyshev"  # T_k+1 = 2 x T_k - T_k-1
            factors.append(2 * unit * factors[-1] - factors[-2] if twice else unit * factors[-1])
        table = np.stack(factors[: self.degree + 1])  # (degree + 1, n, d)
        terms = np.ones((len(unit), len(exponents)))
        for column in range(unit.shape[1]):
            terms *= table[exponents[:, column], :, column].T
        return terms


def _unit(inputs: "Floats", low: "Floats", high: "Floats") -> "Floats":
    import numpy as np

    width = np.where(high > low, high - low, 1.0)
    return np.asarray((2 * inputs - low - high) / width)


def _exponents(inputs: int, degree: int) -> Iterator[tuple[int, ...]]:
    """Yield all exponents of total degree at most `degree`."""
    if inputs == 1:
        yield from ((power,) for power in range(degree + 1))
        return
    for power in range(degree + 1):
        for rest in _exponents(inputs - 1, degree - power):
            yield (power, *rest)
