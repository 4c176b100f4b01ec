"""The probe `line-regions`: known counts, units of the data, and what it refuses."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import Probe, architectures, datasets, probes, targets
from workers.catalogue.values import Reading, Samples, Scaling, Subject
from workers.experiments.codec import decode_component

SAMPLED = datasets.get("sampled")(train_size=20, validation_size=0, test_size=30)
PRODUCT = targets.get("product")(inputs=3)


def mlp(**fields: Any) -> Any:
    """Return a multilayer perceptron."""
    return architectures.get("mlp")(**fields)


def read(looked_at: Subject, **fields: Any) -> Reading:
    """Return what the probe measures."""
    return decode_component(Probe, {"kind": "line-regions", **fields}).measure(looked_at)


def planes() -> Subject:
    """Return a network of 2 inputs with kinks at x1 = 10, x1 = 14 and x2 = 100, scaled by 2 and 5, and test samples."""
    found = subject(mlp(width=3, depth=1), SAMPLED, targets.get("product")(inputs=2, domain=(0.0, 20.0)))
    scaling = Scaling(
        input_mean=np.array([10.0, 100.0]),
        input_scale=np.array([2.0, 5.0]),
        output_mean=np.zeros(1),
        output_scale=np.ones(1),
    )
    state = {
        "layers.0.weight": np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]),
        "layers.0.bias": np.array([0.0, 2.0, 0.0]),
        "layers.1.weight": np.array([[1.0, 1.0, 1.0]]),
        "layers.1.bias": np.zeros(1),
    }
    test = Samples(inputs=np.array([[0.0, 90.0], [20.0, 110.0]]), outputs=np.zeros((2, 1)))
    return replace(found, scaling=scaling, state=state, split=replace(found.split, test=test))


def test_kinks_are_counted_between_test_samples_in_the_units_of_the_data() -> None:
    """The diagonal meets x1 = 10 and x2 = 100 at once, and x1 = 14. Mutation: forget the scaling."""
    reading = read(planes(), lines=5)
    length = math.hypot(20, 20)
    assert reading.metrics == {
        "line_regions_mean": 3.0,
        "line_regions_max": 3.0,
        "kinks_per_length": pytest.approx(2 / length),
    }
    assert reading.arrays["counts"].tolist() == [3] * 5
    ends = {tuple(row) for row in np.concatenate([reading.arrays["starts"], reading.arrays["ends"]]).tolist()}
    assert ends == {(0.0, 90.0), (20.0, 110.0)}


def test_lines_through_the_domain_stay_in_it() -> None:
    """On [0, 20]**2 only x1 = 10 and x1 = 14 are met: 1 to 3 pieces. Mutation: pairs of test samples always."""
    reading = read(planes(), through="domain", lines=200)
    counts = reading.arrays["counts"]
    assert set(counts.tolist()) == {1, 2, 3}
    first, last = np.sort([reading.arrays["starts"][:, 0], reading.arrays["ends"][:, 0]], axis=0)
    expected = 1 + ((first < 10) & (last > 10)).astype(int) + ((first < 14) & (last > 14))
    assert np.array_equal(counts, expected)
    assert reading.metrics["line_regions_mean"] == pytest.approx(expected.mean())
    assert reading.metrics["line_regions_max"] == 3.0


@pytest.mark.parametrize("residual", [False, True])
def test_in_one_dimension_the_domain_is_counted_once_as_linear_regions_does(residual: bool) -> None:
    """An independent path to the same number. Mutation: random parts of the interval."""
    looked_at = subject(mlp(width=1 if residual else 20, depth=3, residual=residual), SAMPLED, some_target())
    reading = read(looked_at, through="domain")
    other = probes.get("linear-regions")().measure(looked_at).metrics["linear_regions"]
    assert reading.metrics["line_regions_mean"] == reading.metrics["line_regions_max"] == other
    assert len(reading.arrays["counts"]) == 1


def test_the_lines_follow_from_the_seed() -> None:
    """Mutation: a generator of numpy."""
    looked_at = subject(mlp(width=8), SAMPLED, PRODUCT)
    first, again = read(looked_at, lines=7), read(looked_at, lines=7)
    other = read(replace(looked_at, seed=1), lines=7)
    assert np.array_equal(first.arrays["starts"], again.arrays["starts"])
    assert not np.array_equal(first.arrays["starts"], other.arrays["starts"])


def test_equal_samples_have_no_density_and_broken_weights_no_count() -> None:
    """Mutations: 0/0; let the engine raise."""
    looked_at = planes()
    same = Samples(inputs=np.ones((2, 2)), outputs=np.zeros((2, 1)))
    reading = read(replace(looked_at, split=replace(looked_at.split, test=same)), lines=2)
    assert reading.metrics["line_regions_max"] == 1.0 and math.isnan(reading.metrics["kinks_per_length"])
    looked_at.state["layers.0.bias"][1] = math.inf
    assert all(math.isnan(value) for value in read(looked_at).metrics.values())


def test_a_linear_model_is_one_piece() -> None:
    """Whatever activation its layers would have. Mutation: ask for relu always."""
    assert refusals(mlp(depth=0, activation="tanh"), SAMPLED, PRODUCT) == []
    reading = read(subject(mlp(depth=0, activation="tanh"), SAMPLED, PRODUCT), lines=3)
    assert reading.metrics == {"line_regions_mean": 1.0, "line_regions_max": 1.0, "kinks_per_length": 0.0}


def refusals(architecture: Any, dataset: Any, target: Any, **fields: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking."""
    probe = decode_component(Probe, {"kind": "line-regions", **fields})
    return [p.pointer for p in probe.misfits(dataset.sizes(target), dataset.task, architecture, target)]


def test_it_says_what_it_cannot_look_at() -> None:
    """Mutation: no misfits()."""
    one = datasets.get("sampled")(test_size=1)
    wine = datasets.get("wine")()
    assert refusals(mlp(), SAMPLED, PRODUCT) == []
    assert refusals(mlp(), wine, None) == []
    assert refusals(mlp(activation="tanh"), SAMPLED, PRODUCT) == [""]
    assert refusals(architectures.get("polynomial")(), SAMPLED, PRODUCT) == [""]
    assert refusals(mlp(), wine, None, through="domain") == ["/through"]
    assert refusals(mlp(), one, PRODUCT) == ["/through"]
    assert refusals(mlp(), one, PRODUCT, through="domain") == []
    assert refusals(mlp(width=4096, depth=2), SAMPLED, PRODUCT) == ["/lines"]
    assert refusals(mlp(width=4096, depth=2), SAMPLED, PRODUCT, lines=1) == []
    assert refusals(mlp(width=8192, depth=2), SAMPLED, PRODUCT, lines=1) == [""]
