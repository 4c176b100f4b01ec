"""Data collapse: by hand, on laws that collapse exactly, and on controls that must not."""

import math

import numpy as np
import pytest

from workers.analysis.collapse import Curve, collapse


def family(x_power: float, y_power: float, *, noise: float = 0.0) -> list[Curve]:
    """Return y = n**-0.5 exp(-x / n) at n = 4, 8, 16, rescaled by n**-x_power and n**y_power."""
    generator = np.random.default_rng(0)
    curves = []
    for n in (4, 8, 16):
        x = n * np.linspace(0.05, 3, 40)
        y = n**-0.5 * np.exp(-x / n) * (1 + noise * generator.normal(size=40))
        curves.append(
            Curve(name=f"n={n}", x=tuple(x), y=tuple(y), x_factor=float(n) ** -x_power, y_factor=float(n) ** y_power)
        )
    return curves


def test_r_squared_by_hand() -> None:
    """b's point (1, 2) meets 1 on a, a's (1.5, 1.5) meets 3 on b; (2, 4) meets 2.

    Misses 1 - 1.5 + 2, mean 2.5: R^2 = 1 - (1 + 2.25 + 4) / (0.25 + 1 + 2.25). Caught mutations: a curve compared
    with itself; the mean of the predictions; extrapolation.
    """
    a = Curve(name="a", x=(0.0, 1.5, 3.0), y=(0.0, 1.5, 3.0))
    b = Curve(name="b", x=(1.0, 2.0), y=(2.0, 4.0))
    found = collapse([a, b])
    assert (found.n, found.used) == (3, (1, 2))
    assert found.r_squared == pytest.approx(1 - 7.25 / 3.5)
    assert [(point.index, point.x, point.reason) for point in found.left_out] == [
        (0, (0.0,), "x is beyond the range of the other curves"),
        (2, (3.0,), "x is beyond the range of the other curves"),
    ]


def test_a_law_collapses_under_its_scaling_and_under_no_other() -> None:
    """Curvature costs 1e-4. Caught mutations: a factor left out, inverted or put on the other axis."""
    right = collapse(family(1, 0.5)).r_squared
    assert right is not None and right > 0.999
    for x_power, y_power in ((0, 0), (1, 0), (0, 0.5), (-1, 0.5), (1, -0.5), (0.5, 1)):
        wrong = collapse(family(x_power, y_power)).r_squared
        assert wrong is not None and wrong < 0.95


def test_noise_lowers_r_squared_by_its_share() -> None:
    """Noise of 20 % of the value and half of it again from the neighbours. Caught mutation: smoothing over a curve."""
    noisy = collapse(family(1, 0.5, noise=0.2)).r_squared
    assert noisy is not None and 0.6 < noisy < 0.99


def test_a_shift_moves_the_critical_point_to_the_origin() -> None:
    """y = f((x - 2.269) L). Caught mutations: the shift added; the shift after the factor."""
    curves = [
        Curve(
            name=f"L={size}",
            x=tuple(2.269 + np.linspace(-2, 2, 30) / size),
            y=tuple(np.tanh(np.linspace(-2, 2, 30))),
            x_shift=2.269,
            x_factor=float(size),
        )
        for size in (8, 12, 16)
    ]
    found = collapse(curves)
    assert found.r_squared == pytest.approx(1)
    assert found.curves[0].x == pytest.approx(np.linspace(-2, 2, 30).tolist())


def test_the_order_of_points_and_curves_is_without_effect() -> None:
    """Caught mutation: points taken in the order given by the interpolation."""
    curves = family(1, 0.5, noise=0.1)
    mixed = [
        Curve(name=c.name, x=c.x[::-1], y=c.y[::-1], x_factor=c.x_factor, y_factor=c.y_factor) for c in curves[::-1]
    ]
    assert collapse(mixed).r_squared == collapse(curves).r_squared
    assert collapse(mixed).curves[::-1] == collapse(curves).curves


def test_points_at_one_x_count_with_their_mean() -> None:
    """Two other curves at x = 1 with 1 and 3: b's 2 is met exactly. Caught mutation: the last one wins."""
    a = Curve(name="a", x=(0.0, 1.0, 2.0), y=(0.0, 1.0, 4.0))
    b = Curve(name="b", x=(0.0, 1.0, 2.0), y=(0.0, 2.0, 4.0))
    c = Curve(name="c", x=(0.0, 1.0, 2.0), y=(0.0, 3.0, 4.0))
    # At x = 1: a meets 2.5, b meets 2, c meets 1.5.
    assert collapse([a, b, c]).r_squared == pytest.approx(1 - (1.5**2 + 1.5**2) / (3 * 4 + 3 * 4 + 2))


def test_holes_are_left_out_with_the_reason() -> None:
    """Caught mutations: NaN in the sum; an index that counts within the curve."""
    a = Curve(name="a", x=(0.0, 1.0, 2.0), y=(0.0, 1.0, 2.0))
    b = Curve(name="b", x=(0.5, math.nan, 1.5), y=(0.5, 1.0, math.inf))
    found = collapse([a, b, Curve(name="c", x=(0.1, 1.9), y=(0.1, 1.9))])
    assert found.r_squared == pytest.approx(1)
    holes = [point.index for point in found.left_out if point.reason == "x or y is not finite after rescaling"]
    assert holes == [4, 5]


def test_without_a_comparison_there_is_no_r_squared() -> None:
    """Caught mutations: R^2 of the other curves when one overlaps none; R^2 of two points; 0 / 0."""
    a = Curve(name="a", x=(0.0, 1.0, 2.0), y=(0.0, 1.0, 2.0))
    far = Curve(name="far", x=(10.0, 11.0), y=(0.0, 1.0))
    assert collapse([a]).problem == "1 curves: a collapse takes at least two"
    assert collapse([]).problem == "0 curves: a collapse takes at least two"
    apart = collapse([a, a, far])
    assert (apart.r_squared, apart.problem) == (None, "no point of curve far lies within the range of the others")
    one = Curve(name="one", x=(1.0,), y=(1.0,))
    assert collapse([one, one]).problem == "2 points to compare: R^2 takes at least 3"
    flat = Curve(name="flat", x=(0.0, 1.0), y=(0.1, 0.1))
    assert collapse([flat, flat]).problem == "y has the same value at all points to compare: no R^2"
