"""The export of a sweep: one line a cell, written while it is read."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.context import Context
from service.json_reply import number, strict_json
from service.sweeps import grid_of_plan
from service.tables import line
from workers.database import sweeps
from workers.database.sweep_values import CellView, SweepView
from workers.experiments.sweep import Grid

PAGE = 500  # cells read at once
FACTS = ("number", "experiment", "status", "status_reason", "outcome", "reused", "stopped_at_step", "parameters")


def exported(context: Context, view: SweepView, form: str) -> Iterator[str]:
    """Yield the lines of an export, read page by page: one row a cell, its coordinates and its metrics' last values."""
    grid = grid_of_plan(view.plan)
    metrics = _metric_names(context, view)
    columns = [*FACTS, *grid.axes, *(f"metrics.{name}.last" for name in metrics)]
    write = _csv_line if form == "csv" else _ndjson_line
    if form == "csv":
        yield line(columns)
    for cell in _cells(context, view):
        yield write(columns, _row(grid, cell))


def _cells(context: Context, view: SweepView) -> Iterator[CellView]:
    after, more = -1, True
    while more:
        with context.database.read() as session:
            page = sweeps.cells(session, view.id, after=after, limit=PAGE)
        yield from page.items
        more, after = page.has_more, page.items[-1].number if page.items else after


def _metric_names(context: Context, view: SweepView) -> list[str]:
    with context.database.read() as session:
        return sweeps.metric_names(session, view.id)


def _row(grid: Grid, cell: CellView) -> dict[str, Any]:
    row: dict[str, Any] = {"number": cell.number, "reused": cell.reused, **grid.point(cell.number)}
    experiment = cell.experiment
    if experiment is None:
        return row | {"status": sweeps.MISSING}
    shown = experiment.metrics if experiment.status.is_terminal else {}
    return row | {
        "experiment": experiment.id,
        "status": experiment.status.value,
        "status_reason": experiment.status_reason.value,
        "outcome": experiment.outcome and experiment.outcome.value,
        "stopped_at_step": experiment.stopped_at_step,
        "parameters": experiment.parameters,
        **{f"metrics.{name}.last": number(summary.last) for name, summary in shown.items()},
    }


def _csv_line(columns: list[str], row: Mapping[str, Any]) -> str:
    return line(row.get(column) for column in columns)


def _ndjson_line(columns: list[str], row: Mapping[str, Any]) -> str:
    return strict_json({column: row.get(column) for column in columns}) + "\n"
