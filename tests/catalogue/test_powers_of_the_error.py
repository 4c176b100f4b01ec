"""The l_p loss and the relative error, by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import architectures, datasets, losses, probes
from workers.catalogue.values import Samples, Task


def test_the_fourth_power_by_hand() -> None:
    """(1 + 16) / 4 of errors 1, -2, 0, 0; derivatives 4 e**3 / 4. Mutation: p / n without m."""
    outputs, targets = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]]), torch.tensor([[[0.0, 2.0], [0.0, 3.0]]])
    loss = losses.get("lp")(p=4.0)
    assert loss.value(outputs, targets).tolist() == [17 / 4]
    assert loss.delta(outputs.clone(), targets).tolist() == [[[1.0, -8.0], [0.0, 0.0]]]


def test_the_second_power_is_the_mean_squared_error_and_the_first_has_a_derivative_of_0_at_0() -> None:
    """Mutation: a factor 1 / p."""
    generator = torch.Generator().manual_seed(0)
    outputs, targets = (torch.randn(2, 5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    square, mse = losses.get("lp")(p=2.0), losses.get("mse")()
    assert torch.allclose(square.value(outputs, targets), mse.value(outputs, targets), rtol=1e-14)
    assert torch.allclose(square.delta(outputs.clone(), targets), mse.delta(outputs.clone(), targets), rtol=1e-14)
    assert losses.get("lp")(p=1.0).delta(targets.clone(), targets).abs().max() == 0
    assert list(losses.get("lp")().misfits(Task.CLASSIFICATION))


def measured(predictions: Any, truth: Any) -> dict[str, float]:
    """Return what the probe says of a model with these predictions (n, m)."""
    found = subject(architectures.get("mlp")(width=2), datasets.get("sampled")(train_size=5), some_target())
    outputs = np.array(truth, dtype=float)
    test = Samples(inputs=np.zeros((len(outputs), 1)), outputs=outputs)
    given = replace(
        found,
        predict=lambda x: np.array(predictions, dtype=float),
        split=replace(found.split, test=test),
    )
    return dict(probes.get("relative-error")().measure(given).metrics)


def test_relative_errors_by_hand() -> None:
    """1/2, 0 and 1/4; norms over two outputs. Mutation: divide by the prediction."""
    found = measured([[1.5], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
    assert found["relative_error_median"] == 0.25 and found["relative_error_max"] == 0.5
    assert found["relative_l2_error"] == pytest.approx(math.sqrt(1.25 / 21))
    assert measured([[0.0, 0.0]], [[3e-9, 4e-9]])["relative_l2_error"] == pytest.approx(1.0)


def test_a_truth_of_zero_makes_any_error_infinite() -> None:
    """And none where there is none; no number stays none. Mutation: 0 for every zero."""
    assert measured([[1.0], [0.0], [0.0]], [[0.0], [0.0], [0.0]])["relative_error_max"] == math.inf
    assert measured([[0.0]], [[0.0]])["relative_l2_error"] == 0
    assert math.isnan(measured([[math.nan]], [[0.0]])["relative_error_max"])
