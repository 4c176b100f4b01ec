"""Lists as CSV (RFC 4180): one column for each value, safe to open in a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from service.selection import MEMBERS, Selection
from workers.experiments.filtering.syntax import written_name

Path = tuple[str, ...]
# What a spreadsheet takes for the beginning of a formula; tab and line breaks are skipped before it looks.
FORMULA = tuple("=+-@\t\r\n")
LEFT_OUT = ("object", "links", "attempt")


def as_csv(rows: Sequence[Mapping[str, Any]], selection: Selection | None) -> Iterator[str]:
    """Yield the lines of a table: a header of the names that `fields` takes, then one line a row."""
    flat = [dict(_flat(row, ())) for row in rows]
    paths = selection.paths if selection is not None else [(name,) for name in MEMBERS if name not in LEFT_OUT]
    columns = _columns(flat, paths)
    yield line(written_name(column) for column in columns)
    for row in flat:
        yield line(row.get(column) for column in columns)


def cell(value: Any) -> str:
    """Return the text of a value; what a spreadsheet would compute gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, list):
        plain = all(isinstance(each, str) for each in value)
        value = ",".join(value) if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) and value != "-Infinity" else value
    return json.dumps(value)


def _flat(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the values inside objects, each with its path."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _flat(member, (*path, name))
    else:
        yield path, value


def _columns(rows: Sequence[Mapping[Path, Any]], paths: Sequence[Path]) -> list[Path]:
    """Return the columns under each path, sorted; a path without any is a column itself."""
    found = {path for row in rows for path in row}
    columns: dict[Path, None] = {}
    for path in paths:
        inner = sorted(column for column in found if column[: len(path)] == path)
        columns |= dict.fromkeys(inner or [path])
    return list(columns)


def line(values: Iterable[Any]) -> str:
    """Return a line of the values, each safe to open."""
    text = io.StringIO()
    csv.writer(text).writerow(map(cell, values))
    return text.getvalue()
