"""The expected loss of relu students, against sampling and differences."""

import numpy as np
import pytest

from workers.engine.teacher_student import descend, expected_loss, loss_gradient, nearest_cosines, smallest_curvature


def students(runs: int, units: int, inputs: int) -> np.ndarray:
    """Return normal weights."""
    return np.random.default_rng(0).normal(size=(runs, units, inputs)) / np.sqrt(inputs)


def test_the_loss_is_half_of_the_expected_squared_difference() -> None:
    """200,000 samples, 5 standard errors. Mutation: (pi - t) sin t in the product of two units."""
    x = np.random.default_rng(1).normal(size=(200_000, 3))
    for weights in students(3, 4, 3):
        squares = (np.maximum(x @ weights.T, 0).sum(axis=1) - np.maximum(x, 0).sum(axis=1)) ** 2 / 2
        found = expected_loss(weights[None], 3)[0]
        assert found == pytest.approx(squares.mean(), abs=5 * squares.std() / np.sqrt(len(x)))


def test_the_gradient_is_the_derivative_of_the_loss() -> None:
    """Central differences of 1e-6, to 1e-8. Mutation: the sines with the wrong sign."""
    weights = students(2, 4, 3)
    numeric = np.zeros_like(weights)
    for index in np.ndindex(4, 3):
        moved = np.zeros((4, 3))
        moved[index] = 1e-6
        numeric[:, *index] = (expected_loss(weights + moved, 3) - expected_loss(weights - moved, 3)) / 2e-6
    np.testing.assert_allclose(loss_gradient(weights, 3), numeric, atol=1e-8)


def test_a_permuted_teacher_has_no_loss_and_no_gradient() -> None:
    """Also with a unit split in two of one direction. Mutation: forget the teacher's own term."""
    teacher = np.eye(4)[[2, 0, 3, 1]]
    split = np.concatenate([teacher[:3], 0.3 * teacher[3:], 0.7 * teacher[3:]])
    for weights in (teacher, split):
        assert expected_loss(weights[None], 4)[0] == pytest.approx(0, abs=1e-14)
        assert np.abs(loss_gradient(weights[None], 4)).max() < 1e-7  # an angle of 0 is 1e-8 by rounding
        assert nearest_cosines(weights[None], 4) == pytest.approx(np.ones((1, 4)))


def test_the_smallest_curvature_is_that_of_the_loss() -> None:
    """Second differences of the loss, h = 1e-3, to 1e-4. Mutation: the largest eigenvalue."""
    weights, h = students(1, 2, 2)[0], 1e-3
    hessian = np.zeros((4, 4))
    for i, j in np.ndindex(4, 4):
        a, b = (h * np.eye(4)[k].reshape(2, 2) for k in (i, j))
        hessian[i, j] = (
            expected_loss((weights + a + b)[None], 2)[0]
            - expected_loss((weights + a - b)[None], 2)[0]
            - expected_loss((weights - a + b)[None], 2)[0]
            + expected_loss((weights - a - b)[None], 2)[0]
        ) / (4 * h * h)
    assert smallest_curvature(weights, 2) == pytest.approx(np.linalg.eigvalsh(hessian)[0], abs=1e-4)


def test_a_run_does_not_depend_on_its_company() -> None:
    """The first one starts at the teacher and is taken out at once. Mutation: leave velocities in place."""
    weights = students(6, 3, 3)
    weights[0] = np.eye(3)
    options = {"learning_rate": 0.3, "momentum": 0.9, "steps": 160, "tolerance": 1e-6}
    together, lengths = descend(weights, 3, progress=lambda completed, total: None, **options)  # type: ignore[arg-type]
    for index in range(6):
        alone, _ = descend(weights[index : index + 1], 3, progress=lambda completed, total: None, **options)  # type: ignore[arg-type]
        np.testing.assert_allclose(alone[0], together[index], atol=1e-12)
    assert (lengths < 1e-6).tolist() == [True] + 5 * [False]
