"""Back ends of gradient training: which code trains a network, a function of its spec alone, never of load."""

from typing import Literal

from workers.catalogue.kinds import Loss, Network, Optimizer
from workers.catalogue.trainings.gradient import Gradient
from workers.catalogue.values import DataSizes, DenseStack

TrainingBackend = Literal["compiled", "written", "vmap", "loop"]

# What the kernel of the compiled back end knows, in the order in which its sources number them.
KERNEL_ACTIVATIONS = ("identity", "relu", "square", "tanh", "sigmoid", "silu", "softplus", "exp")
KERNEL_OPTIMIZERS = ("sgd", "sgd-nesterov", "adam", "adamw")
KERNEL_LOSSES = ("mse", "cross-entropy")

# Below it a training of the written back end takes less time than what surrounds it (docs/performance.md),
# and needs no compiler.
COMPILED_STEPS = 200


def choices(
    network: Network, sizes: DataSizes, training: Gradient, loss: Loss, device: Literal["cpu", "cuda"]
) -> tuple[TrainingBackend, ...]:
    """Return the back ends that can train the network, the one that `auto` takes first."""
    stack = network.stack(sizes.inputs, sizes.outputs)
    if stack is None:
        return ("vmap", "loop") if device in network.vmap_devices else ("loop", "vmap")
    if device == "cuda" or not _kernel_knows(stack, training.optimizer, loss):
        return ("written", "loop")
    return ("compiled", "written", "loop") if training.steps >= COMPILED_STEPS else ("written", "compiled", "loop")


def kernel_optimizer(optimizer: Optimizer) -> str:
    """Return the name of the kernel's update rule for an optimizer."""
    return f"{optimizer.kind}-nesterov" if getattr(optimizer, "nesterov", False) else optimizer.kind


def _kernel_knows(stack: DenseStack, optimizer: Optimizer, loss: Loss) -> bool:
    return (
        stack.activation in KERNEL_ACTIVATIONS
        and kernel_optimizer(optimizer) in KERNEL_OPTIMIZERS
        and loss.kind in KERNEL_LOSSES
    )
