"""Column types that give the same values back on both databases."""

import json
import math
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Enum, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from workers.experiments.lifecycle import Status

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
StatusType = Enum(
    Status,
    native_enum=False,
    length=16,
    create_constraint=False,
    values_callable=lambda enum: [each.value for each in enum],
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC in the database, to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC; raise ValueError for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment aware, in UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Numbers(TypeDecorator[Any]):
    """JSON as text that keeps NaN and infinity, which JSONB refuses; floats come back to the bit."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value."""
        return None if value is None else json.loads(value)


NON_FINITE = (None, math.nan, math.inf, -math.inf)  # place in the tuple = the two bits of the flag


def split_floats(values: Sequence[float]) -> tuple[list[float | None], int]:
    """Return the values with NULL for what is not finite, and the flag that says what stood there.

    Two bits a value, the first value lowest: 0 finite, 1 NaN, 2 infinity, 3 minus infinity.
    The flag is 0 exactly when all are finite. SQLite turns NaN into NULL by itself, without a flag.
    """
    codes = [0 if math.isfinite(value) else 1 if math.isnan(value) else 2 if value > 0 else 3 for value in values]
    stored = [None if code else value for value, code in zip(values, codes, strict=True)]
    return stored, sum(code << 2 * place for place, code in enumerate(codes))


def join_floats(stored: Sequence[float | None], flag: int) -> list[float]:
    """Return the values that `split_floats` took apart."""
    found = [NON_FINITE[flag >> 2 * place & 3] if value is None else value for place, value in enumerate(stored)]
    if None in found:
        raise ValueError("a value is missing and no flag says what it was")
    return [float(value) for value in found if value is not None]


def pack_steps(steps: Sequence[int]) -> bytes:
    """Return the steps as little-endian int64."""
    return struct.pack(f"<{len(steps)}q", *steps)


def unpack_steps(packed: bytes) -> tuple[int, ...]:
    """Return the steps."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)


def pack_values(values: Sequence[float]) -> bytes:
    """Return the values as little-endian float64, NaN and infinity included."""
    return struct.pack(f"<{len(values)}d", *values)


def unpack_values(packed: bytes) -> tuple[float, ...]:
    """Return the values to the bit."""
    return struct.unpack(f"<{len(packed) // 8}d", packed)
