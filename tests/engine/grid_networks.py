"""Small networks on grids in float64, and their arrays, for tests of the engine."""

from typing import Any

import numpy as np
import torch

from workers.catalogue.kinds import architectures
from workers.engine.convolution import GridModule
from workers.engine.loop import load_state


def network(kind: str, **fields: Any) -> Any:
    """Return the architecture."""
    return architectures.get(kind)(**fields)


def outputs_for(architecture: Any, inputs: int) -> int:
    """Return 3 outputs, or 2 channels of the last layer's positions where the head is a map."""
    if architecture.head != "map":
        return 3
    return 2 * int(architecture.grid(inputs, 1).places ** architecture.axes)


def built(architecture: Any, inputs: int, seed: int = 0) -> tuple[GridModule, dict[str, Any]]:
    """Return the module in its initial state, and that state."""
    outputs = outputs_for(architecture, inputs)
    module, state = architecture.module(inputs, outputs).double(), architecture.initial_state(inputs, outputs, seed)
    load_state(module, state)
    return module, state


def features(module: GridModule, images: Any) -> Any:
    """Return what the head reads of images (n, channels, size, ...)."""
    return (
        module.features(torch.from_numpy(np.asarray(images, dtype=np.float64).reshape(len(images), -1)))
        .detach()
        .numpy()
    )


def noise(*shape: int) -> Any:
    """Return standard normal numbers, always the same."""
    return np.random.default_rng(7).normal(size=shape)
