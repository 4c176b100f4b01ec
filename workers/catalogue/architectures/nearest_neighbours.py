"""Nearest neighbours."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workers.catalogue.kinds import Estimator, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Samples, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

BLOCK = 2**18  # distances held at a time: 2 MB


@architectures.register("nearest-neighbours", source="Cover and Hart 1967, doi:10.1109/TIT.1967.1053964")
@dataclass(frozen=True, kw_only=True)
class NearestNeighbours(Estimator):
    """The mean of the outputs of the k training samples that lie nearest.

    For a classification that is the share of each class among them. Of training samples at the same distance,
    the earlier one is the nearer. Inputs are compared as they are scaled, so scale them alike.
    """

    k: int = parameter(5, "neighbours", minimum=1, maximum=100_000)
    weights: Literal["uniform", "distance"] = parameter(
        "uniform", "all neighbours alike, or by the inverse of their distance; at distance 0 only such neighbours count"
    )
    p: int = parameter(2, "distance: 1 is the sum of absolute differences, 2 the Euclidean one", minimum=1, maximum=2)
    max_samples: int = parameter(
        10_000, "most training samples, all of which are kept and compared", minimum=1, maximum=1_000_000
    )

    def problems(self) -> Iterable[Problem]:
        """Yield more neighbours than samples."""
        if self.k > self.max_samples:
            yield Problem(path=("k",), code="range", detail=f"must be at most max_samples = {self.max_samples}")

    def misfits(self, sizes: DataSizes, task: Task) -> Iterable[Problem]:
        """Yield a training set that is smaller than k or larger than the samples kept."""
        if self.k > sizes.train:
            detail = f"must be at most {sizes.train}, the number of training samples; got {self.k}"
            yield Problem(path=("k",), code="range", detail=detail)
        if sizes.train > self.max_samples:
            detail = f"must be at least {sizes.train}, the number of training samples; or train on fewer"
            yield Problem(path=("max_samples",), code="range", detail=detail)

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the most numbers that the kept samples can hold."""
        return self.max_samples * (inputs + outputs)

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return its inputs and outputs: its distances to all training samples are held for a block of rows only."""
        return inputs + outputs

    def fit(self, samples: Samples, task: Task, seed: int) -> "State":
        """Return the training samples: inputs (n, d) and outputs (n, m)."""
        return {"inputs": samples.inputs, "outputs": samples.outputs}

    def predict(self, state: "State", inputs: "Floats") -> "Floats":
        """Return the mean output of the neighbours of each point."""
        import numpy as np

        known, outputs = state["inputs"], state["outputs"]
        found = np.empty((len(inputs), outputs.shape[1]))
        rows = max(1, BLOCK // max(len(known), self.k * outputs.shape[1]))
        for first in range(0, len(inputs), rows):
            block = slice(first, first + rows)
            distances = _distances(inputs[block], known, self.p)
            nearest = _nearest(distances, self.k)
            shares = self._shares(np.take_along_axis(distances, nearest, axis=1))
            found[block] = np.einsum("nk,nkm->nm", shares, outputs[nearest])
        return found

    def _shares(self, distances: "Floats") -> "Floats":
        """Return the share of each neighbour (n, k) in the mean, from its distance."""
        import numpy as np

        if self.weights == "uniform":
            return np.full_like(distances, 1 / self.k)
        least = distances.min(axis=1, keepdims=True)
        # The ratio to the least distance instead of 1 / distance, which overflows for tiny ones.
        ratios = np.divide(least, distances, out=np.ones_like(distances), where=distances > least)
        return np.asarray(ratios / ratios.sum(axis=1, keepdims=True))


def _distances(points: "Floats", known: "Floats", p: int) -> "Floats":
    """Return the distances (n, kept) between points (n, d) and the kept samples."""
    import numpy as np
    from scipy.spatial.distance import cdist

    # Difference by difference: |x|**2 - 2 x y + |y|**2 would round equal distances apart.
    return np.asarray(cdist(points, known, "euclidean" if p == 2 else "cityblock"))


def _nearest(distances: "Floats", k: int) -> Any:
    """Return the indices (n, k) of the k least distances of each row, ascending; of equal ones the first."""
    import numpy as np

    last = np.partition(distances, k - 1, axis=1)[:, k - 1 : k]
    nearer, level = distances < last, distances == last
    missing = k - nearer.sum(axis=1, keepdims=True)
    chosen = nearer | (level & (np.cumsum(level, axis=1) <= missing))
    return np.nonzero(chosen)[1].reshape(len(distances), k)
