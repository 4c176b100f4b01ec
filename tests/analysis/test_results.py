"""Every result is a frozen value of plain Python types that JSON takes, and comes out the same again."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workers.analysis.aggregates import Runs, aggregate
from workers.analysis.bootstrap import bca_mean
from workers.analysis.collapse import Curve, collapse
from workers.analysis.correlation import pearson, spearman
from workers.analysis.distance import distance, distance_of
from workers.analysis.fits import Model, exponential, fit_groups, linear, power_law
from workers.analysis.intervals import clopper_pearson, student_t, wilson
from workers.analysis.logistic import half_point, logistic_regression
from workers.analysis.points import Group
from workers.analysis.regression import multiple_regression

# Stored values may come as NumPy's: they are what must not come out again.
X = np.arange(1.0, 26.0)
Y = 3 / X + 0.01 * np.sin(7 * X)
HITS = np.array([1, 2, 2, 4, 3, 5])

RESULTS: dict[str, Callable[[], Any]] = {
    "aggregate": lambda: aggregate(Runs(completed=tuple(Y), diverged=(9.0,), n_failed=1)),
    "bootstrap": lambda: bca_mean(Y),
    "student_t": lambda: student_t(Y[:9]),
    "wilson": lambda: wilson(HITS[1], HITS[5]),
    "clopper_pearson": lambda: clopper_pearson(HITS[1], HITS[5]),
    "linear": lambda: linear(X, Y),
    "power_law": lambda: power_law(X, Y, floor=0.15),
    "exponential": lambda: exponential(X[:2], Y[:2]),
    "fit_groups": lambda: fit_groups([Group(x=x, values=tuple(x * Y[:5])) for x in X], Model.POWER_LAW),
    "multiple_regression": lambda: multiple_regression({"a": X, "b": X * X}, Y),
    "logistic": lambda: logistic_regression({"a": X[:6]}, HITS, [6] * 6),
    "half_point": lambda: half_point(logistic_regression({"a": X[:6]}, HITS, [6] * 6), "a"),
    "separated": lambda: logistic_regression({"a": X[:2]}, [0, 1]),
    "collapse": lambda: collapse(
        [Curve(name="a", x=tuple(X), y=tuple(Y)), Curve(name="b", x=tuple(X), y=tuple(2 * Y))]
    ),
    "spearman": lambda: spearman(X[:6], Y[:6]),
    "pearson": lambda: pearson(X, Y),
    "distance": lambda: distance(Y, Y[3]),
    "distance_of": lambda: distance_of(Y[0], X[0], Y[3]),
}


def plain(value: Any) -> bool:
    """Say whether a value is made of exactly Python's own types, inside dataclasses and tuples."""
    if dataclasses.is_dataclass(value):
        return all(plain(getattr(value, field.name)) for field in dataclasses.fields(value))
    if type(value) is tuple:
        return all(plain(each) for each in value)
    return value is None or type(value) in (bool, int, float, str)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_plain_frozen_and_repeatable(name: str) -> None:
    """Caught mutations: a NumPy float let out; a list in the place of a tuple; a generator without its seed."""
    result, again = RESULTS[name](), RESULTS[name]()
    assert plain(result)
    said = json.dumps(dataclasses.asdict(result), allow_nan=False)
    assert said == json.dumps(dataclasses.asdict(again), allow_nan=False)
    assert result.method
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.method = ""
