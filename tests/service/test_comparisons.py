"""Comparisons over HTTP: pairs by seed, honest about what cannot decide, kept as they were found."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.builders import spec_json
from tests.database.scene import Scene, measurement
from tests.service.requests import EXPERIMENTS, problem, strict
from workers.database import comparisons, results
from workers.experiments.filtering.typed import filter_of
from workers.experiments.lifecycle import Outcome

COMPARISONS = "/v1/comparisons"
ASKED: dict[str, Any] = {
    "a": {"filter": "architecture.width = 4"},
    "b": {"filter": "architecture.width = 2"},
    "metric": "metrics.train_loss.last",
    "alternative": "less",
}


def asked(client: FlaskClient, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
    """Ask whether the wider network has the smaller loss."""
    return client.post(COMPARISONS, json=ASKED | changes, headers=headers)


def trained(client: FlaskClient, scene: Scene, losses: dict[tuple[int, int], float]) -> None:
    """Submit and finish an experiment for each width and seed, with the loss that it is to have."""
    for width, seed in losses:
        spec = spec_json(architecture={"width": width}, seed=seed)
        assert client.post(EXPERIMENTS, json={"spec": spec}).status_code == 202
    while (claim := scene.claim(least=100, most=100)) is not None:
        for each in claim.experiments:
            value = losses[each.spec["architecture"]["width"], each.spec["seed"]]
            assert scene.write(results.finish, each.id, each.fence, measurement(9.0, value), scene.now)


def test_pairs_are_made_by_seed(client: FlaskClient, scene: Scene) -> None:
    """By hand: differences -1 to -8. Caught mutations: pairs by order; b - a; the first value in place of the last."""
    losses = {(2, seed): 10.0 - seed for seed in reversed(range(8))}
    losses |= {(4, seed): 9.0 - 2 * seed for seed in range(8)}
    trained(client, scene, losses)
    reply = asked(client, name="wider")
    assert reply.status_code == 201
    body = strict(reply)
    assert body == strict(client.get(reply.headers["Location"]))
    found = body["result"]
    assert (found["n_pairs"], found["unpaired"], found["mean_difference"]) == (8, {"a": 0, "b": 0}, -4.5)
    # Exact signed ranks: all of one sign has probability 2**-8.
    assert (found["test"], found["p_value"], found["verdict"]) == ("wilcoxon", 2**-8, "supported")
    assert body["question"]["pair_by"] == ["seed"] and body["name"] == "wider"
    assert found["a"]["n"] == found["b"]["n"] == 8
    greater = strict(asked(client, alternative="greater"))["result"]
    assert greater["verdict"] == "contradicted"


def test_too_few_pairs_are_inconclusive_and_say_how_many_are_needed(client: FlaskClient, scene: Scene) -> None:
    """Two-sided at 0.05 it takes six. Caught mutation: a p value that could never have been small enough."""
    trained(client, scene, {(width, seed): float(width + seed) for width in (2, 4) for seed in range(5)})
    found = strict(asked(client, alternative="two_sided"))["result"]
    assert (found["verdict"], found["needed_n"], found["p_value"]) == ("inconclusive", 6, None)


def test_what_failed_or_has_no_partner_is_counted(client: FlaskClient, scene: Scene) -> None:
    """By hand. Caught mutation: a failed arm left out without a word."""
    trained(client, scene, {(2, 0): 1.0, (2, 1): 1.0, (2, 2): 1.0, (4, 0): 0.5, (4, 7): 0.5})
    for seed in (1, 2):
        client.post(EXPERIMENTS, json={"spec": spec_json(architecture={"width": 4}, seed=seed)})
    claim = scene.claim(least=1, most=1)
    assert claim is not None
    scene.write(results.fail, claim.experiments[0].id, 1, "internal", "broke", scene.now)
    found = strict(asked(client))["result"]
    assert (found["n_pairs"], found["n_missing"], found["unpaired"]) == (1, 1, {"a": 1, "b": 1})
    assert (found["a"]["n_failed"], found["a"]["n_open"]) == (1, 1)
    worst = strict(asked(client, policy="worst"))["result"]
    assert worst["n_pairs"] == 2 and worst["n_missing"] == 1


def test_a_diverged_run_has_no_value_to_pair(client: FlaskClient, scene: Scene) -> None:
    """By hand. Caught mutation: the last loss before it diverged compared as if it were its result."""
    trained(client, scene, {(2, 0): 1.0, (2, 1): 1.0, (4, 0): 0.5})
    client.post(EXPERIMENTS, json={"spec": spec_json(architecture={"width": 4}, seed=1)})
    claim = scene.claim(least=1, most=1)
    assert claim is not None
    diverged = measurement(9.0, 0.1, outcome=Outcome.DIVERGED, stopped_at_step=1)
    scene.write(results.finish, claim.experiments[0].id, 1, diverged, scene.now)
    found = strict(asked(client))["result"]
    assert (found["n_pairs"], found["n_missing"], found["a"]["n_diverged"]) == (1, 1, 1)


def test_recorded_results_take_part(client: FlaskClient, scene: Scene) -> None:
    """A loop of the client's own against what was trained here. Caught mutation: only verified experiments compared."""
    trained(client, scene, {(4, seed): 1.0 for seed in range(6)})
    for seed in range(6):
        spec = {"type": "recorded", "config": {"code": "mine"}, "metrics": {"train_loss": 2.0 + seed}, "seed": seed}
        assert client.post(EXPERIMENTS, json={"spec": spec}).status_code == 200
    found = strict(asked(client, b={"filter": "verified = false"}))["result"]
    assert (found["n_pairs"], found["verdict"], found["p_value"]) == (6, "supported", 2**-6)


def test_it_stays_as_it_was_found(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: a comparison that is made again when it is read; two for one key."""
    trained(client, scene, {(width, seed): float(width) for width in (2, 4) for seed in range(3)})
    key = {"Idempotency-Key": "once"}
    first = asked(client, key)
    trained(client, scene, {(width, seed): float(width) for width in (2, 4) for seed in range(3, 6)})
    again = asked(client, key)
    assert again.text == first.text and again.headers["Idempotent-Replayed"] == "true"
    assert strict(client.get(first.headers["Location"]))["result"]["n_pairs"] == 3
    second, third = strict(asked(client)), strict(asked(client))
    assert second["result"]["n_pairs"] == 6
    assert (second["inputs_hash"], second["result"]) == (third["inputs_hash"], third["result"])
    assert second["inputs_hash"] != strict(first)["inputs_hash"]


def test_a_repeated_request_gets_its_reply_whatever_the_filters_meet_by_now(client: FlaskClient, scene: Scene) -> None:
    """A second network of each seed would be refused. Caught mutation: pairs made before the key is looked up."""
    losses = {(width, seed): float(width) for width in (2, 4) for seed in range(3)}
    trained(client, scene, losses)
    key = {"Idempotency-Key": "kept"}
    first = asked(client, key)
    trained(client, scene, losses)
    problem(asked(client), 422, "validation-error")
    again = asked(client, key)
    assert (again.status_code, again.text) == (201, first.text)


def test_a_comparison_that_is_refused_keeps_no_key(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a key that belongs to a request that never had a reply."""
    key = {"Idempotency-Key": "later"}
    problem(asked(client, key), 422, "validation-error")
    trained(client, scene, {(width, seed): float(width) for width in (2, 4) for seed in range(3)})
    assert asked(client, key).status_code == 201


@pytest.mark.parametrize(
    ("changes", "code", "pointer", "sentence"),
    [
        ({"a": {"filter": "width = 4"}}, "unknown-filter-field", "/a/filter", "width"),
        ({"b": {"filter": "architecture.width = ("}}, "filter-syntax", "/b/filter", "character"),
        ({"b": {"filter": 'architecture.width = "x"'}}, "filter-type", "/b/filter", "character"),
        ({"a": {"filter": "architecture.width = 3"}}, "validation-error", "/a/filter", "meets no experiment"),
        ({"a": "architecture.width = 3"}, "validation-error", "/a", "must be an object"),
        ({"a": {}}, "validation-error", "/a", "must be {"),
        ({"metric": "metrics.trian_loss.last"}, "validation-error", "/metric", "has a metric"),
        ({"metric": "train_loss"}, "unknown-filter-field", "/metric", "train_loss"),
        ({"pair_by": ["sede"]}, "validation-error", "/pair_by/0", "has nothing at 'sede'"),
        ({"pair_by": ["target.kind"]}, "validation-error", "/pair_by", "more than one value"),
        ({"alpha": 0.6}, "validation-error", "/alpha", "at most"),
        ({"minimum_effect": -1}, "validation-error", "/minimum_effect", "greater than"),
        ({"test": "anova"}, "validation-error", "/test", "must be one of"),
        ({"larger_is_worse": "yes"}, "validation-error", "/larger_is_worse", "true or false"),
        ({"pairs": 1}, "unknown-field", "/pairs", "pair_by"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    client: FlaskClient, scene: Scene, changes: dict[str, Any], code: str, pointer: str, sentence: str
) -> None:
    """Caught mutations: an empty side that is inconclusive; two values of one seed averaged in silence."""
    trained(client, scene, {(width, seed): 1.0 for width in (2, 4) for seed in range(2)})
    document = problem(asked(client, **changes), 422, code)
    assert any(each["pointer"] == pointer and sentence in each["detail"] for each in document["errors"]), document


def test_a_filter_that_meets_too_many_is_refused_before_they_are_read(
    client: FlaskClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than the bound is read, to know. Caught mutations: no bound; all rows read and then counted."""
    trained(client, scene, {(width, seed): float(width) for width in (2, 4) for seed in range(3)})
    found = scene.read(comparisons.sample, scene.project_id, filter_of("seed >= 0"), "train_loss", most=1)
    assert len(found) == 2 and all(each.metric is not None for each in found)
    monkeypatch.setattr("service.comparisons.MOST", 2)
    document = problem(asked(client), 422, "validation-error")
    assert [(each["pointer"], each["code"]) for each in document["errors"]] == [
        ("/a/filter", "too-large"),
        ("/b/filter", "too-large"),
    ]


def test_a_comparison_of_nobody_is_not_there(client: FlaskClient) -> None:
    """Caught mutation: 500 for an id that nobody has."""
    problem(client.get(f"{COMPARISONS}/cmp_00000000000000000000000000"), 404, "not-found")
