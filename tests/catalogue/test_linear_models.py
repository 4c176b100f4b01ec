"""Linear and deep linear models, whose training is known in closed form."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.catalogue.descent import descent, flat, iterate, start_and_end, with_one
from tests.catalogue.networks import Floats, by_definition, differences, evaluated, gradients, module_of, sequential
from workers.catalogue.initialisation import Initialisation
from workers.catalogue.kinds import Network, architectures
from workers.catalogue.values import Samples
from workers.engine.material import draw
from workers.experiments.shape import dense_stack


def network_of(kind: str, **fields: Any) -> Any:
    """Return an architecture."""
    return architectures.get(kind)(**fields)


@pytest.mark.parametrize("steps", [1, 2, 150])
@pytest.mark.parametrize("samples", [30, 4])
@pytest.mark.parametrize(("bias", "zero"), [(True, False), (False, False), (True, True)])
def test_descent_of_the_linear_model_follows_its_closed_form(bias: bool, zero: bool, samples: int, steps: int) -> None:
    """To 1e-12: rounding of 1e-16 a step at weights near 1. Mutation: a bias where none is asked for.

    With 4 samples for 5 or 6 weights what is orthogonal to the samples stays where it starts.
    """
    network = network_of("linear", bias=bias, initialisation=Initialisation(zero=zero))
    experiment = descent(network, 0.3, steps, samples)
    train: Samples = draw(experiment).train
    start, end = start_and_end(experiment)
    rows = with_one(train.inputs) if bias else train.inputs
    expected = iterate(rows, train.outputs[:, 0], flat(start, 0), 0.3, steps)
    np.testing.assert_allclose(flat(end, 0), expected, atol=1e-12, rtol=0)
    assert dense_stack(experiment) is not None


def test_the_linear_model_is_a_perceptron_without_hidden_layers() -> None:
    """The same bits from the same seed; 3 * 2 + 2 parameters by hand. Mutation: a stream of its own."""
    linear, perceptron = network_of("linear"), network_of("mlp", depth=0)
    one, other = (network.initial_state(3, 2, 7) for network in (linear, perceptron))
    assert one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
    assert linear.parameter_count(3, 2) == 8 and network_of("linear", bias=False).parameter_count(3, 2) == 6


def product(state: Any) -> Floats:
    """Return the end-to-end matrix (outputs, inputs)."""
    matrices = matrices_of(state)
    return np.asarray(np.linalg.multi_dot(matrices[::-1])) if len(matrices) > 1 else matrices[0]


def matrices_of(state: Any) -> list[Floats]:
    """Return the weights from the first layer to the last."""
    return [state[name] for name in sorted(state) if name.endswith("weight")]


def imbalances(state: Any) -> list[Floats]:
    """Return W[j+1]^T W[j+1] - W[j] W[j]^T for each hidden layer j."""
    return [above.T @ above - below @ below.T for below, above in pairwise(matrices_of(state))]


def deep(**fields: Any) -> Any:
    """Return a deep linear network; `scheme` and `scale` are those of its initialisation."""
    chosen = {name: fields.pop(name) for name in ("scheme", "scale") if name in fields}
    kind = type(network_of("deep-linear").initialisation)
    return network_of("deep-linear", initialisation=kind(**chosen), **fields)


def test_layers_of_the_deep_linear_network_by_hand() -> None:
    """3 * 5 + 5 * 5 + 5 * 2 weights, 5 + 5 + 2 biases. Mutation: depth counts all layers."""
    assert deep(width=5, depth=2).stack(3, 2).sizes == (3, 5, 5, 2)
    assert deep(width=5, depth=2).parameter_count(3, 2) == 50
    assert deep(width=5, depth=2, bias=True).parameter_count(3, 2) == 62
    assert deep(depth=0).stack(3, 2).sizes == (3, 2)


def test_the_deep_linear_network_is_its_product() -> None:
    """Mutation: the activation tanh."""
    network, x = deep(width=6, depth=3), np.random.default_rng(0).normal(size=(9, 4))
    expected = x @ product(network.initial_state(4, 2, 0)).T
    np.testing.assert_allclose(evaluated(module_of(network, 4, 2), x), expected, atol=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize(("inputs", "outputs"), [(4, 3), (3, 4), (5, 1)])
def test_a_balanced_start_has_no_imbalance_and_one_product_for_all_depths(
    depth: int, inputs: int, outputs: int
) -> None:
    """Rounding alone; units beyond the rank stay zero. Mutation: the depth-th root of the singular values."""
    state = deep(depth=depth, width=6, scheme="balanced", scale=0.3).initial_state(inputs, outputs, 2)
    shallow = deep(depth=0, scheme="balanced", scale=0.3).initial_state(inputs, outputs, 2)
    np.testing.assert_allclose(product(state), product(shallow), atol=1e-15)
    assert all(np.abs(each).max() < 1e-15 for each in imbalances(state))


def test_a_balanced_start_narrower_than_the_rank_is_the_best_approximation() -> None:
    """Eckart and Young: its distance is that of the dropped singular values. Mutation: keep the smallest."""
    narrow, whole = (deep(width=width, depth=2, scheme="balanced").initial_state(6, 5, 0) for width in (2, 5))
    dropped = np.linalg.svd(product(whole), compute_uv=False)[2:]
    assert np.linalg.norm(product(whole) - product(narrow)) == pytest.approx(np.linalg.norm(dropped), rel=1e-12)


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_the_scale_is_that_of_the_product(depth: int) -> None:
    """Mutation: multiply every layer by the scale itself."""
    identity = deep(depth=depth, width=6, scheme="identity", scale=0.01).initial_state(4, 3, 0)
    np.testing.assert_allclose(product(identity), 0.01 * np.eye(3, 4), rtol=1e-14)
    rotation = product(deep(depth=depth, width=4, scheme="orthogonal", scale=0.01).initial_state(4, 4, 0))
    np.testing.assert_allclose(rotation.T @ rotation, 1e-4 * np.eye(4), atol=1e-18)
    assert not product(deep(depth=depth, scale=0.0).initial_state(4, 3, 0)).any()


@pytest.mark.parametrize(("scheme", "variance"), [("lecun", 1 / 500), ("glorot", 2 / (500 + 800))])
def test_normal_layers_have_the_variance_of_their_scheme(scheme: str, variance: float) -> None:
    """400,000 numbers, scaled by the third root of 8. Mutation: ignore the scheme."""
    weight = deep(width=800, depth=2, scheme=scheme, scale=8.0).initial_state(500, 1, 0)["layers.0.weight"]
    assert weight.var() == pytest.approx(4 * variance, rel=4 * math.sqrt(2 / weight.size))


@pytest.mark.parametrize("depth", [1, 3])
def test_a_step_changes_the_imbalances_by_the_square_of_the_rate_alone(depth: int) -> None:
    """The first order cancels: exactly rate**2 (G[j+1]^T G[j+1] - G[j] G[j]^T), for W[j+1]^T G[j+1] = G[j] W[j]^T.

    The gradients G are read off the step itself, so they carry 1e-16 / rate. Mutation: the activation tanh.
    """
    rate = 0.1
    start, end = start_and_end(descent(deep(width=4, depth=depth), rate, 1))
    steps = {name: (start[name] - end[name]) / rate for name in start}
    for before, after, squares in zip(imbalances(start), imbalances(end), imbalances(steps), strict=True):
        np.testing.assert_allclose(after - before, rate**2 * squares, atol=1e-14)
        assert np.abs(rate**2 * squares).max() > 1e-6


def test_the_imbalances_drift_in_proportion_to_the_rate() -> None:
    """Over one unit of time, rates 1/80 and 1/160: half the drift up to the rate times the curvature, a few percent.

    From a start far from balance; without biases, which join the conserved quantity. Mutation: the activation tanh.
    """
    drifts = []
    for steps in (80, 160):
        start, end = start_and_end(descent(deep(width=4, depth=2, scale=0.5), 1 / steps, steps))
        pairs = list(zip(imbalances(start), imbalances(end), strict=True))
        assert min(np.abs(before).max() for before, _ in pairs) > 0.1
        drifts.append(max(np.abs(after - before).max() for before, after in pairs))
    assert drifts[0] / drifts[1] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
def test_a_step_from_balance_is_that_of_arora_cohen_and_hazan(depth: int) -> None:
    """w - rate |w|**(2 - 2/N) (g + (N - 1) P g) up to rate**2: a quarter of the rest at half the rate, within 1 %.

    The rule for one output of arXiv:1802.06509; at depth 0 there is no rest. Mutation: square the first share.
    """
    layers, rests = depth + 1, []
    for rate in (2e-4, 1e-4):
        experiment = descent(deep(width=3, depth=depth, scheme="balanced"), rate, 1)
        start, end = (product(state)[0] for state in start_and_end(experiment))
        train = draw(experiment).train
        g = 2 / len(train.inputs) * train.inputs.T @ (train.inputs @ start - train.outputs[:, 0])
        along = start * (start @ g) / (start @ start)
        direction = np.linalg.norm(start) ** (2 - 2 / layers) * (g + (layers - 1) * along)
        rests.append(np.abs(end - (start - rate * direction)).max())
    if depth == 0:
        assert max(rests) < 1e-15
    else:
        assert rests[0] / rests[1] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("network", [network_of("linear"), deep(width=3, depth=2, bias=True)], ids=["linear", "deep"])
def test_linear_stacks_load_into_plain_layers_and_autograd_trains_them(network: Network) -> None:
    """Against numpy and its central differences. Mutation: a factor on the module's output."""
    generator = np.random.default_rng(0)
    x, y, state = generator.normal(size=(6, 4)), generator.normal(size=(6, 2)), network.initial_state(4, 2, 0)
    module = module_of(network, 4, 2)
    np.testing.assert_allclose(evaluated(module, x), by_definition(state, x, "identity"), atol=1e-14)
    assert np.array_equal(evaluated(sequential(network, 4, 2), x), evaluated(module, x))
    found, expected = gradients(module, x, y), differences(state, x, y, state, "identity")
    assert found.keys() == state.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-7, atol=1e-8)
