"""What a member's steps take besides samples: the order of its minibatches, and its coefficients."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from workers.catalogue.trainings.gradient import Gradient
from workers.engine.course import Course
from workers.engine.permutations import permutations
from workers.engine.philox import Purpose, Stream, minibatch_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.catalogue.values import Floats

LONGEST_WINDOW = 256  # steps
LARGEST_STRETCH = 2**18  # indices that one member draws ahead


def coefficients_of(training: Gradient, steps: "NDArray[np.int64]") -> "Floats":
    """Return the coefficients (t, c) at `steps` (t,); steps after the last one repeat it, as ballast."""
    known = np.minimum(steps, max(training.steps - 1, 0)).astype(np.float64)
    return training.optimizer.coefficients(known, training.schedule.factors(known, training.steps))


def orders_of(courses: Mapping[int, Course], rows: int, window: int) -> "dict[int, Order]":
    """Return each slot's order of minibatches; a sweep over rates alone draws one order."""
    drawn: dict[tuple[int, int], Order] = {}
    found = {}
    for slot, course in courses.items():
        key = course.spec.seed_of("order"), len(course.material.parts["train"].inputs)
        found[slot] = drawn.setdefault(key, Order(*key, rows, window))
    return found


class Order:
    """The minibatches of one seed and number of samples, drawn in stretches of about an epoch or more."""

    def __init__(self, seed: int, count: int, rows: int, window: int) -> None:
        self._stream = Stream(seed=seed, purpose=Purpose.ORDER)
        self._count, self._rows, self._window = count, rows, window
        windows = min(-(-count // rows), LARGEST_STRETCH // rows) // window
        self._stretch = window * max(windows, 1)
        self._first, self._drawn = 0, np.empty((0, rows), dtype=np.int64)

    def take(self, start: int) -> "NDArray[np.int64]":
        """Return the sample indices (window, rows) of the window that begins at step `start`."""
        if not self._first <= start < self._first + len(self._drawn):
            self._first = start - start % self._stretch
            self._drawn = minibatch_indices(
                self._stream, self._count, self._rows, self._first, self._stretch, permutations
            )
        return self._drawn[start - self._first :][: self._window]
