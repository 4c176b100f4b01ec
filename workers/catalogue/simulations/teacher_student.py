"""A network that learns from another: how often it ends in a local minimum."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

LARGEST_WORK = 2**36  # angles computed, runs times students**2 times steps: some minutes on one core
LOOKED_AT = 4  # trapped runs whose Hessian is diagonalised


@simulations.register("teacher-student", source="Safran and Shamir 2018, arXiv:1712.08968")
@dataclass(frozen=True, kw_only=True)
class TeacherStudent(Simulation):
    """How often gradient descent of a student of relu units ends in a bad minimum, on the expected loss.

    The teacher is the sum of `teachers` relu units with orthonormal weights, the student a sum of teachers + `extra`
    relu units; the loss is half of the squared difference, expected over standard normal inputs, in closed form. So
    there is neither noise nor a sample: a loss above 0 at which the gradient vanishes is a trap. Runs start from
    normal weights of variance start_scale**2 / teachers (Glorot and Bengio 2010, for as many inputs as teachers). The
    traps of Safran and Shamir appear at 6 teachers, grow likelier with more, and all but vanish with one or two extra
    units. Steps are v = momentum v - learning_rate gradient, w += v: with momentum 0, plain gradient descent.

    Metrics: trapped_probability, the share of settled runs whose loss is not below `threshold`, with its 95 % Wilson
    interval trapped_probability_low, trapped_probability_high; unsettled_fraction, of the runs above it whose gradient
    is still longer than `tolerance`; trapped_loss_mean and trapped_curvature, the smallest eigenvalue of the Hessian
    at up to 4 trapped ends, positive at strict minima; both NaN where none is trapped; matched_cosine_median, over the
    teacher's units in the runs below the threshold: the cosine with the nearest of the student's, NaN without such
    runs. The array losses (runs,) keeps the ends.
    """

    teachers: int = parameter(8, "k, units of the teacher and inputs", minimum=1, maximum=64)
    extra: int = parameter(0, "units of the student beyond those of the teacher", minimum=0, maximum=64)
    runs: int = parameter(100, "random starts", minimum=1, maximum=100_000)
    start_scale: float = parameter(1.0, "factor on the initial weights", exclusive_minimum=0.0, maximum=100.0)
    learning_rate: float | None = parameter(
        None, "step size; null: 1 over the student's units", exclusive_minimum=0.0, maximum=10.0
    )
    momentum: float = parameter(0.9, "decay of the velocity", minimum=0.0, exclusive_maximum=1.0)
    steps: int = parameter(2000, "most steps of a run", minimum=1, maximum=1_000_000)
    tolerance: float = parameter(
        1e-6, "length of the gradient at which a run has settled", exclusive_minimum=0.0, maximum=1.0
    )
    # The traps lie between 1e-2 and 1e-1; runs with extra units approach 0 slower than any exponential.
    threshold: float = parameter(
        1e-3, "loss below which a run has found the teacher", exclusive_minimum=0.0, maximum=1.0
    )

    def problems(self) -> Iterable[Problem]:
        """Yield too much work."""
        work = self.runs * (self.teachers + self.extra) ** 2 * self.steps
        if work > LARGEST_WORK:
            detail = f"{work:.1e} angles are to be computed, at most {LARGEST_WORK:.1e}: take fewer runs or steps"
            yield Problem(path=("runs",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the probability, its interval, and what the ends look like."""
        return (
            *with_interval("trapped_probability"),
            "unsettled_fraction",
            "trapped_loss_mean",
            "trapped_curvature",
            "matched_cosine_median",
        )

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Descend from all starts; run i depends on the seed, the sizes and i alone."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.teacher_student import descend, expected_loss

        students = self.teachers + self.extra
        drawn = Stream(seed=seed, purpose=Purpose.SIMULATION).normals((self.runs, students, self.teachers))
        with np.errstate(over="ignore", invalid="ignore"):  # of a learning rate that is too large
            ends, gradients = descend(
                drawn * self.start_scale / math.sqrt(self.teachers),
                self.teachers,
                learning_rate=self.learning_rate or 1 / students,
                momentum=self.momentum,
                steps=self.steps,
                tolerance=self.tolerance,
                progress=progress,
            )
            losses = expected_loss(ends, self.teachers)
        progress(self.steps, self.steps)
        return self._read(losses, ends, gradients)

    def _read(self, losses: "Floats", ends: "Floats", gradients: "Floats") -> Reading:
        """Return the metrics of runs with these losses (r,), weights (r, n, d) and lengths of the gradient (r,)."""
        import numpy as np

        from workers.engine.replicates import share_metrics
        from workers.engine.teacher_student import nearest_cosines, smallest_curvature

        found = losses < self.threshold
        trapped = ~found & (gradients < self.tolerance)
        settled, count = int((found | trapped).sum()), int(trapped.sum())
        if settled:
            share = share_metrics("trapped_probability", count, settled)
        else:
            share = dict.fromkeys(with_interval("trapped_probability"), math.nan)
        curvatures = [smallest_curvature(end, self.teachers) for end in ends[trapped][:LOOKED_AT]]
        cosines = nearest_cosines(ends[found], self.teachers)
        others = {
            "unsettled_fraction": 1 - settled / self.runs,
            "trapped_loss_mean": float(losses[trapped].mean()) if count else math.nan,
            "trapped_curvature": min(curvatures, default=math.nan),
            "matched_cosine_median": float(np.median(cosines)) if cosines.size else math.nan,
        }
        return Reading(metrics=share | others, arrays={"losses": losses})
