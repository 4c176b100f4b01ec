"""The written back end against finite differences and against autograd."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.populations import spec
from workers.catalogue.kinds import Loss
from workers.catalogue.losses.cross_entropy import CrossEntropy
from workers.catalogue.losses.mse import MeanSquaredError
from workers.catalogue.optimizers.sgd import StochasticGradientDescent
from workers.catalogue.trainings.gradient import Gradient
from workers.catalogue.values import DenseStack
from workers.engine.activations import ACTIVATIONS
from workers.engine.chunk import train
from workers.engine.course import Course
from workers.engine.layers import DenseNetwork
from workers.engine.loop import ModuleProgram
from workers.engine.material import Draws
from workers.engine.programs import program_of
from workers.engine.reports import Bulletin
from workers.engine.written import DenseProgram, dense_layout
from workers.experiments.spec import Approximation

CPU = torch.device("cpu")
ROWS = 5
SHAPES = list(itertools.product(sorted(ACTIVATIONS), [True, False], [True, False]))


def targets_of(loss: Loss, rng: np.random.Generator) -> torch.Tensor:
    if isinstance(loss, CrossEntropy):
        return torch.eye(3, dtype=torch.float64)[rng.integers(3, size=(2, ROWS))]
    return torch.from_numpy(rng.normal(size=(2, ROWS, 3)))


def value_of(stack: DenseStack, loss: Loss, x: torch.Tensor, y: torch.Tensor) -> Callable[[np.ndarray], float]:
    """Return the loss as a function of a member's row of weights, by the plain module."""
    module, layout = DenseNetwork(stack).double(), dense_layout(stack)

    def value(row: np.ndarray) -> float:
        state = layout.unpack(torch.from_numpy(row))
        module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        with torch.no_grad():
            return float(loss.value(module(x), y))

    return value


@pytest.mark.parametrize("loss", [MeanSquaredError(), CrossEntropy()], ids=["mse", "cross-entropy"])
@pytest.mark.parametrize(("activation", "residual", "bias"), SHAPES)
def test_gradients_equal_finite_differences(activation: str, residual: bool, bias: bool, loss: Loss) -> None:
    """Catches a shortcut left out of delta, a transposed product, a bias summed over the wrong axis.

    Central differences at 1e-5 in float64: 1e-10 of curvature and 1e-11 of rounding, relative to 1.
    """
    stack = DenseStack(sizes=(4, 4, 4, 3), activation=activation, bias=bias, residual=residual)
    rng = np.random.default_rng(3)
    program = DenseProgram(
        stack, loss, StochasticGradientDescent(), slots=2, rows=ROWS, dtype=torch.float64, device=CPU
    )
    x, y = torch.from_numpy(rng.normal(size=(2, ROWS, 4))), targets_of(loss, rng)
    for slot in range(2):
        state = {name: rng.normal(size=shape) / 4 for name, shape in program.layout.shapes.items()}
        program.load(slot, state)
    program.differentiate(x, y)
    for slot in range(2):
        value, row = value_of(stack, loss, x[slot], y[slot]), program.memory[0][slot].numpy()
        used = np.flatnonzero(row)
        expected = np.zeros_like(row)
        for index in used:
            step = np.zeros_like(row)
            step[index] = 1e-5
            expected[index] = (value(row + step) - value(row - step)) / 2e-5
        found = program.gradients[slot].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def ending_weights(spec: Approximation, build: Any, slots: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Train one experiment by the programs that `build` makes; return its weights in one row, and its curves."""
    assert isinstance(spec.training, Gradient)
    course = Course("alone", spec, spec.training, Draws().material(spec, CPU))
    heard: list[Course] = []
    train([course], slots, build, Bulletin(_Nobody(), 60.0, ["alone"]), heard.append)
    assert heard == [course]
    return np.concatenate([array.ravel() for array in course.kept.values()]), course.curves


class _Nobody:
    """A reporter that hears nothing and asks for nothing."""

    def progress(self, job_id: str, **place: Any) -> None: ...

    def finish(self, job_id: str, measurement: Any) -> None: ...

    def fail(self, job_id: str, reason: Any, detail: str) -> None: ...

    def cancelled(self, job_id: str) -> None: ...

    def stopping(self) -> bool:
        return False

    def cancel_requested(self) -> frozenset[str]:
        return frozenset()


def module_program(course: Course, slots: int) -> ModuleProgram:
    architecture: Any = course.spec.architecture
    return ModuleProgram(architecture.module(1, 1).double(), course.spec.loss, course.training.optimizer)


@pytest.mark.parametrize(
    "change",
    [
        partial(spec, network={"activation": "tanh", "residual": True}),
        partial(spec, network={"activation": "relu", "width": [5, 9], "bias": False}),
        partial(spec, network={"activation": "gelu"}, training={"batch_size": None}),
        partial(spec, network={"activation": "sine", "depth": 0}, data={"standardise": True}),
        partial(spec, network={"activation": "silu"}, training={"optimizer": {"kind": "sgd", "momentum": 0.9}}),
        partial(spec, network={"activation": "softplus"}, training={"schedule": "cosine"}),
    ],
)
def test_the_written_back_end_trains_as_the_loop_does(change: Callable[..., Approximation]) -> None:
    """Catches batches, rates or initial weights that differ between back ends; 50 steps in float64."""
    experiment = change(5, dtype="float64")
    written, curves = ending_weights(experiment, program_of, 2)
    looped, others = ending_weights(experiment, module_program, 1)
    assert np.max(np.abs(written - looped)) < 1e-9 * np.max(np.abs(looped))
    for name, (steps, values) in curves.items():
        assert others[name][0] == steps
        np.testing.assert_allclose(values, others[name][1], rtol=1e-9)


def test_the_comparison_sees_another_rate() -> None:
    """The negative control of the comparison above."""
    written, _ = ending_weights(spec(5, dtype="float64"), program_of, 2)
    other = spec(5, dtype="float64", training={"optimizer": {"kind": "adam", "learning_rate": 0.0010001}})
    looped, _ = ending_weights(other, module_program, 1)
    assert np.max(np.abs(written - looped)) > 1e-9 * np.max(np.abs(looped))
