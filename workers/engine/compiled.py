"""The compiled back end: whole steps of dense stacks by the kernel, one network after the other."""

import ctypes
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from workers.catalogue.kinds import Loss, Optimizer
from workers.catalogue.values import DenseStack
from workers.engine.course import Course
from workers.engine.kernel.library import Kernel
from workers.engine.layers import adds_input
from workers.engine.program import Program
from workers.engine.rations import Rations
from workers.experiments.backends import KERNEL_ACTIVATIONS, KERNEL_LOSSES, KERNEL_OPTIMIZERS, kernel_optimizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.catalogue.values import Floats, State

VECTOR_BYTES = 64  # rows are filled up to it; a multiple of every vector length of the kernel
BLOCK_BYTES = 2**18  # activations and deltas of a block of rows stay in a core's second cache
LEAST_BLOCK, MOST_BLOCK = 16, 128  # rows
CALL_FLOPS = 4e9  # of one call for all members: some tens of milliseconds, after which the population is heard
FIELDS = ("in", "out", "in_padded", "out_padded", "activation", "residual", "thin", "weight", "bias", "copy")


class _Stack(ctypes.Structure):
    """The kernel's `Stack`."""

    _fields_ = (
        ("layers", ctypes.c_void_p),
        ("depth", ctypes.c_int64),
        ("numbers", ctypes.c_int64),
        ("copied", ctypes.c_int64),
        ("block", ctypes.c_int64),
    )


class CompiledProgram(Program):
    """Train dense stacks one by one; a network never meets another's numbers."""

    stacked = False

    def __init__(
        self, stack: DenseStack, loss: Loss, optimizer: Optimizer, *, slots: int, dtype: torch.dtype, kernel: Kernel
    ) -> None:
        self.slots = slots
        self._layers, numbers, copied = layer_table(stack, dtype.itemsize)
        self._plan = _plan(self._layers, numbers, copied, dtype.itemsize)
        shape = (slots, 1 + len(optimizer.buffers), self._plan.numbers)
        self._rows = torch.zeros(shape, dtype=dtype)
        self.memory = (self._rows,)
        self._workspace = torch.zeros(_workspace_numbers(self._layers, self._plan), dtype=dtype)
        suffix = "float" if dtype == torch.float32 else "double"
        self._train = getattr(kernel.functions, f"train_{suffix}")
        self._evaluate = getattr(kernel.functions, f"evaluate_{suffix}")
        self._optimizer = KERNEL_OPTIMIZERS.index(kernel_optimizer(optimizer))
        self._loss = KERNEL_LOSSES.index(loss.kind)
        # Of a row: products forward and twice backward, and what an activation and its derivative take.
        self._flops = 6.0 * self._plan.numbers + 100.0 * float(self._layers["out_padded"].sum())
        self._rations: Rations
        self._batch: int

    def _supply(self, courses: Mapping[int, Course], rows: int) -> None:
        self._rations, self._batch = Rations(courses, rows), rows
        shapes = {(part.inputs.shape[1], part.targets.shape[1]) for part in self._rations.samples()}
        if shapes != {(int(self._layers["in"][0]), int(self._layers["out"][-1]))}:
            raise ValueError(f"the network does not fit samples of {sorted(shapes)} inputs and outputs")

    def reach(self, live: Collection[int], first: int) -> int:
        """Return the step up to which one call goes."""
        most = max(1, int(CALL_FLOPS / (self._flops * self._batch * len(live))))
        return min(first + most, self._rations.end_of_window(first))

    def advance(self, live: Collection[int], first: int, last: int) -> None:
        """Take the steps first, ..., last - 1 of each live member."""
        for slot in live:
            ration = self._rations.of(slot, first, last)
            found = self.descend(slot, ration.inputs, ration.targets, ration.coefficients, ration.indices)
            if self.losses is not None:
                wanted = self.losses[slot, first:last]
                wanted.copy_(torch.from_numpy(found[: len(wanted)]))

    def descend(
        self,
        slot: int,
        inputs: Tensor,
        targets: Tensor,
        coefficients: "NDArray[np.floating]",
        indices: "NDArray[np.int64] | None" = None,
    ) -> "Floats":
        """Take a step of one network for each row of coefficients (steps, c); return the losses before them (steps,).

        A step takes the rows of inputs (n, d) and targets (n, m) that its indices (steps, rows) name, or all.
        """
        rows = len(inputs) if indices is None else indices.shape[1]
        losses = np.empty(len(coefficients))
        self._train(
            ctypes.addressof(self._plan),
            self._optimizer,
            self._loss,
            self._rows[slot].data_ptr(),
            self._workspace.data_ptr(),
            inputs.data_ptr(),
            targets.data_ptr(),
            None if indices is None else indices.ctypes.data,
            rows,
            len(coefficients),
            coefficients.ctypes.data,
            coefficients.shape[1],
            losses.ctypes.data,
        )
        return losses

    def forget(self, slot: int) -> None:
        """Nothing is prepared for a member in advance."""

    def load(self, slot: int, state: "State") -> None:
        """Start a slot from the arrays layers.<i>.weight and layers.<i>.bias."""
        row = self._rows[slot, 0]
        for index, layer in enumerate(self._layers):
            self._weight(row, layer).copy_(torch.from_numpy(np.ascontiguousarray(state[f"layers.{index}.weight"])))
            if layer["bias"] >= 0:
                self._bias(row, layer).copy_(torch.from_numpy(np.ascontiguousarray(state[f"layers.{index}.bias"])))

    def state(self, slot: int) -> "State":
        """Return a copy of the weights of a slot."""
        row, found = self._rows[slot, 0], {}
        for index, layer in enumerate(self._layers):
            # Row by row, as the stored model will be read: numpy rounds sums by the order of the memory.
            found[f"layers.{index}.weight"] = np.array(self._weight(row, layer).numpy(), order="C")
            if layer["bias"] >= 0:
                found[f"layers.{index}.bias"] = np.array(self._bias(row, layer).numpy())
        return found

    def outputs(self, slot: int, inputs: Tensor) -> Tensor:
        """Map (n, d) to (n, m) by the present weights of a slot."""
        given = inputs.contiguous()
        found = torch.empty(len(given), int(self._layers["out"][-1]), dtype=given.dtype)
        places = (self._rows[slot].data_ptr(), self._workspace.data_ptr(), given.data_ptr())
        self._evaluate(ctypes.addressof(self._plan), *places, len(given), found.data_ptr())
        return found

    def _weight(self, row: Tensor, layer: "NDArray[np.void]") -> Tensor:
        """Return the view (out, in) of a layer's weights."""
        start, shape = int(layer["weight"]), (int(layer["out"]), int(layer["in"]))
        strides = (int(layer["in_padded"]), 1) if layer["thin"] else (1, int(layer["out_padded"]))
        return row.as_strided(shape, strides, row.storage_offset() + start)

    def _bias(self, row: Tensor, layer: "NDArray[np.void]") -> Tensor:
        return row[int(layer["bias"]) :][: int(layer["out"])]


def layer_table(stack: DenseStack, bytes_per_number: int) -> "tuple[NDArray[np.void], int, int]":
    """Return the kernel's table of layers, which lie in rows of whole vectors, and how many numbers they and their
    transposed copies have.
    """
    lanes = VECTOR_BYTES // bytes_per_number

    def padded(numbers: int) -> int:
        return -(-numbers // lanes) * lanes

    table = np.zeros(len(stack.sizes) - 1, dtype=[(name, np.int64) for name in FIELDS])
    place = copies = 0
    for index, layer in enumerate(table):
        fan_in, fan_out = stack.sizes[index], stack.sizes[index + 1]
        thin = 2 * fan_out <= lanes
        layer["in"], layer["out"], layer["in_padded"], layer["out_padded"] = (
            fan_in,
            fan_out,
            padded(fan_in),
            padded(fan_out),
        )
        layer["activation"] = KERNEL_ACTIVATIONS.index(stack.activation)
        layer["residual"] = index < len(table) - 1 and adds_input(stack, index)
        layer["thin"], layer["weight"], layer["bias"], layer["copy"] = thin, place, -1, -1
        place += fan_out * padded(fan_in) if thin else fan_in * padded(fan_out)
        if stack.bias:
            layer["bias"] = place
            place += padded(fan_out)
        if index and not thin:
            layer["copy"] = copies
            copies += fan_out * padded(fan_in)
    return table, place, copies


def _plan(layers: "NDArray[np.void]", numbers: int, copied: int, bytes_per_number: int) -> _Stack:
    width = int(layers["in_padded"][0] + 3 * layers["out_padded"].sum()) * bytes_per_number
    block = max(LEAST_BLOCK, min(MOST_BLOCK, BLOCK_BYTES // width // LEAST_BLOCK * LEAST_BLOCK))
    return _Stack(layers.ctypes.data, len(layers), numbers, copied, block)


def _workspace_numbers(layers: "NDArray[np.void]", plan: _Stack) -> int:
    activations = int(layers["in_padded"][0] + 3 * layers["out_padded"].sum() + layers["out"][-1])
    return int(plan.numbers + plan.copied + plan.block * activations)
