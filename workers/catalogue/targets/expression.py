"""A target given as a formula."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.domains import LARGEST_COORDINATE, interval_problems, natural_order
from workers.catalogue.expressions import ExpressionError, parse
from workers.catalogue.kinds import Target, targets
from workers.catalogue.parameters import REQUIRED, parameter
from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@targets.register("expression", source="whydeep: a formula in declared variables, read by a parser that runs no code")
@dataclass(frozen=True, kw_only=True)
class ExpressionTarget(Target):
    """A formula in up to 16 variables, such as sin(2*pi*x) or max(x1, x2)**2.

    Operators are + - * / % ** (with a number as exponent); functions such as sin, exp, tanh, sqrt, abs,
    min, max, step and relu; constants pi and e. The input columns stand in the natural order of the
    variables' names: x, y, z; x2 before x10. A formula that is not finite somewhere in the domain is
    refused when the samples are drawn.
    """

    expression: str = parameter(REQUIRED, "the formula", max_length=1000, example="sin(2*pi*x)")
    domain: dict[str, tuple[float, float]] = parameter(
        REQUIRED,
        "variable to [low, high]",
        min_items=1,
        max_items=16,
        minimum=-LARGEST_COORDINATE,
        maximum=LARGEST_COORDINATE,
        example={"x": [-1, 1]},
    )

    def problems(self) -> Iterable[Problem]:
        """Yield empty intervals and what is wrong with the formula, with its column."""
        yield from interval_problems(self.domain.items(), "domain")
        try:
            parse(self.expression, tuple(self.box))
        except ExpressionError as error:
            yield Problem(path=("expression",), code="expression", detail=str(error))

    @property
    def box(self) -> dict[str, tuple[float, float]]:
        """Return the domain, variables in natural order."""
        return natural_order(self.domain)

    def function(self, seed: int) -> "Callable[[Floats], Floats]":
        """Return the formula as a function (n, d) to (n, 1); the seed has no part in it."""
        names = tuple(self.box)
        formula = parse(self.expression, names)

        def evaluate(x: "Floats") -> "Floats":
            return formula.evaluate({name: x[:, column] for column, name in enumerate(names)})[:, None]

        return evaluate
