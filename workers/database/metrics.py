"""Summaries of metrics: as typed rows once an experiment is done, as running totals before."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from workers.database.columns import join_floats, split_floats
from workers.database.models import MetricRow
from workers.database.session import insert_rows
from workers.experiments.measurement import Curve, MetricSummary, summarise

PARTS = ("first", "last", "min", "max", "mean")


def metrics_of(session: Session, experiment_id: str) -> Mapping[str, MetricSummary]:
    """Return the summaries by name, in the order of the names."""
    return metrics_of_many(session, [experiment_id]).get(experiment_id, {})


def metrics_of_many(session: Session, ids: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
    """Return the summaries of several experiments by id and name."""
    return metrics_where(session, MetricRow.experiment_id.in_(ids))


def metrics_where(session: Session, *conditions: ColumnElement[bool]) -> dict[str, dict[str, MetricSummary]]:
    """Return the summaries that meet the conditions, by experiment id and name, in the order of the names."""
    query = select(MetricRow).where(*conditions).order_by(MetricRow.name)
    found: dict[str, dict[str, MetricSummary]] = {}
    for row in session.scalars(query):
        parts = join_floats([getattr(row, part) for part in PARTS], row.non_finite)
        summary = MetricSummary(**dict(zip(PARTS, parts, strict=True)), argmin_step=row.argmin_step, n=row.n)
        found.setdefault(row.experiment_id, {})[row.name] = summary
    return found


def store_metrics(session: Session, metrics: Iterable[tuple[str, str, Mapping[str, MetricSummary]]]) -> None:
    """Insert one row a metric: (experiment id, project id, summaries by name) each."""
    rows = []
    for experiment_id, project_id, summaries in metrics:
        for name, summary in summaries.items():
            stored, flag = split_floats([getattr(summary, part) for part in PARTS])
            row = {"experiment_id": experiment_id, "name": name, "project_id": project_id, "non_finite": flag}
            counts = {"argmin_step": summary.argmin_step, "n": summary.n}
            rows.append(row | dict(zip(PARTS, stored, strict=True)) | counts)
    insert_rows(session, MetricRow, rows)


def summaries_of(curves: Iterable[Curve]) -> dict[str, MetricSummary]:
    """Return the summary of each curve that has points."""
    return {curve.name: summarise(curve) for curve in curves if curve.steps}


def add_points(live: Mapping[str, Any] | None, curves: Iterable[Curve]) -> dict[str, Any]:
    """Return running summaries, JSON with NaN, with the points of the curves added."""
    totals = dict(live or {})
    for curve in curves:
        if curve.steps:
            new = asdict(summarise(curve)) | {"finite": sum(map(math.isfinite, curve.values))}
            old = totals.get(curve.name)
            totals[curve.name] = new if old is None else _sum(old, new)
    return totals


def live_summaries(live: Mapping[str, Any] | None) -> dict[str, MetricSummary]:
    """Return running summaries as values, in the order of the names."""
    return {
        name: MetricSummary(**{part: total[part] for part in (*PARTS, "argmin_step", "n")})
        for name, total in sorted((live or {}).items())
    }


def _sum(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    finite = old["finite"] + new["finite"]
    known = [part for part in (old, new) if part["finite"]]
    least = min(known, key=lambda part: part["min"], default=old)
    mean = known[0]["mean"] if known else math.nan
    if len(known) == 2:
        mean += (new["mean"] - mean) * new["finite"] / finite
    return {
        "first": old["first"],
        "last": new["last"],
        "min": least["min"],
        "max": max((part["max"] for part in known), default=math.nan),
        "mean": mean,
        "argmin_step": least["argmin_step"],
        "n": old["n"] + new["n"],
        "finite": finite,
    }
