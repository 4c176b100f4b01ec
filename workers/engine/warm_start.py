"""Classical classifiers that continue on a new task from what they learned on another one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import SGDClassifier

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Task = tuple[Floats, Labels]  # inputs (n, d) and their labels (n,)
PASSES = 10  # of logistic regression over a task
STAGES = 20  # of boosting on a task


class Classifier(ABC):
    """Learns one task after the other; all of them have the same classes."""

    @abstractmethod
    def learn(self, task: Task) -> None:
        """Learn a task, from what was learned before."""

    @abstractmethod
    def accuracy(self, task: Task) -> float:
        """Return the share of samples whose class is found."""


class Logistic(Classifier):
    """One logistic regression per class; keeps the weights."""

    def __init__(self, seed: int) -> None:
        self.model = SGDClassifier(loss="log_loss", alpha=1e-3, learning_rate="constant", eta0=0.01, random_state=seed)

    def learn(self, task: Task) -> None:
        """Pass over the samples."""
        inputs, labels = task
        for _ in range(PASSES):
            self.model.partial_fit(inputs, labels, classes=np.unique(labels))

    def accuracy(self, task: Task) -> float:
        """Return the share of samples whose class is found."""
        return float(self.model.score(*task))


class Boosting(Classifier):
    """Gradient-boosted trees; keeps the trees."""

    def __init__(self, seed: int) -> None:
        self.model = GradientBoostingClassifier(
            n_estimators=0, max_depth=2, learning_rate=0.3, max_features="sqrt", warm_start=True, random_state=seed
        )

    def learn(self, task: Task) -> None:
        """Add trees."""
        self.model.set_params(n_estimators=self.model.n_estimators + STAGES)
        self.model.fit(*task)

    def accuracy(self, task: Task) -> float:
        """Return the share of samples whose class is found."""
        return float(self.model.score(*task))


LEARNERS: Mapping[str, Callable[[int], Classifier]] = {"logistic": Logistic, "boosting": Boosting}


def mixed(inputs: Floats, order: Labels, unlikeness: float) -> Floats:
    """Return inputs (n, d) turned towards themselves with their columns in another order.

    A turn by unlikeness times a right angle: 0 leaves them, 1 puts the columns in that order.
    """
    angle = unlikeness * np.pi / 2
    return np.asarray(np.cos(angle) * inputs + np.sin(angle) * inputs[:, order])
