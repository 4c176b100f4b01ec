"""The compiled back end against finite differences, autograd and exact functions; and without a compiler."""

import itertools
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
import torch

from tests.engine.populations import alone, curve, run, spec
from tests.engine.test_written import CPU, ending_weights, module_program, targets_of, value_of
from workers.catalogue.kinds import Loss, losses, optimizers
from workers.catalogue.losses.cross_entropy import CrossEntropy
from workers.catalogue.losses.mse import MeanSquaredError
from workers.catalogue.optimizers.sgd import StochasticGradientDescent
from workers.catalogue.problems import InvalidError
from workers.catalogue.trainings.gradient import Gradient
from workers.catalogue.values import DenseStack, Samples
from workers.engine.activations import ACTIVATIONS
from workers.engine.chunk import Chunk
from workers.engine.compiled import CompiledProgram
from workers.engine.course import Course
from workers.engine.kernel import library
from workers.engine.loop import ModuleProgram
from workers.engine.material import DTYPES, Draws, draw, prepare
from workers.engine.numerics import fingerprint
from workers.engine.programs import chunks_of, program_of
from workers.engine.reports import Job
from workers.engine.written import dense_layout
from workers.experiments.backends import KERNEL_ACTIVATIONS, KERNEL_LOSSES, KERNEL_OPTIMIZERS
from workers.experiments.lifecycle import StatusReason

ROWS = 5
# Layers thinner than half a vector and wider ones, in every order, and one that keeps its width.
SIZES = [(3, 9, 9, 17, 3), (4, 2, 11, 3), (1, 33, 1, 3), (20, 3)]
SHAPES = list(itertools.product(KERNEL_ACTIVATIONS, [True, False], [True, False]))


def kernel() -> library.Kernel:
    found = library.kernel()
    assert found is not None, "the tests need a C++ compiler"
    return found


def gradients(stack: DenseStack, loss: Loss, row: np.ndarray, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Return the gradients by the kernel: one step of descent at rate 1 moves the weights by them."""
    layout, optimizer = dense_layout(stack), StochasticGradientDescent()
    program = CompiledProgram(stack, loss, optimizer, slots=1, dtype=torch.float64, kernel=kernel())
    program.load(0, layout.unpack(torch.from_numpy(row)))
    program.descend(0, x, y, np.array([[-1.0, 0.0]]))
    moved = torch.zeros(layout.length, dtype=torch.float64)
    layout.pack(program.state(0), moved)
    return row - moved.numpy()


@pytest.mark.parametrize("loss", [MeanSquaredError(), CrossEntropy()], ids=["mse", "cross-entropy"])
@pytest.mark.parametrize(("activation", "residual", "bias"), SHAPES)
def test_gradients_equal_finite_differences(activation: str, residual: bool, bias: bool, loss: Loss) -> None:
    """Catches a transposed weight, a shortcut left out, a number that fills up a row and takes part.

    Central differences at 1e-5 in float64: 1e-10 of curvature and 1e-11 of rounding, relative to 1.
    """
    rng = np.random.default_rng(3)
    for sizes in SIZES:
        stack = DenseStack(sizes=sizes, activation=activation, bias=bias, residual=residual)
        x, y = torch.from_numpy(rng.normal(size=(ROWS, sizes[0]))), targets_of(loss, rng)[0]
        layout = dense_layout(stack)
        row = torch.zeros(layout.length, dtype=torch.float64)
        layout.pack({name: rng.normal(size=shape) / (2 * shape[-1]) for name, shape in layout.shapes.items()}, row)
        value, start = value_of(stack, loss, x, y), row.numpy()
        expected = np.zeros_like(start)
        for index in np.flatnonzero(start):
            step = np.zeros_like(start)
            step[index] = 1e-5
            expected[index] = (value(start + step) - value(start - step)) / 2e-5
        np.testing.assert_allclose(gradients(stack, loss, start, x, y), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"activation": "tanh", "residual": True}},
        {"network": {"activation": "relu", "width": [5, 9], "bias": False}},
        {"network": {"activation": "softplus", "width": 70}, "training": {"batch_size": None}},
        {"network": {"depth": 0}, "data": {"standardise": True}},
        {"training": {"optimizer": {"kind": "sgd", "momentum": 0.9}}},
        {"training": {"optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True}}},
        {"training": {"optimizer": {"kind": "adamw", "weight_decay": 0.5}, "schedule": "cosine"}},
        {"network": {"width": 17}, "data": {"train_size": 300}, "training": {"batch_size": 300}},
    ],
)
def test_the_compiled_back_end_trains_as_the_loop_does(change: dict[str, Any]) -> None:
    """50 steps in float64, also over several blocks of rows. Catches an update rule or order of its own."""
    given = {**change, "training": {"steps": 50, **change.get("training", {})}}
    experiment: Any = spec(5, dtype="float64", backend="compiled", **given)
    compiled, curves = ending_weights(experiment, program_of, 1)
    looped, others = ending_weights(experiment, module_program, 1)
    assert np.max(np.abs(compiled - looped)) < 1e-9 * np.max(np.abs(looped))
    for name, (steps, values) in curves.items():
        assert others[name][0] == steps
        np.testing.assert_allclose(values, others[name][1], rtol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"width": [6, 7]}},  # thinner than half a vector in float32, not in float64
        {"network": {"activation": "relu", "width": [33, 8], "residual": True}},
        {"training": {"optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True}}},
        {"training": {"optimizer": "adamw"}},
        {"target": None, "dataset": "wine", "training": {"batch_size": 64}},
    ],
)
def test_in_float32_it_is_as_near_to_the_exact_training_as_the_loop(change: dict[str, Any]) -> None:
    """Ten steps against float64: at most four times the loop's own error, and a rounding of the largest weight.

    Catches a fault of the float32 instance alone, such as a gradient that is seven tenths of itself.
    """
    given = {**change, "training": {"steps": 10, **change.get("training", {})}}

    def trained(dtype: str, program: Any) -> np.ndarray:
        experiment: Any = spec(5, dtype=dtype, backend="compiled", **given)
        return ending_weights(experiment, program, 1)[0].astype(np.float64)

    def looped(course: Course, slots: int) -> ModuleProgram:
        architecture, sizes = course.spec.architecture, course.spec.sizes
        module = architecture.module(sizes.inputs, sizes.outputs).to(DTYPES[course.spec.dtype])  # type: ignore[union-attr]
        return ModuleProgram(module, course.spec.loss, course.training.optimizer)

    exact, plain = trained("float64", looped), trained("float32", looped)
    error = np.abs(trained("float32", program_of) - exact).max()
    assert error <= 4 * np.abs(plain - exact).max() + np.finfo(np.float32).eps * np.abs(exact).max()


def test_all_that_the_choice_of_back_end_names_is_there() -> None:
    """Catches a rule that the kernel is said to know under a name that no component has."""
    assert set(KERNEL_ACTIVATIONS) <= set(ACTIVATIONS)
    assert {name.removesuffix("-nesterov") for name in KERNEL_OPTIMIZERS} <= {kind for kind, _ in optimizers}
    assert set(KERNEL_LOSSES) <= {kind for kind, _ in losses}


EXACT = {
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: 1 / (2 + mpmath.exp(x) + mpmath.exp(-x))),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), lambda x: 1 / (1 + mpmath.exp(-x))),
    "exp": (mpmath.exp, mpmath.exp),
}


def activated(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel's activations and derivatives of a whole number of vectors."""
    values, slopes = x.copy(), np.empty_like(x)
    call = getattr(kernel().functions, "activate_float" if x.dtype == np.float32 else "activate_double")
    call(KERNEL_ACTIVATIONS.index(name), len(x), values.ctypes.data, slopes.ctypes.data)
    return values, slopes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(EXACT))
def test_activations_are_right_to_a_few_units_in_the_last_place(name: str, dtype: Any) -> None:
    """Against 40 digits, from the smallest normal numbers to saturation; derivatives to 1e-6 or 1e-15 of their scale.

    Six units: two or three roundings of the exponential, doubled where 1 is added, and a division.
    Catches 2 sigmoid(2x) - 1 for tanh, which loses all relative accuracy near 0.
    """
    near = np.concatenate([np.linspace(-20, 20, 1500), np.logspace(-30, -1, 500), -np.logspace(-30, -1, 512)])
    x = np.resize(near, 2560).astype(dtype)
    values, slopes = activated(name, x)
    with mpmath.workdps(40):
        exact = [[function(mpmath.mpf(float(each))) for each in x] for function in EXACT[name]]
        wrong = [abs(mpmath.mpf(float(v)) - e) for v, e in zip(values, exact[0], strict=True)]
        units = [float(w / np.spacing(dtype(abs(e)))) for w, e in zip(wrong, exact[0], strict=True)]
        off = [float(abs(mpmath.mpf(float(s)) - e) / max(1, e)) for s, e in zip(slopes, exact[1], strict=True)]
    assert max(units) < 6
    assert max(off) < 8 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", KERNEL_ACTIVATIONS)
def test_what_is_not_finite_stays_so(name: str, dtype: Any) -> None:
    """A diverged network must show. Catches a comparison that turns NaN into 0, and an exponential that saturates."""
    edges = {"tanh": 1.0, "sigmoid": 1.0}
    x = np.array([np.nan, np.inf, 1e30] + [1.0] * 13, dtype=dtype)
    values, slopes = activated(name, x)
    assert np.isnan(values[0])
    assert values[1] == edges.get(name, np.inf)
    if name == "exp":
        assert values[2] == np.inf
    assert np.isfinite(values[3:]).all() and np.isfinite(slopes[3:]).all()


def test_the_loss_of_every_batch_can_be_kept() -> None:
    """On a full batch it is the train loss before each step. Catches a loss after the update, and of another step."""
    training = {"steps": 12, "batch_size": None, "evaluate_every": 1, "record_batch_loss": True}
    for backend in ("compiled", "written", "loop"):
        found = alone(spec(3, dtype="float64", training=training, backend=backend))
        batch, train = curve(found, "batch_loss"), curve(found, "train_loss")
        assert batch.steps == tuple(range(12)) and train.steps == tuple(range(13))
        np.testing.assert_allclose(batch.values, train.values[:-1], rtol=1e-12)


def test_samples_that_lie_column_by_column_in_memory_are_the_same_samples() -> None:
    """Data sets choose columns by an index, which turns the memory round. Catches a kernel that reads it as it lies."""
    experiment: Any = spec(4, target="product", training={"steps": 50}, backend="compiled")
    split = draw(experiment)
    turned = {
        name: Samples(inputs=np.asfortranarray(part.inputs), outputs=np.asfortranarray(part.outputs))
        for name, part in (("train", split.train), ("validation", split.validation), ("test", split.test))
    }
    found = []
    for each in (split, replace(split, **turned)):
        course = Course("a", experiment, experiment.training, prepare(each, each.scaling, torch.float32, CPU))
        chunk = Chunk([course], program_of(course, 1))
        chunk.start()
        chunk.observe()
        while chunk.step < 20:
            chunk.advance(lambda: False)
        found.append(chunk.program.state(0)["layers.1.weight"])
    assert np.array_equal(*found)


def test_the_smallest_epsilon_does_not_reach_the_filling() -> None:
    """0 / (0 + epsilon) must be 0 in float32 too. Caught mutation: an epsilon of 1e-46, which is 0 there, is taken."""
    tiny = {"optimizer": {"kind": "adam", "epsilon": 1e-37}, "steps": 20}
    found = alone(spec(1, network={"width": [3, 17]}, training=tiny, backend="compiled"))
    assert found.outcome == "completed"
    with pytest.raises(InvalidError, match="epsilon"):
        spec(1, training={"optimizer": {"kind": "adam", "epsilon": 1e-46}})


def test_a_network_that_does_not_fit_its_samples_is_refused() -> None:
    """The kernel reads memory by the sizes that it was told. Caught mutation: nobody looks."""
    given: Any = spec(1, backend="compiled")
    course, adam = Course("a", given, given.training, Draws().material(given, CPU)), given.training.optimizer
    stack = DenseStack(sizes=(2, 4, 1), activation="relu")
    program = CompiledProgram(stack, given.loss, adam, slots=1, dtype=torch.float32, kernel=kernel())
    with pytest.raises(ValueError, match="does not fit"):
        program.begin({0: course}, 15)


def test_large_networks_form_small_chunks() -> None:
    """A call takes a step of each member, and is not interrupted. Caught mutation: 32 members whatever they take."""

    def members(width: int, rows: int) -> int:
        network = {"width": width, "activation": "relu"}
        training = {"batch_size": None, "steps": 300}
        jobs = [
            Job(id=str(i), spec=spec(i, network=network, training=training, data={"train_size": rows}))
            for i in range(40)
        ]
        return len(next(chunks_of(jobs)))

    # 2 * 3 * 20,000 rows of a million weights are 1.3e11 operations, more than a chunk may take at once
    assert [members(64, 50), members(1024, 20_000)] == [32, 1]
    # 20 million weights seven times over are 560 MB
    assert members(4400, 1) == 3


def test_a_network_trains_in_as_many_calls_as_you_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a call that leaves something behind in its workspace, and coefficients of another window."""
    experiment: Any = spec(4, training={"steps": 700, "evaluate_every": 350}, backend="compiled")
    whole, _ = ending_weights(experiment, program_of, 1)

    def reach(self: CompiledProgram, live: Any, first: int) -> int:
        return min(first + 37, self._rations.end_of_window(first))

    monkeypatch.setattr(CompiledProgram, "reach", reach)
    parts, _ = ending_weights(experiment, program_of, 1)
    assert np.array_equal(whole, parts)


def test_what_fills_up_rows_stays_zero() -> None:
    """The one thing on which the products rest. Catches sigmoid(0) = 1/2 that is left in the filling."""
    experiment: Any = spec(1, network={"activation": "sigmoid", "width": [3, 17]}, backend="compiled")
    assert isinstance(experiment.training, Gradient)
    course = Course("a", experiment, experiment.training, Draws().material(experiment, CPU))
    chunk = Chunk([course], program_of(course, 1))
    chunk.start()
    chunk.observe()
    chunk.advance(lambda: False)
    program: Any = chunk.program
    state, memory = program.state(0), program.memory[0][0]
    assert np.abs(state["layers.1.weight"]).max() > 0
    program.load(0, {name: np.zeros_like(array) for name, array in state.items()})
    assert memory[0].abs().sum() == 0
    assert (memory[1] != 0).sum() == sum(array.size for array in state.values())


def test_without_a_compiler_such_experiments_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a fall back to other bits. The remedy names what can be done."""
    monkeypatch.setattr("workers.engine.programs.kernel", lambda: None)
    monkeypatch.setattr("workers.engine.numerics.kernel", lambda: None)
    heard = run({"long": spec(1, training={"steps": 200}), "short": spec(2)})
    assert heard.failed["long"][0] is StatusReason.INVALID
    assert '"written"' in heard.failed["long"][1] and "g++" in heard.failed["long"][1]
    assert set(heard.finished) == {"short"}
    assert fingerprint("cpu", "any")["kernel"] is None
