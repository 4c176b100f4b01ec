"""Everything that can be wrong with a request, by code: status, title and the remedy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workers.catalogue.problems import Problem

MOST_ERRORS = 100  # named in one reply
SHOWN_ENDS = 500  # characters at each end of a detail


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of problem, the same at every place where it occurs."""

    status: int
    title: str
    remedy: str
    retryable: bool = False


KINDS: dict[str, Kind] = {
    "bad-request": Kind(
        status=400, title="The request is malformed", remedy="Compare it with the documentation at /docs."
    ),
    "malformed-json": Kind(
        status=400,
        title="The body is not strict JSON",
        remedy="Send one UTF-8 JSON value without NaN or Infinity, without duplicate keys, at most 20 levels deep, "
        "with integers of at most 64 bits. Write a large number as 1e20.",
    ),
    "unknown-parameter": Kind(
        status=400,
        title="A query parameter is unknown",
        remedy="Remove it, or spell it as the documentation at /docs does.",
    ),
    "invalid-cursor": Kind(
        status=400,
        title="The cursor is not one of this list",
        remedy="Take next_cursor from a reply of the same list with the same filter, or start without a cursor.",
    ),
    "forbidden": Kind(
        status=403,
        title="The request comes from a place that is not allowed",
        remedy="Call the API under a host name that it knows (WHYDEEP_ALLOWED_HOSTS) and not from another web site.",
    ),
    "not-found": Kind(status=404, title="There is nothing here", remedy="Check the address and the id."),
    "method-not-allowed": Kind(
        status=405, title="The address does not take this method", remedy="Use a method that the Allow header names."
    ),
    "not-acceptable": Kind(
        status=406,
        title="No representation fits the Accept header",
        remedy="Accept one of the media types that the detail names.",
    ),
    "not-cancellable": Kind(
        status=409,
        title="The experiment has ended",
        remedy="Only queued and running experiments can be cancelled; read its status.",
    ),
    "no-model": Kind(
        status=409,
        title="The experiment has no model",
        remedy="Wait until it has succeeded, or ask an experiment that trains an architecture.",
    ),
    "payload-too-large": Kind(
        status=413, title="The body is too large", remedy="Send less at once; the detail names the limit."
    ),
    "unsupported-media-type": Kind(
        status=415, title="The body is not declared as JSON", remedy="Send the header Content-Type: application/json."
    ),
    "range-not-satisfiable": Kind(
        status=416,
        title="The range lies outside the content",
        remedy="Ask for bytes below the size that Content-Range names.",
    ),
    "validation-error": Kind(
        status=422,
        title="The request breaks a rule",
        remedy="Mend every entry of errors: each names its place by a JSON Pointer or a parameter.",
    ),
    "unknown-field": Kind(
        status=422,
        title="The body has fields that do not exist",
        remedy="Remove them, or take the name in did_you_mean.",
    ),
    "filter-syntax": Kind(
        status=422,
        title="The filter cannot be read",
        remedy="Mend it at the character that the detail names; docs/filters.md has the grammar. "
        "AND beside OR needs parentheses.",
    ),
    "filter-type": Kind(
        status=422,
        title="The filter compares a field with a value of another type",
        remedy="Write numbers without quotes, text and times in quotes, and true or false for what is either.",
    ),
    "unknown-filter-field": Kind(
        status=422,
        title="The filter, the order or the selection names a field that does not exist",
        remedy="Take the name in did_you_mean, or one of allowed; a member of the spec is spec.<path>.",
    ),
    "idempotency-key-reused": Kind(
        status=422,
        title="The idempotency key belongs to another request",
        remedy="Use a new key for a new request, and the old key only to repeat the same one.",
    ),
    "internal": Kind(
        status=500,
        title="The server failed",
        remedy="Report it with the request_id: the server's log has the cause under this id.",
        retryable=True,
    ),
    "unavailable": Kind(
        status=503,
        title="The server cannot answer now",
        remedy="Repeat the request after the seconds that Retry-After names, with the same Idempotency-Key.",
        retryable=True,
    ),
}
CODES_BY_STATUS = {kind.status: code for code, kind in reversed(KINDS.items())} | {422: "validation-error"}


class ProblemError(Exception):
    """The request is answered with a problem document."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.errors, self.headers = list(errors)[:MOST_ERRORS], dict(headers or {})


def invalid_body(problems: Iterable[Problem]) -> ProblemError:
    """Return the refusal of a body, every problem at its JSON Pointer."""
    errors = [{"pointer": problem.pointer, **_described(problem)} for problem in problems]
    only_unknown = {error["code"] for error in errors} == {"unknown-field"}
    return ProblemError("unknown-field" if only_unknown else "validation-error", _counted(errors), errors=errors)


def invalid_parameters(problems: Iterable[Problem]) -> ProblemError:
    """Return the refusal of query parameters or headers, every problem with the parameter's name."""
    errors = [{"parameter": str(problem.path[0]), **_described(problem)} for problem in problems]
    unknown = any(error["code"] == "unknown-parameter" for error in errors)
    return ProblemError("unknown-parameter" if unknown else "validation-error", _counted(errors), errors=errors)


def _shortened(text: str) -> str:
    """Return the text without the middle of what a client may have written very long."""
    return text if len(text) <= 2 * SHOWN_ENDS else f"{text[:SHOWN_ENDS]} ... {text[-SHOWN_ENDS:]}"


def _described(problem: Problem) -> dict[str, Any]:
    described: dict[str, Any] = {"code": problem.code, "detail": _shortened(problem.detail)}
    if problem.did_you_mean is not None:
        described["did_you_mean"] = problem.did_you_mean
    if problem.allowed:
        described["allowed"] = list(problem.allowed)
    return described


def _counted(errors: list[dict[str, Any]]) -> str:
    if len(errors) == 1:
        place = errors[0].get("pointer", errors[0].get("parameter"))
        return _shortened(f"{place or 'The body'}: {errors[0]['detail']}")
    more = " or more" if len(errors) >= MOST_ERRORS else ""
    return f"{min(len(errors), MOST_ERRORS)}{more} things are wrong; errors names them."
