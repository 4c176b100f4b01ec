"""A comparison of two arms over pairs: the test and why it was chosen, effects with intervals, the verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workers.analysis.effects import CommonLanguage, Standardized, common_language, mean_difference, standardized
from workers.analysis.holm import holm
from workers.analysis.intervals import Interval, simultaneous_level
from workers.analysis.location_tests import Location
from workers.analysis.paired import PairedResult, paired_test
from workers.analysis.pairing import Pairs
from workers.analysis.verdict import ALPHA, Alternative, Evidence, Verdict, decide, reason_of


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Arm a against arm b; differences are a - b, so `less` says that a is smaller."""

    n_pairs: int
    n_unpaired_a: int
    n_unpaired_b: int
    n_missing: int
    n_non_finite: int
    mean_difference: Interval | None  # None without finite differences
    effect_size: Standardized | None
    common_language: CommonLanguage | None
    result: PairedResult
    p_adjusted: float | None
    verdict: Verdict
    reason: str
    assumptions: tuple[str, ...]
    method: str


def compare(
    pairs: Pairs,
    *,
    test: Location | None = None,
    alternative: Alternative = Alternative.TWO_SIDED,
    minimum_effect: float = 0.0,
    alpha: float = ALPHA,
    comparisons: int = 1,
) -> Comparison:
    """Return the comparison of the pairs, by the test named or by the one that needs the fewest assumptions.

    Intervals are two-sided and hold for all `comparisons` at once at level 1 - alpha. `p_adjusted` is Bonferroni's
    until `holm_adjusted` sees the others.
    """
    chosen, why = (test, "the test was named, not chosen") if test else choose(minimum_effect)
    result = paired_test(
        chosen,
        pairs.differences,
        alternative=alternative,
        minimum_effect=minimum_effect,
        alpha=alpha,
        comparisons=comparisons,
    )
    return _described(pairs, result, why, simultaneous_level(1 - alpha, comparisons))


def _described(pairs: Pairs, result: PairedResult, why: str, level: float) -> Comparison:
    differences = pairs.differences
    finite = len(differences) > 1 and all(math.isfinite(each) for each in differences)
    return Comparison(
        n_pairs=pairs.n_pairs,
        n_unpaired_a=len(pairs.unpaired_a),
        n_unpaired_b=len(pairs.unpaired_b),
        n_missing=pairs.n_missing,
        n_non_finite=pairs.n_non_finite,
        mean_difference=mean_difference(differences, level=level) if finite else None,
        effect_size=standardized(differences, level=level) if finite else None,
        common_language=common_language(differences, level=level) if differences else None,
        result=result,
        p_adjusted=None if result.p_value is None else min(1.0, result.comparisons * result.p_value),
        verdict=result.verdict,
        reason=result.reason,
        assumptions=(why, *result.assumptions),
        method=f"{pairs.method}; {result.method}",
    )


def choose(minimum_effect: float) -> tuple[Location, str]:
    """Return the test for a comparison that names none, and why; it depends on no value, so no choice is fitted."""
    if minimum_effect == 0:
        return Location.WILCOXON, (
            "Wilcoxon's test was chosen: arms without a difference have symmetric differences whatever the law "
            "of the metric, so it is exact where Student's t needs normal ones"
        )
    return Location.SIGN, (
        "the sign test was chosen: about a minimum effect other than 0 nothing makes differences symmetric "
        "or normal, and it needs neither; it judges the median difference, not the mean"
    )


def holm_adjusted(comparisons: Sequence[Comparison], *, alpha: float = ALPHA) -> tuple[Comparison, ...]:
    """Return the comparisons of one family, decided together: p values and opposites by Holm, each at alpha.

    One that cannot decide counts in the family and stays inconclusive.
    """
    adjusted = holm([each.result.p_value for each in comparisons], alpha=alpha).adjusted
    opposites = holm([each.result.p_opposite for each in comparisons], alpha=alpha).adjusted
    return tuple(
        _adjusted(each, p_value, opposite, alpha)
        for each, p_value, opposite in zip(comparisons, adjusted, opposites, strict=True)
    )


def _adjusted(comparison: Comparison, p_value: float | None, opposite: float | None, alpha: float) -> Comparison:
    method = f"{comparison.method}; Holm"
    if p_value is None:
        return replace(comparison, method=method)
    evidence = Evidence(p_value=p_value, opposite=opposite)
    return replace(
        comparison,
        p_adjusted=p_value,
        verdict=decide(evidence, alpha),
        reason=f"adjusted by Holm, {reason_of(evidence, alpha)}",
        method=method,
    )
