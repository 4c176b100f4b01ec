"""Strict JSON in: what json.loads lets through, this refuses, naming the place."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from workers.catalogue.problems import Path, Problem

MAX_DEPTH = 20
MOST_PROBLEMS = 100  # told at once; a body of a megabyte can hold a hundred thousand
LARGEST_INTEGER = 2**63 - 1
TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class JsonError(ValueError):
    """The text is not strict JSON; `problems` says where."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class _Refused:
    """Stands in the parsed value where the text had something that strict JSON has not."""

    detail: str


@dataclass(frozen=True)
class _Duplicates:
    """Stands for an object that has a key more than once."""

    members: list[tuple[str, Any]]
    keys: tuple[str, ...]


def parse(body: bytes) -> Any:
    """Return the JSON value of the body; raise JsonError with every fault that can be placed."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(Problem(code="encoding", detail=f"byte {error.start} is not UTF-8")) from None
    _refuse_deep(text)
    try:
        value = json.loads(
            text, parse_constant=_constant, parse_float=_number, parse_int=_integer, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonError(Problem(code="syntax", detail=f"{error.msg} at {place}")) from None
    problems = list(islice(_faults(value, ()), MOST_PROBLEMS))
    if problems:
        raise JsonError(*problems)
    return value


def _refuse_deep(text: str) -> None:
    # Before parsing: the parser recurses, and 100,000 brackets end it.
    depth = 0
    for token in TOKEN.finditer(text):
        character = text[token.start()]
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise JsonError(Problem(code="depth", detail=f"more than {MAX_DEPTH} levels deep"))
        elif character in "]}":
            depth -= 1


def _constant(name: str) -> _Refused:
    return _Refused(f"{name} is not JSON: leave it out or write a finite number")


def _number(text: str) -> float | _Refused:
    value = float(text)
    return value if math.isfinite(value) else _Refused(f"{text[:40]} is beyond the largest number")


def _integer(text: str) -> int | _Refused:
    # The length first: Python refuses to convert thousands of digits, and is slow below that.
    if len(text) <= 20 and abs(value := int(text)) <= LARGEST_INTEGER:
        return value
    return _Refused(f"an integer of {len(text.lstrip('-'))} digits does not fit into 64 bits: write it as 1e20")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any] | _Duplicates:
    found = dict(members)
    if len(found) == len(members):
        return found
    counts = Counter(key for key, _ in members)
    return _Duplicates(members, tuple(key for key, count in counts.items() if count > 1))


def _faults(value: Any, path: Path) -> Iterator[Problem]:
    if isinstance(value, _Refused):
        yield Problem(path=path, code="number", detail=value.detail)
    elif isinstance(value, _Duplicates):
        for key in value.keys:
            yield Problem(path=(*path, key), code="duplicate-key", detail=f"the key {key!r} occurs more than once")
        yield from _faults(dict(value.members), path)
    elif isinstance(value, dict):
        for key, member in value.items():
            if UNSTORABLE.search(key):
                yield Problem(path=path, code="character", detail="a key has U+0000 or half a surrogate pair")
            yield from _faults(member, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, (*path, index))
    elif isinstance(value, str) and UNSTORABLE.search(value):
        yield Problem(path=path, code="character", detail="has U+0000 or half a surrogate pair: no text stores it")
