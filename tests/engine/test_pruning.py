"""Magnitude pruning: which weights go, and what a network without them says."""

import io
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.populations import alone, spec
from workers.catalogue.kinds import architectures
from workers.engine.pruning import prunable, pruned

STATE: dict[str, Any] = {
    "a": np.array([[1.0, -5.0], [0.5, 2.0]]),
    "b": np.array([[[10.0]], [[-0.1]], [[20.0]], [[30.0]]]),
    "bias": np.array([0.01, 0.02]),
}


@pytest.mark.parametrize(
    ("sparsity", "scope", "a", "b"),
    [
        (0.0, "global", [1.0, -5.0, 0.5, 2.0], [10.0, -0.1, 20.0, 30.0]),
        (0.5, "global", [0.0, -5.0, 0.0, 0.0], [10.0, 0.0, 20.0, 30.0]),
        (0.5, "layer", [0.0, -5.0, 0.0, 2.0], [0.0, 0.0, 20.0, 30.0]),
        (0.3, "global", [1.0, -5.0, 0.0, 2.0], [10.0, 0.0, 20.0, 30.0]),  # 2.4 weights
        (1.0, "global", [0.0] * 4, [0.0] * 4),
        (1.0, "layer", [0.0] * 4, [0.0] * 4),
    ],
)
def test_the_smallest_weights_go(sparsity: float, scope: Any, a: list[float], b: list[float]) -> None:
    """By hand. Mutations: the sign counted; one scope for both; the largest first; rounded up."""
    found = pruned(STATE, ("a", "b"), sparsity, scope)
    assert found["a"].reshape(-1).tolist() == a and found["b"].reshape(-1).tolist() == b
    assert found["a"].shape == (2, 2) and found["b"].shape == (4, 1, 1)
    assert found["bias"] is STATE["bias"] and STATE["a"][0, 0] == 1.0, "the given state is as it was"


def test_of_equal_weights_the_first_go() -> None:
    """And as many as were asked for, no more. Mutation: a threshold, which takes all of them."""
    state = {"a": np.ones((2, 5))}
    for count in range(11):
        assert np.array_equal(pruned(state, ("a",), count / 10, "global")["a"].reshape(-1), np.arange(10) >= count)


class Odd(torch.nn.Module):
    """Arrays of every kind under names of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.zeros(2, 3, 4))
        self.scale = torch.nn.Parameter(torch.zeros(3))
        self.frozen = torch.nn.Parameter(torch.zeros(3, 3), requires_grad=False)
        self.register_buffer("fixed", torch.zeros(5, 5))


def test_trained_arrays_of_two_axes_or_more_are_prunable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutation: names that end in .weight; buffers and frozen features too."""
    network = architectures.get("mlp")(width=3, depth=1)
    assert prunable(network, 2, 1) == ("layers.0.weight", "layers.1.weight")
    monkeypatch.setattr(type(network), "module", lambda self, inputs, outputs: Odd())
    assert prunable(network, 2, 1) == ("kernel",)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_curve_begins_where_training_ended(activation: str) -> None:
    """The last test loss and error of the training itself. Mutation: data scaled by no scaling.

    The written back end and the module round apart, by some units of 2**-24.
    """
    probe = {"kind": "pruning-curve", "sparsities": [0.5]}
    done = alone(spec(network={"activation": activation}, data={"standardise": True}, probes=[probe]))
    content = next(each.content for each in done.artifacts if each.name == "pruning-curve.npz")
    arrays = np.load(io.BytesIO(content))
    last = {curve.name: curve.values[-1] for curve in done.curves}
    for name in ("test_loss", "test_l2_error"):
        assert arrays[name][0] == pytest.approx(last[name], rel=1e-5)
    assert last["pruned_test_loss"] == arrays["test_loss"][2] != arrays["test_loss"][0]
