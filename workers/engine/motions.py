"""Shifts, quarter turns and mirror images of images, and where they carry the positions of a map."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.catalogue.symmetries import Frame, Motion
from workers.engine.plane_groups import composed, inverse, moved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.catalogue.values import Floats

    Indices = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Positions of a map along an axis: `places` of them, place p at p * stride of the input.

    `inside` says for each place whether it is interior.
    """

    places: int
    stride: int
    inside: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Which position (p,) of f(x) should stand at each position of f(g x), in the whole frame and for the interior.

    `known` (p,) says where both positions are interior; only there `interior` is a comparison without border.
    """

    whole: "Indices"
    interior: "Indices"
    known: "Flags"


def acted(images: "Floats", motion: Motion) -> "Floats":
    """Return the moved images (n, channels, size) or (n, channels, size, size)."""
    if motion.shift:
        return np.roll(images, motion.shift, axis=tuple(range(-len(motion.shift), 0)))
    return np.ascontiguousarray(moved(images, motion.element))


def carried(orientations: int, motion: Motion) -> list[int]:
    """Return which orientation of f(x) should stand at each orientation of f(g x).

    A mirror image is no element of p4: its turns alone permute the orientations.
    """
    return [composed(inverse(motion.element), place) % orientations for place in range(orientations)]


def landings(lattice: Lattice, frame: Frame, motion: Motion) -> Iterator[Landing]:
    """Yield where the motion carries positions; for a shift by no multiple of the stride, each neighbour."""
    inside = np.array(lattice.inside)
    if not motion.shift:
        square = inside if frame.axes == 1 else np.logical_and.outer(inside, inside)
        source = np.ascontiguousarray(moved(np.arange(square.size).reshape(square.shape), motion.element)).reshape(-1)
        flat = square.reshape(-1)
        yield Landing(whole=source, interior=source, known=flat & flat[source])
        return
    along = [_shifted(lattice, frame.size, shift) for shift in motion.shift]
    for axes in product(*along):
        whole, interior, known = axes[0]
        for others in axes[1:]:
            whole = (whole[:, None] * lattice.places + others[0]).reshape(-1)
            interior = (interior[:, None] * lattice.places + others[1]).reshape(-1)
            known = np.logical_and.outer(known, others[2]).reshape(-1)
        yield Landing(whole=whole, interior=interior, known=known)


def labels(motions: Sequence[Motion]) -> Any:
    """Return the shifts (e, axes) or the elements (e,)."""
    return np.array([motion.shift or motion.element for motion in motions], dtype=np.int64)


def _shifted(lattice: Lattice, size: int, shift: int) -> "list[tuple[Indices, Indices, Flags]]":
    """Return (whole, interior, known) along one axis for the shift in places, or for both its neighbours."""
    inside, place = np.array(lattice.inside), np.arange(lattice.places)
    nearest = (shift + size // 2) % size - size // 2  # of all shifts that move the input alike
    found = []
    for moved_by in sorted({math.floor(nearest / lattice.stride), math.ceil(nearest / lattice.stride)}):
        source = place - moved_by
        # Where the stride divides the size, what leaves on one side comes back on the other at a whole place.
        interior = source % (size // lattice.stride) if size % lattice.stride == 0 else source
        exists = (interior >= 0) & (interior < lattice.places)
        interior = np.where(exists, interior, 0)
        found.append((source % lattice.places, interior, inside & exists & inside[interior]))
    return found
