"""Optimizers against torch's, schedules and losses against values known by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from workers.catalogue.kinds import Optimizer, losses, schedules
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Task
from workers.experiments.codec import decode_component

CASES: list[tuple[dict[str, Any], Any]] = [
    ({"kind": "sgd", "learning_rate": 0.05}, lambda p: torch.optim.SGD(p, lr=0.05)),
    ({"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9)),
    (
        {"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    ),
    (
        {"kind": "adam", "learning_rate": 0.1, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4},
        lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.99), eps=1e-4),
    ),
    (
        {"kind": "adamw", "learning_rate": 0.1, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4, "weight_decay": 0.3},
        lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.3),
    ),
]


@pytest.mark.parametrize(("given", "theirs"), CASES, ids=[f"{given['kind']}-{len(given)}" for given, _ in CASES])
def test_fifty_steps_equal_those_of_torch(given: dict[str, Any], theirs: Any) -> None:
    """Rosenbrock's function with a falling rate, float64, to 1e-10. Mutation: decay inside the gradient; t from 0."""

    def height(point: torch.Tensor) -> torch.Tensor:
        return (1 - point[0]) ** 2 + 5 * (point[1] - point[0] ** 2) ** 2

    ours = decode_component(Optimizer, given)
    factors = schedules.get("cosine")().factors(np.arange(50.0), 50)
    rows = ours.coefficients(np.arange(50.0), factors)
    start = torch.tensor([-0.5, 0.8], dtype=torch.float64)
    mine, reference = start.clone(), start.clone().requires_grad_()
    buffers, other = [torch.zeros_like(mine) for _ in ours.buffers], theirs([reference])
    rate = other.param_groups[0]["lr"]
    for row, factor in zip(rows, factors, strict=True):
        point = mine.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(height(point), point)
        ours.update(mine, gradient, buffers, [torch.tensor(number) for number in row])
        other.param_groups[0]["lr"] = rate * factor
        other.zero_grad()
        height(reference).backward()
        other.step()
    assert torch.allclose(mine, reference, rtol=0, atol=1e-10)
    assert not torch.allclose(mine, start, atol=0.1)


def test_nesterov_needs_a_momentum() -> None:
    """Mutation: no problems()."""
    with pytest.raises(InvalidError, match="momentum above 0"):
        decode_component(Optimizer, {"kind": "sgd", "nesterov": True})


@pytest.mark.parametrize(
    ("kind", "fields", "points"),
    [
        ("constant", {}, {0: 1, 99: 1}),
        ("cosine", {}, {0: 1, 25: (1 + math.sqrt(0.5)) / 2, 50: 0.5, 100: 0}),
        ("cosine", {"final_factor": 0.2}, {0: 1, 50: 0.6, 100: 0.2}),
        ("warm-up", {"steps": 4}, {0: 0.25, 1: 0.5, 3: 1, 50: 1}),
        ("warm-up", {"steps": 20, "then": "cosine"}, {0: 0.05, 19: 1, 20: 1, 60: 0.5, 100: 0}),
        ("warm-up", {"steps": 200, "then": "cosine"}, {99: 0.5}),
    ],
)
def test_a_schedule_passes_through_known_points(kind: str, fields: dict[str, Any], points: dict[int, float]) -> None:
    """Of 100 steps. Mutation: t instead of t + 1 in the warm-up."""
    found = schedules.get(kind)(**fields).factors(np.array(list(points), dtype=float), 100)
    assert found == pytest.approx(list(points.values()), abs=1e-14)


def test_losses_are_those_of_the_textbook() -> None:
    """Mutation: sum over outputs in mse; base 2 in cross-entropy."""
    outputs = torch.tensor([[1.0, 3.0], [0.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    assert float(losses.get("mse")().value(outputs, targets)) == pytest.approx((1 + 4 + 1 + 0) / 4)
    expected = (math.log(1 + math.exp(-2.0)) + math.log(2.0)) / 2
    assert float(losses.get("cross-entropy")().value(outputs, targets)) == pytest.approx(expected)


def test_cross_entropy_survives_large_logits_and_needs_classes() -> None:
    """exp(1000) overflows. Mutation: log of softmax."""
    cross_entropy = losses.get("cross-entropy")()
    outputs = torch.tensor([[1000.0, 0.0]])
    assert float(cross_entropy.value(outputs, torch.tensor([[0.0, 1.0]]))) == 1000.0
    assert list(cross_entropy.misfits(Task.REGRESSION)) and not list(cross_entropy.misfits(Task.CLASSIFICATION))
