"""POST an experiment, read its result: the main job over HTTP, with the promises a client relies on."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.end_to_end
ROOT = Path(__file__).parents[2]
SPEC: dict[str, Any] = {
    "type": "approximation",
    "target": {"kind": "sine-sum"},
    "dataset": {"kind": "sampled", "train_size": 50, "validation_size": 20, "test_size": 100},
    "architecture": {"kind": "mlp", "width": 17, "depth": 2, "activation": "tanh"},
    "training": {"kind": "gradient", "steps": 300, "batch_size": 15, "evaluate_every": 60},
    "probes": [{"kind": "lp-error", "p": [2, "inf"]}],
    "seed": 7,
}


def post(client: httpx.Client, spec: dict[str, Any], wait: int = 0) -> dict[str, Any]:
    """Submit and return the experiment."""
    reply = client.post("/v1/experiments", json={"spec": spec}, headers={"Prefer": f"wait={wait}"})
    assert reply.status_code in (200, 202), reply.text
    experiment: dict[str, Any] = reply.json()
    return experiment


def finished(client: httpx.Client, identifier: str) -> dict[str, Any]:
    """Return the experiment when it is terminal, by long polls."""
    headers: dict[str, str] = {}
    for _ in range(30):
        reply = client.get(f"/v1/experiments/{identifier}", headers={"Prefer": "wait=10", **headers})
        if reply.status_code == 200:
            experiment: dict[str, Any] = reply.json()
            if experiment["is_terminal"]:
                return experiment
            headers = {"If-None-Match": reply.headers["ETag"]}
    raise AssertionError(f"{identifier} did not end")


def weights(client: httpx.Client, identifier: str) -> str:
    """Return the sha256 of the experiment's weights."""
    listed = client.get(f"/v1/experiments/{identifier}/artifacts").json()["data"]
    return next(str(artifact["sha256"]) for artifact in listed if artifact["name"] == "model.safetensors")


def test_the_same_spec_gives_the_same_bits_alone_and_among_thirty_others(client: httpx.Client) -> None:
    """Caught mutation: initial weights that depend on the slot.

    A boundary of 1 element moves no bit of this spec; tests/engine/test_batch_invariance.py has the cases it moves.
    """
    alone = finished(client, post(client, SPEC)["id"])
    again = finished(client, post(client, SPEC)["id"])
    # A long one keeps the worker busy until it is cancelled, so that the others meet in the queue.
    busy = post(client, {**SPEC, "training": {**SPEC["training"], "steps": 2_000_000}})["id"]
    while client.get(f"/v1/experiments/{busy}").json()["status"] == "queued":
        time.sleep(0.05)
    crowd = [post(client, {**SPEC, "seed": 100 + number})["id"] for number in range(15)]
    inside = post(client, SPEC)["id"]
    crowd += [post(client, {**SPEC, "seed": 200 + number})["id"] for number in range(15)]
    client.post(f"/v1/experiments/{busy}/cancel")
    among = finished(client, inside)
    others = [finished(client, identifier) for identifier in crowd]

    assert among["attempt"]["population_size"] == 31
    assert all(other["status"] == "succeeded" for other in others)
    reference = weights(client, alone["id"])
    assert [weights(client, found["id"]) for found in (again, among)] == [reference, reference]
    assert weights(client, crowd[0]) != reference
    assert alone["metrics"] == again["metrics"] == among["metrics"]


def test_the_weights_give_the_reported_error_in_plain_torch(client: httpx.Client, service: Any) -> None:
    """Caught mutation: weights saved before the last step, or transposed."""
    experiment = finished(client, post(client, SPEC)["id"])
    script = ROOT / "benchmarks" / "check_weights.py"
    run = subprocess.run(
        [sys.executable, str(script), service.await_url(), experiment["id"]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_prediction_comes_with_truth_and_error_while_a_population_trains(client: httpx.Client) -> None:
    """Caught mutation: no inference worker, so that nobody answers while the training worker is busy."""
    experiment = finished(client, post(client, SPEC)["id"])
    long = post(client, {**SPEC, "training": {**SPEC["training"], "steps": 200_000}})
    reply = client.post(f"/v1/experiments/{experiment['id']}/predictions", json={"inputs": [[0.0], [0.25]]})
    assert reply.status_code == 200, reply.text
    assert client.get(f"/v1/experiments/{long['id']}").json()["is_terminal"] is False
    client.post(f"/v1/experiments/{long['id']}/cancel")
    assert finished(client, long["id"])["status"] == "cancelled"
    answer = reply.json()
    assert len(answer["outputs"]) == 2
    for output, truth, error in zip(answer["outputs"], answer["truth"], answer["errors"], strict=True):
        assert error == pytest.approx(abs(output[0] - truth[0]))


def test_a_diverging_run_is_a_finding(client: httpx.Client) -> None:
    """Caught mutation: divergence recorded as failed."""
    wild = {"kind": "sgd", "learning_rate": 1e6}
    experiment = finished(client, post(client, {**SPEC, "training": {**SPEC["training"], "optimizer": wild}})["id"])
    assert (experiment["status"], experiment["outcome"]) == ("succeeded", "diverged")


def test_plots_curves_and_manifest_of_a_finished_experiment(client: httpx.Client) -> None:
    """Caught mutation: a plot answered with an empty body."""
    experiment = finished(client, post(client, SPEC)["id"])
    url = f"/v1/experiments/{experiment['id']}"
    for name in ("loss", "fit"):
        assert b"<svg" in client.get(f"{url}/plots/{name}.svg").content
        assert client.get(f"{url}/plots/{name}.png").content.startswith(b"\x89PNG")
    curve = client.get(f"{url}/curves", params={"names": "train_loss"}).json()
    assert "train_loss" in str(curve)
    manifest = client.get(f"{url}/manifest").json()
    assert manifest["spec_hash"] == experiment["spec_hash"]
