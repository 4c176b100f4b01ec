"""Probabilities against a bound: the exact binomial test, and the decision by a Wilson interval."""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, bdtrc

from workers.analysis.intervals import LEVEL, Interval, check_level, wilson
from workers.analysis.verdict import (
    ALPHA,
    Alternative,
    Evidence,
    Tail,
    Verdict,
    check_alpha,
    decide,
    outside,
    reason_of,
)
from workers.catalogue.problems import InvalidError, Problem

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ProportionResult:
    """The verdict on "the probability lies beyond the bound"; `needed_n` is given where so few trials cannot decide."""

    successes: int
    trials: int
    bound: float
    alternative: Alternative
    alpha: float
    interval: Interval | None  # Wilson's, where it decides
    p_value: float | None
    p_opposite: float | None
    least_n: int
    needed_n: int | None
    verdict: Verdict
    reason: str
    assumptions: tuple[str, ...]
    method: str


def binomial_tails(successes: int, trials: int) -> tuple[Tail, Tail]:
    """Return the exact p values of "the probability lies above" and "below a bound", as functions of the bound.

    No probability lies below 0 or above 1, so against a bound of 0 or less "above" needs no evidence: p = 0.
    """

    def above(bound: float) -> float:
        if bound <= 0:
            return 0.0
        return 1.0 if bound >= 1 or successes == 0 else float(bdtrc(successes - 1, trials, bound))

    def below(bound: float) -> float:
        if bound >= 1:
            return 0.0
        return 1.0 if bound <= 0 or successes == trials else float(bdtr(successes, trials, bound))

    return above, below


def check_counts(successes: int, trials: int) -> None:
    """Raise ValueError unless the successes are some of one trial or more."""
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"a probability takes 0 to n successes of n >= 1 trials, not {successes} of {trials}")


def least_trials(bound: float, alternative: Alternative, alpha: float) -> int:
    """Return the fewest trials whose exact p value can be as small as alpha, on the side the statement names."""
    if alternative is Alternative.TWO_SIDED:
        return min(least_trials(bound, side, alpha / 2) for side in (Alternative.LESS, Alternative.GREATER))
    # At the bound all trials succeed with probability bound^n, and all fail with (1 - bound)^n.
    rare, log_rare = (bound, math.log(bound)) if alternative is Alternative.GREATER else (1 - bound, math.log1p(-bound))
    n = max(1, math.floor(math.log(alpha) / log_rare))
    return n if rare**n <= alpha else n + 1


def critical_counts(trials: Counts, bound: float, alpha: float) -> Counts:
    """Return for each n the least k with P(X >= k) <= alpha for X binomial(n, bound); n + 1 where there is none."""
    low, high = np.zeros_like(trials), trials + 1  # P(X >= low) > alpha >= P(X >= high)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        rare = bdtrc(middle - 1, trials, bound) <= alpha
        open_ = high - low > 1
        low, high = np.where(open_ & ~rare, middle, low), np.where(open_ & rare, middle, high)
    return high


def binomial_test(
    successes: int,
    trials: int,
    bound: float,
    *,
    alternative: Alternative = Alternative.TWO_SIDED,
    alpha: float = ALPHA,
) -> ProportionResult:
    """Return the exact binomial test of "the probability lies above, below or elsewhere than the bound"."""
    check_counts(successes, trials)
    _check(bound, alpha)
    least = least_trials(bound, alternative, alpha)
    evidence = _evidence(successes, trials, bound, alternative) if trials >= least else None
    too_few = f"{trials} trials cannot decide at alpha = {alpha!r} against {bound!r}: it takes {least}"
    return ProportionResult(
        successes=successes,
        trials=trials,
        bound=bound,
        alternative=alternative,
        alpha=alpha,
        interval=None,
        p_value=evidence.p_value if evidence else None,
        p_opposite=evidence.opposite if evidence else None,
        least_n=least,
        needed_n=None if evidence else least,
        verdict=decide(evidence, alpha) if evidence else Verdict.INCONCLUSIVE,
        reason=reason_of(evidence, alpha) if evidence else too_few,
        assumptions=("the trials are independent, with one probability of success",),
        method=f"exact binomial test, {trials} trials, {_statement(alternative, bound)}",
    )


def probability_rule(
    successes: int, trials: int, bound: float, *, side: Alternative, level: float = LEVEL
) -> ProportionResult:
    """Return the verdict of a rule of kind `probability`: the Wilson interval lies wholly on one side of the bound.

    The interval is approximate: of 1 success in 1 trial it says p > 0.2, which is wrong in one of five cases at
    p = 0.2. So the exact test must agree at (1 - level) / 2, the error of one end of the interval.
    """
    check_level(level)
    if side is Alternative.TWO_SIDED:
        raise ValueError("a rule on a probability names the side of the bound: less or greater")
    exact = binomial_test(successes, trials, bound, alternative=side, alpha=(1 - level) / 2)
    interval = wilson(successes, trials, level=level)
    said = _by_interval(interval, bound, side)
    agreed = said is exact.verdict
    where = f"the Wilson interval [{interval.low!r}, {interval.high!r}]"
    return replace(
        exact,
        interval=interval,
        verdict=said if agreed else Verdict.INCONCLUSIVE,
        reason=f"{where} {_RELATION[said]} {bound!r}; {'' if agreed else 'not confirmed: '}{exact.reason}",
        method=f"{interval.method}, level {level!r}, against {bound!r}, confirmed by the {exact.method}",
    )


_RELATION = {
    Verdict.SUPPORTED: "lies on the stated side of",
    Verdict.CONTRADICTED: "lies on the other side of",
    Verdict.INCONCLUSIVE: "contains",
}


def _by_interval(interval: Interval, bound: float, side: Alternative) -> Verdict:
    low, high = interval.low, interval.high
    if low is None or high is None or low <= bound <= high:
        return Verdict.INCONCLUSIVE
    return Verdict.SUPPORTED if (low > bound) == (side is Alternative.GREATER) else Verdict.CONTRADICTED


def _check(bound: float, alpha: float) -> None:
    check_alpha(alpha)
    if not 0 < bound < 1:
        detail = f"must lie between 0 and 1, both excluded: no trials show a probability to be 0 or 1; it is {bound!r}"
        raise InvalidError([Problem(path=("bound",), code="out-of-range", detail=detail)])


def _evidence(successes: int, trials: int, bound: float, alternative: Alternative) -> Evidence:
    above, below = binomial_tails(successes, trials)
    if alternative is Alternative.GREATER:
        return Evidence(p_value=above(bound), opposite=below(bound))
    if alternative is Alternative.LESS:
        return Evidence(p_value=below(bound), opposite=above(bound))
    return Evidence(p_value=outside(bound, bound, above, below), opposite=None)


def _statement(alternative: Alternative, bound: float) -> str:
    words = {
        Alternative.LESS: "p < ",
        Alternative.GREATER: "p > ",
        Alternative.TWO_SIDED: "twice the smaller tail, p != ",
    }
    return f"{words[alternative]}{bound!r}"
