"""All networks by torch.func: vmap over grad, stacked parameters, one fused Adam."""

import copy

import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import mse_loss

from benchmarks.training.shapes import LEARNING_RATE, flat
from benchmarks.training.torch_loop import networks

torch.set_num_threads(1)


class TorchVmap:
    """One stack of K networks, as in the tutorial on model ensembling."""

    draws_itself = False

    def __init__(self, problem):
        self.inputs, self.targets = torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets)
        modules = networks(problem)
        self.parameters, _ = stack_module_state(modules)
        self.optimizer = torch.optim.Adam(self.parameters.values(), lr=LEARNING_RATE, eps=problem.epsilon, fused=True)
        skeleton = copy.deepcopy(modules[0]).to("meta")

        def loss(parameters, x, y):
            return mse_loss(functional_call(skeleton, parameters, (x,)), y)

        self.gradients = vmap(grad(loss))
        self.slots = torch.arange(problem.networks)[:, None]

    def advance(self, steps, batches):
        """Train all networks for so many steps."""
        for step in range(steps):
            x, y = self.inputs, self.targets
            if batches is not None:
                order = torch.from_numpy(batches[step])
                x, y = x[self.slots, order], y[self.slots, order]
            values = {name: each.detach() for name, each in self.parameters.items()}
            for name, gradient in self.gradients(values, x, y).items():
                self.parameters[name].grad = gradient
            self.optimizer.step()

    def weights(self):
        """Return the numbers of each network (K, p)."""
        values = [each.detach().numpy() for each in self.parameters.values()]
        return flat(list(zip(values[::2], values[1::2], strict=True)))
