"""Least squares without a penalty, through the point where the weights equal the samples in number."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import block_of, with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

LARGEST_WORK = 2**36  # trials times samples times weights times the fewer of the two: some minutes on one core


@simulations.register(
    "ridgeless-regression",
    source="Hastie, Montanari, Rosset and Tibshirani 2022, arXiv:1903.08560; Belkin, Hsu and Xu 2020, arXiv:1903.07571",
)
@dataclass(frozen=True, kw_only=True)
class RidgelessRegression(Simulation):
    """The risk of the least-squares weights of least norm, for isotropic normal inputs: double descent.

    Answers are a linear function with weights of length `signal` in a random direction, plus normal noise. The risk
    is the expected squared error on a new input beyond the noise, which is the squared distance from the true
    weights. Up to as many weights as samples the fit is unique and its risk grows without bound; beyond, the
    training error is 0, the fit of least norm is taken, and the risk descends again.

    Metrics: risk, a mean with its 95 % Student interval risk_low, risk_high; risk_median, the one to read near
    inputs = samples, where the mean does not exist; predicted_risk, the exact expectation, infinite within one of
    inputs = samples; limiting_risk, the formula of Hastie et al. for samples and inputs that grow in this ratio;
    aspect_ratio, inputs over samples; train_error_median, mean squared. The array risks (trials,) keeps the draws.
    """

    samples: int = parameter(200, "n, training samples", minimum=2, maximum=5000)
    inputs: int = parameter(400, "d, weights", minimum=1, maximum=20_000)
    signal: float = parameter(1.0, "length of the true weights", minimum=0.0, maximum=1e3)
    noise_sd: float = parameter(1.0, "standard deviation of the noise on the answers", minimum=0.0, maximum=1e3)
    trials: int = parameter(40, "independent draws of weights and samples", minimum=2, maximum=1_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield too much work."""
        most = LARGEST_WORK // (self.samples * self.inputs * min(self.samples, self.inputs))
        if self.trials > most:
            detail = f"must be at most {most} for {self.samples} samples of {self.inputs} inputs"
            yield Problem(path=("trials",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the risk, what is expected of it, and the training error."""
        others = ("risk_median", "predicted_risk", "limiting_risk", "aspect_ratio", "train_error_median")
        return (*with_interval("risk"), *others)

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Draw and fit in blocks; trial i depends on the seed, the sizes and i alone."""
        import numpy as np

        from workers.engine.replicates import mean_metrics
        from workers.engine.ridgeless import expected_risk, limiting_risk

        block = block_of(self.samples * self.inputs)
        risks, train_errors = np.empty(self.trials), np.empty(self.trials)
        for first in range(0, self.trials, block):
            last = min(first + block, self.trials)
            found = self._fits(seed, step=first // block, count=last - first)
            risks[first:last], train_errors[first:last] = found
            progress(last, self.trials)
        others = {
            "risk_median": float(np.median(risks)),
            "predicted_risk": expected_risk(self.samples, self.inputs, self.signal, self.noise_sd),
            "limiting_risk": limiting_risk(self.inputs / self.samples, self.signal, self.noise_sd),
            "aspect_ratio": self.inputs / self.samples,
            "train_error_median": float(np.median(train_errors)),
        }
        return Reading(metrics=mean_metrics("risk", risks) | others, arrays={"risks": risks})

    def _fits(self, seed: int, *, step: int, count: int) -> "tuple[Floats, Floats]":
        """Return the risks and the training errors (count,) of one block."""
        import numpy as np

        from workers.engine.least_squares import least_squares
        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        designs = stream.child("inputs").normals((count, self.samples, self.inputs), step=step)
        truth = stream.child("truth").normals((count, self.inputs, 1), step=step)
        truth *= self.signal / np.linalg.norm(truth, axis=1, keepdims=True)
        noise = stream.child("noise").normals((count, self.samples, 1), step=step)
        answers = designs @ truth + self.noise_sd * noise
        weights = least_squares(designs, answers)
        return (
            np.square(weights - truth).sum(axis=(1, 2)),
            np.square(designs @ weights - answers).mean(axis=(1, 2)),
        )
