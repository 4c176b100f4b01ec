"""The multilayer perceptron."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from workers.catalogue.kinds import Network, Part, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from torch.nn import Module

    from workers.catalogue.values import Floats, State
    from workers.engine.philox import Stream

Activation = Literal["relu", "tanh", "gelu", "sigmoid", "softplus", "silu", "sine", "square", "exp"]


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


@architectures.register("mlp", source="Rosenblatt 1958, doi:10.1037/h0042519; initial weights as in torch.nn.Linear")
@dataclass(frozen=True, kw_only=True)
class MultilayerPerceptron(Network):
    """Fully connected layers with an activation between them; the last layer is linear.

    `width` is the number of units of every hidden layer, or a list with one number per hidden layer. With
    `residual` a hidden layer that keeps its width adds its input to its output. The activation `square` is
    x**2, `sine` is sin(x), `exp` is e**x; `gelu` is the exact one, x times the normal distribution function.
    """

    width: int | tuple[int, ...] = parameter(
        64, "units per hidden layer: a number, or one per layer", minimum=1, maximum=65_536, min_items=1, max_items=256
    )
    depth: int | None = parameter(
        None, "hidden layers; null: 2, or as many as width lists; 0: a linear model", minimum=0, maximum=256
    )
    activation: Activation = parameter("relu", "nonlinearity between layers")
    bias: bool = parameter(True, "whether layers add a bias")
    residual: bool = parameter(False, "whether a hidden layer adds its input to its output")
    initialisation: Initialisation = parameter(Initialisation(), "how the initial weights are drawn")

    def problems(self) -> Iterable[Problem]:
        """Yield a list of widths that does not match the depth."""
        if isinstance(self.width, tuple) and self.depth is not None and len(self.width) != self.depth:
            detail = f"lists {len(self.width)} hidden layers but depth is {self.depth}: leave depth out"
            yield Problem(path=("width",), code="length", detail=detail)

    @property
    def widths(self) -> tuple[int, ...]:
        """Return the units of each hidden layer."""
        if isinstance(self.width, tuple):
            return self.width
        return (self.width,) * (2 if self.depth is None else self.depth)

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the layers."""
        return DenseStack(
            sizes=(inputs, *self.widths, outputs), activation=self.activation, bias=self.bias, residual=self.residual
        )

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of weights and biases."""
        return self.stack(inputs, outputs).parameter_count

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return weights drawn layer by layer from streams of their own, so that layers do not move each other."""
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.INIT)
        sizes = self.stack(inputs, outputs).sizes
        state: State = {}
        for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            name = f"layers.{layer}.weight"
            state[name] = self.initialisation.weight(stream.child(name), fan_out, fan_in)
            if self.bias:
                name = f"layers.{layer}.bias"
                state[name] = self.initialisation.bias(stream.child(name), fan_out, fan_in)
        return state

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return the layers as a torch module."""
        from workers.engine.layers import DenseNetwork

        return DenseNetwork(self.stack(inputs, outputs))


def _orthogonal(stream: "Stream", shape: tuple[int, int]) -> "Floats":
    """Return a matrix with orthonormal rows or columns, whichever are fewer, uniformly distributed.

    Source: Saxe et al. 2013, arXiv:1312.6120; signs after Mezzadri 2006, arXiv:math-ph/0609050.
    """
    import numpy as np

    tall = stream.normals((max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.asarray(q if shape[0] >= shape[1] else q.T)
