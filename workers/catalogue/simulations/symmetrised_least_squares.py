"""What averaging a least squares fit over a symmetry is worth."""

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
    from workers.engine.philox import Stream

LARGEST_WORK = 2**37  # trials times the operations of one decomposition: about a minute on one core


@simulations.register(
    "symmetrised-least-squares",
    source="Elesedy and Zaidi 2021, Provably strict generalisation benefit for equivariant models, arXiv:2102.10333",
)
@dataclass(frozen=True, kw_only=True)
class SymmetrisedLeastSquares(Simulation):
    """The risk of least squares, and of the same fit averaged over a group under which the target is invariant.

    Inputs are standard normal in R^d, the answer is theta^T x plus noise. The group shifts the members of every orbit
    of coordinates cyclically, so the average of a linear function has the mean of each orbit as its coefficients;
    A, what it takes away, has d - d / orbit dimensions. The gain, risk minus risk of the average, is expected to be
    noise_sd**2 dim(A) / (n - d - 1) for n > d + 1 samples, and for n < d - 1, where the fit of least norm is taken,
    dim(A) n (signal**2 (d - n) / (d (d - 1) (d + 2)) + noise_sd**2 / (d (d - n - 1))). Where theta has a part in A
    of norm `asymmetry`, the average loses: asymmetry**2 less for n > d + 1.

    Metrics: gain, mean over the trials, with its 95 % interval gain_low, gain_high; predicted_gain; the means risk
    and averaged_risk, exact expectations over x of each fit. Arrays (trials,): risks, averaged_risks. The gain has a
    finite variance, and its interval a meaning, for n > d + 3 or n < d - 3.
    """

    inputs: int = parameter(20, "coordinates d of an input", minimum=2, maximum=256)
    samples: int = parameter(40, "samples n that are fitted", minimum=1, maximum=4096)
    orbit: int = parameter(
        2, "coordinates that the group moves among each other, a divisor of d; 1: nothing moves", minimum=1, maximum=256
    )
    noise_sd: float = parameter(1.0, "standard deviation of the noise on the answers", minimum=0.0, maximum=1e3)
    signal: float = parameter(1.0, "norm of the invariant part of theta", minimum=0.0, maximum=1e3)
    asymmetry: float = parameter(0.0, "norm of the part of theta that averages to 0", minimum=0.0, maximum=1e3)
    trials: int = parameter(2000, "independent samples that are fitted", minimum=2, maximum=1_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield orbits that do not fit, an infinite risk, and too much work."""
        if self.inputs % self.orbit:
            detail = f"must divide inputs = {self.inputs}; got {self.orbit}"
            yield Problem(path=("orbit",), code="range", detail=detail)
        elif self.orbit == 1 and self.asymmetry:
            detail = "orbits of 1 leave every theta alone: use a larger orbit, or leave asymmetry out"
            yield Problem(path=("asymmetry",), detail=detail)
        if abs(self.samples - self.inputs) < 2:
            detail = f"has no finite risk next to inputs = {self.inputs}: use {self.inputs + 5} or more"
            yield Problem(path=("samples",), code="range", detail=detail)
        most = LARGEST_WORK // (self.samples * self.inputs * min(self.samples, self.inputs))
        if self.trials > most:
            detail = f"must be at most {most} for {self.samples} samples of {self.inputs} inputs"
            yield Problem(path=("trials",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the gain, its interval, its prediction and the two risks."""
        return (*with_interval("gain"), "predicted_gain", "risk", "averaged_risk")

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Fit the trials in blocks; theta is drawn once for all."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import mean_metrics

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        theta = self._theta(stream)
        risks, averaged = np.empty(self.trials), np.empty(self.trials)
        block = block_of(self.samples * (self.inputs + 1))
        for start in range(0, self.trials, block):
            stop = min(start + block, self.trials)
            found = self._fits(stream, theta, step=start // block, count=stop - start)
            risks[start:stop] = np.square(found - theta).sum(axis=1)
            averaged[start:stop] = np.square(self._averaged(found) - theta).sum(axis=1)
            progress(stop, self.trials)
        metrics = mean_metrics("gain", risks - averaged) | {
            "predicted_gain": self.predicted_gain(),
            "risk": float(risks.mean()),
            "averaged_risk": float(averaged.mean()),
        }
        return Reading(metrics=metrics, arrays={"risks": risks, "averaged_risks": averaged})

    def predicted_gain(self) -> float:
        """Return the expected gain, E|A (P theta + e - theta)|**2 - |A theta|**2.

        The fit is P theta + e: P projects on the span of the samples, all of R^d for n > d, and e is isotropic.
        """
        from workers.engine.least_squares import noise_variance, projection_moments

        removed = self.inputs - self.inputs // self.orbit
        noise = self.noise_sd**2 * removed * noise_variance(self.samples, self.inputs)
        if self.samples > self.inputs:
            return noise - self.asymmetry**2
        # E[P t t^T P] = alpha t t^T + beta |t|**2 I, where alpha + beta = E[p**2] and alpha + d beta = n / d
        share = self.samples / self.inputs
        square, _ = projection_moments(self.samples, self.inputs)
        beta = (share - square) / (self.inputs - 1)
        whole = self.signal**2 + self.asymmetry**2
        return noise + removed * beta * whole + (square - beta - 2 * share) * self.asymmetry**2

    def _theta(self, stream: "Stream") -> "Floats":
        """Return the coefficients (d,), of the asked norms, in random directions."""
        import numpy as np

        drawn = stream.child("theta").normals((2, self.inputs))
        invariant, other = self._averaged(drawn)
        parts = zip((self.signal, self.asymmetry), (invariant, drawn[1] - other), strict=True)
        return sum((norm * part / np.linalg.norm(part) for norm, part in parts if norm), np.zeros(self.inputs))

    def _fits(self, stream: "Stream", theta: "Floats", *, step: int, count: int) -> "Floats":
        """Return the coefficients (count, d) of one block of trials."""
        from workers.engine.least_squares import least_squares

        designs = stream.child("inputs").normals((count, self.samples, self.inputs), step)
        noise = self.noise_sd * stream.child("noise").normals((count, self.samples), step)
        return least_squares(designs, (designs @ theta + noise)[..., None])[..., 0]

    def _averaged(self, theta: "Floats") -> "Floats":
        """Return coefficients (..., d) averaged over the group: each becomes the mean of its orbit."""
        import numpy as np

        orbits = theta.reshape(*theta.shape[:-1], -1, self.orbit)
        return np.broadcast_to(orbits.mean(axis=-1, keepdims=True), orbits.shape).reshape(theta.shape)
