"""Back ends of gradient training: which code trains a network, a function of its spec alone, never of load."""

from typing import Literal

from workers.catalogue.kinds import Loss, Network, Optimizer
from workers.catalogue.trainings.gradient import Gradient
from workers.catalogue.values import DataSizes, DenseStack

Device = Literal["cpu", "cuda"]
TrainingBackend = Literal["compiled", "written", "vmap", "loop"]

# What the kernel of the compiled back end knows, in the order in which its sources number them.
KERNEL_ACTIVATIONS = ("identity", "relu", "square", "tanh", "sigmoid", "silu", "softplus", "exp")
KERNEL_OPTIMIZERS = ("sgd", "sgd-nesterov", "adam", "adamw")
KERNEL_LOSSES = ("mse", "cross-entropy")

# Below it a training of the written back end takes less time than what surrounds it (docs/performance.md),
# and needs no compiler.
COMPILED_STEPS = 200


CHUNK_BYTES = {"cpu": 2**20, "cuda": 2**31}  # activations of one chunk: a core's share of the cache, or of memory
LARGEST_CHUNK = {"cpu": 32, "cuda": 64}
# Numbers of a gradient that vmap writes side by side with those of companions: a multiple of it ends on a boundary
# of 64 bytes. Measured: gradients of 17 or 50 numbers change their last bit with the place, these do not.
WHOLE_MATRIX = 16
LEAST_GAIN = 8  # slots; by vmap fewer networks take more time than by the loop, one by one


def choices(
    network: Network,
    sizes: DataSizes,
    training: Gradient,
    loss: Loss,
    *,
    device: Device,
    bytes_per_number: int,
) -> tuple[TrainingBackend, ...]:
    """Return the back ends that can train the network, the one that `auto` takes first."""
    stack = network.stack(sizes.inputs, sizes.outputs)
    if stack is None:
        matrices = network.vmap_matrices(sizes.inputs, sizes.outputs)
        if device != "cpu" or matrices is None or any(size % WHOLE_MATRIX for size in matrices):
            return ("loop",)
        numbers = network.numbers_per_sample(sizes.inputs, sizes.outputs)
        slots = chunk_slots(numbers, training.batch_size or sizes.train, bytes_per_number, device)
        return ("vmap", "loop") if slots >= LEAST_GAIN else ("loop", "vmap")
    if device == "cuda" or not _kernel_knows(stack, training.optimizer, loss):
        return ("written", "loop")
    return ("compiled", "written", "loop") if training.steps >= COMPILED_STEPS else ("written", "compiled", "loop")


def chunk_slots(numbers_per_sample: int, rows: int, bytes_per_number: int, device: Device) -> int:
    """Return C, the fixed number of slots of a chunk of many members: a power of two, at least 2.

    Sized so that activations and deltas of all members stay near CHUNK_BYTES: measured on a CPU, a chunk
    that leaves the cache is up to twice slower than the plain loop.
    """
    member = 2 * rows * numbers_per_sample * bytes_per_number
    slots = LARGEST_CHUNK[device]
    while slots > 2 and slots * member > CHUNK_BYTES[device]:
        slots //= 2
    return slots


def kernel_optimizer(optimizer: Optimizer) -> str:
    """Return the name of the kernel's update rule for an optimizer."""
    return f"{optimizer.kind}-nesterov" if getattr(optimizer, "nesterov", False) else optimizer.kind


def _kernel_knows(stack: DenseStack, optimizer: Optimizer, loss: Loss) -> bool:
    return (
        stack.activation in KERNEL_ACTIVATIONS
        and kernel_optimizer(optimizer) in KERNEL_OPTIMIZERS
        and loss.kind in KERNEL_LOSSES
    )
