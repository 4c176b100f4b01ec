"""The deep linear network."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import Part, architectures
from workers.catalogue.parameters import parameter
from workers.catalogue.stacks import StackNetwork
from workers.catalogue.values import DenseStack

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State
    from workers.engine.philox import Stream


@dataclass(frozen=True, kw_only=True)
class ProductInitialisation(Part):
    """How the initial weights of a product of matrices are chosen; biases start at zero.

    `lecun` draws normal weights of variance 1/fan_in, `glorot` of 2/(fan_in + fan_out), `orthogonal` draws
    orthonormal rows or columns, `identity` puts ones on the diagonals.

    `balanced` draws the end-to-end matrix A by the law of `lecun`, from the seed alone whatever the depth,
    and gives each layer an equal share of its singular values (Arora et al. 2018, arXiv:1810.02281, procedure
    1): W[j+1]^T W[j+1] = W[j] W[j]^T for every j. Their product is A, or where the width is below the rank
    of A its best approximation of that rank. Units beyond the rank start at zero and stay there.
    """

    scheme: Literal["lecun", "glorot", "orthogonal", "identity", "balanced"] = parameter("lecun", "law of the weights")
    scale: float = parameter(
        1.0,
        "factor on the end-to-end matrix: each of the depth + 1 layers takes its (depth + 1)-th root",
        minimum=0.0,
        maximum=1e6,
    )

    def weights(self, stream: "Stream", sizes: tuple[int, ...]) -> "list[Floats]":
        """Return the weights (fan_out, fan_in) of each layer."""
        import numpy as np

        if self.scheme == "balanced":
            inputs, outputs = sizes[0], sizes[-1]
            drawn = self.scale / math.sqrt(inputs) * stream.child("product").normals((outputs, inputs))
            return _balanced(drawn, sizes)
        root = self.scale ** (1 / (len(sizes) - 1))
        if self.scheme == "identity":
            return [root * np.eye(fan_out, fan_in) for fan_in, fan_out in pairwise(sizes)]
        law = Initialisation(scheme=self.scheme, scale=root)
        return [
            law.weight(stream.child(f"layers.{layer}.weight"), fan_out, fan_in)
            for layer, (fan_in, fan_out) in enumerate(pairwise(sizes))
        ]


@architectures.register(
    "deep-linear", source="Saxe, McClelland and Ganguli 2013, arXiv:1312.6120; Arora et al. 2018, arXiv:1802.06509"
)
@dataclass(frozen=True, kw_only=True)
class DeepLinear(StackNetwork):
    """A product of matrices: outputs W[depth+1] ... W[2] W[1] x, without an activation between them.

    It computes what a linear model computes, but gradient descent moves the end-to-end matrix otherwise.
    Without biases, small steps keep the differences W[j+1]^T W[j+1] - W[j] W[j]^T. Where these are zero and
    there is one output, a step of size r takes the end-to-end vector w to w - r |w|^(2-2/N) (g + (N-1) P g), up
    to r**2, with N = depth + 1, g the gradient of the linear model and P the projection onto w.
    """

    width: int = parameter(64, "units per hidden layer", minimum=1, maximum=65_536)
    depth: int = parameter(2, "hidden layers; 0: a linear model", minimum=0, maximum=256)
    bias: bool = parameter(False, "whether layers add a bias")
    initialisation: ProductInitialisation = parameter(
        ProductInitialisation(), "how the initial weights of the product are chosen"
    )

    def stack(self, inputs: int, outputs: int) -> DenseStack:
        """Return the layers."""
        sizes = (inputs, *(self.width,) * self.depth, outputs)
        return DenseStack(sizes=sizes, activation="identity", bias=self.bias)

    def initial_state(self, inputs: int, outputs: int, seed: int) -> "State":
        """Return the chosen weights, and biases of zero."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.INIT)
        state: State = {}
        for layer, weight in enumerate(self.initialisation.weights(stream, self.stack(inputs, outputs).sizes)):
            state[f"layers.{layer}.weight"] = weight
            if self.bias:
                state[f"layers.{layer}.bias"] = np.zeros(len(weight))
        return state


def _balanced(product: "Floats", sizes: tuple[int, ...]) -> "list[Floats]":
    """Return factors (fan_out, fan_in) of `product`, each with the same singular values."""
    import numpy as np

    if len(sizes) == 2:
        return [product]
    left, values, right = np.linalg.svd(product, full_matrices=False)
    rank = min(len(values), *sizes[1:-1])
    roots = values[:rank] ** (1 / (len(sizes) - 1))
    factors = [np.zeros((fan_out, fan_in)) for fan_in, fan_out in pairwise(sizes)]
    factors[0][:rank] = roots[:, None] * right[:rank]
    for inner in factors[1:-1]:
        inner[:rank, :rank] = np.diag(roots)
    factors[-1][:, :rank] = left[:, :rank] * roots
    return factors
