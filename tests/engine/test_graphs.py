"""Recorded steps compute what plain ones do, and hold nothing longer than they are used."""

import gc
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.engine.populations import spec
from tests.engine.recordings import as_on_a_gpu
from workers.catalogue.trainings.gradient import Gradient
from workers.engine.chunk import Chunk, rows_of
from workers.engine.course import Course
from workers.engine.material import Draws
from workers.engine.numerics import torch_device
from workers.engine.program import StepProgram
from workers.engine.programs import program_of
from workers.experiments.spec import Approximation

STEPS = 270  # beyond a window of 256
# tanh is numpy's on the CPU, which no recording of torch's operations sees.
CASES: dict[str, Mapping[str, Any]] = {
    "written": {"backend": "written", "network": {"activation": "relu"}},
    "written, full batch": {"backend": "written", "network": {"activation": "gelu"}, "training": {"batch_size": None}},
    "loop": {"backend": "loop", "network": {"activation": "relu"}},
    "loop, windows": {
        "backend": "loop",
        "architecture": {"kind": "cnn", "dimensions": 1, "channels": 3, "depth": 1, "pooling": "max"},
        "target": None,
        "dataset": {"kind": "mnist1d", "train_size": 50, "validation_size": 0, "test_size": 20},
    },
    "vmap": {"backend": "vmap", "architecture": {"kind": "random-features", "width": 64}},
}


def chunk(case: Mapping[str, Any], slots: int, *, device: str = "cpu", by_graph: bool = False) -> Chunk:
    """Return a chunk with one member fewer than slots, but at least one, that keeps the loss of every batch."""
    draws, courses = Draws(), []
    for seed in range(max(1, slots - 1)):
        training = {"steps": 1000, "record_batch_loss": True, **case.get("training", {})}
        given = spec(seed, device=device, **{**case, "training": training})
        assert isinstance(given, Approximation) and isinstance(given.training, Gradient)
        courses.append(Course(str(seed), given, given.training, draws.material(given, torch_device(device))))
    program = program_of(courses[0], slots)
    assert isinstance(program, StepProgram)
    found = Chunk(courses, program)
    if by_graph:
        as_on_a_gpu(program, found.live, rows_of(courses[0].spec, courses[0].training))
    found.start()
    return found


def trained(case: Mapping[str, Any], slots: int, *, by_graph: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the weights of all members after some steps, and the losses of every batch."""
    found = chunk(case, slots, by_graph=by_graph)
    with found.program.context():
        for first in range(0, STEPS, 90):
            found.program.advance(found.live, first, first + 90)
    assert found.program.losses is not None
    return weights_of(found), np.array(found.program.losses.tolist())


def weights_of(given: Chunk) -> list[np.ndarray]:
    """Return the weights of all members."""
    return [array for slot in given.live for array in given.program.state(slot).values()]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_recorded_step_is_the_step(case: Mapping[str, Any], graphs_on_cpu: None) -> None:
    """Weights and losses bit for bit, with a warm-up before and a recording that computes nothing.

    Catches a warm-up that leaves its steps in the weights, a place that moves between the steps (a fresh
    minibatch, coefficient or loss), and a number that Python computes from step to step.
    """
    slots = 1 if case["backend"] == "loop" else 3
    plain, recorded = (trained(case, slots, by_graph=by_graph) for by_graph in (False, True))
    assert all(np.array_equal(one, other) for one, other in zip(plain[0], recorded[0], strict=True))
    assert np.array_equal(plain[1], recorded[1]) and np.all(plain[1][: max(1, slots - 1), :STEPS] > 0)


def test_a_program_is_freed_with_its_last_reference(graphs_on_cpu: None) -> None:
    """Without the garbage collector, which knows nothing of a device's memory; catches a graph that holds its step."""
    found = chunk(CASES["written"], 2, by_graph=True)
    with found.program.context():
        found.program.advance(found.live, 0, 2)
    program = weakref.ref(found.program)
    gc.disable()
    try:
        del found
        assert program() is None
    finally:
        gc.enable()
