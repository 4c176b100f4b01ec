"""What a recorded step reads is what a plain one reads."""

from typing import Any

import pytest
import torch

from tests.engine.populations import spec
from workers.engine.course import Course
from workers.engine.feed import Feed
from workers.engine.material import Draws

CPU = torch.device("cpu")


def feed(batch_size: int | None, *, fixed: bool) -> Feed:
    """Return a feed of three members in four slots."""
    draws, courses = Draws(), {}
    for slot in range(3):
        rates: dict[str, Any] = {"optimizer": {"kind": "adam", "learning_rate": 0.001 * (slot + 1)}}
        given: Any = spec(slot, training={"steps": 1000, "batch_size": batch_size, **rates})
        courses[slot] = Course(str(slot), given, given.training, draws.material(given, CPU))
    return Feed(courses, 4, batch_size or 50, fixed=fixed)


@pytest.mark.parametrize("batch_size", [15, None])
def test_fixed_places_hold_what_the_present_step_takes(batch_size: int | None) -> None:
    """Over the end of a window, which has 256 steps. Catches a place that moves, and one that keeps an old step."""
    plain, fixed = feed(batch_size, fixed=False), feed(batch_size, fixed=True)
    places = set()
    for step in (0, 1, 255, 256, 700):
        plain.seek(step)
        fixed.seek(step)
        inputs, targets, coefficients = fixed.take()
        expected = plain.take()
        assert torch.equal(inputs, expected[0]) and torch.equal(targets, expected[1])
        assert all(torch.equal(one, other) for one, other in zip(coefficients, expected[2], strict=True))
        places.add((inputs.data_ptr(), targets.data_ptr(), *(each.data_ptr() for each in coefficients)))
    assert len(places) == 1
