"""The grammar of filters: what is printed is read back, and no text does anything but be read or be refused."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.experiments.filtering.order import order_of
from workers.experiments.filtering.parser import (
    DEEPEST,
    LONGEST,
    MOST_KEYS,
    MOST_NAMES,
    MOST_TERMS,
    parse,
    parse_names,
    parse_order,
)
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
    written,
)
from workers.experiments.filtering.typed import filter_of

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in [*range(32), 127]])
TEXTS = st.text(CHARACTERS, max_size=8) | st.sampled_from(["AND", "true", "a b", '"', "\\", "'", "1", "-", ""])
PARTS = TEXTS | st.integers(0, 999_999_999) | st.sampled_from(["AND", "NOT", "x-y", "_1", "null", "asc"])
FIRSTS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,6}", fullmatch=True).filter(
    lambda text: text not in ("AND", "OR", "NOT")
)
NAMES = st.tuples(FIRSTS, st.lists(PARTS, max_size=3)).map(lambda pair: Name(path=(pair[0], *pair[1])))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
VALUES = st.lists(SCALARS.map(lambda each: Value(value=each)), min_size=1, max_size=3).map(tuple)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
LEAVES = st.one_of(
    st.builds(Comparison, name=NAMES, operator=OPERATORS, values=VALUES),
    st.builds(Has, name=NAMES, values=VALUES),
    st.builds(Presence, name=NAMES),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, term=inner),
        st.builds(And, terms=st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, terms=st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
WORDS = "AND OR NOT - ( ) : * . , = != < >= status seed tags asc metrics.x.last config.a 1 -1 1e9 1e999 Infinity null"
QUOTED = ('"a"', '"a', "\t", "\x00", "\\", "é", '"2030-01-01T00:00:00Z"', '"0001-01-01T00:00:00+23:59"', "created_at")
PIECES = st.sampled_from((*WORDS.split(), *QUOTED))


@settings(max_examples=300, deadline=None, database=None)
@given(TREES)
def test_what_is_printed_is_read_back(tree: Node) -> None:
    """Caught when mutated: a quote not escaped; parentheses left out around OR; 1.0 read as 1, true as 1."""
    text = written(tree)
    if len(text) <= LONGEST:
        again = parse(text)
        assert again == tree
        # 1 == 1.0 == True: the texts tell them apart.
        assert written(again) == text


@settings(max_examples=600, deadline=None, database=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map(" ".join), st.binary(max_size=40).map(str)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Caught when mutated: lark's errors let through; int() of digits that are none; astimezone of the year 1."""
    for read in (filter_of, order_of, parse_names):
        for fault in refusals(read, text):
            assert 1 <= fault.position <= len(text) + 1
            assert fault.message and fault.code in ("filter-syntax", "filter-type", "unknown-filter-field")


def refusals(read: Any, text: str) -> tuple[Fault, ...]:
    """Return the faults of a text, none where it is read; any other exception is the test's."""
    try:
        read(text)
    except FilterError as error:
        return error.faults
    return ()


HOSTILE: dict[str, str] = {
    "open parentheses": "(" * LONGEST,
    "nested parentheses": "(" * 1_300 + "seed=1 OR (" * 60 + "seed=1" + ")" * 1_360,
    "nested negations": "NOT (" * 600 + "seed=1" + ")" * 600,
    "minuses": "-" * LONGEST,
    "a long conjunction": " AND ".join(["seed=1"] * 350),
    "a long list": f"seed=({' OR '.join('1' * 600)})",
    "quotes": '"' * LONGEST,
    "backslashes": 'name="' + "\\" * 3_991 + '"',
    "an open string": 'name="' + "a" * 3_990,
    "dots": "a" + ".a" * 1_990 + ":*",
    "digits": "seed=" + "9" * 3_990,
    "an exponent": "seed=1e" + "9" * 3_990,
    "letters": "a" * LONGEST,
    "spaces": " " * 3_990 + "x",
    "too long": " " * (LONGEST + 1),
    "a million": "seed=1 AND " * 100_000,
    "NUL": "name=\x00",
    "half a pair": 'name="\ud800"',
    "a line break in a string": 'name="a\nb"',
    "SQL": "status = 'queued'; DROP TABLE experiments",
    "a comment": "seed=1 -- AND seed=2",
    "a union": "seed=1 UNION SELECT * FROM keys",
    "a call": "sleep(10)",
    "Python": "__import__('os').getpid()",
    "digits of another script": "seed = ١",
    "letters of another script": "ѕtatus = queued",
    "an invisible space": "seed\u00a0=\u200b1",
}


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_at_once(text: str) -> None:
    """Each takes milliseconds. Caught when mutated: no bound on the length; a recursion over parentheses."""
    with pytest.raises(FilterError) as caught:
        filter_of(text)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("seed=1 AND seed=2 OR seed=3", 19, "parentheses"),
        ("seed=1 OR seed=2 AND seed=3", 18, "parentheses"),
        ("seed=(1 AND 2)", 9, "parentheses"),
        ("seed=1 seed=2", 8, "AND"),
        ("seed", 5, "="),
        ("seed=", 6, "a number"),
        ("(seed=1", 8, ")"),
        ("seed=1)", 7, "the end"),
        ("seed=1 AND", 11, "the name of a field"),
        ("NOT NOT seed=1", 5, "the name of a field"),
        ("seed == 1", 7, "a number"),
        ("name = a b", 10, "AND"),
        ("seed=1e999", 6, "largest number"),
        ("created_at>2026-01-01", 12, "a quoted string"),
    ],
)
def test_the_place_and_what_is_expected_are_told(text: str, position: int, says: str) -> None:
    """Caught when mutated: a position counted from 0; AND that binds tighter than OR."""
    with pytest.raises(FilterError) as caught:
        parse(text)
    (fault,) = caught.value.faults
    assert (fault.code if "largest" not in says else "filter-syntax", fault.position) == ("filter-syntax", position)
    assert says in fault.message and f"character {position}" in str(caught.value)


def test_bounds_hold_and_refuse_one_more() -> None:
    """Caught when mutated: any bound off by one."""
    cases: list[tuple[Any, Any, str, str]] = [
        (parse, MOST_TERMS, "seed=1", " AND "),
        (parse_order, MOST_KEYS, "seed", ","),
        (parse_names, MOST_NAMES, "seed", ","),
    ]
    for read, most, piece, glue in cases:
        read(glue.join([piece] * most))
        with pytest.raises(FilterError):
            read(glue.join([piece] * (most + 1)))
    deep = "seed=1"
    for _ in range(DEEPEST - 1):
        deep = f"NOT ({deep})"
    parse(deep)
    with pytest.raises(FilterError):
        parse(f"NOT ({deep})")


def test_words_signs_and_numbers() -> None:
    """Caught when mutated: `-` read as a sign where it negates; a keyword inside a word."""
    assert parse("-tags:x") == parse("NOT tags:'x'")
    assert parse("a = -1.5e-3") == Comparison(name=Name(path=("a",)), operator="=", values=(Value(value=-0.0015),))
    assert parse("order = ORANGE AND android = NOTE") == parse('order = "ORANGE" AND android = "NOTE"')
    assert parse("a = sine-sum AND b = v1.2") == parse('a = "sine-sum" AND b = "v1.2"')
    assert parse("a.0.b:*") == Presence(name=Name(path=("a", 0, "b")))
    assert parse('a."0"."b.c":*') == Presence(name=Name(path=("a", "0", "b.c")))
    infinite = parse("a < Infinity")
    assert isinstance(infinite, Comparison) and infinite.values[0].value == math.inf
    assert parse("  \n ") == parse("") == And(terms=())


@pytest.mark.parametrize(
    "text",
    ["2030-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01", "2030-01-01", "2030-W01-1", "",
     "2030-01-01T00:00:00", "20300101T000000Z", "٢٠٣٠-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_told_so(text: str) -> None:
    """Caught when mutated: fromisoformat alone; the error of a zone that leads out of the calendar let through."""
    (fault,) = refusals(filter_of, f'created_at > "{text}"')
    assert (fault.code, fault.position) == ("filter-type", 14)
    assert "2026-01-31T12:00:00Z" in fault.message
