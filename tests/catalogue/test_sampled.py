"""Samples of a target: where they lie, what disturbs them."""

from typing import Any

import numpy as np
import pytest

from tests.catalogue.cases import some_target
from workers.catalogue.kinds import Dataset, datasets, targets
from workers.catalogue.values import Split

SQUARE = targets.get("product")(inputs=2, domain=(0.0, 2.0))


def drawn(seed: int = 0, target: Any = SQUARE, **fields: Any) -> Split:
    """Return a draw of a sampled data set."""
    return dataset(**fields).split(target, seed)


def dataset(**fields: Any) -> Dataset:
    """Return a small sampled data set."""
    small = {"train_size": 64, "validation_size": 32, "test_size": 50}
    return datasets.get("sampled")(**small | fields)


def test_a_grid_has_its_corners_and_equal_steps() -> None:
    """Three points on [0, 2] per axis. Mutation: cell centres."""
    found = drawn(design="grid", train_size=9).train.inputs
    assert sorted(map(tuple, found.tolist())) == [(x, y) for x in (0, 1, 2) for y in (0, 1, 2)]


def test_a_size_that_is_no_full_grid_is_refused_with_its_neighbours() -> None:
    """Mutation: no misfits()."""
    details = [problem.detail for problem in dataset(design="grid", train_size=10).misfits(SQUARE)]
    assert details == ["a full grid over 2 inputs has k**2 points: use 9 or 16"]
    assert not list(dataset(design="grid", train_size=10).misfits(some_target()))


def test_every_axis_of_a_sobol_design_has_one_point_per_cell() -> None:
    """64 points, 32 cells: a shifted Sobol sequence has 1 to 3 in each. Mutation: uniform draws instead."""
    counts = [np.histogram(column, bins=32, range=(0, 2))[0] for column in drawn(design="sobol").train.inputs.T]
    assert all(count.min() >= 1 and count.max() <= 3 for count in counts)


def test_noise_falls_on_training_outputs_alone() -> None:
    """Sample deviation of 4,096 normals within 4 sigma. Mutation: noise on the test outputs too."""
    clean, noisy = (drawn(train_size=4096, noise_sd=sd) for sd in (0.0, 0.5))
    difference = noisy.train.outputs - clean.train.outputs
    assert np.std(difference) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * 4096))
    assert abs(difference.mean()) < 4 * 0.5 / 64
    assert np.array_equal(noisy.train.inputs, clean.train.inputs)
    for part in ("validation", "test"):
        assert np.array_equal(getattr(noisy, part).outputs, getattr(clean, part).outputs)


@pytest.mark.parametrize(
    "change", [{"train_size": 128}, {"validation_size": 5}, {"design": "sobol"}, {"noise_sd": 1.0}]
)
def test_the_test_set_depends_on_none_of_the_other_fields(change: dict[str, Any]) -> None:
    """Mutation: one stream for train and test inputs."""
    assert np.array_equal(drawn(**change).test.inputs, drawn().test.inputs)
    assert np.array_equal(drawn(**change).test.outputs, drawn().test.outputs)


def test_a_larger_training_set_begins_with_the_smaller_one() -> None:
    """Mutation: a stream that depends on the size."""
    assert np.array_equal(drawn(train_size=128).train.inputs[:64], drawn().train.inputs)


def test_parts_do_not_share_points() -> None:
    """Mutation: the same purpose for validation and test."""
    split = drawn()
    points = [set(map(tuple, getattr(split, part).inputs.tolist())) for part in ("train", "validation", "test")]
    assert not (points[0] & points[1] or points[0] & points[2] or points[1] & points[2])


def test_a_test_domain_of_its_own_moves_the_test_points_alone() -> None:
    """Mutation: the target's box for every part."""
    far = drawn(test_domain=((5.0, 6.0), (-3.0, -2.0)))
    assert (far.test.inputs.min(axis=0) >= [5, -3]).all() and (far.test.inputs.max(axis=0) <= [6, -2]).all()
    assert np.array_equal(far.train.inputs, drawn().train.inputs)
    assert np.array_equal(far.test.outputs[:, 0], far.test.inputs.prod(axis=1))
    wrong = dataset(test_domain=((0.0, 1.0),))
    assert [problem.pointer for problem in wrong.misfits(SQUARE)] == ["/test_domain"]


def test_standardising_uses_the_training_set_alone() -> None:
    """Mutation: statistics of all parts."""
    split = drawn(standardise=True, noise_sd=0.1)
    scaling = split.scaling
    assert np.allclose(scaling.input_mean, split.train.inputs.mean(axis=0))
    assert np.allclose(scaling.output_scale, split.train.outputs.std(axis=0))
    plain = drawn().scaling
    assert (plain.input_mean == 0).all() and (plain.output_scale == 1).all()


def test_a_constant_column_keeps_its_scale() -> None:
    """Mutation: divide by a deviation of 0."""
    constant = targets.get("sine-sum")(frequencies=(0.0,), phases=(1.0,))
    scaling = drawn(target=constant, standardise=True).scaling
    assert scaling.output_scale[0] == 1 and scaling.output_mean[0] == np.sin(1.0)
