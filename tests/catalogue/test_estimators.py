"""Fitted architectures against closed forms and against the library that fits them."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from workers.catalogue.kinds import architectures, datasets
from workers.catalogue.values import DataSizes, Samples, Task
from workers.engine.philox import Purpose, Stream


def estimator(kind: str, **fields: Any) -> Any:
    """Return an estimator of the catalogue."""
    return architectures.get(kind)(**fields)


def line(count: int = 40) -> Any:
    """Return points (n, 1) of [2, 5]."""
    return np.linspace(2, 5, count)[:, None]


def predicted(model: Any, x: Any, y: Any, at: Any) -> Any:
    """Return the fitted regression's outputs at other points."""
    return model.predict(model.fit(Samples(inputs=x, outputs=y), Task.REGRESSION, 0), at)


@pytest.mark.parametrize("basis", ["chebyshev", "monomial"])
def test_a_cubic_is_found_again_also_outside_of_the_data(basis: str) -> None:
    """Mutation: a wrong recurrence of the Chebyshev polynomials."""
    x, far = line(), np.array([[0.0], [7.0]])
    assert np.allclose(predicted(estimator("polynomial", degree=3, basis=basis), x, x**3 - x, far), far**3 - far)


def test_all_terms_up_to_the_total_degree_are_there() -> None:
    """x1 x2**2 has degree 3: found with 3, not with 2. C(4, 2) = 6 terms. Mutation: degree per input."""
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    y = (x[:, 0] * x[:, 1] ** 2)[:, None]
    found, missed = (np.abs(predicted(estimator("polynomial", degree=d), x, y, x) - y).max() for d in (3, 2))
    assert found < 1e-12 < 0.1 < missed
    assert estimator("polynomial", degree=2).parameter_count(2, 5) == 30


def test_chebyshev_keeps_the_digits_that_monomials_lose() -> None:
    """Degree 60, coefficients of exp: the monomials' Gram matrix is singular. Mutation: one basis for both."""
    x = np.cos(np.linspace(0, np.pi, 400))[:, None]
    y = np.cos(30 * x)
    good, bad = (
        np.abs(predicted(estimator("polynomial", degree=60, basis=basis), x, y, x) - y).max()
        for basis in ("chebyshev", "monomial")
    )
    assert good < 1e-9 < 1e-7 < bad


def test_ridge_has_the_closed_form_of_one_coefficient() -> None:
    """Degree 0: mean(y) / (1 + ridge), the penalty being per sample. Mutation: ridge without the sample count."""
    x = line()
    found = predicted(estimator("polynomial", degree=0, ridge=0.25), x, x, x)
    assert np.allclose(found, x.mean() / 1.25)


def test_too_many_terms_and_classes_are_refused() -> None:
    """C(74, 10) terms. Mutation: no misfits()."""
    sizes = DataSizes(inputs=64, outputs=10, train=100, validation=0, test=10)
    found = [problem.pointer for problem in estimator("polynomial", degree=10).misfits(sizes, Task.CLASSIFICATION)]
    assert found == ["", "/degree"]


def random_state() -> int:
    """Return the seed that the fit of experiment seed 3 hands on."""
    return int(Stream(seed=3, purpose=Purpose.ESTIMATOR).integers(2**31, 1)[0])


TREE = {"max_depth": 6, "min_samples_leaf": 2}
BOOST = {"max_depth": 2, "subsample": 0.7, "learning_rate": 0.2}


@pytest.mark.parametrize(
    ("kind", "fields", "theirs", "classifier"),
    [
        ("decision-tree", TREE, DecisionTreeRegressor, DecisionTreeClassifier),
        ("gradient-boosting", BOOST | {"stages": 15}, GradientBoostingRegressor, GradientBoostingClassifier),
    ],
)
@pytest.mark.parametrize("data", ["diabetes", "digits", "breast-cancer"])
def test_our_walk_through_the_trees_equals_scikit_learn(
    kind: str, fields: dict[str, Any], theirs: Any, classifier: Any, data: str
) -> None:
    """To 1e-12, on test rows and on rows at the thresholds. Mutation: compare in float64 instead of float32."""
    split = datasets.get(data)().split(None, 0)
    options = {("n_estimators" if name == "stages" else name): value for name, value in fields.items()}
    if kind == "decision-tree":
        options["max_leaf_nodes"] = 65_536
    model = estimator(kind, **fields)
    state = model.fit(split.train, split.task, 3)
    at = np.concatenate([split.test.inputs, split.train.inputs])
    at[np.arange(20) % len(at), state["feature"][:1]] = state["threshold"][0]
    if split.task is Task.REGRESSION:
        other = theirs(**options, random_state=random_state()).fit(split.train.inputs, split.train.outputs[:, 0])
        expected = other.predict(at)[:, None]
    else:
        labels = split.train.outputs.argmax(axis=1)
        other = classifier(**options, random_state=random_state()).fit(split.train.inputs, labels)
        expected = other.predict_proba(at)
    assert np.abs(model.predict(state, at) - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("kind", ["decision-tree", "gradient-boosting"])
@pytest.mark.parametrize("present", [[1], [0, 2], [0, 1, 3]])
def test_classes_without_a_training_sample_get_no_chance(kind: str, present: list[int]) -> None:
    """Of four classes. Mutation: number the classes that are there."""
    x = np.arange(30.0)[:, None]
    labels = np.array(present)[np.arange(30) * len(present) // 30]
    model = estimator(kind)
    found = model.predict(model.fit(Samples(inputs=x, outputs=np.eye(4)[labels]), Task.CLASSIFICATION, 0), x)
    assert found.shape == (30, 4) and np.allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == labels).all()
    assert not found[:, [label for label in range(4) if label not in present]].any()


def test_a_tree_of_one_split_is_known_by_hand() -> None:
    """Two plateaus: threshold between them, means of both sides. Mutation: children swapped."""
    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[1.0], [3.0], [10.0], [12.0]])
    assert predicted(estimator("decision-tree", max_depth=1), x, y, np.array([[1.4], [1.6]])).tolist() == [
        [2.0],
        [11.0],
    ]


def test_a_constant_target_is_a_tree_without_splits() -> None:
    """Mutation: a walk that needs a root with children."""
    x = line()
    for kind in ("decision-tree", "gradient-boosting"):
        assert np.allclose(predicted(estimator(kind), x, np.full_like(x, 7.0), x), 7.0)
