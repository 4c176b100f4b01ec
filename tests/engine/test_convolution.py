"""Convolution, pooling and padding against independent implementations, gradients against differences."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage, signal
from torch.func import functional_call, grad, vmap
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.grid_networks import built, features, network, noise, outputs_for
from tests.engine.populations import alone, run, spec
from workers.engine.convolution import padded

KINDS = ["cnn", "group-cnn", "locally-connected"]
PADDINGS = ["circular", "zero", "reflect", "none"]
POOLINGS = ["none", "max", "average", "blur"]


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_a_circular_convolution_is_a_circulant_matrix(kernel: int) -> None:
    """An even kernel reaches one position further after than before. Mutation: one further before."""
    n, before = 9, (kernel - 1) // 2
    module, state = built(
        network("cnn", dimensions=1, channels=1, depth=1, kernel_size=kernel, padding="circular", activation="tanh"), n
    )
    matrix = np.zeros((n, n))
    for place in range(n):
        for tap in range(kernel):
            matrix[place, (place + tap - before) % n] += state["layers.0.weight"][0, 0, tap]
    x = noise(4, 1, n)
    expected = np.tanh(x[:, 0] @ matrix.T + state["layers.0.bias"])
    assert np.allclose(features(module, x)[:, 0], expected, rtol=0, atol=1e-14)  # sums of at most 5 products


@pytest.mark.parametrize(
    ("padding", "mode"), [("circular", "wrap"), ("zero", "constant"), ("reflect", "mirror"), ("none", None)]
)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_two_dimensional_layers_are_those_of_scipy(padding: str, mode: str | None, stride: int) -> None:
    """Two input channels, two layers' worth of axes told apart. Mutation: padding of the last axis alone."""
    fields = {"channels": 3, "depth": 1, "input_channels": 2, "activation": "tanh", "stride": stride}
    module, state = built(network("cnn", padding=padding, kernel_size=5, **fields), 2 * 8 * 8)
    x, weight = noise(2, 2, 8, 8), state["layers.0.weight"]

    def correlated(image: Any, kernel: Any) -> Any:
        if mode is None:
            return signal.correlate2d(image, kernel, mode="valid")
        return ndimage.correlate(image, kernel, mode=mode)

    sums = [[sum(correlated(x[i, c], weight[o, c]) for c in range(2)) for o in range(3)] for i in range(2)]
    expected = np.tanh(np.array(sums)[..., ::stride, ::stride] + state["layers.0.bias"][:, None, None])
    assert np.allclose(features(module, x), expected, rtol=0, atol=1e-14)  # sums of 50 products of order 1/7


@pytest.mark.parametrize(("padding", "mode"), [("circular", "wrap"), ("zero", "constant"), ("reflect", "reflect")])
@pytest.mark.parametrize("margins", [(1, 1), (0, 3), (2, 1)])
def test_padding_is_that_of_numpy(padding: str, mode: Any, margins: tuple[int, int]) -> None:
    """Mutation: exchange before and after."""
    image, line = noise(2, 3, 5, 5), noise(2, 3, 5)
    square = np.pad(image, ((0, 0), (0, 0), margins, margins), mode=mode)
    assert np.array_equal(padded(torch.from_numpy(image), margins, padding, 2).numpy(), square)
    row = np.pad(line, ((0, 0), (0, 0), margins), mode=mode)
    assert np.array_equal(padded(torch.from_numpy(line), margins, padding, 1).numpy(), row)


def pooled(values: list[float], pooling: str, padding: str, size: int = 2) -> list[float]:
    """Return a line of positive numbers after a layer that only pools."""
    module, _ = built(
        network(
            "cnn", dimensions=1, channels=1, depth=1, kernel_size=1, padding=padding, pooling=pooling, pool_size=size
        ),
        len(values),
    )
    module.layers[0].weight.data.fill_(1.0)
    module.layers[0].bias.data.fill_(0.0)
    found: list[float] = features(module, np.array([[values]]))[0, 0].tolist()
    return found


@pytest.mark.parametrize(
    ("pooling", "padding", "expected"),
    [
        ("max", "zero", [2, 4, 6, 8]),
        ("average", "zero", [1.5, 3.5, 5.5, 7.5]),
        ("blur", "circular", [3, 3, 5, 7]),  # (8 + 2 * 1 + 2) / 4, (2 + 2 * 3 + 4) / 4, ...
        ("blur", "zero", [1, 3, 5, 7]),
        ("blur", "reflect", [1.5, 3, 5, 7]),
        ("blur", "none", [2, 4, 6]),
    ],
)
def test_pools_by_hand(pooling: str, padding: str, expected: list[float]) -> None:
    """Of 1 .. 8; quarters are exact. Mutation: blur after the subsampling."""
    assert pooled([1, 2, 3, 4, 5, 6, 7, 8], pooling, padding) == expected


def test_a_blur_by_three_has_the_binomial_filter_of_five() -> None:
    """(1, 4, 6, 4, 1)/16 at the unit impulse, every third position. Mutation: a filter of 3."""
    assert pooled([0, 0, 16, 0, 0, 0, 0, 0, 0], "blur", "zero", 3) == [1, 4, 0]


def test_a_blur_of_a_square_is_one_of_rows_and_columns() -> None:
    """Mutation: the diagonal filter of torch.diag instead of the outer product."""
    module, _ = built(network("cnn", channels=1, depth=1, kernel_size=1, padding="circular", pooling="blur"), 64)
    module.layers[0].weight.data.fill_(1.0)
    module.layers[0].bias.data.fill_(0.0)
    a, b = [1.0, 2, 3, 4, 5, 6, 7, 8], [8.0, 1, 6, 3, 5, 7, 4, 2]
    rows, columns = pooled(a, "blur", "circular"), pooled(b, "blur", "circular")
    assert np.array_equal(features(module, np.outer(a, b)[None, None])[0, 0], np.outer(rows, columns))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_those_of_differences(kind: str, padding: str, pooling: str) -> None:
    """Along random directions of inputs and weights, float64. Mutation: detach the kernels that are turned."""
    head = {"none": "map", "max": "flatten"}.get(pooling, "average")
    fields = {"channels": 2, "padding": padding, "pooling": (pooling, "none"), "head": head, "activation": "tanh"}
    module, _ = built(network(kind, kernel_size=(3, 2), stride=(1, 2), **fields), 49)
    names = [name for name, _ in module.named_parameters()]

    def outputs(inputs: Any, *weights: Any) -> Any:
        return functional_call(module, dict(zip(names, weights, strict=True)), (inputs,))

    inputs = torch.from_numpy(noise(2, 49)).requires_grad_()
    weights = [parameter.detach().clone().requires_grad_() for parameter in module.parameters()]
    assert torch.autograd.gradcheck(outputs, (inputs, *weights), fast_mode=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_stacked_population_has_the_gradients_of_its_members(kind: str, padding: str, pooling: str) -> None:
    """By torch.func.vmap, without a warning of a missing rule. Mutation: torch.Tensor.unfold for the windows."""
    architecture = network(kind, channels=2, padding=padding, pooling=(pooling, "none"))
    modules = [built(architecture, 81, seed)[0] for seed in range(2)]
    stacked = {
        name: torch.stack([module.get_parameter(name).detach() for module in modules])
        for name, _ in modules[0].named_parameters()
    }
    inputs = torch.from_numpy(noise(2, 3, 81))

    def loss(weights: Any, x: Any) -> Any:
        return functional_call(modules[0], weights, (x,)).square().mean()

    found = vmap(grad(loss))(stacked, inputs)
    for member, module in enumerate(modules):
        module(inputs[member]).square().mean().backward()
        for name, parameter in module.named_parameters():
            assert torch.allclose(found[name][member], parameter.grad, rtol=1e-10, atol=1e-14), name


class Counted(TorchDispatchMode):
    """Counts the numbers that operations write anew."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.numbers += sum(each.numel() for each in (found if isinstance(found, tuple) else (found,)))
        return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_numbers_per_sample_bounds_what_a_sample_writes(kind: str, padding: str, pooling: str) -> None:
    """Two samples minus one: weights do not count. Mutation: forget the windows laid out side by side."""
    fields = {"channels": 3, "padding": padding, "pooling": (pooling, "none"), "head": "map", "kernel_size": (3, 2)}
    architecture = network(kind, **fields)
    module, _ = built(architecture, 81)
    written = []
    for samples in (1, 2):
        inputs = torch.from_numpy(noise(samples, 81))
        with torch.no_grad(), Counted() as counted:
            module(inputs)
        written.append(counted.numbers)
    bound = architecture.numbers_per_sample(81, outputs_for(architecture, 81))
    assert written[1] - written[0] <= bound - 81  # the inputs are there before


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_trains_and_has_the_same_bits_in_company(kind: str) -> None:
    """Ten steps at digits, by the loop back end. Mutation: a module that keeps its last batch's mean."""
    specs = {
        str(seed): spec(
            seed,
            target=None,
            backend="loop",
            dataset={"kind": "digits", "train_size": 200},
            architecture={"kind": kind, "channels": 4, "padding": "circular", "pooling": ["blur", "none"]},
            training={"kind": "gradient", "steps": 10, "batch_size": 50, "evaluate_every": 5},
        )
        for seed in range(2)
    }
    together = run(specs).finished
    for name, each in specs.items():
        single = alone(each)
        assert single.artifacts == together[name].artifacts and single.curves == together[name].curves
        loss = next(curve.values for curve in single.curves if curve.name == "train_loss")
        assert loss[-1] < loss[0] < 2 * math.log(10)
