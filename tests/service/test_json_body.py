"""Strict JSON: in, what is strict is read as the standard library reads it; out, nothing else is written."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.json_body import JsonError, parse
from service.json_reply import strict_json

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(value=VALUES, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_strict_json_is_read_as_it_was_written(value: Any, indent: int | None, ascii_only: bool) -> None:
    """Caught mutation: brackets counted inside strings, or numbers changed."""
    assert parse(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()) == value


@given(body=st.binary(max_size=200) | st.text('[]{}",:\\0123456789.eE+-NaInfity tru', max_size=200).map(str.encode))
def test_anything_else_is_refused_and_nothing_breaks(body: bytes) -> None:
    """Caught mutation: a RecursionError, ValueError or UnicodeDecodeError let through."""
    with contextlib.suppress(JsonError):
        json.dumps(parse(body), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ('{"a": [1, NaN]}', "/a/1", "number"),
        ('{"a": {"b/c": 1e400}}', "/a/b~1c", "number"),
        ('{"a": 9223372036854775808}', "/a", "number"),
        ('{"a": -9223372036854775808}', "/a", "number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "/b/c", "duplicate-key"),
        ('{"a": 1, "a": NaN}', "/a", "duplicate-key"),
        ('{"a": "\\ud83d"}', "/a", "character"),
        ('{"a\\u0000": 1}', "", "character"),
        ("[" * 21 + "]" * 21, "", "depth"),
        ('"' + "[" * 30, "", "syntax"),
        ("1 2", "", "syntax"),
        ("﻿{}", "", "syntax"),
    ],
)
def test_each_fault_has_its_place(body: str, pointer: str, code: str) -> None:
    """Caught mutation: a fault without its path."""
    with pytest.raises(JsonError) as caught:
        parse(body.encode("utf-8", "surrogatepass"))
    assert (pointer, code) in [(problem.pointer, problem.code) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"a": 9223372036854775807}', {"a": 2**63 - 1}),
        ('"\\ud83d\\ude00"', "😀"),
        (json.dumps(["["] * 30), ["["] * 30),
        ("[" * 20 + "]" * 20, None),
        ("1e20", 1e20),
    ],
)
def test_what_lies_just_inside_is_read(body: str, value: Any) -> None:
    """Caught mutation: a bound one too tight."""
    assert value is None or parse(body.encode()) == value
    parse(body.encode())


def test_numbers_that_are_not_finite_go_out_as_their_names() -> None:
    """Caught mutation: json.dumps with allow_nan."""
    assert (
        strict_json({"a": [math.nan, (math.inf, 1.5)], "b": -math.inf})
        == '{"a":["NaN",["Infinity",1.5]],"b":"-Infinity"}'
    )
