"""A decision tree."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.catalogue.forests import grown, leaves
from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State


@architectures.register("decision-tree", source="Breiman, Friedman, Olshen and Stone 1984; fitted by scikit-learn")
@dataclass(frozen=True, kw_only=True)
class DecisionTree(Estimator):
    """A function constant on boxes, found by greedy splits along one input at a time.

    Splits lessen the squared error of a regression or the Gini impurity of a classification.
    """

    max_depth: int | None = parameter(None, "deepest split; null: until leaves are pure", minimum=1, maximum=64)
    min_samples_leaf: int = parameter(1, "fewest training samples in a leaf", minimum=1, maximum=1_000_000)
    max_leaves: int = parameter(65_536, "most leaves", minimum=2, maximum=1_000_000)

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the most numbers a tree can hold: two per split, one per output and leaf."""
        leaves = self.max_leaves if self.max_depth is None else min(self.max_leaves, 2**self.max_depth)
        return 2 * (leaves - 1) + leaves * outputs

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return its inputs and outputs: a sample walks down the trees and leaves nothing there."""
        return inputs + outputs

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return the tree's arrays (one entry per node) and value (nodes, m)."""
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        from workers.engine.philox import Purpose, Stream

        options: dict[str, Any] = {
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "max_leaf_nodes": self.max_leaves,
            "random_state": int(Stream(seed=seed, purpose=Purpose.ESTIMATOR).integers(2**31, 1)[0]),
        }
        if task is Task.REGRESSION:
            model = DecisionTreeRegressor(**options).fit(samples.inputs, samples.outputs)
            return grown([model.tree_], model.tree_.value[:, :, 0])
        model = DecisionTreeClassifier(**options).fit(samples.inputs, samples.outputs.argmax(axis=1))
        return grown([model.tree_], _over_all_classes(model, samples.outputs.shape[1]))

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Return the value of each point's leaf; for a classification, the class fractions there."""
        values: Floats = state["value"][leaves(state, inputs)[:, 0]]
        return values


def _over_all_classes(model: Any, classes: int) -> "Floats":
    """Return class fractions (nodes, classes), zero for classes without a training sample."""
    import numpy as np

    counts = model.tree_.value[:, 0, :]
    value = np.zeros((len(counts), classes))
    value[:, model.classes_] = counts / counts.sum(axis=1, keepdims=True)
    return value
