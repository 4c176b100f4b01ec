"""Activation functions: for autograd, and in place with their derivatives for the written back end."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

aten = torch.ops.aten


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An elementwise function in two forms that agree up to rounding.

    `function` is differentiable. `apply(z, out)` fills `out`, which may be z itself where `from_output`.
    `backward(delta, z, out)` multiplies delta by the derivative, in place; where `from_output` it reads
    only `out`, so z need not be kept. Each element's bits depend on that element alone.
    """

    function: Callable[[Tensor], Tensor]
    apply: Callable[[Tensor, Tensor], object]
    backward: Callable[[Tensor, Tensor, Tensor], object]
    from_output: bool = False


def _tanh(z: Tensor, out: Tensor) -> None:
    if z.device.type == "cpu":
        # Measured on 131,072 float32 numbers: numpy 0.4 ns each (1.4 units in the last place), torch 2.6 ns.
        np.tanh(z.numpy(), out=out.numpy())
    else:
        torch.tanh(z, out=out)


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(
        function=lambda z: z,
        apply=lambda z, out: out if out is z else out.copy_(z),
        backward=lambda delta, z, out: delta,
        from_output=True,
    ),
    "relu": Activation(
        function=functional.relu,
        apply=lambda z, out: torch.clamp_min(z, 0, out=out),
        backward=lambda delta, z, out: aten.threshold_backward.grad_input(delta, out, 0, grad_input=delta),
        from_output=True,
    ),
    "tanh": Activation(
        function=torch.tanh,
        apply=_tanh,
        backward=lambda delta, z, out: aten.tanh_backward.grad_input(delta, out, grad_input=delta),
        from_output=True,
    ),
    "sigmoid": Activation(
        function=torch.sigmoid,
        apply=lambda z, out: torch.sigmoid(z, out=out),
        backward=lambda delta, z, out: aten.sigmoid_backward.grad_input(delta, out, grad_input=delta),
        from_output=True,
    ),
    "exp": Activation(
        function=torch.exp,
        apply=lambda z, out: torch.exp(z, out=out),
        backward=lambda delta, z, out: delta.mul_(out),
        from_output=True,
    ),
    "gelu": Activation(
        function=functional.gelu,
        apply=lambda z, out: aten.gelu.out(z, out=out),
        backward=lambda delta, z, out: aten.gelu_backward.grad_input(delta, z, grad_input=delta),
    ),
    "softplus": Activation(
        function=functional.softplus,
        apply=lambda z, out: aten.softplus.out(z, out=out),
        backward=lambda delta, z, out: aten.softplus_backward.grad_input(delta, z, 1, 20, grad_input=delta),
    ),
    "silu": Activation(
        function=functional.silu,
        apply=lambda z, out: aten.silu.out(z, out=out),
        backward=lambda delta, z, out: aten.silu_backward.grad_input(delta, z, grad_input=delta),
    ),
    "sine": Activation(
        function=torch.sin,
        apply=lambda z, out: torch.sin(z, out=out),
        backward=lambda delta, z, out: delta.mul_(torch.cos(z)),
    ),
    "square": Activation(
        function=torch.square,
        apply=lambda z, out: torch.square(z, out=out),
        backward=lambda delta, z, out: delta.mul_(z).mul_(2),
    ),
}
