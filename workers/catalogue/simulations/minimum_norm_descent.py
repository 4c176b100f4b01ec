"""Linear regression with more weights than samples: which of the many solutions gradient descent finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.replication import block_of, with_interval
from workers.catalogue.values import Reading

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

LARGEST_WORK = 2**37  # products, trials times samples times weights times steps: some minutes on one core
RISKS = ("minimum_norm_risk", "descent_risk", "shifted_risk", "ridge_risk", "zero_risk")


@simulations.register(
    "minimum-norm-descent",
    source="Gunasekar et al. 2018, arXiv:1802.08246, section 2; Hastie et al. 2022, arXiv:1903.08560, proposition 1",
)
@dataclass(frozen=True, kw_only=True)
class MinimumNormDescent(Simulation):
    """Whether gradient descent from zero finds the solution of least norm, and what other solutions are worth.

    With d weights and n < d samples the weights that fit exactly form an affine space of dimension d - n. Steps of
    gradient descent lie in the span of the inputs, so from zero it ends at the solution of least norm, and from
    another start w0 at that plus the part of w0 orthogonal to the inputs. Both are compared with the pseudo-inverse.
    Inputs are normal with variances from 1 down to 1 / condition, evenly on a log scale; the truth is a random vector
    of length `signal`.

    Metrics, the largest over the trials: descent_distance, between descent from zero and the solution of least norm,
    and projection_distance, from a normal start of length start_length and where it should end, relative to the length
    of the least norm; fit_error, of the training answers relative to theirs, of both and of the shifted solution. Also
    unconverged_share, and solution_dimensions, d minus the rank. Excess risks, means with their 95 % Student intervals
    _low and _high: minimum_norm_risk; descent_risk, from the other start; shifted_risk, of the least norm plus a random
    vector of length `shift` orthogonal to the inputs, another exact fit; ridge_risk, of the penalty `ridge` per sample;
    zero_risk, of predicting nothing. Arrays: each risk (trials,).
    """

    samples: int = parameter(50, "n, training samples", minimum=1, maximum=5000)
    inputs: int = parameter(200, "d, weights: more than samples", minimum=2, maximum=20_000)
    condition: float = parameter(1.0, "largest over smallest variance of an input", minimum=1.0, maximum=1e6)
    signal: float = parameter(1.0, "length of the true weights", exclusive_minimum=0.0, maximum=1e3)
    noise_sd: float = parameter(0.1, "standard deviation of the noise on the answers", minimum=0.0, maximum=1e3)
    start_length: float = parameter(1.0, "length of the other start", minimum=0.0, maximum=1e6)
    shift: float = parameter(1.0, "length of what is added to the least norm", minimum=0.0, maximum=1e6)
    ridge: float = parameter(0.1, "penalty on squared weights, per sample", minimum=0.0, maximum=1e6)
    trials: int = parameter(20, "independent draws", minimum=2, maximum=100_000)
    steps: int = parameter(5000, "most steps of a descent", minimum=1, maximum=1_000_000)
    tolerance: float = parameter(
        1e-12, "of the first gradient, at which a descent has arrived", exclusive_minimum=0.0, maximum=0.1
    )

    def problems(self) -> Iterable[Problem]:
        """Yield a unique solution and too much work."""
        if self.inputs <= self.samples:
            detail = f"must exceed samples = {self.samples}, or the solution is unique: see ridgeless-regression"
            yield Problem(path=("inputs",), code="range", detail=detail)
        work = self.trials * self.samples * self.inputs * self.steps
        if work > LARGEST_WORK:
            detail = f"{work:.1e} products are to be computed, at most {LARGEST_WORK:.1e}: take fewer trials or steps"
            yield Problem(path=("trials",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return the distances, the dimension and the risks."""
        risks = (name for risk in RISKS for name in with_interval(risk))
        distances = ("descent_distance", "projection_distance", "fit_error")
        return (*distances, "unconverged_share", "solution_dimensions", *risks)

    def run(self, seed: int, progress: Callable[[int, int], None]) -> Reading:
        """Draw and descend in blocks; trial i depends on the seed, the sizes and i alone."""
        import numpy as np

        from workers.engine.replicates import mean_metrics

        block = block_of(self.samples * self.inputs)
        rows: list[Floats] = []
        for first in range(0, self.trials, block):
            last = min(first + block, self.trials)
            note = partial(progress, first, self.trials)
            rows.append(self._trials(seed, note, step=first // block, count=last - first))
            progress(last, self.trials)
        table = np.concatenate(rows, axis=1)
        risks = dict(zip(RISKS, table[5:], strict=True))
        metrics = {
            "descent_distance": float(table[0].max()),
            "projection_distance": float(table[1].max()),
            "fit_error": float(table[2].max()),
            "unconverged_share": 1 - float(table[3].mean()),
            "solution_dimensions": float(table[4].mean()),
        }
        for name, values in risks.items():
            metrics |= mean_metrics(name, values)
        return Reading(metrics=metrics, arrays=risks)

    def _trials(self, seed: int, note: Callable[[], None], *, step: int, count: int) -> "Floats":
        """Return distances, fit error, whether it arrived, the dimension, and risks of one block: (10, count)."""
        import numpy as np

        from workers.engine.least_squares import least_squares
        from workers.engine.ridgeless import descend, ridge_weights

        drawn = self._drawn(seed, step, count)
        designs, answers, truth, start, direction, variances = drawn
        least = least_squares(designs, answers[:, :, None])[:, :, 0]
        length = np.linalg.norm(least, axis=1)
        limit = least + _orthogonal(designs, start)
        shift = _orthogonal(designs, direction)
        shifted = least + self.shift * shift / np.linalg.norm(shift, axis=1, keepdims=True)
        from_zero, arrived = descend(
            designs, answers, np.zeros_like(start), steps=self.steps, tolerance=self.tolerance, note=note
        )
        from_start, also = descend(designs, answers, start, steps=self.steps, tolerance=self.tolerance, note=note)
        penalised = ridge_weights(designs, answers, self.ridge * self.samples)
        solutions = (least, from_start, shifted, penalised, np.zeros_like(least))
        return np.stack(
            [
                np.linalg.norm(from_zero - least, axis=1) / length,
                np.linalg.norm(from_start - limit, axis=1) / length,
                np.max([_fit_errors(designs, answers, fit) for fit in (from_zero, from_start, shifted)], axis=0),
                arrived & also,
                self.inputs - np.linalg.matrix_rank(designs),
                *(np.sum(variances * np.square(weights - truth), axis=1) for weights in solutions),
            ]
        )

    def _drawn(self, seed: int, step: int, count: int) -> "tuple[Floats, ...]":
        """Return designs (k, n, d), answers (k, n), truth, start and direction (k, d), and variances (d,)."""
        import numpy as np

        from workers.engine.philox import Purpose, Stream

        stream = Stream(seed=seed, purpose=Purpose.SIMULATION)
        variances = np.geomspace(1.0, 1 / self.condition, self.inputs)

        def normal(name: str, *shape: int) -> "Floats":
            return stream.child(name).normals((count, *shape), step=step)

        def of_length(name: str, length: float) -> "Floats":
            vectors = normal(name, self.inputs)
            return np.asarray(length * vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

        designs = normal("inputs", self.samples, self.inputs) * np.sqrt(variances)
        truth = of_length("truth", self.signal)
        answers = (designs @ truth[:, :, None])[:, :, 0] + self.noise_sd * normal("noise", self.samples)
        return designs, answers, truth, of_length("start", self.start_length), of_length("shift", 1.0), variances


def _orthogonal(designs: "Floats", vectors: "Floats") -> "Floats":
    """Return the part of the vectors (k, d) that is orthogonal to the rows of the designs (k, n, d)."""
    from workers.engine.least_squares import least_squares

    return vectors - least_squares(designs, designs @ vectors[:, :, None])[:, :, 0]


def _fit_errors(designs: "Floats", answers: "Floats", weights: "Floats") -> "Floats":
    """Return the lengths of the training errors relative to those of the answers (k,)."""
    import numpy as np

    errors = (designs @ weights[:, :, None])[:, :, 0] - answers
    return np.asarray(np.linalg.norm(errors, axis=1) / np.linalg.norm(answers, axis=1))
