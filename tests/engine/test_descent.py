"""Gradient descent where its path is known in closed form."""

import json
from io import BytesIO

import numpy as np
import pytest
from safetensors.numpy import load

from tests.engine.populations import alone, content, curve, spec
from workers.experiments.spec import ExperimentSpec

RATE = 0.1


def line(steps: int, **more: object) -> ExperimentSpec:
    """Fit w x + b, from 0, to 2 x on the two points -1 and 1 by plain descent on the mean squared error."""
    return spec(
        target={"kind": "expression", "expression": "2*x", "domain": {"x": [-1, 1]}},
        data={"train_size": 2, "design": "grid"},
        network={"depth": 0, "initialisation": {"zero": True}},
        training={
            "steps": steps,
            "batch_size": None,
            "evaluate_every": 1,
            "optimizer": {"kind": "sgd", "learning_rate": RATE},
        },
        dtype="float64",
        **more,
    )


def test_the_first_step_on_a_line_is_the_one_by_hand() -> None:
    """d/dw mean (w x - 2 x)^2 = 2 (w - 2) = -4 at 0, so w = 0.4 and b = 0; catches a factor 2 or 1/n."""
    state = load(content(alone(line(1)), "model.safetensors"))
    assert state["layers.0.weight"][0, 0] == pytest.approx(0.4, rel=1e-15)
    assert state["layers.0.bias"][0] == 0.0


def test_descent_on_a_quadratic_follows_its_closed_form() -> None:
    """The loss is (w - 2)^2, so w_t - 2 = -2 (1 - 2 rate)^t; catches a step too many or too few."""
    found = curve(alone(line(40)), "train_loss")
    assert found.steps == tuple(range(41))
    np.testing.assert_allclose(found.values, 4 * (1 - 2 * RATE) ** (2 * np.arange(41)), rtol=1e-10)


def test_the_test_error_is_in_the_units_of_the_data() -> None:
    """By hand: with w = 0.4 the error at x is 1.6 |x|, whatever the scaling of outputs."""
    measurement = alone(line(1))
    arrays = np.load(BytesIO(content(measurement, "predictions.npz")))
    expected = 1.6 * np.sqrt(np.mean(arrays["test_inputs"] ** 2))
    assert curve(measurement, "test_l2_error").values[-1] == pytest.approx(expected, rel=1e-12)
    scaled = alone(line(0, dataset={"kind": "sampled", "train_size": 50, "test_size": 64, "standardise": True}))
    arrays = np.load(BytesIO(content(scaled, "predictions.npz")))
    distance = np.sqrt(np.mean((arrays["test_outputs"] - arrays["test_truth"]) ** 2))
    assert curve(scaled, "test_l2_error").values[-1] == pytest.approx(distance, rel=1e-12)


def test_the_manifest_names_all_that_decides_the_bits() -> None:
    manifest = json.loads(content(alone(line(1)), "manifest.json"))
    assert manifest["backend"] == "written" and manifest["threads"] == 1 and manifest["device"] == "cpu"
    assert len(manifest["dataset_sha256"]) == 64 and manifest["spec"]["seed"] == 0 and manifest["model_step"] == 1
