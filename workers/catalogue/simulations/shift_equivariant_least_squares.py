"""Whether a dense matrix learns that its task is a convolution."""

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

LARGEST_WORK = 2**37  # trials times the operations of one fit: about a minute on one core


@simulations.register(
    "shift-equivariant-least-squares",
    source="Lin, Tegmark and Rolnick 2017, arXiv:1608.08225, section 2.4; risks by the inverse Wishart distribution",
)
@dataclass(frozen=True, kw_only=True)
class ShiftEquivariantLeastSquares(Simulation):
    """A dense matrix fitted to the answers of a circular convolution with noise.

    Inputs are m standard normal vectors of n entries, answers C x plus noise, C the convolution with a kernel that is
    drawn once, of squared norm 1. The fit W of least squares, of least norm for m < n, is where gradient descent from
    zero ends. Of its error W - C all but the circulant part is `off_circulant_energy`, the squared norm of W minus
    the nearest circulant matrix. For m > n + 1 it is expected to be noise_sd**2 (n**2 - n) / (m - n - 1): the
    symmetry is learned like 1 / m; sharing weights, the nearest circulant matrix, leaves an error of
    noise_sd**2 n / (m - n - 1). For m < n - 1 it does not vanish without noise either.

    Metrics: off_circulant_energy with its 95 % interval off_circulant_energy_low, off_circulant_energy_high, and
    predicted_off_circulant_energy; the means error, |W - C|**2, and shared_error, that of the nearest circulant
    matrix. Arrays (trials,): off_circulant_energies, errors.
    """

    size: int = parameter(16, "entries n of a vector", minimum=2, maximum=64)
    samples: int = parameter(64, "pairs m of an input and its answer", minimum=1, maximum=4096)
    noise_sd: float = parameter(
        1.0, "standard deviation of the noise on every entry of an answer", minimum=0.0, maximum=1e3
    )
    trials: int = parameter(400, "independent samples that are fitted", minimum=2, maximum=1_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield an infinite risk and too much work."""
        if abs(self.samples - self.size) < 2:
            detail = f"has no finite risk next to size = {self.size}: use {self.size + 5} or more"
            yield Problem(path=("samples",), code="range", detail=detail)
        most = LARGEST_WORK // (2 * self.samples * self.size * min(self.samples, self.size) + self.size**3)
        if self.trials > most:
            detail = f"must be at most {most} for {self.samples} samples of {self.size} entries"
            yield Problem(path=("trials",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the energy, its interval, its prediction and the two errors."""
        energy = "off_circulant_energy"
        return (*with_interval(energy), f"predicted_{energy}", "error", "shared_error")

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Fit the trials in blocks; the kernel is drawn once for all."""
        import numpy as np

        from workers.engine.circulants import nearest_circulant
        from workers.engine.philox import Purpose, Stream
        from workers.engine.replicates import mean_metrics

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        truth = self._truth(stream)
        energies, errors, shared = np.empty((3, self.trials))
        block = block_of(2 * self.samples * self.size)
        for start in range(0, self.trials, block):
            stop = min(start + block, self.trials)
            found = self._fits(stream, truth, step=start // block, count=stop - start)
            circulant = nearest_circulant(found)
            for values, matrices in (
                (energies, found - circulant),
                (errors, found - truth),
                (shared, circulant - truth),
            ):
                values[start:stop] = np.square(matrices).sum(axis=(1, 2))
            progress(stop, self.trials)
        metrics = mean_metrics("off_circulant_energy", energies) | {
            "predicted_off_circulant_energy": self.predicted_energy(truth),
            "error": float(errors.mean()),
            "shared_error": float(shared.mean()),
        }
        return Reading(metrics=metrics, arrays={"off_circulant_energies": energies, "errors": errors})

    def predicted_energy(self, truth: "Floats") -> float:
        """Return the expected energy of a fit of the circulant matrix `truth`.

        For m < n the fit is C P plus noise with a random projection P. The nearest circulant matrix of C P is C times
        that of P, whose eigenvalues are f^* P f for the Fourier vectors f, with second moments E[p**2] for a real f
        and (E[p**2] + E[p q]) / 2 for a complex one.
        """
        import numpy as np

        from workers.engine.least_squares import noise_variance, projection_moments

        noise = self.noise_sd**2 * (self.size**2 - self.size) * noise_variance(self.samples, self.size)
        if self.samples > self.size:
            return noise
        square, mixed = projection_moments(self.samples, self.size)
        power = np.abs(np.fft.fft(truth[:, 0])) ** 2
        real = 2 * np.arange(self.size) % self.size == 0
        kept = np.where(real, square, (square + mixed) / 2)
        return noise + float(np.sum(power * (self.samples / self.size - kept)))

    def _truth(self, stream: "Stream") -> "Floats":
        """Return the circulant matrix (n, n) of a random kernel."""
        import numpy as np

        kernel = stream.child("kernel").normals(self.size)
        return np.stack([np.roll(kernel, lag) for lag in range(self.size)], axis=1) / np.linalg.norm(kernel)

    def _fits(self, stream: "Stream", truth: "Floats", *, step: int, count: int) -> "Floats":
        """Return the fitted matrices (count, n, n) of one block of trials."""
        import numpy as np

        from workers.engine.least_squares import least_squares

        shape = (count, self.samples, self.size)
        inputs = stream.child("inputs").normals(shape, step)
        noise = self.noise_sd * stream.child("noise").normals(shape, step)
        return np.swapaxes(least_squares(inputs, inputs @ truth.T + noise), 1, 2)
