"""Where the centre of groups along an ordered axis is largest, with a bootstrap interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from workers.analysis.intervals import LEVEL, check_level
from workers.analysis.moments import finite
from workers.analysis.verdict import Verdict
from workers.catalogue.problems import InvalidError, Problem

RESAMPLES = 9999
SEED = 0
CELLS_AT_ONCE = 1_000_000  # bounds the memory: 16 MB of indices and values

Floats = npt.NDArray[np.float64]


class Centre(StrEnum):
    """What is largest at the peak."""

    MEAN = "mean"
    MEDIAN = "median"  # for laws without a variance, such as test errors at p = n


class Design(StrEnum):
    """Whether values at the same place of two groups belong together."""

    INDEPENDENT = "independent"  # each group is resampled for itself
    PAIRED = "paired"  # place i is seed i in every group: seeds are resampled


@dataclass(frozen=True, kw_only=True)
class Group:
    """The values measured at one position of the axis."""

    x: float
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The position of the largest centre; low and high are positions of the axis."""

    position: float
    low: float
    high: float
    level: float
    shares: tuple[float, ...]  # of the resamples with their peak at each position, along the axis
    positions: tuple[float, ...]
    centres: tuple[float, ...]
    n_smallest_group: int
    least_n: int  # values a group that can decide
    method: str


@dataclass(frozen=True, kw_only=True)
class PeakResult:
    """The verdict on "the peak lies within the tolerance of the predicted position"."""

    peak: Peak
    predicted: float
    tolerance: float
    verdict: Verdict
    reason: str
    needed_n: int | None  # values a group
    method: str


def peak(
    groups: Sequence[Group],
    *,
    centre: Centre = Centre.MEAN,
    design: Design = Design.INDEPENDENT,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Peak:
    """Return where the centre is largest, with the percentile interval of that position; of equal ones, the first.

    The interval runs between positions of the axis. Outside it, on each side, lie at most
    Phi(-t sqrt(n / (n - 1))) of the resamples, t the quantile of Student's law at (1 + level) / 2 and n the size of
    the smallest group: resampled means of few values spread too little (Hesterberg 2015).
    """
    check_level(level)
    ordered = _checked(groups, design)
    columns = [np.array(finite(group.values, f"the values at {group.x!r}")) for group in ordered]
    positions = tuple(float(group.x) for group in ordered)
    shares = _shares(columns, centre, design, resamples)
    n = min(len(column) for column in columns)
    low, high = _middle(shares, _expanded((1 - level) / 2, n), resamples)
    centres = [_centre(column[None, :], centre).item() for column in columns]
    return Peak(
        position=positions[int(np.argmax(centres))],
        low=positions[low],
        high=positions[high],
        level=level,
        shares=tuple(count / resamples for count in shares),
        positions=positions,
        centres=tuple(centres),
        n_smallest_group=n,
        least_n=least_values(design, level),
        method=f"largest {centre}, {design} groups, expanded percentile bootstrap of its position, "
        f"{resamples} resamples, PCG64 seed {SEED}",
    )


def peak_at(found: Peak, predicted: float, *, tolerance: float) -> PeakResult:
    """Return whether the peak lies within the tolerance of the prediction: its whole interval does, or none of it.

    An interval that reaches an end of the axis is open there, since the maximum may lie beyond.
    """
    if not math.isfinite(predicted) or not 0 <= tolerance < math.inf:
        detail = f"must be finite and not negative, in units of the axis; it is {tolerance!r}"
        raise InvalidError([Problem(path=("tolerance",), code="out-of-range", detail=detail)])
    verdict, reason = _judge(found, predicted - tolerance, predicted + tolerance)
    few = found.n_smallest_group < found.least_n
    return PeakResult(
        peak=found,
        predicted=predicted,
        tolerance=tolerance,
        verdict=Verdict.INCONCLUSIVE if few else verdict,
        reason=f"a group has {found.n_smallest_group} values: it takes {found.least_n}" if few else reason,
        needed_n=found.least_n if few else None,
        method=f"{found.method}; level {found.level!r}, against {predicted!r} within {tolerance!r}",
    )


def least_values(design: Design, level: float) -> int:
    """Return the fewest values a group with which chance alone separates two groups in (1 - level) / 2 or fewer cases.

    Where one of two groups with one law lies wholly above the other, no resample says otherwise: n paired
    differences have one sign with probability 2^-n, of 2 n independent values n are the largest with 1 / C(2n, n).
    """
    check_level(level)
    n = 1
    while (2**n if design is Design.PAIRED else math.comb(2 * n, n)) * (1 - level) < 2:
        n += 1
    return n


def _judge(found: Peak, low: float, high: float) -> tuple[Verdict, str]:
    # An interval that reaches an end of the axis has no bound there: the maximum may lie beyond.
    least = -math.inf if found.low == found.positions[0] else found.low
    most = math.inf if found.high == found.positions[-1] else found.high
    where = f"the interval of the peak, [{least!r}, {most!r}],"
    if most < low or least > high:
        return Verdict.CONTRADICTED, f"{where} lies outside [{low!r}, {high!r}]"
    if low <= least and most <= high:
        return Verdict.SUPPORTED, f"{where} lies within [{low!r}, {high!r}]"
    beyond = ": measure beyond the end of the axis" if math.isinf(most - least) else ""
    return Verdict.INCONCLUSIVE, f"{where} lies partly outside [{low!r}, {high!r}]{beyond}"


def _checked(groups: Sequence[Group], design: Design) -> list[Group]:
    ordered = sorted(groups, key=lambda group: group.x)
    if len(ordered) < 2 or not all(group.values for group in ordered):
        raise ValueError("a peak is one of two groups or more, each with a value or more")
    positions = [group.x for group in ordered]
    if len(set(positions)) < len(positions) or not all(math.isfinite(x) for x in positions):
        raise ValueError("the positions of groups are finite and differ: merge groups at one position")
    if design is Design.PAIRED and len({len(group.values) for group in ordered}) > 1:
        raise ValueError("paired groups have the same seeds, and so as many values each: leave the others out")
    return ordered


def _shares(columns: Sequence[Floats], centre: Centre, design: Design, resamples: int) -> list[int]:
    """Return how many resamples have their peak at each position."""
    stream = np.random.PCG64(SEED)
    counts = np.zeros(len(columns), dtype=np.int64)
    rows = max(1, CELLS_AT_ONCE // max(len(column) for column in columns))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        centres = np.empty((count, len(columns)))
        drawn: npt.NDArray[np.intp] | None = None
        for place, column in enumerate(columns):
            if drawn is None or design is Design.INDEPENDENT:
                drawn = _indices(stream, len(column), count)
            centres[:, place] = _centre(column[drawn], centre)
        counts += np.bincount(np.argmax(centres, axis=1), minlength=len(columns))
    return [int(count) for count in counts]


def _indices(stream: np.random.PCG64, n: int, count: int) -> npt.NDArray[np.intp]:
    """Return indices from 0 to n - 1 as (count, n), from the raw stream, which NumPy keeps as it is."""
    raw = np.asarray(stream.random_raw(count * n), dtype=np.uint64)
    # The upper 32 bits times n, shifted back: uniform within n / 2**32.
    drawn = ((raw >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)
    return drawn.astype(np.intp).reshape(count, n)


def _centre(rows: Floats, centre: Centre) -> Floats:
    found = np.mean(rows, axis=1) if centre is Centre.MEAN else np.median(rows, axis=1)
    return np.asarray(found, dtype=np.float64)


def _expanded(tail: float, n: int) -> float:
    return float(ndtr(stdtrit(n - 1, tail) * math.sqrt(n / (n - 1)))) if n > 1 else 0.0


def _middle(counts: Sequence[int], tail: float, resamples: int) -> tuple[int, int]:
    """Return the first and the last place with more than `tail` of the resamples up to it, or from it on."""
    below = np.cumsum(counts)
    above = np.cumsum(counts[::-1])[::-1]
    most = tail * resamples
    return int(np.flatnonzero(below > most)[0]), int(np.flatnonzero(above > most)[-1])
