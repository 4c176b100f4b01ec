"""The kernel's permutations are those of the generator in numpy, number for number."""

import numpy as np
import pytest

from workers.engine import permutations as drawn
from workers.engine.kernel.library import kernel
from workers.engine.philox import Purpose, Stream
from workers.engine.philox import permutations as by_numpy

STEPS = np.array([0, 1, 7, 2**32 + 5, 2**63 - 1], dtype=np.uint64)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1023, 1024, 1025, 70_001])
@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_the_kernel_draws_what_numpy_draws(seed: int, n: int) -> None:
    """Catches a swapped half of a word, a step above 32 bits, an odd last word, a bucket that is not sorted."""
    stream = Stream(seed=seed, purpose=Purpose.ORDER)
    assert np.array_equal(drawn.permutations(stream, n, STEPS), by_numpy(stream, n, STEPS))


def test_without_a_kernel_numpy_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an order of minibatches that depends on a compiler."""
    stream = Stream(seed=3, purpose=Purpose.ORDER)
    expected = drawn.permutations(stream, 50, STEPS)
    monkeypatch.setattr(drawn, "kernel", lambda: None)
    assert np.array_equal(drawn.permutations(stream, 50, STEPS), expected)


def test_equal_words_keep_their_order() -> None:
    """Ties have probability 2**-64, so they are given. Catches an unstable sort, and one by buckets alone."""
    found = kernel()
    assert found is not None
    words = np.random.default_rng(0).integers(0, 9, 3000).astype(np.uint64) << np.uint64(3)
    words[::3] += np.uint64(2**62)
    order = np.empty(len(words), dtype=np.int64)
    found.functions.argsort(words.ctypes.data, len(words), order.ctypes.data)
    assert np.array_equal(order, np.argsort(words, kind="stable"))
