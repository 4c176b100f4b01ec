"""The registries as replies of the catalogue."""

from inspect import cleandoc
from typing import Any

from service.problems import ProblemError
from workers.catalogue.kinds import REGISTRIES
from workers.catalogue.problems import nearest
from workers.catalogue.registry import Registry, UnknownComponentError
from workers.experiments.jsonschema import REFERENCE, component_schema, example

PATH = "/v1/catalogue"


def kinds() -> list[dict[str, Any]]:
    """Return the kinds of component with their names."""
    return [
        {"name": registry.plural, "components": registry.names(), "links": {"self": f"{PATH}/{registry.plural}"}}
        for registry in REGISTRIES
    ]


def components(plural: str) -> list[dict[str, Any]]:
    """Return the components of a kind; raise ProblemError for an unknown kind."""
    registry = _registry(plural)
    return [_described(registry, name, cls) for name, cls in registry]


def component(plural: str, name: str) -> dict[str, Any]:
    """Return one component; raise ProblemError for an unknown one."""
    registry = _registry(plural)
    try:
        return _described(registry, name, registry.get(name))
    except UnknownComponentError as error:
        raise _unknown(str(error), name, error.allowed) from None


def _registry(plural: str) -> Registry[Any]:
    found = {registry.plural: registry for registry in REGISTRIES}
    if plural not in found:
        raise _unknown(f"unknown kind {plural!r}", plural, tuple(found))
    return found[plural]


def _unknown(detail: str, word: str, known: tuple[str, ...]) -> ProblemError:
    hint = nearest(word, known)
    return ProblemError("not-found", detail + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(known)}"))


def _described(registry: Registry[Any], name: str, cls: Any) -> dict[str, Any]:
    links = {"self": f"{PATH}/{registry.plural}/{name}", "kind": f"{PATH}/{registry.plural}"}
    return {
        "kinds": registry.plural,
        "name": name,
        "description": cleandoc(cls.__doc__),
        "source": cls.source,
        "schema": _rooted(component_schema(cls)),
        "example": example(cls),
        "links": links,
    }


def _rooted(value: Any) -> Any:
    """Return the schema with its references pointing into the OpenAPI document, wherever it is read."""
    if isinstance(value, dict):
        return {
            key: f"/openapi.json{member}"
            if key == "$ref" and isinstance(member, str) and member.startswith(REFERENCE)
            else _rooted(member)
            for key, member in value.items()
        }
    return [_rooted(item) for item in value] if isinstance(value, list) else value
