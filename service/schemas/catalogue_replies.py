"""What replies about the catalogue and the server look like."""

from marshmallow import Schema, fields

from service.schemas.replies import Plain, noun, shown

OBJECT = {"type": "object", "additionalProperties": True}


class KindReply(Schema):
    """A kind of component."""

    object = noun("kind")
    name = shown(fields.String, "its name in URLs")
    components = shown(fields.List, "the names that a spec can use", fields.String())
    links = shown(Plain, "where they are described", {"type": "object", "additionalProperties": {"type": "string"}})


class ComponentReply(Schema):
    """A component that a spec can name."""

    object = noun("component")
    kinds = shown(fields.String, "the kind of component")
    name = shown(fields.String, "its name in a spec")
    description = shown(fields.String, "what it is")
    source = shown(fields.String, "where its definition comes from")
    schema = shown(Plain, "JSON Schema (2020-12) of its parameters", OBJECT)
    example = shown(Plain, "a value that a spec can hold", OBJECT)
    links = shown(Plain, "where it is described", {"type": "object", "additionalProperties": {"type": "string"}})


class HealthReply(Schema):
    """The process answers."""

    status = shown(fields.String, "ok")


class ReadyReply(Schema):
    """The server can take requests."""

    status = shown(fields.String, "ok")
    database = shown(fields.String, "ok")
    broker = shown(
        Plain, "unreachable: work goes on by polling, a little later", {"enum": ["ok", "unreachable"], "type": "string"}
    )
