"""The multilayer perceptron: layers, laws of its initial weights."""

import math
from typing import Any

import numpy as np
import pytest

from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import Architecture, architectures
from workers.catalogue.problems import InvalidError
from workers.experiments.codec import decode_component

WIDE = 1000


def mlp(**fields: Any) -> Any:
    """Return a multilayer perceptron."""
    return architectures.get("mlp")(**fields)


@pytest.mark.parametrize(
    ("fields", "sizes"),
    [
        ({"width": 5}, (2, 5, 5, 3)),
        ({"width": 5, "depth": 0}, (2, 3)),
        ({"width": 5, "depth": 3}, (2, 5, 5, 5, 3)),
        ({"width": (4, 6)}, (2, 4, 6, 3)),
        ({"width": (4, 6, 8), "depth": 3}, (2, 4, 6, 8, 3)),
    ],
)
def test_width_and_depth_count_hidden_layers(fields: dict[str, Any], sizes: tuple[int, ...]) -> None:
    """Mutation: depth counts all layers."""
    assert mlp(**fields).stack(2, 3).sizes == sizes


def test_a_list_of_widths_that_contradicts_the_depth_is_refused() -> None:
    """Mutation: no problems()."""
    with pytest.raises(InvalidError, match="lists 2 hidden layers but depth is 3"):
        decode_component(Architecture, {"kind": "mlp", "width": [4, 6], "depth": 3})


def test_parameters_are_counted_by_hand() -> None:
    """2*5+5 + 5*5+5 + 5*3+3 = 63; without biases 50. Mutation: forget the last bias."""
    assert mlp(width=5).parameter_count(2, 3) == 63
    assert mlp(width=5, bias=False).parameter_count(2, 3) == 50


@pytest.mark.parametrize(
    ("scheme", "variance", "largest"),
    [
        ("torch-default", 1 / (3 * WIDE), 1 / math.sqrt(WIDE)),
        ("he", 2 / WIDE, math.inf),
        ("glorot", 2 / (WIDE + 500), math.inf),
        ("lecun", 1 / WIDE, math.inf),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_weights_have_the_variance_of_their_scheme(scheme: Any, variance: float, largest: float, scale: float) -> None:
    """Half a million numbers: relative error of the variance below 4 * sqrt(2/500,000). Mutation: swap the fans."""
    network = mlp(width=500, depth=1, initialisation=Initialisation(scheme=scheme, scale=scale))
    weight = network.initial_state(WIDE, 1, 0)["layers.0.weight"]
    assert weight.var() == pytest.approx(variance * scale**2, rel=4 * math.sqrt(2 / weight.size))
    assert abs(weight.mean()) < 4 * weight.std() / math.sqrt(weight.size)
    assert np.abs(weight).max() <= largest * scale


@pytest.mark.parametrize(("inputs", "width"), [(7, 20), (20, 7)])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(inputs: int, width: int) -> None:
    """Mutation: return the factor of a wide matrix untransposed."""
    network = mlp(width=width, depth=1, initialisation=Initialisation(scheme="orthogonal", scale=2.0))
    weight = network.initial_state(inputs, 1, 0)["layers.0.weight"]
    gram = weight @ weight.T if width < inputs else weight.T @ weight
    assert weight.shape == (width, inputs) and np.allclose(gram, 4 * np.eye(7))


def test_biases_are_those_of_the_scheme_or_as_asked() -> None:
    """Mutation: scale the biases too."""
    defaults = mlp(width=9, initialisation=Initialisation(scale=100.0)).initial_state(4, 1, 0)["layers.0.bias"]
    assert 0 < np.abs(defaults).max() <= 0.5
    assert not mlp(initialisation=Initialisation(scheme="he")).initial_state(4, 1, 0)["layers.0.bias"].any()
    drawn = mlp(width=4000, initialisation=Initialisation(scheme="he", bias_sd=2.0)).initial_state(4, 1, 0)
    assert drawn["layers.0.bias"].std() == pytest.approx(2.0, rel=4 * math.sqrt(1 / 8000))


def test_zero_starts_at_zero_and_no_bias_means_none() -> None:
    """Mutation: zero the weights alone."""
    state = mlp(initialisation=Initialisation(zero=True, bias_sd=1.0)).initial_state(4, 1, 0)
    assert not any(array.any() for array in state.values())
    assert list(mlp(bias=False, depth=1).initial_state(4, 1, 0)) == ["layers.0.weight", "layers.1.weight"]


def test_a_layer_is_drawn_from_a_stream_of_its_own() -> None:
    """More outputs leave the hidden layers as they are. Mutation: one stream for all layers."""
    one, three = (mlp(width=8).initial_state(4, outputs, 0) for outputs in (1, 3))
    assert all(np.array_equal(one[name], three[name]) for name in one if not name.startswith("layers.2"))
    square = mlp(width=4).initial_state(4, 4, 0)
    assert not np.array_equal(square["layers.0.weight"], square["layers.1.weight"])
