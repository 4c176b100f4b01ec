"""The OpenAPI 3.1 document: routes from the blueprints, specs and components from the catalogue."""

from importlib.metadata import version
from typing import Any

from flask import Flask

from service.errors import ProblemApi
from service.schemas.fields import documented
from service.schemas.parameters import documented_style
from service.schemas.replies import documented_reply

TITLE = "whydeep"
DESCRIPTION = "Measures why deep learning works: post an experiment, follow its id, read the evidence."


def make_api(app: Flask) -> ProblemApi:
    """Return the registry of documented blueprints."""
    app.config |= {"API_TITLE": TITLE, "API_VERSION": version("whydeep"), "OPENAPI_VERSION": "3.1.0"}
    api = ProblemApi(app, spec_kwargs={"info": {"description": DESCRIPTION}, "servers": [{"url": "/"}]})
    api.ma_plugin.converter.add_attribute_function(documented)
    api.ma_plugin.converter.add_attribute_function(documented_reply)
    api.ma_plugin.converter.add_parameter_attribute_function(documented_style)
    return api


def document(spec: Any) -> dict[str, Any]:
    """Return the document."""
    from workers.experiments.jsonschema import all_schemas

    found: dict[str, Any] = spec.to_dict()
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas |= all_schemas()
    return found
