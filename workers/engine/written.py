"""The written back end: forward and backward of dense stacks by hand, in preallocated buffers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from workers.catalogue.kinds import Loss, Optimizer
from workers.catalogue.values import DenseStack
from workers.engine.activations import ACTIVATIONS
from workers.engine.layers import adds_input, dense_outputs
from workers.engine.layout import BOUNDARY, Layout, Slices, slices
from workers.engine.program import StepProgram

if TYPE_CHECKING:
    from workers.catalogue.values import State


class DenseProgram(StepProgram):
    """Train `slots` dense stacks of one shape on `rows` samples a step each.

    Products are batched matrix products, everything else is elementwise, so no number of one member ever
    meets another's. `slots` must be at least 2: a batch of one takes another path through the library.
    """

    stacked = True

    def __init__(
        self,
        stack: DenseStack,
        loss: Loss,
        optimizer: Optimizer,
        *,
        slots: int,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.stack, self.loss, self.optimizer, self.slots = stack, loss, optimizer, slots
        self.layout = dense_layout(stack)
        self.activation = ACTIVATIONS[stack.activation]
        shape = (slots, self.layout.length)
        self.memory = tuple(torch.zeros(shape, dtype=dtype, device=device) for _ in range(1 + len(optimizer.buffers)))
        self.gradients = torch.zeros(shape, dtype=dtype, device=device)
        self.layers = [
            _Layer(index, stack, self.layout.views(self.memory[0]), self.layout.views(self.gradients), rows)
            for index in range(len(stack.sizes) - 1)
        ]
        self.ones = torch.ones(slots, 1, rows, dtype=dtype, device=device)

    def context(self) -> AbstractContextManager[object]:
        """Return the mode without autograd."""
        return torch.inference_mode()

    def load(self, slot: int, state: "State") -> None:
        """Start a slot from the arrays layers.<i>.weight and layers.<i>.bias."""
        self.layout.pack(state, self.memory[0][slot])

    def step(
        self, inputs: Tensor, targets: Tensor, coefficients: Sequence[Tensor], losses: Tensor | None = None
    ) -> None:
        """Take one step: inputs (slots, rows, d), targets (slots, rows, m), each coefficient (slots, 1)."""
        self.differentiate(inputs, targets, losses)
        self.optimizer.update(self.memory[0], self.gradients, self.memory[1:], coefficients)

    def differentiate(self, inputs: Tensor, targets: Tensor, losses: Tensor | None = None) -> None:
        """Fill `gradients` with those of the loss, and `losses` (slots,) with its values where that is given."""
        hidden = inputs
        for layer in self.layers:
            hidden = self._forward(layer, hidden)
        if losses is not None:
            losses.copy_(self.loss.value(hidden, targets))
        last = self.layers[-1]
        last.delta.view.copy_(self.loss.delta(hidden, targets))
        for index in range(len(self.layers) - 1, -1, -1):
            self._backward(index, self.layers[index - 1].hidden.view if index else inputs)

    def _forward(self, layer: "_Layer", inputs: Tensor) -> Tensor:
        multiply_add(layer.bias, inputs, layer.transposed, layer.before.view)
        if not layer.last:
            self.activation.apply(layer.before.flat, layer.after.flat)
        if layer.residual:
            torch.add(layer.after.view, inputs, out=layer.hidden.view)
        return layer.hidden.view

    def _backward(self, index: int, inputs: Tensor) -> None:
        """Take delta from this layer's output to its weights and to the output of the one before."""
        layer = self.layers[index]
        delta = layer.delta
        if layer.residual and index:
            self.layers[index - 1].delta.flat.copy_(delta.flat)  # what the shortcut passes on
        if not layer.last:
            self.activation.backward(delta.flat, layer.before.flat, layer.after.flat)
        if layer.thin:
            layer.weight_gradient.fill(inputs.transpose(1, 2), delta.view)
        else:
            layer.weight_gradient.fill(delta.view.transpose(1, 2), inputs)
        if layer.bias_gradient is not None:
            layer.bias_gradient.fill(self.ones, delta.view)
        if index:
            before = self.layers[index - 1].delta.view
            if layer.residual:
                torch.baddbmm(before, delta.view, layer.weight, out=before)
            else:
                multiply(delta.view, layer.weight, before)

    def outputs(self, slot: int, inputs: Tensor) -> Tensor:
        """Map (n, d) to (n, m) by the present weights of a slot, alone."""
        weights = [(layer.weight[slot], None if layer.bias is None else layer.bias[slot, 0]) for layer in self.layers]
        return dense_outputs(self.stack, weights, inputs, self._activate)

    def _activate(self, z: Tensor) -> Tensor:
        out = z if self.activation.from_output else torch.empty_like(z)
        self.activation.apply(z, out)
        return out

    def state(self, slot: int) -> "State":
        """Return a copy of the weights of a slot."""
        return self.layout.unpack(self.memory[0][slot])


def dense_layout(stack: DenseStack) -> Layout:
    """Return the layout of the weights and biases of one stack."""
    shapes: dict[str, tuple[int, ...]] = {}
    for index, (fan_in, fan_out) in enumerate(zip(stack.sizes[:-1], stack.sizes[1:], strict=True)):
        shapes[f"layers.{index}.weight"] = (fan_out, fan_in)
        if stack.bias:
            shapes[f"layers.{index}.bias"] = (fan_out,)
    return Layout(shapes=shapes)


def multiply(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Fill out (k, a, c) with left (k, a, b) times right (k, b, c)."""
    if left.shape[2] == 1:
        torch.mul(left, right, out=out)  # 3 to 6 times faster than a product over one term
    else:
        torch.bmm(left, right, out=out)


def multiply_add(addend: Tensor | None, left: Tensor, right: Tensor, out: Tensor) -> None:
    """Fill out (k, a, c) with addend (k, 1, c) plus left (k, a, b) times right (k, b, c)."""
    if addend is None:
        multiply(left, right, out)
    elif left.shape[2] == 1:
        torch.addcmul(addend, left, right, out=out)
    else:
        torch.baddbmm(addend, left, right, out=out)


class _Gradient:
    """Where a product goes: a strided view of the gradients, by way of a compact buffer if that is on boundaries too.

    A batched product into a compact tensor is one call into the library; into a strided one it is a loop.
    """

    def __init__(self, view: Tensor) -> None:
        self.view = view
        aligned = view[0].numel() % BOUNDARY == 0 and not view.is_contiguous()
        self.compact = torch.zeros(view.shape, dtype=view.dtype, device=view.device) if aligned else None

    def fill(self, left: Tensor, right: Tensor) -> None:
        """Store left (k, a, b) times right (k, b, c)."""
        if self.compact is None:
            multiply(left, right, self.view)
        else:
            multiply(left, right, self.compact)
            self.view.copy_(self.compact)


class _Layer:
    """The tensors of one layer for all slots."""

    def __init__(
        self, index: int, stack: DenseStack, weights: dict[str, Tensor], gradients: dict[str, Tensor], rows: int
    ) -> None:
        name, bias = f"layers.{index}.weight", f"layers.{index}.bias"
        self.weight, self.transposed = weights[name], weights[name].transpose(1, 2)  # (k, out, in), (k, in, out)
        self.bias = weights[bias][:, None] if stack.bias else None  # (k, 1, out)
        self.thin = stack.sizes[index] == 1  # one row instead of one column: measured, ten times faster
        self.weight_gradient = _Gradient(gradients[name].flatten(1)[:, None] if self.thin else gradients[name])
        self.bias_gradient = _Gradient(gradients[bias][:, None]) if stack.bias else None
        self.last = index == len(stack.sizes) - 2
        self.residual = not self.last and adds_input(stack, index)
        in_place = self.last or ACTIVATIONS[stack.activation].from_output
        self.before = self._buffer(rows)  # the activation's input
        self.after = self.before if in_place else self._buffer(rows)  # its output
        self.hidden = self._buffer(rows) if self.residual else self.after  # the layer's output
        self.delta = self._buffer(rows)  # derivative of the loss by that

    def _buffer(self, rows: int) -> Slices:
        slots, width = self.weight.shape[:2]
        return slices(slots, (rows, width), self.weight.dtype, self.weight.device)
