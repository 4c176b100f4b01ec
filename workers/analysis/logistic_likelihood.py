"""The likelihood of a logistic regression: its maximum, and the separation that leaves it none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.special import expit, xlogy

from workers.analysis.least_squares import Floats, dot, solve

STEPS = 100  # Newton's method takes about 10; more halvings come with weights near 0
# What one more step could add to the log-likelihood, relative to it; a profile's bound rests on a fall of 1 or more.
GAIN = 1e-16
# Keeps the weight of a row whose probability rounds to 0 or 1 out of the denominator.
LEAST_WEIGHT = 1e-290


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Successes of trials in each of n rows, both (n,)."""

    successes: Floats
    trials: Floats

    @property
    def failures(self) -> Floats:
        """Return the trials that did not succeed, (n,)."""
        return self.trials - self.successes

    def log_likelihood(self, eta: Floats) -> float:
        """Return the log-likelihood at log-odds (n,), without the binomial coefficients."""
        return -dot(self.successes, np.logaddexp(0, -eta)) - dot(self.failures, np.logaddexp(0, eta))

    def deviance_residuals(self, eta: Floats) -> Floats:
        """Return the signed roots of what each row adds to the deviance, (n,)."""
        expected = self.trials * expit(eta)
        gained = xlogy(self.successes, self.successes) + xlogy(self.failures, self.failures)
        gained = gained - xlogy(self.trials, self.trials)
        lost = self.successes * np.logaddexp(0, -eta) + self.failures * np.logaddexp(0, eta)
        # Rounding can take a saturated row below 0.
        return np.asarray(np.sign(self.successes - expected) * np.sqrt(2 * np.maximum(gained + lost, 0)))


@dataclass(frozen=True, kw_only=True)
class Maximum:
    """Where the likelihood is greatest: coefficients (p,), their covariance (p, p), log-odds (n,)."""

    coefficients: Floats
    covariance: Floats
    eta: Floats
    log_likelihood: float
    converged: bool


def maximise(columns: Sequence[Floats], counts: Counts, offset: Floats) -> Maximum:
    """Return the maximum over the coefficients of columns (n,) each, log-odds being offset + their combination.

    Newton's method as reweighted least squares, the step halved until the likelihood does not fall: it is
    concave, so this finds the maximum from anywhere, if there is one.
    """
    coefficients, eta = np.zeros(len(columns)), offset
    value = counts.log_likelihood(eta)
    for _ in range(STEPS):
        probability, complement = expit(eta), expit(-eta)
        weights = np.maximum(counts.trials * probability * complement, LEAST_WEIGHT)
        # Not successes - trials * probability, which cancels where a probability is near 1.
        score = counts.successes * complement - counts.failures * probability
        root = np.sqrt(weights)
        solution = solve([root * column for column in columns], score / root)
        moved = np.zeros(len(offset))
        for step, column in zip(solution.coefficients, columns, strict=True):
            moved = moved + step * column
        gain = dot(score, moved) / 2
        if solution.dependent is not None or gain <= GAIN * (1 + abs(value)):
            return Maximum(
                coefficients=coefficients,
                covariance=solution.inverse,
                eta=eta,
                log_likelihood=value,
                converged=solution.dependent is None,
            )
        length = 1.0
        while counts.log_likelihood(eta + length * moved) < value and length > 1e-10:
            length /= 2
        coefficients, eta = coefficients + length * solution.coefficients, eta + length * moved
        value = counts.log_likelihood(eta)
    return Maximum(
        coefficients=coefficients, covariance=solution.inverse, eta=eta, log_likelihood=value, converged=False
    )


def separated(columns: Sequence[Floats], counts: Counts) -> bool:
    """Say whether a combination of the columns splits the rows, so that no coefficient has a finite maximum.

    A direction with log-odds of 0 or more at all successes, 0 or less at all failures, not 0 everywhere, can be
    followed for ever (Albert and Anderson 1984); a linear program finds one (Konis 2007).
    """
    design = np.column_stack(columns)
    succeeded, failed = counts.successes > 0, counts.failures > 0
    sign = np.where(succeeded, 1.0, -1.0)
    signed = sign[:, None] * design
    mixed = succeeded & failed
    pure = signed[~mixed]
    if not len(pure):
        return False
    found = linprog(
        -pure.sum(axis=0),
        A_ub=np.vstack([-pure, pure]),
        b_ub=np.concatenate([np.zeros(len(pure)), np.ones(len(pure))]),
        A_eq=design[mixed] if mixed.any() else None,
        b_eq=np.zeros(int(mixed.sum())) if mixed.any() else None,
        bounds=(None, None),
        method="highs",
    )
    # A separating direction can be stretched until one row reaches its bound of 1.
    return bool(found.status == 3 or (found.status == 0 and -found.fun > 0.5))
