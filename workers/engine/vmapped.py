"""The vmap back end: any torch module for all slots at once, by torch.func."""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from workers.catalogue.kinds import Loss, Optimizer
from workers.engine.layout import Layout
from workers.engine.program import StepProgram

if TYPE_CHECKING:
    from workers.catalogue.values import State

ROW_BOUNDARY = 16  # 64 bytes of float32: a cache line, and the longest vector in use
FALLBACK = "There is a performance drop because we have not yet implemented the batching rule"


class VmapProgram(StepProgram):
    """Train `slots` copies of a module, whose parameters and buffers are slices of padded rows.

    `slots` must be at least 2: a batch of one takes another path through the library. An operation without a
    batching rule raises RuntimeError: it would run slot by slot, and slower than the loop.
    """

    stacked = True

    def __init__(self, module: nn.Module, loss: Loss, optimizer: Optimizer, *, slots: int) -> None:
        self.module, self.loss, self.optimizer, self.slots = module, loss, optimizer, slots
        shapes = {name: tuple(each.shape) for name, each in module.state_dict().items()}
        trained = {name for name, each in module.named_parameters() if each.requires_grad}
        self.layout = Layout(shapes={name: shape for name, shape in shapes.items() if name in trained})
        self._fixed = Layout(shapes={name: shape for name, shape in shapes.items() if name not in trained})
        some = next(module.parameters()).detach()
        rows = [some.new_zeros(slots, self.layout.length) for _ in range(2 + len(optimizer.buffers))]
        self.gradients = rows.pop()
        self.memory = (*rows, some.new_zeros(slots, self._fixed.length))
        self._parameters, self._gradients = self.layout.views(self.memory[0]), self.layout.views(self.gradients)
        self._buffers = self._fixed.views(self.memory[-1])
        self._differentiate = vmap(grad_and_value(self._loss_of))

    def context(self) -> AbstractContextManager[object]:
        """Return the mode without autograd of its own: torch.func brings what it needs."""
        return torch.no_grad()

    def load(self, slot: int, state: "State") -> None:
        """Start a slot from a state dictionary."""
        self.layout.pack(state, self.memory[0][slot])
        self._fixed.pack(state, self.memory[-1][slot])

    def step(
        self, inputs: Tensor, targets: Tensor, coefficients: Sequence[Tensor], losses: Tensor | None = None
    ) -> None:
        """Take one step: inputs (slots, n, d), targets (slots, n, m), each coefficient (slots, 1)."""
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=FALLBACK)
            found, values = self._differentiate(self._parameters, self._buffers, _filled_up(inputs), targets)
        if losses is not None:
            losses.copy_(values)
        for name, view in self._gradients.items():
            view.copy_(found[name])
        self.optimizer.update(self.memory[0], self.gradients, self.memory[1:-1], coefficients)

    # The outputs of the rows that fill up have no part in the loss, and so none in any gradient.
    def _loss_of(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor, targets: Tensor
    ) -> Tensor:
        return self.loss.value(self._outputs_of(parameters, buffers, inputs)[: len(targets)], targets)

    def _outputs_of(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Tensor:
        found: Tensor = functional_call(self.module, (parameters, buffers), (inputs,))
        return found

    def outputs(self, slot: int, inputs: Tensor) -> Tensor:
        """Map (n, d) to (n, m) by the present weights of a slot, alone."""
        parameters = {name: view[slot] for name, view in self._parameters.items()}
        buffers = {name: view[slot] for name, view in self._buffers.items()}
        return self._outputs_of(parameters, buffers, inputs)

    def state(self, slot: int) -> "State":
        """Return a copy of the parameters and buffers of a slot."""
        found = self.layout.unpack(self.memory[0][slot]) | self._fixed.unpack(self.memory[-1][slot])
        return {name: found[name] for name in self.module.state_dict()}


def _filled_up(inputs: Tensor) -> Tensor:
    """Return inputs (slots, n, d) with n filled up by the rows that the feed keeps behind them.

    So whatever a module computes sample by sample has its slices on boundaries too, where there is no other
    way to put them there.
    """
    rows = -(-inputs.shape[1] // ROW_BOUNDARY) * ROW_BOUNDARY
    return inputs.as_strided((len(inputs), rows, inputs.shape[2]), inputs.stride())
