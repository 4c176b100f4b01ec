"""Least squares on random features."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

LARGEST_FIT = 2**34  # samples times features times the fewer of the two: about a minute on one core
SMALLEST_RATIO = 1e-10  # of singular values: a larger cut-off would hide the peak at as many features as samples


@architectures.register(
    "random-features-regression",
    source="Rahimi and Recht 2007, NIPS; Belkin, Hsu, Ma and Mandal 2019, arXiv:1812.11118",
)
@dataclass(frozen=True, kw_only=True)
class RandomFeaturesRegression(Estimator):
    """Random features of the inputs under a linear layer that is solved for, not trained.

    Feature i of x is s(w_i x + b_i) / sqrt(width), with w_i normal of standard deviation scale / sqrt(d) in d inputs
    and b_i uniform within bias_scale. The linear layer has the least squared error on the training set; among
    several such, with more features than samples, the least norm: gradient descent from zero ends there. Its test
    error peaks at as many features as samples. A wider layer of the same seed keeps the features of a narrower one.
    """

    width: int = parameter(256, "random features", minimum=1, maximum=65_536)
    activation: Literal["relu", "cosine", "tanh"] = parameter("relu", "nonlinearity s of the features")
    scale: float = parameter(
        1.0, "sqrt(d) times the standard deviation of a feature's weights", exclusive_minimum=0.0, maximum=1e6
    )
    bias_scale: float = parameter(1.0, "largest bias of a feature", minimum=0.0, maximum=1e6)
    ridge: float = parameter(0.0, "penalty on squared weights, per sample", minimum=0.0, maximum=1e6)

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield classes and a fit that is too large."""
        if task is not Task.REGRESSION:
            yield Problem(detail="fits real outputs: use a tree, boosting or a network for classes")
        rows = sizes.train + (self.width if self.ridge else 0)
        if rows * self.width * min(rows, self.width) > LARGEST_FIT:
            detail = f"{self.width} features of {sizes.train} samples are too many to solve for: use fewer of either"
            yield Problem(path=("width",), code="range", detail=detail)

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the weights of the linear layer."""
        return self.width * outputs

    def multiplications_per_sample(self, inputs: int, outputs: int) -> int:
        """Return those of the features and of the linear layer."""
        return self.width * (inputs + outputs)

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return the features' weights (width, d) and biases (width,) and the coefficients (width, m)."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.INIT)
        inputs, outputs = samples.inputs, samples.outputs
        state: State = {
            "weights": self.scale
            / math.sqrt(inputs.shape[1])
            * stream.child("weights").normals((self.width, inputs.shape[1])),
            "biases": self.bias_scale * (2 * stream.child("biases").uniforms(self.width) - 1),
        }
        features = self._features(state, inputs)
        if self.ridge:
            # Extra rows turn the penalised problem into a plain one without squaring its condition number.
            root = math.sqrt(self.ridge * len(outputs))
            features = np.concatenate([features, root * np.eye(self.width)])
            outputs = np.concatenate([outputs, np.zeros((self.width, outputs.shape[1]))])
        state["coefficients"] = np.linalg.lstsq(features, outputs, rcond=SMALLEST_RATIO)[0]
        return state

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Evaluate the linear layer of the features at (n, d)."""
        values: Floats = self._features(state, inputs) @ state["coefficients"]
        return values

    def _features(self, state: "State", inputs: "Floats") -> "Floats":
        """Return the features (n, width) of inputs (n, d)."""
        import numpy as np

        z = inputs @ state["weights"].T + state["biases"]
        if self.activation == "relu":
            z = np.maximum(z, 0.0)
        else:
            z = np.cos(z) if self.activation == "cosine" else np.tanh(z)
        return np.asarray(z / math.sqrt(self.width))
