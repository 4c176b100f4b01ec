"""Pairing by key: who meets whom, who stays alone, and what a value that is none does."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.analysis.pairing import Fault, Pairs, Policy, Unusable, pair
from workers.catalogue.problems import InvalidError

A = [((10,), 1.0), ((2,), 2.0), ((3,), 3.0), ((4,), 4.0)]
B = [((2,), 20.0), ((10,), 10.0), ((4,), math.nan), ((3,), None), ((5,), 50.0)]
keyed = st.lists(
    st.tuples(st.tuples(st.integers(0, 9), st.sampled_from(["x", "y"])), st.floats(-1e6, 1e6) | st.none()),
    unique_by=lambda each: each[0],
)


def test_values_meet_by_key_and_the_rest_is_named() -> None:
    """Catches pairing by place, keys ordered as texts (10 before 2) and unpaired keys that vanish."""
    pairs = pair(A, [*B, ((11,), 0.0)])
    assert (pairs.keys, pairs.a, pairs.b) == (((2,), (10,)), (2.0, 1.0), (20.0, 10.0))
    assert pairs.differences == (-18.0, -9.0)
    assert (pairs.unpaired_a, pairs.unpaired_b) == ((), ((5,), (11,)))
    assert pairs.unusable == (
        Unusable(key=(3,), a=None, b=Fault.MISSING),
        Unusable(key=(4,), a=None, b=Fault.NON_FINITE),
    )
    assert (pairs.n_pairs, pairs.n_missing, pairs.n_non_finite) == (2, 1, 1)


def test_a_failed_arm_loses_its_pair_under_the_policy_worst() -> None:
    """Catches a policy that drops it, that lets it win, and a pair lost by both arms that counts for one of them."""
    both = [*A[:3], ((4,), -math.inf)]
    pairs = pair(both, B, policy=Policy.WORST)
    assert pairs.keys == ((2,), (3,), (4,), (10,))
    assert pairs.differences == (-18.0, -math.inf, 0.0, -9.0)
    assert pair(both, B, policy=Policy.WORST, larger_is_worse=False).differences == (-18.0, math.inf, 0.0, -9.0)


def test_the_policy_refuse_names_the_pairs_and_the_remedy() -> None:
    """Catches a policy that leaves out silently what it was asked to refuse."""
    with pytest.raises(InvalidError, match=r"/metric: the pairs \[3\], \[4\] have a missing or non-finite value"):
        pair(A, B, policy=Policy.REFUSE)


def test_two_values_with_one_key_are_an_error_with_both_sides_named() -> None:
    """Catches a later value that replaces the earlier one, and a message that stops at the first side."""
    with pytest.raises(InvalidError) as caught:
        pair([*A, ((10.0,), 7.0)], [*B, *B[:1]])
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [("/pair_by", "duplicate-key")] * 2
    assert "[10] (2) of a" in caught.value.problems[0].detail
    assert "[2] (2) of b" in caught.value.problems[1].detail


def test_keys_are_equal_as_json() -> None:
    """Catches 64 and 64.0 kept apart, 1 and true taken for one, and lists that cannot be a key."""
    a = [((64, [8, 8]), 1.0), ((1, None), 2.0), ((True, None), 3.0), (({"kind": "mlp", "width": 2}, "x"), 4.0)]
    b = [((64.0, (8.0, 8)), 10.0), ((1, None), 20.0), ((True, None), 30.0), (({"width": 2, "kind": "mlp"}, "x"), 40.0)]
    assert sorted(pair(a, b).differences) == [-36.0, -27.0, -18.0, -9.0]


@given(a=keyed, b=keyed, data=st.data())
def test_the_order_of_the_values_has_no_effect_and_swapped_arms_flip_signs(
    a: list, b: list, data: st.DataObject
) -> None:  # type: ignore[type-arg]
    """Catches a result that depends on the order of rows, and sides that are not treated alike."""
    pairs = pair(a, b)
    assert pair(data.draw(st.permutations(a)), data.draw(st.permutations(b))) == pairs
    swapped = pair(b, a)
    assert swapped.differences == tuple(-each for each in pairs.differences)
    assert swapped == replace(_swapped(pairs), keys=pairs.keys)
    assert pairs.n_pairs + len(pairs.unusable) + len(pairs.unpaired_a) == len(a)


def _swapped(pairs: Pairs) -> Pairs:
    unusable = tuple(replace(each, a=each.b, b=each.a) for each in pairs.unusable)
    return replace(
        pairs, a=pairs.b, b=pairs.a, unpaired_a=pairs.unpaired_b, unpaired_b=pairs.unpaired_a, unusable=unusable
    )
