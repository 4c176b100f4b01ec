"""Lists: no gap and no duplicate while rows come in; cursors that only this server makes."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.database.scene import Scene
from tests.service.requests import EXPERIMENTS, problem, strict, submitted
from workers.experiments.lifecycle import Status


def listed(client: FlaskClient, query: str = "") -> dict[str, Any]:
    """Return a list reply."""
    reply = client.get(f"{EXPERIMENTS}?{query}")
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = strict(reply)
    assert body["object"] == "list"
    return body


def ids(body: dict[str, Any]) -> list[str]:
    """Return the ids of a list."""
    return [each["id"] for each in body["data"]]


def test_paging_meets_each_experiment_once_while_others_arrive(client: FlaskClient) -> None:
    """Caught mutations: OFFSET paging; >= in place of > at the cursor; oldest first."""
    before = [submitted(client).json["id"] for _ in range(7)]  # type: ignore[index]
    seen, query = [], "limit=3"
    while True:
        body = listed(client, query)
        seen += ids(body)
        submitted(client)
        assert (body["next_cursor"] is not None) == body["has_more"]
        if not body["has_more"]:
            break
        query = f"limit=3&cursor={body['next_cursor']}"
    assert seen == before[::-1]


def test_a_changed_cursor_is_refused(client: FlaskClient) -> None:
    """Caught mutation: base64 without a signature."""
    for _ in range(2):
        submitted(client)
    cursor = listed(client, "limit=1")["next_cursor"]
    middle = len(cursor) // 2
    other = "A" if cursor[middle] != "A" else "B"
    for wrong in (cursor[:middle] + other + cursor[middle + 1 :], cursor[:-1], "x", "", "%00"):
        problem(client.get(f"{EXPERIMENTS}?cursor={wrong}"), 400, "invalid-cursor")


def test_a_cursor_serves_its_own_filter(client: FlaskClient) -> None:
    """Caught mutation: the filter left out of what is signed."""
    for _ in range(3):
        submitted(client, tags=["a"])
    cursor = listed(client, "limit=1&tags=a&status=queued,running")["next_cursor"]
    assert listed(client, f"limit=2&tags=a&status=running,queued&cursor={cursor}")["has_more"] is False
    for query in ("tags=a", "status=queued&tags=a", "tags=b&status=queued,running", ""):
        problem(client.get(f"{EXPERIMENTS}?{query}&cursor={cursor}"), 400, "invalid-cursor")


def test_filters_choose_by_status_and_by_all_tags(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: any tag in place of all; the status ignored."""
    both = scene.submit(tags=("a", "b"))
    one = scene.submit(tags=("a",))
    done = scene.bring_to(Status.CANCELLED).id
    assert set(ids(listed(client, "tags=a"))) == {both, one}
    assert ids(listed(client, "tags=b,a")) == ids(listed(client, "tags=a&tags=b")) == [both]
    assert ids(listed(client, "status=cancelled")) == [done]
    assert set(ids(listed(client, "status=cancelled,running,queued"))) == {both, one, done}
    assert ids(listed(client, "tags=%27%20OR%201%3D1--")) == []


def test_the_total_is_told_when_it_is_asked_for(client: FlaskClient) -> None:
    """Caught mutation: the number of rows on the page."""
    for number in range(3):
        submitted(client, tags=["odd"] if number % 2 else [])
    assert "total" not in listed(client)
    assert listed(client, "count=exact&limit=1")["total"] == 3
    assert listed(client, "count=exact&limit=1&tags=odd")["total"] == 1


def test_a_large_limit_is_lowered(client: FlaskClient) -> None:
    """Caught mutation: 500 rows and more in one reply, or an error for them."""
    from service.schemas.experiments import ListQuery

    assert ListQuery().load({"limit": "1000000000"})["limit"] == 500
    submitted(client)
    assert len(ids(listed(client, "limit=1000000000"))) == 1


@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ("limt=1", 400, "unknown-parameter", "limt"),
        ("limit=1&sort=x", 400, "unknown-parameter", "sort"),
        ("limit=0", 422, "validation-error", "limit"),
        ("limit=-1", 422, "validation-error", "limit"),
        ("limit=1e9", 422, "validation-error", "limit"),
        ("limit=" + "9" * 5000, 422, "validation-error", "limit"),
        ("limit=", 422, "validation-error", "limit"),
        ("limit=1&limit=2", 422, "validation-error", "limit"),
        ("status=qeued", 422, "validation-error", "status"),
        ("status=", 422, "validation-error", "status"),
        ("tags=a,,b", 422, "validation-error", "tags"),
        ("tags=%00", 422, "validation-error", "tags"),
        ("tags=" + ",".join("a" * 33), 422, "validation-error", "tags"),
        ("count=about", 422, "validation-error", "count"),
        ("cursor=" + "x" * 8001, 422, "validation-error", "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(reader: FlaskClient, query: str, status: int, code: str, parameter: str) -> None:
    """Caught mutations: unknown = EXCLUDE for queries; int() on what a client wrote."""
    document = problem(reader.get(f"{EXPERIMENTS}?{query}"), status, code)
    assert parameter in [error["parameter"] for error in document["errors"]]


def test_the_nearest_parameter_and_word_are_suggested(reader: FlaskClient) -> None:
    """Caught mutation: hints for bodies alone."""
    (error,) = problem(reader.get(f"{EXPERIMENTS}?statsu=queued"), 400, "unknown-parameter")["errors"]
    assert error["did_you_mean"] == "status"
    (error,) = problem(reader.get(f"{EXPERIMENTS}?status=runing"), 422, "validation-error")["errors"]
    assert error["did_you_mean"] == "running"


@pytest.mark.parametrize("path", ["/healthz", "/v1/catalogue", "/docs", f"{EXPERIMENTS}/exp_{'0' * 26}"])
def test_a_parameter_is_refused_where_none_is_taken(reader: FlaskClient, path: str) -> None:
    """Caught mutation: typing errors in a query string ignored."""
    problem(reader.get(f"{path}?x=1"), 400, "unknown-parameter")
