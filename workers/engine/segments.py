"""Straight segments through the data, drawn at random."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workers.catalogue.domains import Interval, spread
from workers.engine.philox import Stream

Floats: TypeAlias = npt.NDArray[np.float64]


def chords(box: Sequence[Interval], count: int, stream: Stream) -> tuple[Floats, Floats]:
    """Return both ends (count, d) of lines through two uniform points of the box, from face to face.

    In one dimension there is only one: the interval, from low to high.
    """
    low, high = np.array(box, dtype=np.float64).T
    if len(low) == 1:
        return low[None], high[None]
    first, second = (spread(stream.child(name).uniforms((count, len(low))), box) for name in ("first", "second"))
    along = second - first
    with np.errstate(divide="ignore"):  # a line along a face never meets it
        to_low, to_high = (low - first) / along, (high - first) / along
    behind, ahead = np.minimum(to_low, to_high).max(axis=1), np.maximum(to_low, to_high).min(axis=1)
    starts, ends = (first + place[:, None] * along for place in (behind, ahead))
    return np.clip(starts, low, high), np.clip(ends, low, high)


def between_points(points: Floats, count: int, stream: Stream) -> tuple[Floats, Floats]:
    """Return both ends (count, d) of segments, each from one of the points (n, d) to another one."""
    start = stream.child("start").integers(len(points), count)
    step = 1 + stream.child("end").integers(len(points) - 1, count)
    return points[start], points[(start + step) % len(points)]
