"""Sweeps: submit, validate, read, list, cancel, retry, export."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, stream_with_context

from service.blueprint import Resource
from service.context import context
from service.pagination import read_cursor, write_cursor
from service.resources.experiments import BODY_PROBLEMS
from service.responses import json_response, repeatable, stored_response
from service.schemas.experiments import SubmissionHeaders
from service.schemas.replies import list_of
from service.schemas.sweep_replies import AggregateReply, CellReply, SweepReply, SweepValidationReply
from service.schemas.sweeps import AggregateQuery, CellsQuery, ExportQuery, SweepBody, SweepsQuery
from service.sweep_export import exported
from service.sweeps import (
    cell_members,
    found,
    grid_of_plan,
    refilled,
    ring_for,
    submit_sweep,
    sweep_or_404,
    validated_sweep,
)
from workers.database import sweeps
from workers.database.sweep_values import NewSweep
from workers.experiments.lifecycle import Status

MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
blueprint = Resource("sweeps", __name__, url_prefix="/v1/sweeps", description="Grids of experiments.")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(SweepBody)
@blueprint.arguments(SubmissionHeaders, location="headers")
@blueprint.response(202, SweepReply, description="Accepted: poll the address in Location")
@blueprint.alt_response(200, schema=SweepReply, description="Every cell was there already", success=True)
@blueprint.problems(*BODY_PROBLEMS, "idempotency-key-reused")
def post_sweep(new: NewSweep, headers: dict[str, Any]) -> Response:
    """Submit a sweep: at most 10,000 cells, stored together or not at all.

    `reuse: succeeded` takes equal experiments that have succeeded instead of running them again.
    """
    reply, view = submit_sweep(context(), new, repeatable(headers["key"]))
    return stored_response(reply, replayed=view is None)


@blueprint.route("/validate", methods=["POST"])
@blueprint.arguments(SweepBody)
@blueprint.response(200, SweepValidationReply)
@blueprint.problems(*BODY_PROBLEMS)
def validate_sweep(new: NewSweep) -> dict[str, Any]:
    """Say how many cells a sweep has, how many exist already, and what the rest costs; store nothing."""
    return validated_sweep(context(), new)


@blueprint.route("")
@blueprint.arguments(SweepsQuery, location="query")
@blueprint.response(200, list_of(SweepReply))
@blueprint.problems("unknown-parameter", "invalid-cursor", "validation-error")
def list_sweeps(query: dict[str, Any]) -> dict[str, Any]:
    """List sweeps, newest first."""
    signer, cursor = context().cursors, query["cursor"]
    after = read_cursor(signer, cursor, ["sweeps"]) if cursor is not None else None
    project_id = context().project_id
    with context().database.read() as session:
        page = sweeps.list_sweeps(session, project_id, after=after, limit=query["limit"])
    last = page.items[-1] if page.has_more else None
    following = write_cursor(signer, (last.created_at, last.id), ["sweeps"]) if last else None
    return {"data": page.items, "has_more": page.has_more, "next_cursor": following}


@blueprint.route("/<id:sweep_id>")
@blueprint.response(200, SweepReply)
@blueprint.problems("not-found")
def get_sweep(sweep_id: str) -> Response:
    """Read a sweep and how far it is."""
    return json_response(SweepReply, sweep_or_404(context(), sweep_id))


@blueprint.route("/<id:sweep_id>/cells")
@blueprint.arguments(CellsQuery, location="query")
@blueprint.response(200, list_of(CellReply))
@blueprint.problems("unknown-parameter", "invalid-cursor", "validation-error", "not-found")
def list_cells(query: dict[str, Any], sweep_id: str) -> dict[str, Any]:
    """List the cells of a sweep in the order of their numbers, each with its coordinates and its experiment."""
    view, signer = sweep_or_404(context(), sweep_id), context().cursors
    statuses = sorted(set(query["status"]))
    bound_to = ["cells", view.id, statuses]
    after = int(read_cursor(signer, query["cursor"], bound_to)[1]) if query["cursor"] is not None else -1
    with context().database.read() as session:
        page = sweeps.cells(
            session, view.id, statuses=[Status(word) for word in statuses], after=after, limit=query["limit"]
        )
    grid = grid_of_plan(view.plan)
    last = page.items[-1] if page.has_more else None
    following = write_cursor(signer, (view.created_at, str(last.number)), bound_to) if last else None
    data = [cell_members(grid, cell) for cell in page.items]
    return {"data": data, "has_more": page.has_more, "next_cursor": following}


@blueprint.route("/<id:sweep_id>/aggregate")
@blueprint.arguments(AggregateQuery, location="query")
@blueprint.response(200, AggregateReply)
@blueprint.problems("unknown-parameter", "validation-error", "filter-syntax", "unknown-filter-field", "not-found")
def aggregate_sweep(query: dict[str, Any], sweep_id: str) -> dict[str, Any]:
    """Aggregate a metric over seeds: mean, median, interquartile mean and interval of each group, and a fit to them.

    Every axis is named in one of group_by, over (left out: the axes of seeds) and best_over. best_over tunes within
    each group by best_by, a metric on other data than the one that is reported.
    """
    from service.statistics import aggregated  # scipy

    return aggregated(context(), sweep_or_404(context(), sweep_id), query)


@blueprint.route("/<id:sweep_id>/export")
@blueprint.arguments(ExportQuery, location="query")
@blueprint.response(200, content_type="text/csv", description="One line a cell")
@blueprint.problems("unknown-parameter", "validation-error", "not-found")
def export_sweep(query: dict[str, Any], sweep_id: str) -> Response:
    """Export a sweep as CSV or as NDJSON: one line a cell, with its coordinates and the last value of each metric.

    It is written while it is read, however large it is.
    """
    view, form = sweep_or_404(context(), sweep_id), query["format"]
    lines = stream_with_context(exported(context(), view, form))
    disposition = f'attachment; filename="{view.id}.{form}"'
    return Response(lines, mimetype=MEDIA_TYPES[form], headers={"Content-Disposition": disposition})


@blueprint.route("/<id:sweep_id>/cancel", methods=["POST"])
@blueprint.response(202, SweepReply, description="What waited is cancelled, what runs has been asked to stop")
@blueprint.problems("not-found")
def cancel_sweep(sweep_id: str) -> Response:
    """Cancel what a sweep has not finished; reused experiments stay as they are."""
    project_id = context().project_id
    with context().database.write() as session:
        view = sweeps.cancel_sweep(session, project_id, sweep_id, datetime.now(UTC))
    return json_response(SweepReply, found(view, sweep_id), 202)


@blueprint.route("/<id:sweep_id>/retry", methods=["POST"])
@blueprint.response(202, SweepReply, description="Failed and cancelled cells are queued again")
@blueprint.problems("not-found")
def retry_sweep(sweep_id: str) -> Response:
    """Queue the failed, cancelled and missing cells of a sweep again; what has succeeded stays."""
    project_id = context().project_id
    with context().database.write() as session:
        view = found(sweeps.retry_sweep(session, project_id, sweep_id, refilled, datetime.now(UTC)), sweep_id)
    ring_for(view)
    return json_response(SweepReply, view, 202)
