"""Random forests against the library that fits them, and by hand."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from workers.catalogue.kinds import Architecture, architectures, datasets
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Samples, Task
from workers.engine.philox import Purpose, Stream
from workers.experiments.codec import decode_component

SEED = 3


def forest(**fields: Any) -> Any:
    """Return a random forest."""
    return architectures.get("random-forest")(**fields)


def theirs(task: Task, features: int, **fields: Any) -> Any:
    """Return scikit-learn's forest with the options of ours, from the same seed."""
    random_state = int(Stream(seed=SEED, purpose=Purpose.ESTIMATOR).integers(2**31, 1)[0])
    cls = RandomForestRegressor if task is Task.REGRESSION else RandomForestClassifier
    names = {"trees": "n_estimators", "max_leaves": "max_leaf_nodes"}
    options = {names.get(name, name): value for name, value in fields.items()}
    return cls(**options | {"max_features": features, "random_state": random_state})


FIELDS: list[dict[str, Any]] = [
    {"trees": 11, "max_depth": 6, "min_samples_leaf": 2, "max_leaves": 40, "bootstrap": True},
    {"trees": 8, "max_depth": None, "min_samples_leaf": 1, "max_leaves": 4096, "bootstrap": False},
]


@pytest.mark.parametrize("fields", FIELDS, ids=["bounded", "all samples"])
@pytest.mark.parametrize("data", ["diabetes", "wine", "breast-cancer"])
def test_our_walk_equals_the_prediction_of_scikit_learn(data: str, fields: dict[str, Any]) -> None:
    """To 1e-12 on test rows: 11 trees are summed. Mutation: leave out the trees after the first eight."""
    split = datasets.get(data)().split(None, 0)
    features = int(np.sqrt(split.train.inputs.shape[1]))
    model = forest(**fields)
    found = model.predict(model.fit(split.train, split.task, SEED), split.test.inputs)
    other = theirs(split.task, features, **fields)
    if split.task is Task.REGRESSION:
        expected = other.fit(split.train.inputs, split.train.outputs[:, 0]).predict(split.test.inputs)[:, None]
    else:
        other.fit(split.train.inputs, split.train.outputs.argmax(axis=1))
        expected = other.predict_proba(split.test.inputs)
    assert np.abs(found - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


def test_several_outputs_share_the_trees_as_in_scikit_learn() -> None:
    """Mutation: fit one forest per output, or return the first output alone."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (300, 4))
    y = np.stack([x[:, 0] * x[:, 1], np.abs(x[:, 2]), x.sum(axis=1)], axis=1)
    model, at = forest(**FIELDS[0], max_features="all"), generator.uniform(-1, 1, (100, 4))
    expected = theirs(Task.REGRESSION, 4, **FIELDS[0]).fit(x, y).predict(at)
    found = model.predict(model.fit(Samples(inputs=x, outputs=y), Task.REGRESSION, SEED), at)
    assert found.shape == (100, 3) and np.abs(found - expected).max() <= 1e-12


def test_a_forest_repeats_itself_and_follows_its_seed() -> None:
    """Mutation: leave random_state out."""
    split = datasets.get("wine")().split(None, 0)
    first, again, other = (forest(trees=5).fit(split.train, split.task, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["threshold"], other["threshold"])


def test_the_forest_is_the_mean_of_its_trees() -> None:
    """Two stumps of three leaves written down by hand. Mutation: the sum."""
    state = {
        "left": np.array([1, -1, -1, 4, -1, -1]),
        "right": np.array([2, -1, -1, 5, -1, -1]),
        "feature": np.array([0, -2, -2, 1, -2, -2]),
        "threshold": np.array([0.5, -2.0, -2.0, 0.0, -2.0, -2.0]),
        "value": np.array([[0.0], [1.0], [3.0], [0.0], [10.0], [20.0]]),
        "root": np.array([0, 3]),
    }
    at = np.array([[0.0, -1.0], [1.0, -1.0], [0.5, 0.5]])
    assert forest().predict(state, at).tolist() == [[5.5], [6.5], [10.5]]


@pytest.mark.parametrize("present", [[1], [0, 2], [0, 1, 3]])
def test_classes_without_a_training_sample_get_no_chance(present: list[int]) -> None:
    """Of four classes. Mutation: number the classes that are there."""
    x = np.arange(30.0)[:, None]
    outputs = np.eye(4)[np.array(present)[np.arange(30) * len(present) // 30]]
    model = forest(trees=20, bootstrap=False)
    found = model.predict(model.fit(Samples(inputs=x, outputs=outputs), Task.CLASSIFICATION, 0), x)
    assert np.array_equal(found, outputs)  # every sample lies in a pure leaf of every tree


@pytest.mark.parametrize(
    ("given", "counts"),
    [("sqrt", [1, 1, 4, 28]), ("third", [1, 1, 5, 261]), ("all", [1, 3, 16, 784]), (0.5, [1, 1, 8, 392])],
)
def test_a_split_chooses_from_the_named_part_of_the_inputs(given: str | float, counts: list[int]) -> None:
    """Of 1, 3, 16 and 784 inputs. Mutation: round up."""
    assert [forest(max_features=given).features(inputs) for inputs in (1, 3, 16, 784)] == counts


def test_a_fraction_above_one_is_refused_by_its_bound() -> None:
    """Mutation: no maximum."""
    with pytest.raises(InvalidError, match=r"must be at most 1; got 1\.5"):
        decode_component(Architecture, {"kind": "random-forest", "max_features": 1.5})


@pytest.mark.parametrize("trees", [3, 200])
def test_a_prediction_takes_no_more_memory_than_announced(trees: int) -> None:
    """Per sample, of 2,000: 80 numbers, where 200 trees at once would take 800. Mutation: all trees at once."""
    x = np.random.default_rng(0).uniform(-1, 1, (2000, 6))
    model = forest(trees=trees, max_depth=5)
    state = model.fit(Samples(inputs=x, outputs=x[:, :2]), Task.REGRESSION, 0)
    tracemalloc.start()
    try:
        model.predict(state, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # One kilobyte for what does not grow with the samples, such as the copied list of the state's arrays.
    assert peak <= 8 * 2000 * model.numbers_per_sample(6, 2) + 1024
    assert model.numbers_per_sample(6, 2) <= 80


def test_the_forest_holds_no_more_numbers_than_announced() -> None:
    """Splits have a feature and a threshold, leaves their outputs. Mutation: forget the number of trees."""
    x = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    for fields in ({"max_leaves": 9}, {"max_depth": 3, "max_leaves": 100}):
        model = forest(trees=7, **fields)
        state = model.fit(Samples(inputs=x, outputs=x[:, :2]), Task.REGRESSION, 0)
        leaves = int((state["left"] == -1).sum())
        splits = len(state["left"]) - leaves
        assert model.parameter_count(3, 2) // 2 < 2 * splits + 2 * leaves <= model.parameter_count(3, 2)
