"""Counts of experiments by field."""

from collections.abc import Mapping
from typing import Any

from service.context import Context
from service.filtering import condition_from, facets_from
from workers.database import queries
from workers.database.listings import Facet


def facets(context: Context, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a reply with counts; raise ProblemError for a filter or a field that cannot be read."""
    fields, condition = facets_from(query["by"]), condition_from(query["filter"])
    project_id = context.project_id
    with context.database.read() as session:
        total, counted = queries.count_by(session, project_id, fields, condition)
    return {"total": total, "data": [_members(facet) for facet in counted]}


def _members(facet: Facet) -> dict[str, Any]:
    values = [{"value": value, "count": count} for value, count in facet.counts]
    return {"field": facet.field, "values": values, "has_more": facet.has_more}
