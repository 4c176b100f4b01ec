"""Fewer points of a curve without losing what an eye would look for."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from workers.experiments.measurement import Curve


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A curve as it is sent; `n_raw` counts the points that there are."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    downsampled: bool
    n_raw: int


def between(curve: Curve, first: int | None, last: int | None) -> Curve:
    """Return the points with first <= step <= last."""
    pairs = [
        (step, value)
        for step, value in zip(curve.steps, curve.values, strict=True)
        if (first is None or step >= first) and (last is None or step <= last)
    ]
    return Curve(name=curve.name, steps=tuple(step for step, _ in pairs), values=tuple(value for _, value in pairs))


def downsample(curve: Curve, max_points: int) -> Shown:
    """Return at most `max_points` (at least 4) of the curve's points.

    The first and the last point stay. The others are cut into stretches of equal count; of each stay its least
    and its greatest finite value and its first value that is not finite, so no spike and no NaN disappears
    among neighbours unlike it.
    """
    n = len(curve.steps)
    kept: Sequence[int] = range(n)
    if n > max_points:
        finite = all(map(math.isfinite, curve.values))
        inner = sorted(set(_extremes(curve.values, max(1, (max_points - 2) // (2 if finite else 3)))))
        kept = [0, *inner[: max_points - 2], n - 1]  # of 4 points, only two of a stretch's three fit between the ends
    return Shown(
        name=curve.name,
        steps=tuple(curve.steps[index] for index in kept),
        values=tuple(curve.values[index] for index in kept),
        downsampled=len(kept) < n,
        n_raw=n,
    )


def _extremes(values: tuple[float, ...], stretches: int) -> Iterator[int]:
    inner = len(values) - 2
    for stretch in range(stretches):
        indices = range(1 + stretch * inner // stretches, 1 + (stretch + 1) * inner // stretches)
        finite = [index for index in indices if math.isfinite(values[index])]
        if finite:
            yield min(finite, key=values.__getitem__)
            yield max(finite, key=values.__getitem__)
        yield from [index for index in indices if not math.isfinite(values[index])][:1]


def as_csv(curves: Iterable[Shown]) -> str:
    """Return lines of metric, step and value; a number reads back to the bit."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("metric", "step", "value"))
    for curve in curves:
        writer.writerows((curve.name, step, repr(value)) for step, value in zip(curve.steps, curve.values, strict=True))
    return text.getvalue()
