"""Where each number of a population lies: member-major, every slice of every tensor on a boundary.

Elementwise kernels round the last, partial vector of a buffer differently, and products round differently
with the alignment of their operands. With every slice on a boundary neither depends on the slot, so the
bits of a member depend neither on its companions nor on its place among them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from workers.catalogue.values import State

BOUNDARY = 64  # numbers; a multiple of every vector length in use, and of a cache line


def padded(numbers: int) -> int:
    """Return the least multiple of the boundary that holds so many numbers."""
    return -(-numbers // BOUNDARY) * BOUNDARY


@dataclass(frozen=True, kw_only=True)
class Slices:
    """One tensor per slot, each on a boundary: `flat` (slots * padded,) with the padding, `view` (slots, *shape)."""

    flat: Tensor
    view: Tensor


def slices(slots: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Slices:
    """Return zeros, one tensor of `shape` per slot."""
    stride = padded(math.prod(shape))
    flat = torch.zeros(slots * stride, dtype=dtype, device=device)
    return Slices(flat=flat, view=flat.as_strided((slots, *shape), (stride, *_strides(shape))))


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the tensors of one member lie in its row of `length` numbers."""

    shapes: Mapping[str, tuple[int, ...]]

    @property
    def length(self) -> int:
        """Return the numbers of one row, padding included."""
        return sum(padded(math.prod(shape)) for shape in self.shapes.values())

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the tensors of all members by name, each (k, *shape), as views of rows (k, length)."""
        return {
            name: rows.as_strided(
                (len(rows), *shape), (rows.stride(0), *_strides(shape)), rows.storage_offset() + start
            )
            for name, shape, start in self._places()
        }

    def pack(self, state: "State", row: Tensor) -> None:
        """Write the arrays of one member into its row (length,)."""
        for name, view in self.views(row[None]).items():
            view[0].copy_(torch.from_numpy(np.ascontiguousarray(state[name])))

    def unpack(self, row: Tensor) -> "State":
        """Return copies of the arrays in a row (length,)."""
        return {name: np.array(view[0].cpu().numpy()) for name, view in self.views(row[None]).items()}

    def _places(self) -> Iterator[tuple[str, tuple[int, ...], int]]:
        start = 0
        for name, shape in self.shapes.items():
            yield name, shape, start
            start += padded(math.prod(shape))


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
