"""Specs that tests of experiments start from."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from workers.catalogue.kinds import Architecture, Dataset, Optimizer, Probe, Schedule, Simulation, Target, registry_of
from workers.catalogue.load import load
from workers.experiments.jsonschema import component_schema, example

load()
ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.json"))
STORED = sorted((Path(__file__).parent / "stored_specs").glob("*.json"))
SINE: dict[str, Any] = json.loads((ROOT / "examples" / "sine.json").read_text())["spec"]


def changed(path: str, value: Any, base: dict[str, Any] = SINE) -> dict[str, Any]:
    """Return the spec with the value at a dotted path replaced or added."""
    result: dict[str, Any] = json.loads(json.dumps(base))
    *way, last = path.split(".")
    place: Any = result
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    place[last] = value
    return result


def without(path: str, base: dict[str, Any] = SINE) -> dict[str, Any]:
    """Return the spec without a member."""
    result = changed(path, None, base)
    *way, last = path.split(".")
    place: Any = result
    for part in way:
        place = place[part]
    del place[last]
    return result


def of_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for values near a field's schema: most are valid, cross-field rules apart."""
    if "anyOf" in schema:
        return st.one_of([of_schema(member) for member in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if isinstance(schema.get("type"), list):
        kind, *_ = schema["type"]
        return st.none() | of_schema(schema | {"type": kind})
    match schema.get("type"):
        case "integer":
            low = schema.get("minimum", 0)
            return st.integers(int(low), int(min(schema.get("maximum", 100), low + 100)))
        case "number":
            low, high = schema.get("minimum", -10.0), schema.get("maximum", 10.0)
            return st.floats(max(low, -10.0), min(high, 10.0), allow_nan=False)
        case "boolean":
            return st.booleans()
        case "array" if "items" in schema:
            return st.lists(of_schema(schema["items"]), min_size=schema.get("minItems", 0), max_size=4)
        case "array":
            return st.tuples(*map(of_schema, schema["prefixItems"])).map(lambda pair: sorted(pair))
        case "null":
            return st.none()
    return st.nothing()


@st.composite
def components(draw: st.DrawFn, base: type) -> dict[str, Any]:
    """Draw the JSON of a component: an example with some fields drawn anew."""
    registry = registry_of(base)
    assert registry is not None
    cls = draw(st.sampled_from([cls for _, cls in registry]))
    given = example(cls)
    for name, schema in component_schema(cls)["properties"].items():
        strategy = of_schema(schema) if name in given and name != "kind" else st.nothing()
        if not strategy.is_empty and draw(st.booleans()):
            given[name] = draw(strategy)
    return given


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the JSON of an experiment; many break a rule between their parts."""
    if draw(st.integers(0, 5)) == 0:
        return {
            "type": "simulation",
            "simulation": draw(components(Simulation)),
            "seed": draw(st.integers(0, 2**63 - 1)),
        }
    architecture, dataset = draw(components(Architecture)), draw(components(Dataset))
    fitted = architecture["kind"] in ("polynomial", "decision-tree", "gradient-boosting")
    training = {"kind": "gradient", "optimizer": draw(components(Optimizer)), "schedule": draw(components(Schedule))}
    return {
        "type": "approximation",
        "target": draw(components(Target)) if dataset["kind"] == "sampled" else None,
        "dataset": dataset,
        "architecture": architecture,
        "training": {"kind": "fit"} if fitted else draw(st.sampled_from([training, None])),
        "probes": draw(st.lists(components(Probe), max_size=2)),
        "seed": draw(st.integers(0, 2**63 - 1)),
    }
