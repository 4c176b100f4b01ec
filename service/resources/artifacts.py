"""Artifacts: what they are, and their bytes."""

from flask import Response

from service.blueprint import Resource
from service.contents import content_response
from service.context import context
from service.lookups import artifact_or_404
from service.schemas.experiment_replies import ArtifactReply
from workers.database.values import ArtifactView

blueprint = Resource("artifacts", __name__, url_prefix="/v1/artifacts", description="Files that experiments leave.")
BYTES: dict[str, object] = {}  # OpenAPI 3.1: bytes have no schema
ANY = "*/*"


@blueprint.route("/<id:artifact_id>")
@blueprint.response(200, ArtifactReply)
@blueprint.problems("not-found")
def get_artifact(artifact_id: str) -> ArtifactView:
    """Read what an artifact is."""
    return artifact_or_404(artifact_id)


@blueprint.route("/<id:artifact_id>/content")
@blueprint.response(200, BYTES, content_type=ANY, description="The bytes, under the artifact's own media type")
@blueprint.alt_response(206, schema=BYTES, content_type=ANY, description="The bytes in Range", success=True)
@blueprint.alt_response(304, description="The digest in If-None-Match is the content's", success=True)
@blueprint.problems("not-found", "range-not-satisfiable")
def get_content(artifact_id: str) -> Response:
    """Download an artifact, or the part that one Range names; the ETag is its sha256."""
    return content_response(context(), artifact_or_404(artifact_id))
