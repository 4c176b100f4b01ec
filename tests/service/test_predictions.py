"""Asking a model: by an inference worker, compared with the target where it is known, within limits."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from service import predictions
from tests.database.scene import Scene, identity, measurement, model
from tests.service.requests import EXPERIMENTS, problem, strict
from workers.database import claims, inferences
from workers.experiments.lifecycle import Status

OFF_BY = 0.5


@pytest.fixture
def path(scene: Scene) -> str:
    """Where the model of a finished experiment with the target sin(2 pi x) is asked."""
    claimed = scene.running()
    scene.finish(claimed, measurement(artifacts=[model()]))
    return f"{EXPERIMENTS}/{claimed.id}/predictions"


def sine(point: list[float]) -> list[float]:
    """Return the target's value, off by a half."""
    return [math.sin(2 * math.pi * point[0]) + OFF_BY]


def failing(point: list[float]) -> list[float]:
    """Fail, as weights that do not load would."""
    raise ValueError("no such tensor")


@contextmanager
def inference_worker(scene: Scene, answer: Any = sine) -> Iterator[None]:
    """Answer questions as an inference worker does, through the database alone."""
    with scene.database.write() as session:
        claims.register_worker(session, identity("wrk_i", "inference"), datetime.now(UTC))
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            with scene.database.write() as session:
                taken = inferences.claim_inference(session, "wrk_i", datetime.now(UTC))
            if taken is None:
                time.sleep(0.01)
                continue
            outputs, detail = None, None
            try:
                outputs = [answer(point) for point in taken[0].inputs]
            except ValueError as error:
                detail = str(error)
            with scene.database.write() as session:
                inferences.answer(session, taken[0].id, outputs, detail, datetime.now(UTC))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_outputs_come_with_truth_and_error(client: FlaskClient, scene: Scene, path: str) -> None:
    """Caught mutations: truth at other points; an error without the root or with a sign."""
    with inference_worker(scene):
        body = strict(client.post(path, json={"inputs": [[0.0], [0.25], [-1]]}))
    assert [row[0] for row in body["outputs"]] == pytest.approx([0.5, 1.5, 0.5])
    assert [row[0] for row in body["truth"]] == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)
    assert body["errors"] == pytest.approx([OFF_BY] * 3)
    assert (body["l2_error"], body["sup_error"]) == pytest.approx((OFF_BY, OFF_BY))


def test_an_output_that_is_not_finite_is_named(client: FlaskClient, scene: Scene, path: str) -> None:
    """Caught mutation: NaN in JSON."""
    with inference_worker(scene, lambda point: [math.nan if point[0] > 0 else math.inf]):
        body = strict(client.post(path, json={"inputs": [[1.0], [-1.0]]}))
    assert body["outputs"] == [["NaN"], ["Infinity"]] and body["l2_error"] == "NaN"


def test_a_model_that_cannot_run_is_our_fault(client: FlaskClient, scene: Scene, path: str) -> None:
    """Caught mutation: a failed question waited for until the end."""
    began = time.monotonic()
    with inference_worker(scene, failing):
        document = problem(client.post(path, json={"inputs": [[0.0]]}), 500, "internal")
    assert "no such tensor" in document["detail"]
    assert time.monotonic() - began < 8


def test_without_an_inference_worker_the_client_is_told_when_to_come_back(
    client: FlaskClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caught mutation: a request that waits for ever."""
    monkeypatch.setattr(predictions, "PATIENCE_SECONDS", 0.3)
    reply = client.post(path, json={"inputs": [[0.0]]})
    problem(reply, 503, "unavailable")
    assert int(reply.headers["Retry-After"]) > 0


def test_predictions_at_once_are_capped(client: FlaskClient, path: str) -> None:
    """Caught mutation: all threads of the server waiting for a worker that is away."""
    slots = client.application.extensions["whydeep"].predictions
    while slots.acquire(blocking=False):
        pass
    began = time.monotonic()
    problem(client.post(path, json={"inputs": [[0.0]]}), 503, "unavailable")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("inputs", "pointer"),
    [
        ([], "/inputs"),
        ([[]], "/inputs/0"),
        ([[0.0], [0.0, 1.0]], "/inputs/1"),
        ([0.0], "/inputs/0"),
        ([["0"]], "/inputs/0/0"),
        ([[True]], "/inputs/0/0"),
        ([[None]], "/inputs/0/0"),
        ([[1e31]], "/inputs/0/0"),
        ([[0.0]] * 10_001, "/inputs"),
        ("x", "/inputs"),
    ],
)
def test_inputs_of_another_shape_are_refused(client: FlaskClient, path: str, inputs: Any, pointer: str) -> None:
    """Caught mutation: rows broadcast, or checked by the worker alone."""
    document = problem(client.post(path, json={"inputs": inputs}), 422, "validation-error")
    assert pointer in [error["pointer"] for error in document["errors"]]


@pytest.mark.parametrize("status", list(Status))
def test_an_experiment_without_a_model_says_so(client: FlaskClient, scene: Scene, status: Status) -> None:
    """The succeeded one here has left none. Caught mutation: a question that no worker can answer."""
    path = f"{EXPERIMENTS}/{scene.bring_to(status).id}/predictions"
    problem(client.post(path, json={"inputs": [[0.0]]}), 409, "no-model")
    recorded = {"type": "recorded", "config": {}, "metrics": {}}
    location = client.post(EXPERIMENTS, json={"spec": recorded}).headers["Location"]
    problem(client.post(f"{location}/predictions", json={"inputs": [[0.0]]}), 409, "no-model")
