"""Least squares on random features, against numpy's solutions."""

from typing import Any

import numpy as np
import pytest

from workers.catalogue.kinds import architectures
from workers.catalogue.values import Samples, Task


def fitted(width: int, *, samples: Samples, seed: int = 0, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """Return the estimator and its state."""
    estimator = architectures.get("random-features-regression")(width=width, **fields)
    return estimator, estimator.fit(samples, Task.REGRESSION, seed)  # type: ignore[attr-defined]


def linear_samples(count: int, noise: float = 0.5, inputs: int = 10) -> Samples:
    """Return a noisy linear function."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(count, inputs))
    return Samples(inputs=x, outputs=x[:, :1] + noise * generator.normal(size=(count, 1)))


@pytest.mark.parametrize(
    ("activation", "function"), [("relu", lambda z: np.maximum(z, 0)), ("cosine", np.cos), ("tanh", np.tanh)]
)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_the_coefficients_are_those_of_the_closed_form(activation: str, function: Any, ridge: float) -> None:
    """Pseudo-inverse, or the normal equations with n times the penalty. Mutation: the penalty without n."""
    data = linear_samples(30)
    estimator, state = fitted(50, samples=data, activation=activation, ridge=ridge)
    features = function(data.inputs @ state["weights"].T + state["biases"]) / np.sqrt(50)
    if ridge:
        gram = features.T @ features + ridge * 30 * np.eye(50)
        expected = np.linalg.solve(gram, features.T @ data.outputs)
    else:
        expected = np.linalg.pinv(features) @ data.outputs
    np.testing.assert_allclose(state["coefficients"], expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(estimator.predict(state, data.inputs), features @ state["coefficients"], rtol=1e-12)


def test_a_wider_layer_keeps_the_features_of_a_narrower_one() -> None:
    """And the law of the weights: variance 1 / d. Mutation: draw the transpose."""
    data = linear_samples(20)
    (_, few), (_, many) = (fitted(width, samples=data) for width in (40, 2000))
    assert np.array_equal(many["weights"][:40], few["weights"]) and np.array_equal(many["biases"][:40], few["biases"])
    assert many["weights"].var() == pytest.approx(0.1, rel=0.05) and np.abs(many["biases"]).max() <= 1


def test_the_test_error_peaks_at_as_many_features_as_samples() -> None:
    """Belkin et al.: median of 9 draws at 60 samples, over 15 and 240. Mutation: a cut-off of 1e-2."""
    data, test = linear_samples(60), linear_samples(500, noise=0.0)
    medians = []
    for width in (15, 60, 240):
        errors = []
        for seed in range(9):
            estimator, state = fitted(width, samples=data, seed=seed)
            errors.append(np.mean((estimator.predict(state, test.inputs) - test.outputs) ** 2))
        medians.append(np.median(errors))
    assert medians[1] > 3 * medians[0] and medians[1] > 3 * medians[2]


def test_a_fit_of_too_many_numbers_is_refused() -> None:
    """Mutation: no bound."""
    from workers.catalogue.values import DataSizes

    sizes = DataSizes(inputs=2, outputs=1, train=10_000, validation=0, test=1)
    estimator = architectures.get("random-features-regression")(width=10_000)
    assert [problem.pointer for problem in estimator.misfits(sizes, Task.REGRESSION)] == ["/width"]
