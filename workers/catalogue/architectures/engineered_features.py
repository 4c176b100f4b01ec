"""A linear model of features that were thought out, not learned."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

MOST_FEATURES = 4096  # the fit takes about samples * features**2 operations
DIRECTIONS = {1: 2, 2: 9}  # of a gradient histogram, by the axes


@architectures.register(
    "engineered-features",
    source="Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177; Dempster, Petitjean and Webb 2020, arXiv:1910.13051",
)
@dataclass(frozen=True, kw_only=True)
class EngineeredFeatures(Estimator):
    """Ridge regression on fixed features of a signal along a line or of an image.

    `raw` are the inputs themselves; `spectrum` the magnitudes of their Fourier transform; `gradients` histograms of
    the directions of change in cells (rises and falls on a line, 9 orientations of a gradient on a square);
    `random-convolutions` the largest value, and the share of positive values, of each of many random dilated filters.
    Features are standardised on the training samples, and the penalty is the one of the least leave-one-out error,
    of 19 from 1e-6 to 1e3. Of a classification the outputs are fitted to one-hot classes; clipped to [0, 1] and
    divided by their sum they count as probabilities.
    """

    features: Literal["raw", "spectrum", "gradients", "random-convolutions"] = parameter(
        "random-convolutions", "what the linear model sees"
    )
    dimensions: int = parameter(1, "axes of the input: 1 a line, 2 a square", minimum=1, maximum=2)
    cell: int = parameter(4, "positions along each side of a cell of gradients", minimum=1, maximum=1024)
    filters: int = parameter(300, "random filters, two features each", minimum=1, maximum=MOST_FEATURES // 2)
    kernel_size: int = parameter(7, "positions of a random filter along each axis", minimum=1, maximum=64)

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield inputs that are no square, and too many features."""
        if self.dimensions == 2 and self._side(sizes.inputs) ** 2 != sizes.inputs:
            detail = f"{sizes.inputs} inputs are no square: use 1 for a line"
            yield Problem(path=("dimensions",), code="range", detail=detail)
        elif self.feature_count(sizes.inputs) > MOST_FEATURES:
            detail = f"makes {self.feature_count(sizes.inputs)} features; at most {MOST_FEATURES} are fitted"
            yield Problem(path=("features",), code="range", detail=detail)

    def feature_count(self, inputs: int) -> int:
        """Return the number of features of d inputs."""
        side = self._side(inputs)
        counts: dict[str, int] = {
            "raw": inputs,
            "spectrum": side ** (self.dimensions - 1) * (side // 2 + 1),
            "gradients": DIRECTIONS[self.dimensions] * (-(-side // self.cell)) ** self.dimensions,
            "random-convolutions": 2 * self.filters,
        }
        return counts[self.features]

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the coefficients of the linear model and its intercepts."""
        return outputs * (self.feature_count(inputs) + 1)

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return the input, its histograms or its windows under the filters, the features and the outputs."""
        between = {"gradients": 4 * DIRECTIONS[self.dimensions], "random-convolutions": self.kernel_size**2}
        return inputs * (2 + between.get(self.features, 1)) + 2 * self.feature_count(inputs) + outputs

    def multiplications_per_sample(self, inputs: int, outputs: int) -> int:
        """Return those of the filters and of the linear model."""
        filtered = inputs * self.filters * self.kernel_size**self.dimensions
        return self.parameter_count(inputs, outputs) + (filtered if self.features == "random-convolutions" else inputs)

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return coefficients (f, m), intercept (m,), the features' mean and scale, the penalty, and any filters."""
        import numpy as np

        from workers.catalogue.scalings import moments
        from workers.engine.engineered_features import random_kernels, ridge
        from workers.engine.philox import Purpose, Stream

        state: State = {}
        if self.features == "random-convolutions":
            stream = Stream(seed=seed, purpose=Purpose.ESTIMATOR)
            side = self._side(samples.inputs.shape[1])
            state = random_kernels(stream, self.filters, self.kernel_size, self.dimensions, side)
        found = self._features(state, samples.inputs)
        mean, scale = moments(found)
        coefficients, intercept, penalty = ridge((found - mean) / scale, samples.outputs)
        return {
            **state,
            "coefficients": coefficients,
            "intercept": intercept,
            "mean": mean,
            "scale": scale,
            "penalty": np.array(penalty),
            "probabilities": np.array(task is Task.CLASSIFICATION),
        }

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Return the linear model's outputs; for a classification, clipped and divided by their sum."""
        import numpy as np

        scaled = (self._features(state, inputs) - state["mean"]) / state["scale"]
        found = np.asarray(scaled @ state["coefficients"] + state["intercept"])
        if not state["probabilities"]:
            return found
        found = np.clip(found, 0.0, 1.0)
        total = found.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, found / np.where(total > 0, total, 1.0), 1 / found.shape[1]))

    def _features(self, state: "State", inputs: "Floats") -> "Floats":
        """Return the features (n, f) of inputs (n, d)."""
        from workers.engine import engineered_features as engine

        if self.features == "raw":
            return inputs
        frames = engine.framed(inputs, self.dimensions)
        if self.features == "spectrum":
            return engine.spectrum(frames)
        if self.features == "gradients":
            return engine.gradient_histograms(frames, self.cell)
        return engine.random_convolutions(frames, state)

    def _side(self, inputs: int) -> int:
        return round(float(inputs ** (1 / self.dimensions)))
