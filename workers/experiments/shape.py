"""Which experiments may share a population; no torch, no data."""

import hashlib
import json
from typing import Any, Literal

from workers.catalogue.kinds import Estimator, Network, Optimizer
from workers.catalogue.trainings.gradient import Gradient
from workers.catalogue.values import DenseStack
from workers.experiments.backends import Device, TrainingBackend, chunk_slots
from workers.experiments.codec import encode_component
from workers.experiments.spec import Approximation, ExperimentSpec, Simulated

Backend = TrainingBackend | Literal["fit", "measure", "simulation", "none"]
COMPILED, STACKED = "compiled-", ("written-", "vmap-")  # how the keys of these back ends begin


def dense_stack(spec: ExperimentSpec) -> DenseStack | None:
    """Return the layers of the spec's network when it is a plain stack, else None."""
    if isinstance(spec, Approximation) and isinstance(spec.architecture, Network):
        return spec.architecture.stack(spec.sizes.inputs, spec.sizes.outputs)
    return None


def backend_of(spec: ExperimentSpec) -> Backend:
    """Return the back end that runs the spec: a function of the spec alone, never of load."""
    if isinstance(spec, Simulated):
        return "simulation"
    if not isinstance(spec, Approximation):
        return "none"
    if isinstance(spec.architecture, Estimator):
        return "fit"
    if not isinstance(spec.training, Gradient):
        return "measure"
    return spec.backends[0] if spec.backend == "auto" else spec.backend


def device_of(spec: ExperimentSpec) -> Device:
    """Return the class of device that runs the spec; `auto` is the CPU, on every machine alike."""
    return spec.device_class if isinstance(spec, Approximation) else "cpu"


def most_slots(spec: Approximation) -> int:
    """Return C, the slots of a chunk of many members, of a back end whose slots step together."""
    sizes, training, network = spec.sizes, spec.training, spec.architecture
    assert isinstance(training, Gradient) and isinstance(network, Network)
    numbers = network.numbers_per_sample(sizes.inputs, sizes.outputs)
    return chunk_slots(numbers, training.batch_size or sizes.train, spec.bytes_per_number, device_of(spec))


def queue_of(spec: ExperimentSpec) -> Literal["cpu", "gpu"]:
    """Return the queue of the workers that have the spec's device."""
    return "gpu" if device_of(spec) == "cuda" else "cpu"


def shape_key(spec: ExperimentSpec) -> str:
    """Return a digest that is equal for experiments that one tensor program can train together."""
    backend, shape = backend_of(spec), {}
    if backend in ("compiled", "written", "vmap"):
        assert isinstance(spec, Approximation) and isinstance(spec.training, Gradient)
        shape = _stacked_shape(spec, spec.training)
    text = json.dumps([backend, device_of(spec), shape], sort_keys=True)
    return f"{backend}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def is_stacked(shape_key: str) -> bool:
    """Say whether members of this shape step together, so that few cost as much as many."""
    return shape_key.startswith(STACKED)


def needs_compiler(shape_key: str) -> bool:
    """Say whether experiments of this shape are left to workers that can compile."""
    return shape_key.startswith(COMPILED)


def _stacked_shape(spec: Approximation, training: Gradient) -> dict[str, Any]:
    full_batch = training.batch_size is None
    return {
        "network": _structure_of_network(spec),
        "dtype": spec.dtype,
        "loss": encode_component(spec.loss),
        "optimizer": structure_of(training.optimizer),
        "batch_size": spec.sizes.train if full_batch else training.batch_size,
        "full_batch": full_batch,
        "evaluation": [spec.sizes.validation, spec.sizes.test],
    }


def _structure_of_network(spec: Approximation) -> Any:
    """Return the network without what only decides its initial weights."""
    stack, network = dense_stack(spec), spec.architecture
    if stack is not None:
        return [stack.sizes, stack.activation, stack.bias, stack.residual]
    assert isinstance(network, Network)
    fields = {name: value for name, value in encode_component(network).items() if name not in network.initial}
    return [fields, spec.sizes.inputs, spec.sizes.outputs]


def structure_of(optimizer: Optimizer) -> dict[str, Any]:
    """Return the optimizer without the numbers that may differ inside a population."""
    return {name: value for name, value in encode_component(optimizer).items() if name not in optimizer.numeric}
