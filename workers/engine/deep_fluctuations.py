"""The mean square of a wide random network's units, layer after layer, and its law."""

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import gammaln, polygamma

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.philox import Stream

Activation = Literal["relu", "linear"]


def kernels(stream: "Stream", shape: tuple[int, int, int], activation: Activation, step: int) -> "Floats":
    """Draw the mean squares (k,) of the last of `shape` = (k, depth, width) layers, that of the input being 1.

    Given the layer below, the units of a layer are independent: normal with variance q, its mean square, for
    linear ones, and the positive part of normal with variance 2 q for relu. So a network takes depth times width
    normal numbers and no matrix.
    """
    drawn = stream.normals(shape, step)
    units = drawn if activation == "linear" else math.sqrt(2) * np.maximum(drawn, 0.0)
    return np.asarray(np.square(units).mean(axis=2).prod(axis=1))


def log_variance(width: int, depth: int, activation: Activation) -> float:
    """Return the variance of the logarithm of `kernels`, of networks with a unit that is not 0 in every layer.

    The sum of k squared standard normals has a logarithm of mean psi(k/2) + log 2 and variance psi'(k/2); of relu
    units as many are positive as heads fall in `width` throws.
    """
    if activation == "linear":
        return depth * float(polygamma(1, width / 2))
    positive = np.arange(1, width + 1)
    log_weight = gammaln(width + 1) - gammaln(positive + 1) - gammaln(width - positive + 1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean, inner = polygamma(0, positive / 2), polygamma(1, positive / 2)
    return depth * float(weight @ inner + weight @ np.square(mean - weight @ mean))
