"""Sweeps over HTTP: a grid is accepted whole or not at all, counted, paged, cancelled, retried, exported."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from werkzeug.test import TestResponse

from tests.builders import spec_json
from tests.database.scene import Scene, measurement
from tests.service.requests import EXPERIMENTS, problem, strict
from workers.database import results
from workers.database.models import ExperimentRow

SWEEPS = "/v1/sweeps"
AXES: dict[str, Any] = {"architecture.width": [2, 4], "seed": {"count": 3}}
KEY = {"Idempotency-Key": "a key of mine"}


def posted(client: FlaskClient, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
    """Submit a sweep of six cells with `changes`."""
    return client.post(SWEEPS, json={"base": spec_json(), "axes": AXES, **changes}, headers=headers)


def finish_all(scene: Scene, **metrics: float) -> None:
    """Let a worker finish everything that waits."""
    while (claim := scene.claim(least=100, most=100)) is not None:
        for place, each in enumerate(claim.experiments):
            assert scene.write(results.finish, each.id, each.fence, measurement(1.0, 0.5 + place), scene.now)


def test_a_sweep_is_accepted_and_found_under_its_location(client: FlaskClient) -> None:
    """Caught mutations: 201 in place of 202; axes in another order; options that do not reach the experiments."""
    reply = posted(client, name="widths", tags=["a"], priority="high", max_parallel=4)
    assert reply.status_code == 202 and int(reply.headers["Retry-After"]) >= 1
    body = strict(client.get(reply.headers["Location"]))
    assert body == strict(reply)
    assert (body["object"], body["status"], body["is_terminal"]) == ("sweep", "running", False)
    assert list(body["axes"]) == list(AXES) and body["base"] == spec_json() and body["max_parallel"] == 4
    assert body["counts"]["queued"] == body["cells_total"] == sum(body["counts"].values()) == 6
    assert body["links"]["cells"] == f"{reply.headers['Location']}/cells"
    page = strict(client.get(f"{EXPERIMENTS}?count=exact&limit=10"))
    assert page["total"] == 6
    for each in page["data"]:
        assert (each["sweep"], each["tags"], each["priority"], each["name"]) == (body["id"], ["a"], "high", None)
        assert each["links"]["sweep"] == reply.headers["Location"]


def test_a_repeated_request_makes_one_sweep(client: FlaskClient) -> None:
    """Caught mutations: a key that is not stored with the sweep; cells of the second request left behind."""
    first, again = posted(client, KEY), posted(client, KEY)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert strict(client.get(f"{EXPERIMENTS}?count=exact"))["total"] == 6
    problem(posted(client, KEY, name="other"), 422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("changes", "pointer", "sentence"),
    [
        ({"axes": {"architecture.width": [2, 0]}}, "/axes/architecture.width/1", "at least 1"),
        ({"axes": {"training.stepz": [2]}}, "/axes/training.stepz/0", "did you mean 'steps'"),
        ({"axes": {"seed": {"counts": 2}}}, "/axes/seed", "a list of values"),
        ({"axes": []}, "/axes", "must be an object"),
        ({"base": None}, "/base", "must not be null"),
        ({"zip": [["seed", "dtype"]]}, "/zip/0/1", "is no axis"),
        ({"max_parallel": 0}, "/max_parallel", "between 1 and 10000"),
        ({"reuse": "always"}, "/reuse", "must be one of never, succeeded"),
        ({"axes": {"seed": {"range": [0, 20000, 1]}}}, "/axes/seed/range", "at most 10000"),
        ({"axes": {"architecture.width": [4096], "architecture.depth": [9]}}, "/base/architecture", "at most 2e+07"),
        ({"base": {"type": "recorded", "config": {}, "metrics": {}}, "axes": {"seed": [1]}}, "/base/type", "not run"),
        ({"axis": {}}, "/axis", "did you mean 'axes'"),
    ],
)
def test_a_sweep_with_a_fault_leaves_nothing(
    client: FlaskClient, changes: dict[str, Any], pointer: str, sentence: str
) -> None:
    """Caught mutations: the cells before the fault are stored; validate accepts what a submission refuses."""
    for path in (SWEEPS, f"{SWEEPS}/validate"):
        body = {"base": spec_json(), "axes": AXES} | changes
        reply = client.post(path, json=body)
        document = problem(reply, 422, reply.json["code"])  # type: ignore[index]
        assert any(each["pointer"] == pointer and sentence in each["detail"] for each in document["errors"]), document
    assert strict(client.get(f"{EXPERIMENTS}?count=exact"))["total"] == 0
    assert strict(client.get(SWEEPS))["data"] == []


def test_validation_counts_cells_that_exist_and_costs_those_that_do_not(client: FlaskClient, scene: Scene) -> None:
    """By hand: 2 of 6 exist. Caught mutations: a validation that stores; a queued experiment that counts as there."""
    posted(client, axes={"seed": [0, 1], "architecture.width": [2]})
    url = f"{SWEEPS}/validate"
    body = {"base": spec_json(), "axes": AXES}
    waiting = strict(client.post(url, json=body))
    assert (waiting["cells_total"], waiting["cells_existing"], waiting["populations"]) == (6, 0, 2)
    finish_all(scene)
    found = strict(client.post(url, json=body))
    assert found["cells_existing"] == 2
    alone = strict(client.post(f"{EXPERIMENTS}/validate", json={"spec": spec_json()}))["estimate"]["flops"]
    wide = strict(client.post(f"{EXPERIMENTS}/validate", json={"spec": spec_json(architecture={"width": 4})}))
    assert found["estimate"]["flops"] == pytest.approx(alone + 3 * wide["estimate"]["flops"], rel=1e-12)
    assert waiting["estimate"]["flops"] == pytest.approx(3 * alone + 3 * wide["estimate"]["flops"], rel=1e-12)
    assert strict(client.get(f"{EXPERIMENTS}?count=exact"))["total"] == 2


def test_cells_are_paged_with_their_coordinates(client: FlaskClient) -> None:
    """By hand. Caught mutations: coordinates by the first axis fastest; a cursor that another sweep takes."""
    path, other = posted(client).headers["Location"], posted(client).headers["Location"]
    first = strict(client.get(f"{path}/cells?limit=4"))
    rest = strict(client.get(f"{path}/cells?limit=4&cursor={first['next_cursor']}"))
    cells = [*first["data"], *rest["data"]]
    assert [cell["number"] for cell in cells] == list(range(6)) and not rest["has_more"]
    expected = [{"architecture.width": width, "seed": seed} for width in (2, 4) for seed in (0, 1, 2)]
    assert [cell["coordinates"] for cell in cells] == expected
    for cell in cells:
        spec = cell["experiment"]["spec"]
        assert (spec["architecture"]["width"], spec["seed"]) == tuple(cell["coordinates"].values())
    problem(client.get(f"{other}/cells?cursor={first['next_cursor']}"), 400, "invalid-cursor")
    assert strict(client.get(f"{path}/cells?status=failed"))["data"] == []


def test_a_reused_cell_shows_the_experiment_that_was_there(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: reuse by default; 202 for a sweep that has nothing to do."""
    before = posted(client)
    finish_all(scene)
    assert strict(posted(client))["cells_reused"] == 0
    reply = posted(client, reuse="succeeded")
    body = strict(reply)
    assert (reply.status_code, body["status"], body["cells_reused"]) == (200, "succeeded", 6)
    assert "Retry-After" not in reply.headers
    cells = strict(client.get(f"{reply.headers['Location']}/cells"))["data"]
    assert all(cell["reused"] and cell["experiment"]["sweep"] == strict(before)["id"] for cell in cells)


def test_a_cancelled_sweep_can_be_retried(client: FlaskClient, app: Flask, scene: Scene) -> None:
    """Caught mutations: a retry without the missing cells, or with other options than those that were submitted."""
    path = posted(client, tags=["mine"], priority="low").headers["Location"]
    cancelled = client.post(f"{path}/cancel")
    assert cancelled.status_code == 202
    assert strict(cancelled)["status"] == "cancelled" and strict(cancelled)["counts"]["cancelled"] == 6
    gone = strict(client.get(f"{path}/cells"))["data"][4]["experiment"]["id"]
    with scene.database.write() as session:
        session.execute(delete(ExperimentRow).where(ExperimentRow.id == gone))
    assert strict(client.get(f"{path}/cells"))["data"][4]["experiment"] is None
    retried = client.post(f"{path}/retry")
    assert (retried.status_code, strict(retried)["counts"]["queued"]) == (202, 6)
    filled = strict(client.get(f"{path}/cells"))["data"][4]["experiment"]
    assert filled["id"] != gone and (filled["tags"], filled["priority"]) == (["mine"], "low")
    assert (filled["spec"]["architecture"]["width"], filled["spec"]["seed"]) == (4, 1)
    finish_all(scene)
    assert strict(client.get(path))["status"] == "succeeded"
    assert strict(client.post(f"{path}/cancel"))["status"] == "succeeded"


def test_sweeps_are_listed_newest_first(client: FlaskClient) -> None:
    """Caught mutation: a page that repeats the last sweep of the page before."""
    made = [strict(posted(client, name=str(number)))["id"] for number in range(3)]
    first = strict(client.get(f"{SWEEPS}?limit=2"))
    rest = strict(client.get(f"{SWEEPS}?limit=2&cursor={first['next_cursor']}"))
    assert [each["id"] for each in (*first["data"], *rest["data"])] == made[::-1]


def test_an_export_has_a_line_for_each_cell(client: FlaskClient, scene: Scene) -> None:
    """By hand. Caught mutations: metrics of a cell in another's line; NaN that is no JSON; a name that is a formula."""
    axes = {"training.optimizer.kind": ["adam", "sgd"], "seed": {"count": 2}}
    path = posted(client, axes=axes).headers["Location"]
    claim = scene.claim(least=4, most=4)
    assert claim is not None
    values = {each.spec["seed"]: float("nan") if each.spec["seed"] else 0.25 for each in claim.experiments}
    for each in claim.experiments:
        scene.write(results.finish, each.id, each.fence, measurement(1.0, values[each.spec["seed"]]), scene.now)
    finish_all(scene)
    reply = client.get(f"{path}/export")
    assert reply.mimetype == "text/csv" and reply.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["number"] for row in rows] == ["0", "1", "2", "3"]
    assert [(row["training.optimizer.kind"], row["seed"]) for row in rows] == [
        ("adam", "0"),
        ("adam", "1"),
        ("sgd", "0"),
        ("sgd", "1"),
    ]
    taken = {each.id for each in claim.experiments}
    for row in rows:
        if row["experiment"] in taken:
            assert row["metrics.train_loss.last"] == ("NaN" if row["seed"] == "1" else "0.25")
    lines = client.get(f"{path}/export?format=ndjson").text.splitlines()
    assert [json.loads(line)["experiment"] for line in lines] == [row["experiment"] for row in rows]
    problem(client.get(f"{path}/export?format=xlsx"), 422, "validation-error")


def test_a_text_of_a_client_is_no_formula_of_a_spreadsheet(client: FlaskClient) -> None:
    """Caught mutation: values of axes written as they are."""
    target = {"kind": "expression", "domain": {"x": [-1, 1]}}
    axes = {"target.expression": ["-x", "+x"]}
    reply = posted(client, base=spec_json(target=target), axes=axes)
    rows = list(csv.DictReader(io.StringIO(client.get(f"{reply.headers['Location']}/export").text)))
    assert [row["target.expression"] for row in rows] == ["'-x", "'+x"]


def test_a_sweep_of_another_project_or_of_nobody_is_not_there(client: FlaskClient) -> None:
    """Caught mutation: a page of cells without a sweep."""
    path = f"{SWEEPS}/swp_00000000000000000000000000"
    for method, page in [("get", ""), ("get", "/cells"), ("get", "/export"), ("post", "/cancel"), ("post", "/retry")]:
        problem(getattr(client, method)(f"{path}{page}"), 404, "not-found")


def test_simulations_can_be_swept(client: FlaskClient, make_app: Callable[..., Flask]) -> None:
    """Caught mutation: cells that must have an architecture."""
    base = {"type": "simulation", "simulation": {"kind": "goe-eigenvalues", "samples": 100}}
    reply = client.post(SWEEPS, json={"base": base, "axes": {"simulation.n": {"range": [1, 3, 1]}}})
    assert (reply.status_code, strict(reply)["cells_total"]) == (202, 3)
    assert datetime.fromisoformat(strict(reply)["created_at"]) <= datetime.now(UTC)
