"""Boxes: checks on the (low, high) pairs that components take, and points spread over them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from workers.catalogue.problems import Problem

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

Interval = tuple[float, float]
LARGEST_COORDINATE = 1e9


def interval_problems(pairs: Iterable[tuple[str | int, Interval]], *path: str | int) -> Iterator[Problem]:
    """Yield which of the (key, (low, high)) are empty."""
    for key, (low, high) in pairs:
        if not low < high:
            detail = f"low must be less than high; got [{low:g}, {high:g}]"
            yield Problem(path=(*path, key), code="range", detail=detail)


def natural_order(domain: Mapping[str, Interval]) -> dict[str, Interval]:
    """Return the domain with its variables in natural order: x2 before x10.

    The order of a JSON object carries no meaning and is not kept by the canonical form of a spec, so it
    must not decide which input column is which.
    """
    return dict(sorted(domain.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.findall(r"\d+|\D+", name)]


def numbered(count: int, interval: Interval) -> dict[str, Interval]:
    """Return the box x1 .. xn (or x alone) with the same interval on every axis."""
    names = ["x"] if count == 1 else [f"x{i}" for i in range(1, count + 1)]
    return dict.fromkeys(names, interval)


def spread(unit: "Floats", box: Sequence[Interval]) -> "Floats":
    """Map points (n, d) of the unit cube onto the box of d intervals."""
    import numpy as np

    low, high = np.array(box, dtype=np.float64).T
    return np.asarray(low + unit * (high - low))
