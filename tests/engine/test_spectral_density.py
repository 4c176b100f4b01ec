"""Trace, negative share and density of matrices whose answers are exact or known in distribution."""

import numpy as np
import numpy.typing as npt
import pytest

from workers.engine.lanczos import Extremes, extreme_eigenvalues
from workers.engine.philox import Purpose, Stream
from workers.engine.spectral_density import SpectralDensity, spectral_density

Floats = npt.NDArray[np.float64]


def measured(matrix: Floats, vectors: int, steps: int, seed: int = 0, known: Extremes | None = None) -> SpectralDensity:
    """Return the density of a matrix; without `known` pairs, one of the eigenvalue 0 takes their place."""
    stream = Stream(seed=seed, purpose=Purpose.PROBE)
    none = Extremes(
        largest=np.zeros(1),
        largest_residuals=np.zeros(1),
        smallest=np.zeros(1),
        smallest_residuals=np.zeros(1),
        values=np.zeros(1),
        vectors=np.eye(len(matrix))[:, :1],
    )
    return spectral_density(lambda vectors: matrix @ vectors, known or none, vectors, steps, stream)


def test_vectors_of_signs_give_a_diagonal_matrix_its_exact_trace() -> None:
    """r_i**2 = 1, so each estimate is exact. Mutation: normal vectors."""
    diagonal = np.array([5.0, 2.0, 0.5, 0.0, -1.0, -1.5])
    found = measured(np.diag(diagonal), 4, 6)
    trace, error = found.trace()
    assert trace == pytest.approx(5.0, abs=1e-13) and error == pytest.approx(0.0, abs=1e-13)
    assert found.negative_share() == pytest.approx(2.5 / 10.0, abs=1e-13)


def test_a_density_counts_the_eigenvalues_of_a_diagonal_matrix() -> None:
    """30 at 0, 10 at 1: areas of 3/4 and 1/4. Mutation: leave out the mean over the vectors."""
    found = measured(np.diag([0.0] * 30 + [1.0] * 10), 3, 4)
    eigenvalues, density = found.drawn(2001)
    area = np.cumsum(density) * (eigenvalues[1] - eigenvalues[0])
    # both Gaussians lie 50 standard deviations from the middle; 5 of them stand beyond the ends
    assert area[-1] == pytest.approx(1.0, abs=1e-5)
    assert area[len(area) // 2] == pytest.approx(0.75, abs=1e-5)
    assert (density >= 0).all() and abs(eigenvalues[np.argmax(density)]) < 1e-3


def test_the_trace_lies_within_its_standard_errors() -> None:
    """40 estimates: their standardised errors have mean square 1 up to sqrt(2/40), Student's tails apart.

    Mutation: no square root of the number of vectors, which makes it 64.
    """
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(40, 40))
    matrix += matrix.T
    pairs = [measured(matrix, 64, 2, seed).trace() for seed in range(40)]
    standardised = np.array([(trace - np.trace(matrix)) / error for trace, error in pairs])
    assert 0.3 < np.mean(standardised**2) < 2.2  # four standard errors
    assert abs(standardised.mean()) < 4 / np.sqrt(40)


def test_known_pairs_take_their_part_of_the_variance() -> None:
    """All of it for a matrix of rank 2, whatever the vectors. Mutation: the square without its mean of 1."""
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 50)))
    matrix = 7.0 * np.outer(basis[:, 0], basis[:, 0]) - 2.0 * np.outer(basis[:, 1], basis[:, 1])
    stream = Stream(seed=0, purpose=Purpose.PROBE)
    known = extreme_eigenvalues(lambda vectors: matrix @ vectors, 50, 1, 50, 1e-12, stream)
    found, rough = measured(matrix, 3, 10, known=known), measured(matrix, 3, 10)
    assert found.trace() == pytest.approx((5.0, 0.0), abs=1e-12)
    assert found.negative_share() == pytest.approx(2 / 9, abs=1e-12)
    assert rough.trace()[1] > 0.1, "the control: without them it scatters"


@pytest.mark.parametrize(("diagonal", "share"), [([0.0] * 5, 0.0), ([-1.0] * 5, 1.0), ([2.0] * 5, 0.0)])
def test_matrices_of_one_eigenvalue_have_a_share_and_a_density(diagonal: list[float], share: float) -> None:
    """No width to divide by. Mutation: the width of the spectrum alone."""
    found = measured(np.diag(diagonal), 2, 3)
    eigenvalues, density = found.drawn(401)
    assert found.negative_share() == pytest.approx(share, abs=1e-14)
    assert np.isfinite(density).all() and eigenvalues[200] == pytest.approx(diagonal[0])
    assert np.sum(density) * (eigenvalues[1] - eigenvalues[0]) == pytest.approx(1.0, abs=1e-5)
