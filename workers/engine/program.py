"""The tensor program that trains the members of a chunk."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from workers.engine.course import Course
from workers.engine.feed import Feed
from workers.engine.graphs import StepGraph

if TYPE_CHECKING:
    from workers.catalogue.values import State


REPLAYS = 32  # of a recorded step, some milliseconds


class Program(ABC):
    """Training steps for several networks of one shape.

    `memory` holds what carries over from step to step, one slice (slots, ...) per slot: the parameters and
    the buffers of the optimizer. Where `stacked`, all slots step together, and those without a member are ballast.
    `losses` (slots, steps) are those of each step's batch, before its update, or None where no member wants them.
    """

    stacked: ClassVar[bool]
    slots: int
    memory: tuple[Tensor, ...]
    losses: Tensor | None

    def context(self) -> AbstractContextManager[object]:
        """Return the mode of torch in which everything runs."""
        return nullcontext()

    def begin(self, courses: Mapping[int, Course], rows: int) -> None:
        """Take the members' samples, in steps of `rows` each; called once, before `advance`."""
        kept = [course.training.steps for course in courses.values() if course.training.record_batch_loss]
        self.losses = self.memory[0].new_zeros(self.slots, max(kept), dtype=torch.float64) if kept else None
        self._supply(courses, rows)

    @abstractmethod
    def _supply(self, courses: Mapping[int, Course], rows: int) -> None:
        """Prepare what the steps of the members take."""

    @abstractmethod
    def forget(self, slot: int) -> None:
        """Prepare nothing more for a member that has ended."""

    @abstractmethod
    def reach(self, live: Collection[int], first: int) -> int:
        """Return the step up to which one call of `advance` may go from `first`; after it the population is heard."""

    @abstractmethod
    def advance(self, live: Collection[int], first: int, last: int) -> None:
        """Take the steps first, ..., last - 1 of the live slots."""

    @abstractmethod
    def load(self, slot: int, state: "State") -> None:
        """Start a slot from a state."""

    @abstractmethod
    def outputs(self, slot: int, inputs: Tensor) -> Tensor:
        """Map (n, d) to (n, m) by the present weights of a slot."""

    @abstractmethod
    def state(self, slot: int) -> "State":
        """Return a copy of the present weights of a slot, by their torch names."""


class StepProgram(Program):
    """A program that takes one step of all its slots at a time, from a feed; on a GPU by replaying a recorded one."""

    _feed: Feed
    _batch_losses: Tensor | None
    _graph: StepGraph | None

    def _supply(self, courses: Mapping[int, Course], rows: int) -> None:
        on_gpu = self.memory[0].is_cuda
        self._feed = Feed(courses, self.slots, rows, fixed=on_gpu)
        self._batch_losses = None if self.losses is None else self.losses.new_zeros(self.slots)
        self._graph = StepGraph(self.memory) if on_gpu else None

    def forget(self, slot: int) -> None:
        """Prepare nothing more for a member that has ended."""
        self._feed.forget(slot)

    def reach(self, live: Collection[int], first: int) -> int:
        """Return the next step; on a GPU some later one, for between two calls every member is looked at."""
        return first + (1 if self._graph is None else REPLAYS)

    def advance(self, live: Collection[int], first: int, last: int) -> None:
        """Take the steps first, ..., last - 1."""
        for step in range(first, last):
            self._feed.seek(step)
            if self._graph is None:
                self._step()
            else:
                self._graph.run(self._step)
            if self.losses is not None and self._batch_losses is not None and step < self.losses.shape[1]:
                self.losses[:, step] = self._batch_losses

    def _step(self) -> None:
        self.step(*self._feed.take(), self._batch_losses)

    @abstractmethod
    def step(
        self, inputs: Tensor, targets: Tensor, coefficients: Sequence[Tensor], losses: Tensor | None = None
    ) -> None:
        """Take one step: inputs (slots, n, d), targets (slots, n, m), each coefficient (slots, 1).

        Write the loss of each slot's batch into `losses` (slots,) where that is given.
        """
