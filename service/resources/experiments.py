"""Experiments: submit, validate, read, list, cancel."""

from datetime import UTC, datetime
from typing import Any

from flask import Response

from service.blueprint import Resource
from service.context import context
from service.facets import facets
from service.listing import list_response
from service.responses import accepted_response, cancel_response, experiment_response, repeatable
from service.schemas.experiment_replies import ExperimentReply, ValidationReply
from service.schemas.experiments import FacetsQuery, ListQuery, SubmissionBody, SubmissionHeaders, WaitHeaders
from service.schemas.queries import ExperimentsReply, FacetsReply
from service.submission import submit
from service.validation import validated
from workers.database import results
from workers.database.values import NewExperiment
from workers.experiments.lifecycle import StatusReason

BODY_PROBLEMS = (
    "malformed-json",
    "payload-too-large",
    "unsupported-media-type",
    "validation-error",
    "unknown-field",
)
FILTER_PROBLEMS = ("filter-syntax", "filter-type", "unknown-filter-field")
blueprint = Resource("experiments", __name__, url_prefix="/v1/experiments", description="Submit, follow, cancel.")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(SubmissionBody)
@blueprint.arguments(SubmissionHeaders, location="headers")
@blueprint.response(202, ExperimentReply, description="Accepted: poll the address in Location")
@blueprint.alt_response(200, schema=ExperimentReply, description="Has ended already", success=True)
@blueprint.problems(*BODY_PROBLEMS, "idempotency-key-reused")
def submit_experiment(new: NewExperiment, headers: dict[str, Any]) -> Response:
    """Submit an experiment.

    Within 24 hours, the same request with the same Idempotency-Key gets the first reply again.
    `Prefer: wait=n` waits for the end, at most n and at most 60 seconds.
    """
    accepted = submit(context(), new, repeatable(headers["key"]))
    return accepted_response(context(), accepted, headers["wait_seconds"])


@blueprint.route("/validate", methods=["POST"])
@blueprint.arguments(SubmissionBody)
@blueprint.response(200, ValidationReply)
@blueprint.problems(*BODY_PROBLEMS)
def validate_experiment(new: NewExperiment) -> dict[str, Any]:
    """Say what a spec means and costs; store nothing."""
    return validated(context(), new.spec)


@blueprint.route("")
@blueprint.arguments(ListQuery, location="query")
@blueprint.response(200, ExperimentsReply)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/csv", success=True)
@blueprint.problems("unknown-parameter", "invalid-cursor", "not-acceptable", "validation-error", *FILTER_PROBLEMS)
def list_experiments(query: dict[str, Any]) -> Response:
    """List experiments, newest first unless `order_by` says otherwise; as JSON or (Accept: text/csv) as CSV.

    Pass next_cursor on as cursor, with the same filter and order, until has_more is false.
    """
    return list_response(context(), query)


@blueprint.route("/facets")
@blueprint.arguments(FacetsQuery, location="query")
@blueprint.response(200, FacetsReply)
@blueprint.problems("unknown-parameter", "validation-error", *FILTER_PROBLEMS)
def count_experiments(query: dict[str, Any]) -> dict[str, Any]:
    """Count the experiments that meet a filter by the values of fields, each field by itself."""
    return facets(context(), query)


@blueprint.route("/<id:experiment_id>")
@blueprint.arguments(WaitHeaders, location="headers")
@blueprint.response(200, ExperimentReply)
@blueprint.alt_response(304, description="The version in If-None-Match is the newest", success=True)
@blueprint.problems("not-found")
def get_experiment(headers: dict[str, Any], experiment_id: str) -> Response:
    """Read an experiment.

    `Prefer: wait=n` waits for the end; with If-None-Match, for another version.
    """
    return experiment_response(context(), experiment_id, headers["wait_seconds"])


@blueprint.route("/<id:experiment_id>/cancel", methods=["POST"])
@blueprint.response(200, ExperimentReply, description="Cancelled")
@blueprint.alt_response(202, schema=ExperimentReply, description="Runs and has been asked to stop", success=True)
@blueprint.problems("not-found", "not-cancellable")
def cancel_experiment(experiment_id: str) -> Response:
    """Cancel an experiment, now or soon."""
    project_id = context().project_id
    with context().database.write() as session:
        reason = StatusReason.CANCELLED_BY_CLIENT
        answer = results.cancel(session, project_id, experiment_id, datetime.now(UTC), reason)
    return cancel_response(answer, experiment_id)
