"""What every request passes before a view and every reply after it."""

import re
import uuid
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from service.context import context
from service.problems import ProblemError, invalid_parameters
from workers.catalogue.problems import Problem

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Asked by load balancers and orchestrators under whatever address they have; they tell no data.
HEALTH_PATHS = ("/healthz", "/readyz")
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def install(app: Flask) -> None:
    """Install the checks."""
    app.before_request(_name_request)
    app.before_request(_refuse_foreign_host)
    app.before_request(_refuse_cross_site)
    app.before_request(_refuse_undeclared_parameters)
    app.after_request(_add_headers)


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _refuse_foreign_host() -> None:
    """Raise ProblemError for a host name that is not ours: a page elsewhere may have pointed its own name here."""
    if request.path in HEALTH_PATHS:
        return
    host = re.sub(r":\d*$", "", request.headers.get("Host", "")).lower()
    if host not in context().settings.host_names:
        raise ProblemError(
            "forbidden", f"The host name {host[:100]!r} is not one of this server: add it to WHYDEEP_ALLOWED_HOSTS."
        )


def _refuse_cross_site() -> None:
    """Raise ProblemError for what another site makes a browser send; a link that a person follows is let in."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    followed = request.method in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Mode") == "navigate"
    foreign_site = site in ("cross-site", "same-site") and not followed
    foreign_origin = origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()
    if foreign_site or foreign_origin:
        raise ProblemError("forbidden", "The request comes from another web site.")


def _refuse_undeclared_parameters() -> None:
    """Raise ProblemError for a query string where the operation takes none; others check their own."""
    if not request.args or request.endpoint is None:
        return
    view = current_app.view_functions[request.endpoint]
    declared = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
    if not any(parameter["in"] == "query" for parameter in declared):
        raise invalid_parameters(
            Problem(path=(name,), code="unknown-parameter", detail=f"unknown parameter {name!r}; remove it")
            for name in request.args
        )


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = g.get("request_id", "")
    return response
