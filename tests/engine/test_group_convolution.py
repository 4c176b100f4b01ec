"""Convolutions over p4 and p4m against their definition, written out as sums."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.engine.grid_networks import built, features, network, noise
from workers.engine.plane_groups import composed, inverse, moved

ORDERS = {"p4": 4, "p4m": 8}


def placed(element: int, row: int, column: int, size: int) -> tuple[int, int]:
    """Return where an element takes a position: mirrored from left to right if 4 or more, then turned."""
    if element >= 4:
        column = size - 1 - column
    for _ in range(element % 4):  # anticlockwise: the right end of a row becomes the top of a column
        row, column = size - 1 - column, row
    return row, column


def carried(image: Any, element: int) -> Any:
    """Return the moved image (..., k, k), position by position."""
    result = np.empty_like(image)
    for row, column in product(range(image.shape[-1]), repeat=2):
        result[(..., *placed(element, row, column, image.shape[-1]))] = image[..., row, column]
    return result


def quotient(first: int, second: int, order: int) -> int:
    """Return first**-1 second: the element that `first` must follow to act as `second`."""
    picture = np.arange(9).reshape(3, 3)
    goal = carried(picture, second)
    return next(each for each in range(order) if np.array_equal(carried(carried(picture, each), first), goal))


@pytest.mark.parametrize("size", [3, 4])
def test_the_elements_move_a_picture_as_they_say(size: int) -> None:
    """All eight, distinct. Mutation: turn clockwise."""
    picture = np.arange(size**2).reshape(size, size)
    found = [moved(picture, element) for element in range(8)]
    assert all(np.array_equal(each, carried(picture, element)) for element, each in enumerate(found))
    assert len({each.tobytes() for each in found}) == 8


def test_products_and_inverses_are_those_of_the_pictures() -> None:
    """All 64 pairs. Mutation: the same sense of turning after a mirror image."""
    picture = np.arange(9).reshape(3, 3)
    for first, second in product(range(8), repeat=2):
        expected = carried(carried(picture, second), first)
        assert np.array_equal(moved(picture, composed(first, second)), expected)
    assert all(composed(element, inverse(element)) == 0 for element in range(8))
    assert {composed(first, second) for first, second in product(range(4), repeat=2)} == set(range(4))


def lifted(image: Any, weight: Any, order: int) -> Any:
    """Sum psi(g^-1 q) x(p + q) over channels and q, for every g and p: (n, channels, order, p, p)."""
    width, size = weight.shape[-1], image.shape[-1]
    places = size - width + 1
    found = np.zeros((len(image), len(weight), order, places, places))
    for g, row, column in product(range(order), range(places), range(places)):
        for a, b in product(range(width), repeat=2):
            at = placed(g, a, b, width)  # g q, where the entry q of the kernel comes to lie
            seen = image[:, :, row + at[0], column + at[1]]
            found[:, :, g, row, column] += seen @ weight[:, :, a, b].T
    return found


def grouped(field: Any, weight: Any, order: int) -> Any:
    """Sum psi(g^-1 h, g^-1 q) f(h, p + q) over channels, h and q."""
    width, places = weight.shape[-1], field.shape[-1] - weight.shape[-1] + 1
    found = np.zeros((len(field), len(weight), order, places, places))
    for g, h in product(range(order), repeat=2):
        kernel = weight[:, :, quotient(g, h, order)]
        for row, column, a, b in product(range(places), range(places), range(width), range(width)):
            at = placed(g, a, b, width)
            found[:, :, g, row, column] += field[:, :, h, row + at[0], column + at[1]] @ kernel[:, :, a, b].T
    return found


@pytest.mark.parametrize("group", ORDERS)
@pytest.mark.parametrize("kernel", [2, 3])
def test_two_layers_are_the_sums_of_the_paper(group: str, kernel: int) -> None:
    """Without padding, sums of at most 2 * 8 * 9 products. Mutation: h^-1 g for g^-1 h in oriented_kernels."""
    order = ORDERS[group]
    fields = {"group": group, "channels": (3, 2), "input_channels": 2, "kernel_size": kernel, "activation": "tanh"}
    module, state = built(network("group-cnn", padding="none", **fields), 2 * 36)
    x = noise(2, 2, 6, 6)
    hidden = lifted(x, state["layers.0.weight"], order) + state["layers.0.bias"][:, None, None, None]
    hidden = grouped(np.tanh(hidden), state["layers.1.weight"], order) + state["layers.1.bias"][:, None, None, None]
    found = features(module, x)
    assert state["layers.1.weight"].shape == (2, 3, order, kernel, kernel)
    assert np.allclose(found.reshape(hidden.shape), np.tanh(hidden), rtol=0, atol=1e-13)


@pytest.mark.parametrize("group", ORDERS)
def test_a_symmetric_kernel_gives_every_orientation_the_same_plane(group: str) -> None:
    """And then an ordinary convolution. Mutation: orientations of a channel not side by side."""
    module, _ = built(network("group-cnn", group=group, channels=2, depth=1, padding="circular"), 64)
    plain, _ = built(network("cnn", channels=2, depth=1, padding="circular"), 64)
    kernel = np.array([[1.0, 2, 1], [2, 5, 2], [1, 2, 1]]) * np.array([1.0, -0.3])[:, None, None, None]
    for each in (module, plain):
        each.layers[0].weight.data.copy_(each.layers[0].weight.new_tensor(kernel))
        each.layers[0].bias.data.copy_(each.layers[0].bias.new_tensor([0.1, -0.2]))
    x = noise(2, 1, 8, 8)
    found = features(module, x).reshape(2, 2, ORDERS[group], 8, 8)
    assert np.allclose(found, features(plain, x)[:, :, None], rtol=0, atol=1e-14)
