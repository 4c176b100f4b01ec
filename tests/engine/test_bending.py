"""Bending between hinges: exact zeros for relu, closed forms for smooth units."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from workers.catalogue.values import DenseStack
from workers.engine.bending import Bending, bending, hinges_along
from workers.engine.layers import DenseNetwork
from workers.engine.regions import Layer

Floats = npt.NDArray[np.float64]
FROM, TO = np.array([[-1.0]]), np.array([[1.0]])


def look(layers: list[Layer], activation: str, starts: Floats, ends: Floats, residual: bool = False) -> Bending:
    """Return the bending of the stack with these layers."""
    sizes = (layers[0][0].shape[1], *(len(bias) for _, bias in layers))
    stack = DenseStack(sizes=sizes, activation=activation, residual=residual)
    module = DenseNetwork(stack).double()
    state: dict[str, Any] = {}
    for index, (weight, bias) in enumerate(layers):
        state |= {f"layers.{index}.weight": torch.from_numpy(weight), f"layers.{index}.bias": torch.from_numpy(bias)}
    module.load_state_dict(state)
    return bending(module, stack, layers, starts, ends)


def one_unit(scale: float = 1.0) -> list[Layer]:
    """Return the layers of x -> scale * activation(x)."""
    return [(np.ones((1, 1)), np.zeros(1)), (np.full((1, 1), scale), np.zeros(1))]


def random_layers(seed: int, *sizes: int) -> list[Layer]:
    """Return normal weights of variance 2 / fan_in and normal biases."""
    generator = np.random.default_rng(seed)
    return [
        (generator.normal(size=(out, into)) * np.sqrt(2 / into), 0.5 * generator.normal(size=out))
        for into, out in pairwise(sizes)
    ]


def test_a_parabola_bends_between_its_hinges() -> None:
    """x**2 on [-1, 1]: hinge at 0, chords |x|, slope from -2 to 2.

    At the 8 points of each half, (j + 1/2) / 8, the largest |x - x**2| is 7/16 * 9/16 and each slope changes by
    7/8 * 2; across the hinge it changes by 2/8. Mutations: points at the hinges; distance by the outputs' size.
    """
    found = look(one_unit(3.0), "square", FROM, TO)
    assert found.hinges[0].tolist() == pytest.approx([0.5], abs=1e-12)
    assert found.residuals.tolist() == pytest.approx([63 / 256])
    assert found.between == pytest.approx(3.5 / 3.75)


def test_the_range_is_that_of_all_lines() -> None:
    """x**2 on [0, 2] and on [0, 1], output from 0 to 4: distances 63/64 and 63/256. Mutation: each line's own range."""
    found = look(one_unit(), "square", np.array([[0.0], [0.0]]), np.array([[2.0], [1.0]]))
    assert [len(places) for places in found.hinges] == [0, 0]
    assert found.residuals.tolist() == pytest.approx([63 / 256, 63 / 1024])
    assert found.between == 1.0


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("sizes", [(1, 64, 64, 1), (3, 16, 16, 16, 2), (4, 4, 4, 1), (2, 300, 1)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_relu_networks_bend_at_hinges_only(seed: int, sizes: tuple[int, ...], residual: bool) -> None:
    """Up to sums of a few hundred terms in float64. Mutation: hinges found on a grid, which misses near pairs."""
    generator = np.random.default_rng(seed)
    starts, ends = generator.normal(size=(2, 3, sizes[0]))
    found = look(random_layers(seed, *sizes), "relu", starts, ends, residual)
    assert found.residuals.max() < 1e-12 and found.between < 1e-12
    assert max(len(places) for places in found.hinges) > 1


@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus", "sine", "silu", "sigmoid", "square", "exp"])
def test_smooth_networks_bend_between_hinges(activation: str) -> None:
    """Seven eighths of a smooth slope's variation lies between 8 points of a piece, up to its unevenness.

    Mutation: hinges of the relu network with the same weights, or the slope's variation at hinges alone.
    """
    generator = np.random.default_rng(0)
    starts, ends = generator.normal(size=(2, 3, 3))
    found = look(random_layers(1, 3, 32, 32, 1), activation, starts, ends)
    assert 0.8 < found.between <= 1 and found.residuals.max() > 1e-6


@pytest.mark.parametrize("residual", [False, True])
def test_smooth_hinges_are_the_zeros_of_preactivations(residual: bool) -> None:
    """First layer by hand, the second by its sign on both sides. Mutation: the zero taken from the wrong end.

    The chord of a cell of 1/4096 is off by about its width squared.
    """
    layers = random_layers(2, 2, 9, 9, 1)
    start, end = np.array([-2.0, 1.0]), np.array([3.0, -2.0])
    stack = DenseStack(sizes=(2, 9, 9, 1), activation="tanh", residual=residual)
    places = hinges_along(stack, layers, start, end)

    def preactivations(t: Floats) -> Floats:
        first = (start + t[:, None] * (end - start)) @ layers[0][0].T + layers[0][1]
        return np.hstack([first, np.tanh(first) @ layers[1][0].T + layers[1][1]])

    at_start, at_end = preactivations(np.array([0.0, 1.0]))[:, :9]
    by_hand = (at_start / (at_start - at_end))[at_start * at_end < 0]
    assert all(np.abs(places - place).min() < 1e-12 for place in by_hand)
    changes = np.sign(preactivations(places - 1e-6)) != np.sign(preactivations(places + 1e-6))
    # a hidden layer of equal width adds its input only from the second layer on, whose output nothing here sees
    assert (changes.sum(axis=1) == 1).all() and len(places) > len(by_hand)
    everywhere = preactivations(np.linspace(0, 1, 100_001)) >= 0
    assert len(places) == np.sum(everywhere[1:] != everywhere[:-1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_straight_and_constant_functions_do_not_bend(activation: str) -> None:
    """No layer between, or units that lead nowhere: not 0/0. Mutation: divide rounding by rounding."""
    linear: list[Layer] = [(np.array([[0.1, 0.7]]), np.array([0.3]))]
    idle = random_layers(0, 2, 5, 1)
    idle[-1] = (np.zeros((1, 5)), np.array([0.1]))
    for layers in (linear, idle):
        found = look(layers, activation, np.array([[-1.0, 0.3]]), np.array([[1.0, 0.9]]))
        assert found.between == 0.0 and found.residuals.max() < 1e-15


def test_a_change_of_slope_by_rounding_is_no_bending() -> None:
    """relu(x) - relu(-x) with slopes 0.1 + 0.2 + 0.3 and 0.6. Mutation: rounding divided by rounding."""
    layers = [(np.array([[1.0], [-1.0]]), np.zeros(2)), (np.array([[0.1 + 0.2 + 0.3, -0.6]]), np.zeros(1))]
    found = look(layers, "relu", FROM, TO)
    assert [len(places) for places in found.hinges] == [0] and found.between == 0.0


@pytest.mark.parametrize("end", [400.0, 1000.0])
def test_what_overflows_has_no_measure(end: float) -> None:
    """e**1000 is infinite, and so is the square of a slope of e**400. Mutation: infinity compared as a number."""
    found = look(one_unit(), "exp", np.array([[0.0]]), np.array([[end]]))
    assert math.isnan(found.between)
    assert np.isnan(found.residuals).all() == (end == 1000.0)
