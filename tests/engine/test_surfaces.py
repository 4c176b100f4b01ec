"""Surfaces and saddles: derivatives against differences."""

from typing import Any

import numpy as np
import pytest

from workers.engine.critical_points import critical_points, distinct, hessians, rank_correlation
from workers.engine.saddles import Inflection, MonkeySaddle, StrictSaddle
from workers.engine.surfaces import Dip, DoubleWells, RandomField, Surface

POINTS = np.random.default_rng(0).normal(size=(5, 3))


def field(waves: int, dimensions: int, width: float = 1.0) -> RandomField:
    """Return a sum of random waves."""
    generator = np.random.default_rng(1)
    return RandomField(
        frequencies=generator.normal(size=(waves, dimensions)) / width, phases=generator.uniform(0, 2 * np.pi, waves)
    )


SURFACES: list[Surface] = [
    Dip(dimensions=3, trough=0, width=0.7, depth=1.3, distance=4.0, curvature=0.2),
    Dip(dimensions=3, trough=1, width=0.7, depth=1.3, distance=4.0, curvature=0.2),
    DoubleWells(dimensions=3, tilt=0.2, start_sd=1.0),
    field(20, 3),
]


@pytest.mark.parametrize("surface", SURFACES)
def test_derivatives_are_those_of_the_value(surface: Surface) -> None:
    """Central differences of 1e-5, to 1e-8; curvature below the bound. Mutation: a dip that keeps the trough."""
    h = 1e-5
    moves = h * np.eye(3)
    numeric = [(surface.value(POINTS + move) - surface.value(POINTS - move)) / (2 * h) for move in moves]
    np.testing.assert_allclose(surface.gradient(POINTS), np.stack(numeric, axis=1), atol=1e-8)
    for point in POINTS:
        above, below = (surface.gradient(point + sign * moves) for sign in (1, -1))
        hessian = surface.hessian(point)
        np.testing.assert_allclose(hessian, (above - below) / (2 * h), atol=1e-8)
        assert np.abs(np.linalg.eigvalsh(hessian)).max() <= surface.smoothness


@pytest.mark.parametrize("saddle", [StrictSaddle(directions=2, curvature=1.7), MonkeySaddle(), Inflection()])
def test_a_newton_step_is_the_inverse_hessian_times_the_gradient(saddle: Any) -> None:
    """Against differences of the gradient, to 1e-6. Mutation: 3 y**2 + curvature."""
    h = 1e-5
    for point in POINTS:
        moves = h * np.eye(3)
        hessian = (saddle.gradient(point + moves) - saddle.gradient(point - moves)) / (2 * h)
        expected = np.linalg.solve(hessian, saddle.gradient(point[None])[0])
        np.testing.assert_allclose(saddle.newton_step(point[None])[0], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("saddle", "value"),
    [
        (StrictSaddle(directions=2, curvature=1.6), lambda x, y, z: x**2 / 2 + (y**4 + z**4) / 4 - 0.8 * (y**2 + z**2)),
        (MonkeySaddle(), lambda x, y, z: x**2 / 2 + y**3 / 3 - y * z**2),
        (Inflection(), lambda x, y, z: x**2 / 2 + y**2 / 2 + z**3 / 3),
    ],
)  # fmt: skip
def test_a_saddles_gradient_is_that_of_its_formula(saddle: Any, value: Any) -> None:
    """Central differences of 1e-5, to 1e-8. Mutation: -x y in the monkey's second coordinate."""
    for index, move in enumerate(1e-5 * np.eye(3)):
        numeric = (value(*(POINTS + move).T) - value(*(POINTS - move).T)) / 2e-5
        np.testing.assert_allclose(saddle.gradient(POINTS)[:, index], numeric, atol=1e-8)


def test_a_random_field_has_mean_0_variance_1_and_curvature_minus_its_value() -> None:
    """At random points of 40 fields E[tr H / d | f] = -f / width**2; to 5 %. Mutation: sqrt(1 / waves)."""
    values, curvatures = [], []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        one = RandomField(frequencies=generator.normal(size=(400, 2)) / 0.5, phases=generator.uniform(0, 6.2832, 400))
        x = 100 * generator.normal(size=(200, 2))
        values.append(one.value(x))
        curvatures.append(np.trace(hessians(one, x), axis1=1, axis2=2) / 2)
    f, c = np.concatenate(values), np.concatenate(curvatures)
    assert f.mean() == pytest.approx(0, abs=0.1) and f.var() == pytest.approx(1, abs=0.1)
    assert np.polyfit(f, c, 1)[0] == pytest.approx(-4, rel=0.05)


def test_the_critical_points_of_one_wave_are_its_crests_and_troughs() -> None:
    """k x + p = m pi, value +-sqrt(2), curvature -k**2 times it. Mutation: keep points with a gradient."""
    wave = RandomField(frequencies=np.array([[2.0]]), phases=np.array([0.3]))
    found = distinct(critical_points(wave, np.linspace(-4, 4, 60)[:, None], width=0.5), 0.5)
    turns = (2 * found[:, 0] + 0.3) / np.pi
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    values = wave.value(found)
    np.testing.assert_allclose(np.abs(values), np.sqrt(2), rtol=1e-12)
    np.testing.assert_allclose(hessians(wave, found)[:, 0, 0], -4 * values, rtol=1e-9)
    assert len(found) == len(np.unique(np.round(turns))) >= 5


def test_no_points_have_no_correlation() -> None:
    """Mutation: raise instead."""
    assert np.isnan(rank_correlation(np.empty(0), np.empty(0))).all()
    assert distinct(np.empty((0, 2)), 1.0).shape == (0, 2)
    assert rank_correlation(np.arange(6.0), np.arange(6.0) ** 3)[0] == 1.0
