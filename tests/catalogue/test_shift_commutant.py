"""Matrices that commute with a shift: their number, their form, and how a dense matrix learns them."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.linalg import circulant

from tests.catalogue.simulated import refused, run, simulation
from workers.engine.circulants import (
    circular_convolution,
    commutator_singular_values,
    group_average,
    nearest_circulant,
)
from workers.engine.philox import Purpose, Stream

FIT = "shift-equivariant-least-squares"
EPS = 2.2e-16


@pytest.mark.parametrize("size", [2, 3, 8, 15, 16])
@pytest.mark.parametrize("step", [1, 2, 5, 16])
def test_as_many_matrices_commute_as_cycles_allow(size: int, step: int) -> None:
    """c cycles of length n / c: c**2 blocks with n / c free numbers. Mutation: the Kronecker factors of P P."""
    reading = run("shift-commutant", size=size, step=step)
    cycles = sum(1 for start in range(size) if start == min((start + k * step) % size for k in range(size)))
    assert reading.metrics["commutant_dimension"] == reading.metrics["predicted_dimension"] == size * cycles
    order = size // cycles
    gap = 2 * math.sin(math.pi / order) if order > 1 else 0.0
    assert reading.metrics["spectral_gap"] == pytest.approx(gap, abs=1e-12)


def test_the_linear_system_is_that_of_the_commutator() -> None:
    """For a matrix of no symmetry, one unit matrix after the other. Mutations: P W - W P^T; W P - W P."""
    p = np.random.default_rng(0).normal(size=(4, 4))
    units = np.eye(16).reshape(16, 4, 4)
    system = np.stack([(p @ unit - unit @ p).ravel() for unit in units], axis=1)
    assert commutator_singular_values(p) == pytest.approx(np.linalg.svd(system, compute_uv=False), abs=1e-12)


@pytest.mark.parametrize("size", [2, 7, 16, 32])
def test_a_matrix_averaged_over_all_shifts_is_a_convolution(size: int) -> None:
    """Sums of n numbers: 32 roundings. Mutations: average over half the group; convolve with a row."""
    metrics = run("shift-commutant", size=size).metrics
    assert metrics["noncircular_after"] < 32 * EPS and metrics["convolution_error"] < 32 * EPS
    assert metrics["noncircular_before"] > 0.3  # sqrt(1 - 1/n) in the mean; far from 0 for n = 2 already


def test_a_coarser_symmetry_leaves_more_than_convolutions() -> None:
    """The negative controls: every fourth shift, and none. Mutation: ignore the step."""
    for step in (4, 16):
        metrics = run("shift-commutant", step=step).metrics
        assert metrics["noncircular_after"] > 0.1 and metrics["convolution_error"] > 0.1
    metrics = run("shift-commutant", step=16).metrics
    assert metrics["commutant_dimension"] == 256 and metrics["noncircular_after"] == metrics["noncircular_before"]


def test_circulants_and_convolutions_are_those_of_scipy_and_of_the_definition() -> None:
    """Mutation: wrapped diagonals of the transposed matrix."""
    generator = np.random.default_rng(0)
    kernel, signal, matrix = generator.normal(size=7), generator.normal(size=7), generator.normal(size=(7, 7))
    direct = np.array([sum(kernel[(i - j) % 7] * signal[j] for j in range(7)) for i in range(7)])
    assert circular_convolution(kernel, signal) == pytest.approx(direct, abs=1e-14)
    assert circulant(kernel) @ signal == pytest.approx(direct, abs=1e-14)
    # least squares over the basis of scipy's circulants
    basis = np.stack([circulant(row).ravel() for row in np.eye(7)], axis=1)
    nearest = (basis @ np.linalg.lstsq(basis, matrix.ravel(), rcond=None)[0]).reshape(7, 7)
    assert nearest_circulant(matrix) == pytest.approx(nearest, abs=1e-14)
    assert group_average(matrix) == pytest.approx(nearest, abs=1e-14)


@pytest.mark.parametrize(
    ("fields", "energy"),
    [
        ({"samples": 64}, 240 / 47),  # (n**2 - n) / (m - n - 1)
        ({"samples": 256}, 240 / 239),
        ({"samples": 64, "noise_sd": 0.5}, 60 / 47),
        ({"size": 8, "samples": 4, "noise_sd": 0.0}, None),  # the prediction sums over a random kernel
        ({"size": 7, "samples": 3, "noise_sd": 0.3}, None),
    ],
    ids=str,
)
def test_what_a_dense_fit_lacks_of_a_convolution_falls_as_predicted(
    fields: dict[str, Any], energy: float | None
) -> None:
    """2000 trials, 4 standard errors. Mutations: divide by m - n; real moments for all Fourier vectors."""
    metrics = run(FIT, trials=2000, **fields).metrics
    predicted = metrics["predicted_off_circulant_energy"]
    if energy is not None:
        assert predicted == pytest.approx(energy, rel=1e-12)
        n = fields.get("size", 16)
        share = n / (n * n - n)  # the circulant part has n of the n**2 dimensions of the error
        assert metrics["shared_error"] == pytest.approx(share * energy, rel=0.05)
    half = (metrics["off_circulant_energy_high"] - metrics["off_circulant_energy_low"]) / 2
    assert metrics["off_circulant_energy"] == pytest.approx(predicted, abs=4 / 1.96 * half)
    assert half < 0.05 * predicted


def test_without_noise_enough_samples_find_the_convolution() -> None:
    """Rounding squared, of a well conditioned system. Mutation: noise that cannot be switched off."""
    metrics = run(FIT, noise_sd=0.0, trials=10).metrics
    assert metrics["off_circulant_energy"] < 1e-24 and metrics["error"] < 1e-24
    truth = simulation(FIT)._truth(Stream(seed=0, purpose=Purpose.SIMULATION))
    assert np.array_equal(truth, circulant(truth[:, 0])) and np.sum(truth[:, 0] ** 2) == pytest.approx(1)


def test_what_has_no_finite_risk_is_refused() -> None:
    """Mutation: no problems()."""
    assert refused(FIT, samples=16) == refused(FIT, samples=17) == {"/samples"}
    assert refused(FIT, samples=14) == refused(FIT, samples=18) == set()
    assert refused(FIT, size=64, samples=4096, trials=1_000_000) == {"/trials"}
