"""Submitting: the row is committed before 202, repeated requests make one experiment, limits hold."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.context import NAME
from tests.builders import spec_json
from tests.database.scene import Scene, measurement, model
from tests.service.requests import EXPERIMENTS, problem, strict, submitted
from workers.experiments.lifecycle import Status

RECORDED = {"type": "recorded", "config": {"code": "mine"}, "metrics": {"test_loss": 0.5}}
KEY = {"Idempotency-Key": "a key of mine"}


def count(client: FlaskClient) -> int:
    """Return how many experiments there are."""
    return int(client.get(f"{EXPERIMENTS}?count=exact").json["total"])  # type: ignore[index]


def test_an_experiment_is_accepted_and_found_under_its_location(client: FlaskClient) -> None:
    """Caught mutations: 201 in place of 202; the row written after the reply."""
    envelope = {"name": "sine", "tags": ["a", "b"], "metadata": {"who": "me"}, "priority": "high"}
    reply = submitted(client, **envelope)
    assert reply.status_code == 202
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    found = client.get(reply.headers["Location"])
    assert found.json == reply.json
    assert {name: found.json[name] for name in envelope} == envelope  # type: ignore[index]
    assert found.json["status"] == "queued" and found.json["spec"]["training"]["optimizer"]["kind"] == "adam"  # type: ignore[index]


def test_a_recorded_experiment_has_ended_when_it_is_accepted(client: FlaskClient) -> None:
    """Caught mutation: 202 for everything."""
    reply = client.post(EXPERIMENTS, json={"spec": RECORDED})
    assert reply.status_code == 200
    assert "Retry-After" not in reply.headers
    body = strict(reply)
    assert (body["status"], body["outcome"], body["verified"]) == ("succeeded", "completed", False)
    assert body["metrics"]["test_loss"]["last"] == 0.5


def test_a_repeated_request_gets_the_first_reply(client: FlaskClient) -> None:
    """Caught mutations: a key that is not stored; a replay that shows the experiment as it is now."""
    first = submitted(client, KEY, name="x")
    client.post(f"{first.headers['Location']}/cancel")
    again = submitted(client, KEY, name="x")
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert (again.headers["Location"], again.headers["Retry-After"]) == (
        first.headers["Location"],
        first.headers["Retry-After"],
    )
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert count(client) == 1


def test_white_space_and_order_make_no_other_request(client: FlaskClient) -> None:
    """Caught mutation: the hash of the bytes in place of the canonical body."""
    first = submitted(client, KEY, name="x")
    spaced = client.post(
        EXPERIMENTS,
        data='{ "name": "x",  "spec": ' + json.dumps(spec_json(), indent=3) + "}",
        content_type="application/json; charset=utf-8",
        headers=KEY,
    )
    assert spaced.json["id"] == first.json["id"]  # type: ignore[index]


def test_a_key_serves_one_body(client: FlaskClient) -> None:
    """Caught mutation: the body's hash left out of the comparison."""
    submitted(client, KEY, name="x")
    document = problem(submitted(client, KEY, name="y"), 422, "idempotency-key-reused")
    assert document["retryable"] is False
    assert count(client) == 1


def test_a_refused_request_leaves_its_key_free(client: FlaskClient) -> None:
    """Caught mutation: failed validation stored under the key."""
    problem(submitted(client, KEY, priority="urgent"), 422, "validation-error")
    assert submitted(client, KEY).status_code == 202


def test_eight_requests_at_once_with_one_key_make_one_experiment(app: Flask) -> None:
    """Caught mutation: the key looked up in a transaction before the one that stores it."""
    replies: list[Any] = []
    barrier = threading.Barrier(8)

    def send() -> None:
        barrier.wait()
        replies.append(submitted(app.test_client(), KEY))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json["id"] for reply in replies}) == 1
    assert sum("Idempotent-Replayed" in reply.headers for reply in replies) == 7
    assert count(app.test_client()) == 1


@pytest.mark.parametrize(("header", "applied"), [("wait=1", "wait=1"), ("respond-async, wait=0", None), ("x", None)])
def test_a_wait_ends_with_202_when_nothing_happens(client: FlaskClient, header: str, applied: str | None) -> None:
    """Caught mutation: a wait that answers 200 for what still runs."""
    reply = submitted(client, {"Prefer": header})
    assert reply.status_code == 202
    assert reply.headers.get("Preference-Applied") == applied


def test_a_wait_ends_with_200_when_the_experiment_has_ended(app: Flask, scene: Scene) -> None:
    """Caught mutation: a wait that sleeps for its whole time, or shows the experiment as it was submitted."""
    replies: list[Any] = []
    waiting = threading.Thread(target=lambda: replies.append(submitted(app.test_client(), {"Prefer": "wait=50"})))
    waiting.start()
    while not (claim := scene.claim()):
        pass
    scene.finish(claim.experiments[0])
    waiting.join(timeout=20)
    assert not waiting.is_alive()
    (reply,) = replies
    assert (reply.status_code, reply.json["status"]) == (200, "succeeded")
    assert reply.headers["Preference-Applied"] == "wait=50" and "Retry-After" not in reply.headers


def test_waiters_are_capped(app: Flask, client: FlaskClient) -> None:
    """Caught mutation: every waiter holds a thread, so that health checks wait too."""
    waiters = app.extensions[NAME].waiters
    taken = 0
    while waiters.acquire(blocking=False):
        taken += 1
    assert taken == 4
    began = time.monotonic()
    reply = submitted(client, {"Prefer": "wait=50"})
    assert time.monotonic() - began < 10
    assert reply.status_code == 202 and "Preference-Applied" not in reply.headers
    waiters.release(taken)


@pytest.mark.parametrize("setting", ["max_parameters", "max_memory_bytes", "max_flops"])
def test_a_limit_takes_what_it_names_and_nothing_more(
    migrated_url: str, make_app: Callable[..., Flask], setting: str
) -> None:
    """Caught mutation: >= in place of >, or a limit that nobody reads."""
    spec = {"spec": spec_json()}
    cost = make_app(migrated_url).test_client().post(f"{EXPERIMENTS}/validate", json=spec).json
    assert cost is not None
    needed = {"max_parameters": cost["parameters"], "max_memory_bytes": cost["estimate"]["memory_bytes"],
              "max_flops": cost["estimate"]["flops"]}[setting]  # fmt: skip
    exact = make_app(migrated_url, **{setting: needed}).test_client()
    less = make_app(migrated_url, **{setting: needed - 1}).test_client()
    assert exact.post(EXPERIMENTS, json=spec).status_code == 202
    (error,) = problem(less.post(EXPERIMENTS, json=spec), 422, "validation-error")["errors"]
    assert (error["pointer"], error["code"]) == ("/spec/architecture", "too-large")
    assert "reduce" in error["detail"]


MEASURED_AGAIN: dict[str, Any] = {"probes": [{"kind": "lp-error"}], "architecture": None, "training": None}


def again(client: FlaskClient, experiment_id: str, **changes: Any) -> Any:
    """Ask for further probes of an experiment's model."""
    spec = {**spec_json(**changes), **MEASURED_AGAIN, "model_of": experiment_id}
    return client.post(EXPERIMENTS, json={"spec": spec})


def test_a_finished_model_can_be_measured_again(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: model_of accepted whatever it names (the next test) or never (this one)."""
    claimed = scene.running()
    scene.finish(claimed, measurement(artifacts=[model()]))
    assert again(client, claimed.id).status_code == 202


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.FAILED, Status.SUCCEEDED])
def test_only_a_succeeded_experiment_with_a_model_is_measured_again(
    client: FlaskClient, scene: Scene, status: Status
) -> None:
    """The succeeded one here has left no model. Caught mutation: the status alone is looked at."""
    (error,) = problem(again(client, scene.bring_to(status).id), 422, "validation-error")["errors"]
    assert error["pointer"] == "/spec/model_of" and "give the id" in error["detail"]


def test_other_data_must_have_the_model_s_inputs(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: sizes not compared."""
    claimed = scene.running()
    scene.finish(claimed, measurement(artifacts=[model()]))
    reply = again(client, claimed.id, target={"kind": "product", "inputs": 3})
    (error,) = problem(reply, 422, "validation-error")["errors"]
    assert error["pointer"] == "/spec/dataset"
