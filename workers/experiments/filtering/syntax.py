"""What a filter says, as a tree of frozen values, and the tree as text again."""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Literal

Path = tuple[str | int, ...]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Scalar = str | int | float | bool | None
PLAIN = re.compile(r"(?!(?:AND|OR|NOT)(?![A-Za-z0-9_-]))[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


class FilterError(ValueError):
    """A filter cannot be used; `faults` names what is wrong and where, the first one first."""

    def __init__(self, *faults: "Fault") -> None:
        self.faults = faults
        super().__init__("; ".join(fault.detail for fault in faults))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a filter; positions count characters from 1."""

    code: Literal["filter-syntax", "filter-type", "unknown-filter-field"]
    position: int
    message: str
    did_you_mean: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def detail(self) -> str:
        """Return what is wrong, where, and how to mend it."""
        return f"at character {self.position}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Value:
    """What a field is compared with."""

    value: Scalar
    position: int = field(default=1, compare=False)


@dataclass(frozen=True, kw_only=True)
class Name:
    """The dotted name of a field; whole numbers are places in lists."""

    path: Path
    position: int = field(default=1, compare=False)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`field = value`; with several values, one of them must fit."""

    name: Name
    operator: Operator
    values: tuple[Value, ...]
    position: int = field(default=1, compare=False)


@dataclass(frozen=True, kw_only=True)
class Has:
    """`field:value`: one of the values is among the field's."""

    name: Name
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Presence:
    """`field:*`: the field has a value."""

    name: Name


@dataclass(frozen=True, kw_only=True)
class Not:
    """The opposite; of what can be compared with nothing, nothing."""

    term: "Node"


@dataclass(frozen=True, kw_only=True)
class And:
    """All terms; without any, everything."""

    terms: tuple["Node", ...]


@dataclass(frozen=True, kw_only=True)
class Or:
    """At least one of the terms."""

    terms: tuple["Node", ...]


Node = Comparison | Has | Presence | Not | And | Or


def written(node: Node) -> str:
    """Return the text of a filter that is read as this tree."""
    match node:
        case And() | Or():
            word = " AND " if isinstance(node, And) else " OR "
            return word.join(map(_enclosed, node.terms))
        case Not():
            return f"NOT {_enclosed(node.term)}"
        case Presence():
            return f"{written_name(node.name.path)}:*"
        case Has():
            return f"{written_name(node.name.path)}:{_written_values(node.values)}"
        case Comparison():
            return f"{written_name(node.name.path)} {node.operator} {_written_values(node.values)}"


def written_name(path: Path) -> str:
    """Return a field's name, quoted where it has to be."""
    first, *rest = path
    return ".".join([str(first), *(_written_segment(segment) for segment in rest)])


def written_value(value: Scalar) -> str:
    """Return a value as it stands in a filter."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return json.dumps(value)


def _enclosed(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, And | Or | Not) else written(node)


def _written_values(values: tuple[Value, ...]) -> str:
    texts = [written_value(each.value) for each in values]
    return texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})"


def _written_segment(segment: str | int) -> str:
    if isinstance(segment, int) or PLAIN.fullmatch(segment):
        return str(segment)
    return _quoted(segment)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
