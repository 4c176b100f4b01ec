"""Samples of a target."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.domains import LARGEST_COORDINATE, Interval, interval_problems, spread
from workers.catalogue.kinds import Dataset, Target, datasets
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.scalings import fitted, identity
from workers.catalogue.values import DataSizes, Samples, Split, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.catalogue.values import Floats
    from workers.engine.philox import Stream

LARGEST_SIZE = 10_000_000


@datasets.register(
    "sampled", source="whydeep: uniform draws, full grids, or Sobol 1967, doi:10.1016/0041-5553(67)90144-9"
)
@dataclass(frozen=True, kw_only=True)
class Sampled(Dataset):
    """Inputs drawn from the target's domain, outputs computed from the target.

    The design places the training inputs: `uniform` independently at random, `grid` on a full grid that
    includes the corners, `sobol` on a low-discrepancy sequence with a random shift. Validation and test
    inputs are always uniform, from streams of their own, so no other field moves them. Noise falls on the
    training outputs alone: validation and test compare with the target itself.
    """

    needs_target = True
    task = Task.REGRESSION

    train_size: int = parameter(1024, "training samples", minimum=1, maximum=LARGEST_SIZE)
    validation_size: int = parameter(256, "validation samples", minimum=0, maximum=LARGEST_SIZE)
    test_size: int = parameter(4096, "test samples", minimum=1, maximum=LARGEST_SIZE)
    design: Literal["uniform", "grid", "sobol"] = parameter("uniform", "where the training inputs lie")
    noise_sd: float = parameter(
        0.0, "standard deviation of the normal noise on training outputs, in target units", minimum=0.0, maximum=1e6
    )
    test_domain: tuple[tuple[float, float], ...] | None = parameter(
        None,
        "[low, high] of each input of the test samples; null: the target's domain",
        min_items=1,
        max_items=64,
        minimum=-LARGEST_COORDINATE,
        maximum=LARGEST_COORDINATE,
    )
    standardise: bool = parameter(
        False, "scale inputs and outputs to mean 0 and standard deviation 1 on the training set"
    )

    def problems(self) -> Iterable[Problem]:
        """Yield empty intervals of the test domain."""
        return interval_problems(enumerate(self.test_domain or ()), "test_domain")

    def misfits(self, target: Target | None) -> Iterator[Problem]:
        """Yield a test domain of another dimension and a training size that is no full grid."""
        if target is None:
            return
        inputs = len(target.box)
        if self.test_domain is not None and len(self.test_domain) != inputs:
            detail = f"must have {inputs} intervals, one per input of the target; got {len(self.test_domain)}"
            yield Problem(path=("test_domain",), code="length", detail=detail)
        if self.design == "grid" and _per_axis(self.train_size, inputs) ** inputs != self.train_size:
            below = _per_axis(self.train_size, inputs)
            detail = (
                f"a full grid over {inputs} inputs has k**{inputs} points: "
                f"use {below**inputs} or {(below + 1) ** inputs}"
            )
            yield Problem(path=("train_size",), code="range", detail=detail)

    def sizes(self, target: Target | None) -> DataSizes:
        """Return the sizes asked for and the target's numbers of inputs and outputs."""
        assert target is not None, "the spec refuses a sampled data set without a target"
        return DataSizes(
            inputs=len(target.box),
            outputs=target.outputs,
            train=self.train_size,
            validation=self.validation_size,
            test=self.test_size,
        )

    def split(self, target: Target | None, seed: int) -> Split:
        """Draw the samples; raise InvalidError when the target is not finite at one of them."""
        from workers.engine.philox import Purpose, Stream

        assert target is not None, "the spec refuses a sampled data set without a target"
        function, box = target.function(seed), tuple(target.box.values())

        def uniform(purpose: Purpose, count: int, domain: tuple[Interval, ...]) -> Samples:
            points = Stream(seed=seed, purpose=purpose).uniforms((count, len(domain)))
            return _evaluated(function, spread(points, domain), target)

        design = self._design(Stream(seed=seed, purpose=Purpose.DATA_INPUTS), len(box))
        clean = _evaluated(function, spread(design, box), target)
        noise = Stream(seed=seed, purpose=Purpose.DATA_NOISE).normals(clean.outputs.shape)
        train = Samples(inputs=clean.inputs, outputs=clean.outputs + self.noise_sd * noise)
        return Split(
            train=train,
            validation=uniform(Purpose.VALIDATION_INPUTS, self.validation_size, box),
            test=uniform(Purpose.TEST_INPUTS, self.test_size, self.test_domain or box),
            task=self.task,
            scaling=fitted(train) if self.standardise else identity(len(box), target.outputs),
        )

    def _design(self, stream: "Stream", inputs: int) -> "Floats":
        """Return the training points (n, d) in the unit cube."""
        import numpy as np

        if self.design == "uniform":
            return stream.uniforms((self.train_size, inputs))
        if self.design == "grid":
            steps = _per_axis(self.train_size, inputs)
            axis = np.linspace(0.0, 1.0, steps) if steps > 1 else np.array([0.5])
            return np.stack(np.meshgrid(*[axis] * inputs, indexing="ij"), axis=-1).reshape(-1, inputs)
        from scipy.stats import qmc

        # Cranley and Patterson's shift, from our own stream: scipy's scrambling may change between releases.
        sequence: Floats = qmc.Sobol(inputs, scramble=False).random_base2((self.train_size - 1).bit_length())
        return np.asarray(np.mod(sequence[: self.train_size] + stream.uniforms(inputs), 1.0))


def _per_axis(count: int, inputs: int) -> int:
    """Return the largest k with k**inputs <= count."""
    k: int = round(count ** (1.0 / inputs))
    return k if k**inputs <= count else k - 1


def _evaluated(function: "Callable[[Floats], Floats]", inputs: "Floats", target: Target) -> Samples:
    import numpy as np

    outputs = function(inputs)
    bad = ~np.isfinite(outputs).all(axis=1)
    if bad.any():
        where = ", ".join(f"{name} = {value:.6g}" for name, value in zip(target.box, inputs[bad][0], strict=True))
        detail = f"the target {target.kind!r} is not finite at {where}: change the domain or the formula"
        raise InvalidError([Problem(path=("target",), code="not-finite", detail=detail)])
    return Samples(inputs=inputs, outputs=outputs)
