"""Values that come back as they went in, on both databases."""

import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, insert, select, text

from workers.database.columns import (
    Json,
    Numbers,
    UtcDateTime,
    join_floats,
    pack_steps,
    pack_values,
    split_floats,
    unpack_steps,
    unpack_values,
)
from workers.database.session import Database

FLOATS = st.lists(st.sampled_from([0.0, -1.5, 1e308, math.nan, math.inf, -math.inf]), max_size=5)


def stored(database: Database, type_: Any, value: Any) -> Any:
    """Write a value into a column of the type and return what is read back."""
    table = Table("probe", MetaData(), Column("id", String(8)), Column("value", type_))
    with database.write() as session:
        session.execute(text("DROP TABLE IF EXISTS probe"))
        table.create(session.connection())
        session.execute(insert(table).values(id="a", value=value))
    with database.read() as session:
        return session.execute(select(table.c.value)).scalar_one()


def test_moments_come_back_aware_and_in_utc(database: Database) -> None:
    """Caught when mutated: dropping the zone instead of converting it; returning naive moments."""
    given_there = datetime(2030, 7, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    found = stored(database, UtcDateTime(), given_there)
    assert found == datetime(2030, 6, 30, 23, 30, 0, 123456, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    """Caught when mutated: no check; PostgreSQL would take the server's zone and SQLite UTC."""
    with pytest.raises(Exception, match="time zone"):
        stored(database, UtcDateTime(), datetime(2030, 1, 1))


def test_json_with_nan_is_refused_by_both(database: Database) -> None:
    """Caught when mutated: no strict serializer; SQLite would store what PostgreSQL refuses."""
    with pytest.raises(Exception, match=r"[Jj][Ss][Oo][Nn]|JSON compliant"):
        stored(database, Json, {"x": math.nan})


def test_json_keeps_numbers(database: Database) -> None:
    """Caught when mutated: JSON kept in a binary form of lower precision."""
    value = {"rate": 1e-07, "third": 1 / 3, "seed": 2**63 - 1, "none": None, "list": [1.5, "é"]}
    assert stored(database, Json, value) == value


def test_numbers_keep_nan_infinity_and_every_bit(database: Database) -> None:
    """Caught when mutated: JSON or JSONB in the place of Numbers."""
    found = stored(database, Numbers(), [[0.1, math.inf], [math.nan, -math.inf]])
    assert pack_values(found[0] + found[1]) == pack_values([0.1, math.inf, math.nan, -math.inf])


@given(FLOATS)
def test_split_floats_come_back_and_the_flag_is_zero_only_for_finite_ones(values: list[float]) -> None:
    """Caught when mutated: one bit a value in the flag; infinity and minus infinity exchanged."""
    parts, flag = split_floats(values)
    assert pack_values(join_floats(parts, flag)) == pack_values(values)
    assert (flag == 0) == all(map(math.isfinite, values))
    assert all(part is None or math.isfinite(part) for part in parts)


def test_a_null_that_no_flag_explains_is_an_error() -> None:
    """Caught when mutated: reading NULL as NaN, which hides a lost value."""
    with pytest.raises(ValueError, match="missing"):
        join_floats([1.0, None], 0)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.floats(width=64)))
def test_packed_points_are_little_endian(steps: list[int], values: list[float]) -> None:
    """Caught when mutated: native or big-endian packing; int32 steps; float32 values."""
    assert unpack_steps(pack_steps(steps)) == tuple(steps)
    assert pack_values(unpack_values(pack_values(values))) == pack_values(values)
    assert pack_steps(steps) == b"".join(step.to_bytes(8, "little", signed=True) for step in steps)
    assert pack_values(values) == b"".join(struct.pack("<d", value) for value in values)
