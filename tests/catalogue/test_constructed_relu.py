"""Relu networks that are written down: splines, the sawtooth, Yarotsky's square."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from tests.catalogue.networks import by_definition, differences, evaluated, gradients, module_of, sequential
from tests.engine.populations import alone, curve
from workers.catalogue.architectures.linear_spline import NEAREST
from workers.catalogue.kinds import Architecture, Network, architectures, targets
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import DataSizes, Task
from workers.engine.regions import LinearRegions, linear_regions
from workers.experiments.codec import decode, decode_component

ROUNDING = 2.0**-53  # relative error of one operation in float64


def spline(**fields: Any) -> Any:
    """Return a linear spline."""
    return architectures.get("linear-spline")(**fields)


def sawtooth(depth: int) -> Any:
    """Return the written sawtooth."""
    return architectures.get("sawtooth")(depth=depth)


def square(depth: int) -> Any:
    """Return Yarotsky's square."""
    return architectures.get("yarotsky-square")(depth=depth)


def outputs(network: Network, x: Any, dtype: torch.dtype = torch.float64) -> Any:
    """Return the outputs at x (n,): (n,)."""
    return evaluated(module_of(network, 1, 1, dtype), np.asarray(x, dtype=np.float64)[:, None])[:, 0]


def regions(network: Network, low: float, high: float) -> LinearRegions:
    """Return the linear regions of the written weights."""
    state = network.initial_state(1, 1, 0)
    count = len(network.stack(1, 1).sizes) - 1  # type: ignore[union-attr]
    layers = [(state[f"layers.{i}.weight"], state[f"layers.{i}.bias"]) for i in range(count)]
    return linear_regions(layers, low, high)


def written(network: Network, x: Fraction) -> tuple[Fraction, Fraction]:
    """Return what the weights of one hidden layer say at x, in exact arithmetic, and the sum of absolute terms."""
    state = network.initial_state(1, 1, 0)
    hidden = zip(state["layers.0.weight"][:, 0], state["layers.0.bias"], state["layers.1.weight"][0], strict=True)
    terms = [Fraction(out) * max(Fraction(0), Fraction(weight) * x + Fraction(bias)) for weight, bias, out in hidden]
    start = Fraction(state["layers.1.bias"][0])
    return start + sum(terms), abs(start) + sum(map(abs, terms))


def zigzag(knots: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return positions at random distances and random values: every slope differs from the one before."""
    generator = np.random.default_rng(1)
    positions = np.cumsum(generator.uniform(0.01, 1.0, knots)) - knots / 4
    return tuple(positions.tolist()), tuple(generator.normal(size=knots).tolist())


@pytest.mark.parametrize(
    ("outside", "expected"),
    [("constant", [3, 3, 2, 1, 2, 5, 5, 5]), ("linear", [5, 3, 2, 1, 2, 5, 7, 11])],
)
def test_a_spline_by_hand(outside: Any, expected: list[float]) -> None:
    """Knots (0, 3), (2, 1), (4, 5); slopes -1 and 2. Mutation: swap the names of the two ends."""
    network = spline(positions=(0.0, 2.0, 4.0), values=(3.0, 1.0, 5.0), outside=outside)
    assert outputs(network, [-2, 0, 1, 2, 2.5, 4, 5, 7]).tolist() == expected


@pytest.mark.parametrize("outside", ["constant", "linear"])
@pytest.mark.parametrize("knots", [2, 3, 4, 9, 120])
def test_the_written_weights_pass_through_every_knot(knots: int, outside: Any) -> None:
    """In exact arithmetic, up to one rounding of the term of the unit at the knot before.

    That term is at most the rise of the piece and of the slope before it over the same distance. Mutation: take
    the weights as differences of slopes without making up for their rounding: it then adds up over the knots.
    """
    positions, values = zigzag(knots)
    network = spline(positions=positions, values=values, outside=outside)
    steepness = np.abs(np.diff(values) / np.diff(positions))
    neighbours = np.convolve(steepness, [1, 1, 1])[1:-1]  # of the piece and of those beside it, in sum
    term = 1.01 * ROUNDING * neighbours * np.diff(positions)
    allowed = np.maximum(np.append(term, 0), np.append(0, term))
    for position, value, bound in zip(positions, values, allowed, strict=True):
        assert abs(written(network, Fraction(position))[0] - Fraction(value)) <= bound


@pytest.mark.parametrize("outside", ["constant", "linear"])
def test_evaluating_a_spline_adds_the_rounding_of_a_sum_alone(outside: Any) -> None:
    """Error at most (units + 3) roundings of the sum of absolute terms (Higham 2002, section 3.1).

    Mutation: hidden weights 1/spacing instead of 1: knots then move by their rounding.
    """
    positions, values = zigzag(60)
    network = spline(positions=positions, values=values, outside=outside)
    x = np.random.default_rng(2).uniform(positions[0] - 3, positions[-1] + 3, 300)
    for point, found in zip(x, outputs(network, x), strict=True):
        exact, terms = written(network, Fraction(point))
        assert abs(Fraction(found) - exact) <= (network.stack(1, 1).sizes[1] + 3) * ROUNDING * terms


def test_a_spline_is_what_numpy_interpolates() -> None:
    """A sine on 33 knots. By the two tests above within 40 roundings of terms of 30 in all: 2e-13."""
    knots = np.linspace(-2, 3, 33)
    network = spline(positions=tuple(knots.tolist()), values=tuple(np.sin(knots).tolist()))
    x = np.linspace(-4, 5, 10_001)
    assert np.abs(outputs(network, x) - np.interp(x, knots, np.sin(knots))).max() < 2e-13


@pytest.mark.parametrize(("outside", "pieces"), [("linear", 39), ("constant", 41)])
def test_a_spline_has_as_many_units_as_pieces(outside: Any, pieces: int) -> None:
    """As many as suffice for any function of one input (Arora et al. 2016). Mutation: both units at every knot."""
    positions, values = zigzag(40)
    network = spline(positions=positions, values=values, outside=outside)
    found = regions(network, positions[0] - 1, positions[-1] + 1)
    assert found.count == pieces == network.stack(1, 1).sizes[1]
    bends = positions if outside == "constant" else positions[1:-1]
    assert found.breakpoints == pytest.approx(bends, abs=1e-12)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"positions": [0, 1, 2]}, ("values",), "one value for each of the 3 positions; got 2"),
        ({"positions": [1, 0]}, ("positions", 1), "greater than the position before"),
        ({"positions": [0, 0], "values": [1, 1]}, ("positions", 1), "greater than the position before"),
        ({"positions": [0, 1, 1.0000000000000002], "values": [0, 1, 1]}, ("positions", 2), "by 9.09"),
        ({"positions": [0, 5e-324]}, ("positions", 1), "by 1e-12"),
    ],
)
def test_knots_that_make_no_spline_are_refused(fields: dict[str, Any], field: Any, reason: str) -> None:
    """Mutation: no bound on the slope, so that the last one raises OverflowError where it is written."""
    with pytest.raises(InvalidError, match=reason) as caught:
        decode_component(Architecture, {"kind": "linear-spline", "values": [0, 1]} | fields)
    assert [problem.path for problem in caught.value.problems] == [field]


def test_knots_at_the_least_distance_make_no_steep_unit() -> None:
    """What the piece before left over, a rounding of its rise, is made up for over 2**-40 of the range.

    So a weight exceeds its change of slope by a factor of 1 + 2**-12 at most. Mutation: a least distance of 2**-50.
    """
    near = 0.3 + 2.001 * NEAREST
    positions, values = (-1.0, -0.8, -0.6, -0.4, 0.3, near, 1.0), (0.0, 0.5, 0.1, 0.7, 0.1, 0.1, -0.2)
    weights = spline(positions=positions, values=values).initial_state(1, 1, 0)["layers.1.weight"][0]
    slopes = np.diff(values) / np.diff(positions)
    changes = np.concatenate([np.diff(np.append(0, slopes[:3][::-1])), np.diff(np.append(0, slopes[3:]))])
    written = np.concatenate([weights[:3], weights[4:7]])  # without the units of the constant ends
    assert np.abs(np.abs(written) - np.abs(changes)).max() < 2.0**-12 * np.abs(slopes).max()


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 20, 45])
def test_the_written_sawtooth_equals_the_target_bit_for_bit(depth: int) -> None:
    """Powers of two alone: no rounding, at dyadic points and at others. Mutation: a bias of -0.25."""
    x = np.concatenate([np.random.default_rng(0).uniform(size=2000), np.linspace(0, 1, 2**10 + 1), [1e-300, 0.1]])
    target = targets.get("sawtooth")(depth=depth).function(0)
    assert np.array_equal(outputs(sawtooth(depth), x), target(x[:, None])[:, 0])


@pytest.mark.parametrize("depth", range(1, 13))
def test_the_written_sawtooth_alternates_on_two_to_the_depth_pieces(depth: int) -> None:
    """0 and 1 by turns at the multiples of 2**-depth, by 2 units a layer. Mutation: a tent of slopes 2 and -1."""
    x = np.arange(2**depth + 1) / 2**depth
    assert np.array_equal(outputs(sawtooth(depth), x), np.arange(2**depth + 1) % 2)
    assert np.array_equal(outputs(sawtooth(depth), x, torch.float32), np.arange(2**depth + 1) % 2)
    assert regions(sawtooth(depth), 0, 1).count == 2**depth
    assert sawtooth(depth).stack(1, 1).sizes == (1, *[2] * depth, 1)


def test_the_sawtooth_outside_of_the_unit_interval() -> None:
    """Mutation: look to the left too."""
    assert outputs(sawtooth(1), [-3, 1.5]).tolist() == [0, -1]
    assert outputs(sawtooth(4), [-3, 1.5, 9]).tolist() == [0, 0, 0]


def test_one_hidden_layer_writes_a_sawtooth_with_a_unit_per_piece() -> None:
    """2**6 units for what 12 do in depth. Mutation: teeth of the spline shifted by one knot."""
    knots = np.arange(2**6 + 1)
    flat = spline(positions=tuple((knots / 2**6).tolist()), values=tuple((knots % 2.0).tolist()), outside="linear")
    x = np.random.default_rng(0).uniform(size=1000)
    # At most 32 units are on, of weight 256 at distances of 1/4 on average: terms of 2048 in all.
    assert np.abs(outputs(flat, x) - outputs(sawtooth(6), x)).max() < (64 + 3) * ROUNDING * 2048
    assert (flat.stack(1, 1).sizes[1], sum(sawtooth(6).stack(1, 1).sizes[1:-1])) == (64, 12)


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 12])
def test_the_square_is_exact_at_the_multiples_of_its_spacing(depth: int) -> None:
    """Bit for bit, in float64: products of two such numbers have at most 2 depth bits. Mutation: 2**s for 4**s."""
    x = np.arange(2**depth + 1) / 2**depth
    assert np.array_equal(outputs(square(depth), x), x**2)


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 12, 25])
def test_the_error_of_the_square_is_that_of_the_interpolant(depth: int) -> None:
    """On a piece of length h from a: (x - a)(a + h - x), midway h**2/4 = 4**-(depth + 1), and nowhere more.

    Exact midway; elsewhere x**2 and the depth sums round, each once and below 1. Mutation: drop the last term.
    """
    odd = np.random.default_rng(0).integers(0, 2**depth, 200) if depth > 8 else np.arange(2**depth)
    middle = (2 * odd + 1) / 2 ** (depth + 1)
    assert np.array_equal(outputs(square(depth), middle) - middle**2, np.full(len(middle), 4.0 ** -(depth + 1)))
    x = np.random.default_rng(1).uniform(size=5000)
    left = np.floor(x * 2**depth) / 2**depth
    error = outputs(square(depth), x) - x**2
    assert np.abs(error - (x - left) * (left + 2.0**-depth - x)).max() < (3 * depth + 2) * ROUNDING


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_the_square_has_two_to_the_depth_pieces(depth: int) -> None:
    """Slopes are the sums of neighbouring nodes. Mutation: carry the sum one layer too few."""
    found = regions(square(depth), 0, 1)
    assert found.count == 2**depth
    assert np.array_equal(found.breakpoints, np.arange(1, 2**depth) / 2**depth)
    assert found.slopes[:, 0] == pytest.approx((2 * np.arange(2**depth) + 1) / 2**depth, abs=1e-12)


def test_units_and_parameters_of_the_square_by_hand() -> None:
    """3 depth - 1 units; 12 depth - 7 weights and biases from depth 2 on. Mutation: four units a layer."""
    assert square(1).stack(1, 1).sizes == (1, 2, 1) and square(1).parameter_count(1, 1) == 7
    assert square(4).stack(1, 1).sizes == (1, 2, 3, 3, 3, 1) and square(4).parameter_count(1, 1) == 41


def test_the_square_outside_of_the_unit_interval() -> None:
    """0 on the left, (3 x - 1) / 2 on the right. Mutation: carry x by a unit of both signs."""
    assert outputs(square(3), [-2, 1, 3]).tolist() == [0, 1, 4]


@pytest.mark.parametrize("kind", ["sawtooth", "yarotsky-square", "linear-spline"])
def test_a_written_network_is_measured_and_its_pieces_counted(kind: str) -> None:
    """Through the engine, untrained: 2**5 pieces on [0, 1], and the error of the construction. Mutation: no stack."""
    knots = np.linspace(0, 1, 33)
    fields = {
        "sawtooth": {"depth": 5},
        "yarotsky-square": {"depth": 5},
        "linear-spline": {"positions": knots.tolist(), "values": (knots**2).tolist()},
    }
    square_target = {"kind": "expression", "expression": "x**2", "domain": {"x": [0, 1]}}
    body = {
        "type": "approximation",
        "target": {"kind": "sawtooth", "depth": 5} if kind == "sawtooth" else square_target,
        "dataset": {"kind": "sampled", "train_size": 4, "validation_size": 0, "test_size": 4096},
        "architecture": {"kind": kind, **fields[kind]},
        "training": None,
        "probes": [{"kind": "linear-regions"}],
        "dtype": "float64",
    }
    measurement = alone(decode(body))
    assert curve(measurement, "linear_regions").values == (32,)
    (error,) = curve(measurement, "test_l2_error").values
    if kind == "sawtooth":
        assert error == 0
    else:  # the mean square of t (h - t) over a piece is h**4 / 30; over 4,096 points its root spreads by 0.5 %
        assert error == pytest.approx(2.0**-10 / math.sqrt(30), rel=0.03)


KNOTS = {"positions": (-1.0, -0.25, 0.5, 2.0), "values": (0.5, -1.0, 2.0, 1.0)}
INSIDE, AROUND = (np.arange(8) + 0.3) / 8, (np.arange(-16, 24) + 0.3) / 8
CONSTRUCTED = [
    (spline(**KNOTS), AROUND),
    (spline(**KNOTS, outside="linear"), AROUND),
    (sawtooth(3), INSIDE),  # outside of [0, 1] units stand on their bend at all points
    (square(3), INSIDE),
]


@pytest.mark.parametrize(("network", "points"), CONSTRUCTED, ids=[network.kind for network, _ in CONSTRUCTED])
def test_a_written_network_is_a_plain_stack_that_autograd_trains(network: Network, points: Any) -> None:
    """Against numpy and its central differences at points 0.03 away from every bend. Mutation: detach a layer."""
    x, state, module = points[:, None], network.initial_state(1, 1, 0), module_of(network, 1, 1)
    assert evaluated(module, x) == pytest.approx(by_definition(state, x, "relu"), abs=1e-14)
    assert np.array_equal(evaluated(sequential(network, 1, 1), x), evaluated(module, x))
    y = np.sin(5 * x)
    found, expected = gradients(module, x, y), differences(state, x, y, state, "relu")
    assert found.keys() == state.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", ["linear-spline", "sawtooth", "yarotsky-square"])
@pytest.mark.parametrize(
    ("count", "task"), [((2, 1), Task.REGRESSION), ((1, 2), Task.REGRESSION), ((1, 1), Task.CLASSIFICATION)]
)
def test_data_of_other_sizes_are_refused(kind: str, count: tuple[int, int], task: Task) -> None:
    """Mutation: no misfits()."""
    sizes = DataSizes(inputs=count[0], outputs=count[1], train=1, validation=0, test=1)
    assert list(architectures.get(kind)().misfits(sizes, task))
