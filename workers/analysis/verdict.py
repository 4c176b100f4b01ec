"""Verdicts: the words, and how two p values become one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from workers.catalogue.problems import InvalidError, Problem

ALPHA = 0.05


class Verdict(StrEnum):
    """What the evidence says about a statement."""

    SUPPORTED = "supported"  # its negation is rejected at alpha
    CONTRADICTED = "contradicted"  # the statement itself is rejected at alpha
    INCONCLUSIVE = "inconclusive"  # neither: the reason says what is missing
    INVALID = "invalid"  # a control misbehaved, or evidence is missing


class Alternative(StrEnum):
    """On which side of the tested value the statement puts the measured one."""

    TWO_SIDED = "two_sided"
    LESS = "less"
    GREATER = "greater"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The p value of a statement and that of its opposite; None where no p value can speak against the statement."""

    p_value: float
    opposite: float | None


Tail = Callable[[float], float]  # the one-sided p value of "the location lies beyond this value"


def check_alpha(alpha: float) -> None:
    """Raise InvalidError unless an error rate lies between 0 and 1/2: beyond, both sides could be shown at once."""
    if not 0 < alpha < 0.5:
        detail = f"must lie between 0 and 0.5, both excluded, such as 0.05; it is {alpha!r}"
        raise InvalidError([Problem(path=("alpha",), code="out-of-range", detail=detail)])


def decide(evidence: Evidence, alpha: float) -> Verdict:
    """Return what the p values say; a false statement is supported, a true one contradicted, at rate alpha at most."""
    if evidence.p_value <= alpha:
        return Verdict.SUPPORTED
    if evidence.opposite is not None and evidence.opposite <= alpha:
        return Verdict.CONTRADICTED
    return Verdict.INCONCLUSIVE


def beyond(alternative: Alternative, effect: float, above: Tail, below: Tail) -> Evidence:
    """Return the evidence for "greater than effect", "less than -effect" or "further from 0 than effect".

    Two-sided, the smaller tail counts twice, which holds at every point of the null [-effect, effect]. With an
    effect of 0 nothing contradicts it: no data show that a difference is exactly 0.
    """
    if alternative is Alternative.GREATER:
        return Evidence(p_value=above(effect), opposite=below(effect))
    if alternative is Alternative.LESS:
        return Evidence(p_value=below(-effect), opposite=above(-effect))
    return Evidence(
        p_value=outside(-effect, effect, above, below),
        opposite=within(-effect, effect, above, below) if effect > 0 else None,
    )


def within(low: float, high: float, above: Tail, below: Tail) -> float:
    """Return the p value of "the location lies between low and high": two one-sided tests (Schuirmann 1987)."""
    return max(above(low), below(high))


def outside(low: float, high: float, above: Tail, below: Tail) -> float:
    """Return the p value of "the location lies below low or above high"; either tail may show it, so twice."""
    return min(1.0, 2 * min(above(high), below(low)))


def reason_of(evidence: Evidence, alpha: float) -> str:
    """Return the sentence that goes with the decision."""
    verdict = decide(evidence, alpha)
    if verdict is Verdict.SUPPORTED:
        return f"p = {evidence.p_value!r} is at most alpha = {alpha!r}"
    if verdict is Verdict.CONTRADICTED:
        return f"the opposite is shown: its p = {evidence.opposite!r} is at most alpha = {alpha!r}"
    beside = "" if evidence.opposite is None else f", and so is that of the opposite, {evidence.opposite!r}"
    return f"p = {evidence.p_value!r} is above alpha = {alpha!r}{beside}"
