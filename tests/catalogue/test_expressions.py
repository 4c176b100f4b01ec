"""Formulas: values known by hand and values of an independent evaluator."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from workers.catalogue.expressions import CONSTANTS, FUNCTIONS, Expression, parse
from workers.catalogue.functions import implementations

NAN = math.nan
# text, then its value at x = -2, 0, 0.5 and 3
VALUES: list[tuple[str, list[float]]] = [
    ("x", [-2, 0, 0.5, 3]),
    ("  +x ", [-2, 0, 0.5, 3]),
    ("7", [7, 7, 7, 7]),
    ("-x**2", [-4, 0, -0.25, -9]),
    ("2-3-x", [1, -1, -1.5, -4]),
    ("12/3/2", [2, 2, 2, 2]),
    ("1 + 2*x**3", [-15, 1, 1.25, 55]),
    ("x**-1", [-0.5, math.inf, 2, 1 / 3]),
    ("2**-2*x", [-0.5, 0, 0.125, 0.75]),
    ("x % 1.5", [1, 0, 0.5, 0]),
    ("mod(x, -2)", [0, 0, -1.5, -1]),
    (".5e1*x", [-10, 0, 2.5, 15]),
    ("pi*x/tau", [-1, 0, 0.25, 1.5]),
    ("log(e)", [1, 1, 1, 1]),
    ("sqrt(x + 1)", [NAN, 1, math.sqrt(1.5), 2]),
    ("log2(x)", [NAN, -math.inf, -1, math.log2(3)]),
    ("log10(100*x)", [NAN, -math.inf, math.log10(50), math.log10(300)]),
    ("abs(x)", [2, 0, 0.5, 3]),
    ("sign(x)", [-1, 0, 1, 1]),
    ("floor(x)", [-2, 0, 0, 3]),
    ("ceil(x)", [-2, 0, 1, 3]),
    ("min(x, 1)", [-2, 0, 0.5, 1]),
    ("max(x, 1, -x)", [2, 1, 1, 3]),
    ("clip(x, -1, 1)", [-1, 0, 0.5, 1]),
    ("step(x)", [0, 1, 1, 1]),
    ("relu(x)", [0, 0, 0.5, 3]),
    ("sigmoid(x*0)", [0.5, 0.5, 0.5, 0.5]),
    ("sigmoid(1000*x)", [0, 0.5, 1, 1]),
    ("sinc(pi*x)", [0, 1, 2 / math.pi, 0]),
    ("gauss(x)", [math.exp(-4), 1, math.exp(-0.25), math.exp(-9)]),
    ("erf(x*0)", [0, 0, 0, 0]),
    ("pow(x, 0.5)", [NAN, 0, math.sqrt(0.5), math.sqrt(3)]),
    ("atan2(x, 0)", [-math.pi / 2, 0, math.pi / 2, math.pi / 2]),
    ("1/x", [-0.5, math.inf, 2, 1 / 3]),
    ("1/0", [math.inf, math.inf, math.inf, math.inf]),
    ("exp(1000*x)", [0, 1, math.exp(500), math.inf]),
]


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_a_formula_has_the_values_known_by_hand(text: str, expected: list[float]) -> None:
    """Catches swapped operators, a postfix order that exchanges operands and Python's division by zero."""
    values = parse(text, ["x"]).evaluate({"x": np.array([-2, 0, 0.5, 3])})
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, rtol=1e-14, atol=1e-16)


def test_several_variables_are_told_apart() -> None:
    columns = {"y": np.array([10.0, 20]), "x": np.array([1.0, 2]), "unused": np.zeros(2)}
    assert parse("x - y/2", ["x", "y", "unused"]).evaluate(columns).tolist() == [-4, -8]


def test_the_result_is_a_copy_of_the_column() -> None:
    column = np.zeros(3)
    parse("x", ["x"]).evaluate({"x": column})[:] = 1
    assert column.tolist() == [0, 0, 0]


def test_expressions_are_equal_when_text_and_variables_are() -> None:
    assert parse("x", ["x"]) == Expression(text="x", variables=("x",))
    assert parse("x", ["x"]) != parse("x", ["x", "y"])
    assert len({parse("x", ["x"]), parse("x", ["x"]), parse("x ", ["x"])}) == 2


def test_a_long_sum_is_one_level() -> None:
    """Catches a depth that counts every + of a chain: 40 sines would be refused."""
    text = " + ".join(["sin(x)"] * 40)
    value = parse(text, ["x"]).evaluate({"x": np.array([1.0])})
    assert value[0] == pytest.approx(40 * math.sin(1))


def test_every_function_is_described_and_computed() -> None:
    operators = {"+", "-", "*", "/", "%", "**", "negative"}
    assert set(implementations()) == set(FUNCTIONS) | operators
    assert all(info.description and info.arity >= 1 for info in FUNCTIONS.values())
    assert not set(FUNCTIONS) & set(CONSTANTS)


BINARY: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,  # a - b floor(a / b) loses all digits where the quotient is large
}
CALLS: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "erf")},
    **{name: getattr(math, name) for name in ("sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt")},
    **{name: getattr(math, name) for name in ("floor", "ceil", "pow")},
    "abs": abs,
    "min": min,
    "max": max,
    "mod": BINARY["%"],
    "sign": lambda x: (x > 0) - (x < 0),
    "clip": lambda x, low, high: min(max(x, low), high),
    "step": lambda x: 1.0 if x >= 0 else 0.0,
    "relu": lambda x: x if x > 0 else 0.0,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "sinc": lambda x: math.sin(x) / x if x else 1.0,
    "gauss": lambda x: math.exp(-(x**2)),
}
Tree = tuple[str, tuple["Tree", ...]]
LEAVES = st.sampled_from(["x", "y", "pi", "e", "2", "0.5", "3.25e-1", "7"]).map(lambda leaf: (leaf, ()))


def _larger(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    calls = [
        st.tuples(st.just(name), st.tuples(*[trees] * (info.arity + extra)))
        for name, info in FUNCTIONS.items()
        for extra in range(3 if info.variadic else 1)
    ]
    binary = st.tuples(st.sampled_from(sorted(BINARY)), st.tuples(trees, trees))
    powers = st.tuples(st.sampled_from(["**2", "**3", "**-1", "**0.5", "negative"]), st.tuples(trees))
    return st.one_of(binary, powers, *calls)


def _text(tree: Tree) -> str:
    name, parts = tree[0], [_text(part) for part in tree[1]]
    if not parts:
        return name
    if name in BINARY:
        return f"({parts[0]} {name} {parts[1]})"
    if name == "negative":
        return f"(-{parts[0]})"
    if name.startswith("**"):
        return f"({parts[0]}){name}"
    return f"{name}({', '.join(parts)})"


def _value(tree: Tree, x: float, y: float, wiggle: float) -> float:
    """Evaluate with Python's own functions, each result off by the factor `wiggle`."""
    name, parts = tree[0], [_value(part, x, y, wiggle) for part in tree[1]]
    if not parts:
        known = {"x": x, "y": y, "pi": math.pi, "e": math.e}
        return known[name] if name in known else float(name)
    if name in BINARY:
        return BINARY[name](*parts) * wiggle
    if name == "negative":
        return -parts[0]
    if name.startswith("**"):
        return math.pow(parts[0], float(name[2:])) * wiggle
    return CALLS[name](*parts) * wiggle


@settings(max_examples=400)
@given(tree=st.recursive(LEAVES, _larger, max_leaves=8), x=st.floats(-3, 3), y=st.floats(-3, 3))
@example(tree=("/", (("x", ()), ("%", (("2", ()), ("x", ()))))), x=-7.911779694336987e-10, y=0.0)
@example(tree=("atan2", (("x", ()), ("y", ()))), x=0.0, y=-0.0)  # a zero keeps its sign
def test_generated_formulas_agree_with_python_on_scalars(tree: Tree, x: float, y: float) -> None:
    """An independent evaluator; catches every wrong function, operand order and precedence.

    Formulas that turn a relative change of 1e-12 into 1e-7 (next to a jump or a pole) say nothing.
    """
    try:
        low, expected, high = (_value(tree, x, y, 1 + wiggle) for wiggle in (-1e-12, 0, 1e-12))
    except (ValueError, OverflowError, ZeroDivisionError):  # outside the domain: Python raises
        assume(False)
        raise
    assume(all(math.isfinite(value) for value in (low, expected, high)))
    assume(all(math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-7) for a, b in pairwise((low, expected, high))))
    computed = parse(_text(tree), ["x", "y"]).evaluate({"x": np.array([x]), "y": np.array([y])})
    assert computed[0] == pytest.approx(expected, rel=1e-6, abs=1e-6)
