"""Summaries of curves."""

import json
import math

import pytest

from workers.experiments.lifecycle import Outcome
from workers.experiments.measurement import (
    Artifact,
    Curve,
    Measurement,
    MetricSummary,
    as_curves,
    from_message,
    summarise,
    to_message,
)


def test_a_summary_is_that_of_the_points() -> None:
    """The first of equal minima. Mutation: the last of them."""
    curve = Curve(name="test_loss", steps=(0, 5, 9, 12), values=(4.0, 1.0, 1.0, 2.0))
    expected = MetricSummary(first=4.0, last=2.0, min=1.0, max=4.0, mean=2.0, argmin_step=5, n=4)
    assert summarise(curve) == expected


def test_values_that_are_not_finite_take_no_part() -> None:
    """Yet first and last are kept as they are. Mutation: min() over all."""
    found = summarise(Curve(name="test_loss", steps=(0, 1, 2), values=(math.inf, 3.0, math.nan)))
    assert (found.first, found.min, found.max, found.mean, found.argmin_step, found.n) == (
        math.inf,
        3.0,
        3.0,
        3.0,
        1,
        3,
    )
    assert math.isnan(found.last)


def test_a_curve_without_finite_values_has_no_minimum() -> None:
    """Mutation: min() of an empty list."""
    found = summarise(Curve(name="test_loss", steps=(0,), values=(math.nan,)))
    assert found.argmin_step is None and all(math.isnan(value) for value in (found.min, found.max, found.mean))


def test_a_name_with_steps_and_values_is_a_curve() -> None:
    """Steps come as numbers of any kind. Mutation: steps and values changed for each other."""
    (found,) = as_curves({"l2_error": ([7.0], [0.5])})
    assert found == Curve(name="l2_error", steps=(7,), values=(0.5,)) and type(found.steps[0]) is int
    assert summarise(found).last == pytest.approx(0.5)


def test_a_measurement_survives_its_message() -> None:
    """Caught mutations: a field left out of either half; contents taken in another order than their names."""
    measurement = Measurement(
        outcome=Outcome.DIVERGED,
        stopped_at_step=7,
        curves=(Curve(name="train_loss", steps=(0, 7), values=(0.1, math.inf)),),
        artifacts=tuple(Artifact(name=name, media_type="text/plain", content=name.encode()) for name in ("a", "b")),
        fingerprint={"threads": 1},
    )
    said, contents = to_message(measurement)
    assert from_message(json.loads(json.dumps(said)), contents) == measurement
    with pytest.raises(ValueError, match="shorter"):
        from_message(said, contents[:1])
