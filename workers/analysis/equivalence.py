"""Equivalence: the measured value lies within a stated margin of the predicted one.

That an interval contains the prediction is no evidence for it: the noisier the values, the wider the interval,
and the surer it contains any number. Here the two hypotheses "below the margin" and "above it" must both be rejected,
which noise makes harder.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workers.analysis.intervals import Interval, clopper_pearson, student_t
from workers.analysis.location_tests import LOCATION_TESTS, Location, least_n
from workers.analysis.proportions import Counts, binomial_tails, check_counts, critical_counts
from workers.analysis.verdict import (
    ALPHA,
    Evidence,
    Tail,
    Verdict,
    check_alpha,
    decide,
    outside,
    reason_of,
    within,
)
from workers.catalogue.problems import InvalidError, Problem

MOST_TRIALS = 100_000


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """The verdict on "the value lies within margin of the prediction"; p values are None where none can decide."""

    estimate: float | None
    predicted: float
    margin: float
    alpha: float
    n: int
    interval: Interval | None  # at level 1 - 2 alpha: it lies within the margin exactly when the test says so
    p_value: float | None
    p_outside: float | None  # of "the value lies further from the prediction than the margin"
    needed_n: int | None
    verdict: Verdict
    reason: str
    assumptions: tuple[str, ...]
    method: str


def equivalence_of_location(
    values: Sequence[float],
    predicted: float,
    *,
    margin: float,
    alpha: float = ALPHA,
    test: Location = Location.STUDENT_T,
) -> Equivalence:
    """Return whether the values lie around the prediction, by two one-sided tests of their location.

    Paired arms: the differences, predicted 0. Student's t judges the mean, and gives the interval beside it; the sign
    and the rank test judge median and centre of symmetry exactly.
    """
    _check(predicted, margin, alpha)
    numbers = tuple(float(value) for value in values)
    if any(math.isnan(value) for value in numbers):
        raise ValueError("values must be numbers: leave out what is none, and count it")
    judge = LOCATION_TESTS[test]
    used = min(judge.used(numbers, bound) for bound in (predicted - margin, predicted + margin))
    missing = max(0, least_n(test, alpha) - used)
    few = f"{used} values cannot decide at alpha = {alpha!r}: it takes {used + missing}" if missing else None
    hindrance = few or judge.hindrance(numbers)
    by_t = test is Location.STUDENT_T and not hindrance
    return _result(
        predicted,
        margin,
        alpha,
        n=len(numbers),
        tails=judge.tails(numbers),
        estimate=judge.estimate(numbers) if numbers else None,
        interval=student_t(numbers, level=1 - 2 * alpha) if by_t else None,
        needed_n=len(numbers) + missing if missing else None,
        hindrance=hindrance,
        assumptions=(judge.assumes,),
        method=f"two one-sided tests of the {judge.location}: {judge.method(used)}",
    )


def equivalence_of_proportion(
    successes: int, trials: int, predicted: float, *, margin: float, alpha: float = ALPHA
) -> Equivalence:
    """Return whether a probability lies around the prediction, by two exact binomial tests.

    A bound at or beyond 0 or 1 needs no test: no probability lies there.
    """
    _check(predicted, margin, alpha)
    if not 0 <= predicted <= 1:
        detail = f"a probability lies between 0 and 1; it is {predicted!r}"
        raise InvalidError([Problem(path=("predicted",), code="out-of-range", detail=detail)])
    check_counts(successes, trials)
    low, high = predicted - margin, predicted + margin
    decides = bool(_decidable(np.array([trials]), low, high, alpha)[0])
    needed = None if decides else _least_trials(low, high, alpha)
    at_least = f"it takes {needed}" if needed else f"{MOST_TRIALS} could not either"
    return _result(
        predicted,
        margin,
        alpha,
        n=trials,
        tails=binomial_tails(successes, trials),
        estimate=successes / trials,
        interval=clopper_pearson(successes, trials, level=1 - 2 * alpha),
        needed_n=needed,
        hindrance=None if decides else f"{trials} trials cannot decide at alpha = {alpha!r}: {at_least}",
        assumptions=("the trials are independent, with one probability of success",),
        method=f"two exact binomial tests, {trials} trials",
    )


def _check(predicted: float, margin: float, alpha: float) -> None:
    check_alpha(alpha)
    if not math.isfinite(predicted):
        raise InvalidError([Problem(path=("predicted",), code="not-finite", detail="must be a finite number")])
    if not 0 < margin < math.inf:
        detail = f"must be finite and above 0, since no data show equality; it is {margin!r}"
        raise InvalidError([Problem(path=("margin",), code="out-of-range", detail=detail)])


def _decidable(trials: Counts, low: float, high: float, alpha: float) -> npt.NDArray[np.bool_]:
    """Return for each number of trials whether some count of successes rejects both bounds."""
    least = critical_counts(trials, low, alpha) if low > 0 else np.zeros_like(trials)
    most = trials - critical_counts(trials, 1 - high, alpha) if high < 1 else trials
    return np.asarray(least <= most)


def _least_trials(low: float, high: float, alpha: float) -> int | None:
    most = 64
    while most <= MOST_TRIALS:
        found = np.flatnonzero(_decidable(np.arange(1, most + 1), low, high, alpha))
        if len(found):
            return int(found[0]) + 1
        most *= 2
    return None


def _result(
    predicted: float,
    margin: float,
    alpha: float,
    *,
    n: int,
    tails: tuple[Tail, Tail],
    estimate: float | None,
    interval: Interval | None,
    needed_n: int | None,
    hindrance: str | None,
    assumptions: tuple[str, ...],
    method: str,
) -> Equivalence:
    evidence = None
    if hindrance is None:
        bounds = predicted - margin, predicted + margin
        evidence = Evidence(p_value=within(*bounds, *tails), opposite=outside(*bounds, *tails))
    return Equivalence(
        estimate=estimate,
        predicted=predicted,
        margin=margin,
        alpha=alpha,
        n=n,
        interval=interval,
        p_value=evidence.p_value if evidence else None,
        p_outside=evidence.opposite if evidence else None,
        needed_n=needed_n,
        verdict=decide(evidence, alpha) if evidence else Verdict.INCONCLUSIVE,
        reason=reason_of(evidence, alpha) if evidence else str(hindrance),
        assumptions=assumptions,
        method=f"{method}; within {margin!r} of {predicted!r}",
    )
