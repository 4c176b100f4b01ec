"""The loop back end: one torch module at a time, by autograd; for every network that is no dense stack."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from workers.catalogue.kinds import Loss, Optimizer
from workers.engine.layout import Layout
from workers.engine.program import StepProgram

if TYPE_CHECKING:
    from workers.catalogue.values import State


class ModuleProgram(StepProgram):
    """Train one module, its parameters and gradients gathered in two flat rows."""

    stacked = False
    slots = 1

    def __init__(self, module: nn.Module, loss: Loss, optimizer: Optimizer) -> None:
        self.module, self.loss, self.optimizer = module, loss, optimizer
        trained = {name: each for name, each in module.named_parameters() if each.requires_grad}
        self.layout = Layout(shapes={name: tuple(each.shape) for name, each in trained.items()})
        some = next(iter(trained.values()))
        rows = [some.detach().new_zeros(1, self.layout.length) for _ in range(2 + len(optimizer.buffers))]
        self.gradients, self.memory = rows[0], tuple(rows[1:])
        values, gradients = self.layout.views(self.memory[0]), self.layout.views(self.gradients)
        for name, parameter in trained.items():
            parameter.data, parameter.grad = values[name][0], gradients[name][0]

    def load(self, slot: int, state: "State") -> None:
        """Start from a state dictionary."""
        load_state(self.module, state)

    def step(
        self, inputs: Tensor, targets: Tensor, coefficients: Sequence[Tensor], losses: Tensor | None = None
    ) -> None:
        """Take one step: inputs (1, n, d), targets (1, n, m), each coefficient (1, 1)."""
        self.gradients.zero_()
        value = self.loss.value(self.module(inputs[0]), targets[0])
        value.backward()  # type: ignore[no-untyped-call]
        if losses is not None:
            losses.copy_(value.detach())
        with torch.no_grad():
            self.optimizer.update(self.memory[0], self.gradients, self.memory[1:], coefficients)

    def outputs(self, slot: int, inputs: Tensor) -> Tensor:
        """Map (n, d) to (n, m)."""
        self.module.eval()
        with torch.no_grad():
            found: Tensor = self.module(inputs)
        self.module.train()
        return found

    def state(self, slot: int) -> "State":
        """Return a copy of parameters and buffers."""
        return {name: np.array(each.cpu().numpy()) for name, each in self.module.state_dict().items()}


def load_state(module: nn.Module, state: "State") -> None:
    """Copy arrays into a module by their names; raise RuntimeError where names or shapes differ."""
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
