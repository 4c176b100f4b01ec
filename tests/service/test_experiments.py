"""Reading experiments: versions, long polls, progress, cancelling, what they leave."""

import csv
import io
import math
import threading
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.database.scene import DIVERGED, Scene, curve, measurement
from tests.service.requests import EXPERIMENTS, problem, strict, submitted
from workers.database import results
from workers.database.values import Progress, Report
from workers.experiments.lifecycle import Status
from workers.experiments.measurement import Artifact, Measurement

UNKNOWN = "exp_00000000000000000000000000"


def test_the_etag_is_the_version(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: an ETag of the body; no 304; 304 for an older version."""
    claimed = scene.running()
    path = f"{EXPERIMENTS}/{claimed.id}"
    first = client.get(path)
    assert (first.headers["ETag"], first.json["version"]) == ('"2"', 2)  # type: ignore[index]
    same = client.get(path, headers={"If-None-Match": '"2"'})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", '"2"')
    assert client.get(path, headers={"If-None-Match": 'W/"2"'}).status_code == 304
    scene.finish(claimed)
    assert client.get(path, headers={"If-None-Match": '"2"'}).json["version"] == 3  # type: ignore[index]


def test_reports_change_neither_the_body_nor_the_etag(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: live metrics in a body whose ETag stands still."""
    claimed = scene.running()
    path = f"{EXPERIMENTS}/{claimed.id}"
    before = client.get(path)
    report = Report(id=claimed.id, fence=claimed.fence, curves=(curve("train_loss", 3.0, 2.0),))
    scene.write(results.record, [report])
    after = client.get(path)
    assert (before.headers["ETag"], before.text) == (after.headers["ETag"], after.text)
    assert client.get(f"{path}/curves").json["data"][0]["values"] == [3.0, 2.0]  # type: ignore[index]


def test_a_long_poll_ends_when_the_version_changes(app: Flask, scene: Scene) -> None:
    """Caught mutation: a poll that waits for the end, not for the next version."""
    experiment_id = scene.submit()
    replies: list[Any] = []
    headers = {"Prefer": "wait=50", "If-None-Match": '"1"'}
    path = f"{EXPERIMENTS}/{experiment_id}"
    waiting = threading.Thread(target=lambda: replies.append(app.test_client().get(path, headers=headers)))
    waiting.start()
    time.sleep(0.1)
    assert waiting.is_alive()
    assert scene.claim() is not None
    waiting.join(timeout=20)
    (reply,) = replies
    assert (reply.status_code, reply.json["status"], reply.headers["ETag"]) == (200, "running", '"2"')
    assert reply.headers["Preference-Applied"] == "wait=50"


def test_a_long_poll_without_a_change_ends_with_304(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a body that the client has already."""
    path = f"{EXPERIMENTS}/{scene.submit()}"
    began = time.monotonic()
    reply = client.get(path, headers={"Prefer": "wait=1", "If-None-Match": '"1"'})
    assert reply.status_code == 304
    assert 1.0 <= time.monotonic() - began < 5.0


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": '"7"'}, {"If-None-Match": '"3"'}])
def test_nobody_waits_for_what_has_ended_or_changed(client: FlaskClient, scene: Scene, headers: dict[str, str]) -> None:
    """Caught mutation: a wait on an experiment that nothing will change any more."""
    claimed = scene.bring_to(Status.SUCCEEDED)
    began = time.monotonic()
    reply = client.get(f"{EXPERIMENTS}/{claimed.id}", headers={"Prefer": "wait=30", **headers})
    assert time.monotonic() - began < 5.0
    assert reply.status_code == (304 if headers.get("If-None-Match") == '"3"' else 200)


def test_a_diverged_run_is_a_result_with_strict_json(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a divergence without its step."""
    claimed = scene.running()
    values = (1.0, math.inf, math.nan, -math.inf)
    lost = Measurement(outcome=DIVERGED.outcome, stopped_at_step=3, curves=(curve("train_loss", *values),))
    scene.finish(claimed, lost)
    body = strict(client.get(f"{EXPERIMENTS}/{claimed.id}"))
    assert (body["status"], body["outcome"], body["diverged_at_step"]) == ("succeeded", "diverged", 3)
    assert (body["metrics"]["train_loss"]["last"], body["metrics"]["train_loss"]["min"]) == ("-Infinity", 1.0)
    curves = strict(client.get(f"{EXPERIMENTS}/{claimed.id}/curves"))
    assert curves["data"][0]["values"] == [1.0, "Infinity", "NaN", "-Infinity"]


def test_progress_of_a_queued_experiment_says_what_it_waits_for(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: jobs_ahead always 0; a missing worker not told."""
    first, second = scene.submit(), scene.submit()
    progress = [client.get(f"{EXPERIMENTS}/{each}/progress").json for each in (first, second)]
    assert [(each["jobs_ahead"], each["waiting_for"]) for each in progress if each] == [  # type: ignore[index]
        (0, "matching_worker"),
        (1, "matching_worker"),
    ]


def test_progress_of_a_running_experiment_has_a_rate(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: the last report of a succeeded experiment shown as its progress."""
    claimed = scene.running()
    done = Progress(phase="training", completed=50, total=200, unit="steps")
    scene.write(results.record, [Report(id=claimed.id, fence=claimed.fence, progress=done)])
    body = strict(client.get(f"{EXPERIMENTS}/{claimed.id}/progress"))
    assert (body["phase"], body["completed"], body["total"], body["unit"]) == ("training", 50, 200, "steps")
    assert body["eta_seconds"] >= 0 and body["waiting_for"] == "none"
    scene.finish(claimed)
    assert strict(client.get(f"{EXPERIMENTS}/{claimed.id}/progress"))["phase"] is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [(Status.QUEUED, (200, "cancelled", False)), (Status.RUNNING, (202, "running", True)),
     (Status.CANCELLED, (200, "cancelled", False))],
)  # fmt: skip
def test_cancelling_answers_the_state(
    client: FlaskClient, scene: Scene, status: Status, expected: tuple[int, str, bool]
) -> None:
    """Caught mutation: 200 for an experiment that still runs."""
    reply = client.post(f"{EXPERIMENTS}/{scene.bring_to(status).id}/cancel")
    body = strict(reply)
    assert (reply.status_code, body["status"], body["cancelling"]) == expected


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_what_has_ended_cannot_be_cancelled(client: FlaskClient, scene: Scene, status: Status) -> None:
    """Caught mutation: a cancelled result."""
    path = f"{EXPERIMENTS}/{scene.bring_to(status).id}"
    problem(client.post(f"{path}/cancel"), 409, "not-cancellable")
    assert client.get(path).json["status"] == status.value  # type: ignore[index]


def test_events_and_attempts_tell_the_life(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: events without order, or all of them after `after_version`."""
    path = f"{EXPERIMENTS}/{scene.bring_to(Status.SUCCEEDED).id}"
    events = strict(client.get(f"{path}/events"))["data"]
    assert [(each["version"], each["kind"]) for each in events] == [(1, "queued"), (2, "running"), (3, "succeeded")]
    assert [each["version"] for each in strict(client.get(f"{path}/events?after_version=2"))["data"]] == [3]
    (attempt,) = strict(client.get(f"{path}/attempts"))["data"]
    assert (attempt["number"], attempt["device"], attempt["population_size"]) == (1, "cpu", 1)


def test_curves_come_as_json_and_as_csv(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: names ignored; from and to off by one; a CSV that rounds."""
    claimed = scene.running()
    values = tuple(1 / (step + 3) for step in range(50))
    scene.finish(claimed, Measurement(curves=(curve("train_loss", *values), curve("test_loss", *values))))
    path = f"{EXPERIMENTS}/{claimed.id}/curves"
    body = strict(client.get(f"{path}?names=train_loss,nope&from=10&to=12"))
    assert body["data"] == [
        {"name": "train_loss", "steps": [10, 11, 12], "values": list(values[10:13]), "downsampled": False, "n_raw": 3}
    ]
    assert body["missing"] == ["nope"]
    reply = client.get(f"{path}?names=test_loss", headers={"Accept": "text/csv"})
    assert reply.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [float(row["value"]) for row in rows] == list(values)
    assert strict(client.get(f"{path}?max_points=10"))["data"][0]["downsampled"] is True
    problem(client.get(path, headers={"Accept": "image/png"}), 406, "not-acceptable")


def test_the_manifest_is_there_when_the_experiment_has_ended(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: an empty manifest before the end."""
    claimed = scene.running()
    path = f"{EXPERIMENTS}/{claimed.id}/manifest"
    problem(client.get(path), 404, "not-found")
    manifest = Artifact(name="manifest.json", media_type="application/json", content=b'{"threads": 1}')
    scene.finish(claimed, measurement(artifacts=[manifest]))
    reply = client.get(path)
    assert reply.json == {"threads": 1}
    assert client.get(path, headers={"If-None-Match": reply.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("page", ["", "/progress", "/events", "/attempts", "/curves", "/artifacts", "/manifest"])
@pytest.mark.parametrize("experiment_id", [UNKNOWN, "exp_x", "..%2f..%2fetc", "%00", "exp_" + "0" * 4000])
def test_an_unknown_id_is_not_found(reader: FlaskClient, page: str, experiment_id: str) -> None:
    """Caught mutation: an empty list for an experiment that does not exist."""
    problem(reader.get(f"{EXPERIMENTS}/{experiment_id}{page}"), 404, "not-found")


def test_another_project_s_experiment_is_not_found(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a query without the project."""
    from workers.database.queries import ensure_project

    foreign = scene.submit(project_id=scene.write(ensure_project, "other"))
    for page in ("", "/events", "/curves", "/artifacts", "/attempts", "/progress"):
        problem(client.get(f"{EXPERIMENTS}/{foreign}{page}"), 404, "not-found")
    problem(client.post(f"{EXPERIMENTS}/{foreign}/cancel"), 404, "not-found")
    assert submitted(client).status_code == 202
    assert [each["id"] for each in client.get(EXPERIMENTS).json["data"]] != [foreign]  # type: ignore[index]
