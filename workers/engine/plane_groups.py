"""Quarter turns and mirror images of a square.

Element e = 4 m + r is a mirror image from left to right where m = 1, followed by r quarter turns. The group p4 is the
elements 0 to 3, p4m is 0 to 7.
"""

from typing import Any

import numpy as np


def composed(first: int, second: int) -> int:
    """Return the element that acts as `second` and then `first`."""
    turns, mirror = first % 4, first // 4
    sense = -1 if mirror else 1  # a mirror image turns the other way
    return 4 * ((mirror + second // 4) % 2) + (turns + sense * (second % 4)) % 4


def inverse(element: int) -> int:
    """Return the element that undoes this one."""
    return element if element >= 4 else -element % 4  # every mirror image undoes itself


def moved(array: Any, element: int) -> Any:
    """Return the array (..., k, k) with its last two axes mirrored and turned anticlockwise; 0 and 4 suit (..., k)."""
    seen = np.flip(array, -1) if element >= 4 else array
    return np.rot90(seen, element % 4, axes=(-2, -1)) if element % 4 else seen


def oriented_kernels(width: int, orientations_in: int, orientations: int) -> Any:
    """Return which entry of a kernel (orientations_in, width, width) stands where in each of its orientations.

    The result is (orientations, orientations_in, width, width): psi(g^-1 h, g^-1 x) for g, h and x.
    """
    kernel = np.arange(orientations_in * width**2).reshape(orientations_in, width, width)
    if orientations_in == 1:
        return np.stack([moved(kernel, g) for g in range(orientations)])
    return np.stack(
        [
            np.stack([moved(kernel[composed(inverse(g), h)], g) for h in range(orientations_in)])
            for g in range(orientations)
        ]
    )
