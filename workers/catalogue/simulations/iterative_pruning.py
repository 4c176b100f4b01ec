"""How far a network can be simplified: pruned in rounds, trained again, distilled."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from workers.catalogue.kinds import Dataset, Simulation, simulations
from workers.catalogue.parameters import REQUIRED, parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import with_interval
from workers.catalogue.values import Reading, Split, Task

LARGEST_WORK = 2**39  # multiplications of all trainings: about a minute on one core
LEAST_WORK = 2**21  # of a step, which costs that much however small it is
DIFFERENCES = (
    ("pruned", "dense"),
    ("ticket", "dense"),
    ("ticket", "reinitialised"),
    ("ticket", "random_ticket"),
    ("pruned", "small"),
    ("distilled", "small"),
)


@simulations.register(
    "iterative-pruning",
    source="Han et al. 2015, arXiv:1506.02626; Frankle and Carbin 2019, arXiv:1803.03635; "
    "Hinton, Vinyals and Dean 2015, arXiv:1503.02531; Liu et al. 2019, arXiv:1810.05270",
)
@dataclass(frozen=True, kw_only=True)
class IterativePruning(Simulation):
    """A relu network with two hidden layers, against networks with a fraction of its weights.

    Arms, by their names in the metrics: `dense`, trained for `steps`; `pruned`, of which the smallest weights of the
    whole network are set to 0 in `rounds` of an equal factor, each followed by `steps` more; `ticket`, pruned like
    that, but set back to its initial weights before every round of training; `reinitialised`, with the ticket's
    places and other initial weights; `random_ticket`, with its initial weights in other places of each layer;
    `small`, a dense network with no more weights than are left, from scratch for as many steps as `pruned` took in
    all; `distilled`, the same small network taught the dense one's outputs. Biases stay. All take the same batches.

    Metrics: <arm>_accuracy, the mean test accuracy; differences of two arms, paired by the replicate,
    pruned_minus_dense, ticket_minus_dense, ticket_minus_reinitialised, ticket_minus_random_ticket,
    pruned_minus_small and distilled_minus_small, each with its 95 % interval <name>_low, <name>_high;
    least_train_accuracy, of all arms and replicates but `small` and `distilled`; remaining_share of the weights;
    small_width. Arrays (replicates,): <arm>.
    """

    dataset: Dataset = parameter(
        REQUIRED, "a classification, split anew for each replicate", example={"kind": "digits", "train_size": 500}
    )
    width: int = parameter(64, "units of each hidden layer", minimum=4, maximum=1024)
    sparsity: float = parameter(0.9, "fraction of the weights that are gone at the end", minimum=0.01, maximum=0.999)
    rounds: int = parameter(2, "times that weights are pruned", minimum=1, maximum=30)
    steps: int = parameter(200, "parameter updates of each training", minimum=1, maximum=100_000)
    batch_size: int = parameter(50, "samples of an update", minimum=1, maximum=10_000)
    learning_rate: float = parameter(2e-3, "of Adam", exclusive_minimum=0.0, maximum=1.0)
    temperature: float = parameter(
        2.0, "by which outputs are divided before they are taught", minimum=0.1, maximum=100.0
    )
    replicates: int = parameter(2, "splits and initial weights", minimum=2, maximum=1000)

    def problems(self) -> Iterable[Problem]:
        """Yield data without classes, nothing left, and too much work."""
        if self.dataset.task is not Task.CLASSIFICATION:
            yield Problem(path=("dataset",), detail="needs a classification, such as digits or mnist1d")
            return
        if self._small_width() < 1:
            detail = "leaves fewer weights than a network of width 1 has: lower it or raise width"
            yield Problem(path=("sparsity",), code="range", detail=detail)
        trainings = 1 + 2 * self.rounds + 2 + 2 * (1 + self.rounds)
        work = trainings * self.steps * max(LEAST_WORK, 3 * self.batch_size * self._weights(self.width))
        if self.replicates * work > LARGEST_WORK:
            detail = f"must be at most {LARGEST_WORK // work} for {trainings} trainings of such a network"
            yield Problem(path=("replicates",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return accuracies, differences with their intervals, and sizes."""
        arms = dict.fromkeys(arm for pair in DIFFERENCES for arm in pair)
        differences = (f"{one}_minus_{other}" for one, other in DIFFERENCES)
        sizes = ("least_train_accuracy", "remaining_share", "small_width")
        return (*(f"{arm}_accuracy" for arm in arms), *(n for d in differences for n in with_interval(d)), *sizes)

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Train all arms on every split."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.pruning_arms import ARMS
        from workers.engine.replicates import mean_metrics

        seeds = Stream(seed=seed, purpose=Purpose.SIMULATION).integers(2**31, self.replicates).tolist()
        train, test = np.empty((2, len(ARMS), self.replicates))
        for index, drawn in enumerate(seeds):
            train[:, index], test[:, index] = self._accuracies(self.dataset.split(None, drawn), drawn)
            progress(index + 1, self.replicates)
        found = dict(zip(ARMS, test, strict=True))
        metrics = {f"{arm}_accuracy": float(values.mean()) for arm, values in found.items()}
        for one, other in DIFFERENCES:
            metrics |= mean_metrics(f"{one}_minus_{other}", found[one] - found[other])
        metrics |= {
            "least_train_accuracy": float(train[:5].min()),
            "remaining_share": self._keeps()[-1] / self._weights(self.width),
            "small_width": float(self._small_width()),
        }
        return Reading(metrics=metrics, arrays=found)

    def _accuracies(self, split: Split, seed: int) -> tuple[list[float], list[float]]:
        """Return the accuracies of all arms on the training and on the test samples."""
        from workers.engine.masked_training import Lesson, outputs
        from workers.engine.pruning_arms import ARMS, Arms

        scaling = split.scaling
        inputs = [(part.inputs - scaling.input_mean) / scaling.input_scale for part in (split.train, split.test)]
        weights = Arms(
            sizes=self._sizes(self.width),
            small_sizes=self._sizes(self._small_width()),
            keeps=self._keeps(),
            lesson=Lesson(
                inputs=inputs[0],
                probabilities=split.train.outputs,
                steps=self.steps,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
            ),
            temperature=self.temperature,
            seed=seed,
        ).weights()
        train, test = (
            [float((outputs(weights[arm], x).argmax(axis=1) == part.outputs.argmax(axis=1)).mean()) for arm in ARMS]
            for x, part in zip(inputs, (split.train, split.test), strict=True)
        )
        return train, test

    def _sizes(self, width: int) -> tuple[int, int, int, int]:
        sizes = self.dataset.sizes(None)
        return sizes.inputs, width, width, sizes.outputs

    def _weights(self, width: int) -> int:
        sizes = self._sizes(width)
        return sum(fan_in * fan_out for fan_in, fan_out in pairwise(sizes))

    def _keeps(self) -> tuple[int, ...]:
        """Return the weights left after each round, each time by the same factor."""
        whole = self._weights(self.width)
        rounds = range(1, self.rounds + 1)
        return tuple(max(1, round(whole * (1 - self.sparsity) ** (index / self.rounds))) for index in rounds)

    def _small_width(self) -> int:
        """Return the largest width whose dense network has no more weights than are left; 0 if there is none."""
        left = self._keeps()[-1]
        return max((width for width in range(1, self.width + 1) if self._weights(width) <= left), default=0)
