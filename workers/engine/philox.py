"""Random numbers as a pure function of (seed, purpose, step): Philox4x32-10 in integer operations.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11.
There is no state to save or lose: a resumed run asks for the same step and gets the same bits.

Counter words 0 and 1 hold the block index, words 2 and 3 the step (low word first). The 64-bit key is
the truncated SHA-256 of (seed, purpose, path of labels), so two streams share a key with probability 2**-64.
"""

import enum
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

if TYPE_CHECKING:  # a process without torch draws the same bits with numpy
    import torch

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # key increments per round: golden ratio and sqrt(3) - 1
WORD = 0xFFFFFFFF
MAXIMUM_SEED = 2**63 - 1
MAXIMUM_HIGH = 2**32  # of Stream.integers; bounds its bias
CHUNK_BLOCKS = 8192  # 0.3 MB of working arrays, inside the L2 cache; tuned by hand on 128 permutations


class Purpose(enum.IntEnum):
    """What a stream is for. The numbers are part of every released result: never renumber, only append."""

    INIT = 1  # initial weights
    ORDER = 2  # minibatch order
    DATA_INPUTS = 3  # training inputs drawn from a design
    DATA_NOISE = 4  # noise on the training targets
    LABEL_NOISE = 5  # which class labels are replaced, and by what
    INPUT_NOISE = 6  # noise on the inputs
    PERMUTATION = 7  # permuted inputs (pixels shuffled)
    SPLIT = 8  # train, validation and test membership
    TEST_INPUTS = 9  # test inputs drawn from a design
    VALIDATION_INPUTS = 10  # validation inputs drawn from a design
    TARGET = 11  # random targets: coefficients, directions
    PROBE = 12  # random probe vectors and quadrature shifts
    SIMULATION = 13  # replicates of a simulation
    ESTIMATOR = 14  # seeds handed to fitted models of other libraries
    BOOTSTRAP = 15  # resampling in statistics


def philox4x32(counter: npt.NDArray[np.uint32], key: int) -> npt.NDArray[np.uint32]:
    """Encrypt counters (n, 4) under a 64-bit key (low word first) into words (n, 4)."""
    even, odd = (np.ascontiguousarray(counter[:, i::2].T, dtype=np.uint64) for i in (0, 1))
    return _halves(_encrypt(even, odd, key).T)


def words_torch(key: int, step: int, count: int, device: "torch.device | str" = "cpu") -> "torch.Tensor":
    """Draw the words of `Stream.words` on a torch device, as int64 values in [0, 2**32): (count,).

    The 32 x 32 bit products are split at 16 bits, so that no int64 operation overflows.
    """
    import torch

    block = torch.arange(-(-count // 4), dtype=torch.int64, device=device)
    step_words = torch.tensor([[step & WORD], [step >> 32]], dtype=torch.int64, device=device)
    even = torch.stack([block & WORD, step_words[0].expand_as(block)])
    odd = torch.stack([block >> 32, step_words[1].expand_as(block)])
    multipliers = torch.tensor(MULTIPLIERS, dtype=torch.int64, device=device)[:, None]
    for round_key in _round_keys(key):
        low, high = even * (multipliers & 0xFFFF), even * (multipliers >> 16)  # each below 2**48
        top = (high + (low >> 16)) >> 16
        bottom = (low + ((high & 0xFFFF) << 16)) & WORD
        keys = torch.tensor(round_key, dtype=torch.int64, device=device)[:, None]
        even, odd = top.flip(0) ^ odd ^ keys, bottom.flip(0)
    return torch.stack([even[0], odd[0], even[1], odd[1]], dim=1).reshape(-1)[:count]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Random numbers for one purpose of one seed; every draw is a pure function of its arguments.

    A longer draw of a step starts with the shorter one, in C order of the shape. Raise ValueError for
    a seed outside [0, 2**63).
    """

    seed: int
    purpose: Purpose
    path: tuple[str, ...] = ()  # labels given to child(), outermost first

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAXIMUM_SEED:
            raise ValueError(f"seed must be in [0, 2**63), got {self.seed}")

    @cached_property
    def key(self) -> int:
        """The 64-bit Philox key of this stream."""
        name = json.dumps([int(self.seed), int(self.purpose), *self.path])  # JSON: no two paths read alike
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")

    def child(self, label: str) -> "Stream":
        """Return the disjoint stream of this label, such as the name of a layer."""
        return Stream(seed=self.seed, purpose=self.purpose, path=(*self.path, label))

    def words(self, count: int, step: int = 0) -> npt.NDArray[np.uint32]:
        """Draw 32-bit words: (count,)."""
        return _halves(self._words64(-(-count // 2), step))[:count]

    def uniforms(self, shape: int | tuple[int, ...], step: int = 0) -> npt.NDArray[np.float64]:
        """Draw uniform numbers in [0, 1), multiples of 2**-53."""
        return (self._words64(shape, step) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normals(self, shape: int | tuple[int, ...], step: int = 0) -> npt.NDArray[np.float64]:
        """Draw standard normal numbers by the inverse distribution function, |value| < 8.3.

        Not Box-Muller: numpy's log and cos differ in the last bit between vector instruction sets.
        """
        # 52 bits and a half step: symmetric around 1/2, exact in float64, never 0 or 1
        middle = ((self._words64(shape, step) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
        values: npt.NDArray[np.float64] = np.asarray(ndtri(middle), dtype=np.float64)
        return values

    def integers(self, high: int, shape: int | tuple[int, ...], step: int = 0) -> npt.NDArray[np.int64]:
        """Draw integers in [0, high), high at most 2**32, by the high half of a 64-bit multiplication.

        Each value has probability 1/high up to 2**-64, a relative bias of at most high * 2**-64 <= 2**-32.
        Raise ValueError for a high outside [1, 2**32].
        """
        if not 1 <= high <= MAXIMUM_HIGH:
            raise ValueError(f"high must be in [1, 2**32], got {high}")
        word, factor = self._words64(shape, step), np.uint64(high)
        low = ((word & np.uint64(WORD)) * factor) >> np.uint64(32)
        return (((word >> np.uint64(32)) * factor + low) >> np.uint64(32)).astype(np.int64)

    def permutation(self, n: int, step: int = 0) -> npt.NDArray[np.int64]:
        """Draw a permutation of 0 .. n-1: the stable argsort of n 64-bit words, (n,)."""
        return permutations(self, n, np.array([step], dtype=np.uint64)).reshape(n)

    def _words64(self, shape: int | tuple[int, ...], step: int) -> npt.NDArray[np.uint64]:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        steps = np.array([step], dtype=np.uint64)
        return _words64(self.key, steps, math.prod(sizes)).reshape(sizes)


def permutations(stream: Stream, n: int, steps: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Draw `stream.permutation(n, step)` for every step at once: (len(steps), n)."""
    result = np.empty((len(steps), n), dtype=np.int64)
    group = max(1, 2 * CHUNK_BLOCKS // max(n, 1))
    for start in range(0, len(steps), group):
        keys = _words64(stream.key, steps[start : start + group], n)
        result[start : start + group] = _stable_argsort(keys)
    return result


Permute: TypeAlias = Callable[[Stream, int, npt.NDArray[np.uint64]], npt.NDArray[np.int64]]


def minibatch_indices(
    stream: Stream, n: int, batch_size: int, first_step: int, steps: int, permute: Permute = permutations
) -> npt.NDArray[np.int64]:
    """Return the sample indices of consecutive minibatches: (steps, batch_size).

    Step s holds positions s*batch_size .. (s+1)*batch_size-1 of the endless concatenation of epoch
    permutations (epoch e is `stream.permutation(n, step=e)`), so no batch is partial and every window
    shows the same sequence; `permute` draws them as `permutations` does. Raise ValueError unless 1 <= batch_size <= n.
    """
    if not 1 <= batch_size <= n:
        raise ValueError(f"batch_size must be in [1, {n}], the number of samples, got {batch_size}")
    if first_step < 0 or steps < 0:
        raise ValueError(f"first_step and steps must not be negative, got {first_step} and {steps}")
    if steps == 0:
        return np.empty((0, batch_size), dtype=np.int64)
    start, stop = first_step * batch_size, (first_step + steps) * batch_size
    epochs = np.arange(start // n, (stop - 1) // n + 1, dtype=np.uint64)
    order = permute(stream, n, epochs).reshape(-1)
    offset = start - (start // n) * n
    return order[offset : offset + steps * batch_size].reshape(steps, batch_size)


def _round_keys(key: int) -> list[tuple[int, int]]:
    low, high = key & WORD, (key >> 32) & WORD
    return [((low + i * WEYL[0]) & WORD, (high + i * WEYL[1]) & WORD) for i in range(ROUNDS)]


def _encrypt(even: npt.NDArray[np.uint64], odd: npt.NDArray[np.uint64], key: int) -> npt.NDArray[np.uint64]:
    """Return output words 0, 1 and 2, 3 as 64-bit words (2, n), low word first.

    `even` holds counter words 0 and 2, `odd` words 1 and 3, both (2, n); they are overwritten.
    """
    multipliers = np.array(MULTIPLIERS, dtype=np.uint64)[:, None]
    shift, mask = np.uint64(32), np.uint64(WORD)
    product = np.empty_like(even)
    for round_key in _round_keys(key):
        np.multiply(even, multipliers, out=product)  # exact: both factors are below 2**32
        np.right_shift(product[::-1], shift, out=even)
        even ^= odd
        even ^= np.array(round_key, dtype=np.uint64)[:, None]
        np.bitwise_and(product[::-1], mask, out=odd)
    odd <<= shift
    even |= odd
    return even


def _words64(key: int, steps: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    """Draw the first `count` 64-bit words of every step: (len(steps), count)."""
    blocks = -(-count // 2)
    words = np.empty((len(steps) * blocks, 2), dtype=np.uint64)
    shift, mask = np.uint64(32), np.uint64(WORD)
    for start in range(0, len(words), CHUNK_BLOCKS):
        position = np.arange(start, min(start + CHUNK_BLOCKS, len(words)), dtype=np.uint64)
        row = position // np.uint64(blocks)
        block, step = position - row * np.uint64(blocks), steps[row]
        even = np.stack((block & mask, step & mask))
        odd = np.stack((block >> shift, step >> shift))
        words[start : start + CHUNK_BLOCKS] = _encrypt(even, odd, key).T
    return words.reshape(len(steps), 2 * blocks)[:, :count]


def _halves(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint32]:
    """Split 64-bit words into their halves, low word first: (..., n) to (..., 2 n)."""
    little = np.ascontiguousarray(words, dtype="<u8").view("<u4")  # the same bits on every byte order
    return little.astype(np.uint32)


def _stable_argsort(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return np.argsort(keys, axis=1, kind="stable"): (k, n), several times faster on random keys.

    The index replaces the lowest bits, which makes all keys distinct, and a plain vectorised sort does.
    Where two truncated keys tie, the dropped bits decide and the slow way is taken.
    """
    n = keys.shape[1]
    bits = np.uint64(max(n - 1, 0).bit_length())
    packed = np.sort(((keys >> bits) << bits) | np.arange(n, dtype=np.uint64), axis=1)
    order = (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    truncated = packed >> bits
    tied = (truncated[:, 1:] == truncated[:, :-1]).any(axis=1)
    if tied.any():
        order[tied] = np.argsort(keys[tied], axis=1, kind="stable")
    return order
