"""Nearest neighbours against scikit-learn, and by hand where there are ties."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from workers.catalogue.architectures.nearest_neighbours import BLOCK
from workers.catalogue.kinds import architectures, datasets
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import DataSizes, Samples, Task


def neighbours(**fields: Any) -> Any:
    """Return an estimator by nearest neighbours."""
    return architectures.get("nearest-neighbours")(**fields)


def predicted(model: Any, x: Any, y: Any, at: Any, task: Task = Task.REGRESSION) -> Any:
    """Return what the model predicts at other points after it has seen samples."""
    samples = Samples(inputs=np.asarray(x, dtype=float), outputs=np.asarray(y, dtype=float))
    return model.predict(model.fit(samples, task, 0), np.asarray(at, dtype=float))


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("data", ["diabetes", "wine"])
def test_predictions_equal_those_of_scikit_learn(data: str, k: int, weights: str, p: int) -> None:
    """To 1e-12 on test rows and on the training rows themselves. Mutation: the square of the distance as weight."""
    split = datasets.get(data)().split(None, 0)
    at = np.concatenate([split.test.inputs, split.train.inputs])
    found = predicted(neighbours(k=k, weights=weights, p=p), split.train.inputs, split.train.outputs, at, split.task)
    options = {"n_neighbors": k, "weights": weights, "p": p}
    if split.task is Task.REGRESSION:
        expected = KNeighborsRegressor(**options).fit(split.train.inputs, split.train.outputs).predict(at)
    else:
        model = KNeighborsClassifier(**options).fit(split.train.inputs, split.train.outputs.argmax(axis=1))
        expected = model.predict_proba(at)
    assert np.abs(found - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


def test_of_equally_near_samples_the_earlier_ones_count() -> None:
    """At 0 the distances are 2, 1, 1, 2, 1. Mutation: an unstable partition by index, or the later ones."""
    x, y = [[2], [-1], [1], [-2], [1]], [[1], [10], [100], [1000], [10_000]]
    means = [predicted(neighbours(k=k), x, y, [[0]])[0, 0] for k in (1, 2, 3, 4, 5)]
    assert means == pytest.approx([10, 55, 10_110 / 3, 10_111 / 4, 11_111 / 5], rel=1e-15)


def test_equal_distances_are_found_equal_far_from_the_origin() -> None:
    """1e8 + 1 and 1e8 - 1 from 1e8. Mutation: squares of inputs minus twice their product: 1e16 swallows 1."""
    x = [[1e8 + 1, 0.5], [1e8 - 1, 0.5], [1e8 + 0.5, 0.5]]
    assert predicted(neighbours(k=1), x, [[1], [2], [3]], [[1e8 - 0.25, 0.5]])[0, 0] == 2  # 0.75 from 2 and from 3
    assert predicted(neighbours(k=2), x, [[1], [2], [3]], [[1e8, 0.5]])[0, 0] == 2  # (3 + 1) / 2: first of the ties


def test_the_distance_is_the_one_asked_for() -> None:
    """From 0: (3, 3) is 6 or 4.24 away, (0, 5) always 5. Mutation: p for the other."""
    x, y = [[3, 3], [0, 5]], [[1], [2]]
    assert predicted(neighbours(k=1, p=1), x, y, [[0, 0]])[0, 0] == 2
    assert predicted(neighbours(k=1, p=2), x, y, [[0, 0]])[0, 0] == 1


def test_weights_are_inverse_distances() -> None:
    """At 1 and 2: weights 2/3 and 1/3. Mutation: uniform weights."""
    assert predicted(neighbours(k=2, weights="distance"), [[1], [-2]], [[3], [9]], [[0]])[0, 0] == pytest.approx(5)


def test_samples_at_the_point_itself_are_all_that_counts() -> None:
    """Two of three neighbours there. Mutation: 1 / 0."""
    x, y = [[0], [0], [1e-100]], [[1], [2], [100]]
    assert predicted(neighbours(k=3, weights="distance"), x, y, [[0]])[0, 0] == 1.5


def test_the_least_distances_give_finite_weights() -> None:
    """5e-324 is the least positive number, and its inverse infinite. Mutation: 1 / distance."""
    x, y = [[5e-324], [-5e-324], [1e-300]], [[1], [2], [100]]
    assert predicted(neighbours(k=3, weights="distance", p=1), x, y, [[0]])[0, 0] == pytest.approx(1.5)


def test_blocks_change_no_bit() -> None:
    """Three blocks of rows against one row at a time. Mutation: a block written over the one before."""
    generator = np.random.default_rng(0)
    x = generator.uniform(size=(1000, 2))
    y, at = x[:, :1] * x[:, 1:], generator.uniform(size=(3 * (BLOCK // 1000), 2))
    model = neighbours(k=3)
    found = predicted(model, x, y, at)
    assert np.array_equal(found[::97], np.concatenate([predicted(model, x, y, row[None]) for row in at[::97]]))


def test_a_prediction_takes_no_more_memory_than_a_block() -> None:
    """5,000 rows, 10,000 samples: all distances would be 400 MB. Mutation: one block for everything."""
    generator = np.random.default_rng(0)
    x, y = generator.uniform(size=(10_000, 3)), generator.uniform(size=(10_000, 2))
    model, at = neighbours(k=50), generator.uniform(size=(5000, 3))
    state = model.fit(Samples(inputs=x, outputs=y), Task.REGRESSION, 0)
    model.predict(state, at[:1])  # what is imported on the way stays
    tracemalloc.start()
    try:
        model.predict(state, at)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Of a block: distances, their partition, the running count of ties, the indices; four arrays of truth values.
    assert peak <= 8 * (5000 * model.numbers_per_sample(3, 2) + 5 * BLOCK)


def test_a_training_set_that_does_not_fit_is_refused() -> None:
    """Fewer than k samples, or more than are kept. Mutation: no misfits()."""

    def found(train: int) -> list[str]:
        sizes = DataSizes(inputs=1, outputs=1, train=train, validation=0, test=1)
        return [problem.pointer for problem in neighbours(k=10, max_samples=20).misfits(sizes, Task.REGRESSION)]

    assert [found(train) for train in (9, 10, 20, 21)] == [["/k"], [], [], ["/max_samples"]]
    with pytest.raises(InvalidError, match="must be at most max_samples = 20"):
        neighbours(k=21, max_samples=20)


def test_the_kept_samples_are_counted() -> None:
    """20 of 3 inputs and 2 outputs. Mutation: inputs alone."""
    x = np.zeros((20, 3))
    state = neighbours(max_samples=20).fit(Samples(inputs=x, outputs=x[:, :2]), Task.REGRESSION, 0)
    assert sum(array.size for array in state.values()) == neighbours(max_samples=20).parameter_count(3, 2) == 100
