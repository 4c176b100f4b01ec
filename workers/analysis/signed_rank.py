"""The exact distribution of Wilcoxon's signed-rank statistic, ties included."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

EXACT_TO = 200  # differences; their distribution takes some milliseconds


def doubled_ranks(sizes: Sequence[float]) -> list[int]:
    """Return twice the rank of each size, from the smallest on; equal sizes share their mean rank."""
    counts = Counter(sizes)
    rank_of: dict[float, int] = {}
    smaller = 0
    for size in sorted(counts):
        rank_of[size] = 2 * smaller + counts[size] + 1
        smaller += counts[size]
    return [rank_of[size] for size in sizes]


def positive_rank_sum(differences: Sequence[float]) -> float:
    """Return the sum of the ranks by size of the positive among differences that are not 0."""
    ranks = doubled_ranks([abs(each) for each in differences])
    return sum(rank for rank, each in zip(ranks, differences, strict=True) if each > 0) / 2


def upper_tail(differences: Sequence[float]) -> float:
    """Return P(random signs give a positive rank sum as large as that of these differences, none of them 0).

    Up to 200 differences exactly over all 2^n signs, given the ranks; above, by the normal law with its
    variance given the ranks and a correction for continuity.
    """
    ranks = doubled_ranks([abs(each) for each in differences])
    reached = round(2 * positive_rank_sum(differences))
    if len(ranks) <= EXACT_TO:
        return min(1.0, float(np.sum(_probabilities(ranks)[reached:])))
    # In doubled ranks: the mean is half their sum, the variance a quarter of the sum of squares, half a step 1.
    spread = math.sqrt(sum(rank * rank for rank in ranks)) / 2
    return float(ndtr((sum(ranks) / 2 + 1 - reached) / spread))


def _probabilities(ranks: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the probability of each sum of the ranks whose sign is positive, from 0 to the sum of all."""
    probabilities = np.zeros(sum(ranks) + 1)
    probabilities[0] = 1.0
    reached = 0
    for rank in ranks:
        probabilities[rank : reached + rank + 1] += probabilities[: reached + 1].copy()
        probabilities *= 0.5
        reached += rank
    return probabilities
