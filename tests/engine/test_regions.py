"""Linear regions: known counts, and networks checked point by point."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from workers.engine import regions
from workers.engine.regions import Layer, LinearRegions, linear_regions

Floats = npt.NDArray[np.float64]


def _layer(weight: list[list[float]], bias: list[float]) -> Layer:
    return np.array(weight), np.array(bias)


def _sawtooth(depth: int) -> list[Layer]:
    """Compose the triangle 2 relu(x) - 4 relu(x - 1/2) on [0, 1] with itself (Telgarsky 2016)."""
    first = _layer([[1], [1]], [0, -0.5])
    hidden = _layer([[2, -4], [2, -4]], [0, -0.5])
    return [first, *[hidden] * (depth - 1), _layer([[2, -4]], [0])]


def _random(seed: int, sizes: list[int], bias: float = 0.5) -> list[Layer]:
    generator = np.random.default_rng(seed)
    return [
        (generator.normal(size=(out, into)) * np.sqrt(2 / into), bias * generator.normal(size=out))
        for into, out in pairwise(sizes)
    ]


def _forward(layers: list[Layer], x: Floats, residual: bool = False) -> Floats:
    """Evaluate the network by its definition: (n,) to (n, m)."""
    h = x[:, None]
    for weight, bias in layers[:-1]:
        z = np.maximum(h @ weight.T + bias, 0)
        h = z + h if residual and weight.shape[0] == weight.shape[1] else z
    weight, bias = layers[-1]
    return h @ weight.T + bias


@pytest.mark.parametrize("depth", range(1, 13))
def test_the_sawtooth_of_depth_k_has_two_to_the_k_pieces(depth: int) -> None:
    """Known positions and slopes; catches a layer whose crossings are not added."""
    found = linear_regions(_sawtooth(depth), 0, 1)
    assert found.count == 2**depth
    np.testing.assert_array_equal(found.breakpoints, np.arange(1, 2**depth) / 2**depth)
    np.testing.assert_array_equal(found.slopes[:, 0], 2.0**depth * (-1.0) ** np.arange(2**depth))


@pytest.mark.parametrize(("stretch", "shift"), [(3.0, 0.0), (0.1, 7.0), (1e-3, -1e3), (1e6, 1e5), (np.pi, np.e)])
def test_rounding_adds_no_region_to_a_stretched_sawtooth(stretch: float, shift: float) -> None:
    """1,024 pieces whose crossings coincide only up to rounding; catches slivers counted as regions."""
    (weight, bias), *rest = _sawtooth(10)
    layers = [(weight / stretch, bias - weight[:, 0] * shift / stretch), *rest]
    found = linear_regions(layers, shift, shift + stretch)
    assert found.count == 1024
    assert found.breakpoints == pytest.approx(shift + stretch * np.arange(1, 1024) / 1024, abs=1e-9 * stretch + 1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 100, 1000])
def test_one_hidden_layer_of_n_units_has_n_plus_one_regions(n: int) -> None:
    """Kinks at given places; every second unit looks to the left."""
    kinks = np.linspace(-0.9, 0.9, n) if n > 1 else np.array([0.3])
    signs = np.where(np.arange(n) % 2, 1.0, -1.0)
    layers = [(signs[:, None], -signs * kinks), (np.ones((1, n)) + np.arange(n), np.zeros(1))]
    found = linear_regions(layers, -1, 1)
    assert found.count == n + 1
    assert found.breakpoints == pytest.approx(kinks, abs=1e-15)


CANCELLING: list[tuple[str, list[Layer], int]] = [
    ("relu(x) - relu(-x) = x", [_layer([[1], [-1]], [0, 0]), _layer([[1, -1]], [0])], 1),
    ("relu(x) + relu(-x) = |x|", [_layer([[1], [-1]], [0, 0]), _layer([[1, 1]], [0])], 2),
    ("a unit without outgoing weight", [_layer([[1], [1]], [0, 0.5]), _layer([[1, 0]], [0])], 2),
    ("kinks outside and at the ends", [_layer([[1]] * 4, [1, -1, 2, -2]), _layer([[1] * 4], [0])], 1),
    ("a linear network", [_layer([[3]], [1])], 1),
    ("one output bends, the other not", [_layer([[1]], [0]), _layer([[0], [1]], [0, 0])], 2),
    ("slopes that differ by rounding", [_layer([[1], [-1]], [0, 0]), _layer([[0.1 + 0.2 + 0.3, -0.6]], [0])], 1),
    ("slopes that differ by 1e-12", [_layer([[1], [-1]], [0, 0]), _layer([[1, -1 - 1e-12]], [0])], 2),
]


@pytest.mark.parametrize(("layers", "count"), [case[1:] for case in CANCELLING], ids=[case[0] for case in CANCELLING])
def test_kinks_that_cancel_or_lie_outside_do_not_count(layers: list[Layer], count: int) -> None:
    """Catches activation patterns counted in place of slopes."""
    assert linear_regions(layers, -1, 1).count == count


def test_rounding_errors_are_remembered_through_cancellation_and_residual_layers() -> None:
    """A slope of 1e8 - 1e8, off by 1.5e-8 on the left; catches a tolerance from the last layer alone."""
    layers = [
        _layer([[1e8], [-1e8], [1e8]], [0, 0, 2e8]),
        _layer([[1, -1 - 2**-52, -1]], [3e8]),
        _layer([[0]], [0]),
        _layer([[1]], [0]),
    ]
    assert linear_regions(layers, -1, 1, residual=True).count == 1


def test_a_unit_that_is_zero_at_a_kink_up_to_rounding_does_not_bend_beside_it() -> None:
    """1e-9 x + 0.6 - 0.6 would turn on at 1e-7 in place of zero; catches noise taken for a sign."""
    layers = [
        _layer([[1], [-1], [0], [0]], [0, 0, 1, 1]),
        _layer([[1e-9, -1e-9, 0.1 + 0.2 + 0.3, -0.6], [1, 0, 0, 0]], [0, 0]),
        _layer([[1, 1]], [0]),
    ]
    assert linear_regions(layers, -1, 1).breakpoints.tolist() == [0]


def test_a_common_kink_far_from_zero_is_one() -> None:
    """Fifty crossings at a million differ by 1e-10, a millionth of the interval, by the rounding of positions."""
    scales, kink = np.linspace(0.1, 3, 50), 1e6 + 3e-4
    layers = [(scales[:, None], -scales * kink), (np.ones((1, 50)), np.zeros(1))]
    assert linear_regions(layers, 1e6, 1e6 + 1e-3).count == 2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("depth", [1, 4, 16])
def test_a_network_without_biases_bends_at_zero_only(seed: int, depth: int) -> None:
    """Positive homogeneity; the 16 x 40 crossings meet at zero only up to rounding."""
    found = linear_regions(_random(seed, [1, *[40] * depth, 1], bias=0), -1, 1.7)
    assert found.breakpoints == pytest.approx([0], abs=1e-15)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("sizes", [[1, 8, 8, 1], [1, 1, 1, 1, 2], [1, 30, 20, 20, 3], [1, *[6] * 10, 1]], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_regions_of_random_networks_reproduce_the_network(seed: int, sizes: list[int], residual: bool) -> None:
    """Catches a missing kink, a false slope, a false kink and a residual connection left out.

    Interpolation between the breakpoints is the network itself at 20,001 points, and the slopes are its
    difference quotients inside each region, on both sides of each breakpoint unequal.
    """
    layers = _random(seed, sizes)
    found = linear_regions(layers, -2, 3, residual)
    nodes = np.concatenate([[-2], found.breakpoints, [3]])
    assert (np.diff(nodes) > 0).all()
    exact, grid = _forward(layers, nodes, residual), np.linspace(-2, 3, 20_001)
    interpolated = np.stack([np.interp(grid, nodes, output) for output in exact.T], axis=1)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(interpolated, _forward(layers, grid, residual), atol=1e-12 * scale)
    quotients = np.diff(exact, axis=0) / np.diff(nodes)[:, None]
    # rounding of the values, about 1e-14 of the scale, divided by the width of the region
    allowed = 1e-13 * scale / np.diff(nodes)[:, None] + 1e-12 * np.abs(found.slopes).max()
    assert (np.abs(quotients - found.slopes) < allowed).all()
    assert (np.abs(np.diff(found.slopes, axis=0)).max(axis=1) > 1e-9 * np.abs(found.slopes).max()).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_count_agrees_with_brute_force_on_a_dense_grid(seed: int) -> None:
    """Runs of equal difference quotients on 400,001 points; kinks are cells between two runs."""
    layers = _random(100 + seed, [1, 10, 10, 1])
    grid = np.linspace(-2, 2, 400_001)
    quotients = np.diff(_forward(layers, grid)[:, 0]) / np.diff(grid)
    changes = np.abs(np.diff(quotients)) > 1e-6 * np.abs(quotients).max()
    runs = np.flatnonzero(changes & ~np.append(False, changes[:-1]))  # a kink inside a cell changes both sides
    found = linear_regions(layers, -2, 2)
    assert found.count == len(runs) + 1
    assert found.breakpoints == pytest.approx(grid[runs + 1], abs=2.1e-5)


def test_a_residual_layer_needs_equal_sizes() -> None:
    """x + relu(x) on a 1 x 1 layer, then a 2 x 1 layer without its input."""
    layers = [_layer([[1]], [0]), _layer([[1], [1]], [0, 9]), _layer([[1, 1]], [0])]
    found = linear_regions(layers, -1, 1, residual=True)
    assert found.breakpoints.tolist() == [0]
    assert found.slopes.tolist() == [[1], [4]]


def test_a_deep_wide_network_is_counted_in_reasonable_time() -> None:
    """Four layers of 256 units: about as many regions as units (Hanin and Rolnick 2019)."""
    found = linear_regions(_random(0, [1, *[256] * 4, 1]), -3, 3)
    assert 256 < found.count < 4 * 1024


def test_too_many_pieces_are_refused_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "MAXIMUM_NUMBERS", 1000)
    with pytest.raises(ValueError, match="too many"):
        linear_regions(_sawtooth(12), 0, 1)


@pytest.mark.parametrize(
    ("layers", "low", "high", "message"),
    [
        ([], 0, 1, "at least one layer"),
        ([_layer([[1, 1]], [0])], 0, 1, "expected"),
        ([_layer([[1]], [0, 0])], 0, 1, "expected"),
        ([_layer([[np.nan]], [0])], 0, 1, "not finite"),
        ([_layer([[1]], [0])], 1, 1, "low must be below high"),
        ([_layer([[1]], [0])], 0, np.inf, "low must be below high"),
    ],
)
def test_layers_and_intervals_that_do_not_fit_are_refused(
    layers: list[Layer], low: float, high: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        linear_regions(layers, low, high)


def test_regions_count_one_more_than_breakpoints() -> None:
    assert LinearRegions(breakpoints=np.array([0.5]), slopes=np.zeros((2, 1))).count == 2
