"""The patterns on an icosahedron: their rule by coordinates, and what does not change it."""

import numpy as np
from numpy.typing import NDArray

from workers.catalogue.kinds import datasets

Floats = NDArray[np.float64]


def vertices() -> Floats:
    """Return the vertices of an icosahedron (12, 3) in the order of the inputs, from their angles."""
    turn = 2 * np.pi * np.arange(5) / 5
    height, radius = 1 / np.sqrt(5), 2 / np.sqrt(5)
    ring = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full(5, height)], axis=1)
    upper = np.vstack([[0.0, 0.0, 1.0], ring])
    return np.vstack([upper, -upper])


def table() -> tuple[Floats, NDArray[np.int64]]:
    """Return patterns and classes."""
    found = datasets.get("sphere-patterns")().read()
    return found.inputs, found.outputs.argmax(axis=1)


def test_every_pattern_is_there_once_in_binary_order() -> None:
    """Mutation: the lowest digit first."""
    patterns, _ = table()
    assert np.array_equal(patterns @ 2.0 ** np.arange(11, -1, -1), np.arange(4096))
    assert set(np.unique(patterns)) == {0.0, 1.0}


def test_the_class_is_the_length_of_the_sum_of_the_marked_vertices() -> None:
    """By coordinates, away from ties. Mutation: neighbours in the ring and next ones exchanged."""
    patterns, classes = table()
    squares = np.square(patterns @ vertices()).sum(axis=1)
    cut = np.median(squares)
    apart = np.abs(squares - cut) > 1e-9
    assert np.array_equal(classes[apart], squares[apart] > cut)
    assert not classes[~apart].any() and (~apart).sum() == 240  # the patterns at the median itself
    assert np.bincount(classes).tolist() == [2060, 2036]


def test_rotations_and_complements_keep_the_class() -> None:
    """A fifth of a turn around the pole, the exchange of marks. Mutation: opposite vertices that do not cancel."""
    patterns, classes = table()

    def class_of(moved: Floats) -> NDArray[np.int64]:
        return np.asarray(classes[(moved @ 2.0 ** np.arange(11, -1, -1)).astype(int)])

    turned = [0, 2, 3, 4, 5, 1, 6, 8, 9, 10, 11, 7]
    assert np.array_equal(class_of(patterns[:, turned]), classes)
    assert np.array_equal(class_of(1 - patterns), classes)


def test_no_input_alone_says_anything() -> None:
    """So no linear function does. Mutation: a class by the number of marks."""
    patterns, classes = table()
    assert np.array_equal(patterns[classes == 1].mean(axis=0), np.full(12, 0.5))
