"""What an experiment is said to cost, where the server's limits depend on it."""

import pytest

from service.settings import ServiceSettings
from workers.catalogue.load import load
from workers.experiments.codec import decode
from workers.experiments.shape import estimate


@pytest.mark.parametrize("kind", ["decision-tree", "gradient-boosting", "polynomial"])
def test_a_default_estimator_on_small_data_is_within_the_default_limits(kind: str) -> None:
    """Caught mutation: every node of a tree counted once for every sample refused the default decision tree."""
    load()
    spec = {"type": "approximation", "target": {"kind": "sine-sum"}, "dataset": {"kind": "sampled", "train_size": 256}}
    cost = estimate(decode({**spec, "architecture": {"kind": kind}, "training": {"kind": "fit"}}))
    assert 0 < cost.memory_bytes < ServiceSettings().max_memory_bytes
    assert 0 < cost.flops < ServiceSettings().max_flops
