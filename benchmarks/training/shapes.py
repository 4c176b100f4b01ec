"""What is trained: four shapes, and the data, weights and minibatches that every formulation is given."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

SAMPLES = 1024
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
EPSILON = 1e-8  # of Adam
GATE_STEPS = 20
PROBE_SIZE = 2048  # rows and columns of the product that tells the rate of the machine


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One network on one regime; `batch_size` is None in full batch."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    batch_size: int | None

    @property
    def rows(self):
        """Return the samples of one step."""
        return self.batch_size or SAMPLES

    @property
    def flops(self):
        """Return the operations of one network-step, products only: forward, weights, and inputs but the first."""
        layers = [fan_in * fan_out for fan_in, fan_out in pairwise(self.sizes)]
        return 2 * self.rows * (3 * sum(layers) - layers[0])


A = {"sizes": (1, 64, 64, 1), "activation": "tanh"}
B = {"sizes": (8, 128, 128, 1), "activation": "relu"}
SHAPES = {
    shape.name: shape
    for shape in (
        Shape(name="A-mini", batch_size=BATCH_SIZE, **A),
        Shape(name="A-full", batch_size=None, **A),
        Shape(name="B-mini", batch_size=BATCH_SIZE, **B),
        Shape(name="B-full", batch_size=None, **B),
    )
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """K networks: inputs (K, n, d), targets (K, n, m), weights per layer (K, out, in) and biases (K, out).

    `batches` (steps, K, rows) are those of the gate, None in full batch; `specs` say the same as JSON.
    """

    shape: Shape
    inputs: np.ndarray
    targets: np.ndarray
    layers: list[tuple[np.ndarray, np.ndarray]]
    batches: np.ndarray | None
    specs: list[dict]
    epsilon: float = EPSILON

    @property
    def networks(self):
        """Return K."""
        return len(self.specs)


def flat(layers):
    """Return all numbers of each network in one row (K, p): of each layer the weights (K, out, in), then biases."""
    return np.concatenate([each.reshape(len(each), -1) for layer in layers for each in layer], axis=1)


class Orders:
    """Minibatches of K networks, each in an order of its own, a fresh one every epoch."""

    def __init__(self, networks, batch_size):
        self._generator = np.random.default_rng(0)
        self._epoch = np.tile(np.arange(SAMPLES), (networks, 1))
        self._batch_size = batch_size
        self._left = np.empty((networks, 0), dtype=np.int64)

    def draw(self, steps):
        """Return the sample indices of the next steps: (steps, K, batch_size)."""
        parts, count = [self._left], self._left.shape[1]
        while count < steps * self._batch_size:
            parts.append(self._generator.permuted(self._epoch, axis=1))
            count += SAMPLES
        drawn = np.concatenate(parts, axis=1)
        taken, self._left = np.split(drawn, [steps * self._batch_size], axis=1)
        return np.ascontiguousarray(taken.reshape(len(taken), steps, -1).transpose(1, 0, 2))
