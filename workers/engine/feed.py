"""What each step of a chunk takes: minibatches and coefficients, prepared in windows of steps."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from workers.engine.course import Course
from workers.engine.layout import padded
from workers.engine.orders import LONGEST_WINDOW, coefficients_of, orders_of

LARGEST_WINDOW = 2**22  # indices of all slots


class Feed:
    """Inputs, targets and coefficients for all slots; a slot without a member repeats those of another.

    `rows` is the number of samples per step; with minibatches they are gathered from one table of all
    members' samples, else they lie still. With `fixed` what a step reads is copied to places that never
    change, so that a recorded step reads what `seek` put there.
    """

    def __init__(self, courses: Mapping[int, Course], slots: int, rows: int, *, fixed: bool) -> None:
        self._live, self._slots, self._fixed = dict(courses), slots, fixed
        self._window = max(1, min(LONGEST_WINDOW, LARGEST_WINDOW // (slots * padded(rows))))
        first = next(iter(courses.values()))
        train = first.material.parts["train"]
        self._dtype, self._device = train.inputs.dtype, train.inputs.device
        self._start = -1
        self._gather = None if first.training.batch_size is None else _Gather(courses, slots, rows, self._window)
        self._still = None if self._gather is not None else _still(courses, slots)
        self._coefficients = torch.empty(0)  # (window, c, slots, 1)
        self._now: tuple[Tensor, ...] = ()

    def forget(self, slot: int) -> None:
        """Prepare nothing more for a member that has ended."""
        del self._live[slot]

    def seek(self, step: int) -> None:
        """Make a step the present one."""
        start = step - step % self._window
        if start != self._start:
            self._start = start
            self._coefficients = self._next_coefficients(start)
            if self._gather is not None:
                self._gather.prepare(self._live, start)
        position = step - start
        chosen = [self._coefficients[position]]
        if self._gather is not None:
            chosen.append(self._gather.window[position])
        if not self._fixed:
            self._now = tuple(chosen)
        elif not self._now:
            self._now = tuple(each.clone() for each in chosen)
        else:
            for held, each in zip(self._now, chosen, strict=True):
                held.copy_(each)

    def take(self) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Return inputs (slots, rows, d), targets (slots, rows, m) and coefficients (slots, 1) of the present step.

        The tensors are overwritten by the next call.
        """
        samples = self._gather.batch(self._now[1]) if self._gather is not None else self._still
        assert samples is not None
        return *samples, self._now[0].unbind(0)

    def _next_coefficients(self, start: int) -> Tensor:
        steps = np.arange(start, start + self._window)
        columns = {slot: coefficients_of(course.training, steps) for slot, course in self._live.items()}
        spare = next(iter(columns.values()))
        stacked = np.stack([columns.get(slot, spare) for slot in range(self._slots)], axis=-1)  # (t, c, slots)
        return _sent(torch.from_numpy(stacked).to(self._dtype), self._device).unsqueeze(-1)


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on its device, without waiting for what the device has still to do."""
    if device.type == "cuda":
        # A copy in pinned memory, which torch keeps until the device has read it: the tensor may change at once.
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _still(courses: Mapping[int, Course], slots: int) -> tuple[Tensor, Tensor]:
    """Return all training samples of every slot, with the rows of each filled up to the boundary."""
    spare = next(iter(courses.values()))
    found = []
    for name in ("inputs", "targets"):
        samples = [getattr(courses.get(slot, spare).material.parts["train"], name) for slot in range(slots)]
        rows, width = samples[0].shape
        held = samples[0].new_zeros(slots, padded(rows), width)[:, :rows]
        for slot, tensor in enumerate(samples):
            held[slot].copy_(tensor)
        found.append(held)
    return found[0], found[1]


class _Gather:
    """Minibatches of all slots, gathered by two calls a step."""

    def __init__(self, courses: Mapping[int, Course], slots: int, rows: int, window: int) -> None:
        parts = {slot: course.material.parts["train"] for slot, course in courses.items()}
        unique = {id(part): part for part in parts.values()}  # members with equal data share their rows
        starts = dict(zip(unique, np.cumsum([0, *(len(part.inputs) for part in unique.values())]), strict=False))
        self._offsets = {slot: int(starts[id(part)]) for slot, part in parts.items()}
        self._orders = orders_of(courses, rows, window)
        self._tables = [torch.cat([getattr(p, name) for p in unique.values()]) for name in ("inputs", "targets")]
        # The rows of a slot are filled up to the boundary, so that its slice of the gathered tensor starts on one.
        self._indices = np.zeros((window, slots, padded(rows)), dtype=np.int64)
        self._rows = rows
        self._held = [table.new_zeros(slots * padded(rows), table.shape[1]) for table in self._tables]
        self._views = [held.view(slots, padded(rows), -1)[:, :rows] for held in self._held]
        self.window = torch.empty(0, dtype=torch.int64)  # (window, slots * padded rows)

    def prepare(self, live: Mapping[int, Course], start: int) -> None:
        """Draw the indices of a window; slots without a member keep those of the last one."""
        for slot in live:
            self._indices[:, slot, : self._rows] = self._orders[slot].take(start) + self._offsets[slot]
        self.window = _sent(torch.from_numpy(self._indices), self._tables[0].device).flatten(start_dim=1)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs (slots, rows, d) and targets (slots, rows, m) of a row of the window."""
        for table, held in zip(self._tables, self._held, strict=True):
            torch.index_select(table, 0, indices, out=held)
        return self._views[0], self._views[1]
