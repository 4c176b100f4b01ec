"""Sweeps between HTTP and the database: what every cell costs, acceptance, and what a cell's reply says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from sqlalchemy.orm import Session

from service.context import Context
from service.json_reply import strict_json
from service.problems import ProblemError, invalid_body
from service.schemas.sweep_replies import SweepReply, sweep_path
from service.submission import Repeatable, check_limits, merged, once, retry_after
from workers import messages
from workers.catalogue.problems import InvalidError, Problem
from workers.database import sweeps
from workers.database.sweep_values import CellView, NewSweep, SweepView
from workers.database.values import NewExperiment, Queue, StoredReply
from workers.experiments.codec import encode, spec_hash
from workers.experiments.costs import Estimate
from workers.experiments.lifecycle import Status
from workers.experiments.shape import queue_of, shape_key
from workers.experiments.sweep import MOST_PROBLEMS, Grid, expand, grid_of, located


def grid_of_plan(plan: Mapping[str, Any]) -> Grid:
    """Return the grid of a stored plan."""
    return grid_of(plan["base"], plan["axes"], plan["zip"])


def submit_sweep(context: Context, new: NewSweep, request: Repeatable | None) -> tuple[StoredReply, SweepView | None]:
    """Store the sweep, its experiments and its reply in one transaction, then ring."""
    costs = admitted_cells(context, new)

    def store(session: Session, now: datetime) -> tuple[StoredReply, SweepView]:
        view = sweeps.submit_sweep(session, new, project_id=context.project_id, now=now)
        return _reply(view, costs), view

    reply, view = once(context, request, store)
    if view is not None:
        for queue in sorted({queue_of(cell.spec) for cell in new.cells}):
            messages.ring(queue)
    return reply, view


def admitted_cells(context: Context, new: NewSweep) -> list[Estimate]:
    """Return what each cell costs; raise ProblemError with every cell that this server does not take."""
    grid = grid_of_plan(new.plan)
    costs: list[Estimate] = []
    problems: dict[tuple[Any, ...], Problem] = {}
    for place, (cell, point) in enumerate(zip(new.cells, grid.points(), strict=True)):
        try:
            costs.append(check_limits(context.settings, merged(context, cell.spec)))
        except InvalidError as error:
            for problem in located(error.problems, place, point, grid):
                problems.setdefault((problem.path, problem.code), problem)
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise invalid_body(problems.values())
    return costs


def validated_sweep(context: Context, new: NewSweep) -> dict[str, Any]:
    """Return the members of a validation reply; raise ProblemError for what a submission would refuse."""
    costs = admitted_cells(context, new)
    hashes = [spec_hash(cell.spec) for cell in new.cells]
    project_id = context.project_id
    with context.database.read() as session:
        known = sweeps.succeeded_by_hash(session, project_id, hashes)
    fresh = [cost for cost, each in zip(costs, hashes, strict=True) if each not in known]
    return {
        "cells_total": len(hashes),
        "cells_existing": len(hashes) - len(fresh),
        "populations": len({shape_key(cell.spec) for cell in new.cells}),
        "estimate": {
            "flops": sum(cost.flops for cost in fresh),
            "memory_bytes": max((cost.memory_bytes for cost in fresh), default=0),
            "seconds": sum(cost.seconds for cost in fresh),
        },
        "example": encode(new.cells[0].spec),
    }


def sweep_or_404(context: Context, sweep_id: str) -> SweepView:
    """Return the sweep; raise ProblemError when the project has none of this id."""
    with context.database.read() as session:
        return found(sweeps.sweep(session, context.project_id, sweep_id), sweep_id)


def found(view: SweepView | None, sweep_id: str) -> SweepView:
    """Return the sweep; raise ProblemError where there is none."""
    if view is None:
        raise ProblemError("not-found", f"There is no sweep {sweep_id}.")
    return view


def cell_members(grid: Grid, cell: CellView) -> dict[str, Any]:
    """Return the members of a cell's reply."""
    return {
        "number": cell.number,
        "coordinates": grid.point(cell.number),
        "reused": cell.reused,
        "experiment": cell.experiment,
    }


def refilled(view: SweepView, numbers: Sequence[int]) -> list[NewExperiment]:
    """Return the experiments of the cells of these numbers, as they were submitted."""
    cells = expand(view.plan["base"], grid_of_plan(view.plan))
    options: dict[str, Any] = {
        name: tuple(value) if name == "tags" else value for name, value in view.plan["options"].items()
    }
    return [NewExperiment(spec=cells[number].spec, **options) for number in numbers]


def ring_for(view: SweepView) -> None:
    """Wake workers for what of the sweep waits; its cells may be for several queues."""
    if view.counts[Status.QUEUED]:
        for queue in get_args(Queue):
            messages.ring(queue)


def _reply(view: SweepView, costs: list[Estimate]) -> StoredReply:
    headers = {"Location": sweep_path(view.id)}
    if not view.status.is_terminal:
        headers["Retry-After"] = retry_after(sum(cost.seconds for cost in costs))
    status = 200 if view.status.is_terminal else 202
    return StoredReply(status=status, body=strict_json(SweepReply().dump(view)), headers=headers)
