"""Whether classical learners need all of their data at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from workers.catalogue.kinds import Dataset, Simulation, simulations
from workers.catalogue.parameters import REQUIRED, parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import with_interval
from workers.catalogue.values import Reading, Samples, Task

LARGEST_WORK = 2**30  # replicates, passes, samples, inputs and classes multiplied: about a minute on one core
MOST_CHUNKS = 50_000  # seen in all, each at a cost of its own: about a minute too


@simulations.register(
    "learning-in-chunks",
    source="Bottou 2010, doi:10.1007/978-3-7908-2604-3_16; Chan, Golub and LeVeque 1979; fitted by scikit-learn",
)
@dataclass(frozen=True, kw_only=True)
class LearningInChunks(Simulation):
    """A classical classifier that sees its samples a chunk at a time, against the same one that sees them at once.

    In chunks it holds `chunk` samples and its own state; the scale of the inputs is learned from the chunks too. The
    learners: `naive-bayes`, normal inputs given the class, which merges moments; `least-squares`, ridge regression on
    one-hot classes, which adds products, so that both ways give the same up to rounding; `logistic`, one-vs-rest, by
    a step per sample, `passes` times over the data either way. Every replicate draws a split of the data anew.

    Metrics: accuracy_difference, mean over the replicates of the test accuracy in chunks minus that at once, with its
    95 % interval accuracy_difference_low, accuracy_difference_high; the means accuracy_in_chunks and
    accuracy_at_once; samples_held, by the chunks as a share of those held at once. Arrays (replicates,): in_chunks,
    at_once.
    """

    dataset: Dataset = parameter(
        REQUIRED, "a classification, split anew for each replicate", example={"kind": "digits"}
    )
    learner: Literal["naive-bayes", "least-squares", "logistic"] = parameter("logistic", "what learns")
    chunk: int = parameter(50, "samples seen at a time", minimum=1, maximum=1_000_000)
    passes: int = parameter(5, "times that logistic sees the data; the others need one", minimum=1, maximum=1000)
    replicates: int = parameter(5, "splits of the data", minimum=2, maximum=1000)

    def problems(self) -> Iterable[Problem]:
        """Yield data without classes, a chunk that holds everything, and too much work."""
        if self.dataset.task is not Task.CLASSIFICATION:
            yield Problem(path=("dataset",), detail="needs a classification, such as digits or mnist1d")
            return
        sizes = self.dataset.sizes(None)
        if self.chunk >= sizes.train:
            detail = f"must be less than the {sizes.train} training samples, else nothing is compared"
            yield Problem(path=("chunk",), code="range", detail=detail)
        work = sizes.train * sizes.inputs * sizes.outputs * self.passes
        if self.replicates * work > LARGEST_WORK:
            detail = f"must be at most {LARGEST_WORK // work} for so many samples, inputs, classes and passes"
            yield Problem(path=("replicates",), code="range", detail=detail)
        chunks = self.replicates * self.passes * -(-sizes.train // self.chunk)
        if chunks > MOST_CHUNKS:
            detail = f"makes {chunks} chunks in all, of at most {MOST_CHUNKS}: raise it"
            yield Problem(path=("chunk",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the difference with its interval, and its parts."""
        return (*with_interval("accuracy_difference"), "accuracy_in_chunks", "accuracy_at_once", "samples_held")

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Learn both ways on every split."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import mean_metrics

        seeds = Stream(seed=seed, purpose=Purpose.SIMULATION).integers(2**31, self.replicates)
        found = np.empty((2, self.replicates))
        for index, drawn in enumerate(seeds.tolist()):
            split = self.dataset.split(None, drawn)
            found[:, index] = [
                self._accuracy(split.train, split.test, drawn, chunk) for chunk in (self.chunk, len(split.train.inputs))
            ]
            progress(index + 1, self.replicates)
        in_chunks, at_once = found
        metrics = mean_metrics("accuracy_difference", in_chunks - at_once) | {
            "accuracy_in_chunks": float(in_chunks.mean()),
            "accuracy_at_once": float(at_once.mean()),
            "samples_held": self.chunk / self.dataset.sizes(None).train,
        }
        return Reading(metrics=metrics, arrays={"in_chunks": in_chunks, "at_once": at_once})

    def _accuracy(self, train: Samples, test: Samples, seed: int, chunk: int) -> float:
        """Return the test accuracy after learning from chunks of this size."""
        from workers.engine.incremental import LEARNERS, Standardising

        learner = Standardising(LEARNERS[self.learner](train.outputs.shape[1], seed))
        learner.learn(train.inputs, train.outputs.argmax(axis=1), chunk=chunk, passes=self.passes)
        return learner.accuracy(test.inputs, test.outputs.argmax(axis=1))
