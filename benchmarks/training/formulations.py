"""The formulations that are compared: where each lives, what it needs, how many steps one sample takes."""

import importlib
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from benchmarks.training.shapes import EPSILON, GATE_STEPS, SAMPLES

# One thread for every library; JAX sizes its own pool by NPROC. Set before a worker starts.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NPROC": "1",
    "JAX_PLATFORMS": "cpu",
    # The engine's kernel prefers whole 64-byte registers too; with it JAX is 0 to 10 % faster where there are any.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512",
}


@dataclass(frozen=True, kw_only=True)
class Formulation:
    """A class in a module of the package, made with a problem; `packages` are the distributions it needs.

    `mini` and `full` are the steps of one sample.
    """

    module: str
    name: str
    packages: tuple[str, ...]
    mini: int = 512
    full: int = 16
    whole_epochs: bool = False
    compiles: bool = False
    gate_epsilon: float = EPSILON
    options: dict = field(default_factory=dict)
    package: str = "benchmarks.training"

    def missing(self):
        """Return the packages that are not installed."""
        return [package for package in self.packages if not _is_installed(package)]

    def load(self):
        """Import the libraries; return what makes the formulation from a problem."""
        return partial(getattr(importlib.import_module(f"{self.package}.{self.module}"), self.name), **self.options)

    def steps(self, shape, scale=1.0):
        """Return the steps of one sample."""
        return self.whole(shape, scale * (self.mini if shape.batch_size else self.full))

    def whole(self, shape, steps):
        """Return a number of steps near the wanted one that the formulation can take."""
        epoch = SAMPLES // shape.rows if self.whole_epochs else 1
        return epoch * max(1, round(steps / epoch))

    def gate_steps(self, shape):
        """Return the steps after which weights are compared: where only whole epochs can be fed, the first."""
        return min(GATE_STEPS, SAMPLES // shape.rows) if self.whole_epochs and shape.batch_size else GATE_STEPS


# `mini` of the engine is a multiple of the 256 steps for which it draws minibatches ahead.
FORMULATIONS = {
    "ours-compiled": Formulation(
        module="ours", name="Ours", packages=("torch",), compiles=True, options={"backend": "compiled"}
    ),
    "ours-compiled-recording": Formulation(
        module="ours",
        name="Ours",
        packages=("torch",),
        compiles=True,
        options={"backend": "compiled", "recording": True},
    ),
    "ours-written": Formulation(module="ours", name="Ours", packages=("torch",), options={"backend": "written"}),
    "torch-loop": Formulation(module="torch_loop", name="TorchLoop", packages=("torch",), mini=32, full=8),
    "torch-vmap": Formulation(module="torch_vmap", name="TorchVmap", packages=("torch",), mini=128),
    "jax": Formulation(module="jax_scan", name="JaxScan", packages=("jax", "optax"), compiles=True),
    "sklearn": Formulation(
        module="sklearn_fit",
        name="SklearnFit",
        packages=("scikit-learn",),
        mini=64,
        full=8,
        whole_epochs=True,
        gate_epsilon=1e-30,  # it adds epsilon before the correction for the start: compare without, in effect
    ),
}
REFERENCE = "torch-loop"
PEAK = Formulation(module="peak", name="Peak", packages=("torch",), mini=1, full=1)


def engine(names):
    """Return the formulation that goals for the engine as a whole are judged by: compiled if it is there."""
    return next((name for name in ("ours-compiled", "ours-written") if name in names), None)


def scaled_steps(name, shape, networks, scale):
    """Return the steps of one sample of so many networks: fewer in full batch where there are more networks."""
    formulation = FORMULATIONS[name]
    if shape.batch_size is None:
        scale *= 32 / max(networks, 1)
    return formulation.steps(shape, scale)


def _is_installed(package):
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
