"""Whether classical learners can use on a new task what they learned on another one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.kinds import Dataset, Simulation, simulations
from workers.catalogue.parameters import REQUIRED, parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import with_interval
from workers.catalogue.values import Reading, Split, Task

LARGEST_WORK = 2**29  # replicates, samples, inputs and classes multiplied, of logistic regression: about a minute
SLOWER = {"logistic": 1, "boosting": 8}


@simulations.register(
    "warm-started-transfer",
    source="Pan and Yang 2010, doi:10.1109/TKDE.2009.191; Friedman 2001, doi:10.1214/aos/1013203451; by scikit-learn",
)
@dataclass(frozen=True, kw_only=True)
class WarmStartedTransfer(Simulation):
    """A classical classifier continued on a few samples of a new task, against one that starts with them.

    The first task is the data set; in the new one the inputs are turned towards a permutation of their columns, by
    `unlikeness` times a right angle: 0 is the same task, and for 1, the negative control, what was learned points
    elsewhere. `logistic` regression takes 10 passes of stochastic gradient steps on a task, from the weights that the
    first one left; `boosting` adds 20 trees per class to those of the first. Both see the new samples equally often.

    Metrics: accuracy_gain, mean over the replicates of the test accuracy on the new task, continued minus started
    anew, with its 95 % interval accuracy_gain_low, accuracy_gain_high; the means continued_accuracy, fresh_accuracy
    and unchanged_accuracy, that of the first task's model as it is. Arrays (replicates,): continued, fresh, unchanged.
    """

    dataset: Dataset = parameter(
        REQUIRED, "a classification, split anew for each replicate", example={"kind": "digits"}
    )
    learner: Literal["logistic", "boosting"] = parameter("logistic", "what learns")
    new_samples: int = parameter(
        50, "training samples of the new task; the rest is the first one's", minimum=2, maximum=10_000_000
    )
    unlikeness: float = parameter(0.3, "of the tasks: 0 the same, 1 the columns permuted", minimum=0.0, maximum=1.0)
    replicates: int = parameter(8, "splits of the data", minimum=2, maximum=1000)

    def problems(self) -> Iterable[Problem]:
        """Yield data without classes, sizes that leave a task without one of them, and too much work."""
        if self.dataset.task is not Task.CLASSIFICATION:
            yield Problem(path=("dataset",), detail="needs a classification, such as digits or mnist1d")
            return
        sizes = self.dataset.sizes(None)
        least, most = 4 * sizes.outputs, sizes.train - 4 * sizes.outputs
        if not least <= self.new_samples <= most:
            detail = f"must be from {least} to {most}, so that both tasks have four samples per class"
            yield Problem(path=("new_samples",), code="range", detail=detail)
        work = sizes.train * sizes.inputs * sizes.outputs * SLOWER[self.learner]
        if self.replicates * work > LARGEST_WORK:
            detail = f"must be at most {LARGEST_WORK // work} for so many samples, inputs and classes"
            yield Problem(path=("replicates",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the gain with its interval, and its parts."""
        parts = ("continued_accuracy", "fresh_accuracy", "unchanged_accuracy")
        return (*with_interval("accuracy_gain"), *parts)

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Learn the tasks of every split."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import mean_metrics

        seeds = Stream(seed=seed, purpose=Purpose.SIMULATION).integers(2**31, self.replicates)
        found = np.empty((3, self.replicates))
        for index, drawn in enumerate(seeds.tolist()):
            found[:, index] = self._accuracies(self.dataset.split(None, drawn), drawn)
            progress(index + 1, self.replicates)
        continued, fresh, unchanged = found
        metrics = mean_metrics("accuracy_gain", continued - fresh) | {
            "continued_accuracy": float(continued.mean()),
            "fresh_accuracy": float(fresh.mean()),
            "unchanged_accuracy": float(unchanged.mean()),
        }
        return Reading(metrics=metrics, arrays={"continued": continued, "fresh": fresh, "unchanged": unchanged})

    def _accuracies(self, split: Split, seed: int) -> tuple[float, float, float]:
        """Return the accuracies on the new task: continued, started with it, of the first task's model."""
        from workers.engine.philox import Purpose, Stream
        from workers.engine.warm_start import LEARNERS, mixed

        order = Stream(seed=seed, purpose=Purpose.PERMUTATION).permutation(split.train.inputs.shape[1])
        scaling = split.scaling
        inputs, test = ((part.inputs - scaling.input_mean) / scaling.input_scale for part in (split.train, split.test))
        labels, truth = split.train.outputs.argmax(axis=1), split.test.outputs.argmax(axis=1)
        new = mixed(inputs[: self.new_samples], order, self.unlikeness), labels[: self.new_samples]
        first = inputs[self.new_samples :], labels[self.new_samples :]
        asked = mixed(test, order, self.unlikeness), truth
        continued, fresh = (LEARNERS[self.learner](seed) for _ in range(2))
        continued.learn(first)
        unchanged = continued.accuracy(asked)
        continued.learn(new)
        fresh.learn(new)
        return continued.accuracy(asked), fresh.accuracy(asked), unchanged
