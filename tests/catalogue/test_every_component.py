"""The contract that every registered component meets; a new file is tested before anyone writes a test."""

import json
import math
import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator

from tests.catalogue.cases import (
    EVERY,
    SCHEMAS,
    built,
    of_kind,
    outside,
    samples,
    sizes_for,
    some_split,
    some_target,
    subject_for,
)
from workers.catalogue.kinds import (
    Component,
    Dataset,
    Estimator,
    Loss,
    Network,
    Optimizer,
    Probe,
    Schedule,
    Simulation,
    Target,
)
from workers.catalogue.parameters import bounds_of
from workers.catalogue.problems import InvalidError
from workers.catalogue.registry import Registry
from workers.catalogue.values import Task
from workers.experiments.codec import decode_component, encode_component
from workers.experiments.jsonschema import component_schema, example, schema_name
from workers.experiments.pages import page

every = pytest.mark.parametrize(("registry", "cls"), EVERY, ids=[f"{r.noun}-{c.kind}" for r, c in EVERY])
METRIC = re.compile(r"[a-z][a-z0-9_]*")
BOUNDS = {
    "minimum": ["minimum"],
    "maximum": ["maximum"],
    "exclusive_minimum": ["exclusiveMinimum"],
    "exclusive_maximum": ["exclusiveMaximum"],
    "min_items": ["minItems", "minProperties"],
    "max_items": ["maxItems", "maxProperties"],
    "max_length": ["maxLength"],
    "pattern": ["pattern"],
}


def validator(registry: Registry[Any], cls: type[Component]) -> Draft202012Validator:
    """Return a JSON Schema validator of the component, as an OpenAPI document would give it."""
    reference = f"#/components/schemas/{schema_name(registry, cls.kind)}"
    return Draft202012Validator({"$ref": reference, "components": {"schemas": SCHEMAS}})


@every
def test_a_component_says_what_it_is_and_where_it_comes_from(registry: Registry[Any], cls: type[Component]) -> None:
    """Mutation: an empty meaning in one parameter()."""
    first = (cls.__doc__ or "").splitlines()[0]
    assert first.endswith((".", ":")) and cls.source.strip()
    assert all(len(bounds_of(declared).meaning) > 2 for declared in fields(cls))  # type: ignore[arg-type]


@every
def test_an_example_survives_json_and_back(registry: Registry[Any], cls: type[Component]) -> None:
    """Mutation: leave a field out of the encoder."""
    component = built(cls)
    assert decode_component(registry.base, encode_component(component)) == component
    assert decode_component(registry.base, encode_component(component, defaults=False)) == component


@every
def test_schema_and_page_are_valid_and_take_the_example(registry: Registry[Any], cls: type[Component]) -> None:
    """Mutation: drop `const` of kind, or a field, from the schema."""
    schema = component_schema(cls)
    Draft202012Validator.check_schema(schema)
    validator(registry, cls).validate(example(cls))
    text = page(registry, cls)
    assert all(f"`{declared.name}`" in text for declared in fields(cls))  # type: ignore[arg-type]
    assert cls.source in text


@every
def test_schema_and_decoder_refuse_the_same_values(registry: Registry[Any], cls: type[Component]) -> None:
    """One step beyond each bound and each wrong type. Mutation: use >= for > in Bounds.violations."""
    check, valid = validator(registry, cls), example(cls)
    for name, schema in component_schema(cls)["properties"].items():
        for value in outside(schema) if name != "kind" else ():
            assert not check.is_valid(valid | {name: value}), f"the schema takes {name} = {value!r:.80}"
            with pytest.raises(InvalidError) as caught:
                decode_component(registry.base, valid | {name: value})
            assert {problem.path[0] for problem in caught.value.problems} == {name}, f"{name} = {value!r:.80}"


@every
def test_every_bound_that_the_decoder_checks_stands_in_the_schema(
    registry: Registry[Any], cls: type[Component]
) -> None:
    """Else the schema takes what the decoder refuses. Mutation: drop minItems from the schema."""
    properties = component_schema(cls)["properties"]
    for declared in fields(cls):  # type: ignore[arg-type]
        text = json.dumps(properties[declared.name])
        for bound, names in BOUNDS.items():
            if getattr(bounds_of(declared), bound) is not None:
                assert any(f'"{name}"' in text for name in names), f"{declared.name}: {bound}"


@every
def test_an_unknown_field_is_refused_by_both(registry: Registry[Any], cls: type[Component]) -> None:
    """Mutation: additionalProperties true."""
    given = example(cls) | {"no_such_field": 1}
    assert not validator(registry, cls).is_valid(given)
    with pytest.raises(InvalidError, match="unknown field"):
        decode_component(registry.base, given)


@pytest.mark.parametrize("target", of_kind(Target))
def test_a_target_maps_each_point_by_itself(target: Target) -> None:
    """Shape, finite values, the same bits again and for a part of the points. Mutation: return (n,)."""
    low, high = np.array(list(target.box.values())).T
    x = low + np.random.default_rng(0).uniform(size=(50, len(low))) * (high - low)
    function, kept = target.function(3), x.copy()
    y = function(x)
    assert y.shape == (50, target.outputs) and y.dtype == np.float64 and np.isfinite(y).all()
    assert np.array_equal(target.function(3)(x), y) and np.array_equal(function(x[7:19]), y[7:19])
    assert np.array_equal(x, kept), "the points were changed"


@pytest.mark.parametrize("dataset", of_kind(Dataset))
def test_a_dataset_has_the_sizes_it_announces_and_repeats_itself(dataset: Dataset) -> None:
    """Mutation: draw the split from numpy's global generator."""
    sizes = dataset.sizes(some_target() if dataset.needs_target else None)
    split, again, other = some_split(dataset), some_split(dataset), some_split(dataset, seed=1)
    for name in ("train", "validation", "test"):
        part, repeated = getattr(split, name), getattr(again, name)
        assert part.inputs.shape == (getattr(sizes, name), sizes.inputs)
        assert part.outputs.shape == (getattr(sizes, name), sizes.outputs)
        assert np.isfinite(part.inputs).all() and np.isfinite(part.outputs).all()
        assert np.array_equal(part.inputs, repeated.inputs) and np.array_equal(part.outputs, repeated.outputs)
        if len(part.inputs):
            assert not np.array_equal(part.inputs, getattr(other, name).inputs)
    assert split.task is dataset.task
    assert (split.scaling.input_scale > 0).all() and (split.scaling.output_scale > 0).all()
    if dataset.task is Task.CLASSIFICATION:
        assert np.array_equal(np.unique(split.train.outputs), [0, 1]) and (split.train.outputs.sum(axis=1) == 1).all()


@pytest.mark.parametrize("network", of_kind(Network))
def test_a_network_and_its_initial_state_agree(network: Network) -> None:
    """Names, shapes, count, bits, gradients. Mutation: swap fan_in and fan_out in initial_state."""
    sizes, _ = sizes_for(network)
    state = network.initial_state(sizes.inputs, sizes.outputs, 5)
    again, other = (network.initial_state(sizes.inputs, sizes.outputs, seed) for seed in (5, 6))
    module = network.module(sizes.inputs, sizes.outputs).double()
    assert {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()} == {
        name: array.shape for name, array in state.items()
    }
    assert network.parameter_count(sizes.inputs, sizes.outputs) == sum(p.numel() for p in module.parameters())
    assert all(np.array_equal(state[name], again[name]) for name in state)
    assert network.constructed == all(np.array_equal(state[name], other[name]) for name in state)
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
    outputs = module(torch.linspace(-1, 1, 7 * sizes.inputs, dtype=torch.float64).reshape(7, -1))
    assert outputs.shape == (7, sizes.outputs) and outputs.isfinite().all()
    outputs.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
    stack = network.stack(sizes.inputs, sizes.outputs)
    assert stack is None or stack.parameter_count == network.parameter_count(sizes.inputs, sizes.outputs)


@pytest.mark.parametrize("estimator", of_kind(Estimator))
def test_an_estimator_fits_and_predicts(estimator: Estimator) -> None:
    """On every task that it serves. Mutation: predict from self instead of from the state."""
    first, _ = sizes_for(estimator)
    for task, outputs in ((Task.REGRESSION, 1), (Task.REGRESSION, 2), (Task.CLASSIFICATION, 3)):
        sizes = replace(first, inputs=2, outputs=outputs)
        if list(estimator.misfits(sizes, task)):
            continue
        train = samples(sizes, task)
        state, again = estimator.fit(train, task, 1), estimator.fit(train, task, 1)
        assert all(array.dtype.kind in "fiub" for array in state.values()), "only numbers can be stored"
        assert all(np.array_equal(state[name], again[name]) for name in state)
        found = estimator.predict(state, train.inputs)
        assert found.shape == (sizes.train, outputs) and np.isfinite(found).all()
        assert np.allclose(estimator.predict(state, train.inputs[3:5]), found[3:5], rtol=1e-12, atol=1e-12)
        if task is Task.CLASSIFICATION:
            assert (found >= 0).all() and np.allclose(found.sum(axis=1), 1)
        else:
            assert np.mean((found - train.outputs) ** 2) < 0.5 * np.var(train.outputs)


@pytest.mark.parametrize("optimizer", of_kind(Optimizer))
def test_an_optimizer_descends_a_quadratic(optimizer: Optimizer) -> None:
    """Mutation: the wrong sign of the step."""
    point = torch.tensor([1.0, -2.0], dtype=torch.float64)
    buffers = [torch.zeros_like(point) for _ in optimizer.buffers]
    steps = np.arange(200.0)
    for row in optimizer.coefficients(steps, np.ones(200)):
        optimizer.update(point, 2 * point, buffers, [torch.tensor(number) for number in row])
    assert point.square().sum() < 5.0 * 0.9


@pytest.mark.parametrize("optimizer", of_kind(Optimizer))
def test_an_update_is_elementwise_and_reads_no_numeric_field(optimizer: Optimizer) -> None:
    """The same bits for a slice; other numbers in the instance change nothing. Mutation: use self.learning_rate."""
    generator = torch.Generator().manual_seed(0)
    names = [name for name in optimizer.numeric if isinstance(getattr(optimizer, name), float)]
    other = replace(optimizer, **{name: getattr(optimizer, name) * 0.5 for name in names})
    row = [
        torch.tensor(number, dtype=torch.float32) for number in optimizer.coefficients(np.arange(3.0), np.ones(3))[2]
    ]
    whole = torch.randn(2 + len(optimizer.buffers), 1003, generator=generator).square()
    part = whole[:, 517:581].clone()
    optimizer.update(whole[0], whole[1], list(whole[2:]), row)
    other.update(part[0], part[1], list(part[2:]), row)
    assert torch.equal(whole[:, 517:581], part)


@pytest.mark.parametrize("schedule", of_kind(Schedule))
def test_a_schedule_gives_each_step_its_factor(schedule: Schedule) -> None:
    """Finite, not negative, the same alone as in a range. Mutation: divide by the last of the given steps."""
    steps = np.arange(1000.0)
    factors = schedule.factors(steps, 1000)
    assert factors.shape == (1000,) and np.isfinite(factors).all() and (factors >= 0).all()
    assert np.array_equal(schedule.factors(steps[300:301], 1000), factors[300:301])


@pytest.mark.parametrize("loss", of_kind(Loss))
def test_the_delta_of_a_loss_is_its_derivative(loss: Loss) -> None:
    """Central differences, h = 1e-6 in float64: error below 1e-8. Mutation: drop the factor 1/n."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[torch.randint(3, (2, 5), generator=generator)]
    numeric = torch.zeros_like(outputs)
    for index in np.ndindex(*outputs.shape):
        for sign in (1, -1):
            moved = outputs.clone()
            moved[index] += sign * 1e-6
            numeric[index] += sign * loss.value(moved, targets)[index[0]] / 2e-6
    assert loss.value(outputs, targets).shape == (2,)
    assert torch.allclose(loss.delta(outputs.clone(), targets), numeric, atol=1e-8)


@pytest.mark.parametrize("probe", of_kind(Probe))
def test_a_probe_measures_what_it_announces(probe: Probe) -> None:
    """Mutation: a metric name without its label."""
    labelled = replace(probe, label="mine")
    for each in (probe, labelled):
        reading = each.measure(subject_for(each))
        assert set(reading.metrics) == set(each.metric_names())
        assert all(METRIC.fullmatch(name) for name in reading.metrics)
        assert all(isinstance(value, float) for value in reading.metrics.values())
    assert all(name.startswith("mine_") for name in labelled.metric_names())


@pytest.mark.parametrize("simulation", of_kind(Simulation))
def test_a_simulation_measures_what_it_announces_and_repeats_itself(simulation: Simulation) -> None:
    """Mutation: a global random generator."""
    notes: list[tuple[int, int]] = []
    first = simulation.run(0, lambda completed, total: notes.append((completed, total)))
    again, other = (simulation.run(seed, lambda completed, total: None) for seed in (0, 1))
    assert set(first.metrics) == set(simulation.metric_names()) and first.metrics == again.metrics
    assert all(METRIC.fullmatch(name) for name in first.metrics)
    assert first.metrics != other.metrics
    assert notes and notes[-1][0] == notes[-1][1] and all(math.isfinite(value) for value in first.metrics.values())
