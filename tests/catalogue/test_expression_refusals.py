"""What is no formula: refused by name and place, by two fences, and without running anything."""

import ast
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.catalogue import expressions
from workers.catalogue.expressions import ExpressionError, parse

# text, the construct that the message names, its column; each is stopped before or behind ast.parse
REFUSED: list[tuple[str, str, int]] = [
    ("__import__('os').system('id')", "a string", 11),
    ("__import__(x)", "unknown name '__import__'", 0),
    ("x.__class__", "an attribute", 1),
    ("().__class__.__bases__", "an attribute", 2),
    ("(1).__class__", "an attribute", 3),
    ("x.real", "an attribute", 1),
    ("x[0]", "subscript", 1),
    ("[x][0]", "a list", 0),
    ("[c for c in x]", "comprehension", 0),
    ("max(y for y in x)", "a comprehension", 6),
    ("{x}", "a set", 0),
    ("{x: x}", "dictionary", 0),
    ("lambda: x", "a lambda", 0),
    ("(lambda y: y)(x)", "a lambda", 1),
    ("x if x else 1", "a conditional", 2),
    ("x and 1", "a logical operator", 2),
    ("not x", "a logical operator", 0),
    ("x < 1", "a comparison", 2),
    ("x == 1", "a comparison", 2),
    ("x is 1", "a comparison", 2),
    ("(y := x)", "an assignment", 3),
    ("y = x", "an assignment", 2),
    ("clip(x, low=0, high=1)", "keyword argument", 11),
    ("max(*x)", "starred", 4),
    ("max(**x)", "keyword arguments", 0),
    ("f'{x}'", "an f-string", 0),
    ("rf\"{open('/etc/passwd')}\"", "an f-string", 0),
    ("b'x'", "a string", 0),
    ('"x" * 3', "a string", 0),
    ("x^2", "**", 1),
    ("x // 2", "floor", 2),
    ("x @ x", "a bitwise operator", 2),
    ("x | 1", "a bitwise operator", 2),
    ("~x", "a bitwise operator", 0),
    ("1 << 60", "a bitwise operator", 2),
    ("True", "a Python constant", 0),
    ("None", "a Python constant", 0),
    ("await x", "generator", 0),
    ("yield x", "generator", 0),
    ("import os", "the Python keyword 'import'", 0),
    ("x # hidden", "a comment", 2),
    ("x; import os", "the symbol ';'", 1),
    ("x\\\n+1", "on one line", 2),
    ("x\n", "on one line", 1),
    ("x\0", "on one line", 1),
    ("\tx", "on one line", 0),
    ("π*x", "ASCII", 0),
    ("sin(𝓍)", "ASCII", 4),
    ("x\ud800", "ASCII", 1),
    ("1j", "decimal", 1),
    ("0x10", "decimal", 1),
    ("1_000", "decimal", 1),
    ("2x", "write an operator", 1),
    ("2(x)", "write *", 0),
    ("(1)(x)", "write *", 1),
    ("(x)(x)", "x*(...)", 1),
    ("x(2)", "x*(...)", 0),
    ("pi(2)", "pi*(...)", 0),
    ("sin", "sin(x)", 0),
    ("sin x", "not correct", 4),
    ("sin()", "takes 1", 0),
    ("atan2(x)", "takes 2", 0),
    ("max(x)", "at least 2", 0),
    ("clip(x, 1)", "takes 3", 0),
    ("x, x", "a list of values", 0),
    ("()", "a list of values", 0),
    ("eval(x)", "unknown name 'eval'", 0),
    ("1 + sim(x)", "did you mean 'sin'", 4),
    ("  1 + sim(x)", "did you mean 'sin'", 6),
    ("x + xx", "did you mean 'x'", 4),
    ("x**x", "pow(x, y)", 3),
    ("x**(1+1)", "pow(x, y)", 4),
    ("2**3**4", "pow(x, y)", 3),
    ("x**65", "above 64", 3),
    ("x**-65", "above 64", 3),
    ("9**9**9**9", "pow(x, y)", 3),
    ("1e999*x", "above 1e+12", 0),
    ("x + 1000000000001", "above 1e+12", 4),
    ("9" * 999, "above 1e+12", 0),
    ("01", "leading zeros", 0),
    ("x +", "not correct", 0),
    ("(x", "never closed", 0),
    ("x)", "unmatched", 1),
    (")x(", "unmatched", 0),
    ("", "empty", 0),
    ("   ", "empty", 0),
    ("x" * 1001, "at most 1000", 1000),
    ("9" * 5000, "at most 1000", 1000),
    ("(" * 10_000 + "x" + ")" * 10_000, "at most 1000", 1000),
    ("-" * 100_000 + "x", "at most 1000", 1000),
    ("(" * 31 + "x" + ")" * 31, "parentheses", 30),
    ("-" * 31 + "x", "signs", 30),
    ("+ - " * 100 + "x", "signs", 60),
    ("[" * 900, "a list", 0),
    ("{" * 900, "a set", 0),
    ("+".join(["x"] * 201), "more than 200 parts", 0),
    ("max(x, " * 27 + "-(--(x))" + ")" * 27, "nested more than 30", 194),
]
HOSTILE = [text for text, _, _ in REFUSED]


@pytest.mark.timeout(10)  # a text that makes work, such as 9**9**9, would take for ever; none takes 2 ms
@pytest.mark.parametrize(("text", "message", "position"), REFUSED)
def test_what_is_no_formula_is_refused_by_name_and_place(text: str, message: str, position: int) -> None:
    """Catches each rule taken out: its text would be accepted or named otherwise."""
    with pytest.raises(ExpressionError) as caught:
        parse(text, ["x"])
    assert message in caught.value.detail
    assert caught.value.position == position
    assert len(caught.value.detail) < 250


@pytest.mark.parametrize("text", HOSTILE)
def test_the_second_fence_holds_alone(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a walker that trusts the token check: one lets attributes through, say.

    Comments, blanks, other ways to write a number or a letter and parentheses leave no trace in the tree.
    """
    monkeypatch.setattr(expressions, "check_text", lambda text: None)
    try:
        program = parse(text, ["x"]).program
    except ExpressionError:
        return
    harmless = {"x # hidden", "x\n", "\tx", "x\\\n+1", "0x10", "1_000", "sin(𝓍)", "(" * 31 + "x" + ")" * 31}
    assert text in harmless, program


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sin"], "name of a function"),
        (["x", "pi"], "name of a constant"),
        (["x", "x"], "declared twice"),
        (["lambda"], "cannot name a variable"),
        (["x y"], "cannot name a variable"),
        (["é"], "cannot name a variable"),
        ([""], "cannot name a variable"),
    ],
)
def test_variables_that_cannot_be_told_apart_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        parse("1", names)
    assert caught.value.position is None


def test_every_node_outside_the_whitelist_is_refused_by_the_walker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walks all expression nodes that Python has; catches a whitelist turned into a blacklist."""
    allowed = {ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant}
    kinds = [kind for kind in ast.expr.__subclasses__() if kind not in allowed]
    assert len(kinds) > 15
    for kind in kinds:
        node = kind(lineno=1, col_offset=0)
        monkeypatch.setattr(ast, "parse", lambda *given, node=node, **named: ast.Expression(body=node))
        with pytest.raises(ExpressionError, match="not allowed"):
            parse("x", ["x"])


AUDIT = """
import sys
from workers.catalogue.expressions import ExpressionError, parse
texts = eval(sys.stdin.read())
parse("sin(x)", ["x"])
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event))
refused = 0
for text in texts:
    try:
        parse(text, ["x"])
    except ExpressionError:
        refused += 1
events = set(seen)
print(refused, sorted(events - {"compile"}), sorted({"numpy", "torch", "scipy"} & set(sys.modules)))
"""


def test_parsing_the_hostile_corpus_imports_opens_and_runs_nothing() -> None:
    """Catches an eval, an import or a file access, and numpy loaded by the parser.

    ast.parse itself raises the event "compile"; running a code object would raise "exec".
    """
    done = subprocess.run(
        [sys.executable, "-c", AUDIT], input=ascii(HOSTILE), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == f"{len(HOSTILE)} [] []", done.stderr


@given(text=st.text(max_size=200))
def test_arbitrary_text_raises_only_our_own_error(text: str) -> None:
    _parses_or_is_refused(text)


TOKENS = ["x", "y", "1", ".5", "2", "1e3", " ", *"+-*/%^(),.[]{}:=<>'\"#\\@~!;", "**", "sin", "max", "pi"]
TOKENS += ["lambda", "for", "in", "if", "else", "not", "f'", "__import__", "print", "e", "True"]


@settings(max_examples=500)
@given(tokens=st.lists(st.sampled_from(TOKENS), max_size=40))
def test_arbitrary_tokens_raise_only_our_own_error(tokens: list[str]) -> None:
    """Catches a SyntaxError, RecursionError or ValueError of Python that gets through."""
    _parses_or_is_refused("".join(tokens))


def _parses_or_is_refused(text: str) -> None:
    try:
        expression = parse(text, ["x", "y"])
    except ExpressionError as error:
        detail, position = error.detail, error.position
    else:
        detail, position = "accepted", None
        assert expression.evaluate({"x": np.ones(3), "y": np.zeros(3)}).shape == (3,)
    assert detail
    assert position is None or 0 <= position <= len(text)
