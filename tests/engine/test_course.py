"""What is decided at the steps that a spec fixes: early stopping, divergence, snapshots, evaluations."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from tests.engine.populations import alone, content, curve, run, spec
from workers.engine.models import load_model
from workers.experiments.lifecycle import Outcome
from workers.experiments.measurement import Measurement
from workers.experiments.spec import Approximation


def test_early_stopping_keeps_the_weights_of_the_least_validation_loss() -> None:
    """Rates that grow spoil the validation loss; catches the last weights kept, or those of the least test loss."""
    stopping = {"patience": 3}
    rates = {"kind": "sgd", "learning_rate": 0.4, "momentum": 0.95}
    experiment = spec(1, training={"steps": 2000, "evaluate_every": 5, "optimizer": rates, "early_stopping": stopping})
    found = alone(experiment)
    losses = curve(found, "validation_loss")
    best = losses.steps[int(np.argmin(losses.values))]
    assert found.outcome is Outcome.EARLY_STOPPED and found.stopped_at_step == losses.steps[-1] == best + 15
    assert json.loads(content(found, "manifest.json"))["model_step"] == best
    errors = dict(zip(*(lambda c: (c.steps, c.values))(curve(found, "test_l2_error")), strict=True))
    assert error_of(found, experiment) == pytest.approx(errors[best], rel=1e-5)
    assert errors[best] != pytest.approx(errors[found.stopped_at_step], rel=1e-3)


def error_of(measurement: Measurement, experiment: Approximation) -> float:
    """Return the test error of the saved model."""
    predict = load_model(experiment, content(measurement, "model.safetensors"))
    test = experiment.dataset.split(experiment.target, experiment.seed).test
    return float(np.sqrt(np.mean(np.sum((predict(test.inputs) - test.outputs) ** 2, axis=1))))


def test_an_improvement_that_is_too_small_does_not_count() -> None:
    """The first evaluation is the best; then two are waited for."""
    stopping = {"patience": 2, "minimum_improvement": 1e6}
    found = alone(spec(training={"steps": 100, "evaluate_every": 10, "early_stopping": stopping}))
    assert (found.outcome, found.stopped_at_step) == (Outcome.EARLY_STOPPED, 20)


def test_a_training_that_runs_through_says_so() -> None:
    found = alone(spec(training={"early_stopping": {"patience": 1000}}))
    assert (found.outcome, found.stopped_at_step) == (Outcome.COMPLETED, None)


def test_divergence_is_an_outcome_with_its_step_and_the_last_finite_weights() -> None:
    """w grows by a factor near 1e6 per step, past float32 within 20; catches NaN weights in the model."""
    found = alone(
        spec(
            network={"depth": 0},
            training={"optimizer": {"kind": "sgd", "learning_rate": 1e6}, "evaluate_every": 20, "steps": 100},
        )
    )
    assert (found.outcome, found.stopped_at_step) == (Outcome.DIVERGED, 20)
    losses = curve(found, "train_loss")
    assert losses.steps == (0, 20) and not math.isfinite(losses.values[-1])
    assert all(np.isfinite(array).all() for array in load(content(found, "model.safetensors")).values())
    assert json.loads(content(found, "manifest.json"))["model_step"] == 0


def test_divergence_between_two_evaluations_is_seen_at_the_second() -> None:
    """Catches a look at any other step: the step does not depend on when the numbers went bad."""
    sgd = {"optimizer": {"kind": "sgd", "learning_rate": 1e6}, "steps": 100}
    found = alone(spec(network={"depth": 0}, training={**sgd, "evaluate_every": 75}))
    assert found.stopped_at_step == 75


def test_snapshots_are_the_models_of_their_steps() -> None:
    """Catches a snapshot that is a view of weights which went on training, and a step off by one."""
    found = alone(spec(training={"steps": 60, "snapshots": 3, "evaluate_every": 1000}))
    names = [artifact.name for artifact in found.artifacts if artifact.name.endswith(".safetensors")]
    assert names == ["model.safetensors", *(f"model-{step}.safetensors" for step in (20, 40, 60))]
    assert content(found, "model-60.safetensors") == content(found, "model.safetensors")
    shorter = alone(spec(training={"steps": 20, "evaluate_every": 1000}))
    assert content(found, "model-20.safetensors") == content(shorter, "model.safetensors")
    assert curve(found, "test_loss").steps == (0, 20, 40, 60)


def test_a_probe_at_snapshots_gives_a_curve_and_one_at_the_end_a_point() -> None:
    late: dict[str, Any] = {"kind": "lp-error", "p": [2.0], "label": "late"}
    probes = [{"kind": "lp-error", "p": [2.0], "at": "snapshots"}, late]
    found = alone(spec(training={"steps": 60, "snapshots": 3}, probes=probes))
    assert curve(found, "l2_error").steps == (20, 40, 60)
    assert curve(found, "late_l2_error").steps == (60,)
    assert curve(found, "late_l2_error").values[-1] == curve(found, "l2_error").values[-1]


def test_how_often_training_is_looked_at_changes_no_bit_of_it() -> None:
    """Catches an evaluation that draws random numbers or touches the moments."""
    models = {content(alone(spec(training={"evaluate_every": n})), "model.safetensors") for n in (1, 7, 60)}
    assert len(models) == 1


def test_the_same_spec_gives_the_same_bytes_again() -> None:
    assert repr(alone(spec(3))) == repr(alone(spec(3)))


def test_a_training_of_no_steps_is_the_initial_network() -> None:
    untrained = replace(spec(), training=None)
    found = run({"trained": spec(training={"steps": 0}), "initial": untrained}).finished
    models = {name: load(content(each, "model.safetensors")) for name, each in found.items()}
    assert all(np.array_equal(array, models["initial"][name]) for name, array in models["trained"].items())
