"""How many experiments of a sweep may run at once, whoever claims them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session

from workers.database.models import ExperimentRow
from workers.database.sweep_models import SweepRow
from workers.database.transitions import stands_in
from workers.experiments.lifecycle import Status

Row = ExperimentRow


def free_places(session: Session) -> dict[str, int]:
    """Return how many experiments more each limited sweep that waits may run, and lock these sweeps.

    Nothing where there is none. The locks hold until the transaction ends: two workers that count at
    once would both find the last place free.
    """
    waits = exists().where(Row.sweep_id == SweepRow.id, stands_in(Status.QUEUED))
    limited = select(SweepRow.id, SweepRow.max_parallel).where(SweepRow.max_parallel.is_not(None), waits)
    limits = {row.id: row.max_parallel for row in session.execute(limited.order_by(SweepRow.id).with_for_update())}
    if not limits:
        return {}
    running = (
        select(Row.sweep_id, func.count().label("running"))
        .where(Row.sweep_id.in_(limits), stands_in(Status.RUNNING))
        .group_by(Row.sweep_id)
    )
    busy = {row.sweep_id: row.running for row in session.execute(running)}
    return {sweep_id: max(0, limit - busy.get(sweep_id, 0)) for sweep_id, limit in limits.items()}


def may_run(free: dict[str, int]) -> ColumnElement[bool]:
    """Return the condition that an experiment's sweep, if it has one, has a place free."""
    full = [sweep_id for sweep_id, places in free.items() if not places]
    return or_(Row.sweep_id.is_(None), Row.sweep_id.not_in(full))


def within(free: dict[str, int], rows: Iterable[Any]) -> list[str]:
    """Return the ids of the rows (id, sweep_id) that find a place, in their order."""
    left, taken = dict(free), []
    for row in rows:
        if row.sweep_id not in left:
            taken.append(row.id)
        elif left[row.sweep_id]:
            left[row.sweep_id] -= 1
            taken.append(row.id)
    return taken
