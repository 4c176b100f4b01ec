"""Safe formulas in declared variables: checked text to a small program for numpy.

Two fences, each of which holds alone. The first reads the tokens and lets only names, decimal numbers and
+ - * / % ** ( ) , through to `ast.parse`, which runs nothing. The second admits five node types of the
tree and writes a program of plain values. Nothing is ever handed to eval, exec or compile.
"""

import ast
import keyword
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.catalogue.formula_text import ExpressionError, check_text
from workers.catalogue.functions import CONSTANTS, FUNCTIONS, FunctionInfo, implementations
from workers.catalogue.problems import nearest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["CONSTANTS", "FUNCTIONS", "Expression", "ExpressionError", "FunctionInfo", "parse"]

MAXIMUM_NODES = 200  # also bounds the recursion of the walker
MAXIMUM_DEPTH = 30  # of the tree; a sum or product of many terms is one level
MAXIMUM_NUMBER = 1e12
MAXIMUM_EXPONENT = 64

OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
    ast.Pow: "**",
}


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A formula in its variables; an Expression that exists can be evaluated. Raise ExpressionError."""

    text: str
    variables: tuple[str, ...]
    program: tuple[tuple[str, float | str, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        try:
            check_text(self.text)
            _check_variables(self.variables)
            object.__setattr__(self, "program", _program(self.text, self.variables))
        except (RecursionError, MemoryError):  # only from a caller that has used up its stack or memory
            raise ExpressionError("the formula is too deeply nested: write it more simply") from None

    def evaluate(self, columns: "Mapping[str, npt.NDArray[np.float64]]") -> "npt.NDArray[np.float64]":
        """Return the values (n,) at columns of shape (n,), one per variable; they may be non-finite."""
        import numpy as np

        given = {name: np.asarray(columns[name], dtype=np.float64) for name in self.variables}
        table, stack = implementations(), list["np.float64 | npt.NDArray[np.float64]"]()
        with np.errstate(all="ignore"):
            for action, operand, arguments in self.program:
                if action == "number":
                    stack.append(np.float64(operand))
                elif action == "column":
                    stack.append(given[str(operand)])
                else:
                    start = len(stack) - arguments
                    stack[start:] = [table[str(operand)](*stack[start:])]
        shape = np.broadcast_shapes(*(column.shape for column in given.values()))
        return np.array(np.broadcast_to(stack[0], shape), dtype=np.float64)


def parse(text: str, variables: Sequence[str]) -> Expression:
    """Return the formula as an Expression, or raise ExpressionError whatever the text."""
    return Expression(text=text, variables=tuple(variables))


def _check_variables(variables: tuple[str, ...]) -> None:
    for name, count in Counter(variables).items():
        if not name.isascii() or not name.isidentifier() or keyword.iskeyword(name):
            raise ExpressionError(f"{name[:40]!a} cannot name a variable: use letters, digits and _, as in x1")
        if name in FUNCTIONS or name in CONSTANTS:
            what = "function" if name in FUNCTIONS else "constant"
            raise ExpressionError(f"the variable {name!r} has the name of a {what}: rename it")
        if count > 1:
            raise ExpressionError(f"the variable {name!r} is declared twice: rename one")


def _program(text: str, variables: tuple[str, ...]) -> tuple[tuple[str, float | str, int], ...]:
    start = len(text) - len(text.lstrip(" "))  # ast.parse takes leading blanks for an indentation
    try:
        tree = ast.parse(text[start:], mode="eval")
    except SyntaxError as error:
        position = min(start + max((error.offset or 1) - 1, 0), len(text))
        detail = f"the formula is not complete or not correct ({error.msg}): check operators, brackets, commas"
        raise ExpressionError(detail, position) from None
    except ValueError:  # an integer of more digits than Python converts
        raise ExpressionError(f"a number is above {MAXIMUM_NUMBER:g}: use a smaller one") from None
    walker = _Walker(variables=variables, start=start)
    walker.visit(tree.body, 1)
    return tuple(walker.program)


@dataclass(kw_only=True)
class _Walker:
    """Writes the program of a tree in postfix order: the second fence."""

    variables: tuple[str, ...]
    start: int  # column of the tree's column 0
    nodes: int = 0
    program: list[tuple[str, float | str, int]] = field(default_factory=list)

    def visit(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAXIMUM_NODES:
            raise self.error(node, f"the formula has more than {MAXIMUM_NODES} parts: shorten it")
        if depth > MAXIMUM_DEPTH:
            raise self.error(node, f"the formula is nested more than {MAXIMUM_DEPTH} levels: write it more simply")
        match node:
            case ast.BinOp():
                self.binary(node, depth)
            case ast.UnaryOp(op=ast.UAdd()):
                self.visit(node.operand, depth + 1)
            case ast.UnaryOp(op=ast.USub()):
                self.visit(node.operand, depth + 1)
                self.program.append(("apply", "negative", 1))
            case ast.Call():
                self.call(node, depth)
            case ast.Name():
                self.name(node)
            case ast.Constant():
                self.program.append(("number", self.number(node), 0))
            case _:
                what = "a list of values" if isinstance(node, ast.Tuple) else f"Python's {type(node).__name__}"
                raise self.error(node, f"{what} is not allowed: use + - * / % ** and the catalogue's functions")

    def binary(self, node: ast.BinOp, depth: int) -> None:
        operator = OPERATORS.get(type(node.op))
        if operator is None:
            raise self.error(node, f"Python's {type(node.op).__name__} is not allowed: use + - * / % **")
        # a sum or product of many terms is one level, though its tree leans to the left
        chained = operator != "**" and isinstance(node.left, ast.BinOp)
        self.visit(node.left, depth if chained else depth + 1)
        if operator == "**":
            self.exponent(node.right)
        self.visit(node.right, depth + 1)
        self.program.append(("apply", operator, 2))

    def exponent(self, node: ast.expr) -> None:
        literal = node.operand if isinstance(node, ast.UnaryOp) else node
        if not isinstance(literal, ast.Constant):
            raise self.error(node, "the exponent of ** must be a number, as in x**2: use pow(x, y) for others")
        if self.number(literal) > MAXIMUM_EXPONENT:
            raise self.error(node, f"the exponent of ** is above {MAXIMUM_EXPONENT}: use a smaller one")

    def call(self, node: ast.Call, depth: int) -> None:
        if not isinstance(node.func, ast.Name):
            raise self.error(node.func, "only a function can be called: write * to multiply, as in 2*(x)")
        name, function = node.func.id, FUNCTIONS.get(node.func.id)
        if function is None:
            known = name in self.variables or name in CONSTANTS
            raise (
                self.error(node.func, f"{name} is no function: write {name}*(...)")
                if known
                else self.unknown(node.func)
            )
        starred = next((given for given in node.args if isinstance(given, ast.Starred)), None)
        if starred or node.keywords:
            raise self.error(starred or node, "starred and keyword arguments are not allowed: list the values")
        if not function.accepts(len(node.args)):
            wanted = f"{'at least ' if function.variadic else ''}{function.arity}"
            raise self.error(node, f"{name} takes {wanted} values, got {len(node.args)}: {function.description}")
        for given in node.args:
            self.visit(given, depth + 1)
        self.program.append(("apply", name, len(node.args)))

    def name(self, node: ast.Name) -> None:
        if node.id in self.variables:
            self.program.append(("column", node.id, 0))
        elif node.id in CONSTANTS:
            self.program.append(("number", CONSTANTS[node.id], 0))
        elif node.id in FUNCTIONS:
            raise self.error(node, f"{node.id} is a function: give it a value, as in {node.id}(x)")
        else:
            raise self.unknown(node)

    def number(self, node: ast.Constant) -> float:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(node, f"a {type(value).__name__} is not allowed: use decimal numbers")
        if abs(value) > MAXIMUM_NUMBER:  # 1e999 is read as infinity
            raise self.error(node, f"a number is above {MAXIMUM_NUMBER:g}: use a smaller one")
        return float(value)

    def unknown(self, node: ast.Name) -> ExpressionError:
        close = nearest(node.id, [*self.variables, *FUNCTIONS, *CONSTANTS])
        known = f"did you mean {close!r}?" if close else f"the variables are {', '.join(self.variables)}"
        return self.error(node, f"unknown name {node.id[:40]!r}: {known}")

    def error(self, node: ast.expr, detail: str) -> ExpressionError:
        return ExpressionError(detail, self.start + node.col_offset)
