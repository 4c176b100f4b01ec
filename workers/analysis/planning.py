"""How many values a test needs, so that it finds a stated effect with a stated probability (its power)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, stdtrit

from workers.analysis.noncentral_t import noncentral_t
from workers.analysis.power_of_equivalence import power_of_equivalence
from workers.analysis.proportions import Counts, critical_counts
from workers.analysis.verdict import ALPHA, Alternative, check_alpha
from workers.catalogue.problems import InvalidError, Problem

POWER = 0.8
MOST = 100_000  # values; an effect that needs more is not worth finding

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The number of values, and the power that it reaches when the assumed effect is true."""

    n: int
    power: float
    alpha: float
    method: str


def plan_student_t(
    effect: float,
    sd: float,
    *,
    minimum_effect: float = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    alpha: float = ALPHA,
    power: float = POWER,
) -> Plan:
    """Return the pairs that a paired t test needs where differences are normal with mean `effect` and this sd.

    sqrt(n) (mean - bound) / s follows a noncentral t with n - 1 degrees of freedom.
    """
    _check(alpha, power)
    _positive("sd", sd)
    if not 0 <= minimum_effect < math.inf:
        detail = f"must be finite and not negative; it is {minimum_effect!r}"
        raise InvalidError([Problem(path=("minimum_effect",), code="out-of-range", detail=detail)])
    towards = _towards(effect, alternative)
    if not minimum_effect < towards < math.inf:
        detail = (
            f"an effect of {effect!r} lies not beyond {minimum_effect!r} on the side {alternative}: none is to be found"
        )
        raise InvalidError([Problem(path=("effect",), code="out-of-range", detail=detail)])
    two_sided = alternative is Alternative.TWO_SIDED

    def power_at(n: int) -> float:
        return _power_of_t(n, (towards - minimum_effect) / sd, (towards + minimum_effect) / sd, alpha, two_sided)

    n = _least(power_at, power)
    method = f"noncentral t, {alternative}, effect {effect!r}, sd {sd!r}, minimum effect {minimum_effect!r}"
    return Plan(n=n, power=power_at(n), alpha=alpha, method=method)


def plan_sign_test(
    probability: float, *, alternative: Alternative = Alternative.TWO_SIDED, alpha: float = ALPHA, power: float = POWER
) -> Plan:
    """Return the pairs that the sign test needs where a difference lies above the bound with this probability."""
    return _plan_binomial(probability, 0.5, alternative, alpha, power, "exact sign test")


def plan_proportion(
    probability: float,
    bound: float,
    *,
    alternative: Alternative = Alternative.TWO_SIDED,
    alpha: float = ALPHA,
    power: float = POWER,
) -> Plan:
    """Return the trials that the exact binomial test against a bound needs where this is the probability."""
    return _plan_binomial(probability, bound, alternative, alpha, power, "exact binomial test")


def plan_equivalence(
    margin: float, sd: float, *, difference: float = 0.0, alpha: float = ALPHA, power: float = POWER
) -> Plan:
    """Return the values that equivalence of a mean needs where the values are normal and lie so far off."""
    _check(alpha, power)
    _positive("sd", sd)
    _positive("margin", margin)
    if not abs(difference) < margin:
        detail = (
            f"a difference of {difference!r} lies not within the margin {margin!r}: there is no equivalence to find"
        )
        raise InvalidError([Problem(path=("difference",), code="out-of-range", detail=detail)])

    def power_at(n: int) -> float:
        return power_of_equivalence(n, margin / sd, difference / sd, alpha)

    n = _least(power_at, power)
    method = f"two one-sided t tests, margin {margin!r}, sd {sd!r}, difference {difference!r}"
    return Plan(n=n, power=power_at(n), alpha=alpha, method=method)


def _check(alpha: float, power: float) -> None:
    check_alpha(alpha)
    if not alpha < power < 1:
        detail = f"must lie between alpha and 1, such as 0.8; it is {power!r}"
        raise InvalidError([Problem(path=("power",), code="out-of-range", detail=detail)])


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        detail = f"must be finite and above 0; it is {value!r}"
        raise InvalidError([Problem(path=(name,), code="out-of-range", detail=detail)])


def _towards(effect: float, alternative: Alternative) -> float:
    """Return the effect seen from the side on which it is looked for."""
    if alternative is Alternative.TWO_SIDED:
        return abs(effect)
    return -effect if alternative is Alternative.LESS else effect


def _power_of_t(n: int, near: float, far: float, alpha: float, two_sided: bool) -> float:
    """Return the probability that t exceeds its quantile against the near bound, or against the far one."""
    quantile = float(stdtrit(n - 1, 1 - (alpha / 2 if two_sided else alpha)))
    found = 1 - noncentral_t(n - 1, math.sqrt(n) * near, quantile)
    # Two-sided, the wrong side counts as found too: that is what the test does.
    return found + (noncentral_t(n - 1, math.sqrt(n) * far, -quantile) if two_sided else 0.0)


def _least(power_at: Callable[[int], float], power: float) -> int:
    """Return the least n from 2 on whose power suffices; the power grows with n."""
    low, high = 1, 2
    while power_at(high) < power:
        if high == MOST:
            raise _too_many()
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return high


def _too_many() -> InvalidError:
    detail = f"more than {MOST} values are needed: look for a larger effect, or accept less power"
    return InvalidError([Problem(path=("effect",), code="too-small", detail=detail)])


def _plan_binomial(
    probability: float, bound: float, alternative: Alternative, alpha: float, power: float, name: str
) -> Plan:
    _check(alpha, power)
    _between("bound", bound)
    if not 0 <= probability <= 1:
        detail = f"must lie between 0 and 1; it is {probability!r}"
        raise InvalidError([Problem(path=("probability",), code="out-of-range", detail=detail)])
    if not _towards(probability - bound, alternative) > 0:
        detail = f"{probability!r} lies not beyond {bound!r} on the side {alternative}: there is nothing to find"
        raise InvalidError([Problem(path=("probability",), code="out-of-range", detail=detail)])
    most = 64
    while most <= MOST:
        powers = _powers(np.arange(1, most + 1), probability, bound, alternative, alpha)
        short = np.flatnonzero(powers < power)
        n = int(short[-1]) + 2 if len(short) else 1
        # The power rises as a saw does: n counts only where no number up to twice as large falls short again.
        if 2 * n <= most:
            said = f"{name}, {alternative}, probability {probability!r} against {bound!r}"
            method = f"{said}; no n from there to {most} falls short"
            return Plan(n=n, power=float(powers[n - 1]), alpha=alpha, method=method)
        most *= 2
    raise _too_many()


def _between(name: str, value: float) -> None:
    if not 0 < value < 1:
        detail = f"must lie between 0 and 1, both excluded; it is {value!r}"
        raise InvalidError([Problem(path=(name,), code="out-of-range", detail=detail)])


def _powers(n: Counts, probability: float, bound: float, alternative: Alternative, alpha: float) -> Floats:
    """Return the power of the exact test for each n."""
    if alternative is Alternative.GREATER:
        return _upper_power(n, probability, bound, alpha)
    if alternative is Alternative.LESS:
        return _upper_power(n, 1 - probability, 1 - bound, alpha)
    return _upper_power(n, probability, bound, alpha / 2) + _upper_power(n, 1 - probability, 1 - bound, alpha / 2)


def _upper_power(n: Counts, probability: float, bound: float, alpha: float) -> Floats:
    """Return P(X >= k) at `probability`, k the least count that the test of "above the bound" rejects at."""
    counts = critical_counts(n, bound, alpha)
    return np.asarray(bdtrc(counts - 1, n, probability), dtype=np.float64)
