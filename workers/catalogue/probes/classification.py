"""How well a model classifies."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Architecture, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Samples, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


@probes.register(
    "classification", source="Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, chapter 7"
)
@dataclass(frozen=True, kw_only=True)
class Classification(Probe):
    """Accuracy, cross-entropy and confusion matrix on one part of the data.

    Metrics are <on>_classification_accuracy, the fraction of samples whose most probable class is the true
    one, and <on>_cross_entropy, the mean negative log probability of the true class in nats. The array
    `confusion` (classes, classes) counts samples: row the true class, column the most probable one.
    """

    on: Literal["train", "validation", "test"] = parameter("test", "part of the data")

    def metric_names(self) -> tuple[str, ...]:
        """Return accuracy and cross-entropy."""
        return self.named(f"{self.on}_classification_accuracy", f"{self.on}_cross_entropy")

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield that there are no classes or no samples."""
        if task is not Task.CLASSIFICATION:
            yield Problem(detail="needs a classification: a regression is measured by lp-error")
        if getattr(sizes, self.on) == 0:
            yield Problem(path=("on",), detail=f"there are no {self.on} samples")

    def measure(self, subject: Subject) -> Reading:
        """Classify every sample of the part."""
        import numpy as np

        samples: Samples = getattr(subject.split, self.on)
        logs = logs_of(subject.predict(samples.inputs))
        true, found = samples.outputs.argmax(axis=1), logs.argmax(axis=1)
        confusion = np.zeros((logs.shape[1], logs.shape[1]), dtype=np.int64)
        np.add.at(confusion, (true, found), 1)
        values = (float(np.mean(true == found)), float(-np.mean(logs[np.arange(len(true)), true])))
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)), arrays={"confusion": confusion})


def logs_of(outputs: "Floats") -> "Floats":
    """Return log probabilities (n, m) of a network's logits or of an estimator's probabilities."""
    import numpy as np

    from workers.engine.evaluation import log_probabilities

    probabilities = (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1.0, rtol=0, atol=1e-6)
    if probabilities:
        return log_probabilities(outputs)
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
