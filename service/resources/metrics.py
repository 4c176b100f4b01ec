"""Metrics of many experiments at once."""

from typing import Any

from service.blueprint import Resource
from service.context import context
from service.metrics import measured
from service.resources.experiments import BODY_PROBLEMS, FILTER_PROBLEMS
from service.schemas.queries import MetricsQueryBody, MetricsReply

blueprint = Resource("metrics", __name__, url_prefix="/v1/metrics", description="Read metrics of many experiments.")


@blueprint.route("/query", methods=["POST"])
@blueprint.arguments(MetricsQueryBody)
@blueprint.response(200, MetricsReply)
@blueprint.problems(*BODY_PROBLEMS, *FILTER_PROBLEMS, "invalid-cursor")
def query_metrics(body: dict[str, Any]) -> dict[str, Any]:
    """Read summaries and curves of the experiments that are named, or that meet a filter.

    Without `summaries` all of them are sent, without `curves` none. `max_points` per curve.
    """
    return measured(context(), body)
