"""Descent of factored regressions, against automatic derivatives and plain loops."""

import numpy as np
import pytest
import torch

from workers.engine.factored_regression import EndToEnd, Factors, Regressions, steps_to


def problem(p: float) -> Regressions:
    """Return one regression of 12 samples on 4 inputs."""
    generator = np.random.default_rng(0)
    return Regressions(inputs=generator.normal(size=(1, 12, 4)), answers=generator.normal(size=(1, 12)), p=p)


def start() -> np.ndarray:
    """Return weights for one rate."""
    return np.random.default_rng(1).normal(size=(1, 1, 4)) / 2


@pytest.mark.parametrize("p", [1.5, 2.0, 4.0])
def test_gradients_are_those_of_torch(p: float) -> None:
    """To rounding. Mutation: divide by p."""
    given = problem(p)
    w = torch.tensor(start()[0, 0], requires_grad=True)
    errors = torch.from_numpy(given.inputs[0]) @ w - torch.from_numpy(given.answers[0])
    loss = (errors.abs() ** p).mean() / p
    loss.backward()
    found = given.errors(start())
    assert given.losses(found)[0, 0] == pytest.approx(float(loss.detach()), rel=1e-12)
    np.testing.assert_allclose(given.gradients(found)[0, 0], w.grad.numpy(), rtol=1e-12)  # type: ignore[union-attr]


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_factors_move_by_their_own_gradients(layers: int) -> None:
    """Three steps of torch's gradients of the product. Mutation: leave a number's derivative out."""
    given, path, rate = problem(4.0), Factors(start(), layers), 0.05
    root = np.linalg.norm(start()) ** (1 / layers)
    u = torch.tensor(start()[0, 0] / root ** (layers - 1), requires_grad=True)
    numbers = torch.full((layers - 1,), root, dtype=torch.float64, requires_grad=True)
    for _ in range(3):
        errors = torch.from_numpy(given.inputs[0]) @ (u * numbers.prod()) - torch.from_numpy(given.answers[0])
        gradients = torch.autograd.grad((errors**4).mean() / 4, (u, numbers))
        with torch.no_grad():
            u, numbers = ((each - rate * g).requires_grad_() for each, g in zip((u, numbers), gradients, strict=True))
        path.move(given.gradients(given.errors(path.weights)), np.full((1, 1, 1), rate))
    np.testing.assert_allclose(path.weights[0, 0], (u * numbers.prod()).detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_the_end_to_end_rule_is_that_of_the_factors_up_to_the_square_of_the_rate(layers: int) -> None:
    """Half the rate, a quarter of the difference, +- 5 %. Mutation: the exponent 1 - 2/N of |w|."""
    given, differences = problem(4.0), []
    for rate in (1e-3, 5e-4):
        paths = [Factors(start(), layers), EndToEnd(start(), layers)]
        for path in paths:
            path.move(given.gradients(given.errors(path.weights)), np.full((1, 1, 1), rate))
        differences.append(np.linalg.norm(paths[0].weights - paths[1].weights))
    assert differences[0] / differences[1] == pytest.approx(4, rel=0.05)
    assert differences[0] < 1e-3


def test_one_layer_is_plain_descent_and_steps_are_counted() -> None:
    """A loop of numpy for the same problem. Mutation: count from one."""
    given, rates = problem(2.0), np.array([0.01, 0.3])
    x, y, w = given.inputs[0], given.answers[0], start()[0, 0]
    losses = []
    for _ in range(200):
        losses.append(np.mean((x @ w - y) ** 2) / 2)
        w = w - 0.3 * x.T @ (x @ w - y) / 12
    ratio = losses[7] / losses[0]
    found = steps_to(given, EndToEnd(np.repeat(start(), 2, axis=1), 1), rates, ratio=ratio * (1 + 1e-12), steps=50)
    assert found.tolist() == [[np.inf, 7.0]]
