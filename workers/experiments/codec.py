"""Specs to JSON and back: one strict decoder for the API and the worker, one canonical form to hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from itertools import islice
from typing import Any, Literal, get_args, get_origin

from workers.catalogue.kinds import Component, Part, registry_of
from workers.catalogue.parameters import bounds_of, check, hints_of, options
from workers.catalogue.problems import InvalidError, Problem, nearest
from workers.catalogue.registry import Registry, UnknownComponentError
from workers.experiments.spec import TYPES, ExperimentSpec

MOST_PROBLEMS = 100  # found in one list or object: a body of a megabyte has room for a hundred thousand


def decode(value: Any) -> ExperimentSpec:
    """Return the spec that the JSON value describes; raise InvalidError with every problem, not the first."""
    if not isinstance(value, Mapping):
        raise InvalidError([Problem(code="type", detail="must be an object with a type")])
    given = value.get("type")
    if not isinstance(given, str) or given not in TYPES:
        detail = f"must be one of {', '.join(TYPES)}"
        hint = nearest(given, TYPES) if isinstance(given, str) else None
        raise InvalidError(
            [Problem(path=("type",), code="choice", detail=detail, did_you_mean=hint, allowed=tuple(TYPES))]
        )
    spec: ExperimentSpec = _part(TYPES[given], {name: member for name, member in value.items() if name != "type"})
    return spec


def encode(spec: ExperimentSpec, *, defaults: bool = True) -> dict[str, Any]:
    """Return the spec as JSON values; without `defaults`, fields equal to their default are left out."""
    return {"type": spec.type, **_fields(spec, defaults)}


def spec_hash(spec: ExperimentSpec) -> str:
    """Return sha256 of the canonical JSON: sorted, without spaces, defaults left out."""
    text = json.dumps(encode(spec, defaults=False), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def encode_component(component: Component, *, defaults: bool = True) -> dict[str, Any]:
    """Return a component as JSON values with its kind."""
    return {"kind": component.kind, **_fields(component, defaults)}


def decode_component(base: type, value: Any) -> Any:
    """Return the component of the kind `base` that the JSON value describes; raise InvalidError."""
    registry = registry_of(base)
    if registry is None:
        raise TypeError(f"{base.__name__} is not a kind of component")
    return _component(registry, value)


def _fields(part: Part, defaults: bool) -> dict[str, Any]:
    members = {}
    for declared in fields(part):  # type: ignore[arg-type]
        value = getattr(part, declared.name)
        if defaults or declared.default is MISSING or value != declared.default:
            members[declared.name] = json_value(value, defaults=defaults)
    for name in [problem.path[0] for problem in part.omissions(members)]:  # said by the client, so kept
        members[str(name)] = json_value(getattr(part, str(name)), defaults=defaults)
    return members


def json_value(value: Any, *, defaults: bool = True) -> Any:
    """Return the value of any field as JSON values."""
    if isinstance(value, Component):
        registry = next(found for found in map(registry_of, type(value).__mro__) if found is not None)
        alone = registry.by_name and not fields(value)  # type: ignore[arg-type]
        return value.kind if alone else encode_component(value, defaults=defaults)
    if isinstance(value, Part):
        return _fields(value, defaults)
    if isinstance(value, tuple):
        return [json_value(item, defaults=defaults) for item in value]
    if isinstance(value, Mapping):
        return {name: json_value(member, defaults=defaults) for name, member in value.items()}
    # JSONB forgets the sign of a zero: -0.0 would come back from one database with another hash than from the other.
    return 0.0 if isinstance(value, float) and value == 0 else value


def _part(cls: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise InvalidError([Problem(code="type", detail="must be an object")])
    hints, declared = hints_of(cls), {each.name: each for each in fields(cls)}
    problems = [_unknown(name, hints) for name in islice((name for name in value if name not in hints), MOST_PROBLEMS)]
    problems += cls.omissions(value)
    given: dict[str, Any] = {}
    complete = True
    for name, hint in hints.items():
        if name in value:
            try:
                given[name] = _convert(hint, value[name])
            except InvalidError as error:
                problems += [problem.under(name) for problem in error.problems]
                complete = False
        elif declared[name].default is MISSING:
            problems.append(
                Problem(path=(name,), code="required", detail="is required: " + bounds_of(declared[name]).meaning)
            )
            complete = False
    try:
        if complete:
            part = cls(**given)
        else:
            for name, member in given.items():
                problems += [found.under(name) for found in check(hints[name], bounds_of(declared[name]), member)]
    except InvalidError as error:
        problems += error.problems
    if problems:
        raise InvalidError(problems)
    return part


def _unknown(name: str, known: Mapping[str, Any]) -> Problem:
    hint = nearest(name, known)
    detail = f"unknown field {name!r}" + (f"; did you mean {hint!r}?" if hint else "; remove it")
    return Problem(path=(name,), code="unknown-field", detail=detail, did_you_mean=hint, allowed=tuple(known))


def _component(registry: Registry[Any], value: Any) -> Any:
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        detail = f"must be an object with a kind, one of {', '.join(registry.names())}"
        path = ("kind",) if isinstance(value, Mapping) else ()
        raise InvalidError([Problem(path=path, code="required", detail=detail, allowed=registry.names())])
    try:
        cls = registry.get(value["kind"])
    except UnknownComponentError as error:
        detail = f"{error}" + (
            f"; did you mean {error.suggestion!r}?" if error.suggestion else f"; there are {', '.join(error.allowed)}"
        )
        problem = Problem(
            path=("kind",), code="unknown-kind", detail=detail, did_you_mean=error.suggestion, allowed=error.allowed
        )
        raise InvalidError([problem]) from None
    return _part(cls, {name: member for name, member in value.items() if name != "kind"})


def _convert(hint: Any, value: Any) -> Any:
    """Turn JSON values into those of the hint; what cannot be turned is left for the constructor to refuse."""
    members = [member for member in options(hint) if member is not type(None)]
    if value is None:
        return None
    if len(members) > 1:
        fitting = [member for member in members if _resembles(member, value)]
        return _convert(fitting[0], value) if fitting else value
    hint = members[0]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, list):
        repeated = len(arguments) == 2 and arguments[1] is Ellipsis
        return _each(
            {
                i: (arguments[0] if repeated or i >= len(arguments) else arguments[i], item)
                for i, item in enumerate(value)
            },
            tuple,
        )
    if origin is dict and isinstance(value, Mapping):
        return _each({name: (arguments[1], member) for name, member in value.items()}, dict)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e300 else value
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(hint, type) and issubclass(hint, Part):
        registry = registry_of(hint)
        return _component(registry, value) if registry is not None else _part(hint, value)
    return value


def _resembles(hint: Any, value: Any) -> bool:
    if get_origin(hint) is tuple:
        return isinstance(value, list)
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return isinstance(value, int | float) and hint in (int, float)


def _each(members: Mapping[Any, tuple[Any, Any]], shape: Any) -> Any:
    found: dict[Any, Any] = {}
    problems: list[Problem] = []
    for key, (hint, member) in members.items():
        if len(problems) >= MOST_PROBLEMS:
            break
        try:
            found[key] = _convert(hint, member)
        except InvalidError as error:
            problems += [problem.under(key) for problem in error.problems]
    if problems:
        raise InvalidError(problems)
    return found if shape is dict else tuple(found.values())
