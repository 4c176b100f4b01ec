"""The course of one training: what is decided at the steps that its spec fixes."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from workers.catalogue.trainings.gradient import Gradient
from workers.engine.evaluation import evaluate
from workers.engine.material import Material
from workers.experiments.lifecycle import Outcome
from workers.experiments.spec import Approximation

if TYPE_CHECKING:
    from workers.catalogue.values import State


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How and at which step a training ended."""

    outcome: Outcome
    step: int


class Course:
    """Curves, the weights worth keeping, early stopping and divergence of one member.

    It looks at the evaluation steps and at the snapshot steps, and at no others. The kept weights are
    those of the least validation loss where training may stop early, else the last finite ones.
    """

    def __init__(self, job_id: str, spec: Approximation, training: Gradient, material: Material) -> None:
        self.job_id, self.spec, self.training, self.material = job_id, spec, training, material
        self.curves: dict[str, tuple[list[int], list[float]]] = {}
        self.snapshots: dict[int, State] = {}
        self.kept: State = {}
        self.kept_step = 0
        self.ending: Ending | None = None
        self._snapshot_steps = frozenset(training.snapshot_steps())
        self._steps = deque(sorted({*training.evaluation_steps(), *self._snapshot_steps}))
        self._best, self._waited = math.inf, 0

    @property
    def due(self) -> int:
        """Return the next step at which this course looks."""
        return self._steps[0]

    def hear(self, batch_losses: Tensor, step: int) -> None:
        """Take the losses (steps,) of the batches before `step`, those that were not taken yet."""
        if not self.training.record_batch_loss:
            return
        steps, points = self.curves.setdefault("batch_loss", ([], []))
        points.extend(batch_losses[len(steps) : step].tolist())
        steps.extend(range(len(steps), len(points)))

    def observe(self, state: "State", outputs: Callable[[Tensor], Tensor]) -> None:
        """Look at the weights after `due` steps; set `ending` when the training is over."""
        step = self._steps.popleft()
        assert self.spec.architecture is not None
        values = evaluate(self.material, outputs, self.spec.loss, self.spec.architecture)
        for name, value in values.items():
            steps, points = self.curves.setdefault(name, ([], []))
            steps.append(step)
            points.append(value)
        losses = (value for name, value in values.items() if name.endswith("_loss"))
        if not all(map(math.isfinite, losses)) or not all(np.isfinite(array).all() for array in state.values()):
            self.kept = self.kept or state
            self.ending = Ending(outcome=Outcome.DIVERGED, step=step)
            return
        self._keep(step, state, values)
        if self._is_stalled():
            self.ending = Ending(outcome=Outcome.EARLY_STOPPED, step=step)
        elif step == self.training.steps:
            self.ending = Ending(outcome=Outcome.COMPLETED, step=step)

    def _keep(self, step: int, state: "State", values: dict[str, float]) -> None:
        if step in self._snapshot_steps:
            self.snapshots[step] = state
        stopping = self.training.early_stopping
        if stopping is not None:
            if values["validation_loss"] >= self._best - stopping.minimum_improvement:
                self._waited += 1
                return
            self._best, self._waited = values["validation_loss"], 0
        self.kept, self.kept_step = state, step

    def _is_stalled(self) -> bool:
        stopping = self.training.early_stopping
        return stopping is not None and self._waited >= stopping.patience
