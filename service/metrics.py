"""Metrics of many experiments in one reply."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from service.context import Context
from service.downsampling import Shown, between, downsample
from service.filtering import condition_from, order_from
from service.listing import page_of
from workers.database.curve_sets import curves_of_many
from workers.database.values import ExperimentView
from workers.experiments.filtering.fields import FIELDS
from workers.experiments.filtering.order import NEWEST
from workers.experiments.filtering.typed import Compared


def measured(context: Context, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a reply; raise ProblemError for a filter or a cursor that cannot be used."""
    named: Sequence[str] | None = body["experiments"]
    if named is None:
        condition = condition_from(body["filter"], "pointer")
        order = order_from(body["order_by"], "pointer")
        page, cursor = page_of(context, condition, order, body["cursor"], body["limit"])
        views: Sequence[ExperimentView] = page.items
    else:
        wanted = Compared(field=FIELDS["id"], operator="=", values=tuple(named))
        page, cursor = page_of(context, wanted, NEWEST, None, len(named))
        views = sorted(page.items, key=lambda view: named.index(view.id))
    curves = _curves(context, [view.id for view in views], body)
    return {
        "data": [_members(view, body["summaries"], curves[view.id]) for view in views],
        "missing": sorted(set(named or ()) - {view.id for view in views}),
        "has_more": page.has_more,
        "next_cursor": cursor,
    }


def _curves(context: Context, ids: Sequence[str], body: Mapping[str, Any]) -> Mapping[str, list[Shown]]:
    found: defaultdict[str, list[Shown]] = defaultdict(list)
    with context.database.read() as session:
        for experiment_id, curve in curves_of_many(session, ids, body["curves"]):
            part = between(curve, body["first_step"], body["last_step"])
            found[experiment_id].append(downsample(part, body["max_points"]))
    return found


def _members(view: ExperimentView, names: Sequence[str] | None, curves: list[Shown]) -> dict[str, Any]:
    summaries = {name: view.metrics[name] for name in view.metrics if names is None or name in names}
    known = {"experiment": view.id, "name": view.name, "status": view.status.value}
    return {**known, "summaries": summaries, "curves": curves}
