"""Values of an activation in numpy's float64."""

import numpy as np
import numpy.typing as npt
import torch

from workers.engine.activations import ACTIVATIONS


def activation_values(name: str, z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the activation at each of the numbers, with the bits that the engine's networks have."""
    values: npt.NDArray[np.float64] = ACTIVATIONS[name].function(torch.from_numpy(z)).numpy()
    return values
