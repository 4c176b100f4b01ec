"""A page of experiments, and the cursor of the next one."""

from collections.abc import Mapping
from typing import Any

from service.context import Context
from service.pagination import read_cursor, write_cursor
from workers.database import queries
from workers.experiments.lifecycle import Status


def listed(context: Context, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a list reply; raise ProblemError for a cursor of another list."""
    statuses, tags = sorted(set(query["status"])), sorted(set(query["tags"]))
    bound_to = ["experiments", statuses, tags]
    after = read_cursor(context.cursors, query["cursor"], bound_to) if query["cursor"] is not None else None
    project_id = context.project_id
    with context.database.read() as session:
        page = queries.list_experiments(
            session,
            project_id,
            statuses=tuple(Status(word) for word in statuses),
            tags=tuple(tags),
            after=after,
            limit=query["limit"],
            count=query["count"] == "exact",
        )
    members: dict[str, Any] = {"data": page.items, "has_more": page.has_more, "next_cursor": None}
    if page.has_more:
        last = page.items[-1]
        members["next_cursor"] = write_cursor(context.cursors, (last.created_at, last.id), bound_to)
    return members if page.total is None else {**members, "total": page.total}
