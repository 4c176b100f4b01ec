"""A whole comparison: which test, which effects, decided alone and in a family."""

import itertools
import json
import math
from dataclasses import asdict

import pytest

from workers.analysis.comparison import Comparison, choose, compare, holm_adjusted
from workers.analysis.location_tests import Location
from workers.analysis.pairing import Pairs, Policy, pair
from workers.analysis.verdict import Alternative, Verdict


def pairs_of(differences: list[float | None], policy: Policy = Policy.LEAVE_OUT) -> Pairs:
    """Return pairs with these differences, against 0 in arm b."""
    a = [((seed,), value) for seed, value in enumerate(differences)]
    return pair(a, [((seed,), 0.0) for seed in range(len(differences))], policy=policy)


def test_the_test_is_chosen_before_any_value_is_seen() -> None:
    """Catches a choice that looks at the values, and one that leaves a shifted null to a test of symmetry."""
    assert choose(0.0)[0] is Location.WILCOXON
    assert choose(0.1)[0] is Location.SIGN
    chosen = compare(pairs_of([1.0, 2.0, 3.0, 4.0, 5.0, 7.0]))
    assert chosen.result.test is Location.WILCOXON
    assert chosen.assumptions[0].startswith("Wilcoxon's test was chosen")
    named = compare(pairs_of([1.0, 2.0, 3.0]), test=Location.STUDENT_T)
    assert named.result.test is Location.STUDENT_T
    assert named.assumptions[0] == "the test was named, not chosen"


def test_five_pairs_are_inconclusive_and_six_can_decide() -> None:
    """Catches the promise of the HTTP contract broken: needed_n, and no p value below 6 pairs."""
    five = compare(pairs_of([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (five.verdict, five.result.p_value, five.p_adjusted) == (Verdict.INCONCLUSIVE, None, None)
    assert five.result.needed_n == 6
    six = compare(pairs_of([1.0, 2.0, 3.0, 4.0, 5.0, 7.0]))
    assert (six.verdict, six.result.p_value) == (Verdict.SUPPORTED, 2 / 2**6)
    assert six.mean_difference is not None and six.mean_difference.estimate == 22 / 6


def test_counts_of_what_was_not_compared_are_carried() -> None:
    """Catches pairs that are dropped without being said."""
    a = [((0,), 1.0), ((1,), None), ((2,), math.nan), ((3,), 2.0)]
    found = compare(pair(a, [((0,), 0.0), ((1,), 0.0), ((2,), 0.0), ((9,), 0.0), ((8,), 0.0)]))
    assert (found.n_pairs, found.n_unpaired_a, found.n_unpaired_b) == (1, 1, 2)
    assert (found.n_missing, found.n_non_finite) == (1, 1)
    assert found.mean_difference is None and found.effect_size is None


def test_an_arm_that_diverges_loses_although_it_has_no_mean() -> None:
    """Catches the arm that looks better because its failures are left out."""
    differences = [None, None, None, None, -0.1, None, None, None]
    left_out = compare(pairs_of(differences), alternative=Alternative.GREATER)
    assert (left_out.n_pairs, left_out.verdict) == (1, Verdict.INCONCLUSIVE)
    worst = compare(pairs_of(differences, Policy.WORST), alternative=Alternative.GREATER)
    # Only the smallest size is negative: sums 35 and 36 of 36 are as large, 2 of 2^8 patterns.
    assert (worst.n_pairs, worst.result.p_value, worst.verdict) == (8, 2 / 2**8, Verdict.SUPPORTED)
    assert worst.mean_difference is None and worst.effect_size is None
    assert worst.common_language is not None and worst.common_language.n_greater == 7


def test_a_family_is_decided_by_holm_with_the_undecidable_counted() -> None:
    """Catches a family that shrinks by its undecidable members, and a verdict that Holm does not change."""
    strong = compare(pairs_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]))  # p = 2 / 2^8
    weak = compare(pairs_of([-1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))  # p = 4 / 2^7 = 0.031
    none = compare(pairs_of([1.0]))
    assert weak.verdict is Verdict.SUPPORTED
    adjusted = holm_adjusted([weak, none, strong])
    assert [each.p_adjusted for each in adjusted] == [2 * 4 / 2**7, None, 3 * 2 / 2**8]
    assert [each.verdict for each in adjusted] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.SUPPORTED]
    assert adjusted[0].reason.startswith("adjusted by Holm, p = 0.0625")


def test_one_of_several_comparisons_has_wider_intervals_and_a_smaller_alpha() -> None:
    """Catches intervals that hold one at a time beside a verdict that holds at once."""
    pairs = pairs_of([1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0])
    alone, among = compare(pairs), compare(pairs, comparisons=2)
    assert alone.mean_difference is not None and among.mean_difference is not None
    assert among.mean_difference.level == pytest.approx(0.975, abs=1e-12)
    assert alone.p_adjusted is not None and among.p_adjusted == 2 * alone.p_adjusted
    assert (among.result.least_n, among.verdict) == (7, Verdict.SUPPORTED)


def test_the_same_pairs_give_the_same_bytes() -> None:
    """Catches a number that is no plain float, and a result that depends on the order of the rows."""
    rows = [((seed, "tanh"), seed * 0.1 + seed % 3) for seed in range(24)]
    others = [((seed, "tanh"), seed * 0.1) for seed in range(24)]
    texts = {_text(compare(pair(a, b))) for a, b in itertools.product((rows, rows[::-1]), (others, others[::-1]))}
    assert len(texts) == 1


def _text(comparison: Comparison) -> str:
    return json.dumps(asdict(comparison), allow_nan=False)
