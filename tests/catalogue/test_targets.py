"""Targets: values known by hand."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.catalogue.cases import some_target
from workers.catalogue.kinds import Target, datasets, targets
from workers.catalogue.problems import InvalidError
from workers.experiments.codec import decode_component


def values(kind: str, given: Mapping[str, Any], points: list[list[float]], seed: int = 0) -> list[float]:
    """Return the target's values at the points."""
    target = decode_component(Target, {"kind": kind, **given})
    return [float(value) for value in target.function(seed)(np.array(points, dtype=float))[:, 0]]


@pytest.mark.parametrize(
    ("kind", "given", "points", "expected"),
    [
        ("expression", {"expression": "a*x2 - x10", "domain": {"x10": [0, 1], "x2": [0, 1], "a": [0, 9]}},
         [[3.0, 5.0, 1.0]], [14.0]),  # columns a, x2, x10
        ("sine-sum", {"frequencies": [1, 2], "amplitudes": [1, 3], "phases": [0, math.pi / 2]},
         [[0.0], [0.25], [0.5]], [3.0, -2.0, 3.0]),
        ("step", {"positions": [0, 1], "heights": [5, 7, 9], "domain": [-1, 2]},
         [[-0.5], [0.0], [0.999], [1.0]], [5.0, 7.0, 7.0, 9.0]),
        ("sawtooth", {"depth": 1}, [[0.0], [0.25], [0.5], [1.0]], [0.0, 0.5, 1.0, 0.0]),
        ("sawtooth", {"depth": 3}, [[1 / 8], [2 / 8], [3 / 8], [1 / 16], [1.0]], [1.0, 0.0, 1.0, 0.5, 0.0]),
        ("product", {"inputs": 3}, [[2.0, -3.0, 0.5], [0.0, 1.0, 1.0]], [-3.0, 0.0]),
    ],
)  # fmt: skip
def test_values_are_those_of_the_formula(
    kind: str, given: Mapping[str, Any], points: list[list[float]], expected: list[float]
) -> None:
    """Mutation: columns in the order of the JSON object; side="left" in the step."""
    assert values(kind, given, points) == pytest.approx(expected, abs=1e-14)


def test_a_sawtooth_is_the_tent_map_composed() -> None:
    """Mutation: 2**depth teeth."""
    x = np.linspace(0, 1, 999)
    y = x
    for _ in range(6):
        y = np.minimum(2 * y, 2 - 2 * y)
    assert np.allclose(targets.get("sawtooth")(depth=6).function(0)(x[:, None])[:, 0], y, atol=1e-12)


def test_a_random_polynomial_has_its_degree_and_its_number_of_terms() -> None:
    """One input: the third differences of a quadratic vanish; a seed is a polynomial. Mutation: degree + 1."""
    target = targets.get("polynomial")(inputs=1, degree=2, monomials=3)
    x = np.linspace(-1, 1, 9)[:, None]
    first, second = (target.function(seed)(x)[:, 0] for seed in (0, 1))
    assert np.abs(np.diff(first, 3)).max() < 1e-14 < np.abs(np.diff(first, 2)).max()
    assert not np.allclose(first, second)


@pytest.mark.parametrize(("inputs", "degree", "monomials"), [(2, 2, 6), (8, 8, 200)])
def test_exponents_differ_and_stay_within_the_degree(inputs: int, degree: int, monomials: int) -> None:
    """All six of two inputs and degree 2; two hundred of 12,870. Mutation: draw with repetition."""
    from workers.engine.philox import Purpose, Stream

    target: Any = targets.get("polynomial")(inputs=inputs, degree=degree, monomials=monomials)
    exponents = target._exponents(Stream(seed=0, purpose=Purpose.TARGET))
    assert len(set(exponents)) == monomials
    assert all(len(powers) == inputs and min(powers) >= 0 and sum(powers) <= degree for powers in exponents)


@pytest.mark.parametrize(
    ("given", "pointer", "word"),
    [
        ({"kind": "expression", "expression": "sin(", "domain": {"x": [0, 1]}}, "/expression", "column"),
        ({"kind": "expression", "expression": "sin(y)", "domain": {"x": [0, 1]}}, "/expression", "'y'"),
        ({"kind": "expression", "expression": "x", "domain": {"x": [1, 1]}}, "/domain/x", "low"),
        ({"kind": "expression", "expression": "x", "domain": {}}, "/domain", "at least 1"),
        ({"kind": "step", "positions": [0, 0], "heights": [1, 2, 3]}, "/positions", "increase"),
        ({"kind": "step", "positions": [0], "heights": [1, 2, 3]}, "/heights", "2 items"),
        ({"kind": "step", "positions": [4], "heights": [1, 2]}, "/positions", "inside"),
        ({"kind": "sine-sum", "frequencies": [1, 2], "phases": [1]}, "/phases", "2 items"),
        ({"kind": "polynomial", "inputs": 1, "degree": 2, "monomials": 4}, "/monomials", "at most 3"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(given: Mapping[str, Any], pointer: str, word: str) -> None:
    """Mutation: an empty problems()."""
    with pytest.raises(InvalidError) as caught:
        decode_component(Target, given)
    assert [(p.pointer, word in p.detail) for p in caught.value.problems] == [(pointer, True)]


def test_a_target_that_is_not_finite_is_refused_when_drawn_and_named() -> None:
    """1/x on a grid through 0. Mutation: no check of finite values."""
    target = decode_component(Target, {"kind": "expression", "expression": "1/x", "domain": {"x": [-1, 1]}})
    grid = datasets.get("sampled")(train_size=3, design="grid")
    with pytest.raises(InvalidError, match=r"'expression' is not finite at x = 0"):
        grid.split(target, 0)
    grid.split(some_target(), 0)
