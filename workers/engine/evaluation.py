"""Losses and errors of a model on its samples."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from workers.catalogue.kinds import Architecture, Loss
from workers.catalogue.values import Task
from workers.engine.material import Material, Part
from workers.experiments.costs import rows_at_once

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

ROWS = {"cpu": 1024, "cuda": 16_384}  # samples at a time: activations in the cache, or enough for the device


def evaluate(
    material: Material, outputs: Callable[[Tensor], Tensor], loss: Loss, architecture: Architecture
) -> dict[str, float]:
    """Return the loss of each part by its curve's name, and accuracies or the test error in the units of the data.

    `outputs` maps scaled inputs (n, d) to scaled outputs (n, m), as the architecture does. Sums run in float64.
    """
    values: dict[str, float] = {}
    scale = torch.from_numpy(material.scaling.output_scale)
    for name, part in material.parts.items():
        rows = min(ROWS[part.inputs.device.type], rows_at_once(architecture, part.inputs.shape[1], part.exact.shape[1]))
        found = _means(part, outputs, loss, scale.to(part.exact.device), rows)
        values[f"{name}_loss"] = found["loss"]
        if material.split.task is Task.CLASSIFICATION:
            values[f"{name}_accuracy"] = found["correct"]
        elif name == "test":
            values["test_l2_error"] = math.sqrt(found["square"])
    return values


def _means(
    part: Part, outputs: Callable[[Tensor], Tensor], loss: Loss, scale: Tensor, rows: int
) -> Mapping[str, float]:
    """Return means over the samples: loss, share of right classes, squared distance in the units of the data."""
    count = len(part.inputs)
    sums = []
    with torch.no_grad():
        for start in range(0, count, rows):
            exact = part.exact[start : start + rows]
            found = outputs(part.inputs[start : start + rows]).double()
            right = (found.argmax(dim=-1) == exact.argmax(dim=-1)).double().sum()
            square = ((found - exact) * scale).square().sum()
            sums.append(torch.stack([loss.value(found, exact) * len(exact), right, square]))
    totals = [sum(column) for column in zip(*(each.tolist() for each in sums), strict=True)]
    return {name: total / count for name, total in zip(("loss", "correct", "square"), totals, strict=True)}


def log_probabilities(probabilities: "Floats") -> "Floats":
    """Return the logarithms of class probabilities (n, m).

    An estimator may give a class no chance at all: one rounding of 1 keeps the logarithm finite, at -36.
    """
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float64).eps)))
