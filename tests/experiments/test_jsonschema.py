"""JSON Schemas of whole specs, and the pages that come from them."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.experiments.specs import EXAMPLES, STORED, changed, without
from workers.catalogue.kinds import REGISTRIES, losses, targets
from workers.catalogue.problems import InvalidError
from workers.experiments.codec import decode
from workers.experiments.jsonschema import all_schemas, schema_name, union_schema
from workers.experiments.pages import page, values, write_pages

SCHEMAS = all_schemas()
REFERENCE = {"$ref": "#/components/schemas/ExperimentSpec", "components": {"schemas": SCHEMAS}}


@pytest.mark.parametrize("path", [*EXAMPLES, *STORED], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_schema_takes_every_spec_that_decodes(path: Path) -> None:
    """Mutation: a required field that has a default."""
    spec = json.loads(path.read_text())["spec"]
    assert decode(spec)
    Draft202012Validator(REFERENCE).validate(spec)


@pytest.mark.parametrize(
    "value",
    [
        changed("type", "simulation"),
        changed("target.kind", "sine"),
        changed("dataset.train_size", 0),
        changed("architecture.width", [1, 0]),
        changed("training.optimizer.learning_rate", 0),
        changed("probes.0.p", ["max"]),
        changed("seed", 2**63),
        changed("no_such", 1),
        without("dataset"),
        without("type"),
    ],
)
def test_the_schema_refuses_what_the_decoder_refuses(value: dict[str, Any]) -> None:
    """Mutation: anyOf {} for nested kinds."""
    assert not Draft202012Validator(REFERENCE).is_valid(value)
    with pytest.raises(InvalidError):
        decode(value)


def test_all_schemas_make_a_valid_openapi_document() -> None:
    """Every reference resolves. Mutation: a name that is not there."""
    validate(
        {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": SCHEMAS}}
    )
    references = {line.split('"')[3] for line in json.dumps(SCHEMAS, indent=0).splitlines() if '"$ref"' in line}
    assert references <= {f"#/components/schemas/{name}" for name in SCHEMAS}
    assert {f"#/components/schemas/{schema_name(r, name)}" for r in REGISTRIES for name in r.names()} <= references


def test_a_union_tells_its_members_apart_by_kind() -> None:
    """And takes the kind alone where no field is required. Mutation: drop the mapping."""
    union = union_schema(targets)
    assert union["discriminator"]["propertyName"] == "kind"
    assert set(union["discriminator"]["mapping"]) == set(targets.names())
    assert union["oneOf"][-1]["enum"] == [name for name in targets.names() if name != "expression"]
    assert union_schema(losses)["oneOf"][-1]["enum"] == ["cross-entropy", "lp", "mse"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 65536}, "integer ≥ 1 and ≤ 65536"),
        ({"type": ["number", "null"], "exclusiveMinimum": 0.0}, "number > 0 or null"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}, "list of 1 to 3 × string"),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 2}, "[number, number]"),
        ({"$ref": "#/components/schemas/Optimizer"}, "a component: optimizer"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false, or null"),
    ],
)
def test_values_are_said_in_words(schema: dict[str, Any], words: str) -> None:
    """Mutation: forget the exclusive bound."""
    assert values(schema) == words


def test_pages_are_written_for_every_component_with_an_index(tmp_path: Path) -> None:
    """Every link of the index leads somewhere. Mutation: skip a registry."""
    written = write_pages(tmp_path / "components")
    assert len(written) == 1 + sum(len(registry.names()) for registry in REGISTRIES)
    index = (tmp_path / "components" / "index.md").read_text()
    links = [line.split("](")[1].split(")")[0] for line in index.splitlines() if line.startswith("- [")]
    assert sorted(tmp_path / "components" / link for link in links) == sorted(written[1:])


def test_a_page_shows_parameters_and_an_example_that_can_be_pasted() -> None:
    """Mutation: the example of another component."""
    text = page(targets, targets.get("expression"))
    assert "| `expression` | string | required | the formula |" in text
    shown = json.loads(text.split("```json\n")[1].split("```")[0])
    assert decode(changed("target", shown))
    assert r"max(x1, x2)\*\*2" in text, "powers would turn bold"
