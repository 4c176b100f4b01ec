"""JSON Schemas (2020-12, as OpenAPI 3.1 takes them) of specs and components, from their dataclasses alone."""

from dataclasses import MISSING, Field, fields
from inspect import cleandoc
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from workers.catalogue.kinds import REGISTRIES, Component, Part, registry_of
from workers.catalogue.parameters import Bounds, bounds_of, hints_of, options
from workers.catalogue.registry import Registry
from workers.experiments.codec import decode_component, encode_component, json_value
from workers.experiments.spec import TYPES

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"
PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
OF_NUMBERS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
}


def all_schemas() -> dict[str, Schema]:
    """Return every schema by name: ExperimentSpec, its three types, each kind (Target, ...), each component."""
    schemas = {"ExperimentSpec": _one_of("type", {name: _spec_name(name) for name in TYPES})}
    for name, cls in TYPES.items():
        schemas[_spec_name(name)] = _object(cls, {"type": name})
    for registry in REGISTRIES:
        schemas[_camel(registry.noun)] = union_schema(registry)
        for name, component in registry:
            schemas[schema_name(registry, name)] = component_schema(component)
    return schemas


def component_schema(cls: type[Component]) -> Schema:
    """Return the schema of one component; nested kinds are references to their unions."""
    schema = _object(cls, {"kind": cls.kind})
    return schema | {"description": f"{schema['description']}\n\nSource: {cls.source}"}


def union_schema(registry: Registry[Any]) -> Schema:
    """Return one of the registry's components, told apart by kind; or the kind alone where no field is required."""
    schema = _one_of("kind", {name: schema_name(registry, name) for name in registry.names()})
    alone = [name for name, cls in registry if not _required(cls)]
    if alone:
        detail = "The kind alone: every field at its default."
        schema["oneOf"].append({"type": "string", "enum": alone, "description": detail})
    return schema | {"description": cleandoc(registry.base.__doc__)}


def schema_name(registry: Registry[Any], name: str) -> str:
    """Return the schema name of a component: SineSumTarget for the target sine-sum."""
    return _camel(name) + _camel(registry.noun)


def example(cls: type[Component]) -> dict[str, Any]:
    """Return a valid JSON value of the component with every field; raise TypeError for a field that lacks one."""
    given: dict[str, Any] = {"kind": cls.kind}
    for declared in fields(cls):  # type: ignore[arg-type]
        bounds = bounds_of(declared)
        if bounds.example is not None:
            given[declared.name] = bounds.example
        elif declared.default is MISSING:
            raise TypeError(f"{cls.kind}.{declared.name}: a required field needs example= in its parameter()")
    base = next(base for base in cls.__mro__ if registry_of(base) is not None)
    return encode_component(decode_component(base, given))


def _one_of(property_name: str, names: dict[str, str]) -> Schema:
    mapping = {name: REFERENCE + target for name, target in names.items()}
    return {
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": property_name, "mapping": mapping},
    }


def _object(cls: type[Part], told_apart_by: dict[str, str]) -> Schema:
    properties: dict[str, Schema] = {name: {"type": "string", "const": value} for name, value in told_apart_by.items()}
    hints = hints_of(cls)
    for declared in fields(cls):  # type: ignore[arg-type]
        properties[declared.name] = _property(declared, hints[declared.name])
    return {
        "type": "object",
        "description": cleandoc(cls.__doc__ or ""),
        "properties": properties,
        "required": [*told_apart_by, *_required(cls)],
        "additionalProperties": False,
    }


def _required(cls: type[Part]) -> list[str]:
    return [declared.name for declared in fields(cls) if declared.default is MISSING]  # type: ignore[arg-type]


def _property(declared: Field[Any], hint: Any) -> Schema:
    bounds = bounds_of(declared)
    schema = _schema(hint, bounds)
    schema["description"] = "\n\n".join(filter(None, (bounds.meaning, schema.get("description"))))
    if declared.default is not MISSING:
        schema["default"] = json_value(declared.default)
    if bounds.example is not None:
        schema["examples"] = [bounds.example]
    return schema


def _schema(hint: Any, bounds: Bounds) -> Schema:
    members = [_one(member, bounds) for member in options(hint)]
    if len(members) == 1:
        return members[0]
    if len(members) == 2 and members[1] == {"type": "null"} and isinstance(members[0].get("type"), str):
        found = members[0] | {"type": [members[0]["type"], "null"]}
        return found | {"enum": [*found["enum"], None]} if "enum" in found else found
    return {"anyOf": members}


def _one(hint: Any, bounds: Bounds) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is tuple:
        return _array(arguments, bounds)
    if origin is dict:
        limits = {"minProperties": bounds.min_items, "maxProperties": bounds.max_items}
        return {"type": "object", "additionalProperties": _schema(arguments[1], bounds)} | _given(limits)
    if hint in (int, float):
        return {"type": PLAIN[hint]} | _given({theirs: getattr(bounds, ours) for ours, theirs in OF_NUMBERS.items()})
    if hint is str:
        pattern = f"^(?:{bounds.pattern})$" if bounds.pattern else None
        return {"type": "string"} | _given({"maxLength": bounds.max_length, "pattern": pattern})
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if isinstance(hint, type) and issubclass(hint, Part):
        registry = registry_of(hint)
        return {"$ref": REFERENCE + _camel(registry.noun)} if registry is not None else _object(hint, {})
    return {}


def _array(items: tuple[Any, ...], bounds: Bounds) -> Schema:
    if len(items) == 2 and items[1] is Ellipsis:
        limits = {"minItems": bounds.min_items, "maxItems": bounds.max_items}
        return {"type": "array", "items": _schema(items[0], bounds)} | _given(limits)
    fixed = [_schema(item, bounds) for item in items]
    return {"type": "array", "prefixItems": fixed, "minItems": len(items), "maxItems": len(items)}


def _given(members: dict[str, Any]) -> Schema:
    return {name: value for name, value in members.items() if value is not None}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _spec_name(name: str) -> str:
    return f"{_camel(name)}Spec"
