"""What an experiment costs, to the order of magnitude; no torch, no data."""

from dataclasses import dataclass

from workers.catalogue.kinds import Architecture
from workers.catalogue.trainings.gradient import Gradient
from workers.experiments.shape import backend_of
from workers.experiments.spec import Approximation, ExperimentSpec

MOST_ROWS = 4096  # samples evaluated at a time
MOST_NUMBERS = 2**24  # of all layers while they are: 128 MB of float64
SECONDS_PER_FLOP = {"compiled": 1 / 1e11}  # one CPU core; other back ends: on small products
OTHER_SECONDS_PER_FLOP = 1 / 5e9
SECONDS_PER_STEP = 2e-4  # dispatch of one step, but for the compiled back end


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an experiment will take, to the order of magnitude."""

    parameters: int
    flops: float
    call_flops: float  # of a step or an evaluation, whichever is more: what cannot be interrupted
    memory_bytes: int
    seconds: float


def rows_at_once(architecture: Architecture, inputs: int, outputs: int) -> int:
    """Return how many samples are evaluated at a time, so that what they take is bounded."""
    return max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, architecture.numbers_per_sample(inputs, outputs))))


def estimate(spec: ExperimentSpec) -> Estimate:
    """Return what the experiment will cost; zero for what is no approximation of its own."""
    if not isinstance(spec, Approximation) or spec.architecture is None:
        return Estimate(parameters=0, flops=0.0, call_flops=0.0, memory_bytes=0, seconds=0.0)
    sizes, training = spec.sizes, spec.training
    parameters = spec.architecture.parameter_count(sizes.inputs, sizes.outputs)
    steps = training.steps if isinstance(training, Gradient) else 0
    rows = (training.batch_size or sizes.train) if isinstance(training, Gradient) else sizes.train
    evaluations = training.evaluations if isinstance(training, Gradient) else 1
    samples = sizes.train + sizes.validation + sizes.test
    one_pass = 2.0 * spec.architecture.multiplications_per_sample(sizes.inputs, sizes.outputs)
    flops = one_pass * (3 * steps * rows + evaluations * samples)
    backend = backend_of(spec)
    seconds = flops * SECONDS_PER_FLOP.get(backend, OTHER_SECONDS_PER_FLOP)
    if backend != "compiled":
        seconds += steps * SECONDS_PER_STEP
    return Estimate(
        parameters=parameters,
        flops=flops,
        call_flops=one_pass * max(3 * rows, samples),
        memory_bytes=_memory(spec, rows, parameters),
        seconds=seconds,
    )


def _memory(spec: Approximation, rows: int, parameters: int) -> int:
    """Return the bytes of weights, activations and data."""
    sizes, width = spec.sizes, spec.bytes_per_number
    assert spec.architecture is not None
    samples = sizes.train + sizes.validation + sizes.test
    numbers = spec.architecture.numbers_per_sample(sizes.inputs, sizes.outputs)
    training = spec.training
    trained = 3 * rows if isinstance(training, Gradient) else 0  # activations, derivatives, one more on the way
    # Weights, gradients and two buffers; copies that are kept, looked at and transposed; stages.
    copies = 7 + training.snapshots if isinstance(training, Gradient) else 4
    evaluated = min(samples, rows_at_once(spec.architecture, sizes.inputs, sizes.outputs))
    # As drawn, in float64; scaled, in the network's precision; and the exact answers once more.
    data = samples * ((8 + width) * (sizes.inputs + sizes.outputs) + 8 * sizes.outputs)
    return width * (copies * parameters + numbers * (trained + evaluated)) + data
