"""How the initial weights of dense layers are drawn."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Part
from workers.catalogue.parameters import parameter
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State
    from workers.engine.philox import Stream


@dataclass(frozen=True, kw_only=True)
class Initialisation(Part):
    """How the initial weights of a layer are drawn.

    `torch-default` is that of torch.nn.Linear: weights and biases uniform within 1/sqrt(fan_in). The others
    have biases of zero unless `bias_sd` is given: `he` normal with variance 2/fan_in, `glorot` normal with
    2/(fan_in + fan_out), `lecun` normal with 1/fan_in, `orthogonal` with orthonormal rows or columns.
    """

    scheme: Literal["torch-default", "he", "glorot", "lecun", "orthogonal"] = parameter(
        "torch-default", "law of the weights"
    )
    scale: float = parameter(1.0, "factor on all initial weights (not on biases)", minimum=0.0, maximum=1e6)
    bias_sd: float | None = parameter(
        None, "standard deviation of normal biases; null: those of the scheme", minimum=0.0, maximum=1e6
    )
    zero: bool = parameter(False, "start with every weight and bias at zero instead")

    def weight(self, stream: "Stream", fan_out: int, fan_in: int) -> "Floats":
        """Return initial weights (fan_out, fan_in)."""
        import numpy as np

        shape = (fan_out, fan_in)
        if self.zero:
            return np.zeros(shape)
        if self.scheme == "torch-default":
            return self.scale * (2 * stream.uniforms(shape) - 1) / math.sqrt(fan_in)
        if self.scheme == "orthogonal":
            return self.scale * _orthogonal(stream, shape)
        variance = {"he": 2 / fan_in, "glorot": 2 / (fan_in + fan_out), "lecun": 1 / fan_in}[self.scheme]
        return self.scale * math.sqrt(variance) * stream.normals(shape)

    def bias(self, stream: "Stream", fan_out: int, fan_in: int) -> "Floats":
        """Return initial biases (fan_out,)."""
        import numpy as np

        if self.zero:
            return np.zeros(fan_out)
        if self.bias_sd is not None:
            return self.bias_sd * stream.normals(fan_out)
        if self.scheme == "torch-default":
            return np.asarray((2 * stream.uniforms(fan_out) - 1) / math.sqrt(fan_in))
        return np.zeros(fan_out)


def drawn_state(stack: DenseStack, initialisation: Initialisation, seed: int) -> "State":
    """Return weights drawn layer by layer from streams of their own, so that layers do not move each other."""
    from workers.engine.philox import Purpose, Stream

    stream = Stream(seed=seed, purpose=Purpose.INIT)
    state: State = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(stack.sizes)):
        name = f"layers.{layer}.weight"
        state[name] = initialisation.weight(stream.child(name), fan_out, fan_in)
        if stack.bias:
            name = f"layers.{layer}.bias"
            state[name] = initialisation.bias(stream.child(name), fan_out, fan_in)
    return state


def _orthogonal(stream: "Stream", shape: tuple[int, int]) -> "Floats":
    """Return a matrix with orthonormal rows or columns, whichever are fewer, uniformly distributed.

    Source: Saxe et al. 2013, arXiv:1312.6120; signs after Mezzadri 2006, arXiv:math-ph/0609050.
    """
    import numpy as np

    tall = stream.normals((max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.asarray(q if shape[0] >= shape[1] else q.T)
