"""The gain of symmetry in least squares against its closed forms, and against an average over the whole group."""

import numpy as np
import pytest

from tests.catalogue.simulated import refused, run, simulation
from workers.engine.philox import Purpose, Stream

KIND = "symmetrised-least-squares"


@pytest.mark.parametrize(
    ("fields", "gain"),
    [
        # noise_sd**2 dim(A) / (n - d - 1), by hand
        ({"samples": 40}, 10 / 19),
        ({"samples": 160, "orbit": 20}, 19 / 139),
        ({"samples": 40, "noise_sd": 2.0, "orbit": 4}, 4 * 15 / 19),
        # the negative control: a target that is not invariant loses its asymmetric part
        ({"samples": 40, "asymmetry": 1.0}, 10 / 19 - 1),
        # n = 10 < d = 20: dim(A) n ((d - n) / (d (d - 1) (d + 2)) + 1 / (d (d - n - 1)))
        ({"samples": 10}, 10 * 10 * (10 / (20 * 19 * 22) + 1 / (20 * 9))),
        ({"samples": 10, "noise_sd": 0.0, "signal": 3.0}, 9 * 10 * 10 * 10 / (20 * 19 * 22)),
    ],
    ids=str,
)
def test_the_gain_is_that_of_the_theorem(fields: dict[str, float], gain: float) -> None:
    """4000 trials, 4 standard errors. Mutations: divide by n - d, average over half an orbit, no square."""
    reading = run(KIND, trials=4000, **fields)
    metrics = reading.metrics
    half = (metrics["gain_high"] - metrics["gain_low"]) / 2  # 1.96 standard errors
    assert metrics["predicted_gain"] == pytest.approx(gain, rel=1e-12)
    assert metrics["gain"] == pytest.approx(gain, abs=4 / 1.96 * half)
    assert half < 0.1 * abs(gain)  # else agreement would mean nothing
    assert metrics["risk"] - metrics["averaged_risk"] == pytest.approx(metrics["gain"], abs=1e-12)
    assert reading.arrays["risks"].shape == (4000,)


def test_fewer_samples_than_inputs_with_an_asymmetric_target_follow_the_projection() -> None:
    """E|A P theta - A theta|**2 by projections from numpy's QR, no noise. Mutation: leave the cross term out."""
    d, n, a = 12, 5, 9
    generator = np.random.default_rng(0)
    found = simulation(KIND, inputs=d, samples=n, orbit=4, noise_sd=0.0, asymmetry=2.0, trials=2)
    theta = found._theta(Stream(seed=0, purpose=Purpose.SIMULATION))
    mean = theta.reshape(3, 4).mean(axis=1).repeat(4)
    gains = []
    for _ in range(4000):
        q = np.linalg.qr(generator.normal(size=(d, n)))[0]
        fit = q @ (q.T @ theta)
        gains.append(np.sum((fit - theta) ** 2) - np.sum((fit.reshape(3, 4).mean(axis=1).repeat(4) - theta) ** 2))
    assert np.linalg.norm(theta - mean) == pytest.approx(2.0) and np.linalg.norm(mean) == pytest.approx(1.0)
    assert a == d - d // 4
    assert found.predicted_gain() == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / 4000**0.5)


def test_without_a_symmetry_there_is_no_gain() -> None:
    """The other negative control: orbits of 1. Mutation: average over neighbours whatever the orbit."""
    metrics = run(KIND, orbit=1, trials=10).metrics
    assert metrics["gain"] == metrics["gain_low"] == metrics["predicted_gain"] == 0.0


def test_the_average_is_that_over_every_element_of_the_group() -> None:
    """Cyclic shifts within orbits, one by one. Mutation: orbits of neighbours d / orbit long."""
    theta = np.random.default_rng(0).normal(size=12)
    moved = [np.roll(theta.reshape(3, 4), shift, axis=1).ravel() for shift in range(4)]
    assert simulation(KIND, inputs=12, orbit=4)._averaged(theta) == pytest.approx(np.mean(moved, axis=0), abs=1e-15)


def test_a_trial_does_not_depend_on_how_many_there_are() -> None:
    """Blocks of 156 trials. Mutation: a step that counts trials."""
    few, many = (run(KIND, samples=640, trials=trials).arrays["risks"] for trials in (10, 200))
    assert np.array_equal(few, many[:10])


def test_what_has_no_finite_risk_or_no_symmetry_is_refused() -> None:
    """Mutation: no problems()."""
    assert refused(KIND, samples=21) == {"/samples"} and refused(KIND, samples=19) == {"/samples"}
    assert refused(KIND, samples=22) == refused(KIND, samples=18) == set()
    assert refused(KIND, orbit=3) == {"/orbit"}
    assert refused(KIND, orbit=1, asymmetry=1.0) == {"/asymmetry"}
    assert refused(KIND, inputs=256, samples=4096, trials=1_000_000) == {"/trials"}
