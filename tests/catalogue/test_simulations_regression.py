"""Simulations of linear regressions whose risks and solutions are known in closed form."""

import math
from typing import Any

import numpy as np
import pytest

from workers.catalogue.kinds import simulations
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Reading
from workers.engine.ridgeless import expected_risk, limiting_risk


def read(kind: str, seed: int = 0, **fields: Any) -> Reading:
    """Return what a simulation measures."""
    reading: Reading = simulations.get(kind)(**fields).run(seed, lambda completed, total: None)
    return reading


@pytest.mark.parametrize(
    ("aspect", "signal", "noise", "risk"),
    [(0.25, 1, 1, 1 / 3), (0.5, 1, 1, 1.0), (0.8, 5, 1, 4.0), (1.25, 1, 1, 4.2), (2.0, 1, 1, 1.5), (4.0, 2, 3, 6.0)],
)
def test_the_limiting_risk_is_that_of_the_paper(aspect: float, signal: float, noise: float, risk: float) -> None:
    """By hand: s**2 g / (1 - g), and r**2 (1 - 1/g) + s**2 / (g - 1). Mutation: r**2 / g."""
    assert limiting_risk(aspect, signal, noise) == pytest.approx(risk)


@pytest.mark.parametrize(("inputs", "risk"), [(10, 10 / 9), (40, 0.5 + 20 / 19), (21, math.inf), (20, math.inf)])
def test_the_expected_risk_is_exact_at_20_samples(inputs: int, risk: float) -> None:
    """By hand from the inverse Wishart mean. Mutation: n - d in the denominator, which is the limit's."""
    assert expected_risk(20, inputs, 1.0, 1.0) == pytest.approx(risk)


@pytest.mark.parametrize("inputs", [5, 10, 40, 100])
def test_the_mean_risk_is_the_expected_one(inputs: int) -> None:
    """4 standard errors of 2,000 trials, t = 1.96 in the interval. Mutation: noise on the test answers too."""
    found = read("ridgeless-regression", samples=20, inputs=inputs, signal=1.5, noise_sd=0.7, trials=2000).metrics
    error = (found["risk_high"] - found["risk_low"]) / 2 / 1.96
    assert found["risk"] == pytest.approx(found["predicted_risk"], abs=4 * error)
    assert found["predicted_risk"] == expected_risk(20, inputs, 1.5, 0.7)
    assert (found["train_error_median"] < 1e-20) == (inputs >= 20)


def test_the_median_risk_peaks_at_as_many_weights_as_samples() -> None:
    """Of 50 samples, over 80 %, 100 % and 125 %. Mutation: a penalty of 1e-2 per sample, which removes the peak."""
    below, peak, above = (
        read("ridgeless-regression", samples=50, inputs=d, trials=200).metrics["risk_median"] for d in (40, 50, 63)
    )
    assert peak > 5 * below and peak > 5 * above


def test_a_trial_depends_on_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 5 trials. Mutation: a step that depends on the number of trials."""
    monkeypatch.setattr("workers.catalogue.replication.BLOCK_NUMBERS", 4000)
    few, more = (read("ridgeless-regression", samples=20, inputs=40, trials=t).arrays["risks"] for t in (3, 12))
    assert np.array_equal(few, more[:3]) and len(np.unique(more)) == 12


def test_descent_from_zero_ends_at_the_solution_of_least_norm() -> None:
    """To 1e-9, and from elsewhere at the projection of the start; all fit. Mutation: start the first one at ones."""
    found = read("minimum-norm-descent", condition=10.0).metrics
    assert found["descent_distance"] < 1e-9 and found["projection_distance"] < 1e-9 and found["fit_error"] < 1e-9
    assert found["unconverged_share"] == 0 and found["solution_dimensions"] == 150


def test_a_descent_that_is_cut_short_says_so() -> None:
    """The negative control. Mutation: report every run as arrived."""
    found = read("minimum-norm-descent", steps=3).metrics
    assert found["unconverged_share"] == 1 and found["descent_distance"] > 1e-3 and found["fit_error"] > 1e-3


def test_what_is_orthogonal_to_the_inputs_costs_its_squared_length() -> None:
    """Isotropic inputs: risk + shift**2, and + start**2 (d - n) / d; 4 standard errors. Mutation: half of the shift."""
    reading = read("minimum-norm-descent", shift=2.0, start_length=3.0, trials=60, noise_sd=0.5)
    least, descent, shifted = (reading.arrays[name] for name in ("minimum_norm_risk", "descent_risk", "shifted_risk"))
    for values, expected in (
        (shifted - least, 4.0),
        (descent - least, 9.0 * 150 / 200),
        (least, expected_risk(50, 200, 1.0, 0.5)),
    ):
        assert values.mean() == pytest.approx(expected, abs=4 * values.std() / math.sqrt(60))


@pytest.mark.parametrize("condition", [1.0, 50.0])
def test_the_risks_are_those_of_numpys_solutions(condition: float) -> None:
    """Pseudo-inverse and ridge by the normal equations, from the same draws. Mutation: the penalty without n."""
    simulation: Any = simulations.get("minimum-norm-descent")(samples=8, inputs=20, condition=condition, trials=2)
    reading = simulation.run(5, lambda completed, total: None)
    x, y, truth, _, _, variances = simulation._drawn(5, 0, 2)
    for trial in range(2):
        least = np.linalg.pinv(x[trial]) @ y[trial]
        ridge = np.linalg.solve(x[trial].T @ x[trial] + 0.1 * 8 * np.eye(20), x[trial].T @ y[trial])
        for name, weights in (("minimum_norm_risk", least), ("ridge_risk", ridge), ("zero_risk", np.zeros(20))):
            expected = np.sum(variances * (weights - truth[trial]) ** 2)
            assert reading.arrays[name][trial] == pytest.approx(expected, rel=1e-9)


def test_a_unique_solution_is_refused() -> None:
    """Mutation: allow as many weights as samples."""
    with pytest.raises(InvalidError, match="must exceed samples"):
        simulations.get("minimum-norm-descent")(samples=50, inputs=50)


@pytest.mark.parametrize("layers", [2, 3])
def test_depth_speeds_up_the_fourth_power_and_not_the_square(layers: int) -> None:
    """Arora, Cohen and Hazan: all ten problems for p = 4, not more than half for p = 2. Mutation: p = 2 always."""
    fourth = read("implicit-acceleration", p=4.0, layers=layers).metrics
    assert fourth["faster_share"] == 1 and fourth["unsolved_share"] == fourth["edge_share"] == 0
    assert fourth["speedup_median"] > 1
    assert read("implicit-acceleration", p=2.0, layers=layers).metrics["faster_share_low"] < 0.5


def test_a_grid_without_a_good_rate_is_seen_at_its_edge() -> None:
    """Mutation: an edge_share of the last rate alone."""
    found = read("implicit-acceleration", p=2.0, highest_rate=0.1, lowest_rate=0.05, rates=3, problems_drawn=3)
    assert found.metrics["edge_share"] == 1


def test_an_arm_that_does_not_arrive_is_no_tie() -> None:
    """Mutation: count equal infinities."""
    found = read("implicit-acceleration", steps=2, problems_drawn=3).metrics
    assert (found["unsolved_share"], found["tied_share"], found["faster_share"]) == (1, 0, 0)
    assert math.isinf(found["deep_steps_median"]) and math.isnan(found["speedup_median"])
