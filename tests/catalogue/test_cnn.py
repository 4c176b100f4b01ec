"""The convolutional network: its geometry, its parameters, its likeness to a plain torch network."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from workers.catalogue.grids import Window, receptive_field
from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import Architecture, architectures
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import DataSizes, Task
from workers.engine.loop import load_state
from workers.experiments.codec import decode_component

MNIST_1D = {
    "dimensions": 1,
    "channels": 25,
    "kernel_size": [5, 3, 3],
    "stride": 2,
    "padding_width": 1,
    "head": "flatten",
}


def cnn(**fields: Any) -> Any:
    """Return a convolutional network from its JSON."""
    return decode_component(Architecture, {"kind": "cnn", **fields})


def tensors(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return the state as torch loads it."""
    return {name: torch.from_numpy(array) for name, array in state.items()}


class PublishedNetwork(nn.Module):
    """The network of the MNIST-1D repository, written with torch alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(1, 25, 5, stride=2, padding=1),
                nn.Conv1d(25, 25, 3, stride=2, padding=1),
                nn.Conv1d(25, 25, 3, stride=2, padding=1),
            ]
        )
        self.head = nn.Linear(125, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(-1, 1, x.shape[-1])
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x.view(x.shape[0], -1))


def test_the_network_of_mnist_1d_is_the_published_one() -> None:
    """150 + 1,900 + 1,900 + 1,260 = 5,210 weights; strict names. Mutation: margins of kernel_size - 1 always."""
    ours = cnn(**MNIST_1D)
    assert ours.parameter_count(40, 10) == 5210
    plain, state = PublishedNetwork().double(), ours.initial_state(40, 10, 0)
    plain.load_state_dict(tensors(state), strict=True)
    module = ours.module(40, 10).double()
    load_state(module, state)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 40)))
    assert torch.allclose(module(x), plain(x), rtol=0, atol=1e-14)  # the same sums, of 125 products at most


class PlainNetwork(nn.Module):
    """Two convolutions on a square with a pool between them, written with torch alone."""

    def __init__(self, mode: str | None, pool: nn.Module, head: str, features: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(2, 4, 3), nn.Conv2d(4, 5, 2)])
        self.head = nn.Conv2d(5, outputs, 1) if head == "map" else nn.Linear(features, outputs)
        self.mode, self.pool, self.kind = mode, pool, head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.reshape(-1, 2, 8, 8)
        for layer, margins in zip(self.layers, [(1, 1, 1, 1), (0, 1, 0, 1)], strict=True):
            x = torch.tanh(layer(x if self.mode is None else functional.pad(x, margins, mode=self.mode)))
            x = self.pool(x) if layer is self.layers[0] else x
        if self.kind == "average":
            x = x.mean((2, 3))
        return self.head(x.flatten(1) if self.kind == "flatten" else x).flatten(1)


@pytest.mark.parametrize(
    ("padding", "mode", "places"),
    [("circular", "circular", 4), ("zero", "constant", 4), ("reflect", "reflect", 4), ("none", None, 2)],
)
@pytest.mark.parametrize(("pooling", "pool"), [("max", nn.MaxPool2d(2)), ("average", nn.AvgPool2d(2))])
@pytest.mark.parametrize("head", ["average", "flatten", "map"])
def test_the_state_loads_into_plain_torch(
    padding: str, mode: str | None, places: int, pooling: str, pool: nn.Module, head: str
) -> None:
    """Strictly, and maps alike. Mutation: a buffer of the module in the state."""
    outputs = 2 * places**2 if head == "map" else 3
    fields = {"channels": [4, 5], "kernel_size": [3, 2], "pooling": [pooling, "none"], "activation": "tanh"}
    ours = cnn(input_channels=2, padding=padding, head=head, **fields)
    state, module = ours.initial_state(128, outputs, 3), ours.module(128, outputs).double()
    load_state(module, state)
    plain = PlainNetwork(mode, pool, head, 5 * places**2 if head == "flatten" else 5, 2 if head == "map" else outputs)
    plain.double().load_state_dict(tensors(state), strict=True)
    assert module.state_dict().keys() == plain.state_dict().keys()
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 128)))
    assert torch.allclose(module(x), plain(x), rtol=0, atol=1e-14)


def test_parameters_and_multiplications_are_counted_by_hand() -> None:
    """A square of 8, 2 channels, one layer of 3, kernel 3, a pool of 2. Mutation: count a weight once per sample."""
    given = {"input_channels": 2, "channels": 3, "depth": 1, "pooling": "max"}
    assert cnn(**given).parameter_count(128, 10) == 3 * 2 * 9 + 3 + 10 * 3 + 10
    assert cnn(bias=False, **given).parameter_count(128, 10) == 3 * 2 * 9 + 10 * 3
    assert cnn(**given).multiplications_per_sample(128, 10) == 64 * 3 * 2 * 9 + 10 * 3
    assert cnn(head="flatten", **given).multiplications_per_sample(128, 10) == 64 * 3 * 2 * 9 + 10 * 3 * 16
    assert cnn(head="map", **given).multiplications_per_sample(128, 32) == 64 * 3 * 2 * 9 + 16 * 3 * 2
    blurred = cnn(**{**given, "pooling": "blur"}).multiplications_per_sample(128, 10)
    assert blurred == 64 * 3 * 2 * 9 + 16 * 3 * 9 + 10 * 3  # a filter of 3 by 3 on each channel
    strided = cnn(**{**MNIST_1D, "bias": False}).multiplications_per_sample(40, 10)
    assert strided == 19 * 25 * 5 + 10 * 25 * 75 + 5 * 25 * 75 + 1250


def test_depth_is_two_or_what_a_list_says() -> None:
    """Mutation: two always."""
    assert [cnn().layer_count, cnn(depth=5).layer_count, cnn(pooling=["max", "none", "blur"]).layer_count] == [2, 5, 3]


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"channels": [4, 5], "depth": 3}, ["/channels"]),
        ({"channels": [4, 5], "pooling": ["max", "none", "max"]}, ["/pooling"]),
        ({"padding": "none", "padding_width": 1}, ["/padding_width"]),
    ],
)
def test_fields_that_contradict_each_other_are_refused(fields: dict[str, Any], pointers: list[str]) -> None:
    """Mutation: no problems()."""
    with pytest.raises(InvalidError) as caught:
        cnn(**fields)
    assert [problem.pointer for problem in caught.value.problems] == pointers


@pytest.mark.parametrize(
    ("fields", "inputs", "outputs", "said"),
    [
        ({}, 40, 1, "40 inputs are not 1 channel(s) of a square"),
        ({"input_channels": 3}, 128, 1, "128 inputs are not 3 channel(s) of a square"),
        ({"dimensions": 1, "input_channels": 3}, 40, 1, "40 inputs are not 3 channel(s) of a line"),
        ({"padding": "none", "kernel_size": 4}, 25, 1, "layer 1: a window of 4 does not fit on 2 positions"),
        ({"pooling": "max", "pool_size": 3, "depth": 3}, 64, 1, "layer 1: a pool of 3 does not fit on 2 positions"),
        ({"padding": "reflect", "kernel_size": 5}, 4, 1, "layer 0: reflect padding finds 1 positions to repeat and"),
        ({"padding": "circular", "padding_width": 9}, 64, 1, "layer 0: circular padding finds 8 positions to repeat"),
        ({"padding": "reflect", "pooling": "blur", "pool_size": 4, "kernel_size": 1}, 9, 1, "finds 2 positions"),
        ({"head": "map"}, 64, 10, "10 outputs are no channels of the 64 positions"),
        ({"head": "map", "stride": 2}, 64, 8, None),
        ({"padding": "reflect", "kernel_size": 5}, 9, 1, None),
        ({"dimensions": 1, "input_channels": 4}, 40, 1, None),
    ],
)
def test_data_that_do_not_fit_are_refused(fields: dict[str, Any], inputs: int, outputs: int, said: str | None) -> None:
    """The first layer that cannot work is named. Mutation: no misfits()."""
    sizes = DataSizes(inputs=inputs, outputs=outputs, train=1, validation=0, test=1)
    details = [problem.detail for problem in cnn(**fields).misfits(sizes, Task.REGRESSION)]
    assert [said in detail for detail in details] == ([] if said is None else [True])


@pytest.mark.parametrize(
    ("scheme", "variance"),
    [("torch-default", 1 / (3 * 144)), ("he", 2 / 144), ("lecun", 1 / 144), ("glorot", 2 / (144 + 360))],
)
def test_weights_have_the_variance_of_their_scheme(scheme: Any, variance: float) -> None:
    """fan_in is 16 channels times 9, fan_out 40 times 9 as in torch.nn.init. Mutation: forget the window."""
    network = cnn(channels=[16, 40], initialisation={"scheme": scheme})
    weight = network.initial_state(64, 1, 0)["layers.1.weight"]
    deviation = 4 * math.sqrt(2 / weight.size)  # of the variance of that many normal numbers
    assert weight.shape == (40, 16, 3, 3) and weight.var() == pytest.approx(variance, rel=deviation)


def test_orthogonal_kernels_are_orthonormal_as_rows() -> None:
    """Mutation: reshape before drawing."""
    law = Initialisation(scheme="orthogonal")
    weight = architectures.get("cnn")(channels=8, initialisation=law).initial_state(64, 1, 0)["layers.1.weight"]
    assert np.allclose(weight.reshape(8, -1) @ weight.reshape(8, -1).T, np.eye(8))


def test_a_receptive_field_is_that_of_all_windows_before() -> None:
    """Kernel 5 stride 2 padded by 2, then 3 padded by 1: 5 + 2 * 2 = 9 wide. Mutation: forget the stride."""
    field = receptive_field([Window(width=5, stride=2, margins=(2, 2)), Window(width=3, margins=(1, 1))])
    assert (field.stride, field.before, field.width) == (2, 4, 9)
    assert field.inside(16, 8) == (False, False, True, True, True, True, False, False)  # starts at 0, 2, 4, 6 of 16
