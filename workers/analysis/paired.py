"""Tests of paired differences against a minimum effect, with the number of pairs that can decide."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workers.analysis.location_tests import LOCATION_TESTS, Location, LocationTest, least_n
from workers.analysis.verdict import ALPHA, Alternative, Evidence, Verdict, beyond, check_alpha, decide, reason_of
from workers.catalogue.problems import InvalidError, Problem


@dataclass(frozen=True, kw_only=True)
class PairedResult:
    """A decided test; `p_value` is None where these pairs cannot decide, and `needed_n` says how many can."""

    test: Location
    alternative: Alternative
    minimum_effect: float
    alpha: float
    comparisons: int
    n: int
    n_used: int  # the smallest number of differences that take part in a tail of the test
    statistic: float | None  # of the tail that decides
    p_value: float | None
    p_opposite: float | None  # of "the differences lie on the other side"; two-sided, of "within the minimum effect"
    least_n: int  # used pairs
    needed_n: int | None  # pairs in all, as many left out as here
    verdict: Verdict
    reason: str
    assumptions: tuple[str, ...]
    method: str


@dataclass(frozen=True, kw_only=True)
class _Asked:
    test: Location
    values: tuple[float, ...]
    alternative: Alternative
    effect: float
    alpha: float
    comparisons: int

    @property
    def judge(self) -> LocationTest:
        return LOCATION_TESTS[self.test]

    @property
    def alpha_each(self) -> float:
        """Return the error rate at which this comparison is decided whatever the others say."""
        return self.alpha / self.comparisons

    @property
    def bounds(self) -> tuple[float, ...]:
        """Return the tested values, by their tails: above the first, or below the last."""
        if self.alternative is Alternative.TWO_SIDED:
            return (self.effect, -self.effect)
        return (-self.effect if self.alternative is Alternative.LESS else self.effect,)

    @property
    def n_used(self) -> int:
        return min(self.judge.used(self.values, bound) for bound in self.bounds)

    @property
    def least_n(self) -> int:
        # Two-sided, the smaller tail counts twice.
        return least_n(self.test, self.alpha_each / len(self.bounds))


def paired_test(
    test: Location,
    differences: Sequence[float],
    *,
    alternative: Alternative = Alternative.TWO_SIDED,
    minimum_effect: float = 0.0,
    alpha: float = ALPHA,
    comparisons: int = 1,
) -> PairedResult:
    """Return the verdict on "the differences a - b lie beyond the minimum effect".

    `less`: below -minimum_effect; `greater`: above it; `two_sided`: further from 0 than it. Infinite differences
    (an arm that lost a pair outright) suit the sign and rank tests only. One of several comparisons is
    decided at alpha / comparisons, the first step of Holm's; `holm_adjusted` may raise the verdict later.
    """
    _check(minimum_effect, alpha, comparisons)
    values = tuple(float(each) for each in differences)
    if any(math.isnan(each) for each in values):
        raise ValueError("differences must be numbers: pair the values by a policy first")
    asked = _Asked(
        test=test, values=values, alternative=alternative, effect=minimum_effect, alpha=alpha, comparisons=comparisons
    )
    return _too_few(asked) or _hindered(asked) or _decided(asked)


def _check(minimum_effect: float, alpha: float, comparisons: int) -> None:
    check_alpha(alpha)
    if not 0 <= minimum_effect < math.inf:
        detail = f"must be finite and not negative, in units of the metric; it is {minimum_effect!r}"
        raise InvalidError([Problem(path=("minimum_effect",), code="out-of-range", detail=detail)])
    if comparisons < 1:
        raise ValueError("a test is one of one comparison or more")


def _too_few(asked: _Asked) -> PairedResult | None:
    missing = asked.least_n - asked.n_used
    if missing <= 0:
        return None
    ties = len(asked.values) - asked.n_used
    left_out = f" ({ties} equal the tested value and are left out)" if ties else ""
    at = f"alpha = {asked.alpha_each!r}"
    reason = f"{asked.n_used} differences{left_out} cannot decide at {at}: it takes {asked.least_n}"
    return _result(asked, reason, needed_n=len(asked.values) + missing)


def _hindered(asked: _Asked) -> PairedResult | None:
    hindrance = asked.judge.hindrance(asked.values)
    return _result(asked, hindrance) if hindrance else None


def _decided(asked: _Asked) -> PairedResult:
    above, below = asked.judge.tails(asked.values)
    evidence = beyond(asked.alternative, asked.effect, above, below)
    bound = asked.bounds[0]
    if len(asked.bounds) == 2 and below(-asked.effect) < above(asked.effect):
        bound = -asked.effect
    return _result(
        asked,
        reason_of(evidence, asked.alpha_each),
        statistic=asked.judge.statistic(asked.values, bound),
        evidence=evidence,
    )


def _result(
    asked: _Asked,
    reason: str,
    *,
    statistic: float | None = None,
    evidence: Evidence | None = None,
    needed_n: int | None = None,
) -> PairedResult:
    return PairedResult(
        test=asked.test,
        alternative=asked.alternative,
        minimum_effect=asked.effect,
        alpha=asked.alpha,
        comparisons=asked.comparisons,
        n=len(asked.values),
        n_used=asked.n_used,
        statistic=statistic,
        p_value=evidence.p_value if evidence else None,
        p_opposite=evidence.opposite if evidence else None,
        least_n=asked.least_n,
        needed_n=needed_n,
        verdict=decide(evidence, asked.alpha_each) if evidence else Verdict.INCONCLUSIVE,
        reason=reason,
        assumptions=_assumptions(asked),
        method=f"{asked.judge.method(asked.n_used)}, paired, {_statement(asked)}",
    )


def _statement(asked: _Asked) -> str:
    """Return the alternative in words: what the test would show."""
    what = f"{asked.judge.location} of a - b"
    if asked.alternative is Alternative.LESS:
        return f"{what} < {-asked.effect!r}"
    if asked.alternative is Alternative.GREATER:
        return f"{what} > {asked.effect!r}"
    return f"|{what}| > {asked.effect!r}, twice the smaller tail"


def _assumptions(asked: _Asked) -> tuple[str, ...]:
    found = [asked.judge.assumes]
    ties = len(asked.values) - asked.n_used
    if ties:
        found.append(f"{ties} of {len(asked.values)} differences equal the tested value")
    if asked.test is Location.WILCOXON and asked.effect > 0:
        found.append("the tested value is not 0: that arms without a difference are symmetric does not carry over")
    return tuple(found)
