"""Permutations by the kernel where there is one, else by numpy: the same numbers, ten times sooner."""

import numpy as np
import numpy.typing as npt

from workers.engine.kernel.library import kernel
from workers.engine.philox import Stream
from workers.engine.philox import permutations as drawn_by_numpy


def permutations(stream: Stream, n: int, steps: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Draw `stream.permutation(n, step)` for every step: (len(steps), n)."""
    compiled = kernel()
    if compiled is None:
        return drawn_by_numpy(stream, n, steps)
    found = np.empty((len(steps), n), dtype=np.int64)
    compiled.functions.permutations(stream.key, steps.ctypes.data, len(steps), n, found.ctypes.data)
    return found
