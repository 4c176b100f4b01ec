"""The error of a model in parts of the true value."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workers.catalogue.kinds import Architecture, Probe, Target, probes
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task


@probes.register("relative-error", source="Higham 2002, Accuracy and stability of numerical algorithms, section 1.2")
@dataclass(frozen=True, kw_only=True)
class RelativeError(Probe):
    """How far the model is from the test samples, as a part of their size.

    Metrics: relative_error_median and relative_error_max, over the samples, of |model - truth| / |truth|, Euclidean
    norms over the outputs; it is 0 where both agree and infinite where the truth alone is 0. relative_l2_error is
    the root of the summed squared errors over that of the summed squares of the truth: of a model that says 0
    always, it is 1, however small the truth. The product of many numbers below 1 needs these measures.
    """

    def metric_names(self) -> tuple[str, ...]:
        """Return median, maximum and the ratio of norms."""
        return self.named("relative_error_median", "relative_error_max", "relative_l2_error")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield that classes have no size."""
        if task is not Task.REGRESSION:
            yield Problem(detail="needs a regression: classes are measured by the probe 'classification'")

    def measure(self, subject: Subject) -> Reading:
        """Compare with the test samples."""
        import numpy as np

        truth = subject.split.test.outputs
        errors = np.linalg.norm(subject.predict(subject.split.test.inputs) - truth, axis=1)
        sizes = np.linalg.norm(truth, axis=1)
        relative = np.array([_ratio(error, size) for error, size in zip(errors, sizes, strict=True)])
        whole = _ratio(float(np.linalg.norm(errors)), float(np.linalg.norm(sizes)))
        values = (float(np.median(relative)), float(relative.max()), whole)
        return Reading(
            metrics=dict(zip(self.metric_names(), values, strict=True)), arrays={"relative_errors": relative}
        )


def _ratio(error: float, size: float) -> float:
    if size > 0:
        return error / size
    return math.inf if error > 0 else error  # an error that is no number stays so
