"""What an experiment leaves: progress, events, attempts, curves, artifacts, manifest."""

from typing import Any

from flask import Response, request

from service.blueprint import Resource
from service.context import context
from service.curves import curves_response
from service.lookups import experiment_or_404, of_experiment
from service.problems import ProblemError
from service.progress import progress_of
from service.schemas.experiment_replies import (
    ArtifactReply,
    AttemptReply,
    CurvesReply,
    EventReply,
    ProgressReply,
)
from service.schemas.experiments import CurvesQuery, EventsQuery
from service.schemas.replies import list_of
from workers.database import queries
from workers.experiments.measurement import MANIFEST

blueprint = Resource("evidence", __name__, url_prefix="/v1/experiments", description="What an experiment leaves.")


@blueprint.route("/<id:experiment_id>/progress")
@blueprint.response(200, ProgressReply)
@blueprint.problems("not-found")
def get_progress(experiment_id: str) -> dict[str, Any]:
    """Say how far an experiment is."""
    return progress_of(context(), experiment_or_404(experiment_id))


@blueprint.route("/<id:experiment_id>/events")
@blueprint.arguments(EventsQuery, location="query")
@blueprint.response(200, list_of(EventReply))
@blueprint.problems("not-found", "unknown-parameter", "validation-error")
def list_events(query: dict[str, Any], experiment_id: str) -> dict[str, Any]:
    """List what happened to an experiment, in order."""
    after = query["after_version"]
    return {"data": of_experiment(experiment_id, lambda session: queries.events_of(session, experiment_id, after))}


@blueprint.route("/<id:experiment_id>/attempts")
@blueprint.response(200, list_of(AttemptReply))
@blueprint.problems("not-found")
def list_attempts(experiment_id: str) -> dict[str, Any]:
    """List the times that a worker held an experiment."""
    return {"data": of_experiment(experiment_id, lambda session: queries.attempts_of(session, experiment_id))}


@blueprint.route("/<id:experiment_id>/curves")
@blueprint.arguments(CurvesQuery, location="query")
@blueprint.response(200, CurvesReply)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blueprint.problems("not-found", "not-acceptable", "unknown-parameter", "validation-error")
def get_curves(query: dict[str, Any], experiment_id: str) -> Response:
    """Read metrics over their steps, as JSON or (Accept: text/csv) as CSV.

    `max_points` per curve; of a longer one, the extremes of each stretch are kept.
    """
    names = query["names"] or None
    curves = of_experiment(experiment_id, lambda session: queries.curves_of(session, experiment_id, names))
    return curves_response(experiment_id, curves, query)


@blueprint.route("/<id:experiment_id>/artifacts")
@blueprint.response(200, list_of(ArtifactReply))
@blueprint.problems("not-found")
def list_artifacts(experiment_id: str) -> dict[str, Any]:
    """List the files that an experiment left."""
    return {"data": of_experiment(experiment_id, lambda session: queries.artifacts_of(session, experiment_id))}


@blueprint.route("/<id:experiment_id>/manifest")
@blueprint.response(200, {"type": "object"}, description="Spec, versions, machine and data, as the run saw them")
@blueprint.problems("not-found")
def get_manifest(experiment_id: str) -> Response:
    """Read what decided the result: spec, versions, threads, device, data."""
    content = of_experiment(experiment_id, lambda session: queries.named_content(session, experiment_id, MANIFEST))
    if content is None:
        raise ProblemError("not-found", "The experiment has no manifest, or none yet.")
    response = Response(content, mimetype="application/json")
    response.add_etag()
    response.make_conditional(request)
    return response
