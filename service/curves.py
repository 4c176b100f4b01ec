"""Curves as JSON or CSV, as the client accepts."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, request

from service.downsampling import as_csv, between, downsample
from service.problems import ProblemError
from service.responses import json_response
from service.schemas.experiment_replies import CurvesReply
from workers.experiments.measurement import Curve

FORMS = ("application/json", "text/csv")


def curves_response(experiment_id: str, curves: Sequence[Curve], query: Mapping[str, Any]) -> Response:
    """Return the asked-for part of the curves; raise ProblemError 406 for any other media type."""
    form = request.accept_mimetypes.best_match(FORMS) if request.accept_mimetypes else FORMS[0]
    if form is None:
        raise ProblemError("not-acceptable", f"Curves come as {' or '.join(FORMS)}.")
    parts = [between(curve, query["first_step"], query["last_step"]) for curve in curves]
    shown = [downsample(part, query["max_points"]) for part in parts]
    if form == "text/csv":
        response = Response(as_csv(shown), mimetype="text/csv")
    else:
        missing = sorted(set(query["names"]) - {curve.name for curve in curves})
        response = json_response(CurvesReply, {"experiment": experiment_id, "data": shown, "missing": missing})
    response.headers["Vary"] = "Accept"
    return response
