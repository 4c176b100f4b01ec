"""The comparison of pruned networks: its sizes, and its controls."""

from typing import Any

import pytest

from tests.catalogue.simulated import refused, run, simulation

KIND = "iterative-pruning"
DIGITS: dict[str, Any] = {"kind": "digits", "train_size": 400}


def test_weights_go_by_the_same_factor_in_every_round() -> None:
    """64 * 64 + 64 * 64 + 64 * 10 = 8832 weights; 1/4 and 1/16. Mutations: linear rounds; biases counted."""
    found = simulation(KIND, dataset=DIGITS, sparsity=15 / 16, rounds=2)
    assert found._keeps() == (2208, 552)
    assert found._small_width() == 6  # 64 w + w**2 + 10 w: 480 for 6, 567 for 7


def test_a_network_pruned_a_little_is_the_dense_one() -> None:
    """The positive control: 1 % of the weights. Mutation: the largest go."""
    metrics = run(KIND, dataset=DIGITS, sparsity=0.01, rounds=1, width=32).metrics
    assert abs(metrics["pruned_minus_dense"]) < 0.03 and metrics["least_train_accuracy"] > 0.95
    assert metrics["remaining_share"] == pytest.approx(0.99, abs=1e-3)


def test_a_network_without_enough_weights_is_worse() -> None:
    """The negative control: 33 of 3328 weights. Mutation: masks that do not hold."""
    metrics = run(KIND, dataset=DIGITS, sparsity=0.97, rounds=1, width=32, steps=100).metrics
    assert metrics["pruned_accuracy"] < metrics["dense_accuracy"] - 0.05
    assert metrics["remaining_share"] == pytest.approx(0.03, abs=1e-3)
    assert metrics["pruned_minus_dense"] == pytest.approx(metrics["pruned_accuracy"] - metrics["dense_accuracy"])


def test_what_cannot_be_compared_is_refused() -> None:
    """Mutation: no problems()."""
    assert refused(KIND, dataset={"kind": "diabetes"}) == {"/dataset"}
    assert refused(KIND, dataset=DIGITS, width=4, sparsity=0.99) == {"/sparsity"}
    assert refused(KIND, dataset=DIGITS, steps=100_000, replicates=1000) == {"/replicates"}
