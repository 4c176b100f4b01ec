"""Networks beside independent ones: numpy by the definition, a plain Sequential, finite differences."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from workers.catalogue.kinds import Network
from workers.engine.activations import ACTIVATIONS
from workers.engine.loop import load_state

Floats = npt.NDArray[np.float64]
State = dict[str, Any]
STEP = 1e-5  # of a central difference: curvature leaves about 1e-10, rounding 1e-11
NUMPY: dict[str, Any] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "cosine": np.cos,
    "sine": np.sin,
    "tanh": np.tanh,
}


def module_of(network: Network, inputs: int, outputs: int, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Return the network's module with its initial weights of seed 0."""
    module = network.module(inputs, outputs).to(dtype)
    load_state(module, network.initial_state(inputs, outputs, 0))
    return module


def evaluated(module: nn.Module, x: Floats) -> Floats:
    """Return what a module maps x (n, d) to: (n, m), float64."""
    dtype = next(module.parameters()).dtype
    return np.asarray(module(torch.tensor(x, dtype=dtype)).detach().double().numpy())


def by_definition(state: State, x: Floats, activation: str, factor: float = 1.0) -> Floats:
    """Map x (n, d) to (n, m) by numpy: hidden layers are multiplied by `factor`, the last one is linear."""
    last = max(int(name.split(".")[1]) for name in state)
    for layer in range(last + 1):
        x = x @ state[f"layers.{layer}.weight"].T + state.get(f"layers.{layer}.bias", 0.0)
        x = x if layer == last else factor * NUMPY[activation](x)
    return x


def sequential(network: Network, inputs: int, outputs: int) -> nn.Sequential:
    """Return a plain stack of torch.nn.Linear that loaded the network's initial weights strictly."""
    stack = network.stack(inputs, outputs)
    assert stack is not None

    class Between(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return ACTIVATIONS[stack.activation].function(z)

    modules: list[nn.Module] = []
    for fan_in, fan_out in zip(stack.sizes[:-1], stack.sizes[1:], strict=True):
        modules += [nn.Linear(fan_in, fan_out, bias=stack.bias), Between()]
    plain = nn.Sequential(*modules[:-1]).double()
    state = network.initial_state(inputs, outputs, 0)
    renamed = {f"{2 * int(name.split('.')[1])}.{name.split('.')[2]}": array for name, array in state.items()}
    load_state(plain, renamed)
    return plain


def gradients(module: nn.Module, x: Floats, y: Floats) -> State:
    """Return the derivatives of the mean squared error by autograd, by parameter."""
    (module(torch.from_numpy(x)) - torch.from_numpy(y)).square().mean().backward()
    return {name: each.grad.numpy() for name, each in module.named_parameters() if each.grad is not None}


def differences(state: State, x: Floats, y: Floats, trained: Any, activation: str, factor: float = 1.0) -> State:
    """Return the same by central differences of `by_definition`, for the arrays named in `trained`."""
    found = {}
    for name in trained:
        found[name] = np.zeros_like(state[name])
        for index in np.ndindex(*state[name].shape):
            values = []
            for sign in (1, -1):
                moved = state | {name: state[name].copy()}
                moved[name][index] += sign * STEP
                values.append(np.mean((by_definition(moved, x, activation, factor) - y) ** 2))
            found[name][index] = (values[0] - values[1]) / (2 * STEP)
    return found
