"""Holm's procedure against a worked example and brute-force closed testing."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.holm import all_hold, holm
from workers.analysis.verdict import Verdict

# Multiples of 1/256 times up to 6 are exact, so equality is asked for.
p_values = st.lists(st.integers(0, 256).map(lambda k: k / 256), min_size=1, max_size=6)


def test_a_worked_example() -> None:
    """Catches steps that multiply in the wrong order, and adjusted values that fall along the steps."""
    found = holm([0.01, 0.04, 0.03, 0.005])
    # Sorted: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 1 x 0.04, which may not be less than the step before.
    assert found.adjusted == pytest.approx((0.03, 0.06, 0.06, 0.02), rel=1e-15)
    assert found.rejected == (True, False, False, True)


def closed_testing(given_p: list[float]) -> list[float]:
    """Return adjusted p values: a hypothesis falls when each intersection that holds it does, by Bonferroni."""
    m = len(given_p)
    subsets = [subset for size in range(1, m + 1) for subset in itertools.combinations(range(m), size)]
    local = {subset: min(1.0, len(subset) * min(given_p[place] for place in subset)) for subset in subsets}
    return [max(p for subset, p in local.items() if place in subset) for place in range(m)]


@given(p_values)
def test_it_is_closed_testing_with_bonferroni(values: list[float]) -> None:
    """Catches a step-up procedure, a factor that is one off and ties that are adjusted apart."""
    assert list(holm(values).adjusted) == closed_testing(values)


@given(p_values, st.randoms())
def test_the_order_of_the_tests_has_no_effect(values: list[float], random: object) -> None:
    """Catches adjusted values that are returned in sorted order."""
    places = list(range(len(values)))
    random.shuffle(places)  # type: ignore[attr-defined]
    shuffled = holm([values[place] for place in places]).adjusted
    assert [shuffled[places.index(place)] for place in range(len(values))] == list(holm(values).adjusted)


def test_a_test_that_cannot_decide_counts_in_the_family() -> None:
    """Catches a family that shrinks when data are missing, which makes the other tests easier."""
    found = holm([0.02, None, 0.5])
    assert found.adjusted == (0.06, None, 1.0)
    assert found.rejected == (False, False, False)
    assert holm([]).adjusted == ()


def test_any_false_rejection_at_all_is_as_rare_as_alpha() -> None:
    """Catches uncorrected tests, which err in 1 - 0.95^4 = 19 % of families."""
    draws = np.random.default_rng(2).uniform(size=(4000, 4)).tolist()
    rate = np.mean([any(holm(row).rejected) for row in draws])
    exact = 1 - (1 - 0.05 / 4) ** 4  # some p at most alpha / 4, for independent tests
    assert abs(rate - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000)


def test_all_must_hold() -> None:
    """Catches a conjunction supported by its best member, and one refuted by any of m uncorrected opposites."""
    assert all_hold([0.01, 0.04], [0.99, 0.96]).verdict is Verdict.SUPPORTED
    assert all_hold([0.01, 0.06], [0.99, 0.94]).verdict is Verdict.INCONCLUSIVE
    assert all_hold([0.01, 0.97], [0.99, 0.03]).verdict is Verdict.INCONCLUSIVE  # 2 x 0.03 is above alpha
    refuted = all_hold([0.01, 0.98], [0.99, 0.02])
    assert (refuted.verdict, refuted.p_value, refuted.p_opposite) == (Verdict.CONTRADICTED, 0.98, 0.04)


def test_one_that_cannot_decide_keeps_all_from_being_supported() -> None:
    """Catches a missing p value that is skipped, and a refutation by another member that is lost with it."""
    missing = all_hold([0.01, None], [0.99, None])
    assert (missing.verdict, missing.p_value) == (Verdict.INCONCLUSIVE, None)
    assert missing.reason == "1 of 2 tests cannot decide"
    assert all_hold([0.99, None], [0.001, None]).verdict is Verdict.CONTRADICTED


def test_a_conjunction_with_one_false_member_is_supported_at_rate_alpha_at_most() -> None:
    """Catches the smallest p value in place of the largest: one member at its null, the others clear."""
    draws = np.random.default_rng(4).uniform(size=4000).tolist()
    rate = np.mean([all_hold([p, 1e-6, 1e-6], [1 - p, 1.0, 1.0]).verdict is Verdict.SUPPORTED for p in draws])
    assert abs(rate - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)
    refuted = [all_hold([1 - p, 0.5, 0.5], [p, 0.5, 0.5]).verdict is Verdict.CONTRADICTED for p in draws]
    assert np.mean(refuted) <= 0.05


def test_bad_input_is_refused() -> None:
    """Catches a p value above 1 and statements without their opposites."""
    with pytest.raises(ValueError, match="p values lie between 0 and 1"):
        holm([1.5])
    with pytest.raises(ValueError, match="one opposite each"):
        all_hold([0.1], [])
