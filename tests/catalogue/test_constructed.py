"""Networks that are written down: what they compute before any training."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from workers.catalogue.architectures.multiplication_tree import curvature
from workers.catalogue.kinds import Architecture, Network, architectures
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import DataSizes, Task
from workers.experiments.codec import decode_component

SMOOTH = ["softplus", "sigmoid", "tanh", "gelu", "silu", "exp"]


def outputs(network: Network, x: Any, dtype: torch.dtype = torch.float64) -> Any:
    """Return the constructed network's outputs at x (n, d): (n,)."""
    inputs = np.asarray(x, dtype=float)
    module = network.module(inputs.shape[1], 1).to(dtype)
    state = network.initial_state(inputs.shape[1], 1, 0)
    module.load_state_dict({name: torch.tensor(array, dtype=dtype) for name, array in state.items()})
    return module(torch.tensor(inputs, dtype=dtype)).detach().double().numpy()[:, 0]


def tree(**fields: Any) -> Any:
    """Return a multiplication tree."""
    return architectures.get("multiplication-tree")(**fields)


def cube(inputs: int, count: int = 500) -> Any:
    """Return points of [-1, 1]**d."""
    return np.random.default_rng(0).uniform(-1, 1, (count, inputs))


@pytest.mark.parametrize("inputs", [2, 3, 5, 7, 8])
def test_the_square_tree_multiplies_exactly(inputs: int) -> None:
    """Rounding alone. Mutation: pair the last value of an odd level with itself."""
    x = cube(inputs)
    assert np.abs(outputs(tree(activation="square"), x) - x.prod(axis=1)).max() < 1e-14


def test_it_has_four_units_per_gate_and_one_gate_less_than_inputs() -> None:
    """8 inputs: 4 + 2 + 1 gates; 5 inputs: 3 + 2 + 1, one multiplies by 1 twice. Mutation: 2 units per gate."""
    assert tree().stack(8, 1).sizes == (8, 16, 8, 4, 1)
    assert tree().stack(5, 1).sizes == (5, 12, 8, 4, 1)


@pytest.mark.parametrize("activation", SMOOTH)
def test_the_error_of_a_gate_falls_with_the_square_of_its_scale(activation: str) -> None:
    """From 0.1 to 0.05 by a factor 4 +- 10 %. Mutation: divide by the first power of the scale."""
    x = cube(2)
    wide, narrow = (
        np.abs(outputs(tree(activation=activation, gate_scale=scale), x) - x.prod(axis=1)).max()
        for scale in (0.1, 0.05)
    )
    assert wide < 0.05 and wide / narrow == pytest.approx(4.0, rel=0.1)


def test_the_leading_coefficient_is_that_of_the_paper() -> None:
    """Softplus: s''''/(6 s'') = -1/12 and u = v = 1 gives -l**2/6: -1.662e-3 at l = 0.1. Mutation: drop a unit."""
    assert outputs(tree(gate_scale=0.1), [[1.0, 1.0]])[0] - 1 == pytest.approx(-0.01 / 6, rel=0.01)


def test_float32_has_a_best_scale() -> None:
    """l = 0.03 is good to 1e-3, l = 1e-3 useless: rounding grows as eps/l**2. Mutation: run it in float64."""
    x = cube(2)
    good, useless = (
        np.abs(outputs(tree(gate_scale=scale), x, torch.float32) - x.prod(axis=1)).max() for scale in (0.03, 0.001)
    )
    assert good < 1e-3 and useless > 0.01


@pytest.mark.parametrize("activation", [*SMOOTH, "square"])
@pytest.mark.parametrize("point", [-1.5, 0.0, 0.7])
def test_the_curvature_is_the_second_derivative(activation: str, point: float) -> None:
    """Against torch's automatic derivative of the engine's own activation. Mutation: a sign in gelu's."""
    from workers.engine.activations import ACTIVATIONS

    x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(ACTIVATIONS[activation].function(x), x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, allow_unused=True)
    assert curvature(activation, point) == pytest.approx(float(second), abs=1e-12)


@pytest.mark.parametrize(
    ("activation", "offset"), [("sigmoid", 0.0), ("tanh", 0.0), ("gelu", math.sqrt(2)), ("softplus", 20.0)]
)
def test_an_offset_without_curvature_is_refused(activation: str, offset: float) -> None:
    """Mutation: no problems()."""
    with pytest.raises(InvalidError, match="second derivative"):
        decode_component(Architecture, {"kind": "multiplication-tree", "activation": activation, "offset": offset})


def test_sigmoid_steps_are_a_staircase_away_from_its_jumps() -> None:
    """Three intervals of [0, 3]; at a boundary the mean of both sides. Mutation: boundaries off by one interval."""
    steps = architectures.get("sigmoid-steps")(low=0.0, high=3.0, heights=(2.0, -1.0, 5.0), sharpness=200.0)
    assert steps.stack(1, 1).sizes == (1, 2, 1)
    found = outputs(steps, [[-1.0], [0.5], [0.9], [1.0], [1.1], [2.0], [2.9], [4.0]])
    assert found == pytest.approx([2, 2, 2, 0.5, -1, 2, 5, 5], abs=1e-7)


def test_the_sharpness_is_the_slope_per_interval() -> None:
    """sigmoid(8 * 0.25 / 0.5) beside the jump. Mutation: sharpness in units of the domain."""
    steps = architectures.get("sigmoid-steps")(low=0.0, high=1.0, heights=(0.0, 1.0), sharpness=8.0)
    assert outputs(steps, [[0.75]])[0] == pytest.approx(1 / (1 + math.exp(-4.0)))


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "task"),
    [
        ("sigmoid-steps", 2, 1, Task.REGRESSION),
        ("sigmoid-steps", 1, 2, Task.CLASSIFICATION),
        ("multiplication-tree", 1, 1, Task.REGRESSION),
        ("multiplication-tree", 4, 2, Task.REGRESSION),
    ],
)
def test_data_of_other_sizes_are_refused(kind: str, inputs: int, outputs: int, task: Task) -> None:
    """Mutation: no misfits()."""
    sizes = DataSizes(inputs=inputs, outputs=outputs, train=1, validation=0, test=1)
    assert list(architectures.get(kind)().misfits(sizes, task))
