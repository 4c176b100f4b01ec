"""One-sided tests of where values are centred: Student's t, the exact sign test, Wilcoxon's signed-rank test."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations_with_replacement

from scipy.special import bdtrc, stdtr

from workers.analysis.aggregates import median
from workers.analysis.moments import mean, standard_deviation
from workers.analysis.signed_rank import EXACT_TO, positive_rank_sum, upper_tail
from workers.analysis.verdict import Tail

MOST_PAIRED = 2000
EXACT_SIGNS_TO = 1000  # above, the binomial tail is taken from the incomplete beta function


class Location(StrEnum):
    """A test of a location, and so what the location is."""

    STUDENT_T = "student_t"  # the mean
    SIGN = "sign"  # the median
    WILCOXON = "wilcoxon"  # the centre of symmetry


class LocationTest(ABC):
    """How one test judges values against a bound; the values are no NaN."""

    location: str  # in words, for sentences
    assumes: str
    counts_ties: bool  # whether a value that equals the bound takes part

    @abstractmethod
    def above(self, values: Sequence[float], bound: float) -> float:
        """Return the p value of "the location lies above the bound"."""

    @abstractmethod
    def estimate(self, values: Sequence[float]) -> float | None:
        """Return the location of one value or more, None where it has none."""

    @abstractmethod
    def statistic(self, values: Sequence[float], bound: float) -> float:
        """Return the number that the p value follows from."""

    @abstractmethod
    def method(self, n: int) -> str:
        """Return the exact name of the test for n values that take part."""

    @abstractmethod
    def hindrance(self, values: Sequence[float]) -> str | None:
        """Return why these values, whatever their number, cannot be judged; None where they can."""

    def used(self, values: Sequence[float], bound: float) -> int:
        """Return how many values take part."""
        return len(values) if self.counts_ties else sum(value != bound for value in values)

    def tails(self, values: Sequence[float]) -> tuple[Tail, Tail]:
        """Return the p values of "the location lies above" and "below a bound", as functions of the bound."""
        mirrored = [-value for value in values]
        return lambda bound: self.above(values, bound), lambda bound: self.above(mirrored, -bound)


@dataclass(frozen=True)
class StudentT(LocationTest):
    """Student's t test of the mean."""

    location = "mean"
    assumes = (
        "the values are independent draws of one normal law; their number makes up for its absence only when large"
    )
    counts_ties = True

    def above(self, values: Sequence[float], bound: float) -> float:
        """Return the upper tail of Student's t with n - 1 degrees of freedom."""
        return float(stdtr(len(values) - 1, -self.statistic(values, bound)))

    def estimate(self, values: Sequence[float]) -> float | None:
        """Return the mean of finite values."""
        return mean(values) if all(math.isfinite(value) for value in values) else None

    def statistic(self, values: Sequence[float], bound: float) -> float:
        """Return the distance of the mean from the bound in standard errors."""
        return (mean(values) - bound) / (standard_deviation(values) / math.sqrt(len(values)))

    def method(self, n: int) -> str:
        """Return the name with the degrees of freedom."""
        return f"Student's t test, {n - 1} degrees of freedom"

    def hindrance(self, values: Sequence[float]) -> str | None:
        """Return what is wrong with infinite values and with values of no spread."""
        if not all(math.isfinite(value) for value in values):
            return "infinite values have no mean: the sign and rank tests count them as the largest"
        spread = standard_deviation(values)
        if spread == 0:
            return (
                "the values are all equal, so there is no spread to measure their mean by: an exact predicate "
                "decides where they are deterministic, and the sign test where they are not"
            )
        return None if math.isfinite(spread) else "the values lie further apart than float64 reaches"


@dataclass(frozen=True)
class Sign(LocationTest):
    """The exact sign test of the median."""

    location = "median"
    assumes = "the values are independent; those that equal the tested value are left out"
    counts_ties = False

    def above(self, values: Sequence[float], bound: float) -> float:
        """Return P(X >= k) for X binomial(n, 1/2): n values differ from the bound, k lie above it."""
        n, k = self.used(values, bound), sum(value > bound for value in values)
        if n > EXACT_SIGNS_TO:
            return float(bdtrc(k - 1, n, 0.5)) if k else 1.0
        return float(sum(math.comb(n, j) for j in range(k, n + 1)) / 2**n)

    def estimate(self, values: Sequence[float]) -> float | None:
        """Return the median, infinite where the middle of the values is."""
        return median(values)

    def statistic(self, values: Sequence[float], bound: float) -> float:
        """Return how many values lie above the bound."""
        return float(sum(value > bound for value in values))

    def method(self, n: int) -> str:
        """Return the name with the number of signs."""
        return f"exact sign test, {n} signs"

    def hindrance(self, values: Sequence[float]) -> str | None:
        """Return None: signs can always be counted."""
        return None


@dataclass(frozen=True)
class Wilcoxon(LocationTest):
    """Wilcoxon's signed-rank test of the centre of a symmetric law (Wilcoxon 1945)."""

    location = "centre of symmetry"
    assumes = (
        "the values are independent and symmetric about the tested value, as differences of arms are "
        "that do not differ; those that equal it are left out, equal sizes share their mean rank"
    )
    counts_ties = False

    def above(self, values: Sequence[float], bound: float) -> float:
        """Return the upper tail of the positive rank sum, given the ranks."""
        return upper_tail([value - bound for value in values if value != bound])

    def estimate(self, values: Sequence[float]) -> float | None:
        """Return the median of the means of all pairs, each value with itself too (Hodges and Lehmann 1963).

        None for infinite values and for more than 2000, whose pairs are too many.
        """
        if len(values) > MOST_PAIRED or not all(math.isfinite(value) for value in values):
            return None
        return median([(a + b) / 2 for a, b in combinations_with_replacement(values, 2)])

    def statistic(self, values: Sequence[float], bound: float) -> float:
        """Return the sum of the ranks of the values above the bound."""
        return positive_rank_sum([value - bound for value in values if value != bound])

    def method(self, n: int) -> str:
        """Return the name, which says whether all signs are counted."""
        how = "exact over all signs" if n <= EXACT_TO else "normal law with correction for ties and continuity"
        return f"Wilcoxon signed-rank test, {n} ranks, {how}"

    def hindrance(self, values: Sequence[float]) -> str | None:
        """Return None: infinite values share the largest rank."""
        return None


LOCATION_TESTS: dict[Location, LocationTest] = {
    Location.STUDENT_T: StudentT(),
    Location.SIGN: Sign(),
    Location.WILCOXON: Wilcoxon(),
}


def least_n(test: Location, alpha: float) -> int:
    """Return the fewest values whose one-sided p value can be as small as alpha: 2 for t, which has no such bound."""
    if test is Location.STUDENT_T:
        return 2
    n = 1
    while 0.5**n > alpha:
        n += 1
    return n
