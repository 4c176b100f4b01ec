"""The OpenAPI document is valid, complete and true."""

import re
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service.context import NAME
from service.web.reference import kind_of
from tests.database.scene import Scene, measurement
from tests.service.routes import routes
from workers.catalogue.kinds import REGISTRIES
from workers.database import queries
from workers.experiments.measurement import Artifact


@pytest.fixture
def document(reader: FlaskClient) -> dict[str, Any]:
    """The document."""
    return dict(reader.get("/openapi.json").json)  # type: ignore[arg-type]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    """Caught mutation: a default of another type than its parameter (0 for Prefer)."""
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_and_method_is_in_it(sqlite_app: Flask, document: dict[str, Any]) -> None:
    """Caught mutation: a view on a plain blueprint."""
    served = {
        (re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", route.rule), method.lower())
        for route in routes(sqlite_app)
        for method in route.methods - {"HEAD", "OPTIONS"}
        if not route.endpoint.endswith("static")
    }
    documented = {
        (path, method) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert documented == served


def test_every_operation_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    """Caught mutations: a view without a docstring; problems documented as application/json."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["summary"].endswith("."), (path, method)
            assert "default" in operation["responses"]
            for status, reply in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(resolved(document, reply)["content"]) == ["application/problem+json"], (path, status)


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    if "$ref" not in value:
        return value
    found: Any = document
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def test_every_component_is_in_it(document: dict[str, Any]) -> None:
    """Caught mutation: schemas written by hand."""
    schemas = document["components"]["schemas"]
    kinds = {schema.get("properties", {}).get("kind", {}).get("const") for schema in schemas.values()}
    assert {name for registry in REGISTRIES for name in registry.names()} <= kinds
    assert schemas["Target"]["discriminator"]["propertyName"] == "kind"
    body = schemas["SubmissionBody"]
    assert body["properties"]["spec"] == {"$ref": "#/components/schemas/ExperimentSpec"}
    assert body["additionalProperties"] is False and body["required"] == ["spec"]


def test_the_documentation_page_shows_every_operation_and_schema(reader: FlaskClient, document: dict[str, Any]) -> None:
    """Caught mutations: a page that needs scripts or another host; a schema left out."""
    text = reader.get("/docs").text
    assert "<script" not in text and "http://" not in text and "https://" not in text.replace("https://doi.org", "")
    for path in document["paths"]:
        assert path in text
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in text
    targets = set(re.findall(r'href="#([^"]+)"', text))
    assert targets <= set(re.findall(r'id="([^"]+)"', text))


def test_pages_escape_what_they_show() -> None:
    """Caught mutation: Markup made by an f-string."""
    for schema in ({"type": "<img>"}, {"$ref": "#/<img>"}, {"enum": ["<img>"]}, {"items": {"const": "<img>"}}):
        assert "<img" not in kind_of(schema)


@pytest.fixture(scope="module")
def known_ids(sqlite_app: Flask) -> dict[str, str]:
    """An experiment that has ended, and an artifact of it."""
    context = sqlite_app.extensions[NAME]
    scene = Scene(database=context.database, project_id=context.project_id)
    claimed = scene.running()
    note = Artifact(name="manifest.json", media_type="application/json", content=b"{}")
    scene.finish(claimed, measurement(artifacts=[note]))
    artifact = scene.read(queries.artifacts_of, claimed.id)[0]
    return {"experiment_id": claimed.id, "artifact_id": artifact.id}


GRAMMATICAL = {
    "filter": "status = succeeded AND metrics.train_loss.last < 1e9",
    "order_by": "metrics.train_loss.min, created_at desc",
    "fields": "id,metrics",
    "by": "status,tags",
}


@pytest.mark.slow
def test_the_application_does_what_the_document_says(sqlite_app: Flask, known_ids: dict[str, str]) -> None:
    """Caught mutations: a status, media type or member that is not documented; a valid body refused."""
    checked = 0
    for result in schemathesis.openapi.from_wsgi("/openapi.json", sqlite_app).get_all_operations():

        @settings(max_examples=8, deadline=None, database=None, derandomize=True)
        @given(case=result.ok().as_strategy())
        def check(case: schemathesis.Case) -> None:
            for name in known_ids.keys() & case.path_parameters.keys():
                case.path_parameters[name] = known_ids[name]  # one made up would be 404 each time
            case.headers.pop("Prefer", None)  # nobody works here: it would only be waited for
            case.query.pop("cursor", None)  # only the server can make one
            for name in GRAMMATICAL.keys() & case.query.keys():
                case.query[name] = GRAMMATICAL[name]  # no schema says what a filter is
            # A spec that fits the schema may still break a rule between its parts, which no schema says.
            unsaid = [positive_data_acceptance] if case.method == "POST" else []
            case.call_and_validate(excluded_checks=unsaid)

        check()
        checked += 1
    assert checked > 20
