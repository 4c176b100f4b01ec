"""Whatever goes wrong, on whatever route, the reply is a problem document without a trace."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from service.context import NAME
from tests.builders import spec_json
from tests.databases import sqlite_url
from tests.service.requests import EXPERIMENTS, problem
from tests.service.routes import routes

BODIES = (EXPERIMENTS, f"{EXPERIMENTS}/validate")
COUNTED, QUERY = f"{EXPERIMENTS}/facets", "/v1/metrics/query"
NEEDS_DATABASE = ("/", "/readyz", EXPERIMENTS, COUNTED, QUERY)


def test_a_wrong_method_is_told_the_right_ones(sqlite_app: Flask, reader: FlaskClient) -> None:
    """Caught mutation: flask-smorest's own handler, which drops Allow."""
    found = list(routes(sqlite_app))
    assert len(found) > 20
    for route in found:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            same_path = {each for other in found if other.path == route.path for each in other.methods}
            if method not in same_path:
                reply = reader.open(route.path, method=method)
                problem(reply, 405, "method-not-allowed")
                assert set(reply.headers["Allow"].split(", ")) == same_path


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/experiments/", "/v1/nope", "/static/../app.py", "/static/nope"])
def test_an_unknown_address_is_not_found(reader: FlaskClient, path: str) -> None:
    """Caught mutation: an HTML page for what Flask refuses by itself."""
    for method in ("GET", "POST", "DELETE"):
        reply = reader.open(path, method=method)
        if reply.status_code != 405:
            problem(reply, 404, "not-found")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", None])
def test_a_body_must_be_declared_as_json(reader: FlaskClient, content_type: str | None) -> None:
    """A form can be posted by any web page. Caught mutation: the body parsed whatever it is called."""
    for path in (*BODIES, f"{EXPERIMENTS}/exp_{'0' * 26}/predictions"):
        problem(reader.post(path, data=b"{}", content_type=content_type), 415, "unsupported-media-type")


def test_a_fault_of_ours_shows_nothing_of_itself(
    sqlite_app: Flask, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every view fails. Caught mutations: debug pages; the exception's text in the reply; nothing in the log."""
    body = {"spec": spec_json(), "inputs": [[0.0]]}

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    for route in routes(sqlite_app):
        monkeypatch.setitem(sqlite_app.view_functions, route.endpoint, fail)
        method = "POST" if "POST" in route.methods else "GET"
        caplog.clear()
        with caplog.at_level(logging.ERROR, logger="whydeep.service"):
            reply = reader.open(route.path, method=method, json=body if method == "POST" else None)
        document = problem(reply, 500, "internal")
        assert "swordfish" not in reply.text
        (record,) = [each for each in caplog.records if each.name == "whydeep.service"]
        assert document["request_id"] in record.getMessage() and record.exc_info is not None


def test_line_breaks_of_a_client_stay_out_of_the_log(
    sqlite_app: Flask, reader: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Caught mutation: %s in place of %r."""

    def fail(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setitem(sqlite_app.view_functions, "catalogue.list_components", fail)
    problem(reader.get("/v1/catalogue/a%0d%0aERROR forged"), 500, "internal")
    (record,) = [each for each in caplog.records if each.name == "whydeep.service"]
    assert "\n" not in record.getMessage() and "\r" not in record.getMessage()


def test_a_database_that_is_away_makes_503_and_nothing_else(tmp_path: Path, make_app: Callable[..., Flask]) -> None:
    """Caught mutations: 500, or no Retry-After; health that depends on the database."""
    app = make_app(sqlite_url(tmp_path / "no folder" / "x.db"))
    client, experiment = app.test_client(), f"{EXPERIMENTS}/exp_{'0' * 26}"
    bodies = {path: {"spec": spec_json()} for path in BODIES} | {f"{experiment}/predictions": {"inputs": [[0.0]]}}
    bodies |= {f"/v1/sweeps{path}": {"base": spec_json(), "axes": {"seed": [0]}} for path in ("", "/validate")}
    sides = {"a": {"filter": "seed = 0"}, "b": {"filter": "seed = 1"}}
    bodies |= {QUERY: {}, "/v1/comparisons": {**sides, "metric": "metrics.test_loss.last"}}
    aggregate = f"/v1/sweeps/swp_{'0' * 26}/aggregate"
    queries = {COUNTED: "by=status", aggregate: "metric=metrics.test_loss.last"}
    for route in routes(app):
        method = "POST" if "POST" in route.methods else "GET"
        reply = client.open(
            route.path, method=method, json=bodies.get(route.path), query_string=queries.get(route.path), buffered=True
        )
        if route.path in NEEDS_DATABASE or route.path.startswith(
            (experiment, "/v1/artifacts", "/v1/sweeps", "/v1/comparisons", "/experiments")
        ):
            assert problem(reply, 503, "unavailable")["retryable"] is True
            assert int(reply.headers["Retry-After"]) > 0
        else:
            assert reply.status_code in (200, 404), route.path


def test_a_postgres_that_does_not_listen_makes_503(tmp_path: Path, make_app: Callable[..., Flask]) -> None:
    """Caught mutation: only SQLite's errors known."""
    client = make_app(f"postgresql://nobody@/nothing?host={tmp_path}").test_client()
    for path in (EXPERIMENTS, "/readyz"):
        problem(client.get(path), 503, "unavailable")
    problem(client.post(EXPERIMENTS, json={"spec": spec_json()}), 503, "unavailable")


def test_a_database_without_our_schema_is_not_ready(database_url: str, make_app: Callable[..., Flask]) -> None:
    """Caught mutation: 500 for a table that is missing."""
    client = make_app(database_url).test_client()
    for path in ("/readyz", EXPERIMENTS):
        problem(client.get(path), 503, "unavailable")


def test_an_older_schema_is_not_ready(app: Flask, client: FlaskClient) -> None:
    """Caught mutation: readiness that only reads a table."""
    assert client.get("/readyz").status_code == 200
    with app.extensions[NAME].database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert "whydeep migrate" in problem(client.get("/readyz"), 503, "unavailable")["detail"]


def test_a_lost_table_is_told_from_a_lost_database(app: Flask, client: FlaskClient) -> None:
    """With the right schema version, a missing table is our fault on PostgreSQL. Caught mutation: 503 for any error."""
    database = app.extensions[NAME].database
    assert client.get(EXPERIMENTS).status_code == 200
    with database.write() as session:
        session.execute(text("ALTER TABLE events RENAME TO gone"))
    reply = client.get(f"{EXPERIMENTS}/{'exp_' + '0' * 26}/events")
    assert reply.status_code == 404
    reply = client.post(EXPERIMENTS, json={"spec": spec_json()})
    expected = {"sqlite": (503, "unavailable"), "postgresql": (500, "internal")}[database.dialect]
    problem(reply, *expected)


def test_readiness_tells_of_a_lost_broker(client: FlaskClient) -> None:
    """Work goes on by polling. Caught mutation: 503 for the broker."""
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json) == (200, {"status": "ok", "database": "ok", "broker": "unreachable"})


def test_readiness_sees_a_broker(migrated_url: str, make_app: Callable[..., Flask], valkey_url: str) -> None:
    """Caught mutation: a broker that is always unreachable."""
    reply = make_app(migrated_url, broker_url=valkey_url).test_client().get("/readyz")
    assert reply.json == {"status": "ok", "database": "ok", "broker": "ok"}


@pytest.mark.parametrize("code", ["internal", "validation-error", "no-model"])
def test_the_type_of_a_problem_leads_to_a_page(reader: FlaskClient, code: str) -> None:
    """Caught mutation: a type that nothing answers."""
    reply = reader.get(f"/problems/{code}")
    assert (reply.status_code, reply.mimetype) == (200, "text/html")
    assert code in reply.text and code in reader.get("/problems").text
