"""A random forest."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workers.catalogue.forests import grown, leaves
from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

TREES = 8  # walked at a time, so that a sample leaves the nodes of a few trees in memory, not those of thousands


@architectures.register("random-forest", source="Breiman 2001, doi:10.1023/A:1010933404324; fitted by scikit-learn")
@dataclass(frozen=True, kw_only=True)
class RandomForest(Estimator):
    """The mean of many deep trees, each grown on a resampled training set.

    Every split is the best one along a few inputs drawn anew; it lessens the squared error of a regression, summed
    over the outputs, or the Gini impurity of a classification, whose class probabilities are the mean of the trees'.
    """

    trees: int = parameter(100, "trees in the forest", minimum=1, maximum=10_000)
    max_depth: int | None = parameter(None, "deepest split; null: until leaves are pure", minimum=1, maximum=64)
    min_samples_leaf: int = parameter(1, "fewest training samples in a leaf", minimum=1, maximum=1_000_000)
    max_leaves: int = parameter(4096, "most leaves of a tree", minimum=2, maximum=1_000_000)
    max_features: float | Literal["sqrt", "third", "all"] = parameter(
        "sqrt",
        "how many of the d inputs a split chooses from: their square root, a third, all, or a fraction; rounded down, "
        "at least one",
        exclusive_minimum=0.0,
        maximum=1.0,
    )
    bootstrap: bool = parameter(True, "whether each tree sees as many samples drawn with replacement, or all of them")

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the most numbers the trees can hold: two per split, one per output and leaf."""
        leaves = self.max_leaves if self.max_depth is None else min(self.max_leaves, 2**self.max_depth)
        return self.trees * (2 * (leaves - 1) + leaves * outputs)

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return its inputs and outputs, twice each, and eight arrays over the trees walked at a time."""
        return 2 * (inputs + outputs) + 8 * min(TREES, self.trees)

    def features(self, inputs: int) -> int:
        """Return how many of d inputs a split chooses from."""
        counts = {"sqrt": math.isqrt(inputs), "third": inputs // 3, "all": inputs}
        count = counts[self.max_features] if isinstance(self.max_features, str) else int(self.max_features * inputs)
        return max(1, count)

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return the arrays of all trees and value (nodes, m)."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        from workers.engine.philox import Purpose, Stream

        options: dict[str, Any] = {
            "n_estimators": self.trees,
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "max_leaf_nodes": self.max_leaves,
            "max_features": self.features(samples.inputs.shape[1]),
            "bootstrap": self.bootstrap,
            "random_state": int(Stream(seed=seed, purpose=Purpose.ESTIMATOR).integers(2**31, 1)[0]),
        }
        if task is Task.REGRESSION:
            columns = samples.outputs if samples.outputs.shape[1] > 1 else samples.outputs[:, 0]
            return _state(RandomForestRegressor(**options).fit(samples.inputs, columns))
        model = RandomForestClassifier(**options).fit(samples.inputs, samples.outputs.argmax(axis=1))
        return _state(model, samples.outputs.shape[1])

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Return the mean of the trees; for a classification, of their class fractions."""
        import numpy as np

        roots = state["root"]
        sums = np.zeros((len(inputs), state["value"].shape[1]))
        for first in range(0, len(roots), TREES):
            for ends in leaves({**state, "root": roots[first : first + TREES]}, inputs).T:
                sums += state["value"][ends]
        return np.asarray(sums / len(roots))


def _state(model: Any, classes: int = 0) -> "State":
    """Return a fitted forest's arrays; of `classes`, those without a training sample have the fraction 0."""
    import numpy as np

    trees = [each.tree_ for each in model.estimators_]
    if not classes:
        return grown(trees, np.concatenate([tree.value[:, :, 0] for tree in trees]))
    counts = np.concatenate([tree.value[:, 0, :] for tree in trees])
    value = np.zeros((len(counts), classes))
    value[:, model.classes_] = counts / counts.sum(axis=1, keepdims=True)
    return grown(trees, value)
