"""What the hidden layers of a dense network say."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from workers.catalogue.values import Subject
from workers.engine.activations import ACTIVATIONS
from workers.engine.layers import adds_input
from workers.engine.material import DTYPES

if TYPE_CHECKING:
    from workers.catalogue.values import Floats


def hidden_units(subject: Subject, inputs: "Floats", layer: int) -> "Floats":
    """Return the units (n, width), float64, of a hidden layer, counted from 1, at inputs in the units of the data.

    They are computed in the precision of the model.
    """
    stack, dtype = subject.stack, DTYPES[subject.dtype]
    assert stack is not None, "misfits refuses models that are no dense stack"
    activation = ACTIVATIONS[stack.activation].function
    scaled = (inputs - subject.scaling.input_mean) / subject.scaling.input_scale
    hidden = torch.from_numpy(scaled).to(dtype)
    with torch.no_grad():
        for index in range(layer):
            weight = torch.from_numpy(subject.state[f"layers.{index}.weight"]).to(dtype)
            bias = torch.from_numpy(subject.state[f"layers.{index}.bias"]).to(dtype) if stack.bias else None
            found = activation(functional.linear(hidden, weight, bias))
            hidden = found + hidden if adds_input(stack, index) else found
    return hidden.double().numpy()
