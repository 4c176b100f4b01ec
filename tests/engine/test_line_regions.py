"""Linear regions along lines: closed forms, and networks checked point by point."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from workers.catalogue.values import DenseStack
from workers.engine.line_regions import dense_layers, line_regions
from workers.engine.regions import Layer

Floats = npt.NDArray[np.float64]


def random_layers(seed: int, sizes: list[int], bias: float = 0.5) -> list[Layer]:
    """Return normal weights of variance 2 / fan_in and normal biases."""
    generator = np.random.default_rng(seed)
    return [
        (generator.normal(size=(out, into)) * np.sqrt(2 / into), bias * generator.normal(size=out))
        for into, out in pairwise(sizes)
    ]


def forward(layers: list[Layer], x: Floats, residual: bool = False) -> Floats:
    """Evaluate the network by its definition: (n, d) to (n, m)."""
    h = x
    for weight, bias in layers[:-1]:
        z = np.maximum(h @ weight.T + bias, 0)
        h = z + h if residual and weight.shape[0] == weight.shape[1] else z
    weight, bias = layers[-1]
    return h @ weight.T + bias


def line(seed: int, inputs: int) -> tuple[Floats, Floats]:
    """Return two points with coordinates of both signs."""
    generator = np.random.default_rng(1000 + seed)
    return 2 * generator.normal(size=inputs), 2 * generator.normal(size=inputs)


@pytest.mark.parametrize("inputs", [1, 2, 5, 64])
@pytest.mark.parametrize("seed", range(5))
def test_one_hidden_layer_bends_where_the_line_crosses_a_units_hyperplane(seed: int, inputs: int) -> None:
    """At t = -(w a + c) / (w (b - a)), for a unit of different signs at both ends. Mutation: forget the shift."""
    layers = random_layers(seed, [inputs, 40, 1])
    start, end = line(seed, inputs)
    weight, bias = layers[0]
    at_start, at_end = weight @ start + bias, weight @ end + bias
    crossing = at_start * at_end < 0
    places = np.sort(at_start[crossing] / (at_start - at_end)[crossing])
    found = line_regions(layers, start, end)
    assert found.count == 1 + np.sum(crossing)
    # conditioning of a crossing: a unit may be nearly parallel to the line
    assert found.breakpoints == pytest.approx(places, abs=1e-11)


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_a_sawtooth_of_one_coordinate_has_two_to_the_depth_pieces_along_it(depth: int) -> None:
    """Telgarsky's network of x_2 in three dimensions, from 0 to 1 and back. Mutation: a layer of the stack left out."""
    first = (np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]), np.array([0.0, -0.5]))
    hidden = (np.array([[2.0, -4.0], [2.0, -4.0]]), np.array([0.0, -0.5]))
    layers = [first, *[hidden] * (depth - 1), (np.array([[2.0, -4.0]]), np.zeros(1))]
    start, end = np.array([-3.0, 0.0, 5.0]), np.array([7.0, 1.0, -2.0])
    for one, other in ((start, end), (end, start)):
        found = line_regions(layers, one, other)
        assert found.breakpoints.tolist() == (np.arange(1, 2**depth) / 2**depth).tolist()
        assert np.abs(found.slopes).tolist() == np.full((2**depth, 1), 2.0**depth).tolist()
    aside = np.array([7.0, 0.0, -2.0])
    assert line_regions(layers, start, aside).count == 1, "the network is constant along the others"


SHAPES = [[3, 12, 12, 1], [3, 3, 3, 8, 2], [2, 2, 2, 2, 2, 1], [5, 5, 1], [1, 1, 1, 4, 1], [20, 6, 20, 1]]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_the_network_is_linear_between_the_breakpoints_and_bends_at_each(
    seed: int, sizes: list[int], residual: bool
) -> None:
    """Mutations: a first layer that does not add its input; a shift taken off too early; slopes by x, not by t."""
    layers = random_layers(seed, sizes)
    start, end = line(seed, sizes[0])
    found = line_regions(layers, start, end, residual)
    nodes, grid = np.concatenate([[0.0], found.breakpoints, [1.0]]), np.linspace(0, 1, 5001)
    exact = forward(layers, start + nodes[:, None] * (end - start), residual)
    on_grid = forward(layers, start + grid[:, None] * (end - start), residual)
    scale = np.abs(exact).max()
    interpolated = np.stack([np.interp(grid, nodes, output) for output in exact.T], axis=1)
    np.testing.assert_allclose(interpolated, on_grid, rtol=0, atol=1e-12 * scale)
    quotients = np.diff(exact, axis=0) / np.diff(nodes)[:, None]
    allowed = 1e-13 * scale / np.diff(nodes)[:, None] + 1e-12 * np.abs(found.slopes).max()  # rounding over the width
    assert (np.abs(quotients - found.slopes) < allowed).all()
    assert (np.abs(np.diff(found.slopes, axis=0)).max(axis=1, initial=0) > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_count_agrees_with_dense_sampling(seed: int) -> None:
    """Runs of equal second differences on 200,001 points. Mutation: the middle layer left out."""
    layers = random_layers(seed, [4, 10, 10, 1])
    start, end = line(seed, 4)
    grid = np.linspace(0, 1, 200_001)
    values = forward(layers, start + grid[:, None] * (end - start))[:, 0]
    quotients = np.diff(values) / np.diff(grid)
    changes = np.abs(np.diff(quotients)) > 1e-6 * np.abs(quotients).max()
    runs = np.flatnonzero(changes & ~np.append(False, changes[:-1]))  # a kink inside a cell changes both sides
    found = line_regions(layers, start, end)
    assert found.count == len(runs) + 1 and found.count > 5
    assert found.breakpoints == pytest.approx(grid[runs + 1], abs=1.1e-5)


def test_rounding_of_many_inputs_adds_no_region() -> None:
    """relu(w x) - relu(-w x) = w x for 500 inputs. Mutation: weights and bias along the line reduced beforehand."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        weight = generator.normal(size=(1, 500))
        layers = [(np.vstack([weight, -weight]), np.zeros(2)), (np.array([[1.0, -1.0]]), np.zeros(1))]
        start, end = generator.normal(size=(2, 500))
        assert line_regions(layers, start, end).count == 1


def test_a_line_of_no_length_is_one_region() -> None:
    """Two equal samples. Mutation: let the engine refuse an empty interval."""
    for inputs in (1, 3):
        layers = random_layers(0, [inputs, 9, 2])
        found = line_regions(layers, np.ones(inputs), np.ones(inputs))
        assert found.count == 1 and found.slopes.tolist() == [[0.0, 0.0]]


def test_layers_without_a_bias_get_zeros() -> None:
    """Mutation: one bias too short."""
    stack = DenseStack(sizes=(2, 3, 1), activation="relu", bias=False)
    layers = dense_layers(stack, {"layers.0.weight": np.ones((3, 2)), "layers.1.weight": np.ones((1, 3))})
    assert [bias.tolist() for _, bias in layers] == [[0.0] * 3, [0.0]]
    assert [weight.shape for weight, _ in layers] == [(3, 2), (1, 3)]
