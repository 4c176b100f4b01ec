"""Classical learners in chunks and continued on a new task."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from tests.catalogue.simulated import refused, run
from workers.catalogue.kinds import datasets
from workers.engine.incremental import LEARNERS, Standardising
from workers.engine.warm_start import Boosting, Logistic, mixed

CHUNKS, TRANSFER = "learning-in-chunks", "warm-started-transfer"
WINE: dict[str, Any] = {"kind": "wine"}


def digits() -> tuple[Any, Any, Any, Any]:
    """Return training inputs and labels, test inputs and labels."""
    split = datasets.get("digits")().split(None, 0)
    train, test = split.train, split.test
    return train.inputs, train.outputs.argmax(axis=1), test.inputs, test.outputs.argmax(axis=1)


def learned(kind: str, inputs: Any, labels: Any, chunk: int) -> Standardising:
    """Return a learner that saw the samples in chunks."""
    found = Standardising(LEARNERS[kind](10, 0))
    found.learn(inputs, labels, chunk=chunk, passes=3)
    return found


def test_sums_do_not_mind_chunks() -> None:
    """As one ridge regression of scikit-learn, up to rounding. Mutations: forget a chunk; the penalty of a chunk."""
    x, y, at, _ = digits()
    whole, parts = (learned("least-squares", x, y, chunk).learner for chunk in (len(x), 50))
    assert np.allclose(whole.products, parts.products, rtol=1e-9, atol=1e-9)  # type: ignore[attr-defined]
    assert whole.count == parts.count == len(x)  # type: ignore[attr-defined]
    inputs = np.hstack([StandardScaler().fit(x).transform(x), np.ones((len(x), 1))])
    ridge = Ridge(alpha=1e-3 * len(x), fit_intercept=False).fit(inputs, np.eye(10)[y])
    assert parts.coefficients == pytest.approx(ridge.coef_.T, abs=1e-9)  # type: ignore[attr-defined]
    scaled = StandardScaler().fit(x).transform(at)
    assert np.array_equal(whole.classify(scaled), parts.classify(scaled))
    metrics = run(CHUNKS, dataset={"kind": "digits"}, learner="least-squares").metrics
    # rounding may turn one of 359 test samples in one of 5 replicates
    assert abs(metrics["accuracy_difference"]) <= 1 / (5 * 359) and metrics["accuracy_at_once"] > 0.9


def test_naive_bayes_in_one_chunk_is_that_of_the_library() -> None:
    """Mutation: the last chunk alone."""
    x, y, at, truth = digits()
    scaler = StandardScaler().fit(x)
    expected = GaussianNB().fit(scaler.transform(x), y).score(scaler.transform(at), truth)
    assert learned("naive-bayes", x, y, len(x)).accuracy(at, truth) == pytest.approx(expected, abs=1 / 359)


def test_the_scale_is_learned_from_the_chunks() -> None:
    """Means and deviations of all samples. Mutation: the scale of the first chunk."""
    x, y, _, _ = digits()
    found = learned("least-squares", x, y, 50).scaler
    assert found.mean_ == pytest.approx(x.mean(axis=0), abs=1e-12)
    assert found.var_ == pytest.approx(x.var(axis=0), abs=1e-10)


def test_learners_that_sum_see_every_sample_once() -> None:
    """Three passes were asked for. Mutation: sum again in each pass."""
    x, y, _, _ = digits()
    found = learned("naive-bayes", x, y, 100).learner
    assert found.model.class_count_.tolist() == np.bincount(y).tolist()  # type: ignore[attr-defined]


@pytest.mark.parametrize("learner", ["naive-bayes", "logistic"])
def test_chunks_of_real_data_cost_little(learner: str) -> None:
    """Wine: both ways far above the 0.40 of the largest class. Mutation: chunks of one class; unshuffled labels."""
    reading = run(CHUNKS, dataset=WINE, learner=learner, chunk=20)
    metrics = reading.metrics
    assert metrics["accuracy_in_chunks"] > 0.8 and metrics["accuracy_at_once"] > 0.8
    assert metrics["accuracy_difference"] == pytest.approx(
        np.mean(reading.arrays["in_chunks"] - reading.arrays["at_once"])
    )
    assert metrics["samples_held"] == 20 / datasets.get("wine")().sizes(None).train


def test_random_labels_teach_neither_way() -> None:
    """The negative control: near the shares of the classes, 0.27 to 0.40. Mutation: accuracy on the training set."""
    metrics = run(CHUNKS, dataset=WINE | {"shuffled_labels": 1.0}, learner="least-squares", replicates=20).metrics
    assert 0.2 < metrics["accuracy_in_chunks"] < 0.5


@pytest.mark.parametrize("learner", ["logistic", "boosting"])
def test_a_like_task_gains_and_an_unlike_one_does_not(learner: str) -> None:
    """The intervals exclude 0 to the side of theory. Mutations: forget the first task; no turn of the inputs."""
    digits = {"kind": "digits", "train_size": 600}
    same, other = (
        run(TRANSFER, dataset=digits, learner=learner, unlikeness=unlikeness, replicates=5).metrics
        for unlikeness in (0.1, 1.0)
    )
    assert same["accuracy_gain_low"] > 0 and same["unchanged_accuracy"] > 0.6
    assert other["accuracy_gain_low"] < 0
    assert other["unchanged_accuracy"] < 0.25  # 0.1 by chance
    assert same["accuracy_gain"] == pytest.approx(same["continued_accuracy"] - same["fresh_accuracy"])


def test_learning_twice_begins_with_what_was_learned() -> None:
    """Trees of the first task stay, weights move from where they were. Mutation: warm_start off."""
    x, y, _, _ = digits()
    boosting, logistic = Boosting(0), Logistic(0)
    boosting.learn((x[:200], y[:200]))
    first = [tree[0].tree_.threshold.copy() for tree in boosting.model.estimators_]
    boosting.learn((x[200:400], y[200:400]))
    kept = [tree[0].tree_.threshold for tree in boosting.model.estimators_]
    assert len(kept) == 2 * len(first) == 40
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=False))
    logistic.learn((x[:200], y[:200]))
    steps = logistic.model.t_
    logistic.learn((x[200:400], y[200:400]))
    assert logistic.model.t_ == 2 * steps - 1  # counted from 1


def test_inputs_turn_by_the_asked_angle() -> None:
    """0: the same; 1: in the order. A half: at 45 degrees. Mutation: angles in degrees."""
    x, order = np.random.default_rng(0).normal(size=(5, 4)), np.array([2, 3, 0, 1])
    assert np.array_equal(mixed(x, order, 0.0), x)
    assert mixed(x, order, 1.0) == pytest.approx(x[:, order], abs=1e-15)
    assert mixed(x, order, 0.5) == pytest.approx((x + x[:, order]) / np.sqrt(2))


def test_what_compares_nothing_is_refused() -> None:
    """Mutation: no problems()."""
    assert (
        refused(CHUNKS, dataset={"kind": "diabetes"}) == refused(TRANSFER, dataset={"kind": "diabetes"}) == {"/dataset"}
    )
    assert refused(CHUNKS, dataset=WINE, chunk=1000) == {"/chunk"}
    assert refused(CHUNKS, dataset={"kind": "mnist1d", "train_size": 100_000}, chunk=1, replicates=2) == {"/chunk"}
    assert "/replicates" in refused(CHUNKS, dataset={"kind": "mnist1d", "train_size": 1_000_000}, chunk=1000)
    assert refused(TRANSFER, dataset=WINE, new_samples=11) == {"/new_samples"}
    assert refused(TRANSFER, dataset=WINE, new_samples=12) == set()
    assert refused(TRANSFER, dataset={"kind": "mnist1d", "train_size": 1_000_000}, replicates=1000) == {"/replicates"}
