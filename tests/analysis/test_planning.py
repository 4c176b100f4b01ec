"""Planned numbers of values against published ones, simulation and the binomial law."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from workers.analysis.planning import Plan, plan_equivalence, plan_proportion, plan_sign_test, plan_student_t
from workers.analysis.power_of_equivalence import power_of_equivalence
from workers.analysis.proportions import critical_counts
from workers.analysis.verdict import Alternative
from workers.catalogue.problems import InvalidError

ROWS = 20_000
# 4 standard errors of a simulated power of 0.8.
ERROR = 4 * math.sqrt(0.8 * 0.2 / ROWS)


@pytest.mark.parametrize(
    ("d", "alternative", "power", "n"),
    [
        # G*Power 3.1, "t tests - Means: difference between two dependent means".
        (0.5, Alternative.TWO_SIDED, 0.8, 34),
        (0.5, Alternative.GREATER, 0.8, 27),
        (0.8, Alternative.TWO_SIDED, 0.8, 15),
        (0.2, Alternative.TWO_SIDED, 0.8, 199),
        (0.5, Alternative.TWO_SIDED, 0.95, 54),
    ],
)
def test_pairs_for_t_are_those_of_the_tables(d: float, alternative: Alternative, power: float, n: int) -> None:
    """Catches a normal approximation, n degrees of freedom and one-sided alpha in a two-sided plan."""
    assert plan_student_t(d, 1.0, alternative=alternative, power=power).n == n


@pytest.mark.parametrize(("effect", "minimum_effect", "power"), [(0.2, 0.0, 0.07), (0.9, 0.1, 0.3), (0.5, 0.0, 0.8)])
def test_the_two_sided_power_of_t_counts_both_sides(effect: float, minimum_effect: float, power: float) -> None:
    """Catches n degrees of freedom in the quantile, and the wrong side left out where power is low; by scipy's law."""
    plan = plan_student_t(effect, 1.0, minimum_effect=minimum_effect, power=power)
    quantile, root = scipy.stats.t.ppf(0.975, plan.n - 1), math.sqrt(plan.n)
    right = scipy.stats.nct.sf(quantile, plan.n - 1, root * (effect - minimum_effect))
    wrong = scipy.stats.nct.cdf(-quantile, plan.n - 1, root * (effect + minimum_effect))
    assert plan.power == pytest.approx(right + wrong, rel=1e-10)


def simulated_t(plan: Plan, n: int, mean: float, sd: float, bound: float, alternative: str) -> float:
    """Return the share of samples in which scipy's t test rejects."""
    draws = np.random.default_rng(n).normal(mean, sd, (ROWS, n))
    return float(np.mean(scipy.stats.ttest_1samp(draws, bound, axis=1, alternative=alternative).pvalue <= plan.alpha))


@pytest.mark.parametrize(("mean", "effect", "alternative"), [(1.5, 0.5, "greater"), (-1.2, 0.0, "less")])
def test_the_planned_power_of_t_is_met(mean: float, effect: float, alternative: str) -> None:
    """Catches a minimum effect that is added where it is subtracted, and a plan that is one pair short."""
    plan = plan_student_t(mean, 1.6, minimum_effect=effect, alternative=Alternative(alternative))
    bound = effect if alternative == "greater" else -effect
    assert abs(simulated_t(plan, plan.n, mean, 1.6, bound, alternative) - plan.power) < ERROR
    assert plan.power >= 0.8
    assert simulated_t(plan, plan.n - 2, mean, 1.6, bound, alternative) < 0.8


def test_the_planned_power_of_two_sided_t_about_a_minimum_effect_is_met() -> None:
    """Catches a two-sided plan at alpha on each side: the test counts the smaller tail twice."""
    plan = plan_student_t(1.5, 1.6, minimum_effect=0.5)
    draws = np.random.default_rng(8).normal(1.5, 1.6, (ROWS, plan.n))
    above = scipy.stats.ttest_1samp(draws, 0.5, axis=1, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(draws, -0.5, axis=1, alternative="less").pvalue
    assert abs(np.mean(2 * np.minimum(above, below) <= 0.05) - plan.power) < ERROR


@pytest.mark.parametrize(("margin", "difference"), [(1.0, 0.0), (1.0, 0.4)])
def test_the_planned_power_of_equivalence_is_met(margin: float, difference: float) -> None:
    """Catches alpha halved between the two tests, and a plan that forgets one of them."""
    plan = plan_equivalence(margin, 1.6, difference=difference)
    assert 0.8 <= plan.power < 0.85
    for n, expected in [
        (plan.n, plan.power),
        (plan.n - 1, power_of_equivalence(plan.n - 1, 1 / 1.6, difference / 1.6, 0.05)),
    ]:
        draws = np.random.default_rng(n).normal(difference, 1.6, (ROWS, n))
        above = scipy.stats.ttest_1samp(draws, -margin, axis=1, alternative="greater").pvalue
        below = scipy.stats.ttest_1samp(draws, margin, axis=1, alternative="less").pvalue
        assert abs(np.mean(np.maximum(above, below) <= plan.alpha) - expected) < ERROR
    assert expected < 0.8


@pytest.mark.parametrize(("n", "margin"), [(2, 8.0), (3, 1.5), (10, 0.7), (1000, 0.06), (100_000, 0.01)])
def test_the_power_of_equivalence_is_the_double_integral(n: int, margin: float) -> None:
    """Catches nodes too few for a narrow law of s, and a range cut where there is probability left."""
    quantile = scipy.stats.t.ppf(0.95, n - 1)

    def inside(s: float) -> float:
        reach = margin - quantile * s / math.sqrt(n)
        normal = scipy.stats.norm(0.2 * margin, 1 / math.sqrt(n))
        density = scipy.stats.chi.pdf(s * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1)
        return float((normal.cdf(reach) - normal.cdf(-reach)) * density) if reach > 0 else 0.0

    end = min(margin * math.sqrt(n) / quantile, 1 + 40 / math.sqrt(n))
    expected, _ = scipy.integrate.quad(inside, max(0.0, 1 - 12 / math.sqrt(n)), end, epsabs=1e-11, epsrel=1e-10)
    assert power_of_equivalence(n, margin, 0.2 * margin, 0.05) == pytest.approx(expected, rel=1e-8)


def exact_power(n: int, probability: float, bound: float, alternative: str, alpha: float) -> float:
    """Return the probability that scipy's one-sided binomial test rejects, summed over all counts."""
    counts = np.arange(n + 1)
    p = (
        scipy.stats.binom.sf(counts - 1, n, bound)
        if alternative == "greater"
        else scipy.stats.binom.cdf(counts, n, bound)
    )
    return float(scipy.stats.binom.pmf(counts, n, probability)[p <= alpha].sum())


@pytest.mark.parametrize(
    ("probability", "bound", "alternative"),
    [(0.8, 0.5, "greater"), (0.3, 0.5, "less"), (0.99, 0.9, "greater"), (0.02, 0.1, "less"), (1.0, 0.5, "greater")],
)
def test_trials_for_a_proportion_are_enough_and_stay_enough(probability: float, bound: float, alternative: str) -> None:
    """Catches the first tooth of the saw taken for the answer: n - 1 falls short, no n up to 3 n does."""
    plan = plan_proportion(probability, bound, alternative=Alternative(alternative))
    powers = {n: exact_power(n, probability, bound, alternative, 0.05) for n in range(max(1, plan.n - 1), 3 * plan.n)}
    assert plan.power == pytest.approx(powers[plan.n], rel=1e-10)
    assert min(power for n, power in powers.items() if n >= plan.n) >= 0.8
    assert powers[plan.n - 1] < 0.8
    if bound == 0.5:
        assert plan_sign_test(probability, alternative=Alternative(alternative)).n == plan.n


def test_a_certain_sign_takes_the_least_number_of_pairs() -> None:
    """Catches a plan below the number at which the test can decide at all: 6, and 7 with alpha / 2."""
    assert plan_sign_test(1.0).n == 6
    assert plan_sign_test(1.0, alpha=0.05 / 2).n == 7
    assert plan_sign_test(0.0, alternative=Alternative.LESS).n == 5


def test_two_sided_plans_spend_alpha_once() -> None:
    """Catches alpha on each side: the power is the sum of two tails at alpha / 2."""
    plan = plan_sign_test(0.75)
    sides = [exact_power(plan.n, 0.75, 0.5, side, 0.025) for side in ("greater", "less")]
    assert plan.power == pytest.approx(sum(sides), rel=1e-10)
    assert plan_sign_test(0.25).n == plan.n


def test_critical_counts_are_the_quantiles_of_the_binomial() -> None:
    """Catches a bisection that ends one count away, or where no count is rare enough."""
    trials = np.arange(1, 200)
    counts = critical_counts(trials, 0.3, 0.01)
    tails = scipy.stats.binom.sf(counts - 1, trials, 0.3), scipy.stats.binom.sf(counts - 2, trials, 0.3)
    assert np.all(tails[0] <= 0.01) and np.all(tails[1] > 0.01)
    assert counts[0] == 2  # one trial: neither count is rare, so n + 1


@pytest.mark.parametrize(
    ("call", "pointer"),
    [
        (lambda: plan_student_t(0.1, 1.0, alternative=Alternative.LESS), "/effect"),
        (lambda: plan_student_t(0.5, 1.0, minimum_effect=0.5), "/effect"),
        (lambda: plan_student_t(1e-6, 1.0), "/effect"),
        (lambda: plan_student_t(1.0, 0.0), "/sd"),
        (lambda: plan_student_t(1.0, 1.0, power=0.05), "/power"),
        (lambda: plan_student_t(1.0, 1.0, alpha=0.6), "/alpha"),
        (lambda: plan_student_t(1.0, 1.0, minimum_effect=-1.0), "/minimum_effect"),
        (lambda: plan_equivalence(1.0, 1.0, difference=1.0), "/difference"),
        (lambda: plan_equivalence(0.0, 1.0), "/margin"),
        (lambda: plan_proportion(0.5, 0.5), "/probability"),
        (lambda: plan_proportion(0.5001, 0.5), "/effect"),
        (lambda: plan_proportion(1.5, 0.5), "/probability"),
        (lambda: plan_proportion(0.5, 1.0), "/bound"),
    ],
)
def test_a_plan_that_cannot_be_made_names_the_number(call: object, pointer: str) -> None:
    """Catches a search without end, and an effect on the wrong side that gets a plan."""
    with pytest.raises(InvalidError) as caught:
        call()  # type: ignore[operator]
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


def test_an_enormous_effect_takes_two_pairs() -> None:
    """Catches a noncentrality so large that its law is not evaluated."""
    assert plan_student_t(1e9, 1.0).n == 2
    assert plan_equivalence(1e9, 1.0).n == 2
