"""Curves of many experiments, one after the other: no more than one of them is in memory."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from workers.database.columns import unpack_steps, unpack_values
from workers.database.models import CurveRow
from workers.experiments.measurement import Curve

ROWS_AT_ONCE = 16


def curves_of_many(session: Session, ids: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, Curve]]:
    """Yield the curves of those names with the ids of their experiments, sorted by both."""
    if not ids or not names:
        return
    query = (
        select(CurveRow.experiment_id, CurveRow.name, CurveRow.steps, CurveRow.values)
        .where(CurveRow.experiment_id.in_(ids), CurveRow.name.in_(names))
        .order_by(CurveRow.experiment_id, CurveRow.name, CurveRow.chunk)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for (experiment_id, name), rows in groupby(session.execute(query), key=lambda row: (row[0], row[1])):
        chunks = list(rows)
        steps = b"".join(row[2] for row in chunks)
        values = b"".join(row[3] for row in chunks)
        yield experiment_id, Curve(name=name, steps=unpack_steps(steps), values=unpack_values(values))
