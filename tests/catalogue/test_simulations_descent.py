"""Simulations of descent: basins, saddles and teachers whose answers are known."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.stats import norm

from workers.catalogue.kinds import simulations
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Reading


def read(kind: str, seed: int = 0, **fields: Any) -> Reading:
    """Return what a simulation measures."""
    reading: Reading = simulations.get(kind)(**fields).run(seed, lambda completed, total: None)
    return reading


def interval(reading: Reading, name: str) -> tuple[float, float]:
    """Return the ends of a metric's interval."""
    return reading.metrics[f"{name}_low"], reading.metrics[f"{name}_high"]


@pytest.mark.parametrize(("dimensions", "tilt", "start_sd"), [(1, 0.1, 1.0), (1, 0.3, 0.7), (3, 0.1, 1.0)])
def test_separable_wells_trap_by_the_normal_law_of_the_barrier(dimensions: int, tilt: float, start_sd: float) -> None:
    """1 - F(b / sd)**d for the barrier b, a root of x**3 - x + tilt; 4 sigma. Mutation: trapped left of the barrier."""
    barrier = brentq(lambda x: x**3 - x + tilt, -0.5, 0.55)
    expected = 1 - norm.cdf(barrier / start_sd) ** dimensions
    reading = read(
        "basins-of-attraction", surface="double-wells", dimensions=dimensions, tilt=tilt, start_sd=start_sd, starts=4000
    )
    sigma = math.sqrt(expected * (1 - expected) / 4000)
    assert reading.metrics["trapped_probability"] == pytest.approx(expected, abs=4 * sigma)
    assert reading.metrics["unconverged_fraction"] == 0


def test_the_dip_traps_the_starts_whose_gradient_flow_ends_in_it() -> None:
    """The flow by scipy's integrator from the same 60 starts. Mutation: the dip's gradient without 1 / width**2.

    Steps of 0.01, a fiftieth of the largest stable one: only starts within about 1 % of the watershed may differ.
    """
    from workers.engine.philox import Purpose, Stream

    starts = Stream(seed=0, purpose=Purpose.SIMULATION).child("starts").normals((60, 3))
    centre = np.array([8.0, 0.0, 0.0])

    def flow(time: float, x: Any) -> Any:
        return -0.05 * (x - centre) - x / 0.25 * np.exp(-(x @ x) / 0.5)

    ends = [solve_ivp(flow, (0, 400), start, rtol=1e-8, atol=1e-10).y[:, -1] for start in starts]
    trapped = read("basins-of-attraction", dimensions=3, starts=60, learning_rate=0.01, steps=40_000).arrays["trapped"]
    assert trapped.tolist() == [end[0] < 1 for end in ends]
    assert 5 < trapped.sum() < 55


def test_a_basin_of_finite_extent_is_missed_in_more_dimensions_but_not_by_starts_as_near() -> None:
    """Intervals apart at 1, 4 and 16; starts of equal length catch it anyway. Mutation: divide starts by sqrt(d)."""
    found = [read("basins-of-attraction", dimensions=d, starts=500) for d in (1, 4, 16)]
    ends = [interval(reading, "trapped_probability") for reading in found]
    assert ends[0][0] > ends[1][1] and ends[1][0] > ends[2][1]
    assert found[0].metrics["trapped_curvature"] > 0
    near = read("basins-of-attraction", dimensions=16, start_sd=1 / 4, starts=500)
    assert interval(near, "trapped_probability")[0] > ends[1][1]


def test_a_trough_counts_only_the_dimensions_across_it() -> None:
    """Ten with eight along it against two: 4 sigma of the difference. Mutation: take the first coordinates out."""
    plain = read("basins-of-attraction", dimensions=2, starts=2000)
    trough = read("basins-of-attraction", dimensions=10, trough=8, starts=2000)
    p, q = (reading.metrics["trapped_probability"] for reading in (plain, trough))
    assert q == pytest.approx(p, abs=4 * math.sqrt(2 * p * (1 - p) / 2000))


def test_a_descent_that_did_not_arrive_is_neither_trapped_nor_free() -> None:
    """Mutation: count by the place alone."""
    reading = read("basins-of-attraction", steps=2)
    assert reading.metrics["unconverged_fraction"] == 1.0 and math.isnan(reading.metrics["trapped_probability"])
    assert not reading.arrays["trapped"].any()


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"depth": 0.1}, "/depth"),  # pull 0.12, the bowl's slope 0.4
        ({"depth": 2.0}, "/depth"),  # its bottom at -0.4, the bowl's at 0
        ({"trough": 2}, "/trough"),
        ({"dimensions": 1000, "starts": 1_000_000}, "/starts"),
    ],
)
def test_a_dip_that_is_no_local_minimum_is_refused(fields: dict[str, Any], pointer: str) -> None:
    """Mutation: drop the check."""
    with pytest.raises(InvalidError) as caught:
        simulations.get("basins-of-attraction")(**fields)
    assert pointer in {problem.pointer for problem in caught.value.problems}


def test_descent_ends_at_a_strict_saddle_only_from_its_stable_manifold() -> None:
    """None of 10,000 random starts, all of those with y = 0. Mutation: a positive curvature of the same size."""
    assert read("saddle-escape").metrics["saddle_probability"] == 0
    held = read("saddle-escape", distance=0.0, starts=100, dimensions=3)
    assert held.metrics["saddle_probability"] == 1 and held.metrics["unescaped_fraction"] == 1


@pytest.mark.parametrize("curvature", [1.0, 2.5])
def test_newton_is_drawn_to_the_saddle_from_a_known_interval(curvature: float) -> None:
    """y -> 2 y**3 / (3 y**2 - c) shrinks |y| below sqrt(c / 5) and nowhere else; 4 sigma. Mutation: damp it by half."""
    expected = math.erf(math.sqrt(curvature / 10))
    reading = read("saddle-escape", method="newton", curvature=curvature, steps=60)
    assert reading.metrics["saddle_probability"] == pytest.approx(expected, abs=4 * math.sqrt(expected / 4 / 10_000))


@pytest.mark.parametrize(("rate", "curvature", "directions"), [(0.1, 1.0, 1), (0.05, 2.0, 1), (0.1, 1.0, 3)])
def test_escape_takes_logarithmically_many_steps(rate: float, curvature: float, directions: int) -> None:
    """log(1e8) / log(1 + rate curvature) more from 1e-12 than from 1e-4, rounded. Mutation: rate**2."""
    steps = [
        read(
            "saddle-escape",
            distance=distance,
            learning_rate=rate,
            curvature=curvature,
            directions=directions,
            dimensions=4,
            starts=50,
            steps=800,
        ).metrics["escape_steps_median"]
        for distance in (1e-12, 1e-4)
    ]
    assert steps[0] - steps[1] == pytest.approx(math.log(1e8) / math.log1p(rate * curvature), abs=1.01)


def test_a_monkey_saddle_holds_in_proportion_to_one_over_the_distance() -> None:
    """Ten times nearer, a tenth of the escape radius: ten times as long, up to the step's size, 3 %.

    Mutation: a quadratic term in its gradient.
    """
    near, far = (
        read("saddle-escape", saddle="monkey", distance=r, escape_radius=5 * r, starts=300, steps=6000)
        for r in (0.005, 0.05)
    )
    assert near.metrics["escape_steps_median"] / far.metrics["escape_steps_median"] == pytest.approx(10, rel=0.03)


def test_an_inflection_attracts_half_of_all_starts() -> None:
    """The negative control. x -> x - x**2 / 10 takes 1 / (1/x + 40) steps on: those above -1/60 stay within 1/20.

    4 sigma. Mutation: the absolute value of its gradient.
    """
    reading = read("saddle-escape", saddle="inflection", dimensions=1)
    assert reading.metrics["saddle_probability"] == pytest.approx(norm.cdf(1 / 60), abs=0.02)
    assert read("saddle-escape", saddle="inflection", method="newton").metrics["saddle_probability"] == 1


def test_a_student_is_trapped_by_many_teachers_and_freed_by_extra_units() -> None:
    """Safran and Shamir: none up to 5, growing from 6 on, all but gone with two extra. Mutation: threshold 1."""
    few, many, freed = (
        read("teacher-student", teachers=k, extra=extra, runs=60, steps=2000) for k, extra in ((3, 0), (10, 0), (10, 2))
    )
    assert few.metrics["trapped_probability"] == 0
    assert interval(many, "trapped_probability")[0] > interval(few, "trapped_probability")[1]
    assert interval(freed, "trapped_probability")[1] < interval(many, "trapped_probability")[0]
    assert many.metrics["trapped_loss_mean"] > 1e-2 and many.metrics["trapped_curvature"] > 0
    assert many.metrics["matched_cosine_median"] == pytest.approx(1.0, abs=1e-6)


def test_a_run_that_still_moves_is_not_called_trapped() -> None:
    """Mutation: count by the loss alone."""
    reading = read("teacher-student", steps=50, runs=20)
    assert reading.metrics["unsettled_fraction"] == 1 and math.isnan(reading.metrics["trapped_probability"])
