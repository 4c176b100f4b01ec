"""What replies are made of: kinds of field, problems, lists."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from marshmallow import Schema, fields

from service.json_reply import instant, number

NON_FINITE = ["NaN", "Infinity", "-Infinity"]


class Measured(fields.Field[float]):
    """A measured number; one that is not finite is written as its name."""

    def _serialize(self, value: float | None, attr: str | None, obj: Any, **kwargs: Any) -> float | str | None:
        return None if value is None else number(value)


class Moment(fields.Field[datetime]):
    """A time in UTC."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else instant(value)


class Plain(fields.Field[Any]):
    """A JSON value that goes out as it is; `schema` says what it may be."""

    def __init__(self, schema: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.schema = schema

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


def documented_reply(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    """Return the JSON Schema of one of these fields, for apispec; nothing for other fields."""
    if isinstance(field, Measured):
        kinds: list[dict[str, Any]] = [{"type": "number"}, {"type": "string", "enum": NON_FINITE}]
        return {"anyOf": kinds + [{"type": "null"}] * field.allow_none}
    if isinstance(field, Moment):
        return {"type": ["string", "null"] if field.allow_none else "string", "format": "date-time"}
    return dict(field.schema) if isinstance(field, Plain) else {}


def shown(kind: type[fields.Field[Any]], meaning: str, *arguments: Any, **options: Any) -> Any:
    """Return a field that stands in every reply, with what it means."""
    return kind(*arguments, required=True, metadata={"description": meaning}, **options)


def noun(name: str) -> Any:
    """Return the field `object`, which says what the reply is."""
    return fields.Constant(name, required=True, metadata={"const": name, "type": "string"})


class FaultReply(Schema):
    """One fault of a request."""

    pointer = fields.String(metadata={"description": "JSON Pointer (RFC 6901) of the fault in the body"})
    parameter = fields.String(metadata={"description": "the query parameter or header at fault"})
    code = shown(fields.String, "the kind of fault, for programs")
    detail = shown(fields.String, "what is wrong and how to mend it")
    did_you_mean = fields.String(metadata={"description": "the nearest name that exists"})
    allowed = fields.List(fields.String(), metadata={"description": "what may stand there"})


class ProblemReply(Schema):
    """A problem document (RFC 9457): every reply that is not a success."""

    type = shown(fields.String, "address of a page about this kind of problem")
    title = shown(fields.String, "the kind of problem")
    status = shown(fields.Integer, "the HTTP status")
    detail = shown(fields.String, "what is wrong this time")
    instance = shown(fields.String, "the path that was asked")
    code = shown(fields.String, "the kind of problem, for programs")
    request_id = shown(fields.String, "names the request in the server's log")
    retryable = shown(fields.Boolean, "whether the same request may succeed later")
    errors = shown(fields.List, "every fault of the request", fields.Nested(FaultReply))


@cache
def list_of(item: type[Schema]) -> type[Schema]:
    """Return the schema of a list of such items."""
    members = {
        "object": noun("list"),
        "data": shown(fields.List, "the items", fields.Nested(item)),
        "has_more": shown(fields.Boolean, "whether more follows", dump_default=False),
        "next_cursor": shown(fields.String, "what continues the list", allow_none=True, dump_default=None),
        "total": fields.Integer(metadata={"description": "how many there are in all, where that was asked"}),
        "__doc__": f"A list: {(item.__doc__ or '').splitlines()[0]}",
    }
    return type(f"{item.__name__.removesuffix('Reply')}ListReply", (Schema,), members)
