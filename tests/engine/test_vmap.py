"""The vmap back end: which architectures it may train, and that it trains them as the loop does."""

import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.engine.populations import spec
from tests.engine.test_written import CPU, ending_weights
from workers.catalogue.kinds import Network, architectures
from workers.catalogue.losses.mse import MeanSquaredError
from workers.catalogue.optimizers.adam import Adam
from workers.catalogue.trainings.gradient import Gradient
from workers.engine.chunk import Chunk
from workers.engine.course import Course
from workers.engine.loop import ModuleProgram
from workers.engine.material import DTYPES, Draws
from workers.engine.program import Program
from workers.engine.vmapped import VmapProgram
from workers.experiments.spec import Approximation

DIGITS = {"target": None, "dataset": {"kind": "digits"}}
ADMITTED: dict[str, dict[str, Any]] = {
    "random-features": {"architecture": {"kind": "random-features", "width": 48}},
    "locally-connected": {"architecture": {"kind": "locally-connected", "channels": 8, "depth": 1}, **DIGITS},
}
# A gradient of 17 numbers does not end on a boundary.
ODD: dict[str, Any] = {"architecture": {"kind": "random-features", "width": 17}}
WINDOWS = {"kind": "cnn", "dimensions": 1, "channels": 25, "kernel_size": [5, 3, 3], "stride": 2, "head": "flatten"}
CONVOLUTION = {"architecture": WINDOWS, "target": None, "dataset": {"kind": "mnist1d"}}


def experiment(case: dict[str, Any], seed: int, dtype: str = "float64", **training: Any) -> Approximation:
    found = spec(seed, dtype=dtype, training={"steps": 50, "batch_size": 15, **training}, **case)
    assert isinstance(found, Approximation)
    return found


def module_of(given: Approximation) -> nn.Module:
    assert isinstance(given.architecture, Network)
    return given.architecture.module(given.sizes.inputs, given.sizes.outputs).to(DTYPES[given.dtype])


def vmapped(course: Course, slots: int) -> VmapProgram:
    return VmapProgram(module_of(course.spec), course.spec.loss, course.training.optimizer, slots=slots)


def looped(course: Course, slots: int) -> ModuleProgram:
    return ModuleProgram(module_of(course.spec), course.spec.loss, course.training.optimizer)


def chunk(case: dict[str, Any], dtype: str, slots: int, place: int = 0, **training: Any) -> Chunk:
    """Return a chunk with the experiment of seed 7 at a place and others elsewhere."""
    specs = [experiment(case, 7 if slot == place else 100 + slot, dtype, **training) for slot in range(slots)]
    draws, courses = Draws(), []
    for slot, each in enumerate(specs):
        assert isinstance(each.training, Gradient)
        courses.append(Course(str(slot), each, each.training, draws.material(each, CPU)))
    found = Chunk(courses, vmapped(courses[0], slots) if slots > 1 else looped(courses[0], 1))
    found.start()
    return found


def gradients(case: dict[str, Any], dtype: str, slots: int, place: int, rows: int) -> np.ndarray:
    """Return the gradients of the experiment of seed 7 at each of 40 steps: Adam alone would hide their last bits."""
    found, taken = chunk(case, dtype, slots, place, batch_size=rows), []
    program: Any = found.program
    with program.context():
        for step in range(40):
            program.advance(found.live, step, step + 1)
            taken.append(program.gradients[place].numpy().copy())
    return np.stack(taken)


def has_equal_bits(case: dict[str, Any], dtype: str, rows: int) -> bool:
    """Say whether the number of slots and the place among them move no bit."""
    expected = gradients(case, dtype, 2, 0, rows)
    places = ((2, 1), (4, 3), (8, 0), (8, 5), (16, 9))
    return all(np.array_equal(gradients(case, dtype, *where, rows), expected) for where in places)


def test_the_admitted_architectures_are_those_that_are_tested_here() -> None:
    """Catches an architecture that is trained by vmap without a test of its bits."""
    networks = {kind: cls for kind, cls in architectures if issubclass(cls, Network)}
    assert {kind for kind, cls in networks.items() if cls.vmap_matrices is not Network.vmap_matrices} == set(ADMITTED)
    for case in ADMITTED.values():
        assert "vmap" in experiment(case, 1).backends
    assert experiment(ODD, 1).backends == ("loop",)


@pytest.mark.parametrize("rows", [15, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", ADMITTED.values(), ids=ADMITTED)
def test_an_admitted_architecture_has_equal_bits_in_any_company(case: dict[str, Any], dtype: str, rows: int) -> None:
    """Catches rows that are not filled up to the boundary."""
    assert has_equal_bits(case, dtype, rows)


def test_a_gradient_that_ends_off_the_boundary_has_other_bits() -> None:
    """Why sizes of matrices are asked for: the negative control of the test above."""
    assert not has_equal_bits(ODD, "float32", 32)


def test_a_convolution_of_25_channels_has_other_bits_in_other_company() -> None:
    """Why cnn is not admitted: its channels and those of its companions share blocks inside the library."""
    assert not has_equal_bits(CONVOLUTION, "float32", 15)
    assert experiment(CONVOLUTION, 1).backends == ("loop",)


@pytest.mark.parametrize("case", [*ADMITTED.values(), CONVOLUTION], ids=[*ADMITTED, "cnn"])
def test_vmap_trains_as_the_loop_does(case: dict[str, Any]) -> None:
    """50 steps in float64. Catches rows of the filling that count in the loss, and a buffer taken from another."""
    one, curves = ending_weights(experiment(case, 5), vmapped, 2)
    other, others = ending_weights(experiment(case, 5), looped, 1)
    assert np.max(np.abs(one - other)) < 1e-9 * np.max(np.abs(other))
    for name, (_, values) in curves.items():
        np.testing.assert_allclose(values, others[name][1], rtol=1e-9)


def seconds_per_step(program: Program, live: Any, steps: int) -> float:
    """Return the CPU seconds of one network's step."""
    begun = time.process_time()
    with program.context():
        program.advance(live, 0, steps)
    return (time.process_time() - begun) / steps / program.slots


@pytest.mark.parametrize("case", ADMITTED.values(), ids=ADMITTED)
def test_an_admitted_architecture_gains_by_it(case: dict[str, Any]) -> None:
    """Sixteen at once against one by one, in one run, tried up to three times: at least no slower.

    Catches an operation that runs slot by slot without a warning.
    """
    for _ in range(3):
        many, single = chunk(case, "float32", 16), chunk(case, "float32", 1)
        seconds_per_step(many.program, many.live, 5), seconds_per_step(single.program, single.live, 5)
        ratio = seconds_per_step(many.program, many.live, 40) / seconds_per_step(single.program, single.live, 160)
        if ratio < 1.0:
            return
    raise AssertionError(f"vmap takes {ratio:.2f} of the loop's time")


class Ranked(nn.Module):
    """A network with an operation that has no batching rule."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight * torch.histc(x.detach(), bins=2).sum()


def test_an_operation_without_a_batching_rule_is_an_error() -> None:
    """Catches a fall back that runs slot by slot. Mutation: the filter of warnings dropped."""
    program = VmapProgram(Ranked(), MeanSquaredError(), Adam(), slots=2)
    x = torch.ones(2, 64, 1)
    with pytest.raises(Exception, match=r"batching rule|performance drop"):
        program.step(x[:, :3], x[:, :3], [torch.ones(2, 1)] * 7)
