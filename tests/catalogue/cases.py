"""What contract tests put into a component: targets, data, subjects, values inside and outside of a schema."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from workers.catalogue.grid_networks import GridNetwork
from workers.catalogue.kinds import (
    REGISTRIES,
    Component,
    Dataset,
    Estimator,
    Network,
    Probe,
    Target,
    architectures,
    datasets,
    losses,
    registry_of,
    targets,
)
from workers.catalogue.values import DataSizes, Samples, Split, Subject, Task
from workers.experiments.codec import decode_component
from workers.experiments.jsonschema import all_schemas, example

SCHEMAS = all_schemas()
EVERY = [(registry, cls) for registry in REGISTRIES for _, cls in registry]


def of_kind(base: type) -> list[Any]:
    """Return pytest parameters: every registered class that derives from `base`, with its example's instance."""
    import pytest

    return [
        pytest.param(built(cls), id=f"{registry.noun}-{cls.kind}") for registry, cls in EVERY if issubclass(cls, base)
    ]


def built(cls: type[Component]) -> Any:
    """Return the component that its example describes."""
    base = next(base for base in cls.__mro__ if registry_of(base) is not None)
    return decode_component(base, example(cls))


def within(schema: dict[str, Any]) -> Any:
    """Return some value that the schema of a field takes."""
    if "anyOf" in schema:
        return within(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"][0] if isinstance(schema.get("type"), list) else schema.get("type")
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("maximum", schema.get("exclusiveMinimum", 0) + 0.5))
    if kind == "array" and "items" in schema:
        return [within(schema["items"])] * max(1, schema.get("minItems", 1))
    if kind == "array":
        return [within(item) for item in schema["prefixItems"]]
    if kind == "object":
        return {"x": within(schema.get("additionalProperties") or {})}
    return {"string": "a", "boolean": True}.get(str(kind))


def outside(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield values just beyond each bound of a field's schema, or of another type."""
    if "$ref" in schema or not ({"type", "anyOf", "enum"} & schema.keys()):
        return
    if "anyOf" in schema:
        # What one member refuses another may take, so only the bounds of numbers inside lists are tried.
        yield from (value for member in schema["anyOf"] for value in outside(member) if isinstance(value, list))
        return
    yield object_of_no_type(schema)
    if "enum" in schema:
        yield "no-such-choice"
        return
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    yield from {"integer": _numbers, "number": _numbers, "array": _arrays, "object": _objects, "string": _texts}.get(
        kind, lambda schema: iter(())
    )(schema)


def object_of_no_type(schema: dict[str, Any]) -> Any:
    """Return a value of a type that the schema does not name."""
    kinds = schema.get("type", "string")
    return True if "boolean" not in kinds else "true"


def _numbers(schema: dict[str, Any]) -> Iterator[Any]:
    yield "3"
    integer = "integer" in schema["type"]
    if integer:
        yield 3.7
    for name, sign in (("minimum", -1), ("maximum", 1)):
        if name in schema:
            bound = schema[name]
            yield int(bound) + sign if integer else math.nextafter(bound, sign * math.inf)
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if name in schema:
            yield schema[name]


def _arrays(schema: dict[str, Any]) -> Iterator[Any]:
    if "prefixItems" in schema:
        valid = [within(item) for item in schema["prefixItems"]]
        yield valid[:-1]
        yield [*valid, valid[0]]
        yield from ([value, *valid[1:]] for value in outside(schema["prefixItems"][0]))
        return
    valid = within(schema)
    if schema.get("minItems", 0) > 0:
        yield valid[: schema["minItems"] - 1]
    if "maxItems" in schema:
        yield [valid[0]] * (schema["maxItems"] + 1)
    yield from ([value, *valid[1:]] for value in outside(schema["items"]))


def _objects(schema: dict[str, Any]) -> Iterator[Any]:
    for name, member in schema.get("properties", {}).items():
        yield from ({name: value} for value in outside(member))
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict) and inner:
        yield from ({"x": value} for value in outside(inner))
        if "minProperties" in schema:
            yield {}
        if "maxProperties" in schema:
            yield {f"x{i}": within(inner) for i in range(schema["maxProperties"] + 1)}
    elif "properties" in schema:
        yield {"no_such_field": 1}


def _texts(schema: dict[str, Any]) -> Iterator[Any]:
    if "maxLength" in schema:
        yield "a" * (schema["maxLength"] + 1)
    if "pattern" in schema:
        yield "No Such Pattern"


def some_target() -> Target:
    """Return a target of one input."""
    return targets.get("sine-sum")()


def some_split(dataset: Dataset, seed: int = 0) -> Split:
    """Return a draw of the data set, from a sine where it needs a target."""
    return dataset.split(some_target() if dataset.needs_target else None, seed)


def sizes_for(architecture: Any) -> tuple[DataSizes, Task]:
    """Return sizes of small data that the architecture serves."""
    shapes = [(1, 1), (2, 1), (3, 2), (8, 1), (64, 10)]
    if isinstance(architecture, GridNetwork):
        shapes.reverse()  # an image of one position would test little
    for task in Task:
        for inputs, outputs in shapes:
            sizes = DataSizes(inputs=inputs, outputs=outputs, train=40, validation=10, test=10)
            if not list(architecture.misfits(sizes, task)):
                return sizes, task
    raise AssertionError(f"{architecture.kind}: serves none of the shapes {shapes}; add one that it does")


def samples(sizes: DataSizes, task: Task) -> Samples:
    """Return training samples of these sizes."""
    generator = np.random.default_rng(0)
    inputs = generator.uniform(-1, 1, (sizes.train, sizes.inputs))
    if task is Task.CLASSIFICATION:
        return Samples(inputs=inputs, outputs=np.eye(sizes.outputs)[np.arange(sizes.train) % sizes.outputs])
    return Samples(inputs=inputs, outputs=np.stack([inputs.sum(axis=1)] * sizes.outputs, axis=1))


def subject_for(probe: Probe) -> Subject:
    """Return a model that the probe can look at: a relu network at a sine or wines, a convolutional one at digits."""
    cases: list[tuple[Network | Estimator, Dataset, Target | None]] = [
        (architectures.get("mlp")(width=8, depth=1), datasets.get("sampled")(train_size=50), some_target()),
        (architectures.get("mlp")(width=8, depth=1), datasets.get("wine")(), None),
        (architectures.get("cnn")(channels=4), datasets.get("digits")(), None),
    ]
    for architecture, dataset, target in cases:
        if not list(probe.misfits(dataset.sizes(target), dataset.task, architecture, target)):
            return subject(architecture, dataset, target)
    raise AssertionError(f"{probe.kind}: looks at none of the cases; add one that it does")


def subject(architecture: Any, dataset: Dataset, target: Target | None) -> Subject:
    """Return the network as it starts, with curves of two points."""
    import torch

    sizes = dataset.sizes(target)
    state = architecture.initial_state(sizes.inputs, sizes.outputs, 0)
    module = architecture.module(sizes.inputs, sizes.outputs).double()
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
    parts = ("train_loss", "validation_loss", "test_loss", "train_accuracy", "test_accuracy", "test_l2_error")
    split = dataset.split(target, 0)
    return Subject(
        predict=lambda x: np.asarray(module(torch.from_numpy(np.array(x))).detach().numpy()),
        truth=target.function(0) if target else None,
        box=tuple(target.box.values()) if target else None,
        split=split,
        stack=architecture.stack(sizes.inputs, sizes.outputs),
        state=state,
        curves={name: ([0, 10], [1.0, 0.5]) for name in parts},
        seed=0,
        architecture=architecture,
        inputs=sizes.inputs,
        outputs=sizes.outputs,
        dtype="float64",
        scaling=split.scaling,
        loss=losses.get("cross-entropy" if split.task is Task.CLASSIFICATION else "mse")(),
    )
