"""Replies with more than a body: ETags, waits, repeated requests, cancellations."""

from collections.abc import Mapping
from typing import Any

from flask import Response, g, request
from marshmallow import Schema

from service.context import Context
from service.json_reply import strict_json
from service.lookups import experiment_or_404
from service.problems import ProblemError
from service.schemas.experiment_replies import ExperimentReply
from service.submission import Accepted, Repeatable
from service.waiting import await_change
from workers.database.values import CancelAnswer, ExperimentView, StoredReply
from workers.experiments.lifecycle import Status


def json_response(
    schema: type[Schema], value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the value written by the schema."""
    return Response(
        strict_json(schema().dump(value)), status=status, mimetype="application/json", headers=dict(headers or {})
    )


def repeatable(key: str | None) -> Repeatable | None:
    """Return what makes a repetition of the running request the same one; None without an idempotency key."""
    return None if key is None else Repeatable(key=key, method=request.method, path=request.path, body=g.body)


def stored_response(reply: StoredReply, *, replayed: bool) -> Response:
    """Return a stored reply, marked where an earlier request got it."""
    response = Response(reply.body, status=reply.status, mimetype="application/json", headers=dict(reply.headers))
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def accepted_response(context: Context, accepted: Accepted, wait_seconds: int) -> Response:
    """Return the reply to a submission, after the wait that the client prefers."""
    reply, view = accepted.reply, accepted.view
    stored = stored_response(reply, replayed=view is None)
    if view is None or view.status.is_terminal or not await_change(context, view, _is_terminal, wait_seconds):
        return stored
    found = experiment_or_404(view.id)
    headers = {**reply.headers, "Preference-Applied": f"wait={wait_seconds}"}
    if found.status.is_terminal:
        del headers["Retry-After"]
    return json_response(ExperimentReply, found, 200 if found.status.is_terminal else 202, headers)


def experiment_response(context: Context, experiment_id: str, wait_seconds: int) -> Response:
    """Return the experiment, or 304 when the client has this version, after the wait that it prefers.

    With If-None-Match the wait ends when the version changes, without it when the experiment has ended.
    """
    view = experiment_or_404(experiment_id)
    known = request.if_none_match
    until = (lambda found: found.status.is_terminal or not _has(found)) if known else _is_terminal
    headers = {}
    if wait_seconds and await_change(context, view, until, wait_seconds):
        headers["Preference-Applied"] = f"wait={wait_seconds}"
        view = experiment_or_404(experiment_id)
    response = (
        Response(status=304, headers=headers) if _has(view) else json_response(ExperimentReply, view, headers=headers)
    )
    response.set_etag(str(view.version))
    return response


def cancel_response(answer: CancelAnswer | None, experiment_id: str) -> Response:
    """Return 200 when it is cancelled, 202 when it is about to be; raise ProblemError 404 or 409."""
    view = experiment_or_404(experiment_id)
    if answer is None or answer.status in (Status.SUCCEEDED, Status.FAILED):
        raise ProblemError("not-cancellable", f"The experiment has {view.status}.")
    return json_response(ExperimentReply, view, 202 if answer.cancelling else 200)


def _is_terminal(view: ExperimentView) -> bool:
    return view.status.is_terminal


def _has(view: ExperimentView) -> bool:
    """Say whether the client has this version; compared weakly, since a proxy that compresses weakens ETags."""
    return request.if_none_match.contains_weak(str(view.version))
