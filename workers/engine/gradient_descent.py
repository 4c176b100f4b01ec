"""Gradient descent from many starts at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workers.engine.surfaces import Flags, Floats, Surface

STEPS_BETWEEN_LOOKS = 50  # after so many steps those that arrived are taken out


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Where the starts went."""

    ends: Floats  # (k, d)
    arrived: Flags  # (k,) whether the gradient became small
    steps: Floats  # (k,) when that was seen, or all steps


def descend(
    surface: Surface,
    starts: Floats,
    *,
    learning_rate: float,
    steps: int,
    tolerance: float,
    progress: Callable[[int, int], None],
) -> Descent:
    """Step from each of the starts (k, d) until its gradient is shorter than `tolerance`, at most `steps` times.

    The gradients are looked at every 50 steps; `progress` hears of (steps so far, steps).
    """
    ends, arrived, taken = starts.copy(), np.zeros(len(starts), dtype=bool), np.full(len(starts), float(steps))
    under_way = np.arange(len(starts))
    for first in range(0, steps, STEPS_BETWEEN_LOOKS):
        last = min(first + STEPS_BETWEEN_LOOKS, steps)
        x = ends[under_way]
        for _ in range(first, last):
            x -= learning_rate * surface.gradient(x)
        ends[under_way] = x
        small = np.linalg.norm(surface.gradient(x), axis=1) < tolerance
        arrived[under_way[small]], taken[under_way[small]] = True, last
        under_way = under_way[~small]
        progress(last, steps)
        if not len(under_way):
            break
    return Descent(ends=ends, arrived=arrived, steps=taken)
