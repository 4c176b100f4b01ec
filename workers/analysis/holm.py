"""Holm's adjusted p values, and the decision that several statements hold at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.analysis.verdict import ALPHA, Evidence, Verdict, check_alpha, decide, reason_of


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """Adjusted p values in the order given; None where a test cannot decide."""

    adjusted: tuple[float | None, ...]
    rejected: tuple[bool, ...]
    alpha: float
    method: str


@dataclass(frozen=True, kw_only=True)
class AllHold:
    """The verdict on "every one of these statements holds"."""

    p_value: float | None  # None where one of the tests cannot decide
    p_opposite: float | None
    verdict: Verdict
    reason: str
    method: str


def holm(p_values: Sequence[float | None], *, alpha: float = ALPHA) -> Adjusted:
    """Return Holm's step-down adjusted p values (Holm 1979): any false rejection at all at rate alpha at most.

    A test that cannot decide (None) belongs to the family: it counts in m as a p value of 1.
    """
    check_alpha(alpha)
    _check(p_values)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    ordered = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    for step, (p, place) in enumerate(ordered):
        largest = max(largest, min(1.0, (len(p_values) - step) * p))
        adjusted[place] = largest
    return Adjusted(
        adjusted=tuple(adjusted),
        rejected=tuple(p is not None and p <= alpha for p in adjusted),
        alpha=alpha,
        method=f"Holm's step-down, {len(p_values)} tests",
    )


def all_hold(p_values: Sequence[float | None], opposites: Sequence[float | None], *, alpha: float = ALPHA) -> AllHold:
    """Return the verdict on "all of these statements hold", from the p value of each and of its opposite.

    Supported where each is shown at alpha, without correction (Berger 1982: the conjunction is false only if one
    of them is). Contradicted where the opposite of any is shown, which takes Holm's correction: m chances to err.
    """
    if not p_values or len(p_values) != len(opposites):
        raise ValueError("statements to hold at once need one p value and one opposite each, and one statement or more")
    check_alpha(alpha)
    _check(p_values)
    shown = [p for p in holm(opposites, alpha=alpha).adjusted if p is not None]
    opposite = min(shown, default=None)
    decided = [p for p in p_values if p is not None]
    undecided = len(p_values) - len(decided)
    # A test that cannot decide shows nothing, as a p value of 1 would.
    evidence = Evidence(p_value=1.0 if undecided else max(decided), opposite=opposite)
    verdict = decide(evidence, alpha)
    lacking = verdict is Verdict.INCONCLUSIVE and undecided
    return AllHold(
        p_value=None if undecided else evidence.p_value,
        p_opposite=opposite,
        verdict=verdict,
        reason=f"{undecided} of {len(p_values)} tests cannot decide" if lacking else reason_of(evidence, alpha),
        method=f"intersection-union of {len(p_values)} tests; their opposites by Holm",
    )


def _check(p_values: Sequence[float | None]) -> None:
    if not all(p is None or 0 <= p <= 1 for p in p_values):
        raise ValueError("p values lie between 0 and 1")
