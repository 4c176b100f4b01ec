"""Classical classifiers that learn from one chunk of samples after the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

Labels = NDArray[np.int64]
RIDGE = 1e-3  # of least squares, per sample, on standardised inputs


class Learner(ABC):
    """Learns classes 0 .. m-1 from chunks of standardised samples and keeps none of them."""

    def __init__(self, classes: int, seed: int) -> None:
        self.classes, self.seed = np.arange(classes), seed

    @abstractmethod
    def see(self, inputs: "Floats", labels: Labels) -> None:
        """Learn from a chunk: inputs (n, d), labels (n,)."""

    @abstractmethod
    def classify(self, inputs: "Floats") -> Labels:
        """Return the labels (n,) of inputs (n, d)."""

    @property
    def most_passes(self) -> int | None:
        """Return how often the same samples may be seen; None: any number of times."""
        return None


class NaiveBayes(Learner):
    """Normal inputs given the class: keeps counts, means and variances (Chan, Golub and LeVeque 1979)."""

    most_passes = 1

    def __init__(self, classes: int, seed: int) -> None:
        super().__init__(classes, seed)
        self.model = GaussianNB()

    def see(self, inputs: "Floats", labels: Labels) -> None:
        """Merge the moments."""
        self.model.partial_fit(inputs, labels, classes=self.classes)

    def classify(self, inputs: "Floats") -> Labels:
        """Return the most probable classes."""
        return np.asarray(self.model.predict(inputs))


class LeastSquares(Learner):
    """Ridge regression on one-hot classes: keeps X^T X and X^T Y, sums over samples (Gauss 1809)."""

    most_passes = 1

    def __init__(self, classes: int, seed: int) -> None:
        super().__init__(classes, seed)
        self.count = 0
        self.products: Floats | None = None
        self.answers: Floats | None = None

    def see(self, inputs: "Floats", labels: Labels) -> None:
        """Add the products."""
        x, y = _with_one(inputs), np.eye(len(self.classes))[labels]
        self.count += len(x)
        self.products = x.T @ x if self.products is None else self.products + x.T @ x
        self.answers = x.T @ y if self.answers is None else self.answers + x.T @ y

    def classify(self, inputs: "Floats") -> Labels:
        """Return the classes of the largest outputs."""
        return np.asarray((_with_one(inputs) @ self.coefficients).argmax(axis=1))

    @property
    def coefficients(self) -> "Floats":
        """Return the solution (d + 1, m); its last row is penalised like the others."""
        assert self.products is not None and self.answers is not None, "nothing was seen"
        penalty = RIDGE * self.count * np.eye(len(self.products))
        return np.asarray(np.linalg.solve(self.products + penalty, self.answers))


class Logistic(Learner):
    """One logistic regression per class, one sample at a time (Bottou 2010); keeps the weights."""

    def __init__(self, classes: int, seed: int) -> None:
        super().__init__(classes, seed)
        self.model = SGDClassifier(loss="log_loss", alpha=1e-3, random_state=seed)

    def see(self, inputs: "Floats", labels: Labels) -> None:
        """Take a step per sample, in random order."""
        self.model.partial_fit(inputs, labels, classes=self.classes)

    def classify(self, inputs: "Floats") -> Labels:
        """Return the classes of the largest outputs."""
        return np.asarray(self.model.predict(inputs))


LEARNERS: Mapping[str, Callable[[int, int], Learner]] = {
    "naive-bayes": NaiveBayes,
    "least-squares": LeastSquares,
    "logistic": Logistic,
}


class Standardising:
    """A learner behind a scaler that learns means and deviations from the chunks of the first pass."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.scaler = learner, StandardScaler()

    def learn(self, inputs: "Floats", labels: Labels, *, chunk: int, passes: int) -> None:
        """See the samples in their order, `chunk` at a time: once for the scale, then `passes` times."""
        chunks = [slice(start, start + chunk) for start in range(0, len(inputs), chunk)]
        for part in chunks:
            self.scaler.partial_fit(inputs[part])
        for _ in range(min(passes, self.learner.most_passes or passes)):
            for part in chunks:
                self.learner.see(self.scaler.transform(inputs[part]), labels[part])

    def accuracy(self, inputs: "Floats", labels: Labels) -> float:
        """Return the share of samples whose class is found."""
        return float(np.mean(self.learner.classify(self.scaler.transform(inputs)) == labels))


def _with_one(inputs: "Floats") -> "Floats":
    return np.hstack([inputs, np.ones((len(inputs), 1))])
