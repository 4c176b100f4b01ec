"""The probe `modulus-of-continuity`: functions whose modulus is known, and a tree beside a network."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.catalogue.cases import some_target, subject
from workers.catalogue.kinds import Probe, architectures, datasets, targets
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Reading, Samples, Subject, Task
from workers.experiments.codec import decode_component

SAMPLED = datasets.get("sampled")(train_size=50, validation_size=0, test_size=30)


def read(looked_at: Subject, **fields: Any) -> Reading:
    """Return what the probe measures."""
    return decode_component(Probe, {"kind": "modulus-of-continuity", **fields}).measure(looked_at)


def model(predict: Callable[[Any], Any], inputs: int = 1, domain: tuple[float, float] = (-1.0, 1.0)) -> Subject:
    """Return a subject that predicts by a given function; its target is the product of the inputs."""
    product = targets.get("product")(inputs=inputs, domain=domain)
    return replace(subject(architectures.get("mlp")(width=2), SAMPLED, product), predict=predict)


@pytest.mark.parametrize(
    ("predict", "exponent", "largest", "steepest"),
    [
        # the largest delta is 1/4, the smallest 2**-13
        (lambda x: -3 * x, 1.0, 0.75, 3.0),
        (lambda x: np.sqrt(np.abs(x)), 0.5, 0.5, 2**6.5),
        (lambda x: 5.0 * (x > 0.1), 0.0, 5.0, 5 * 2.0**13),
    ],
)
def test_known_functions_have_their_exponent(
    predict: Callable[[Any], Any], exponent: float, largest: float, steepest: float
) -> None:
    """Linear, a square root and a jump on [-1, 1]. Mutations: deltas as fractions of 1; the first delta's omega."""
    for deltas in (None, [2.0**-k for k in range(13, 1, -1)]):
        reading = read(model(predict), **({} if deltas is None else {"deltas": deltas}))
        expected = {"modulus_exponent": exponent, "modulus_lower_bound": largest, "lipschitz_lower_bound": steepest}
        assert reading.metrics == pytest.approx(expected, abs=1e-12)
        # the target is x itself
        assert reading.arrays["target_modulus"] == pytest.approx(reading.arrays["deltas"], abs=1e-14)
        assert len(reading.arrays["modulus"]) == 12


def test_a_tree_jumps_where_a_network_does_not() -> None:
    """Fitted to a sine. Mutation: windows that see one point."""
    network = subject(architectures.get("mlp")(width=16, activation="tanh"), SAMPLED, some_target())
    tree = architectures.get("decision-tree")()
    state = tree.fit(network.split.train, Task.REGRESSION, 0)
    deltas = [2.0**-k for k in range(10, 15)]
    smooth = read(network, deltas=deltas).metrics
    rough = read(replace(network, predict=lambda x: tree.predict(state, x)), deltas=deltas).metrics
    # claim 10: a Lipschitz function has slope 1, a function with jumps has slope 0, within 0.05
    assert smooth["modulus_exponent"] == pytest.approx(1.0, abs=0.05)
    assert rough["modulus_exponent"] == pytest.approx(0.0, abs=0.05)


def test_in_more_dimensions_it_is_a_lower_bound() -> None:
    """|x| in the plane is 1-Lipschitz: below delta, and near it. Mutation: distances in the largest coordinate."""
    looked_at = model(lambda x: np.linalg.norm(x, axis=1, keepdims=True), inputs=2)
    reading = read(looked_at, deltas=[0.01, 0.1])
    assert (reading.arrays["modulus"] <= np.array([0.01, 0.1]) * (1 + 1e-12)).all()
    assert reading.metrics["lipschitz_lower_bound"] == pytest.approx(1.0, abs=0.01)
    assert reading.metrics["modulus_exponent"] == pytest.approx(1.0, abs=0.01)
    other = read(replace(looked_at, seed=1), deltas=[0.01, 0.1])
    assert not np.array_equal(other.arrays["modulus"], reading.arrays["modulus"]), "pairs follow from the seed"


def test_without_a_target_the_test_inputs_bound_the_domain() -> None:
    """A table, and a single column of one. Mutation: the unit box."""
    wine = subject(architectures.get("mlp")(width=8), datasets.get("wine")(), None)
    reading = read(wine)
    longest = np.ptp(wine.split.test.inputs, axis=0).max()
    assert reading.arrays["deltas"][0] == longest / 8 and "target_modulus" not in reading.arrays
    assert 0 < reading.metrics["lipschitz_lower_bound"] < math.inf
    column = replace(model(lambda x: 2 * x), box=None, truth=None)
    test = Samples(inputs=np.array([[3.0], [7.0], [4.0]]), outputs=np.zeros((3, 1)))
    alone = Samples(inputs=np.ones((1, 1)), outputs=np.ones((1, 1)))
    found = read(replace(column, split=replace(column.split, test=test)))
    assert found.metrics["modulus_lower_bound"] == pytest.approx(2 * 4 / 8)
    nothing = read(replace(column, split=replace(column.split, test=alone)))
    assert all(math.isnan(value) for value in nothing.metrics.values())


def test_constants_and_outputs_that_are_not_finite() -> None:
    """No slope of log 0; no modulus of NaN. Mutation: 0 for both."""
    flat = read(model(np.zeros_like)).metrics
    assert math.isnan(flat["modulus_exponent"]) and flat["lipschitz_lower_bound"] == 0.0
    broken = read(model(lambda x: np.full_like(x, math.nan))).metrics
    assert all(math.isnan(value) for value in broken.values())


def refusals(target: Any, **fields: Any) -> list[str]:
    """Return the pointers of what keeps the probe from looking."""
    probe = decode_component(Probe, {"kind": "modulus-of-continuity", **fields})
    return [p.pointer for p in probe.misfits(SAMPLED.sizes(target), SAMPLED.task, architectures.get("mlp")(), target)]


def test_a_grid_must_resolve_the_smallest_distance() -> None:
    """2**14 + 1 points for 2**-14 of the interval, wherever it lies. Mutation: one point less."""
    for domain in ((-1.0, 1.0), (0.0, 0.3), (-1e3, 7.0)):
        product = targets.get("product")(inputs=1, domain=domain)
        assert refusals(product, points=2**14 + 1) == []
        assert refusals(product, points=2**14) == ["/points"]
    unit = targets.get("product")(inputs=1, domain=(0.0, 1.0))
    assert refusals(unit, deltas=[0.5, 1e-6]) == ["/points"]
    assert refusals(targets.get("product")(inputs=2), points=3) == []


def test_a_distance_twice_is_refused() -> None:
    """Mutation: no problems()."""
    with pytest.raises(InvalidError, match="twice"):
        decode_component(Probe, {"kind": "modulus-of-continuity", "deltas": [0.5, 0.25, 0.5]})
