"""Eigenvalues by products: known spectra, repeated eigenvalues, and honest residuals where it was stopped early."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from workers.engine.lanczos import extreme_eigenvalues, quadrature
from workers.engine.philox import Purpose, Stream

Floats = npt.NDArray[np.float64]
STREAM = Stream(seed=3, purpose=Purpose.PROBE)


def rotated(eigenvalues: list[float], seed: int = 0) -> Floats:
    """Return a dense symmetric matrix with these eigenvalues."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))
    matrix = basis * np.array(eigenvalues, dtype=np.float64) @ basis.T
    return np.asarray((matrix + matrix.T) / 2)


class Counted:
    """A matrix that counts the vectors that it is multiplied with."""

    def __init__(self, matrix: Floats) -> None:
        self.matrix, self.count = matrix, 0

    def __call__(self, vectors: Floats) -> Floats:
        self.count += vectors.shape[1]
        return np.asarray(self.matrix @ vectors)


SPECTRA: dict[str, list[float]] = {
    "simple": [float(value) for value in range(-10, 30)],
    "repeated at both ends": [7.0] * 3 + [float(value) for value in np.linspace(-1, 1, 50)] + [-2.0] * 3,
    "two values only": [5.0] * 2 + [1.0] * 38,
    "identity": [1.0] * 20,
    "zero": [0.0] * 20,
    "low rank": [4.0, 3.0, 2.0] + [0.0] * 40,
    "smaller than the block": [2.0, -1.0],
    "one row": [3.0],
    "wide range": [1e8, 1e4] + [float(value) for value in np.linspace(0, 1, 20)] + [-1e6, -1e8],
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SPECTRA)
def test_both_ends_are_found_with_multiplicity(name: str, seed: int) -> None:
    """As many products as rows: exact up to rounding. Mutation: a block of one vector, which sees one copy of each."""
    matrix = rotated(SPECTRA[name], seed)
    exact = np.linalg.eigvalsh(matrix)
    found = extreme_eigenvalues(Counted(matrix), len(matrix), 3, len(matrix), 1e-13, STREAM)
    # backward error of a symmetric eigenvalue problem: rows * 2**-52 of the norm
    allowed = 4 * len(matrix) * 2**-52 * max(1e-300, np.abs(exact).max())
    np.testing.assert_allclose(found.largest, exact[::-1][:3], rtol=0, atol=allowed)
    np.testing.assert_allclose(found.smallest, exact[:3], rtol=0, atol=allowed)
    assert found.largest_residuals.max() <= allowed and found.smallest_residuals.max() <= allowed
    assert np.allclose(found.vectors.T @ found.vectors, np.eye(len(found.values)), rtol=0, atol=1e-13)
    assert np.allclose(matrix @ found.vectors, found.vectors * found.values, rtol=0, atol=allowed)


def test_repeated_outer_eigenvalues_are_found_before_the_space_is_full() -> None:
    """27 products for 2,000 rows: 9 steps of the block, each of which divides the error by 20 (gaps of 8 and 5).

    Mutation: a block of one vector, which must wait for rounding to bring the next copy.
    """
    matrix = np.diag([9.0, 9.0, 9.0, *np.linspace(0, 1, 1994), -5.0, -5.0, -5.0])
    product = Counted(matrix)
    found = extreme_eigenvalues(product, 2000, 3, 27, 0.0, STREAM)
    # an isolated eigenvalue is off by residual**2 over its distance from the others
    assert found.largest == pytest.approx([9.0] * 3, abs=1e-12)
    assert found.smallest == pytest.approx([-5.0] * 3, abs=1e-12)
    enough = Counted(matrix)
    extreme_eigenvalues(enough, 2000, 3, 300, 1e-6, STREAM)
    assert enough.count <= 27 + 6, "it stops when both ends are known"


@pytest.mark.parametrize("budget", [8, 14, 30, 57])
def test_what_was_stopped_early_is_within_its_residual_of_an_eigenvalue(budget: int) -> None:
    """Evenly spaced, so that nothing converges. Mutation: the residuals of the other end."""
    eigenvalues = np.linspace(-1, 1, 400)
    product = Counted(rotated(eigenvalues.tolist()))
    found = extreme_eigenvalues(product, 400, 4, budget, 1e-12, STREAM)
    values = np.concatenate([found.largest, found.smallest])
    residuals = np.concatenate([found.largest_residuals, found.smallest_residuals])
    distance = np.abs(values[:, None] - eigenvalues).min(axis=1)
    assert (distance <= residuals + 1e-14).all() and (residuals > 1e-6).all()
    exact = np.linalg.norm(product.matrix @ found.vectors - found.vectors * found.values, axis=0)
    assert found.smallest_residuals == pytest.approx(exact[:4]) and found.largest_residuals == pytest.approx(
        exact[:-5:-1]
    )
    assert (np.abs(values) <= 1 + 1e-14).all(), "a Rayleigh quotient cannot leave the spectrum"
    assert product.count <= max(budget, 4) + 8


def test_the_residuals_that_end_the_search_are_the_true_ones() -> None:
    """It goes on until they are below the tolerance, measured anew. Mutation: only the largest are looked at."""
    matrix = rotated([100.0, *np.linspace(-1, 1, 300).tolist()])
    for tolerance in (1e-3, 1e-6, 1e-10):
        found = extreme_eigenvalues(Counted(matrix), 301, 2, 301, tolerance, STREAM)
        assert max(found.largest_residuals.max(), found.smallest_residuals.max()) <= 1.01 * tolerance * 100


def moments(matrix: Floats, start: Floats, powers: range) -> list[float]:
    """Return s^T H^j s for the unit vector s."""
    unit = start / np.linalg.norm(start)
    return [float(unit @ np.linalg.matrix_power(matrix, power) @ unit) for power in powers]


def test_a_rule_of_k_nodes_has_the_first_two_k_moments() -> None:
    """Its definition as a Gauss rule. Mutation: the last row of the eigenvectors in place of the first."""
    matrix = rotated(np.linspace(-1, 1, 60).tolist())
    start = np.random.default_rng(1).normal(size=60)
    nodes, weights = quadrature(Counted(matrix), start, 6, STREAM)
    assert len(nodes) == 6
    found = [float(weights @ nodes**power) for power in range(12)]
    assert found == pytest.approx(moments(matrix, start, range(12)), abs=1e-14)


@pytest.mark.parametrize("steps", [2, 3, 10, 50])
def test_a_start_in_an_invariant_space_leaves_the_rest_without_weight(steps: int) -> None:
    """It breaks down after two steps. Mutation: divide by the length of what is left, which is rounding."""
    matrix = np.diag([3.0, -1.0, *np.linspace(0, 1, 48)])
    start = np.zeros(50)
    start[:2] = 1.0, 2.0
    nodes, weights = quadrature(Counted(matrix), start, steps, STREAM)
    assert len(nodes) == steps
    found = [float(weights @ nodes**power) for power in range(5)]
    assert found == pytest.approx([(3.0**power + 4 * (-1.0) ** power) / 5 for power in range(5)], abs=1e-13)


def test_the_basis_stays_orthogonal_over_hundreds_of_steps() -> None:
    """One eigenvalue far away, which plain Lanczos finds again and again. Mutation: no reorthogonalisation."""
    matrix = np.diag([1e6, *np.linspace(0, 1, 299)])
    found = extreme_eigenvalues(Counted(matrix), 300, 1, 300, 0.0, STREAM)
    nodes, _ = quadrature(Counted(matrix), np.ones(300), 300, STREAM)
    assert found.smallest[0] == pytest.approx(0.0, abs=300 * 1e6 * 2**-52)
    assert np.sum(nodes > 2) == 1, "no ghost of the outer eigenvalue"
    np.testing.assert_allclose(nodes, np.sort(np.diag(matrix)), rtol=0, atol=300 * 1e6 * 2**-52)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_product_that_is_not_finite_is_an_error(value: float) -> None:
    """Mutation: let the eigenvalue routine of numpy fail."""
    broken: Callable[[Floats], Floats] = lambda vectors: np.full_like(vectors, value)  # noqa: E731
    with pytest.raises(FloatingPointError, match="not finite"):
        extreme_eigenvalues(broken, 10, 2, 10, 1e-6, STREAM)
    with pytest.raises(FloatingPointError, match="not finite"):
        quadrature(broken, np.ones(10), 3, STREAM)
