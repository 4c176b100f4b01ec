"""A page of experiments as JSON or CSV, whole or in part, and the cursor of the next one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from service.context import Context
from service.filtering import conditions_of, order_from
from service.json_reply import strict_json
from service.pagination import sign, unsign
from service.problems import ProblemError
from service.schemas.experiment_replies import ExperimentReply
from service.selection import Selection, selected, selection_of
from service.tables import as_csv
from workers.database import queries
from workers.database.listings import Listing, Place
from workers.experiments.filtering.order import Order
from workers.experiments.filtering.typed import Condition

FORMS = ("application/json", "text/csv")


def list_response(context: Context, query: Mapping[str, Any]) -> Response:
    """Return a page of a list; raise ProblemError for a cursor of another list or a filter that cannot be read."""
    form = request.accept_mimetypes.best_match(FORMS) if request.accept_mimetypes else FORMS[0]
    if form is None:
        raise ProblemError("not-acceptable", f"Lists come as {' or '.join(FORMS)}.")
    selection = selection_of(query["members"])
    condition, order = conditions_of(query), order_from(query["order_by"])
    exact = query["count"] == "exact"
    page, cursor = page_of(context, condition, order, query["cursor"], query["limit"], count=exact)
    rows = shown(page, selection)
    response = Response(as_csv(rows, selection), mimetype=form) if form == "text/csv" else _json(page, rows, cursor)
    response.headers["Vary"] = "Accept"
    if cursor is not None:
        # RFC 8288: a table has no other place for it.
        following = urlencode({**request.args.to_dict(), "cursor": cursor})
        response.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    return response


def page_of(
    context: Context, condition: Condition, order: Order, cursor: str | None, limit: int, *, count: bool = False
) -> tuple[Listing, str | None]:
    """Return a page and the cursor of the next one, None on the last; raise ProblemError for another list's cursor."""
    bound_to = ["experiments", repr(condition), order.written]
    place = None
    if cursor is not None:
        stretch, values = unsign(cursor, context.cursors, bound_to)
        place = Place(stretch=stretch, values=tuple(values))
    project_id = context.project_id
    with context.database.read() as session:
        page = queries.list_experiments(
            session, project_id, condition=condition, order=order, after=place, limit=limit, count=count
        )
    if page.place is None:
        return page, None
    return page, sign([page.place.stretch, page.place.values], context.cursors, bound_to)


def shown(page: Listing, selection: Selection | None) -> list[dict[str, Any]]:
    """Return the experiments of a page as replies show them, or the selected parts."""
    if selection is None:
        return list(ExperimentReply(many=True).dump(page.items))
    found = ExperimentReply(many=True, only=selection.members).dump(page.items)
    return [selected(each, selection) for each in found]


def _json(page: Listing, rows: list[dict[str, Any]], cursor: str | None) -> Response:
    members = {"object": "list", "data": rows, "has_more": page.has_more, "next_cursor": cursor}
    if page.total is not None:
        members["total"] = page.total
    return Response(strict_json(members), mimetype="application/json")
