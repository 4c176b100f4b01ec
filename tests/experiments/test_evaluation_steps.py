"""The steps at which an experiment is evaluated: counted without being listed, and bounded."""

import tracemalloc

import pytest

from workers.catalogue.problems import InvalidError
from workers.catalogue.trainings.gradient import Gradient


@pytest.mark.parametrize(("steps", "every"), [(0, 1), (1, 1), (10, 3), (10, 5), (10, 10), (10, 11), (99_998, 1)])
def test_the_count_is_the_length_of_the_list(steps: int, every: int) -> None:
    """Caught mutation: the last step not counted where it is no multiple."""
    training = Gradient(steps=steps, evaluate_every=every)
    assert training.evaluations == len(training.evaluation_steps())


def test_a_hundred_million_evaluations_are_refused_without_listing_them() -> None:
    """Caught mutation: the estimate listing every step took gigabytes in the API."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidError) as caught:
            Gradient(steps=100_000_000, evaluate_every=1)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    (problem,) = caught.value.problems
    assert problem.pointer == "/evaluate_every"
    remedy = int(problem.detail.rsplit(" ", 1)[1])
    assert Gradient(steps=100_000_000, evaluate_every=remedy).evaluations <= 100_000
