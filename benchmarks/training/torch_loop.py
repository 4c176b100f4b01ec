"""What a user of torch writes: one module after the other, each with its own Adam."""

from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

from benchmarks.training.shapes import LEARNING_RATE, flat

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}
torch.set_num_threads(1)


def network(shape):
    """Return one multilayer perceptron."""
    layers = []
    for fan_in, fan_out in pairwise(shape.sizes):
        layers += [nn.Linear(fan_in, fan_out), ACTIVATIONS[shape.activation]()]
    return nn.Sequential(*layers[:-1])


def networks(problem):
    """Return the K modules with the weights of the problem."""
    found = [network(problem.shape) for _ in range(problem.networks)]
    for index, module in enumerate(found):
        for layer, (weight, bias) in zip(module[::2], problem.layers, strict=True):
            layer.weight.data = torch.from_numpy(weight[index].copy())
            layer.bias.data = torch.from_numpy(bias[index].copy())
    return found


class TorchLoop:
    """K modules, trained one by one."""

    draws_itself = False

    def __init__(self, problem, device="cpu"):
        self.device = torch.device(device)
        self.inputs, self.targets = (torch.from_numpy(each).to(device) for each in (problem.inputs, problem.targets))
        self.modules = [module.to(device) for module in networks(problem)]
        adam = partial(torch.optim.Adam, lr=LEARNING_RATE, eps=problem.epsilon)
        self.optimizers = [adam(module.parameters()) for module in self.modules]

    def advance(self, steps, batches):
        """Train every network for so many steps."""
        for index, (module, optimizer) in enumerate(zip(self.modules, self.optimizers, strict=True)):
            x, y = self.inputs[index], self.targets[index]
            orders = None if batches is None else torch.from_numpy(batches[:, index]).to(self.device)
            for step in range(steps):
                inputs, targets = (x, y) if orders is None else (x[orders[step]], y[orders[step]])
                optimizer.zero_grad()
                mse_loss(module(inputs), targets).backward()
                optimizer.step()

    def weights(self):
        """Return the numbers of each network (K, p)."""
        layers = [[layer for layer in module if isinstance(layer, nn.Linear)] for module in self.modules]
        return flat(
            [
                (_stacked([each.weight for each in place]), _stacked([each.bias for each in place]))
                for place in zip(*layers, strict=True)
            ]
        )


def _stacked(tensors):
    return np.stack([tensor.detach().cpu().numpy() for tensor in tensors])
