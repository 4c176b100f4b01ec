"""The functions and constants that a target expression may use."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64] | np.float64


@dataclass(frozen=True, kw_only=True)
class FunctionInfo:
    """How a function is called and what it gives."""

    arity: int  # exact number of arguments, or the least one of a variadic function
    variadic: bool = False
    description: str

    def accepts(self, arguments: int) -> bool:
        """Tell whether the function can be called with so many arguments."""
        return arguments >= self.arity if self.variadic else arguments == self.arity


def _info(arity: int, description: str, variadic: bool = False) -> FunctionInfo:
    return FunctionInfo(arity=arity, description=description, variadic=variadic)


FUNCTIONS: Mapping[str, FunctionInfo] = MappingProxyType(
    {
        "sin": _info(1, "sine of an angle in radians"),
        "cos": _info(1, "cosine of an angle in radians"),
        "tan": _info(1, "tangent of an angle in radians"),
        "asin": _info(1, "inverse sine, in radians"),
        "acos": _info(1, "inverse cosine, in radians"),
        "atan": _info(1, "inverse tangent, in radians"),
        "atan2": _info(2, "angle of the point (second, first) in radians, in [-pi, pi]"),
        "sinh": _info(1, "hyperbolic sine"),
        "cosh": _info(1, "hyperbolic cosine"),
        "tanh": _info(1, "hyperbolic tangent"),
        "exp": _info(1, "e to the power x"),
        "log": _info(1, "natural logarithm"),
        "log2": _info(1, "logarithm to the base 2"),
        "log10": _info(1, "logarithm to the base 10"),
        "sqrt": _info(1, "square root"),
        "abs": _info(1, "absolute value"),
        "sign": _info(1, "-1, 0 or 1"),
        "floor": _info(1, "largest integer not above x"),
        "ceil": _info(1, "smallest integer not below x"),
        "min": _info(2, "smallest of two or more values", variadic=True),
        "max": _info(2, "largest of two or more values", variadic=True),
        "clip": _info(3, "x limited to [low, high]: min(max(x, low), high)"),
        "step": _info(1, "1 for x >= 0, otherwise 0"),
        "relu": _info(1, "x for x > 0, otherwise 0"),
        "sigmoid": _info(1, "1 / (1 + exp(-x))"),
        "sinc": _info(1, "sin(x) / x, 1 at x = 0"),
        "gauss": _info(1, "exp(-x**2)"),
        "erf": _info(1, "error function"),
        "mod": _info(2, "remainder of x / y with the sign of y, as x % y"),
        "pow": _info(2, "x to any power y; not a number for a negative x and a fractional y"),
    }
)

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e, "tau": math.tau})


@cache
def implementations() -> "Mapping[str, Callable[..., Values]]":
    """Return the numpy function behind each name of FUNCTIONS, each operator and "negative"."""
    import numpy as np

    plain = ["sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt"]
    plain += ["abs", "sign", "floor", "ceil", "clip", "mod", "negative"]
    table: dict[str, Callable[..., Values]] = {name: getattr(np, name) for name in plain}
    return table | {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "%": np.mod,
        "**": np.power,
        "pow": np.power,
        "asin": np.arcsin,
        "acos": np.arccos,
        "atan": np.arctan,
        "atan2": np.arctan2,
        "min": lambda *values: reduce(np.minimum, values),
        "max": lambda *values: reduce(np.maximum, values),
        "step": lambda x: np.heaviside(x, 1.0),
        "relu": lambda x: np.maximum(x, 0.0),
        "sigmoid": lambda x: np.exp(-np.logaddexp(0.0, -x)),  # neither end overflows
        "sinc": lambda x: np.sinc(x / np.pi),
        "gauss": lambda x: np.exp(-x * x),
        "erf": _erf,
    }


def _erf(x: "Values") -> "Values":
    from scipy.special import erf

    values: Values = erf(x)
    return values
