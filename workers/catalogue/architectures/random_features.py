"""Random features under a trained linear layer."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import Network, architectures
from workers.catalogue.parameters import parameter

if TYPE_CHECKING:
    from torch.nn import Module

    from workers.catalogue.values import Floats, State
    from workers.engine.philox import Stream

FeatureActivation = Literal["cosine", "sine", "relu", "tanh", "sigmoid", "gelu", "softplus", "silu"]


@architectures.register("random-features", source="Rahimi and Recht 2007, NIPS; Cho and Saul 2009, NIPS")
@dataclass(frozen=True, kw_only=True)
class RandomFeatures(Network):
    """A hidden layer that is drawn and never trained, under a linear layer that is.

    Feature i of x is s(w_i x + b_i) with weights w_i normal, or with `normalise` sqrt(2 / width) times that, so
    that the products of the features of x and y sum to a kernel k(x, y) as the width grows. By default that is
    the Gaussian one, exp(-scale**2 |x - y|**2 / 2): `cosine` or `sine` with biases uniform on [-pi, pi]. `relu`
    without biases gives scale**2 |x| |y| (sin t + (pi - t) cos t) / pi, t the angle between x and y.
    A wider layer of the same seed keeps the features of a narrower one. Only the linear layer is counted
    among the parameters.
    """

    initial = ("initialisation", "scale", "bias_law", "bias_scale")

    width: int = parameter(256, "random features", minimum=1, maximum=65_536)
    activation: FeatureActivation = parameter("cosine", "nonlinearity s of the features")
    scale: float = parameter(
        1.0,
        "standard deviation of the first layer's weights: one over the kernel's bandwidth",
        exclusive_minimum=0.0,
        maximum=1e6,
    )
    bias_law: Literal["uniform", "normal"] = parameter("uniform", "law of the first layer's biases, around 0")
    bias_scale: float = parameter(
        math.pi, "largest uniform bias, or standard deviation of a normal one; 0: none", minimum=0.0, maximum=1e6
    )
    normalise: bool = parameter(True, "whether features are multiplied by sqrt(2 / width)")
    output_bias: bool = parameter(True, "whether the linear layer adds a bias")
    initialisation: Initialisation = parameter(
        Initialisation(zero=True), "how the initial weights of the linear layer are drawn"
    )

    @property
    def factor(self) -> float:
        """Return what every feature is multiplied by."""
        return math.sqrt(2 / self.width) if self.normalise else 1.0

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of weights and biases of the linear layer."""
        return outputs * (self.width + self.output_bias)

    def numbers_per_sample(self, inputs: int, outputs: int) -> int:
        """Return its inputs, features and outputs."""
        return inputs + self.width + outputs

    def vmap_matrices(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Return the size of the linear layer."""
        return (self.width * outputs,)

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the fixed layer, layers.0, and the start of the linear one, layers.1."""
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.INIT)
        state: State = {
            "layers.0.weight": self.scale * stream.child("layers.0.weight").normals((self.width, inputs)),
            "layers.0.bias": self._phases(stream.child("layers.0.bias")),
            "layers.1.weight": self.initialisation.weight(stream.child("layers.1.weight"), outputs, self.width),
        }
        if self.output_bias:
            state["layers.1.bias"] = self.initialisation.bias(stream.child("layers.1.bias"), outputs, self.width)
        return state

    def _phases(self, stream: "Stream") -> "Floats":
        if self.bias_law == "normal":
            return self.bias_scale * stream.normals(self.width)
        return self.bias_scale * (2 * stream.uniforms(self.width) - 1)

    def module(self, inputs: int, outputs: int) -> "Module":
        """Return a torch module whose first layer is a pair of buffers."""
        from workers.engine.random_features import RandomFeatureNetwork

        return RandomFeatureNetwork(
            (inputs, self.width, outputs), activation=self.activation, factor=self.factor, bias=self.output_bias
        )
