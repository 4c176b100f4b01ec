"""Curves: points appended in chunks while an experiment runs, one row a curve once it is done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from workers.database.columns import pack_steps, pack_values, unpack_steps, unpack_values
from workers.database.models import CurveRow
from workers.database.session import insert_rows
from workers.experiments.measurement import Curve

Points = dict[str, dict[int, float]]


def curves_of(session: Session, experiment_id: str, names: Sequence[str] | None = None) -> list[Curve]:
    """Return the curves in the order of their names, all of them without `names`; unknown names give none."""
    query = select(CurveRow.name, CurveRow.steps, CurveRow.values).where(CurveRow.experiment_id == experiment_id)
    if names is not None:
        query = query.where(CurveRow.name.in_(names))
    steps: defaultdict[str, bytes] = defaultdict(bytes)
    values: defaultdict[str, bytes] = defaultdict(bytes)
    for name, packed_steps, packed_values in session.execute(query.order_by(CurveRow.name, CurveRow.chunk)):
        steps[name] += packed_steps
        values[name] += packed_values
    return [
        Curve(name=name, steps=unpack_steps(steps[name]), values=unpack_values(values[name])) for name in sorted(steps)
    ]


def append_chunks(session: Session, chunks: Sequence[tuple[str, int, Sequence[Curve]]]) -> None:
    """Add points: (experiment id, chunk number, curves) each; a chunk number is used once."""
    rows = [_row(experiment_id, chunk, curve) for experiment_id, chunk, curves in chunks for curve in curves]
    insert_rows(session, CurveRow, rows)


def forget_curves(session: Session, ids: Sequence[str]) -> None:
    """Delete all points of the experiments."""
    statement = delete(CurveRow).where(CurveRow.experiment_id.in_(ids))
    session.execute(statement)


def recorded_points(session: Session, experiment_id: str) -> Points:
    """Return value by step by name of what is recorded."""
    return {
        curve.name: dict(zip(curve.steps, curve.values, strict=True)) for curve in curves_of(session, experiment_id)
    }


def differs(recorded: Mapping[str, Mapping[int, float]], curves: Sequence[Curve]) -> bool:
    """Say whether a value differs in a bit from the one recorded at its step."""
    return any(
        step in known and pack_values([known[step]]) != pack_values([value])
        for curve in curves
        for known in [recorded.get(curve.name, {})]
        for step, value in zip(curve.steps, curve.values, strict=True)
    )


def unrecorded(recorded: Mapping[str, Mapping[int, float]], curves: Sequence[Curve]) -> list[Curve]:
    """Return the points at steps that are not recorded."""
    rest = []
    for curve in curves:
        known = recorded.get(curve.name, {})
        points = [pair for pair in zip(curve.steps, curve.values, strict=True) if pair[0] not in known]
        if points:
            steps, values = zip(*points, strict=True)
            rest.append(Curve(name=curve.name, steps=steps, values=values))
    return rest


def _row(experiment_id: str, chunk: int, curve: Curve) -> dict[str, Any]:
    return {
        "experiment_id": experiment_id,
        "name": curve.name,
        "chunk": chunk,
        "steps": pack_steps(curve.steps),
        "values": pack_values(curve.values),
    }
