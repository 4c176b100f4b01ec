"""The network that multiplies groups of numbers, and the Taylor coefficients it divides by."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from workers.catalogue.kinds import architectures
from workers.catalogue.taylor import taylor_coefficients
from workers.catalogue.values import DataSizes, Task
from workers.engine.activations import ACTIVATIONS

SMOOTH = ["softplus", "sigmoid", "tanh", "gelu", "silu", "exp", "sine", "square"]


def network(**fields: Any) -> Any:
    """Return a product network."""
    return architectures.get("product-network")(**fields)


def outputs(built: Any, x: Any) -> Any:
    """Return the constructed network's outputs at x (n, d): (n,)."""
    inputs = np.asarray(x, dtype=float)
    module = built.module(inputs.shape[1], 1).double()
    state = built.initial_state(inputs.shape[1], 1, 0)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return module(torch.from_numpy(inputs)).detach().numpy()[:, 0]


def cube(inputs: int, count: int = 300) -> Any:
    """Return points of [-1, 1]**d."""
    return np.random.default_rng(0).uniform(-1, 1, (count, inputs))


def worst(x: Any, **fields: Any) -> float:
    """Return the largest error at x."""
    return float(np.abs(outputs(network(**fields), x) - x.prod(axis=1)).max())


def refusals(inputs: int, **fields: Any) -> list[str]:
    """Return where a network of so many inputs is refused."""
    sizes = DataSizes(inputs=inputs, outputs=1, train=1, validation=0, test=1)
    return [problem.pointer for problem in network(**fields).misfits(sizes, Task.REGRESSION)]


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("centre", [-1.3, 0.0, 0.8])
def test_taylor_coefficients_are_those_of_the_engines_activation(activation: str, centre: float) -> None:
    """Up to order 5 by torch's repeated derivatives, to 1e-10. Mutation: k instead of k + 1 in a recursion."""
    x = torch.tensor(centre, dtype=torch.float64, requires_grad=True)
    value, expected = ACTIVATIONS[activation].function(x), []
    for order in range(6):
        expected.append(float(value.detach()) / math.factorial(order))
        if value.requires_grad:
            (value,) = torch.autograd.grad(value, x, create_graph=True)
        else:
            value = torch.zeros(())
    assert taylor_coefficients(activation, centre, 5) == pytest.approx(expected, abs=1e-10)
    assert taylor_coefficients(activation, centre, 1) == pytest.approx(expected[:2], abs=1e-10)
    assert taylor_coefficients("relu", 0.0, 3) is None


def test_twenty_numbers_take_eighty_units_in_gates_and_one_layer_two_to_the_n() -> None:
    """19 gates of 4 and two passes of 2; a layer of 2**17 units is refused. Mutation: a gate by 1 for a pass."""
    assert network().stack(20, 1).sizes == (20, 40, 20, 10, 6, 4, 1)
    assert network(group=8).stack(8, 1).sizes == (8, 256, 1)
    assert network(group=4).stack(8, 1).sizes == (8, 32, 4, 1)
    assert network(group=16).stack(16, 1).sizes == (16, 65_536, 1)
    assert refusals(32, group=16) == ["/group"]  # two groups of 2**16


def test_pairs_make_the_gates_of_the_multiplication_tree() -> None:
    """An independent construction of the same formula, four inputs, to rounding of eps / l**2. Mutation: 3**m."""
    tree = architectures.get("multiplication-tree")(gate_scale=0.1)
    x = cube(4)
    np.testing.assert_allclose(outputs(network(gate_scale=0.1), x), outputs(tree, x), atol=1e-11)


@pytest.mark.parametrize(
    ("inputs", "fields"),
    [
        (3, {}),
        (5, {"activation": "tanh"}),
        (3, {"group": 3, "activation": "exp"}),
        (3, {"group": 3, "activation": "sigmoid"}),
        (4, {"group": 4, "activation": "softplus"}),
        (5, {"group": 3, "activation": "sine"}),
        (2, {"divided": "at-ones"}),
        (3, {"group": 3, "activation": "tanh", "offset": 0.0, "halved": True}),
        (2, {"activation": "sine", "offset": math.pi / 2, "halved": True}),
    ],
)
def test_the_error_falls_with_the_square_of_the_scale(inputs: int, fields: dict[str, Any]) -> None:
    """From 0.04 to 0.02 by a factor 4 +- 10 %. Mutation: units without the product of signs in the readout.

    The two last: four units multiply three numbers, two multiply two, less than 2**n.
    """
    wide, narrow = (worst(cube(inputs), gate_scale=scale, **fields) for scale in (0.04, 0.02))
    assert wide < 0.1 and wide / narrow == pytest.approx(4.0, rel=0.1)


def test_the_leading_coefficient_is_that_of_the_paper() -> None:
    """Softplus: -1/12 (u**2 + v**2) l**2 is -l**2 / 6 at ones. Mutation: 2 m! in the divisor."""
    assert outputs(network(gate_scale=0.1), [[1.0, 1.0]])[0] - 1 == pytest.approx(-0.01 / 6, rel=0.01)


def test_squares_and_their_passes_are_exact() -> None:
    """Rounding alone, with a scale per layer. Mutation: the first layer's scale in all."""
    assert worst(cube(5), activation="square", gate_scale=(1.0, 0.5, 2.0)) < 1e-13


def test_halving_leaves_out_half_of_the_units() -> None:
    """Mutation: leave out the other signs of the last number instead, without the first's."""
    built = network(group=3, activation="tanh", offset=0.0, halved=True)
    assert built.stack(3, 1).sizes == (3, 4, 1)
    state = built.initial_state(3, 1, 0)
    assert (state["layers.0.weight"][:, 0] > 0).all()


def test_relu_multiplies_at_no_scale() -> None:
    """The negative control: right at ones, min(u, v) elsewhere, wrong by 1/4 at (1/2, 1/2). Mutation: square units."""
    axis = np.linspace(0, 1, 21)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    for scale in (1.0, 1e-3):
        built = network(activation="relu", divided="at-ones", gate_scale=scale)
        np.testing.assert_allclose(outputs(built, x), x.min(axis=1), atol=1e-12)
        assert worst(x, activation="relu", divided="at-ones", gate_scale=scale) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("inputs", "fields", "pointers"),
    [
        (3, {"group": 3}, ["/offset"]),  # the third derivative of softplus at 0 vanishes
        (2, {"activation": "tanh", "offset": 0.0}, ["/offset"]),
        (2, {"halved": True}, ["/halved"]),  # the first derivative of softplus does not
        (4, {"gate_scale": (0.1,)}, ["/gate_scale"]),
        (2, {"activation": "relu"}, ["/divided"]),
        (3, {"activation": "relu", "divided": "at-ones", "group": 3, "offset": 1.0}, ["/offset", "/group"]),
        (2, {"activation": "relu", "divided": "at-ones", "halved": True}, ["/halved"]),
        (1, {}, [""]),
    ],
)
def test_what_cannot_multiply_is_refused(inputs: int, fields: dict[str, Any], pointers: list[str]) -> None:
    """Mutation: check the largest group alone."""
    assert refusals(inputs, **fields) == pointers
