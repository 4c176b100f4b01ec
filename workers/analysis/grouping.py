"""The runs of a grid, group by group: replicates amounted, a tuned value chosen on numbers of its own."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workers.analysis.aggregates import Aggregate, Policy, Runs, aggregate
from workers.analysis.intervals import LEVEL
from workers.analysis.moments import mean


class Ending(StrEnum):
    """How far a run is."""

    OPEN = "open"  # waits or runs
    COMPLETED = "completed"
    DIVERGED = "diverged"
    FAILED = "failed"  # or cancelled, or deleted


@dataclass(frozen=True, kw_only=True)
class Run:
    """One cell of a grid: path to value, how it ended, its metric, and the metric that a choice is made by."""

    coordinates: Mapping[str, Any]
    ending: Ending
    value: float | None  # None where the run has no such metric
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One value of what is tuned, and the mean of its runs' scores: infinitely bad where one has none."""

    coordinates: Mapping[str, Any]
    score: float


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What was chosen in a group, and from what."""

    chosen: Mapping[str, Any]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, kw_only=True)
class GroupedRuns:
    """A group by its coordinates; `n_open` runs may still change it."""

    coordinates: Mapping[str, Any]
    n_open: int
    aggregate: Aggregate
    tuned: Tuned | None


def grouped(
    runs: Sequence[Run],
    *,
    group_by: Sequence[str],
    best_over: Sequence[str] = (),
    larger_is_better: bool = False,
    policy: Policy = Policy.COMPLETED,
    level: float = LEVEL,
) -> tuple[GroupedRuns, ...]:
    """Return the groups in the order of their first runs.

    With `best_over` each group keeps the runs of one value of those paths alone: the one with the best mean score,
    the first of equal ones. The score has to be another number than the value, or the choice flatters the report.
    """
    found = []
    for coordinates, members in _split(runs, group_by):
        tuned = None
        if best_over:
            tuned, members = _tune(members, best_over, larger_is_better)
        amount = aggregate(_ended(members), policy=policy, larger_is_worse=not larger_is_better, level=level)
        n_open = sum(run.ending is Ending.OPEN for run in members)
        found.append(GroupedRuns(coordinates=coordinates, n_open=n_open, aggregate=amount, tuned=tuned))
    return tuple(found)


def _split(runs: Sequence[Run], paths: Sequence[str]) -> list[tuple[dict[str, Any], list[Run]]]:
    groups: dict[str, tuple[dict[str, Any], list[Run]]] = {}
    for run in runs:
        coordinates = {path: run.coordinates[path] for path in paths}
        groups.setdefault(json.dumps(coordinates, sort_keys=True), (coordinates, []))[1].append(run)
    return list(groups.values())


def _tune(runs: Sequence[Run], paths: Sequence[str], larger_is_better: bool) -> tuple[Tuned, list[Run]]:
    worst = -math.inf if larger_is_better else math.inf
    split = _split(runs, paths)
    candidates = [Candidate(coordinates=coordinates, score=_score(members, worst)) for coordinates, members in split]
    pick = max if larger_is_better else min
    best = pick(range(len(candidates)), key=lambda place: candidates[place].score)
    return Tuned(chosen=candidates[best].coordinates, candidates=tuple(candidates)), split[best][1]


def _score(runs: Sequence[Run], worst: float) -> float:
    scores = [run.score for run in runs if run.ending is Ending.COMPLETED and run.score is not None]
    if len(scores) < len(runs) or not all(map(math.isfinite, scores)):
        return worst
    return mean(scores)


def _ended(runs: Sequence[Run]) -> Runs:
    def values(ending: Ending) -> tuple[float, ...]:
        return tuple(math.nan if run.value is None else run.value for run in runs if run.ending is ending)

    n_failed = sum(run.ending is Ending.FAILED for run in runs)
    return Runs(completed=values(Ending.COMPLETED), diverged=values(Ending.DIVERGED), n_failed=n_failed)
