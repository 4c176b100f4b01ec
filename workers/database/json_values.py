"""Values inside JSON columns, by type: NULL where there is none of that type. Paths and keys are bound."""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    Integer,
    Numeric,
    String,
    Text,
    case,
    cast,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB

from workers.database.models import ExperimentRow
from workers.experiments.filtering.syntax import Path

Row = ExperimentRow


class JsonValue:
    """What stands at a path of the spec; its parts hold no quote and no backslash."""

    def __init__(self, path: Path, dialect: str) -> None:
        self._postgres = dialect == "postgresql"
        if self._postgres:
            self._found: Any = type_coerce(Row.spec, JSONB)
            for part in path:
                self._found = self._found[part]  # -> with a text or a number, bound
            self._type = func.jsonb_typeof(self._found)
        else:
            steps = "".join(f"[{part}]" if isinstance(part, int) else f'."{part}"' for part in path)
            self._path = literal(f"${steps}", String())
            self._type = func.json_type(Row.spec, self._path)

    @property
    def is_there(self) -> ColumnElement[bool]:
        """Return whether there is a value other than null; never NULL itself."""
        return func.coalesce(self._type, "null") != "null"

    @property
    def text(self) -> ColumnElement[Any]:
        """Return the value where it is text."""
        return self._where("string", "text")

    @property
    def boolean(self) -> ColumnElement[Any]:
        """Return 1 or 0 where it is true or false."""
        if self._postgres:
            number = cast(cast(self._found, Boolean), Integer)
            return case((self._type == "boolean", number))
        return case((self._type == "true", 1), (self._type == "false", 0))

    @property
    def number(self) -> ColumnElement[Any]:
        """Return the value where it is a number, with every digit that the JSON has."""
        if self._postgres:
            return case((self._type == "number", cast(self._found, Numeric())))
        return self._where("", "integer", "real")

    @property
    def key(self) -> ColumnElement[Any]:
        """Return the value as a float, to sort by, where it is a number."""
        if self._postgres:
            return case((self._type == "number", cast(self._found, Float(53))))
        return cast(self._where("", "integer", "real"), Float(53))

    def bound(self, value: float) -> ColumnElement[Any]:
        """Return a finite number as it is to be compared with `number`."""
        # PostgreSQL turns a double into a numeric of 15 digits; by its shortest text nothing is lost.
        return literal(Decimal(repr(value)), Numeric()) if self._postgres else literal(value)

    def _where(self, postgres: str, *sqlite: str) -> ColumnElement[Any]:
        if self._postgres:
            return case((self._type == postgres, self._found.astext))
        return case((self._type.in_(sqlite), func.json_extract(Row.spec, self._path)))


def metadata_value(key: str, dialect: str) -> ColumnElement[Any]:
    """Return the text of a key of the metadata, NULL where there is no such key."""
    if dialect == "postgresql":
        value: ColumnElement[Any] = type_coerce(Row.metadata_, JSONB)[key].astext
        return value
    # By a path, SQLite would find no key that its JSON writes with an escape.
    each = func.json_each(Row.metadata_).table_valued("key", "value")
    return select(cast(each.c.value, Text)).where(each.c.key == key).scalar_subquery()
