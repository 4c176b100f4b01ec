"""How bodies, query strings and headers become arguments: strictly, and with every fault named."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

from flask import Request, g
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import RequestEntityTooLarge

from service.context import context
from service.json_body import JsonError, parse
from service.problems import MOST_ERRORS, ProblemError, invalid_body, invalid_parameters
from workers.catalogue.problems import Path, Problem, nearest

MARSHMALLOWS_UNKNOWN = "Unknown field."


class StrictParser(FlaskParser):
    """Reads requests for flask-smorest's `arguments`."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": RAISE, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body's JSON value, kept as `g.body`; raise ProblemError 400, 413 or 415."""
        if req.mimetype != "application/json":
            given = f"not {req.mimetype}" if req.mimetype else "and the header is missing"
            raise ProblemError("unsupported-media-type", f"The body must be application/json, {given}.")
        body, limit = req.get_data(), context().settings.max_body_bytes
        # A body of unknown length is cut off at one byte more, and not refused, by Werkzeug.
        if len(body) > limit:
            raise RequestEntityTooLarge
        try:
            g.body = parse(body)
        except JsonError as error:
            detail = str(error)[:1000]
            raise ProblemError("malformed-json", detail, errors=invalid_body(error.problems).errors) from None
        return g.body

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """Return the parameters; one that is given several times counts as a list with commas."""
        return {name: ",".join(values) for name, values in req.args.lists()}

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: Any) -> NoReturn:
        """Raise ProblemError for everything that the schema refused."""
        raise refusal(error, schema, is_body=error.messages_dict.keys() <= {"json"})


def refusal(error: ValidationError, schema: Schema, *, is_body: bool) -> ProblemError:
    """Return the problem document for what webargs says that a schema refused."""
    known = tuple(field.data_key or name for name, field in schema.load_fields.items())
    located: dict[str, Any] = error.messages_dict
    (messages,) = located.values()
    unknown = "unknown-field" if is_body else "unknown-parameter"
    problems = [_named(problem, known, unknown) for problem in islice(_flat(messages, ()), MOST_ERRORS + 1)]
    return invalid_body(problems) if is_body else invalid_parameters(problems)


def _flat(messages: Any, path: Path) -> Iterator[Problem]:
    """Yield marshmallow's nested messages as problems; our own fields put problems there already."""
    if isinstance(messages, Mapping):
        for key, members in messages.items():
            yield from _flat(members, path if key == "_schema" else (*path, key))
    elif isinstance(messages, Problem):
        yield messages.under(*path)
    elif isinstance(messages, str):
        yield Problem(path=path, detail=messages)
    else:
        for message in messages:
            yield from _flat(message, path)


def _named(problem: Problem, known: tuple[str, ...], unknown: str) -> Problem:
    if problem.detail != MARSHMALLOWS_UNKNOWN:
        return problem
    name = str(problem.path[-1])
    hint = nearest(name, known)
    noun = unknown.removeprefix("unknown-")
    detail = f"unknown {noun} {name!r}" + (f"; did you mean {hint!r}?" if hint else "; remove it")
    return Problem(path=problem.path, code=unknown, detail=detail, did_you_mean=hint, allowed=known)
