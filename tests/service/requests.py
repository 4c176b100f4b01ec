"""Requests that the tests of the service send, and what they look for in replies."""

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import spec_json

EXPERIMENTS = "/v1/experiments"


def submitted(client: FlaskClient, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
    """Submit the smallest experiment with `changes` to its envelope."""
    return client.post(EXPERIMENTS, json={"spec": spec_json(), **changes}, headers=headers)


def problem(reply: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Return a problem document after checking that it is one."""
    assert (reply.status_code, reply.content_type) == (status, "application/problem+json"), reply.text
    document = strict(reply)
    assert document["code"] == code, document
    assert document["status"] == status
    assert document["type"] == f"/problems/{code}"
    assert document["request_id"] == reply.headers["X-Request-Id"]
    assert document["title"] and document["detail"] and document["instance"].startswith("/")
    assert isinstance(document["retryable"], bool)
    assert "Traceback" not in reply.text
    return document


def strict(reply: TestResponse) -> Any:
    """Return the JSON of a reply, refusing NaN and Infinity."""
    return json.loads(reply.text, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
