"""Probes of symmetry: which networks keep it, which break it, and what the numbers mean."""

import math
from typing import Any

import pytest

from tests.catalogue.symmetric_subjects import equivariance, network, probe, subject_of
from workers.catalogue.scalings import identity

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}
DEPTH = 4
SHIFTS = [[1, 0], [0, 3], [5, 2], [-4, 7]]
EVEN = [[2, 0], [0, 4], [6, 2]]
ODD = [[1, 0], [0, 3], [5, 1]]
BROKEN = 1e-2
dtypes = pytest.mark.parametrize("dtype", EPS)


def cnn(**fields: Any) -> Any:
    """Return a convolutional network of four layers."""
    return network("cnn", **{"depth": DEPTH, "channels": 6, "padding": "circular", **fields})


def group_cnn(**fields: Any) -> Any:
    """Return a group convolutional network of three layers."""
    return network("group-cnn", **{"depth": 3, "channels": 3, **fields})


@dtypes
@pytest.mark.parametrize("fields", [{}, {"kernel_size": 4}, {"activation": "tanh"}], ids=str)
def test_a_circular_network_commutes_with_every_shift(dtype: str, fields: dict[str, Any]) -> None:
    """Within 32 roundings of numbers as large as their spread. Mutation: shift the features the other way."""
    found = equivariance(cnn(**fields), 16, dtype=dtype, shifts=SHIFTS)
    assert found["error_max"] < 32 * EPS[dtype] / found["spread"]


@dtypes
@pytest.mark.parametrize("padding", ["zero", "reflect", "none"])
def test_a_border_breaks_shifts_there_and_only_there(dtype: str, padding: str) -> None:
    """The interior sees no padding and no seam, 9 positions wide. Mutation: count positions that see padding."""
    found = equivariance(cnn(padding=padding), 24, dtype=dtype, shifts=SHIFTS)
    assert found["error"] > BROKEN
    assert found["error_interior_max"] < 32 * EPS[dtype] / found["spread"]


@dtypes
@pytest.mark.parametrize(
    "fields",
    [
        {"stride": (1, 2, 1, 1)},
        {"pooling": ("none", "max", "none", "none")},
        {"pooling": ("none", "average", "none", "none")},
        {"pooling": ("none", "blur", "none", "none")},
    ],
    ids=str,
)
def test_a_stride_or_a_pool_of_two_commutes_with_even_shifts_alone(dtype: str, fields: dict[str, Any]) -> None:
    """Features move by half the shift. Mutation: features move by the shift."""
    even = equivariance(cnn(**fields), 16, dtype=dtype, shifts=EVEN)
    assert even["error_max"] < 32 * EPS[dtype] / even["spread"]
    assert equivariance(cnn(**fields), 16, dtype=dtype, shifts=ODD)["error"] > BROKEN


def test_a_blur_shifts_better_than_a_maximum() -> None:
    """Zhang 2019: the low-pass filter brings odd shifts nearer. Mutation: subsample without the filter."""
    errors = [
        equivariance(cnn(pooling=(pool, "none", "none", "none"), activation="tanh"), 16, shifts=ODD)["error"]
        for pool in ("blur", "max")
    ]
    assert errors[0] < errors[1]


ROUNDING = {"float64": 1e-13, "float32": 1e-5}  # 3 layers of sums of at most 216 products, of order 1 like their spread


@dtypes
@pytest.mark.parametrize("group", ["p4", "p4m"])
@pytest.mark.parametrize("padding", ["circular", "zero", "none"])
@pytest.mark.parametrize("size", [9, 10])
def test_a_group_network_commutes_with_its_group(dtype: str, group: str, padding: str, size: int) -> None:
    """And p4 not with mirror images. Mutation: orientations of the features stay in place."""
    for motions in ("rotations", "reflections"):
        found = equivariance(group_cnn(group=group, padding=padding), size, dtype=dtype, transformations=motions)
        if group == "p4m" or motions == "rotations":
            assert found["error_max"] < ROUNDING[dtype] and found["spread"] > 0.1
        else:
            assert found["error"] > BROKEN


@pytest.mark.parametrize(
    ("fields", "keeps"),  # the parity of sizes that keep quarter turns
    [
        ({"stride": (1, 2, 1)}, "odd"),
        ({"pooling": ("none", "max", "none")}, "even"),
        ({"pooling": ("none", "average", "none")}, "even"),
        ({"pooling": ("none", "blur", "none")}, "odd"),
        ({"kernel_size": 4}, "neither"),
        ({"kernel_size": 4, "padding": "none"}, "both"),
    ],
    ids=str,
)
def test_a_stride_or_a_pool_keeps_quarter_turns_where_its_windows_lie_symmetrically(
    fields: dict[str, Any], keeps: str
) -> None:
    """As the description of the architecture says. Mutation: the windows of a blur one position further on."""
    for size, parity in ((15, "odd"), (16, "even")):
        error = equivariance(group_cnn(**fields), size, transformations="rotations")["error_max"]
        assert error < ROUNDING["float64"] if keeps in (parity, "both") else error > BROKEN


def test_ordinary_and_unshared_kernels_break_what_they_should() -> None:
    """A convolution does not turn, a locally connected layer does not shift. Mutation: compare g f(x) with itself."""
    assert equivariance(cnn(), 15, transformations="rotations")["error"] > 0.5
    assert equivariance(network("locally-connected", padding="circular"), 15, shifts=SHIFTS)["error"] > 0.5


def test_a_line_is_shifted_and_mirrored() -> None:
    """All 31 shifts; a mirror image needs symmetric kernels. Mutation: roll the channels."""
    line = {"dimensions": 1, "padding": "circular", "activation": "tanh"}
    found = equivariance(network("cnn", **line), 32, axes=1)
    assert found["error_max"] < 32 * EPS["float64"] / found["spread"]
    assert equivariance(network("cnn", **line), 32, axes=1, transformations="reflections")["error"] > BROKEN
    pointwise = equivariance(network("cnn", kernel_size=1, **line), 32, axes=1, transformations="reflections")
    assert pointwise["error_max"] < 32 * EPS["float64"] / pointwise["spread"]


@pytest.mark.parametrize("fields", [{"stride": 2}, {"padding": "none"}, {}], ids=str)
def test_a_map_is_seen_by_its_outputs(fields: dict[str, Any]) -> None:
    """Two output channels. Mutation: outputs position by position instead of channel by channel."""
    architecture = cnn(head="map", depth=2, **{"padding": "circular", **fields})
    looked_at = subject_of(architecture, 256, 2 * architecture.grid(256, 1).places ** 2)
    found = probe("equivariance", of="output", shifts=[[4, 8], [-4, 0]]).measure(looked_at).metrics
    kept = found["equivariance_error_interior" if fields.get("padding") else "equivariance_error"]
    assert kept < 32 * EPS["float64"] / found["equivariance_spread"]


def test_the_error_is_relative_to_the_distance_between_inputs() -> None:
    """f(x) = x_0 + 1000 on the inputs (1, 0) and (0, 1): exchanged, |f(g x) - f(x)| = |f(x) - f(y)| = 1, far below |f|.

    Mutation: divide by the root mean square of f.
    """
    estimator = network("decision-tree")
    looked_at = subject_of(
        estimator, 2, 1, test=[[1.0, 0.0], [0.0, 1.0]], predict=lambda x: x[:, :1] + 1000.0, scaling=identity(2, 1)
    )
    found = probe("invariance", dimensions=1).measure(looked_at)
    assert found.metrics["invariance_error"] == pytest.approx(1.0, rel=1e-12)
    assert found.metrics["invariance_spread"] == pytest.approx(1 / 1000.5, rel=1e-6)
    assert found.arrays["motions"].tolist() == [[1]]


def test_a_map_of_positions_is_compared_position_by_position() -> None:
    """f(x) = (x_0, 2 x_1) on (1, 0) and (0, 1), which g exchanges: |g f(x) - f(g x)| = 1, |f(x) - f(y)|**2 = 5.

    Mutation: the variance of n numbers divided by n.
    """
    looked_at = subject_of(
        network("decision-tree"), 2, 2, test=[[1.0, 0.0], [0.0, 1.0]], predict=lambda x: x * [1.0, 2.0]
    )
    found = probe("equivariance", of="output", dimensions=1, margin=0).measure(looked_at).metrics
    assert found["equivariance_error"] == pytest.approx(math.sqrt(1 / 5))
    assert found["equivariance_error_interior"] == pytest.approx(math.sqrt(1 / 5))
    unknown = probe("equivariance", of="output", dimensions=1).measure(looked_at).metrics
    assert math.isnan(unknown["equivariance_error_interior"])  # any output of a tree may see the border


def test_a_nearly_constant_map_does_not_pass() -> None:
    """Biases of 1,000 hide a convolution's failure to turn from |f|, not from the spread. Mutation: divide by |f|."""
    architecture = cnn(depth=1, activation="tanh")
    looked_at = subject_of(architecture, 81, 10)
    looked_at.state["layers.0.weight"] *= 1e-4
    found = probe("equivariance", transformations="rotations", inputs="noise").measure(looked_at).metrics
    assert found["equivariance_spread"] < 1e-2 < 0.5 < found["equivariance_error"]


def test_a_constant_map_has_no_error() -> None:
    """0/0. Mutation: a division that warns."""
    looked_at = subject_of(cnn(), 81, 10)
    for array in looked_at.state.values():
        array[:] = 0.0
    for kind in ("equivariance", "invariance"):
        assert math.isnan(probe(kind, shifts=[[1, 0]]).measure(looked_at).metrics[f"{kind}_error"])


def test_weights_that_are_not_finite_have_no_error() -> None:
    """A diverged run. Mutation: NaN counts as 0."""
    looked_at = subject_of(cnn(), 81, 10)
    looked_at.state["layers.0.weight"][0, 0, 0, 0] = math.nan
    for kind in ("equivariance", "invariance"):
        assert math.isnan(probe(kind, shifts=[[1, 0]]).measure(looked_at).metrics[f"{kind}_error"])
