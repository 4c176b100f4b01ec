"""The catalogue: what experiments can be made of."""

from typing import Any

from service.blueprint import Resource
from service.catalogue import component, components, kinds
from service.schemas.catalogue_replies import ComponentReply, KindReply
from service.schemas.replies import list_of

blueprint = Resource("catalogue", __name__, url_prefix="/v1/catalogue", description="What experiments can be made of.")


@blueprint.route("")
@blueprint.response(200, list_of(KindReply))
def list_kinds() -> dict[str, Any]:
    """List the kinds of component with the names of each."""
    return {"data": kinds()}


@blueprint.route("/<string(maxlength=64):plural>")
@blueprint.response(200, list_of(ComponentReply))
@blueprint.problems("not-found")
def list_components(plural: str) -> dict[str, Any]:
    """List the components of a kind."""
    return {"data": components(plural)}


@blueprint.route("/<string(maxlength=64):plural>/<string(maxlength=64):name>")
@blueprint.response(200, ComponentReply)
@blueprint.problems("not-found")
def get_component(plural: str, name: str) -> dict[str, Any]:
    """Read one component: description, source, JSON Schema, example."""
    return component(plural, name)
