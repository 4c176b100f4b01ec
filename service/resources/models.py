"""What a trained model answers and looks like."""

from typing import Any

from flask import Response, request

from service.blueprint import Resource
from service.context import context
from service.lookups import experiment_or_404
from service.plots.drawing import MEDIA_TYPES, Format
from service.plots.pictures import Name, picture
from service.predictions import Predictions, predict
from service.resources.experiments import BODY_PROBLEMS
from service.schemas.experiment_replies import PredictionsReply
from service.schemas.experiments import PredictionsBody

# Matplotlib writes inline styles into SVG; nothing else may be loaded or run.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
blueprint = Resource("models", __name__, url_prefix="/v1/experiments", description="Ask and see a trained model.")


@blueprint.route("/<id:experiment_id>/predictions", methods=["POST"])
@blueprint.arguments(PredictionsBody)
@blueprint.response(200, PredictionsReply)
@blueprint.problems(*BODY_PROBLEMS, "not-found", "no-model", "unavailable")
def predict_outputs(body: dict[str, Any], experiment_id: str) -> Predictions:
    """Ask the model at given inputs; where the target is known, compare with it."""
    return predict(context(), experiment_or_404(experiment_id), body["inputs"])


@blueprint.route("/<id:experiment_id>/plots/<any(loss, fit, probes):name>.<any(svg, png):form>")
@blueprint.response(200, {"type": "string"}, content_type="image/svg+xml")
@blueprint.alt_response(200, schema={"type": "string", "format": "binary"}, content_type="image/png", success=True)
@blueprint.problems("not-found")
def get_plot(experiment_id: str, name: Name, form: Format) -> Response:
    """Draw the loss over the steps, the fit against the target, or what the probes saw."""
    content = picture(context(), experiment_or_404(experiment_id), name, form)
    response = Response(content, mimetype=MEDIA_TYPES[form], headers={"Content-Security-Policy": PICTURE_POLICY})
    response.add_etag()
    response.make_conditional(request)
    return response
