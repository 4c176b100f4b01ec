"""The locally connected network: a convolution whose weights are not shared."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from workers.catalogue.kinds import architectures
from workers.engine.loop import load_state

MNIST_1D = {
    "dimensions": 1,
    "channels": 25,
    "kernel_size": (5, 3, 3),
    "stride": 2,
    "padding_width": 1,
    "head": "flatten",
}


def pair(**fields: Any) -> tuple[Any, Any]:
    """Return a locally connected and a convolutional network of one geometry."""
    return architectures.get("locally-connected")(**fields), architectures.get("cnn")(**fields)


def test_parameters_are_counted_by_hand() -> None:
    """19, 10 and 5 windows: 32,610 where the convolution has 5,210. Mutation: biases shared by all positions."""
    local, shared = pair(**MNIST_1D)
    assert local.parameter_count(40, 10) == 19 * 25 * 6 + 10 * 25 * 76 + 5 * 25 * 76 + 1260 == 32_610
    assert local.multiplications_per_sample(40, 10) == shared.multiplications_per_sample(40, 10)


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("padding", ["circular", "zero", "reflect", "none"])
@pytest.mark.parametrize("head", ["average", "flatten", "map"])
def test_tied_weights_are_a_convolution(dimensions: int, padding: str, head: str) -> None:
    """Every position gets the kernel of the convolution. Mutation: exchange rows and columns of the windows."""
    fields = {"dimensions": dimensions, "padding": padding, "head": head, "input_channels": 2, "channels": (3, 4)}
    local, shared = pair(kernel_size=(3, 2), stride=(2, 1), pooling=("none", "blur"), activation="tanh", **fields)
    inputs = 2 * 13**dimensions
    outputs = 2 * shared.grid(inputs, 1).places ** dimensions if head == "map" else 3
    state, tied = shared.initial_state(inputs, outputs, 0), {}
    for name, own in local.initial_state(inputs, outputs, 0).items():
        per_position = own.ndim > state[name].ndim
        tied[name] = np.broadcast_to(state[name], own.shape) if per_position else state[name]
    modules = [network.module(inputs, outputs).double() for network in (local, shared)]
    for module, weights in zip(modules, (tied, state), strict=True):
        load_state(module, weights)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, inputs)))
    assert torch.allclose(modules[0](x), modules[1](x), rtol=0, atol=1e-14)  # the same sums, 18 products each


def test_each_window_has_weights_of_its_own() -> None:
    """A weight at position 5 moves that plane there and nowhere else. Mutation: share them."""
    local, _ = pair(channels=2, depth=1)
    module = local.module(64, 1).double()
    load_state(module, local.initial_state(64, 1, 0))
    x = torch.ones(1, 64, dtype=torch.float64)
    before = module.features(x)
    module.layers[0].weight.data[5, 1] += 1.0
    changed = (module.features(x) != before).nonzero().tolist()
    assert changed == [[0, 1, 0, 5]]


@pytest.mark.parametrize("scheme", ["torch-default", "he", "glorot", "orthogonal"])
def test_weights_are_drawn_as_those_of_the_convolution(scheme: Any) -> None:
    """The same variance for fans of 16 and 40 channels times 9. Mutation: positions count as units of the fan."""
    from workers.catalogue.initialisation import Initialisation

    local, shared = pair(channels=(16, 40), initialisation=Initialisation(scheme=scheme))
    own, tied = (network.initial_state(64, 1, 0)["layers.1.weight"] for network in (local, shared))
    assert own.shape == (64, *tied.shape)
    # 4 deviations of the variance of the fewer numbers; orthonormal rows have exactly 1/144.
    assert own.var() == pytest.approx(tied.var(), rel=4 * math.sqrt(2 / tied.size))
    if scheme == "orthogonal":
        rows = own.reshape(64, 40, 144)
        assert np.allclose(rows @ rows.transpose(0, 2, 1), np.eye(40)) and not np.allclose(rows[0], rows[1])
