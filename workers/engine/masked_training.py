"""Training of relu networks some of whose weights are held at zero, by Adam in float64."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workers.engine.philox import Purpose, Stream, minibatch_indices

Floats = NDArray[np.float64]
Weights = list[Floats]  # per layer (fan_in + 1, fan_out), the last row its biases
Masks = list[NDArray[np.bool_]]  # per layer (fan_in, fan_out), true where a weight may differ from 0

DECAYS, TINY = (0.9, 0.999), 1e-8  # of Adam, as Kingma and Ba 2015 recommend


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What is learned: inputs (n, d), class probabilities (n, m), and how often and how fast steps are taken.

    Outputs are divided by `temperature` before the softmax, as those of a teacher were.
    """

    inputs: Floats
    probabilities: Floats
    steps: int
    batch_size: int
    learning_rate: float
    temperature: float = 1.0


def initial(sizes: tuple[int, ...], stream: Stream) -> Weights:
    """Draw weights of variance 2 / fan_in (He et al. 2015), biases 0."""
    return [
        np.vstack([stream.child(str(index)).normals(pair) * np.sqrt(2 / pair[0]), np.zeros(pair[1])])
        for index, pair in enumerate(pairwise(sizes))
    ]


def outputs(weights: Weights, inputs: Floats) -> Floats:
    """Map (n, d) to (n, m), before any softmax."""
    return _layers(weights, inputs)[-1]


def softmax(values: Floats) -> Floats:
    """Return probabilities (n, m) in proportion to the exponentials of values."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def trained(weights: Weights, masks: Masks, lesson: Lesson, seed: int) -> Weights:
    """Return the weights after the lesson's steps on the cross-entropy; masked ones are 0 from the start."""
    allowed = [np.vstack([mask, np.ones((1, mask.shape[1]), dtype=bool)]) for mask in masks]
    found = [weight * mask for weight, mask in zip(weights, allowed, strict=True)]
    first, second = ([np.zeros_like(weight) for weight in found] for _ in range(2))
    batch = min(lesson.batch_size, len(lesson.inputs))
    order = minibatch_indices(Stream(seed=seed, purpose=Purpose.ORDER), len(lesson.inputs), batch, 0, lesson.steps)
    for step, rows in enumerate(order, start=1):
        slopes = gradients(found, lesson.inputs[rows], lesson.probabilities[rows], lesson.temperature)
        for index, (slope, mask) in enumerate(zip(slopes, allowed, strict=True)):
            slope *= mask
            first[index] = DECAYS[0] * first[index] + (1 - DECAYS[0]) * slope
            second[index] = DECAYS[1] * second[index] + (1 - DECAYS[1]) * slope**2
            mean, square = first[index] / (1 - DECAYS[0] ** step), second[index] / (1 - DECAYS[1] ** step)
            found[index] = found[index] - lesson.learning_rate * mean / (np.sqrt(square) + TINY)
    return found


def gradients(weights: Weights, inputs: Floats, probabilities: Floats, temperature: float = 1.0) -> Weights:
    """Return the derivatives of the mean cross-entropy of softmax(outputs / temperature), times temperature**2.

    The factor keeps them of one size at all temperatures (Hinton, Vinyals and Dean 2015, section 2.1).
    """
    layers = _layers(weights, inputs)
    delta = temperature * (softmax(layers[-1] / temperature) - probabilities) / len(inputs)
    found: Weights = []
    for weight, below in zip(reversed(weights), reversed(layers[:-1]), strict=True):
        found.insert(0, np.vstack([below.T @ delta, delta.sum(axis=0)]))
        delta = (delta @ weight[:-1].T) * (below > 0)
    return found


def pruned(weights: Weights, masks: Masks, keep: int) -> Masks:
    """Return masks with the `keep` weights of largest magnitude in the whole network, of those the masks allow."""
    sizes = np.concatenate([np.where(mask, np.abs(w[:-1]), -1).ravel() for w, mask in zip(weights, masks, strict=True)])
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[np.argsort(-sizes, kind="stable")[:keep]] = True
    parts = np.split(chosen, np.cumsum([mask.size for mask in masks])[:-1])
    return [part.reshape(mask.shape) & mask for part, mask in zip(parts, masks, strict=True)]


def shuffled(masks: Masks, stream: Stream) -> Masks:
    """Return masks with as many places per layer, at random."""
    return [
        mask.ravel()[stream.child(str(index)).permutation(mask.size)].reshape(mask.shape)
        for index, mask in enumerate(masks)
    ]


def _layers(weights: Weights, inputs: Floats) -> list[Floats]:
    """Return the inputs, the units of every hidden layer and the outputs."""
    found = [inputs]
    for index, weight in enumerate(weights):
        sums = found[-1] @ weight[:-1] + weight[-1]
        found.append(sums if index == len(weights) - 1 else np.maximum(sums, 0.0))
    return found
