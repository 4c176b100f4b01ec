"""What an experiment is said to cost, where the server's limits depend on it."""

import pytest

from service.settings import ServiceSettings
from tests.experiments.specs import changed
from workers.catalogue.kinds import architectures
from workers.catalogue.load import load
from workers.experiments.codec import decode
from workers.experiments.costs import estimate, rows_at_once


@pytest.mark.parametrize("kind", ["decision-tree", "gradient-boosting", "polynomial"])
def test_a_default_estimator_on_small_data_is_within_the_default_limits(kind: str) -> None:
    """Caught mutation: every node of a tree counted once for every sample refused the default decision tree."""
    load()
    spec = {"type": "approximation", "target": {"kind": "sine-sum"}, "dataset": {"kind": "sampled", "train_size": 256}}
    cost = estimate(decode({**spec, "architecture": {"kind": kind}, "training": {"kind": "fit"}}))
    assert 0 < cost.memory_bytes < ServiceSettings().max_memory_bytes
    assert 0 < cost.flops < ServiceSettings().max_flops


def test_an_estimate_counts_parameters_and_grows_with_the_steps() -> None:
    """64 + 64 + 64*64 + 64 + 64 + 1 = 4,353. Mutation: forget the evaluations."""
    short, long = (estimate(decode(changed("training.steps", steps))) for steps in (100, 10_000))
    assert short.parameters == 4353 and short.seconds < long.seconds and short.memory_bytes == long.memory_bytes
    assert short.flops > 2 * 4353 * 3 * 100 * 64
    assert estimate(decode({"type": "recorded", "config": {}, "metrics": {}})).flops == 0


CNN = {"kind": "cnn", "channels": 16, "depth": 2, "kernel_size": 3, "head": "average"}
MNIST = {
    "type": "approximation",
    "dataset": {"kind": "mnist-5k"},
    "architecture": CNN,
    "training": {"kind": "gradient"},
}


def test_a_convolution_costs_its_weights_at_every_position() -> None:
    """28 * 28 positions of 9 * 16 and 9 * 16 * 16 weights, and 160 of the head. Mutation: each weight once."""
    load()
    cost = estimate(decode(MNIST))
    by_hand = 28 * 28 * (9 * 16 + 9 * 16 * 16) + 160
    assert architectures.get("cnn")(channels=16, head="average").multiplications_per_sample(784, 10) == by_hand
    samples = 3 * 2000 * 64 + 21 * 5000
    assert cost.flops == pytest.approx(2 * by_hand * samples, rel=0.01)


def test_what_a_network_takes_while_it_is_evaluated_is_bounded() -> None:
    """A default cnn on images is within the default limits. Caught mutation: 4,096 images at a time, 14 GB."""
    load()
    assert estimate(decode(MNIST)).memory_bytes < ServiceSettings().max_memory_bytes
    wide, narrow = (architectures.get("mlp")(width=width, depth=depth) for width, depth in ((2**16, 256), (8, 1)))
    assert [rows_at_once(network, 1, 1) for network in (wide, narrow)] == [1, 4096]


def test_data_are_counted_as_often_as_they_are_held() -> None:
    """10**6 samples of x and y: drawn (16 bytes), scaled (8), exact answers (8). Caught mutation: once each."""
    load()
    data = {"kind": "sampled", "train_size": 500_000, "validation_size": 0, "test_size": 500_000}
    cost = estimate(decode(changed("dataset", data)))
    assert cost.memory_bytes == pytest.approx(32 * 10**6, rel=0.2)
