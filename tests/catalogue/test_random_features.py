"""A linear model over random features: what is drawn, what is trained, which kernel it tends to."""

import math
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from tests.catalogue.descent import descent, flat, iterate, start_and_end, with_one
from tests.catalogue.networks import NUMPY, Floats, by_definition, differences, evaluated, gradients, module_of
from tests.engine.populations import alone, content
from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import architectures
from workers.engine.material import draw
from workers.engine.models import load_model
from workers.experiments.shape import backend_of


def features(**fields: Any) -> Any:
    """Return random features."""
    return architectures.get("random-features")(**fields)


def mapped(network: Any, state: Any, x: Floats) -> Floats:
    """Return the features (n, width) by numpy."""
    before = x @ state["layers.0.weight"].T + state["layers.0.bias"]
    return np.asarray(network.factor * NUMPY[network.activation](before))


@pytest.mark.parametrize("backend", ["vmap", "loop"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_leaves_the_random_layer_where_it_was_drawn(dtype: str, backend: str) -> None:
    """Bit for bit, in the precision of the network, while the layer above moves. Mutation: nn.Linear for both."""
    experiment = descent(features(width=32), 0.1, 50, dtype=dtype, backend=backend)
    assert backend_of(experiment) == backend
    start, end = start_and_end(experiment)
    for name in ("layers.0.weight", "layers.0.bias"):
        assert end[name].dtype == dtype and np.array_equal(end[name], start[name].astype(dtype))
    assert not start["layers.1.weight"].any() and np.abs(end["layers.1.weight"]).min() > 0


@pytest.mark.parametrize(("bias", "width"), [(True, 8), (False, 8), (True, 60)])
def test_descent_over_random_features_follows_its_closed_form(bias: bool, width: int) -> None:
    """That of the linear model, its inputs replaced by the features; 60 of them exceed the 30 samples.

    Mutation: features without sqrt(2 / width).
    """
    network = features(width=width, output_bias=bias, initialisation=Initialisation(scheme="lecun"))
    experiment = descent(network, 0.3, 200)
    train = draw(experiment).train
    start, end = start_and_end(experiment)
    rows = mapped(network, start, train.inputs)
    expected = iterate(with_one(rows) if bias else rows, train.outputs[:, 0], flat(start, 1), 0.3, 200)
    np.testing.assert_allclose(flat(end, 1), expected, atol=1e-12, rtol=0)


def test_a_stored_model_keeps_its_random_layer() -> None:
    """Read back from its bytes it predicts what numpy does. Mutation: buffers that are not persistent."""
    network = features(width=20)
    experiment = descent(network, 0.1, 5)
    stored = content(alone(experiment), "model.safetensors")
    x = np.random.default_rng(0).uniform(-1, 1, (7, 5))
    state = {name: array for name, array in load(stored).items() if name.startswith("layers.")}
    expected = by_definition(state, x, "cosine", network.factor)
    np.testing.assert_allclose(load_model(experiment, stored)(x), expected, atol=1e-14)


def test_only_the_linear_layer_is_counted() -> None:
    """20 * 2 + 2 by hand, without biases 40. Mutation: count the drawn layer too."""
    assert features(width=20).parameter_count(5, 2) == 42
    assert features(width=20, output_bias=False).parameter_count(5, 2) == 40
    assert list(features(output_bias=False).initial_state(5, 2, 0)) == [
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
    ]


PAIRS = np.random.default_rng(5).normal(size=(2, 12, 3))  # x and y of twelve pairs


@pytest.mark.parametrize("activation", ["cosine", "sine"])
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_products_of_waves_are_the_gaussian_kernel(activation: str, scale: float) -> None:
    """Within five standard errors: one feature's product has the variance 1 + k**4 / 2 - k**2, k the kernel.

    Its two waves, of the difference and of the sum of x and y, have the variances (1 + k**4) / 2 - k**2 and 1/2
    and do not correlate. Mutation: biases on a quarter of the circle; the bandwidth in place of its inverse.
    """
    network = features(width=20_000, scale=scale, activation=activation)
    state = network.initial_state(3, 1, 0)
    x, y = (mapped(network, state, side) for side in PAIRS)
    kernel = np.exp(-(scale**2) * ((PAIRS[0] - PAIRS[1]) ** 2).sum(axis=1) / 2)
    error = np.sqrt((1 + kernel**4 / 2 - kernel**2) / network.width)
    assert (np.abs((x * y).sum(axis=1) - kernel) < 5 * error).all()


def test_products_of_rectified_features_are_the_arc_cosine_kernel() -> None:
    """Cho and Saul 2009, of degree 1, within five standard errors; E (2 r s)**2 is at most 6 |x|**2 |y|**2 scale**4.

    By Cauchy and Schwarz, since a rectified normal number has the fourth moment 3/2. Mutation: biases left on.
    """
    network = features(width=20_000, scale=2.0, activation="relu", bias_scale=0.0)
    state = network.initial_state(3, 1, 0)
    x, y = (mapped(network, state, side) for side in PAIRS)
    norms = np.linalg.norm(PAIRS[0], axis=1) * np.linalg.norm(PAIRS[1], axis=1)
    angle = np.arccos((PAIRS[0] * PAIRS[1]).sum(axis=1) / norms)
    kernel = 4 * norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
    assert (np.abs((x * y).sum(axis=1) - kernel) < 5 * 4 * norms * math.sqrt(6 / network.width)).all()


@pytest.mark.parametrize(("law", "variance"), [("uniform", 0.3**2 / 3), ("normal", 0.3**2)])
def test_the_random_layer_has_the_law_asked_for(law: Any, variance: float) -> None:
    """Variances within four standard errors of a normal law's. Mutation: swap the laws."""
    state = features(width=20_000, scale=3.0, bias_law=law, bias_scale=0.3).initial_state(2, 1, 0)
    assert state["layers.0.weight"].var() == pytest.approx(9, rel=4 * math.sqrt(2 / 40_000))
    assert state["layers.0.bias"].var() == pytest.approx(variance, rel=4 * math.sqrt(2 / 20_000))
    assert (np.abs(state["layers.0.bias"]).max() <= 0.3) == (law == "uniform")


def test_a_wider_layer_keeps_the_features_of_a_narrower_one() -> None:
    """Mutation: draw weights of shape (inputs, width) and transpose them."""
    narrow, wide = (features(width=width).initial_state(3, 1, 0) for width in (8, 20))
    assert np.array_equal(wide["layers.0.weight"][:8], narrow["layers.0.weight"])
    assert np.array_equal(wide["layers.0.bias"][:8], narrow["layers.0.bias"])


@pytest.mark.parametrize("activation", ["cosine", "sine", "relu", "tanh"])
@pytest.mark.parametrize("normalise", [True, False])
def test_autograd_trains_the_layer_over_random_features_alone(activation: Any, normalise: bool) -> None:
    """Against numpy and its central differences. Mutation: a parameter in the first layer; no factor."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(6, 4)), generator.normal(size=(6, 2))
    network = features(
        width=7, activation=activation, normalise=normalise, initialisation=Initialisation(scheme="lecun", bias_sd=1.0)
    )
    state, module = network.initial_state(4, 2, 0), module_of(network, 4, 2)
    factor = math.sqrt(2 / 7) if normalise else 1.0
    np.testing.assert_allclose(evaluated(module, x), by_definition(state, x, activation, factor), atol=1e-14)
    trained = ["layers.1.weight", "layers.1.bias"]
    found, expected = gradients(module, x, y), differences(state, x, y, trained, activation, factor)
    assert list(found) == trained
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-7, atol=1e-8)
