"""The OpenAPI document as the documentation page shows it: operations by noun, schemas by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

METHODS = ("get", "post", "put", "patch", "delete")
NUMBERS = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Mapping[str, Any]]
    body: Markup | None
    replies: list[tuple[str, str, Markup]]


def operations_by_noun(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations under their tags, in the order of the document."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in (method for method in METHODS if method in item):
            operation = item[method]
            shared = item.get("parameters", [])
            found[operation["tags"][0]].append(_operation(path, method, operation, shared))
    return {noun: operations for noun, operations in found.items() if operations}


def kind_of(schema: Mapping[str, Any]) -> Markup:
    """Return a schema's type in words, with a link where it has a name."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for member in ("anyOf", "oneOf"):
        if member in schema:
            return Markup(" or ").join(kind_of(each) for each in schema[member])
    if "const" in schema:
        return Markup("<code>{}</code>").format(_json(schema["const"]))
    if "enum" in schema:
        return Markup(" | ").join(Markup("<code>{}</code>").format(_json(each)) for each in schema["enum"])
    if "items" in schema:
        return Markup("list of ") + kind_of(schema["items"])
    return escape(" ".join(_words(schema)))


def _words(schema: Mapping[str, Any]) -> Iterator[str]:
    kinds = schema.get("type", "anything")
    yield " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    yield from (f"{sign} {schema[name]:g}" for name, sign in NUMBERS.items() if name in schema)
    if "maxLength" in schema:
        yield f"of at most {schema['maxLength']} characters"


def _operation(path: str, method: str, operation: Mapping[str, Any], shared: list[Any]) -> Operation:
    return Operation(
        anchor=f"{method}-{path}",
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=[each for each in [*shared, *operation.get("parameters", [])] if "name" in each],
        body=_contents(operation["requestBody"]) if "requestBody" in operation else None,
        replies=[
            (str(status), reply.get("description", ""), _contents(reply))
            for status, reply in sorted(operation["responses"].items(), key=lambda pair: str(pair[0]))
            if "$ref" not in reply
        ],
    )


def _contents(holder: Mapping[str, Any]) -> Markup:
    parts = [
        Markup("{} <small>{}</small>").format(kind_of(content.get("schema", {})), media_type)
        for media_type, content in holder.get("content", {}).items()
    ]
    return Markup(" or ").join(parts)


def _json(value: Any) -> str:
    return "null" if value is None else str(value)
