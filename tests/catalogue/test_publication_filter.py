"""Published effects and false victories against closed forms."""

import math

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import norm, ttest_1samp

from tests.catalogue.simulated import refused, run, simulation
from workers.catalogue.simulations.best_of_tricks import _p_values

FILTER, TRICKS = "publication-filter", "best-of-tricks"


@pytest.mark.parametrize(
    "fields", [{}, {"sides": "two"}, {"runs": 40, "level": 0.01}, {"share_with_effect": 0.1}], ids=str
)
def test_the_filter_does_what_its_closed_form_says(fields: dict[str, float]) -> None:
    """100,000 studies, 4 standard errors. Mutations: a one-sided threshold for two sides; publish everything."""
    metrics = run(FILTER, **fields).metrics
    for name in ("published_share", "published_effect", "false_share"):
        half = (metrics[f"{name}_high"] - metrics[f"{name}_low"]) / 2
        assert metrics[name] == pytest.approx(metrics[f"predicted_{name}"], abs=4 / 1.96 * half)
    assert metrics["inflation"] == pytest.approx(metrics["published_effect"] / 0.5)
    # the positive control: without the filter the effect is the true one
    count = 100_000 * fields.get("share_with_effect", 0.5)
    error = math.sqrt(2 / fields.get("runs", 5) / count)
    assert metrics["unfiltered_effect"] == pytest.approx(0.5, abs=5 * error)


@pytest.mark.parametrize("sides", ["one", "two"])
@pytest.mark.parametrize(("effect", "runs", "level"), [(0.5, 5, 0.05), (0.1, 20, 0.3), (3.0, 10, 0.01)])
def test_the_closed_forms_are_integrals_of_the_normal_density(
    sides: str, effect: float, runs: int, level: float
) -> None:
    """On a grid of 400,001 differences. Mutations: tilt without the second tail; divide by the level."""
    found = simulation(FILTER, effect=effect, runs=runs, level=level, sides=sides, studies=1_000_000)
    error = math.sqrt(2 / runs)
    grid = np.linspace(effect - 12 * error, effect + 12 * error, 400_001)
    cut = error * norm.isf(level / (1 if sides == "one" else 2))
    weight = norm.pdf(grid, effect, error) * (grid > cut if sides == "one" else np.abs(grid) > cut)
    power = weight.sum() * (grid[1] - grid[0])
    predicted = found.predictions()
    assert predicted["published_effect"] == pytest.approx(weight @ grid / weight.sum(), rel=1e-4)
    assert predicted["published_share"] == pytest.approx(0.5 * power + 0.5 * level, rel=1e-4)
    assert predicted["false_share"] == pytest.approx(level / (level + power), rel=1e-4)


def test_with_much_power_nothing_is_inflated() -> None:
    """The negative control: power 1 - 1e-12. Mutation: the threshold added to the mean."""
    metrics = run(FILTER, effect=2.0, runs=50).metrics
    assert metrics["predicted_inflation"] == pytest.approx(1, abs=1e-10)
    assert metrics["inflation"] == pytest.approx(1, abs=5 * 0.2 / 2 / math.sqrt(50_000))


def test_too_few_published_studies_are_refused() -> None:
    """Mutation: no problems()."""
    assert refused(FILTER, level=1e-4, studies=1000) == {"/studies"}
    assert refused(FILTER, runs=1000, studies=10_000_000) == {"/studies"}
    assert refused(FILTER, level=1e-4, share_with_effect=0.01, runs=1000) == {"/level"}


@pytest.mark.parametrize("law", ["normal", "exponential"])
@pytest.mark.parametrize("tricks", [1, 3, 10])
def test_the_best_of_k_beats_the_baseline_k_times_in_k_plus_one(law: str, tricks: int) -> None:
    """20,000 comparisons, 4 sigma, whatever the law. Mutation: the first trick instead of the best."""
    metrics, p = run(TRICKS, tricks=tricks, law=law).metrics, tricks / (tricks + 1)
    assert metrics["predicted_naive_rate"] == p
    assert metrics["naive_rate"] == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 20_000))


def test_a_proper_test_keeps_its_level_and_many_do_not() -> None:
    """4 sigma of 20,000. Mutation: a two-sided p-value; Holm by the number of runs."""
    metrics = run(TRICKS).metrics
    sigma = math.sqrt(0.05 * 0.95 / 20_000)
    assert metrics["single_rate"] == pytest.approx(0.05, abs=4 * sigma)
    assert metrics["corrected_rate"] <= 0.05 + 4 * sigma
    assert metrics["uncorrected_rate"] > 0.2  # 0.4 if the tests were independent; they share a baseline


def test_two_tricks_at_a_shared_baseline_win_as_the_orthant_says() -> None:
    """P(either beats) for known scores is 2/3: max of two against one. Mutation: independent baselines (3/4)."""
    expected, _ = dblquad(
        lambda y, b: 2 * norm.cdf(y) * norm.pdf(y) * norm.pdf(b), -8, 8, lambda b: b, lambda b: 8 + 0 * b
    )
    assert expected == pytest.approx(2 / 3, abs=1e-6)
    assert run(TRICKS, tricks=2).metrics["naive_rate"] == pytest.approx(expected, abs=4 * math.sqrt(2 / 9 / 20_000))


def test_the_p_values_are_those_of_scipy() -> None:
    """Mutation: ddof=0."""
    differences = np.random.default_rng(0).normal(0.3, 1, size=(20, 3, 5))
    expected = ttest_1samp(differences, 0, axis=-1, alternative="greater").pvalue
    assert _p_values(differences) == pytest.approx(expected, rel=1e-12)


def test_too_many_scores_are_refused() -> None:
    """Mutation: no problems()."""
    assert refused(TRICKS, tricks=1000, runs=1000) == {"/comparisons"}
