"""The probe `piecewise-linearity`: relu networks pass, smooth ones do not, whatever their width and precision."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import Probe, architectures, datasets, targets
from workers.catalogue.values import Reading, Scaling, Subject
from workers.experiments.codec import decode_component

SAMPLED = datasets.get("sampled")(train_size=20, validation_size=0, test_size=30)
PRODUCT = targets.get("product")(inputs=3)
NAMES = ("piecewise_linear_residual", "bending_between_hinges", "hinges_max")


def mlp(**fields: Any) -> Any:
    """Return a multilayer perceptron."""
    return architectures.get("mlp")(**fields)


def read(looked_at: Subject, **fields: Any) -> Reading:
    """Return what the probe measures."""
    return decode_component(Probe, {"kind": "piecewise-linearity", **fields}).measure(looked_at)


@pytest.mark.parametrize("target", [some_target(), PRODUCT], ids=["1 input", "3 inputs"])
@pytest.mark.parametrize("width", [4, 64, 256])
def test_a_relu_network_is_piecewise_linear_and_its_smooth_twins_are_not(width: int, target: Any) -> None:
    """Claim 7: residual below 1e-10 for relu. The share tells them apart at every width, the residual at none alone.

    Mutation: evaluate the module in float32, whose rounding looks like curvature.
    """
    relu = read(subject(mlp(width=width, depth=3), SAMPLED, target), lines=3).metrics
    assert relu["piecewise_linear_residual"] < 1e-10 and relu["bending_between_hinges"] < 1e-10
    for activation in ("tanh", "gelu"):
        smooth = read(subject(mlp(width=width, depth=3, activation=activation), SAMPLED, target), lines=3).metrics
        assert smooth["bending_between_hinges"] > 0.8 and smooth["piecewise_linear_residual"] > 1e-6


def test_it_looks_at_the_weights_in_float64() -> None:
    """A model of float32, whose own rounding is 1e-7 of its outputs. Mutation: the subject's precision."""
    looked_at = subject(mlp(width=64), SAMPLED, PRODUCT)
    rounded = {name: array.astype("f4").astype("f8") for name, array in looked_at.state.items()}
    found = read(replace(looked_at, state=rounded, dtype="float32")).metrics
    assert found["piecewise_linear_residual"] < 1e-12 and found["bending_between_hinges"] < 1e-12


@pytest.mark.parametrize("width", [1, 10, 100])
def test_one_hidden_layer_has_at_most_as_many_hinges_as_units(width: int) -> None:
    """Those with -b/w inside the domain [0, 1], to the last one. Mutation: zeros at the wrong end."""
    looked_at = subject(mlp(width=width, depth=1), SAMPLED, some_target())
    weight, bias = looked_at.state["layers.0.weight"][:, 0], looked_at.state["layers.0.bias"]
    low, high = looked_at.box[0] if looked_at.box else (0.0, 1.0)
    places = np.sort((-bias / weight - low) / (high - low))
    inside = places[(places > 0) & (places < 1)]
    for activation in ("relu", "tanh"):
        found = read(replace(looked_at, stack=mlp(width=width, depth=1, activation=activation).stack(1, 1)))
        assert found.metrics["hinges_max"] == len(inside) <= width
        assert found.arrays["hinge_places"] == pytest.approx(inside, abs=1e-12)
        assert found.arrays["hinge_counts"].tolist() == [len(inside)]


def test_places_are_in_the_units_of_the_data() -> None:
    """A kink at x = 13 on [5, 15] by a unit of (x - 10) / 2. Mutation: forget the scaling."""
    found = subject(mlp(width=1, depth=1), SAMPLED, targets.get("product")(inputs=1, domain=(5.0, 15.0)))
    one = np.ones(1)
    scaling = Scaling(input_mean=10 * one, input_scale=2 * one, output_mean=one, output_scale=3 * one)
    state = {
        "layers.0.weight": np.array([[1.0]]),
        "layers.0.bias": np.array([-1.5]),
        "layers.1.weight": np.array([[1.0]]),
        "layers.1.bias": np.zeros(1),
    }
    reading = read(replace(found, scaling=scaling, state=state))
    assert reading.arrays["hinge_places"] == pytest.approx([0.8])
    assert reading.arrays["starts"].tolist() == [[5.0]] and reading.arrays["ends"].tolist() == [[15.0]]


def test_lines_go_through_the_domain_or_the_test_samples() -> None:
    """Mutations: one way for both; hinges of all lines together; arrays of another length than the lines."""
    looked_at = subject(mlp(width=8), SAMPLED, PRODUCT)
    samples = {tuple(row) for row in looked_at.split.test.inputs.tolist()}
    readings = [read(looked_at, lines=5, through=each) for each in ("samples", "domain")]
    by_samples, by_domain = (reading.arrays for reading in readings)
    assert {tuple(row) for row in by_samples["starts"].tolist()} <= samples
    assert not {tuple(row) for row in by_domain["starts"].tolist()} & samples
    for reading in readings:
        arrays = reading.arrays
        assert reading.metrics["hinges_max"] == arrays["hinge_counts"].max() < arrays["hinge_counts"].sum()
        assert len(arrays["residuals"]) == len(arrays["starts"]) == len(arrays["hinge_counts"]) == 5
        assert len(arrays["hinge_places"]) == arrays["hinge_counts"].sum()
    wine = subject(mlp(width=8), datasets.get("wine")(), None)
    assert read(wine, lines=5, through="samples").metrics["bending_between_hinges"] < 1e-10


def test_broken_weights_have_no_measure() -> None:
    """Mutation: let the engine raise."""
    looked_at = subject(mlp(width=8), SAMPLED, PRODUCT)
    looked_at.state["layers.1.bias"][3] = math.nan
    metrics = read(looked_at).metrics
    assert set(metrics) == set(NAMES) and all(math.isnan(value) for value in metrics.values())


def refusals(architecture: Any, dataset: Any, target: Any, **fields: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking."""
    probe = decode_component(Probe, {"kind": "piecewise-linearity", **fields})
    return [p.pointer for p in probe.misfits(dataset.sizes(target), dataset.task, architecture, target)]


def test_it_says_what_it_cannot_look_at() -> None:
    """Mutation: no misfits()."""
    one, wine = datasets.get("sampled")(test_size=1), datasets.get("wine")()
    assert refusals(mlp(activation="gelu"), SAMPLED, PRODUCT) == []
    assert refusals(architectures.get("polynomial")(), SAMPLED, PRODUCT) == [""]
    assert refusals(mlp(), wine, None) == ["/through"]
    assert refusals(mlp(), wine, None, through="samples") == []
    assert refusals(mlp(), one, PRODUCT, through="samples") == ["/through"]
    assert refusals(mlp(width=2048, depth=2), SAMPLED, PRODUCT) == ["/lines"]
    assert refusals(mlp(width=8192, depth=2), SAMPLED, PRODUCT, lines=1) == [""]
    assert refusals(mlp(width=1024, depth=2), SAMPLED, PRODUCT, lines=1) == []
