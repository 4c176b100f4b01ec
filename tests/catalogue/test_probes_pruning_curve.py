"""The probe `pruning-curve`: networks with weights that are known to be idle, and the two ends of every curve."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import Probe, architectures, datasets, targets
from workers.catalogue.values import Reading, Subject
from workers.experiments.codec import decode_component

SAMPLED = datasets.get("sampled")(train_size=20, validation_size=0, test_size=30)
WINE = datasets.get("wine")()


def mlp(**fields: Any) -> Any:
    """Return a multilayer perceptron."""
    return architectures.get("mlp")(**fields)


def read(looked_at: Subject, **fields: Any) -> Reading:
    """Return what the probe measures."""
    return decode_component(Probe, {"kind": "pruning-curve", **fields}).measure(looked_at)


def test_both_ends_of_the_curve_are_known() -> None:
    """No weight gone: the model itself. All gone: the last layer's bias. Mutations: prune biases; the train set."""
    looked_at = subject(mlp(width=8), SAMPLED, some_target())
    test = looked_at.split.test
    for scope in ("global", "layer"):
        arrays = read(looked_at, scope=scope).arrays
        whole = looked_at.predict(test.inputs) - test.outputs
        constant = looked_at.state["layers.2.bias"] - test.outputs
        for found, error in ((0, whole), (-1, constant)):
            # 30 samples in float64
            assert arrays["test_loss"][found] == pytest.approx(np.mean(error**2), rel=1e-13)
            assert arrays["test_l2_error"][found] == pytest.approx(math.sqrt(np.mean(error**2)), rel=1e-13)
        assert arrays["sparsities"][[0, -1]].tolist() == [0.0, 1.0]
        assert arrays["remaining_weights"][[0, -1]].tolist() == [8 + 64 + 8, 0]
        assert len(arrays["sparsities"]) == len(arrays["test_loss"]) == 14


def idle_weights() -> Subject:
    """Return a network of 40 weights of which the 36 smallest lead nowhere, nine of them 0 already."""
    looked_at = subject(mlp(width=10, depth=1, activation="tanh"), SAMPLED, targets.get("product")(inputs=3))
    weight = np.full((10, 3), 1e-3)
    weight[0] = 2.0, -1.5, 1.0
    into = np.concatenate([[3.0], np.zeros(9)])[None]
    state = {"layers.0.weight": weight, "layers.0.bias": np.zeros(10)}
    state |= {"layers.1.weight": into, "layers.1.bias": np.array([0.1])}
    return replace(looked_at, state=state)


def test_idle_weights_can_go_without_any_loss() -> None:
    """36 of 40 weights are idle: the loss is the same to the last bit until then. Mutation: the largest first."""
    looked_at = idle_weights()
    reading = read(looked_at, sparsities=[0.3, 0.6, 0.9, 0.925, 1.0], tolerance=0.0, sparsity=0.9)
    loss = reading.arrays["test_loss"]
    assert loss[:4].tolist() == [loss[0]] * 4 and (loss[4:] != loss[0]).all()
    assert reading.metrics == {"prunable_sparsity": 0.9, "pruned_test_loss": loss[0]}
    assert reading.arrays["remaining_weights"].tolist() == [31, 28, 16, 4, 3, 0]


def test_layers_are_pruned_each_by_itself() -> None:
    """Nine tenths of each. Mutation: one threshold for all."""
    reading = read(idle_weights(), scope="layer", sparsities=[0.9], tolerance=0.0)
    loss = reading.arrays["test_loss"]
    assert loss[1] == loss[0] and reading.arrays["remaining_weights"].tolist() == [31, 4]
    state = idle_weights().state
    state["layers.1.weight"] *= 1e-6  # the smallest of all, though it matters
    shrunk = replace(idle_weights(), state=state)
    assert read(shrunk, scope="layer", sparsities=[0.9]).arrays["remaining_weights"].tolist() == [31, 4]
    assert np.ptp(read(shrunk, scope="layer", sparsities=[0.9]).arrays["test_loss"]) == 0
    assert np.ptp(read(shrunk, scope="global", sparsities=[0.9]).arrays["test_loss"]) > 0


@pytest.mark.parametrize("tolerance", [0.0, 0.05, 0.3, 1.0, 1e6])
@pytest.mark.parametrize("curve", ["test_loss", "test_accuracy"])
def test_the_prunable_sparsity_is_the_last_before_the_first_harm(curve: str, tolerance: float) -> None:
    """By the definition, from the curve that it leaves. Mutation: the largest within the tolerance, after a harm."""
    looked_at = subject(mlp(width=8), WINE, None)
    reading = read(looked_at, curve=curve, tolerance=tolerance)
    sparsities, values = reading.arrays["sparsities"], reading.arrays[curve]
    expected = 0.0
    for sparsity, value in zip(sparsities, values, strict=True):
        harm = value > (1 + tolerance) * values[0] if curve == "test_loss" else value < values[0] - tolerance - 1e-9
        if harm:
            break
        expected = sparsity
    assert reading.metrics["prunable_sparsity"] == expected
    assert reading.metrics[f"pruned_{curve}"] == values[sparsities.tolist().index(0.9)]


def test_a_curve_that_recovers_counts_up_to_its_first_harm() -> None:
    """2.5 - 1.5 is near 0.9; 2.5 is far away, nothing at all is nearer. Mutation: the last one within."""
    looked_at = subject(mlp(depth=0), SAMPLED, targets.get("product")(inputs=2))
    test = replace(looked_at.split.test, inputs=np.ones((4, 2)), outputs=np.full((4, 1), 0.9))
    state = {"layers.0.weight": np.array([[2.5, -1.5]]), "layers.0.bias": np.zeros(1)}
    looked_at = replace(looked_at, split=replace(looked_at.split, test=test), state=state)
    # outputs 1, 2.5, 0 and 0 for 0, 1, 2 and 2 of the 2 weights; a loss of 1.01 is tolerated
    found = read(looked_at, sparsities=[0.5, 1.0], tolerance=100.0)
    assert found.arrays["test_loss"] == pytest.approx([0.01, 2.56, 0.81, 0.81])
    assert found.arrays["sparsities"].tolist() == [0.0, 0.5, 0.9, 1.0]
    assert found.metrics["prunable_sparsity"] == 0.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_predicts_in_the_precision_of_the_model(dtype: torch.dtype) -> None:
    """As training evaluated it, the loss itself in float64. Mutation: float64 always, 1e-8 away."""
    looked_at = subject(mlp(width=32), SAMPLED, some_target())
    state = {name: array.astype("f4").astype("f8") for name, array in looked_at.state.items()}
    looked_at = replace(looked_at, state=state, dtype=str(dtype).removeprefix("torch."))
    module = mlp(width=32).module(1, 1).to(dtype)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    test = looked_at.split.test
    with torch.no_grad():
        error = module(torch.from_numpy(test.inputs).to(dtype)).double().numpy() - test.outputs
    found = read(looked_at, sparsities=[0.5]).arrays["test_loss"][0]
    assert found == pytest.approx(np.mean(error**2), rel=1e-13)


def test_a_diverged_model_has_no_prunable_sparsity() -> None:
    """Mutation: compare with NaN, which is never worse."""
    looked_at = subject(mlp(width=8), SAMPLED, some_target())
    looked_at.state["layers.2.bias"][0] = math.nan
    metrics = read(looked_at).metrics
    assert all(math.isnan(value) for value in metrics.values())


def refusals(architecture: Any, dataset: Any, target: Any, **fields: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking."""
    probe = decode_component(Probe, {"kind": "pruning-curve", **fields})
    return [p.pointer for p in probe.misfits(dataset.sizes(target), dataset.task, architecture, target)]


def test_it_says_what_it_cannot_look_at() -> None:
    """Mutation: no misfits()."""
    product = targets.get("product")(inputs=3)
    assert refusals(mlp(), SAMPLED, product) == []
    assert refusals(mlp(), WINE, None, curve="test_accuracy") == []
    assert refusals(architectures.get("polynomial")(), SAMPLED, product) == [""]
    assert refusals(mlp(), SAMPLED, product, curve="test_accuracy") == ["/curve"]
    assert refusals(mlp(), WINE, None, curve="test_l2_error") == ["/curve"]
    assert refusals(mlp(), datasets.get("sampled")(test_size=10_000_000), product) == ["/sparsities"]
