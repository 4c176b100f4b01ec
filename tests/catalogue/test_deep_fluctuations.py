"""Fluctuations of deep random networks: closed forms, and networks with their matrices."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, chi2

from tests.catalogue.simulated import refused, run
from workers.catalogue.kinds import Architecture
from workers.engine.deep_fluctuations import log_variance
from workers.experiments.codec import decode_component

KIND = "deep-fluctuations"


@pytest.mark.parametrize(("activation", "c"), [("relu", 5), ("linear", 2)])
@pytest.mark.parametrize(("width", "depth"), [(64, 8), (32, 4), (32, 2)])
def test_both_moments_are_those_of_the_formula(activation: str, c: int, width: int, depth: int) -> None:
    """40,000 networks with depth / width <= 1/8, 4 standard errors. Mutation: variance 1 / width under relu."""
    metrics = run(KIND, width=width, depth=depth, activation=activation, networks=40_000).metrics
    assert metrics["predicted_second_moment"] == pytest.approx((1 + c / width) ** depth)
    for name in ("second_moment", "log_variance"):
        half = (metrics[f"{name}_high"] - metrics[f"{name}_low"]) / 2
        assert metrics[name] == pytest.approx(metrics[f"predicted_{name}"], abs=4 / 1.96 * half)
        assert half < 0.06 * metrics[f"predicted_{name}"]
    assert metrics["depth_to_width"] == depth / width and metrics["dead_share"] == 0


@pytest.mark.parametrize("width", [4, 9])
def test_the_variance_of_the_logarithm_is_that_of_its_density(width: int) -> None:
    """By integrals over chi-squared densities. Mutations: trigamma of the width; one variance for all counts."""

    def moment(power: int, degrees: int) -> float:
        found, _ = quad(lambda y: y**power * chi2.pdf(math.exp(y), degrees) * math.exp(y), -60, 8, limit=400)
        return float(found)

    assert log_variance(width, 3, "linear") == pytest.approx(3 * (moment(2, width) - moment(1, width) ** 2), rel=1e-6)
    counts = range(1, width + 1)
    alive = 1 - binom.pmf(0, width, 0.5)
    first, second = (sum(binom.pmf(k, width, 0.5) / alive * moment(power, k) for k in counts) for power in (1, 2))
    assert log_variance(width, 3, "relu") == pytest.approx(3 * (second - first**2), rel=1e-6)


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_networks_of_the_catalogue_have_that_law(activation: str) -> None:
    """800 mlp with their matrices at one input, 4 standard errors. Mutation: one layer more."""
    network: Any = decode_component(
        Architecture,
        {
            "kind": "mlp",
            "width": 12,
            "depth": 4,
            "activation": "relu",
            "bias": False,
            "initialisation": {"scheme": "he"},
        },
    )
    x, logs = np.full(12, 1.0), []
    for seed in range(800):
        state, hidden = network.initial_state(12, 1, seed), x
        for layer in range(4):
            hidden = state[f"layers.{layer}.weight"] @ hidden
            hidden = np.maximum(hidden, 0) if activation == "relu" else hidden / math.sqrt(2)
        logs.append(math.log(np.mean(hidden**2)) if hidden.any() else math.nan)
    found = np.array(logs)[~np.isnan(logs)]
    error = np.std((found - found.mean()) ** 2) / math.sqrt(len(found))
    expected = log_variance(12, 4, "relu" if activation == "relu" else "linear")
    assert found.var() == pytest.approx(expected, abs=4 * error)


def test_dead_networks_are_counted_and_have_no_logarithm() -> None:
    """1 - (1 - 2**-4)**8 = 0.403 die, 4 sigma of 5000. Mutation: count zeros as logarithms."""
    reading = run(KIND, width=4, depth=8, networks=5000)
    share = 1 - (1 - 2**-4) ** 8
    assert reading.metrics["dead_share"] == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 5000))
    assert np.mean(reading.arrays["kernels"] == 0) == pytest.approx(reading.metrics["dead_share"], abs=1e-12)
    assert math.isfinite(reading.metrics["log_variance"])


def test_network_i_does_not_depend_on_how_many_there_are() -> None:
    """Mutation: a block whose size depends on the number."""
    few, many = (run(KIND, width=256, depth=64, networks=count).arrays["kernels"] for count in (100, 300))
    assert np.array_equal(few, many[:100])


def test_too_much_and_too_narrow_is_refused() -> None:
    """Mutation: no problems()."""
    assert refused(KIND, width=4096, depth=4096) == {"/networks"}
    assert refused(KIND, width=4, depth=9, networks=100) == {"/depth"}
    assert refused(KIND, width=4, depth=9, networks=100, activation="linear") == set()
