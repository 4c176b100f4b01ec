"""A Markdown page per component, from its dataclass alone."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

from workers.catalogue.kinds import REGISTRIES, Component
from workers.catalogue.registry import Registry
from workers.experiments.jsonschema import component_schema, example

HEADER = "| parameter | values | default | meaning |\n|---|---|---|---|"
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def write_pages(folder: Path) -> list[Path]:
    """Write index.md and <kinds>/<name>.md for every component below `folder`; return their paths."""
    written = [_write(folder / "index.md", index())]
    for registry in REGISTRIES:
        for name, cls in registry:
            written.append(_write(folder / registry.plural / f"{name}.md", page(registry, cls)))
    return written


def index() -> str:
    """Return the page that lists all components, kind by kind."""
    parts = ["# Components", "Whatever a spec can name. These pages are generated: `whydeep catalogue --write FOLDER`."]
    for registry in REGISTRIES:
        rows = [f"- [{name}]({registry.plural}/{name}.md): {_prose(_first_line(cls))}" for name, cls in registry]
        parts += [f"## {registry.plural.capitalize()}", _first_line(registry.base), "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def page(registry: Registry[Any], cls: type[Component]) -> str:
    """Return the page of a component: what it is, its source, its parameters, an example that is valid."""
    schema = component_schema(cls)
    shown = json.dumps(example(cls), indent=2)
    parts = [
        f"# {cls.kind}",
        f"*{registry.noun}*",
        _prose(cleandoc(cls.__doc__ or "")),
        f"Source: {cls.source}.",
        "## Parameters",
        _table(schema),
        "## Example",
        f"```json\n{shown}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _table(schema: dict[str, Any]) -> str:
    rows = []
    for name, member in _flattened(schema):
        meaning = _cell(member["description"].split("\n\n")[0])
        rows.append(f"| `{name}` | {_cell(values(member))} | {_default(member)} | {meaning} |")
    return "\n".join([HEADER, *rows]) if rows else "It takes none."


def _flattened(schema: dict[str, Any], prefix: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, member in schema["properties"].items():
        if name == "kind":
            continue
        found.append((prefix + name, member))
        if "properties" in member:
            found += _flattened(member, f"{prefix}{name}.")
    return found


def values(schema: dict[str, Any]) -> str:
    """Return in words which values the schema of a parameter takes."""
    if "$ref" in schema:
        return f"a component: {schema['$ref'].rsplit('/', 1)[1].lower()}"
    if "anyOf" in schema:
        return ", or ".join(values(member) for member in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value is not None else "null" for value in schema["enum"])
    kinds = schema.get("type", "anything")
    words = [_word(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return " or ".join(words)


def _word(kind: str, schema: dict[str, Any]) -> str:
    if kind in ("integer", "number"):
        bounds = " and ".join(f"{sign} {schema[bound]:.15g}" for bound, sign in SIGNS.items() if bound in schema)
        return f"{kind} {bounds}".strip()
    if kind == "array" and "items" in schema:
        return f"list of {_count(schema, 'minItems', 'maxItems')}{values(schema['items'])}"
    if kind == "array":
        return f"[{', '.join(values(item) for item in schema['prefixItems'])}]"
    if kind == "object" and "additionalProperties" in schema and schema["additionalProperties"]:
        return f"object of {_count(schema, 'minProperties', 'maxProperties')}{values(schema['additionalProperties'])}"
    if kind == "string" and "pattern" in schema:
        return f"string like `{schema['pattern']}`"
    return {"boolean": "true or false"}.get(kind, kind)


def _count(schema: dict[str, Any], low: str, high: str) -> str:
    if low not in schema and high not in schema:
        return ""
    return f"{schema.get(low, 0)} to {schema[high]} × " if high in schema else f"at least {schema[low]} × "


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return "required"
    return "below" if "properties" in schema and schema["default"] else f"`{json.dumps(schema['default'])}`"


def _prose(text: str) -> str:
    """Return the text with the powers x**2 outside of `code` kept from turning bold."""
    pieces = text.split("`")
    return "`".join(piece if index % 2 else piece.replace("*", "\\*") for index, piece in enumerate(pieces))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _first_line(cls: type) -> str:
    return cleandoc(cls.__doc__ or "").splitlines()[0]


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
