"""The curvature of the training loss."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.catalogue.kinds import Architecture, Network, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats
    from workers.engine.lanczos import Extremes
    from workers.engine.spectral_density import SpectralDensity

TOLERANCE = 1e-6  # of the largest |eigenvalue|: residuals below it end the search
LARGEST_BASIS = 2**27  # numbers: 1 GB
LARGEST_WORK = 2**38  # samples times parameters times products: some minutes on one core
GRID_POINTS = 401  # of the drawn density


@probes.register(
    "hessian-spectrum",
    source="Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159; Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147",
)
@dataclass(frozen=True, kw_only=True)
class HessianSpectrum(Probe):
    """Eigenvalues of the Hessian of the training loss, in float64, without a penalty such as weight decay.

    Metrics: sharpness and smallest_eigenvalue, by block Lanczos with full reorthogonalisation;
    eigenvalue_residual, the larger of their residual norms, within which of each lies an eigenvalue; hessian_trace
    after Hutchinson with hessian_trace_standard_error; negative_curvature_share, the sum of |negative
    eigenvalues| over that of all, by stochastic Lanczos quadrature; gradient_norm. All are NaN for weights or a
    curvature that are not finite. Arrays: largest and smallest (k,), from the outside in, with
    largest_residuals and smallest_residuals; nodes and node_weights (vectors, steps) of the quadrature, the weights
    of a vector summing to 1; density_eigenvalues and density (401,), nodes broadened to Gaussians of 1 % of the
    spectrum's width, of integral 1.
    """

    eigenvalues: int = parameter(4, "eigenvalues at each end of the spectrum", minimum=1, maximum=64)
    products: int = parameter(
        240, "Hessian-vector products spent on these eigenvalues, at most", minimum=2, maximum=10_000
    )
    vectors: int = parameter(8, "random vectors behind trace and density", minimum=2, maximum=256)
    vector_steps: int = parameter(30, "Lanczos steps from each random vector", minimum=2, maximum=500)
    samples: int | None = parameter(None, "training samples, drawn at random; null: all", minimum=1, maximum=10_000_000)

    def problems(self) -> Iterable[Problem]:
        """Yield too few products to tell both ends apart."""
        if self.products < 2 * self.eigenvalues:
            detail = f"must be at least {2 * self.eigenvalues}, two for each of the eigenvalues; got {self.products}"
            yield Problem(path=("products",), code="range", detail=detail)

    def metric_names(self) -> tuple[str, ...]:
        """Return curvatures, their errors and the norm of the gradient."""
        return self.named(
            "sharpness",
            "smallest_eigenvalue",
            "eigenvalue_residual",
            "hessian_trace",
            "hessian_trace_standard_error",
            "negative_curvature_share",
            "gradient_norm",
        )

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield models without gradients and what would take too long or too much memory."""
        if not isinstance(architecture, Network):
            yield Problem(detail="needs a network: an estimator has no weights to differentiate by")
            return
        parameters = architecture.parameter_count(sizes.inputs, sizes.outputs)
        if parameters * max(self.products, self.vector_steps) > LARGEST_BASIS:
            most = LARGEST_BASIS // parameters
            detail = (
                f"a basis for {parameters} parameters takes more than 1 GB: at most {most} products or vector_steps"
            )
            yield Problem(path=("products",), code="range", detail=detail)
        samples = min(self.samples or sizes.train, sizes.train)
        products = min(self.products, parameters) + self.vectors * min(self.vector_steps, parameters)
        numbers = architecture.multiplications_per_sample(sizes.inputs, sizes.outputs) * products
        if samples * numbers > LARGEST_WORK:
            most = LARGEST_WORK // numbers
            detail = f"{products} products on {samples} samples take too long: at most {most} samples, or fewer vectors"
            yield Problem(path=("samples",), code="range", detail=detail)

    def measure(self, subject: Subject) -> Reading:
        """Multiply the Hessian with vectors."""
        import numpy as np

        from workers.engine.curvature import curvature_of
        from workers.engine.lanczos import extreme_eigenvalues
        from workers.engine.philox import Purpose, Stream
        from workers.engine.spectral_density import spectral_density

        stream = Stream(seed=subject.seed, purpose=Purpose.PROBE).child("hessian-spectrum")
        loss = curvature_of(subject, stream, self.samples)
        try:
            ends = extreme_eigenvalues(loss.product, loss.size, self.eigenvalues, self.products, TOLERANCE, stream)
            density = spectral_density(loss.product, ends, self.vectors, self.vector_steps, stream)
        except FloatingPointError:  # a diverged model
            return Reading(metrics=dict.fromkeys(self.metric_names(), math.nan))
        values = (
            float(ends.largest[0]),
            float(ends.smallest[0]),
            float(max(ends.largest_residuals[0], ends.smallest_residuals[0])),
            *density.trace(),
            density.negative_share(),
            float(np.linalg.norm(loss.gradient())),
        )
        return Reading(metrics=dict(zip(self.metric_names(), values, strict=True)), arrays=_arrays(ends, density))


def _arrays(ends: "Extremes", density: "SpectralDensity") -> dict[str, "Floats"]:
    eigenvalues, drawn = density.drawn(GRID_POINTS)
    return {
        "largest": ends.largest,
        "largest_residuals": ends.largest_residuals,
        "smallest": ends.smallest,
        "smallest_residuals": ends.smallest_residuals,
        "nodes": density.nodes,
        "node_weights": density.weights,
        "density_eigenvalues": eigenvalues,
        "density": drawn,
    }
