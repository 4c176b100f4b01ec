"""How long training takes to reach a value."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.kinds import Architecture, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task


@probes.register("steps-to-target", source="Dahl et al. 2023, arXiv:2306.07179: time to result")
@dataclass(frozen=True, kw_only=True)
class StepsToTarget(Probe):
    """The first evaluated step at which a curve is at or beyond a threshold; NaN when it never is.

    The answer is as fine as training.evaluate_every.
    """

    curve: Literal[
        "train_loss",
        "validation_loss",
        "test_loss",
        "train_accuracy",
        "validation_accuracy",
        "test_accuracy",
        "test_l2_error",
    ] = parameter("test_loss", "the curve that is watched")
    threshold: float = parameter(0.01, "value to reach")
    direction: Literal["below", "above"] = parameter("below", "on which side of the threshold the curve must arrive")

    def metric_names(self) -> tuple[str, ...]:
        """Return the number of steps."""
        return self.named("steps_to_target")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield that the curve is not recorded for such an experiment."""
        wanted = {"accuracy": Task.CLASSIFICATION, "l2_error": Task.REGRESSION}
        part, measured = self.curve.split("_", 1)
        if wanted.get(measured, task) is not task:
            yield Problem(path=("curve",), detail=f"a {task} has no curve {self.curve}")
        if getattr(sizes, part) == 0:
            yield Problem(path=("curve",), detail=f"there are no {part} samples")

    def measure(self, subject: Subject) -> Reading:
        """Search the curve."""
        sign = 1.0 if self.direction == "below" else -1.0
        points = zip(*subject.curves.get(self.curve, ([], [])), strict=True)
        reached = (step for step, value in points if sign * value <= sign * self.threshold)
        return Reading(metrics=dict.fromkeys(self.metric_names(), float(next(reached, math.nan))))
