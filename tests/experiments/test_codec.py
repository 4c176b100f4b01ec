"""Specs to JSON and back: strict, all problems at once, one hash for one meaning."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.experiments.specs import EXAMPLES, SINE, STORED, changed, specs, without
from workers.catalogue.problems import InvalidError, Problem
from workers.experiments.codec import decode, encode, spec_hash
from workers.experiments.spec import Approximation, ExperimentSpec

LAYERS = "architecture.width"


def problems(value: Any) -> list[Problem]:
    """Return what is wrong with the JSON."""
    with pytest.raises(InvalidError) as caught:
        decode(value)
    return list(caught.value.problems)


def outcome(value: Any) -> ExperimentSpec | tuple[Problem, ...]:
    """Return the spec, or what is wrong with the JSON."""
    try:
        return decode(value)
    except InvalidError as error:
        return error.problems


def test_every_problem_is_named_at_once_with_its_place() -> None:
    """Eight faults at eight depths. Mutation: raise at the first."""
    value = changed("target.expression", "sin(2*pi*y)")
    value = changed("dataset.desing", "grid", value)
    value = changed("dataset.train_size", -1, value)
    value = changed("architecture", {"kind": "mpl"}, value)
    value = changed("training.optimizer.learning_rate", 0, value)
    value = changed("training.steps", "many", value)
    value = changed("probes.0.p", [2, 0.5], value)
    value = changed("sed", 1, value)
    found = problems(value)
    assert sorted((problem.pointer, problem.code) for problem in found) == [
        ("/architecture/kind", "unknown-kind"),
        ("/dataset/desing", "unknown-field"),
        ("/dataset/train_size", "range"),
        ("/probes/0/p/1", "range"),
        ("/sed", "unknown-field"),
        ("/target/expression", "expression"),
        ("/training/optimizer/learning_rate", "range"),
        ("/training/steps", "type"),
    ]
    hints = {problem.pointer: problem.did_you_mean for problem in found if problem.did_you_mean}
    assert hints == {"/architecture/kind": "mlp", "/dataset/desing": "design", "/sed": "seed"}


@pytest.mark.parametrize(
    ("path", "value", "kept"),
    [
        (LAYERS, 3.0, 3),
        (LAYERS, [3.0, 4], (3, 4)),
        ("dataset.noise_sd", 1, 1.0),
        ("training.loss", "mse", {"kind": "mse"}),
        ("training.batch_size", None, None),
        ("training.optimizer", "adamw", None),
    ],
)
def test_json_has_one_kind_of_number_and_short_forms(path: str, value: Any, kept: Any) -> None:
    """3.0 is an integer, 1 a number, a kind alone a component. Mutation: isinstance(value, int) alone."""
    given = changed(path, value)
    if path == LAYERS and isinstance(value, list):
        given = without("architecture.depth", given)
    spec = decode(given)
    assert decode(encode(spec)) == spec
    found: Any = spec
    for part in path.split("."):
        found = getattr(found, part)
    if not isinstance(value, str) and value is not None:
        assert found == kept and type(found) is type(kept)


@pytest.mark.parametrize("value", ["3", 3.7, True, [], {}, None, [3, "4"], [True]])
def test_an_integer_takes_nothing_that_is_none(value: Any) -> None:
    """Mutation: int(value)."""
    assert {problem.path[:2] for problem in problems(changed(LAYERS, value))} == {("architecture", "width")}


@pytest.mark.parametrize("value", ["1.5", False, None, float("nan"), float("inf"), 10**400])
def test_a_number_takes_nothing_that_is_none(value: Any) -> None:
    """Mutation: float(value); or an overflow instead of a problem."""
    assert [problem.pointer for problem in problems(changed("dataset.noise_sd", value))] == ["/dataset/noise_sd"]


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (None, ""),
        ([], ""),
        ("approximation", ""),
        ({}, "/type"),
        ({"type": "aproximation"}, "/type"),
        ({"type": ["approximation"]}, "/type"),
        (changed("target", "expression"), "/target/expression"),
        (changed("target", 3), "/target"),
        (changed("target", {"expression": "x"}), "/target/kind"),
        (changed("target.kind", ["expression"]), "/target/kind"),
        (changed("probes", {"kind": "lp-error"}), "/probes"),
        (changed("target.domain", [[0, 1]]), "/target/domain"),
        (changed("target.domain", {"x": [0, 1, 2]}), "/target/domain/x"),
        (changed("training.early_stopping", 3), "/training/early_stopping"),
        (without("dataset"), "/dataset"),
    ],
    ids=str,
)
def test_values_of_another_shape_are_problems_not_errors(value: Any, pointer: str) -> None:
    """Mutation: value["kind"] without a look."""
    assert pointer in [problem.pointer for problem in problems(value)]


def test_the_hash_depends_neither_on_the_order_of_keys_nor_on_written_defaults() -> None:
    """Mutation: hash the JSON as it came."""
    expected = spec_hash(decode(SINE))
    shuffled = json.loads(json.dumps(SINE, sort_keys=True))
    assert spec_hash(decode(shuffled)) == expected
    assert spec_hash(decode(encode(decode(SINE)))) == expected
    assert spec_hash(decode(encode(decode(SINE), defaults=False))) == expected
    assert spec_hash(decode(changed("architecture.width", 64.0))) == expected


@pytest.mark.parametrize(
    ("posted", "returned"),
    [
        (changed("target.domain", {"x": [-0.0, 1.0]}), changed("target.domain", {"x": [0.0, 1]})),
        ({"type": "recorded", "config": {"a": -0.0}, "metrics": {"b": 1e17}},
         {"type": "recorded", "config": {"a": 0.0}, "metrics": {"b": 10**17}}),
    ],
    ids=["approximation", "recorded"],
)  # fmt: skip
def test_the_hash_survives_a_database_that_forgets_signs_of_zero_and_exponents(posted: Any, returned: Any) -> None:
    """JSONB stores -0.0 as 0.0, and 1e17 as digits that read as an integer. Mutation: encode floats as they are."""
    spec, again = decode(posted), decode(returned)
    assert json.dumps(encode(again)) == json.dumps(encode(spec)) and spec_hash(again) == spec_hash(spec)
    assert "-0.0" not in json.dumps(encode(spec))


def test_the_hash_sees_every_value() -> None:
    """Mutation: leave nested components out."""
    changes = [
        ("seed", 1), ("dtype", "float64"), ("training.steps", 2001), ("training.optimizer.beta1", 0.8),
        ("architecture.initialisation", {"scale": 2}), ("probes.0.p", [1, 2]), ("target.domain", {"x": [-1, 2]}),
        ("training.schedule", "constant"), ("seeds", {"init": 0}), ("training.early_stopping", {}),
    ]  # fmt: skip
    hashes = Counter(spec_hash(decode(changed(path, value))) for path, value in changes)
    hashes[spec_hash(decode(SINE))] += 1
    assert len(hashes) == len(changes) + 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_any_spec_is_refused_with_places_or_survives_json(value: dict[str, Any]) -> None:
    """Nothing but InvalidError comes out. Mutation: forget a type in the encoder."""
    found = outcome(value)
    if isinstance(found, tuple):
        assert found and all(problem.detail and problem.path for problem in found)
        return
    spec = found
    text = json.dumps(encode(spec), allow_nan=False)
    again = decode(json.loads(text))
    assert again == spec and spec_hash(again) == spec_hash(spec)
    assert decode(encode(spec, defaults=False)) == spec


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_released_spec_loads_for_ever_with_its_hash(path: Any) -> None:
    """Mutation: change a default, or rename a field."""
    stored = json.loads(path.read_text())
    assert spec_hash(decode(stored["spec"])) == stored["spec_hash"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_posted(path: Any) -> None:
    """A spec with a name and tags beside it. Mutation: a typing error in an example."""
    example = json.loads(path.read_text())
    assert set(example) == {"name", "tags", "spec"} and "example" in example["tags"]
    assert decode(example["spec"])


def test_the_example_of_the_sine_is_the_one_that_the_start_shows() -> None:
    """Mutation: another target."""
    spec = decode(SINE)
    assert isinstance(spec, Approximation)
    assert spec.target is not None and spec.target.kind == "expression"
