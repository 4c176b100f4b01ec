"""What the runs of one group amount to: mean, median, interquartile mean, spread, interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.analysis.bootstrap import bca_mean
from workers.analysis.intervals import LEVEL, Interval, check_level, student_t
from workers.analysis.moments import mean, standard_deviation

# Below it a bootstrap is too narrow: 95 % percentile intervals of 5 normal values cover 84 %.
BOOTSTRAP_FROM = 20


class Policy(StrEnum):
    """What the numbers rest on when runs failed or diverged; these are counted under each."""

    COMPLETED = "completed"  # finite values of the runs that completed
    FINITE = "finite"  # finite values of all runs, the diverged ones among them
    WORST = "worst"  # every run counts: one that failed, diverged or is not finite as infinitely bad


@dataclass(frozen=True, kw_only=True)
class Runs:
    """What the runs of a group left of one metric, in an order of the caller's."""

    completed: tuple[float, ...]
    diverged: tuple[float, ...] = ()
    n_failed: int = 0

    def __post_init__(self) -> None:
        if self.n_failed < 0:
            raise ValueError("n_failed counts runs: it cannot be negative")


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """Statistics of a group; None where the values give none, and then `method` or `rests_on` says why."""

    n: int  # values that the numbers rest on
    n_failed: int
    n_diverged: int
    n_non_finite: int  # values of the runs below the policy that are NaN or infinite
    mean: float | None
    median: float | None
    iqm: float | None
    sd: float | None
    se: float | None
    min: float | None
    max: float | None
    ci_low: float | None
    ci_high: float | None
    level: float
    method: str  # of the interval
    rests_on: str
    values: tuple[float, ...]


def aggregate(
    runs: Runs, *, policy: Policy = Policy.COMPLETED, larger_is_worse: bool = True, level: float = LEVEL
) -> Aggregate:
    """Return the statistics of a group's runs; all but the order of `values` is free of the order of the runs.

    The interval is that of the mean: Student's t below 20 values, a BCa bootstrap from 20 on. Infinite
    values (policy `worst` alone) leave median, iqm, min and max, and no mean.
    """
    check_level(level)
    values = _chosen(runs, policy, math.inf if larger_is_worse else -math.inf)
    ordered = sorted(values)
    interval = _interval(values, level)
    all_finite = bool(values) and all(math.isfinite(value) for value in values)
    sd = standard_deviation(values) if all_finite and len(values) > 1 else None
    return Aggregate(
        n=len(values),
        n_failed=runs.n_failed,
        n_diverged=len(runs.diverged),
        n_non_finite=_non_finite(runs, policy),
        mean=mean(values) if all_finite else None,
        median=median(ordered) if ordered else None,
        iqm=interquartile_mean(ordered) if ordered else None,
        sd=sd,
        se=None if sd is None else sd / math.sqrt(len(values)),
        min=min(values, default=None),
        max=max(values, default=None),
        ci_low=interval.low,
        ci_high=interval.high,
        level=level,
        method=interval.method,
        rests_on=_rests_on(runs, policy, len(values)),
        values=values,
    )


def median(values: Sequence[float]) -> float:
    """Return the median of one value or more, infinite ones allowed."""
    return _middle(values, (len(values) - 1) // 2)


def interquartile_mean(values: Sequence[float]) -> float:
    """Return the mean of what is left when n // 4 values are cut off at each end (Agarwal et al. 2021).

    It is the 25 % trimmed mean with whole values, as in their library; infinite values are allowed.
    """
    return _middle(values, len(values) // 4)


def _middle(values: Sequence[float], cut: int) -> float:
    kept = sorted(values)[cut : len(values) - cut]
    infinite = [value for value in kept if math.isinf(value)]
    return infinite[0] if infinite else mean(kept)


def _chosen(runs: Runs, policy: Policy, worst: float) -> tuple[float, ...]:
    completed = [float(value) for value in runs.completed]
    diverged = [float(value) for value in runs.diverged]
    if policy is Policy.WORST:
        kept = [value if math.isfinite(value) else worst for value in completed]
        return (*kept, *[worst] * (len(diverged) + runs.n_failed))
    considered = completed if policy is Policy.COMPLETED else completed + diverged
    return tuple(value for value in considered if math.isfinite(value))


def _non_finite(runs: Runs, policy: Policy) -> int:
    considered = runs.completed + (runs.diverged if policy is Policy.FINITE else ())
    return sum(not math.isfinite(value) for value in considered)


def _interval(values: Sequence[float], level: float) -> Interval:
    infinite = sum(math.isinf(value) for value in values)
    if values and not infinite:
        return (student_t if len(values) < BOOTSTRAP_FROM else bca_mean)(values, level=level)
    why = f"{infinite} of {len(values)} values are infinite" if infinite else "no value"
    return Interval(estimate=math.nan, low=None, high=None, level=level, method=f"no interval: {why}")


def _rests_on(runs: Runs, policy: Policy, n: int) -> str:
    total = len(runs.completed) + len(runs.diverged) + runs.n_failed
    counts = {
        "failed": runs.n_failed,
        "diverged": len(runs.diverged),
        "not finite": _non_finite(runs, policy),
    }
    if policy is Policy.FINITE:
        del counts["diverged"]
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "none"
    if policy is Policy.WORST:
        return f"all {total} runs; counted as infinitely bad: {said}"
    which = "runs that completed" if policy is Policy.COMPLETED else "all runs, the diverged ones included"
    return f"{n} of {total} runs: finite values of {which}; left out: {said}"
