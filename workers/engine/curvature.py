"""Gradient and Hessian of a network's training loss, in float64.

The Hessian is never formed: its product with a vector v is the gradient of (gradient . v), which costs about
two gradients (Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147).
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.catalogue.kinds import Loss
from workers.catalogue.values import Subject
from workers.engine.exact import exact_module
from workers.engine.philox import Stream

Floats: TypeAlias = npt.NDArray[np.float64]

CHUNK_NUMBERS = 2**24  # of one chunk's samples: 128 MB, and a few times that with the graph of the gradient


class Curvature:
    """The mean loss of a module over samples as a function of its p trained parameters, in their own order."""

    def __init__(self, module: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, rows: int) -> None:
        """Take scaled inputs (n, d) and targets (n, m), float64; at most `rows` samples are in memory at a time."""
        self.module, self.loss = module, loss
        self.parameters = [each for each in module.parameters() if each.requires_grad]
        self.size = sum(each.numel() for each in self.parameters)
        self._chunks = list(zip(torch.split(inputs, rows), torch.split(targets, rows), strict=True))
        self._samples = len(inputs)
        self._kept: list[Tensor] | None = None

    def gradient(self) -> Floats:
        """Return the gradient (p,)."""
        total = torch.zeros(self.size, dtype=torch.float64)
        for gradients in self._gradients():
            total += torch.cat([each.detach().reshape(-1) for each in gradients])
        return total.numpy()

    def product(self, directions: Floats) -> Floats:
        """Return the Hessian times each column of `directions`: (p, k) to (p, k)."""
        wanted = torch.from_numpy(np.ascontiguousarray(directions.T, dtype=np.float64))
        total = torch.zeros_like(wanted)
        for gradients in self._gradients():
            for row, direction in zip(total, wanted, strict=True):
                row += self._derivative(gradients, direction)
        return np.asarray(total.numpy().T)

    def _gradients(self) -> Iterator[list[Tensor]]:
        """Yield each chunk's share of the gradient with its graph; the graph of an only chunk is kept."""
        if self._kept is not None:
            yield self._kept
            return
        for inputs, targets in self._chunks:
            share = self.loss.value(self.module(inputs), targets) * (len(inputs) / self._samples)
            found = torch.autograd.grad(share, self.parameters, create_graph=True, materialize_grads=True)
            if len(self._chunks) == 1:
                self._kept = list(found)
            yield list(found)

    def _derivative(self, gradients: list[Tensor], direction: Tensor) -> Tensor:
        """Return the gradient of (gradients . direction), (p,)."""
        parts = torch.split(direction, [each.numel() for each in self.parameters])
        # A gradient without a graph is constant in the parameters: its derivative is zero.
        pairs = [(each, part) for each, part in zip(gradients, parts, strict=True) if each.requires_grad]
        if not pairs:
            return torch.zeros_like(direction)
        # One scalar: vectors given to torch.autograd.grad cost a process half a second of imports.
        along = torch.stack([each.reshape(-1) @ part for each, part in pairs]).sum()
        found = torch.autograd.grad(along, self.parameters, retain_graph=True, materialize_grads=True)
        return torch.cat([each.reshape(-1) for each in found])


def curvature_of(subject: Subject, stream: Stream, samples: int | None = None, rows: int | None = None) -> Curvature:
    """Return the curvature of a network's training loss, on `samples` training samples drawn from `stream`, or on all.

    The weights are the subject's own, whatever its precision; a penalty of the optimizer (weight decay) has no part.
    """
    scaling, train, module = subject.scaling, subject.split.train, exact_module(subject)
    chosen = np.arange(len(train.inputs))
    if samples is not None and samples < len(chosen):
        chosen = np.sort(stream.child("samples").permutation(len(chosen))[:samples])
    inputs = (train.inputs[chosen] - scaling.input_mean) / scaling.input_scale
    targets = (train.outputs[chosen] - scaling.output_mean) / scaling.output_scale
    fitting = max(1, CHUNK_NUMBERS // subject.architecture.numbers_per_sample(subject.inputs, subject.outputs))
    return Curvature(module, subject.loss, torch.from_numpy(inputs), torch.from_numpy(targets), rows or fitting)
