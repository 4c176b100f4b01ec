"""What the steps of single members take, a window at a time: samples, minibatch indices, coefficients."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from workers.catalogue.trainings.gradient import Gradient
from workers.engine.course import Course
from workers.engine.material import Part
from workers.engine.orders import LONGEST_WINDOW, coefficients_of, orders_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_RATION = 2**20  # indices of a member


@dataclass(frozen=True, kw_only=True)
class Ration:
    """For some steps of one member: its samples (n, d) and (n, m), indices (steps, rows) or None for all, coefficients.

    The coefficients (steps, c) are in the precision of the network.
    """

    inputs: Tensor
    targets: Tensor
    indices: "NDArray[np.int64] | None"
    coefficients: "NDArray[np.floating]"


class Rations:
    """The rations of all members of a chunk."""

    def __init__(self, courses: Mapping[int, Course], rows: int) -> None:
        first = next(iter(courses.values()))
        self._window = max(1, min(LONGEST_WINDOW, LARGEST_RATION // rows))
        self._courses = dict(courses)
        self._orders = {} if first.training.batch_size is None else orders_of(courses, rows, self._window)
        self._dtype = first.spec.dtype
        self._start = -1
        self._coefficients: dict[Gradient, NDArray[np.floating]] = {}

    def samples(self) -> Iterator[Part]:
        """Yield the training samples of each member."""
        return (course.material.parts["train"] for course in self._courses.values())

    def end_of_window(self, step: int) -> int:
        """Return the first step after the window of `step`."""
        return step - step % self._window + self._window

    def of(self, slot: int, first: int, last: int) -> Ration:
        """Return what the steps first, ..., last - 1 of a member take, all in one window."""
        start = first - first % self._window
        if start != self._start:
            self._start, self._coefficients = start, {}
        course = self._courses[slot]
        if course.training not in self._coefficients:
            steps = np.arange(start, start + self._window)
            found = coefficients_of(course.training, steps).astype(self._dtype, order="C")
            self._coefficients[course.training] = found
        train = course.material.parts["train"]
        order = self._orders.get(slot)
        return Ration(
            inputs=train.inputs,
            targets=train.targets,
            indices=None if order is None else order.take(start)[first - start : last - start],
            coefficients=self._coefficients[course.training][first - start : last - start],
        )
