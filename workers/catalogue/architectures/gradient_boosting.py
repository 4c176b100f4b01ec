"""Gradient-boosted trees."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.catalogue.forests import grown, leaves
from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State


@architectures.register("gradient-boosting", source="Friedman 2001, doi:10.1214/aos/1013203451; fitted by scikit-learn")
@dataclass(frozen=True, kw_only=True)
class GradientBoosting(Estimator):
    """A sum of shallow trees, each fitted to the gradient of the loss at the sum of those before it.

    The loss is the squared error of a regression, one ensemble per output, or the log loss of a
    classification, one tree per class and stage (one in all for two classes).
    """

    stages: int = parameter(100, "trees per output, one after another", minimum=1, maximum=10_000)
    learning_rate: float = parameter(0.1, "factor on every tree", exclusive_minimum=0.0, maximum=1.0)
    max_depth: int = parameter(3, "deepest split of a tree", minimum=1, maximum=32)
    min_samples_leaf: int = parameter(1, "fewest training samples in a leaf", minimum=1, maximum=1_000_000)
    subsample: float = parameter(
        1.0, "fraction of the samples that a tree sees, drawn anew for each", exclusive_minimum=0.0, maximum=1.0
    )

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the most numbers the trees can hold: two per split, one per leaf."""
        leaves: int = 2**self.max_depth
        return self.stages * outputs * (3 * leaves - 2)

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return its inputs and outputs: a sample walks down the trees and leaves nothing there."""
        return inputs + outputs

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return the arrays of all trees, stage by stage, value (nodes, 1), start (columns,), classes (columns,)."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        seeds = Stream(seed=seed, purpose=Purpose.ESTIMATOR).integers(2**31, samples.outputs.shape[1])
        if task is Task.CLASSIFICATION:
            return self._fit_classes(samples, int(seeds[0]))
        from sklearn.ensemble import GradientBoostingRegressor

        models = [
            GradientBoostingRegressor(**self._options(int(each))).fit(samples.inputs, column)
            for each, column in zip(seeds, samples.outputs.T, strict=True)
        ]
        stages = np.concatenate([model.estimators_ for model in models], axis=1)
        start = np.array([float(column.mean()) for column in samples.outputs.T])
        return _ensemble(stages, start, np.arange(len(models)))

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Sum the trees; for a classification, turn the sums into class probabilities."""
        import numpy as np

        columns = len(state["start"])
        sums = np.broadcast_to(state["start"], (len(inputs), columns)).copy()
        if len(state["root"]):
            values = state["value"][leaves(state, inputs), 0]  # (n, trees)
            for tree in range(values.shape[1]):
                sums[:, tree % columns] += self.learning_rate * values[:, tree]
        if not state["probabilities"]:
            return sums
        return _probabilities(sums, state["classes"], int(state["probabilities"]))

    def _options(self, random_state: int) -> dict[str, Any]:
        return {
            "n_estimators": self.stages,
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "subsample": self.subsample,
            "random_state": random_state,
        }

    def _fit_classes(self, samples: Samples, random_state: int) -> "State":
        import numpy as np
        from sklearn.ensemble import GradientBoostingClassifier

        labels, classes = samples.outputs.argmax(axis=1), samples.outputs.shape[1]
        present = np.unique(labels)
        if len(present) == 1:  # scikit-learn refuses what needs no fit
            return _ensemble(np.empty((0, 1), dtype=object), np.zeros(1), present, classes)
        model = GradientBoostingClassifier(**self._options(random_state)).fit(samples.inputs, labels)
        fractions = np.bincount(labels)[present] / len(labels)
        start = np.log(fractions) if len(present) > 2 else np.log(fractions[1:] / fractions[:1])
        return _ensemble(model.estimators_, start, present, classes)


def _ensemble(stages: Any, start: "Floats", classes: Any, probabilities: int = 0) -> "State":
    """Return the state of trees (stages, columns); `probabilities` is the number of classes, 0 for a regression."""
    import numpy as np

    trees = [model.tree_ for model in stages.ravel()]
    values = np.concatenate([tree.value[:, 0] for tree in trees]) if trees else np.empty((0, 1))
    extra = {"start": start, "classes": np.asarray(classes), "probabilities": np.array(probabilities)}
    return {**grown(trees, values), **extra}


def _probabilities(sums: "Floats", present: Any, classes: int) -> "Floats":
    """Return probabilities (n, classes): sums are logits of the classes present, or of the second of two."""
    import numpy as np

    if sums.shape[1] == 1:
        sums = np.concatenate([np.zeros_like(sums), sums], axis=1)[:, -len(present) :]
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    result = np.zeros((len(sums), classes))
    result[:, present] = weights / weights.sum(axis=1, keepdims=True)
    return result
