"""Artifacts: what they are, and their bytes whole, in part, or not again (RFC 9110)."""

import hashlib
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.database.scene import Scene, measurement, model
from tests.service.requests import EXPERIMENTS, problem, strict

CONTENT = bytes(range(200)) * 5  # 1,000 bytes
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def artifact(client: FlaskClient, scene: Scene) -> dict[str, Any]:
    """The weights of a finished experiment."""
    claimed = scene.running()
    scene.finish(claimed, measurement(artifacts=[model(CONTENT)]))
    (found,) = strict(client.get(f"{EXPERIMENTS}/{claimed.id}/artifacts"))["data"]
    return dict(found)


def test_an_artifact_says_what_it_is(client: FlaskClient, artifact: dict[str, Any]) -> None:
    """Caught mutation: links to nowhere."""
    assert (artifact["name"], artifact["size_bytes"], artifact["sha256"]) == ("model.safetensors", 1000, DIGEST)
    assert client.get(artifact["links"]["self"]).json == artifact
    reply = client.get(artifact["links"]["content"])
    assert reply.data == CONTENT
    headers = reply.headers
    assert headers["ETag"] == f'"{DIGEST}"'
    assert headers["Content-Disposition"] == "attachment; filename=model.safetensors"
    assert (headers["X-Content-Type-Options"], headers["Accept-Ranges"]) == ("nosniff", "bytes")
    assert (headers["Content-Type"], headers["Content-Length"]) == ("application/octet-stream", "1000")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=0-0", 0, 1),
        ("bytes=900-", 900, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=990-5000", 990, 1000),
        ("bytes=-5000", 0, 1000),
    ],
)
def test_one_range_gives_its_bytes(
    client: FlaskClient, artifact: dict[str, Any], asked: str, start: int, stop: int
) -> None:
    """Caught mutations: an end that is taken as exclusive; a suffix read from the start."""
    reply = client.get(artifact["links"]["content"], headers={"Range": asked})
    assert reply.data == CONTENT[start:stop]
    assert reply.headers["Content-Length"] == str(stop - start)
    whole = (start, stop) == (0, 1000)
    assert reply.status_code == (200 if whole else 206)
    assert whole or reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1000"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=x", "bytes=5-4", "nonsense"])
def test_other_ranges_are_ignored(client: FlaskClient, artifact: dict[str, Any], asked: str) -> None:
    """RFC 9110, 14.2: a server may ignore Range. Caught mutation: 416 for a unit nobody knows."""
    reply = client.get(artifact["links"]["content"], headers={"Range": asked})
    assert (reply.status_code, reply.data) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_given(client: FlaskClient, artifact: dict[str, Any], asked: str) -> None:
    """Caught mutation: an empty 206."""
    reply = client.get(artifact["links"]["content"], headers={"Range": asked})
    problem(reply, 416, "range-not-satisfiable")
    assert reply.headers["Content-Range"] == "bytes */1000"


def test_what_the_client_has_is_not_sent_again(client: FlaskClient, artifact: dict[str, Any]) -> None:
    """Caught mutation: If-None-Match compared without quotes."""
    path = artifact["links"]["content"]
    reply = client.get(path, headers={"If-None-Match": f'"other", "{DIGEST}"'})
    assert (reply.status_code, reply.data) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("known", "status"), [(f'"{DIGEST}"', 206), ('"other"', 200), (f'W/"{DIGEST}"', 200)])
def test_a_range_of_another_version_gives_the_whole(
    client: FlaskClient, artifact: dict[str, Any], known: str, status: int
) -> None:
    """If-Range compares strongly. Caught mutation: If-Range ignored."""
    headers = {"Range": "bytes=0-9", "If-Range": known}
    assert client.get(artifact["links"]["content"], headers=headers).status_code == status


def test_head_tells_the_size_without_the_bytes(client: FlaskClient, artifact: dict[str, Any]) -> None:
    """Caught mutation: a range applied to HEAD."""
    reply = client.head(artifact["links"]["content"], headers={"Range": "bytes=0-9"})
    assert (reply.status_code, reply.data, reply.headers["Content-Length"]) == (200, b"", "1000")


@pytest.mark.parametrize("name", ["art_00000000000000000000000000", "..", "%2e%2e%2fetc%2fpasswd", "art_%00", "ＡRT"])
def test_an_unknown_artifact_is_not_found(reader: FlaskClient, name: str) -> None:
    """Caught mutation: a name that reaches a file system."""
    problem(reader.get(f"/v1/artifacts/{name}"), 404, "not-found")
    problem(reader.get(f"/v1/artifacts/{name}/content"), 404, "not-found")
