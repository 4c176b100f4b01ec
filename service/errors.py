"""One table from exceptions to problem documents (RFC 9457), for every reply that is not a success."""

import logging
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Flask, Response, g, request
from sqlalchemy.exc import ProgrammingError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from service.blueprint import PROBLEM_MEDIA_TYPE
from service.context import context
from service.json_reply import strict_json
from service.problems import CODES_BY_STATUS, KINDS, ProblemError
from service.schemas.replies import ProblemReply
from workers.database.session import UNAVAILABLE

log = logging.getLogger("whydeep.service")
RETRY_SECONDS = 5


class ProblemApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's Api whose errors are problem documents."""

    ERROR_SCHEMA = ProblemReply

    def _register_error_handlers(self) -> None:
        register(self._app)

    def _register_responses(self) -> None:
        """Document every status by a problem document, where flask-smorest would write application/json."""
        content = {PROBLEM_MEDIA_TYPE: {"schema": ProblemReply}}
        for status in HTTPStatus:
            self.spec.components.response(status.name, {"description": status.phrase, "content": content}, lazy=True)
        other = {"description": "Any other problem", "content": content}
        self.spec.components.response(self.DEFAULT_ERROR_RESPONSE_NAME, other, lazy=True)


def register(app: Flask) -> None:
    """Answer every exception of the application with a problem document."""
    app.register_error_handler(ProblemError, problem_response)
    app.register_error_handler(HTTPException, _http)
    for unavailable in UNAVAILABLE:
        app.register_error_handler(unavailable, _database_away)
    app.register_error_handler(ProgrammingError, _statement_refused)
    app.register_error_handler(Exception, _internal)


def problem_response(error: ProblemError, status: int | None = None) -> Response:
    """Return the problem document of the error."""
    kind = KINDS[error.code]
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": kind.title,
        "status": status or kind.status,
        "detail": error.detail,
        "instance": request.path,
        "code": error.code,
        "request_id": g.get("request_id", ""),
        "retryable": kind.retryable,
        "errors": error.errors,
    }
    return Response(
        strict_json(body), status=body["status"], content_type=PROBLEM_MEDIA_TYPE, headers=list(error.headers.items())
    )


def _http(error: HTTPException) -> Response:
    """Answer what Flask and Werkzeug refuse by themselves."""
    status = error.code or 500
    if status < 400:  # redirects are replies, not problems
        return error.get_response()  # type: ignore[return-value]
    code = CODES_BY_STATUS.get(status, "bad-request" if status < 500 else "internal")
    detail, headers = KINDS[code].remedy, {}
    if isinstance(error, MethodNotAllowed):
        # flask-smorest's own handler would drop the header, which RFC 9110 requires.
        headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        detail = f"{request.method} is not among {headers['Allow']}."
    elif isinstance(error, RequestEntityTooLarge):
        detail = f"The body has more than {context().settings.max_body_bytes} bytes, the limit of this server."
    elif status == 404:
        detail = "No resource has this address; /docs lists all."
    elif code == "bad-request":
        detail = HTTPStatus(status).phrase
    return problem_response(ProblemError(code, detail, headers=headers), status)


def _database_away(error: Exception) -> Response:
    log.warning("database unavailable: request_id=%s %s", g.get("request_id"), type(error).__name__, exc_info=error)
    detail = "The database does not answer. Repeat the request; with an Idempotency-Key nothing is done twice."
    return problem_response(ProblemError("unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)}))


def _statement_refused(error: ProgrammingError) -> Response:
    """Tell a database whose schema is old or missing from a fault of ours."""
    from workers.database.migrate import is_current  # with Alembic, which nothing else here needs

    try:
        current = is_current(context().database)
    except UNAVAILABLE as away:
        return _database_away(away)
    if current:
        return _internal(error)
    detail = "The database's schema is not current: the operator must run 'whydeep migrate'."
    return problem_response(ProblemError("unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)}))


def _internal(error: Exception) -> Response:
    # The path is client's text: %r keeps its line breaks out of the log.
    log.error("request failed: request_id=%s %s %r", g.get("request_id"), request.method, request.path, exc_info=error)
    detail = "The fault is the server's and has been logged under the request_id."
    return problem_response(ProblemError("internal", detail))
