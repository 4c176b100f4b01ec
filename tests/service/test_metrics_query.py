"""Metrics of many experiments in one reply: named or found by a filter, bounded, complete."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.database.filters import fill
from tests.database.scene import Scene, curve
from tests.service.requests import problem, strict
from workers.database import results
from workers.database.queries import ensure_project
from workers.database.values import ExperimentView, Report
from workers.experiments.measurement import Measurement

QUERY = "/v1/metrics/query"


@pytest.fixture
def views(scene: Scene) -> list[ExperimentView]:
    """Experiments of every sort, oldest first."""
    return fill(scene)


def asked(client: FlaskClient, **body: Any) -> dict[str, Any]:
    """Return a reply."""
    reply = client.post(QUERY, json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = strict(reply)
    assert found["object"] == "metrics"
    return found


def test_named_experiments_come_in_the_order_asked_for(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutations: the newest first; an unknown id passed over in silence; curves of another experiment."""
    ids = [views[0].id, "exp_unknown", views[5].id]
    body = asked(client, experiments=ids, curves=["loss", "none"], summaries=["gap"])
    second, first = body["data"]
    assert [second["experiment"], first["experiment"]] == [views[0].id, views[5].id]
    assert (body["missing"], body["has_more"], body["next_cursor"]) == (["exp_unknown"], False, None)
    assert first["curves"] == [
        {"name": "loss", "steps": [0, 1], "values": ["-Infinity", 0.0], "downsampled": False, "n_raw": 2}
    ]
    assert first["summaries"]["gap"]["mean"] == 0.375 and second["summaries"] == {}
    assert second["curves"][0]["values"] == [3.0, 1.0, 2.0]


def test_a_filter_finds_them_page_by_page(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutations: the order ignored; the cursor of another filter taken."""
    wanted = {"filter": "metrics.loss.last < 3 AND verified = true", "order_by": "metrics.loss.last, id", "limit": 2}
    seen, cursor = [], None
    while True:
        body = asked(client, **wanted, **({"cursor": cursor} if cursor else {}))
        seen += [each["experiment"] for each in body["data"]]
        cursor = body["next_cursor"]
        if not body["has_more"]:
            break
        other = client.post(QUERY, json={**wanted, "filter": "seed = 1", "cursor": cursor})
        problem(other, 400, "invalid-cursor")
    assert seen == [views[number].id for number in (5, 7, 1, 0)]


def test_without_names_all_summaries_and_no_curves(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutation: nothing in place of everything."""
    found = {each["experiment"]: each for each in asked(client)["data"]}
    assert found.keys() == {view.id for view in views}
    assert set(found[views[1].id]["summaries"]) == {"loss", "gap"} and found[views[1].id]["curves"] == []
    assert all(each["summaries"] == {} for each in asked(client, summaries=[])["data"])


def test_long_curves_are_thinned_and_cut(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: max_points for all curves together; chunks in the order in which they come back."""
    held = scene.running()
    for start in (0, 300, 600):
        points = (curve("loss", *map(float, range(start, start + 300)), start=start),)
        scene.write(results.record, [Report(id=held.id, fence=held.fence, curves=points)])
    (running,) = asked(client, curves=["loss"], max_points=10)["data"]
    assert running["status"] == "running" and running["summaries"]["loss"]["n"] == 900
    (thin,) = running["curves"]
    assert thin["n_raw"] == 900 and len(thin["steps"]) == 10 and thin["steps"][::9] == [0, 899]
    scene.finish(held, Measurement(curves=(curve("loss", *map(float, range(900))),)))
    (cut,) = asked(client, curves=["loss"], **{"from": 100, "to": 103})["data"][0]["curves"]
    assert cut["steps"] == [100, 101, 102, 103] and cut["downsampled"] is False


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"experiments": ["a"], "filter": "seed=1"}, "validation-error", "/filter"),
        ({"experiments": ["a"], "cursor": "x"}, "validation-error", "/cursor"),
        ({"experiments": []}, "validation-error", "/experiments"),
        ({"experiments": ["a", "a"]}, "validation-error", "/experiments"),
        ({"experiments": [1]}, "validation-error", "/experiments/0"),
        ({"curves": ["a", "b", "c"], "limit": 500, "max_points": 1_000}, "validation-error", "/max_points"),
        ({"curves": [str(number) for number in range(21)]}, "validation-error", "/curves"),
        ({"limit": 501}, "validation-error", "/limit"),
        ({"max_points": 3}, "validation-error", "/max_points"),
        ({"filtr": "seed=1"}, "unknown-field", "/filtr"),
        ({"filter": "seed = x"}, "filter-type", "/filter"),
        ({"filter": "seed ="}, "filter-syntax", "/filter"),
        ({"filter": "sed = 1"}, "unknown-filter-field", "/filter"),
        ({"order_by": "tags"}, "filter-type", "/order_by"),
    ],
)
def test_what_cannot_be_answered_is_refused_at_its_place(
    reader: FlaskClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    """Caught mutations: a million points and more; a parameter's name where a pointer belongs."""
    document = problem(reader.post(QUERY, json=body), 422, code)
    assert pointer in [error["pointer"] for error in document["errors"]]


def test_no_more_than_a_million_points_are_sent(reader: FlaskClient) -> None:
    """The bound itself passes. Caught mutation: < for <=."""
    assert reader.post(QUERY, json={"curves": ["a", "b"], "limit": 500, "max_points": 1_000}).status_code == 200


def test_another_project_is_not_measured(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: the project left out where ids are given."""
    with scene.database.write() as session:
        other = ensure_project(session, "other")
    foreign = scene.submit(project_id=other)
    body = asked(client, experiments=[foreign])
    assert (body["data"], body["missing"]) == ([], [foreign])
    assert asked(client, filter=f"id = {foreign}")["data"] == []
