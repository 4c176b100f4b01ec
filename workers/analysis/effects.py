"""Effect sizes of two arms, each with its interval."""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import gammaln

from workers.analysis.aggregates import BOOTSTRAP_FROM
from workers.analysis.bootstrap import bca_mean
from workers.analysis.intervals import LEVEL, Interval, check_level, clopper_pearson, normal_quantile, student_t
from workers.analysis.moments import finite, mean, standard_deviation
from workers.analysis.noncentral_t import noncentral_t

FARTHEST = 1000.0  # of sqrt(n) |d|; the noncentral t is checked up to there
HALVINGS = 200  # more than float64 can tell apart


@dataclass(frozen=True, kw_only=True)
class Standardized:
    """The mean difference in standard deviations of the differences; None where these have no spread."""

    d_z: float | None  # Cohen's: mean / sd
    hedges_g: float | None  # d_z without its bias
    interval: Interval | None  # of what both estimate
    n: int
    method: str


@dataclass(frozen=True, kw_only=True)
class CommonLanguage:
    """How often a exceeds b in the pairs that differ; the interval excludes 1/2 exactly when the sign test rejects."""

    n_greater: int
    n_less: int
    n_equal: int
    interval: Interval | None  # None where all pairs are equal
    method: str


@dataclass(frozen=True, kw_only=True)
class Dominance:
    """Cliff's delta of two independent samples: P(a > b) - P(a < b)."""

    delta: Interval
    probability: Interval  # P(a > b) + P(a = b) / 2, the common-language effect of Vargha and Delaney
    n_a: int
    n_b: int


def mean_difference(differences: Sequence[float], *, level: float = LEVEL) -> Interval:
    """Return the mean of finite differences with its interval: Student's t below 20, a BCa bootstrap from 20 on."""
    return (student_t if len(differences) < BOOTSTRAP_FROM else bca_mean)(differences, level=level)


def standardized(differences: Sequence[float], *, level: float = LEVEL) -> Standardized:
    """Return Cohen's d_z and Hedges' g of two finite differences or more, with the exact interval for normal ones.

    sqrt(n) d_z follows a noncentral t with n - 1 degrees of freedom and noncentrality sqrt(n) delta; the interval
    holds the deltas that leave more than (1 - level) / 2 on both sides (Steiger and Fouladi 1997).
    """
    check_level(level)
    values = finite(differences, "differences")
    n = len(values)
    if n < 2:
        raise ValueError("a standardized difference takes at least two differences")
    sd = standard_deviation(values)
    if not 0 < sd < math.inf:
        return Standardized(d_z=None, hedges_g=None, interval=None, n=n, method="none: the differences have no spread")
    d = mean(values) / sd
    return Standardized(
        d_z=d,
        hedges_g=hedges_correction(n - 1) * d,
        interval=_delta_interval(d, n, level),
        n=n,
        method=f"mean difference / sd of the differences, {n - 1} degrees of freedom; g by Hedges 1981, exact factor",
    )


def hedges_correction(degrees_of_freedom: int) -> float:
    """Return the factor that frees d of its bias: Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)); 0 for one degree.

    Hedges 1981, eq. 6e. With one degree of freedom d has no mean, so no factor helps: 0 is the formula's limit.
    """
    m = degrees_of_freedom
    if m < 1:
        raise ValueError("Hedges' correction takes at least one degree of freedom")
    return 0.0 if m == 1 else math.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / math.sqrt(m / 2)


def _delta_interval(d: float, n: int, level: float) -> Interval:
    tail, root = (1 - level) / 2, math.sqrt(n)
    method = f"noncentral t, {n - 1} degrees of freedom, exact for normal differences"
    if root * abs(d) > FARTHEST:
        why = f"no interval: t beyond {FARTHEST!r}"
        return Interval(estimate=d, low=None, high=None, level=level, method=why)

    def cumulative(delta: float) -> float:
        return noncentral_t(n - 1, root * delta, root * d)

    # The cumulative falls with delta. At n = 2 the interval reaches furthest: some 45 |d| at level 0.95.
    low = _crossing(cumulative, 1 - tail, d)
    high = _crossing(cumulative, tail, d)
    return Interval(estimate=d, low=low, high=high, level=level, method=method)


def _crossing(falling: Callable[[float], float], value: float, start: float) -> float:
    """Return where the falling function takes the value, by bisection from an interval that grows around start."""
    reach = 1.0
    while falling(start - reach) < value or falling(start + reach) > value:
        reach *= 2
    low, high = start - reach, start + reach
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if falling(middle) > value else (low, middle)
    return low + (high - low) / 2


def common_language(differences: Sequence[float], *, level: float = LEVEL) -> CommonLanguage:
    """Return how often a exceeds b within the pairs that differ, with the Clopper-Pearson interval."""
    if any(math.isnan(each) for each in differences):
        raise ValueError("differences must be numbers: pair the values by a policy first")
    greater, less = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    unequal = greater + less
    return CommonLanguage(
        n_greater=greater,
        n_less=less,
        n_equal=len(differences) - unequal,
        interval=clopper_pearson(greater, unequal, level=level) if unequal else None,
        method=f"P(a > b | a != b) over {unequal} pairs that differ",
    )


def cliffs_delta(a: Sequence[float], b: Sequence[float], *, level: float = LEVEL) -> Dominance:
    """Return Cliff's delta of two independent samples of two values or more, infinite ones allowed.

    The interval is the asymmetric one of Cliff 1996 with his unbiased variance; for samples that do not overlap
    it is that of Wilson for n of n, n the smaller size, as in Feng and Cliff 2004.
    """
    check_level(level)
    if min(len(a), len(b)) < 2 or any(math.isnan(value) for value in (*a, *b)):
        raise ValueError("Cliff's delta takes two samples of at least two numbers each")
    rows, columns = _dominances(a, b), [-each for each in _dominances(b, a)]
    delta = mean(rows)
    low, high = _delta_bounds(delta, _variance(rows, columns, a, b), min(len(a), len(b)), normal_quantile(level))
    method = f"Cliff's delta, {len(a)} against {len(b)} values, asymmetric interval, consistent variance"
    interval = Interval(estimate=delta, low=low, high=high, level=level, method=method)
    return Dominance(delta=interval, probability=_as_probability(interval, low, high), n_a=len(a), n_b=len(b))


def _dominances(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """Return for each value of a the share of b below it less the share above it."""
    ordered = sorted(b)
    return [(bisect_left(ordered, value) + bisect_right(ordered, value)) / len(b) - 1 for value in a]


def _variance(rows: Sequence[float], columns: Sequence[float], a: Sequence[float], b: Sequence[float]) -> float:
    """Return the unbiased variance of delta, not below the least that it can be (Cliff 1996, chapter 5)."""
    n, m, delta = len(a), len(b), mean(rows)
    between_rows = math.fsum((each - delta) ** 2 for each in rows)
    between_columns = math.fsum((each - delta) ** 2 for each in columns)
    equal = _equal_pairs(a, b) / (n * m)
    cells = n * m * (1 - equal - delta * delta)  # the sum over all pairs of (dominance - delta)^2
    unbiased = (m * m * between_rows + n * n * between_columns - cells) / (n * m * (n - 1) * (m - 1))
    return max(unbiased, (1 - delta * delta) / (n * m - 1))


def _equal_pairs(a: Sequence[float], b: Sequence[float]) -> int:
    counts = Counter(b)
    return sum(counts[value] for value in a)


def _delta_bounds(delta: float, variance: float, smaller: int, z: float) -> tuple[float, float]:
    if abs(delta) == 1:
        nearest = (smaller - z * z) / (smaller + z * z)
        return (nearest, 1.0) if delta > 0 else (-1.0, -nearest)
    centre, below = delta - delta**3, 1 - delta * delta + z * z * variance
    half = z * math.sqrt(variance) * math.sqrt((1 - delta * delta) ** 2 + z * z * variance)
    return max(-1.0, (centre - half) / below), min(1.0, (centre + half) / below)


def _as_probability(delta: Interval, low: float, high: float) -> Interval:
    return Interval(
        estimate=(delta.estimate + 1) / 2,
        low=(low + 1) / 2,
        high=(high + 1) / 2,
        level=delta.level,
        method=f"P(a > b) + P(a = b) / 2 = (delta + 1) / 2; {delta.method}",
    )
