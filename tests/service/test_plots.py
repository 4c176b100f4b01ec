"""Pictures: valid, the same bytes each time, labelled, and whole when numbers are not."""

import io
import math
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.builders import spec_json
from tests.database.scene import Scene, curve
from tests.service.requests import EXPERIMENTS, problem
from workers.experiments.lifecycle import Outcome
from workers.experiments.measurement import Artifact, Measurement

LOSSES = (curve("train_loss", 2.0, 1.0, 0.1), curve("test_loss", 2.5, math.nan, 0.3))


@pytest.fixture
def database_kind() -> str:
    """SQLite alone: drawing is slow, and does not depend on where the numbers come from."""
    return "sqlite"


def grid(inputs: int) -> np.ndarray[Any, Any]:
    """Return points of a grid: (n, inputs)."""
    axis = np.linspace(-1.0, 1.0, 9)
    return np.stack(np.meshgrid(*[axis] * inputs, indexing="ij"), axis=-1).reshape(-1, inputs)


def predictions(inputs: int, *, error: float = 0.1, parts: tuple[str, ...] = ("test", "grid")) -> Artifact:
    """Return the artifact that a trained network leaves."""
    points = grid(inputs)
    truth = points.prod(axis=1, keepdims=True)
    arrays = {}
    for part in parts:
        arrays |= {f"{part}_inputs": points, f"{part}_truth": truth, f"{part}_outputs": truth + error}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return Artifact(name="predictions.npz", media_type="application/octet-stream", content=file.getvalue())


def finished(scene: Scene, inputs: int = 1, **changes: Any) -> str:
    """Return the path of a finished experiment's pictures."""
    spec = spec_json(**({} if inputs == 1 else {"target": {"kind": "product", "inputs": inputs}}))
    claimed = scene.running(spec=spec, name=changes.pop("name", "a $name$ <b>&</b>\nof mine"))
    result = {"curves": LOSSES, "artifacts": (predictions(min(inputs, 2)),), **changes}
    scene.finish(claimed, Measurement(**result))
    return f"{EXPERIMENTS}/{claimed.id}/plots"


def svg(client: FlaskClient, path: str) -> str:
    """Return an SVG after checking that it is one that runs and loads nothing."""
    reply = client.get(path)
    assert (reply.status_code, reply.mimetype) == (200, "image/svg+xml"), reply.text
    root = ElementTree.fromstring(reply.data)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "<script" not in reply.text
    assert "script-src" not in reply.headers["Content-Security-Policy"]
    return reply.text


@pytest.mark.parametrize(
    ("inputs", "name", "labels"),
    [
        (1, "loss", ["training step (parameter updates)", "mean squared error of scaled outputs (log scale)", "train"]),
        (1, "fit", ["input x", "output", "model", "target", "model − target"]),
        (2, "fit", ["input x1", "input x2", "target", "model", "error", "model − target"]),
    ],
)
def test_a_picture_names_its_axes_and_is_the_same_each_time(
    client: FlaskClient, scene: Scene, inputs: int, name: str, labels: list[str]
) -> None:
    """Matplotlib notes each text in a comment. Caught mutations: a date or random names inside; no labels."""
    path = finished(scene, inputs)
    text = svg(client, f"{path}/{name}.svg")
    assert all(f"<!-- {label} -->" in text for label in labels)
    assert svg(client, f"{path}/{name}.svg") == text
    reply = client.get(f"{path}/{name}.png")
    assert reply.mimetype == "image/png" and reply.data.startswith(b"\x89PNG\r\n\x1a\n")
    assert client.get(f"{path}/{name}.png").data == reply.data
    again = client.get(f"{path}/{name}.png", headers={"If-None-Match": reply.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_loss_without_a_finite_value_is_drawn(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a logarithmic axis of nothing, which warns or fails."""
    for number, values in enumerate(((math.nan, math.inf), (0.0, 0.0), (-1.0, math.nan), (1.0,), (1e-300, 1e300))):
        path = finished(scene, name=f"case {number}", curves=(curve("train_loss", *values),))
        assert f"case {number}" in svg(client, f"{path}/loss.svg")


def test_divergence_is_marked(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: a diverged run that looks like a converged one; a fit that hides whose weights it shows."""
    note = Artifact(name="manifest.json", media_type="application/json", content=b'{"model_step":1}')
    ended = {"outcome": Outcome.DIVERGED, "stopped_at_step": 2, "artifacts": (predictions(1), note)}
    path = finished(scene, **ended)
    text = svg(client, f"{path}/loss.svg")
    assert "<!-- diverged at step 2 -->" in text and "<!-- not a finite number -->" in text
    assert "<!-- diverged at step 2; drawn with the weights of step 1 -->" in svg(client, f"{path}/fit.svg")
    whole = finished(scene, curves=(curve("train_loss", 2.0, 0.1),), artifacts=(predictions(1), note))
    assert "not a finite number" not in svg(client, f"{whole}/loss.svg")
    assert "drawn with" not in svg(client, f"{whole}/fit.svg")


@pytest.mark.parametrize(("values", "logarithmic"), [((2.0, 0.2), True), ((2.0, 0.21), False), ((0.0, 0.5), False)])
def test_a_loss_is_logarithmic_from_a_decade_on(
    client: FlaskClient, scene: Scene, values: tuple[float, ...], logarithmic: bool
) -> None:
    """Below a decade, ticks like 4.85e-1 say less. Caught mutation: the axis chosen by the sign alone."""
    path = finished(scene, curves=(curve("train_loss", *values),))
    assert ("(log scale)" in svg(client, f"{path}/loss.svg")) is logarithmic


def test_a_zero_on_a_logarithmic_axis_is_marked(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: a loss that reached zero drawn as if it had not been measured."""
    path = finished(scene, curves=(curve("train_loss", 2.0, 0.1, 0.0),))
    assert "<!-- zero or less -->" in svg(client, f"{path}/loss.svg")


def test_what_was_measured_once_is_drawn_as_bars(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: one speck over steps from -0.04 to 0.04."""
    path = finished(scene, curves=(curve("train_loss", 0.25), curve("test_loss", math.nan)))
    text = svg(client, f"{path}/loss.svg")
    assert all(f"<!-- {label} -->" in text for label in ("train", "test", "0.25", "nan"))
    assert "training step" not in text


def test_a_classification_shows_its_accuracies(client: FlaskClient, scene: Scene) -> None:
    """Caught mutations: the loss alone; a refused fit that does not say where to look."""
    spec = spec_json(dataset={"kind": "digits"}, target=None)
    claimed = scene.running(spec=spec, name="digits")
    curves = (curve("train_loss", 2.0, 0.1), curve("train_accuracy", 0.1, 0.9))
    scene.finish(claimed, Measurement(curves=curves, artifacts=(predictions(1),)))
    path = f"{EXPERIMENTS}/{claimed.id}/plots"
    text = svg(client, f"{path}/loss.svg")
    labels = ("Loss and accuracy of digits", "accuracy (share that is right)", "cross-entropy [nats] (log scale)")
    assert all(f"<!-- {label} -->" in text for label in labels)
    detail = problem(client.get(f"{path}/fit.svg"), 404, "not-found")["detail"]
    assert "classification of 64 inputs" in detail and "accuracies are in the picture of the loss" in detail


@pytest.mark.parametrize("error", [0.0, math.nan, 1e300])
@pytest.mark.parametrize("inputs", [1, 2])
def test_a_fit_with_no_finite_or_no_error_is_drawn(
    client: FlaskClient, scene: Scene, inputs: int, error: float
) -> None:
    """Caught mutation: colour bounds taken from NaN."""
    path = finished(scene, inputs, artifacts=(predictions(inputs, error=error),))
    svg(client, f"{path}/fit.svg")


@pytest.mark.parametrize("inputs", [1, 2])
def test_without_a_grid_the_test_samples_are_drawn(client: FlaskClient, scene: Scene, inputs: int) -> None:
    """Caught mutation: 500 for data that bring no domain."""
    path = finished(scene, inputs, artifacts=(predictions(inputs, parts=("test",)),))
    svg(client, f"{path}/fit.svg")


def test_what_cannot_be_drawn_is_not_found(client: FlaskClient, scene: Scene) -> None:
    """Caught mutation: an empty picture."""
    wide = finished(scene, 3)
    waiting = f"{EXPERIMENTS}/{scene.submit()}/plots"
    for path in (f"{waiting}/loss.svg", f"{waiting}/fit.png", f"{wide}/fit.svg"):
        assert problem(client.get(path), 404, "not-found")["detail"] != "No resource has this address; /docs lists all."
    for path in (f"{waiting}/nope.svg", f"{waiting}/loss.pdf", f"{waiting}/loss.svg.svg"):
        problem(client.get(path), 404, "not-found")
    recorded = {"type": "recorded", "config": {}, "metrics": {}, "curves": {"train_loss": [[0, 1], [2.0, 1.0]]}}
    location = client.post(EXPERIMENTS, json={"spec": recorded}).headers["Location"]
    assert "as reported" in svg(client, f"{location}/plots/loss.svg")
    problem(client.get(f"{location}/plots/fit.svg"), 404, "not-found")
