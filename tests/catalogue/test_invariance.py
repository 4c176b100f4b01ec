"""The probe of invariance: pooled networks, margins, classes that stay; and what both probes of symmetry refuse."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.catalogue.symmetric_subjects import invariance, network, probe, subject_of
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import DataSizes, Scaling, Task

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}
SHIFTS = [[1, 0], [0, 3], [5, 2], [-4, 7]]
BROKEN = 1e-2
dtypes = pytest.mark.parametrize("dtype", EPS)


@dtypes
def test_a_pooled_circular_network_is_invariant_to_shifts(dtype: str) -> None:
    """Within 32 roundings of the outputs, in units of their spread. Mutation: compare with another input."""
    found = invariance(network("cnn", padding="circular"), 16, dtype=dtype, shifts=SHIFTS)
    assert found["error_max"] < 32 * EPS[dtype] / found["spread"] and found["consistency"] == 1.0


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("cnn", {"padding": "zero"}),
        ("cnn", {"padding": "circular", "stride": 2}),
        ("cnn", {"padding": "circular", "pooling": "max"}),
        ("cnn", {"padding": "circular", "head": "flatten"}),
        ("locally-connected", {"padding": "circular"}),
        ("mlp", {}),
    ],
    ids=str,
)
def test_what_leaks_the_position_is_not(kind: str, fields: dict[str, Any]) -> None:
    """Odd shifts among them. Mutation: move nothing."""
    assert invariance(network(kind, **fields), 16, shifts=SHIFTS, dimensions=2)["error"] > BROKEN


@dtypes
def test_zero_padding_is_out_of_reach_of_a_margin(dtype: str) -> None:
    """Two layers reach 2: a margin of 8 lets shifts by 4 pass and shifts by 8 not. Mutation: no margin."""
    zero = network("cnn", padding="zero")
    near = invariance(zero, 24, dtype=dtype, margin=8, shifts=[[4, 0], [-4, 4], [1, 3]])
    assert near["error_max"] < 32 * EPS[dtype] / near["spread"]
    assert invariance(zero, 24, dtype=dtype, margin=8, shifts=[[8, 0]])["error"] > BROKEN


@dtypes
@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_a_pooled_group_network_is_invariant_to_its_group(dtype: str, group: str) -> None:
    """Zero padding, 9 positions. Mutation: turn where it should mirror."""
    architecture = network("group-cnn", group=group, channels=3)
    for motions in ("rotations", "reflections"):
        found = invariance(architecture, 9, dtype=dtype, transformations=motions)
        if group == "p4m" or motions == "rotations":
            assert found["error_max"] < 32 * EPS[dtype] / found["spread"]
        else:
            assert found["error"] > BROKEN


def test_consistency_is_the_share_of_classes_that_stay() -> None:
    """The class is the place of the first maximum: of (1, 1, 0) it stays under the shift by 2, of (0, 0, 2) never.

    Mutation: compare the outputs.
    """
    looked_at = subject_of(network("decision-tree"), 3, 3, test=[[1.0, 1.0, 0.0], [0.0, 0.0, 2.0]], predict=lambda x: x)
    found = probe("invariance", dimensions=1).measure(looked_at)
    assert found.arrays["motions"].tolist() == [[1], [2]]
    assert found.arrays["consistency"].tolist() == [0.0, 0.5]
    assert found.metrics["invariance_consistency"] == 0.25
    regression = replace(looked_at, split=replace(looked_at.split, task=Task.REGRESSION))
    assert math.isnan(probe("invariance", dimensions=1).measure(regression).metrics["invariance_consistency"])


def test_inputs_are_moved_in_the_units_of_the_network() -> None:
    """A mean per column: (5, 7) is (0, 1) there, moved (1, 0), which the data call (6, 6). Mutation: roll the data."""
    seen = []

    def predict(inputs: Any) -> Any:
        seen.append(inputs.tolist())
        return inputs[:, :1]

    scaling = Scaling(
        input_mean=np.array([5.0, 6]), input_scale=np.ones(2), output_mean=np.zeros(1), output_scale=np.ones(1)
    )
    looked_at = subject_of(
        network("decision-tree"), 2, 1, test=[[5.0, 7.0], [7.0, 6.0]], predict=predict, scaling=scaling
    )
    probe("invariance", dimensions=1).measure(looked_at)
    assert seen == [[[5.0, 7.0], [7.0, 6.0]], [[6.0, 6.0], [5.0, 8.0]]]


def test_a_margin_empties_the_ends_and_takes_the_shifts_that_cut_nothing() -> None:
    """Two of seven on each side. Mutation: a margin on one side alone."""
    seen = []

    def predict(inputs: Any) -> Any:
        seen.append(inputs[0].tolist())
        return inputs[:, :1]

    rows = [[1.0, 2, 3, 4, 5, 6, 7], [7.0, 6, 5, 4, 3, 2, 1]]
    looked_at = subject_of(network("decision-tree"), 7, 1, test=rows, predict=predict)
    found = probe("invariance", dimensions=1, margin=2).measure(looked_at)
    assert found.arrays["motions"].tolist() == [[-2], [-1], [1], [2]]
    assert seen[:2] == [[0, 0, 3, 4, 5, 0, 0], [3, 4, 5, 0, 0, 0, 0]]


def test_noise_is_a_function_of_the_seed() -> None:
    """Mutation: numpy's global generator."""
    looked_at = subject_of(network("cnn"), 64, 10)
    first, again, other = (
        probe("invariance", inputs="noise", shifts=[[1, 1]]).measure(each).metrics
        for each in (looked_at, looked_at, replace(looked_at, seed=1))
    )
    assert first == again and first != other


def misfits(given: dict[str, Any], architecture: Any, inputs: int = 64, outputs: int = 10, test: int = 20) -> list[str]:
    """Return the pointers of what keeps the probe from looking at such data."""
    sizes = DataSizes(inputs=inputs, outputs=outputs, train=20, validation=0, test=test)
    found = probe(**given).misfits(sizes, Task.CLASSIFICATION, architecture, None)
    return [problem.pointer for problem in found]


@pytest.mark.parametrize("kind", ["equivariance", "invariance"])
def test_both_probes_say_what_they_cannot_move(kind: str) -> None:
    """Frames, shifts, turns of a line, samples. Mutation: no frame_problems()."""
    line, square = network("cnn", dimensions=1), network("cnn")
    assert misfits({"kind": kind}, square) == []
    assert misfits({"kind": kind}, square, inputs=40) == []  # the architecture itself refuses them
    assert misfits({"kind": kind, "dimensions": 1}, square) == ["/dimensions"]
    assert misfits({"kind": kind, "input_channels": 4}, square) == ["/input_channels"]
    assert misfits({"kind": kind, "transformations": "rotations"}, line) == ["/transformations"]
    assert misfits({"kind": kind, "transformations": "reflections"}, line) == []
    assert misfits({"kind": kind, "shifts": [[1]]}, square) == ["/shifts"]
    assert misfits({"kind": kind}, line, inputs=5000) == ["/shifts"]
    assert misfits({"kind": kind, "shifts": [[1], [-2]]}, line, inputs=5000) == []
    assert misfits({"kind": kind}, square, test=1) == ["/inputs"]
    assert misfits({"kind": kind, "inputs": "noise"}, square, test=0) == []
    with pytest.raises(InvalidError, match="leave it out"):
        probe(kind, transformations="rotations", shifts=[[1, 0]])


def test_each_probe_says_what_it_lacks() -> None:
    """Mutation: no misfits()."""
    mlp, cnn = network("mlp"), network("cnn")
    assert misfits({"kind": "invariance"}, mlp) == ["/dimensions"]
    assert misfits({"kind": "invariance", "dimensions": 2}, mlp) == []
    assert misfits({"kind": "invariance", "dimensions": 2, "input_channels": 2}, mlp) == ["/input_channels"]
    assert misfits({"kind": "invariance", "margin": 4}, cnn) == ["/margin"]
    assert misfits({"kind": "equivariance", "dimensions": 2}, mlp) == ["/of"]
    assert misfits({"kind": "equivariance", "dimensions": 2, "of": "output"}, mlp) == ["/of"]
    assert misfits({"kind": "equivariance", "dimensions": 2, "of": "output"}, mlp, outputs=128) == []
    assert misfits({"kind": "equivariance", "of": "output"}, cnn) == ["/of"]
    assert misfits({"kind": "equivariance", "of": "output"}, network("cnn", head="map"), outputs=64) == []
