"""Comparisons: made once, read afterwards."""

from typing import Any

from flask import Response

from service.blueprint import Resource
from service.context import context
from service.resources.experiments import BODY_PROBLEMS
from service.responses import json_response, repeatable, stored_response
from service.schemas.comparisons import ComparisonBody, ComparisonReply
from service.schemas.experiments import SubmissionHeaders

blueprint = Resource("comparisons", __name__, url_prefix="/v1/comparisons", description="Two sets, pair by pair.")


@blueprint.route("", methods=["POST"])
@blueprint.arguments(ComparisonBody)
@blueprint.arguments(SubmissionHeaders, location="headers")
@blueprint.response(201, ComparisonReply)
@blueprint.problems(*BODY_PROBLEMS, "filter-syntax", "filter-type", "unknown-filter-field", "idempotency-key-reused")
def post_comparison(asked: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Compare the experiments of two filters, pair by pair, as they are now.

    A test that cannot reach alpha with so few pairs is inconclusive, and needed_n says how many could.
    """
    from service.comparisons import compared  # scipy

    reply, view = compared(context(), asked, repeatable(headers["key"]))
    return stored_response(reply, replayed=view is None)


@blueprint.route("/<id:comparison_id>")
@blueprint.response(200, ComparisonReply)
@blueprint.problems("not-found")
def get_comparison(comparison_id: str) -> Response:
    """Read a comparison, as it was found when it was made."""
    from service.comparisons import comparison_or_404

    return json_response(ComparisonReply, comparison_or_404(context(), comparison_id))
