"""The probe `layer-information`: entropies known in closed form, and layers whose units are known."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.catalogue.cases import subject
from workers.catalogue.kinds import Probe, architectures, datasets, targets
from workers.catalogue.values import Samples, Subject
from workers.engine.hidden_layers import hidden_units
from workers.engine.layer_information import bins_of_range, entropy_of_bins, equal_bins, information, noisy_entropy
from workers.experiments.codec import decode_component

PATTERNS = datasets.get("sphere-patterns")()
WINE = datasets.get("wine")()


def mlp(*width: int, **fields: Any) -> Any:
    """Return a network with these hidden layers."""
    return architectures.get("mlp")(width=width, **fields)


def read(looked_at: Subject, **fields: Any) -> tuple[float, float]:
    """Return the information about the input and about the class."""
    metrics = decode_component(Probe, {"kind": "layer-information", **fields}).measure(looked_at).metrics
    return metrics["input_information"], metrics["label_information"]


def with_units(units: list[float], labels: list[int], **fields: Any) -> Subject:
    """Return a network whose only hidden layer has one unit with these values, as they are, at its samples."""
    outputs = np.eye(3)[labels]
    samples = Samples(inputs=np.array(units)[:, None], outputs=outputs)
    base = subject(mlp(1, activation="relu", **fields), WINE, None)
    none = Samples(inputs=np.empty((0, 1)), outputs=np.empty((0, 3)))
    scaling = replace(base.scaling, input_mean=np.zeros(1), input_scale=np.ones(1))
    state = {"layers.0.weight": np.ones((1, 1)), "layers.0.bias": np.zeros(1)}
    return replace(
        base,
        inputs=1,
        state={**base.state, **state},
        stack=mlp(1, activation="relu").stack(1, 3),
        scaling=scaling,
        split=replace(base.split, train=samples, validation=none, test=samples),
    )


def test_rows_are_counted_in_bits() -> None:
    """1/2, 1/4, 1/4: 1.5 bits; one row: 0; 2**k rows: k. Mutations: natural logarithms; count numbers, not rows."""
    assert entropy_of_bins(np.array([[0.0], [0.0], [1.0], [2.0]])) == 1.5
    assert entropy_of_bins(np.zeros((7, 3))) == 0.0
    assert entropy_of_bins(np.indices((4, 4, 4)).reshape(3, -1).T.astype(float)) == 6.0


def test_equal_bins_have_a_border_at_zero_and_do_not_widen() -> None:
    """Mutation: rounding to the nearest."""
    units = np.array([[-0.01, 0.0, 0.19, 0.2, 7.1]])
    assert equal_bins(units, 0.2).tolist() == [[-1, 0, 0, 1, 35]]


def test_bins_of_a_range_widen_with_it() -> None:
    """The largest falls into the last bin; a scale does nothing. Mutation: a bin of its own for the largest."""
    units = np.array([[0.0, 0.24, 0.26], [0.5, 0.99, 1.0]])
    assert bins_of_range(units, 4).tolist() == [[0, 0, 1], [2, 3, 3]]
    assert np.array_equal(bins_of_range(1e6 * units, 4), bins_of_range(units, 4))
    assert bins_of_range(np.full((3, 2), 0.7), 4).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("count", [8, 700])
def test_noise_that_separates_nothing_or_everything_has_a_known_entropy(count: int) -> None:
    """log2 n far apart, 0 together, 1 bit for two places; 700 take two blocks. Mutation: a block left out."""
    apart, together = 100.0 * np.arange(count)[:, None], np.ones((count, 2))
    assert noisy_entropy(apart, 1.0) == pytest.approx(math.log2(count), abs=1e-9)
    assert noisy_entropy(together, 1.0) == 0.0
    assert noisy_entropy(apart % 200, 1.0) == pytest.approx(1.0, abs=1e-12)


def test_the_noisy_entropy_bounds_the_integral_from_above() -> None:
    """Two units 2 apart, sd 1: the mixture's entropy by a sum over a grid. Mutations: 2 sd**2 without the 2."""
    grid = np.linspace(-12, 12, 200_001)
    density = (np.exp(-((grid - 1) ** 2) / 2) + np.exp(-((grid + 1) ** 2) / 2)) / (2 * math.sqrt(2 * math.pi))
    exact = -np.sum(density * np.log2(density)) * (grid[1] - grid[0]) - math.log2(math.sqrt(2 * math.pi * math.e))
    found = noisy_entropy(np.array([[-1.0], [1.0]]), 1.0)
    assert found == pytest.approx(-math.log2((1 + math.exp(-2)) / 2), rel=1e-12)  # the bound, by hand
    assert exact < found < 1.0


def test_information_about_the_label_is_what_the_label_takes_away() -> None:
    """Four places, two per class: 2 bits and 1 bit; independent: 0. Mutation: an unweighted mean over classes."""
    places = np.array([[0.0], [1.0], [2.0], [3.0]])
    assert information(places, np.array([0, 0, 1, 1]), entropy_of_bins) == (2.0, 1.0)
    assert information(np.repeat(places, 2, axis=0), np.array([0, 1] * 4), entropy_of_bins) == (2.0, 0.0)
    unequal = information(places, np.array([0, 0, 0, 1]), entropy_of_bins)
    assert unequal == pytest.approx((2.0, 2 - 0.75 * math.log2(3)))


@pytest.mark.parametrize("estimator", ["equal-bins", "own-range", "noise", "exact"])
def test_a_layer_of_known_units_is_read_by_every_estimator(estimator: str) -> None:
    """Units 0, 1, 2, 2; classes 0, 1, 2, 2: 1.5 bits of each. Mutation: the first samples alone."""
    looked_at = with_units([-3.0, 1.0, 2.0, 2.0], [0, 1, 2, 2])  # relu makes 0 of -3
    found = read(looked_at, estimator=estimator, on="train", noise_sd=0.01)
    assert found == pytest.approx((1.5, 1.5), abs=1e-12)
    assert read(looked_at, estimator=estimator, on="all", noise_sd=0.01) == pytest.approx(found, abs=1e-12)
    assert read(looked_at, estimator=estimator, on="train", bin_width=10.0, bins=1, noise_sd=1e4) == pytest.approx(
        (1.5, 1.5) if estimator == "exact" else (0.0, 0.0), abs=1e-6
    )


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hidden_units_are_those_of_the_formula_and_of_the_module(residual: bool, dtype: str) -> None:
    """A few roundings of the model's precision. Mutations: no residual; one layer less; float64 always."""
    network = mlp(6, 6, 4, activation="tanh", residual=residual)
    looked_at = replace(subject(network, WINE, None), dtype=dtype)
    inputs, scaling, state = looked_at.split.test.inputs, looked_at.scaling, looked_at.state
    hidden = scaled = (inputs - scaling.input_mean) / scaling.input_scale
    accuracy = 20 * float(np.finfo(dtype).eps)
    for layer in (1, 2, 3):
        before = hidden
        hidden = np.tanh(hidden @ state[f"layers.{layer - 1}.weight"].T + state[f"layers.{layer - 1}.bias"])
        hidden = hidden + before if residual and layer == 2 else hidden  # the only layer that keeps its width
        found = hidden_units(looked_at, inputs, layer)
        assert found == pytest.approx(hidden, abs=accuracy) and np.array_equal(found, found.astype(dtype))
    module = network.module(13, 3).double()
    module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    outputs = module(torch.from_numpy(scaled)).detach().numpy()
    assert found @ state["layers.3.weight"].T + state["layers.3.bias"] == pytest.approx(outputs, abs=accuracy)


def test_layers_are_counted_from_the_last_and_all_patterns_are_told_apart() -> None:
    """Tanh layers in float64 are injective: 12 bits at every depth; binned coarsely fewer, the deeper the narrower.

    Mutation: count from the first, whose 10 units need more bits than the last one's 3.
    """
    looked_at = subject(mlp(10, 7, 5, 4, 3, activation="tanh"), PATTERNS, None)
    for layer in (1, 3, 5):
        found = read(looked_at, layer=layer, estimator="exact")
        assert found[0] == 12.0
        assert found[1] == pytest.approx(-sum(p * math.log2(p) for p in (2060 / 4096, 2036 / 4096)), abs=1e-12)
    shallow, deep = (read(looked_at, layer=layer, bin_width=0.2)[0] for layer in (5, 1))
    assert deep < shallow <= 12


def test_the_range_of_a_growing_layer_hides_what_equal_bins_keep() -> None:
    """A unit grows a hundredfold: equal bins see more, its own range the same. Mutation: swap the estimators."""
    small = with_units([0.01, 0.02, 0.03, 0.04, 1.0], [0, 1, 2, 0, 1])
    state = {**small.state, "layers.0.weight": np.full((1, 1), 100.0)}
    large = replace(small, state=state)
    for estimator, before, after in (("equal-bins", 2, 5), ("own-range", 2, 2)):
        for looked_at, count in ((small, before), (large, after)):
            units = hidden_units(looked_at, looked_at.split.train.inputs, 1)
            seen = equal_bins(units, 1 / 15) if estimator == "equal-bins" else bins_of_range(units, 15)
            assert len(np.unique(seen)) == count
            found = read(looked_at, estimator=estimator, on="train", bins=15)[0]
            assert found == pytest.approx(entropy_of_bins(seen), abs=1e-12)


def test_a_diverged_model_tells_nothing() -> None:
    """Mutation: NaN as a bin."""
    looked_at = with_units([1.0, 2.0], [0, 1])
    looked_at.state["layers.0.bias"][0] = math.nan
    assert all(math.isnan(value) for value in read(looked_at, on="train"))


def refusals(architecture: Any, dataset: Any, target: Any = None, **fields: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking."""
    probe = decode_component(Probe, {"kind": "layer-information", **fields})
    return [p.pointer for p in probe.misfits(dataset.sizes(target), dataset.task, architecture, target)]


def test_it_says_what_it_cannot_look_at() -> None:
    """Mutation: no misfits()."""
    assert refusals(mlp(4, 4), WINE, layer=2) == []
    assert refusals(mlp(4, 4), WINE, layer=3) == ["/layer"]
    assert refusals(architectures.get("random-forest")(), WINE) == [""]
    assert refusals(architectures.get("cnn")(), datasets.get("digits")()) == [""]
    assert refusals(mlp(4), datasets.get("sampled")(), targets.get("product")(inputs=2)) == [""]
    large = datasets.get("mnist1d")(train_size=20_000)
    assert refusals(mlp(4), large, estimator="noise") == ["/estimator"]
    assert refusals(mlp(4), large) == refusals(mlp(4), large, estimator="noise", on="test") == []
