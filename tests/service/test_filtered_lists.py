"""Lists by filter and order, in part, as tables; counts; metrics of many experiments."""

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.database.filters import fill
from tests.database.scene import Scene
from tests.service.requests import EXPERIMENTS, problem, strict, submitted
from tests.service.test_listing import ids, listed
from workers.database.values import ExperimentView

FACETS = f"{EXPERIMENTS}/facets"


@pytest.fixture
def views(scene: Scene) -> list[ExperimentView]:
    """Experiments of every sort, oldest first."""
    return fill(scene)


def test_a_filter_and_an_order_choose_and_sort(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Known by hand: see CURVES. Caught mutations: the order ignored; NaN first."""
    text = quote("metrics.loss:* AND verified = true AND NOT tags:'a%b'")
    body = listed(client, f"filter={text}&order_by=metrics.loss.last%20desc,%20seed&count=exact")
    numbers = [[view.id for view in views].index(each) for each in ids(body)]
    assert (numbers, body["total"]) == ([4, 6, 0, 1, 7, 3], 6)


def test_a_cursor_is_bound_to_filter_and_order(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutations: the order, or the filter, left out of what is signed; its text compared in place of it."""
    query = "filter=seed%20%3C%203&order_by=metrics.loss.last"
    cursor = listed(client, f"{query}&limit=2")["next_cursor"]
    spaced = "filter=%20%20seed%3C3&order_by=metrics.loss.last%20asc"
    assert listed(client, f"{spaced}&limit=2&cursor={cursor}")["data"]
    for other in ("filter=seed%20%3C%203", f"{query}%20desc", "order_by=metrics.loss.last", f"{query}&tags=smoke"):
        problem(client.get(f"{EXPERIMENTS}?{other}&cursor={cursor}"), 400, "invalid-cursor")


@pytest.mark.parametrize(
    "order",
    ["metrics.loss.last", "metrics.loss.last desc", "name desc, metrics.gap.first", "finished_at, name", "config.lr"],
)
def test_pages_of_any_order_make_the_whole_list(client: FlaskClient, views: list[ExperimentView], order: str) -> None:
    """Caught mutations: a cursor that loses its stretch; a date or a float changed on its way through JSON."""
    whole = ids(listed(client, f"order_by={order}"))
    assert sorted(whole) == sorted(view.id for view in views)
    seen, query = [], f"order_by={order}&limit=2"
    while True:
        body = listed(client, query)
        seen += ids(body)
        assert len(seen) <= len(whole)
        if not body["has_more"]:
            break
        query = f"order_by={order}&limit=2&cursor={body['next_cursor']}"
    assert seen == whole


@pytest.mark.parametrize(
    ("query", "code", "says", "hint"),
    [
        ("filter=status%20=%20queued%20x", "filter-syntax", "character 17", None),
        ("filter=seed=1%20AND%20seed=2%20OR%20seed=3", "filter-syntax", "parentheses", None),
        ("filter=seed=%22one%22", "filter-type", "character 6", None),
        ("filter=metrics.loss.last%20%3C%20%221%22", "filter-type", "character 21", None),
        ("filter=status=suceeded", "filter-type", "succeeded", "succeeded"),
        ("filter=created_at%3E%222030%22", "filter-type", "2026-01-31T12:00:00Z", None),
        ("filter=tags=smoke", "filter-type", "tags:smoke", None),
        ("filter=metrics.loss%3C1", "filter-type", "metrics.loss.last", None),
        ("filter=sed=1", "unknown-filter-field", "seed", "seed"),
        ("filter=training.steps%3E10", "unknown-filter-field", "spec.training.steps", "spec.training.steps"),
        ("filter=%01", "filter-syntax", "control", None),
        ("order_by=seed,,", "filter-syntax", "character 6", None),
        ("order_by=tags", "filter-type", "no order", None),
        ("order_by=creatd_at", "unknown-filter-field", "created_at", "created_at"),
        ("fields=id,metric.loss", "unknown-filter-field", "metrics", "metrics"),
        ("fields=architecture.width", "unknown-filter-field", "spec.architecture", "spec.architecture.width"),
        ("fields=", "filter-syntax", "character 1", None),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    reader: FlaskClient, query: str, code: str, says: str, hint: str | None
) -> None:
    """Caught mutations: validation-error for all; a position counted from 0; the hint left out."""
    document = problem(reader.get(f"{EXPERIMENTS}?{query}"), 422, code)
    (error,) = document["errors"]
    assert error["parameter"] == query.partition("=")[0]
    assert says in error["detail"] and error.get("did_you_mean") == hint and error["code"] == code
    for path in ("/problems", f"/problems/{code}"):
        assert code in reader.get(path).text


def test_every_fault_of_a_filter_is_told(reader: FlaskClient) -> None:
    """Caught mutation: the first leaf's fault alone."""
    reply = reader.get(f'{EXPERIMENTS}?filter=sed=1 AND (status=x OR verified=1) AND name="a"')
    document = problem(reply, 422, "unknown-filter-field")
    assert [error["code"] for error in document["errors"]] == ["unknown-filter-field", "filter-type", "filter-type"]


def test_fields_choose_parts(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutations: null for what is not there; a part in the place of the whole; the other members shown too."""
    query = "fields=id,metrics.loss.last,spec.architecture.width,metrics.%22val/acc%22,tags&filter=seed=1&order_by=id"
    first, *_, last = listed(client, query)["data"]
    assert first == {
        "id": views[1].id,
        "metrics": {"loss": {"last": 1.0}},
        "spec": {"architecture": {"width": 3}},
        "tags": ["smoke"],
    }
    assert list(last) == ["id", "metrics", "tags"]
    assert last["metrics"]["val/acc"]["mean"] == 0.5
    (row,) = listed(client, "fields=spec.architecture.kind,spec.architecture,outcome&limit=1")["data"]
    assert row["outcome"] is None and row["spec"]["architecture"]["width"] == 2


def table(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    """Return the rows of a list as CSV."""
    reply = client.get(f"{EXPERIMENTS}?{query}", headers={"Accept": "text/csv"})
    assert (reply.status_code, reply.mimetype, reply.headers["Vary"]) == (200, "text/csv", "Accept"), reply.text
    return list(csv.DictReader(io.StringIO(reply.text)))


def test_a_list_comes_as_a_table(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutations: only the columns of the first row; nan and inf in place of what JSON says."""
    rows = table(client, "order_by=created_at")
    assert [row["id"] for row in rows] == [view.id for view in views]
    assert rows[1]["metrics.gap.last"] == "0.5" and rows[0]["metrics.gap.last"] == ""
    assert rows[3]["metrics.loss.min"] == "NaN" and rows[4]["metrics.gap.first"] == "-Infinity"
    assert rows[2]["tags"] == "a%b,smoke,ü" and rows[1]["verified"] == "true"
    assert rows[1]["spec.architecture.width"] == "3" and rows[12]['metrics."val/acc".last'] == "0.5"
    assert rows[1]['metadata."say \\"hi\\""'] == "1"
    assert list(table(client, "fields=name,metrics.none.last,status&limit=1")[0]) == [
        "name",
        "metrics.none.last",
        "status",
    ]


def test_the_next_page_of_a_table_is_linked(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutation: a table whose rest nobody can reach."""
    seen, path = [], f"{EXPERIMENTS}?fields=id&order_by=metrics.loss.last&limit=7&filter=id:*"
    while path:
        reply = client.get(path, headers={"Accept": "text/csv"})
        seen += reply.text.split()[1:]
        path = reply.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
    assert seen == ids(listed(client, "order_by=metrics.loss.last"))


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_no_cell_is_a_formula(client: FlaskClient, name: str) -> None:
    """Caught mutation: client's text written as it is."""
    submitted(client, name=name, tags=[name], metadata={"a": name, name: "1"})
    recorded = {"type": "recorded", "config": {"x": name, "y": -1.5}, "metrics": {"m": -2.0}}
    client.post(EXPERIMENTS, json={"spec": recorded})
    for row in table(client):
        for header, cell in row.items():
            assert header[0].isalpha()
            assert cell[:1] not in "=+@" or not cell
            assert cell[:1] != "-" or float(cell) < 0
    assert {row["name"] for row in table(client)} == {"", f"'{name}"}
    (row,) = table(client, "filter=type=recorded")
    assert (row["spec.config.y"], row["metrics.m.last"]) == ("-1.5", "-2.0")


def test_another_media_type_is_not_acceptable(reader: FlaskClient) -> None:
    """Caught mutation: JSON whatever was asked for."""
    problem(reader.get(EXPERIMENTS, headers={"Accept": "image/png"}), 406, "not-acceptable")


def facets(client: FlaskClient, query: str) -> Any:
    """Return counts by field."""
    body = strict(client.get(f"{FACETS}?{query}"))
    assert body["object"] == "facets"
    found = {each["field"]: {row["value"]: row["count"] for row in each["values"]} for each in body["data"]}
    return found, body["total"]


def test_facets_count_what_meets_the_filter(client: FlaskClient, views: list[ExperimentView]) -> None:
    """Caught mutations: the filter ignored; missing values left out; a tag counted once for all."""
    found, total = facets(client, "by=status,architecture.kind,tags,verified,metadata.owner&filter=seed%20%3C%204")
    assert total == 13
    assert found["status"] == {"succeeded": 12, "queued": 1}
    assert found["architecture.kind"] == {"mlp": 10, None: 3}
    assert found["tags"] == {"smoke": 8, "a%b": 4, "ü": 4}
    assert found["verified"] == {True: 10, False: 3}
    assert found["metadata.owner"] == {None: 6, "ada": 3, "": 3, "o'neil": 1}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "validation-error"),
        ("by=statsu", 422, "unknown-filter-field"),
        ("by=created_at", 422, "filter-type"),
        ("by=metrics.loss.last", 422, "filter-type"),
        ("by=status&filter=x", 422, "filter-syntax"),
        ("by=status&limit=1", 400, "unknown-parameter"),
    ],
)
def test_facets_that_cannot_be_counted_are_refused(reader: FlaskClient, query: str, status: int, code: str) -> None:
    """Caught mutation: counts by a value that each experiment has for itself."""
    problem(reader.get(f"{FACETS}?{query}"), status, code)
