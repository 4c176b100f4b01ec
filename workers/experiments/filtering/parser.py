"""Text to syntax trees, by one LALR grammar; what it cannot read is refused with the place and the remedy."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from workers.experiments.filtering.syntax import (
    And,
    Comparison,
    Fault,
    FilterError,
    Has,
    Name,
    Node,
    Not,
    Or,
    Presence,
    Value,
)

LONGEST = 4_000  # characters
DEEPEST = 20  # levels of parentheses and NOT
MOST_TERMS = 100  # comparisons
MOST_VALUES = 500  # values, those of lists included
MOST_NAMES = 100  # names in a list
MOST_KEYS = 4  # of an order
REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
MIXED = re.compile(r"(?:AND|OR)(?![\w-])")
GRAMMAR = r"""
?filter: term | conjunction | disjunction
conjunction: term (_AND term)+
disjunction: term (_OR term)+
?term: simple | negation
negation: (_NOT | _MINUS) simple
?simple: comparison | has | presence | _OPEN filter _CLOSE
comparison: name OPERATOR _operand
has: name _COLON _operand
presence: name _COLON _STAR
_operand: value | _OPEN value (_OR value)* _CLOSE
value: STRING | NUMBER | CONSTANT | WORD
name: NAME (_DOT (NAME | INDEX | STRING))*

order: key (_COMMA key)*
key: name DIRECTION?
names: name (_COMMA name)*

_AND.2: /AND(?![A-Za-z0-9_-])/
_OR.2: /OR(?![A-Za-z0-9_-])/
_NOT.2: /NOT(?![A-Za-z0-9_-])/
_MINUS: "-"
_OPEN: "("
_CLOSE: ")"
_COLON: ":"
_STAR: "*"
_DOT: "."
_COMMA: ","
OPERATOR: /!=|<=|>=|=|<|>/
DIRECTION.2: /(?:asc|desc)(?![A-Za-z0-9_-])/i
CONSTANT.2: /(?:true|false|null)(?![A-Za-z0-9_.-])/
NUMBER.2: /-?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|Infinity)(?![A-Za-z0-9_.-])/
INDEX: /[0-9]{1,9}(?![A-Za-z0-9_-])/
NAME: /(?!(?:AND|OR|NOT)(?![A-Za-z0-9_-]))[A-Za-z_][A-Za-z0-9_-]*/
WORD: /(?!(?:AND|OR|NOT)(?![A-Za-z0-9_.-]))[A-Za-z_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?/
STRING: /"(?:[^"\\\x00-\x1f\x7f]|\\["\\])*"|'(?:[^'\\\x00-\x1f\x7f]|\\['\\])*'/
%ignore /[ \t\r\n]+/
"""
WORDS = {
    "_AND": "AND",
    "_OR": "OR",
    "_NOT": "NOT",
    "_MINUS": "-",
    "_OPEN": "(",
    "_CLOSE": ")",
    "_COLON": ":",
    "_STAR": "*",
    "_DOT": ".",
    "_COMMA": ",",
    "OPERATOR": "one of = != < <= > >=",
    "DIRECTION": "asc or desc",
    "CONSTANT": "true, false or null",
    "NUMBER": "a number",
    "INDEX": "a place in a list",
    "NAME": "the name of a field",
    "WORD": "a word",
    "STRING": "a quoted string",
    "$END": "the end",
}
CONSTANTS = {"true": True, "false": False, "null": None}


def parse(text: str) -> Node:
    """Return the tree of a filter; a blank one is `And` without terms. Raise FilterError."""
    _check_characters(text)
    if not text.strip(" \t\r\n"):
        return And(terms=())
    tree: Node = _read(text, "filter")
    _bound(tree)
    return tree


def parse_names(text: str) -> tuple[Name, ...]:
    """Return the names of a list with commas; raise FilterError."""
    names: tuple[Name, ...] = _read(text, "names")
    _refuse_many(names, MOST_NAMES, "names")
    return names


def parse_order(text: str) -> tuple[tuple[Name, bool], ...]:
    """Return the names of an order, each with whether it descends; raise FilterError."""
    keys: tuple[tuple[Name, bool], ...] = _read(text, "order")
    _refuse_many([name for name, _ in keys], MOST_KEYS, "keys")
    return keys


def _check_characters(text: str) -> None:
    if len(text) > LONGEST:
        raise _refused(LONGEST + 1, f"{len(text)} characters are too many: at most {LONGEST} are read")
    if found := REFUSED.search(text):
        raise _refused(found.start() + 1, "control characters and half surrogate pairs have no place here")


def _read(text: str, start: str) -> Any:
    _check_characters(text)
    try:
        return _parser().parse(text, start=start)
    except UnexpectedInput as error:
        raise _explained(error, text) from None


@cache
def _parser() -> Lark:
    # With the transformer inside, each piece is built when its rule ends: nothing here recurses.
    return Lark(GRAMMAR, parser="lalr", start=["filter", "names", "order"], transformer=_Builder())


class _Builder(Transformer[Token, Any]):
    """Turns what the grammar finds into values."""

    def conjunction(self, terms: Sequence[Node]) -> Node:
        return And(terms=tuple(terms))

    def disjunction(self, terms: Sequence[Node]) -> Node:
        return Or(terms=tuple(terms))

    def negation(self, found: Sequence[Node]) -> Node:
        return Not(term=found[0])

    def comparison(self, found: Sequence[Any]) -> Node:
        name, operator, *values = found
        position = operator.start_pos + 1
        return Comparison(name=name, operator=str(operator), values=tuple(values), position=position)  # type: ignore[arg-type]

    def has(self, found: Sequence[Any]) -> Node:
        name, *values = found
        return Has(name=name, values=tuple(values))

    def presence(self, found: Sequence[Name]) -> Node:
        return Presence(name=found[0])

    def value(self, found: Sequence[Token]) -> Value:
        (token,) = found
        position = (token.start_pos or 0) + 1
        if token.type == "STRING":
            return Value(value=_unquoted(token), position=position)
        if token.type == "NUMBER":
            return Value(value=_number(token, position), position=position)
        return Value(value=CONSTANTS[token] if token.type == "CONSTANT" else str(token), position=position)

    def name(self, found: Sequence[Token]) -> Name:
        path = tuple(_segment(token) for token in found)
        return Name(path=path, position=(found[0].start_pos or 0) + 1)

    def names(self, found: Sequence[Name]) -> tuple[Name, ...]:
        return tuple(found)

    def key(self, found: Sequence[Any]) -> tuple[Name, bool]:
        return found[0], len(found) > 1 and found[1].lower() == "desc"

    def order(self, found: Sequence[tuple[Name, bool]]) -> tuple[tuple[Name, bool], ...]:
        return tuple(found)


def _segment(token: Token) -> str | int:
    if token.type == "INDEX":
        return int(token)
    return _unquoted(token) if token.type == "STRING" else str(token)


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _number(text: str, position: int) -> int | float:
    whole = text.lstrip("-").isdigit() and len(text) <= 20
    if whole and -(2**63) <= int(text) < 2**63:
        return int(text)
    value = float(text)
    if math.isinf(value) and "I" not in text:
        raise FilterError(Fault(code="filter-type", position=position, message="is beyond the largest number"))
    return value


def _bound(tree: Node) -> None:
    """Refuse what nests too deep or says too much; a loop, since the tree may be deeper than Python recurses."""
    open_nodes: list[tuple[Node, int]] = [(tree, 1)]
    terms = values = 0
    while open_nodes:
        node, depth = open_nodes.pop()
        if depth > DEEPEST:
            raise _refused(1, f"nests deeper than {DEEPEST} levels: say it with fewer parentheses")
        match node:
            case And() | Or():
                open_nodes += [(term, depth + 1) for term in node.terms]
            case Not():
                open_nodes.append((node.term, depth + 1))
            case _:
                terms += 1
                values += 0 if isinstance(node, Presence) else len(node.values)
    if terms > MOST_TERMS or values > MOST_VALUES:
        most = f"at most {MOST_TERMS} comparisons and {MOST_VALUES} values are taken"
        raise _refused(1, f"has {terms} comparisons with {values} values: {most}")


def _refuse_many(names: Sequence[Name], most: int, noun: str) -> None:
    if len(names) > most:
        raise _refused(names[most].position, f"at most {most} {noun} are taken")


def _refused(position: int, message: str) -> FilterError:
    return FilterError(Fault(code="filter-syntax", position=position, message=message))


def _explained(error: UnexpectedInput, text: str) -> FilterError:
    if isinstance(error, UnexpectedToken):
        expected: Iterable[str] = error.expected
        position = len(text) if error.token.type == "$END" else error.token.start_pos or 0
    else:
        assert isinstance(error, UnexpectedCharacters)
        expected, position = error.allowed, error.pos_in_stream
    before = text[:position]
    wanted = set(expected) or {"$END"}
    if "_CLOSE" in wanted and before.count("(") <= before.count(")"):  # one state serves inside and outside
        wanted = wanted - {"_CLOSE"} | {"$END"}
    if MIXED.match(text, position) and wanted & {"_AND", "_OR"}:
        message = "AND and OR are mixed: put one of them into parentheses, as in a AND (b OR c)"
    else:
        shown = repr(text[position : position + 20]) if position < len(text) else "the end"
        message = f"unexpected {shown}; expected {' or '.join(WORDS[each] for each in WORDS if each in wanted)}"
    return _refused(position + 1, message)
