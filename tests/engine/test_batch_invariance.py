"""A network's result has the same bits alone and in any company, at any place in it."""

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.populations import Recorder, alone, content, run, spec
from workers.catalogue.kinds import Loss
from workers.catalogue.losses.cross_entropy import CrossEntropy
from workers.catalogue.losses.mse import MeanSquaredError
from workers.catalogue.trainings.gradient import Gradient
from workers.engine import layout, orders, population, programs, written
from workers.experiments.measurement import Measurement
from workers.experiments.spec import ExperimentSpec

STEPS = int(os.environ.get("WHYDEEP_TEST_STEPS", "300"))  # make test-bits: 5000
CASES: list[dict[str, Any]] = [
    {"network": {"activation": "tanh"}, "dtype": "float32"},
    {"network": {"activation": "tanh"}, "dtype": "float64"},
    {"network": {"activation": "relu", "width": [33, 17]}, "dtype": "float32", "training": {"batch_size": 7}},
    {"network": {"activation": "gelu", "residual": True}, "dtype": "float64"},
    {"network": {"activation": "sigmoid", "width": 64}, "dtype": "float32", "training": {"batch_size": 50}},
    {"network": {"activation": "silu", "bias": False}, "dtype": "float32", "training": {"batch_size": None}},
    {"network": {"activation": "softplus", "width": 5}, "dtype": "float64", "training": {"batch_size": 1}},
    {"network": {"activation": "sine", "width": 9}, "dtype": "float32"},
]
UNKNOWN_TO_THE_KERNEL = ("gelu", "sine")
PAIRS = [
    (case, backend)
    for case in CASES
    for backend in ("compiled", "written", "loop")
    if backend != "compiled" or case["network"]["activation"] not in UNKNOWN_TO_THE_KERNEL
]
every = pytest.mark.parametrize(
    ("case", "backend"),
    PAIRS,
    ids=[f"{backend}-{case['network']['activation']}-{case['dtype']}" for case, backend in PAIRS],
)


def experiment(case: dict[str, Any], backend: str, seed: int, **training: Any) -> ExperimentSpec:
    trained = {"steps": STEPS, "evaluate_every": 100, **case.get("training", {}), **training}
    data = case.get("data")
    return spec(seed, network=case["network"], dtype=case["dtype"], training=trained, data=data, backend=backend)


@pytest.fixture(autouse=True)
def nothing_broke(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A chunk that breaks runs its members again one by one, which would hide that it did."""
    yield
    assert caplog.get_records("call") == []


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five to eight members share a chunk of eight slots instead of running in pairs."""
    monkeypatch.setattr(programs, "most_slots", lambda spec: 8)


def company(case: dict[str, Any], backend: str, size: int, places: tuple[int, ...]) -> dict[str, ExperimentSpec]:
    """Return a population with the experiment of seed 7 at some places and others elsewhere."""
    return {
        f"{place}": experiment(case, backend, 7 if place in places else 100 + place, steps=STEPS + place % 2)
        if place not in places
        else experiment(case, backend, 7)
        for place in range(size)
    }


def same(one: Measurement, other: Measurement) -> bool:
    return repr(one.curves) == repr(other.curves) and one.artifacts == other.artifacts


@every
def test_a_result_has_the_same_bits_alone_again_and_at_any_place(case: dict[str, Any], backend: str) -> None:
    """Alone, in full and in half-empty populations; of the loop, whose members never meet, a small one.

    Catches a sum over members, a slice off the boundary, and a buffer that one member leaves to the next.
    """
    expected = alone(experiment(case, backend, 7))
    assert same(alone(experiment(case, backend, 7)), expected)
    for size, places in ((3, (1,)),) if backend == "loop" else ((32, (0, 13, 31)), (17, (16,)), (2, (1,))):
        found = run(company(case, backend, size, places)).finished
        assert all(same(found[f"{place}"], expected) for place in places)
        assert not same(found["2" if size > 2 else "0"], expected)


MNIST1D = {"target": None, "dataset": {"kind": "mnist1d", "train_size": 50, "validation_size": 20, "test_size": 20}}
WINDOWS = {"dimensions": 1, "kernel_size": [5, 3, 3], "stride": 2, "padding_width": 1, "head": "flatten"}
OTHERS: dict[str, dict[str, Any]] = {
    "loop-cnn": {"architecture": {"kind": "cnn", "channels": 25, **WINDOWS}, **MNIST1D},
    "loop-group-cnn": {"architecture": {"kind": "group-cnn", "channels": 3}, "target": None, "dataset": "digits"},
    "vmap-random-features": {"architecture": {"kind": "random-features", "width": 80}},
    "vmap-locally-connected": {
        "architecture": {"kind": "locally-connected", "channels": 8, "depth": 1},
        "target": None,
        "dataset": "digits",
    },
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OTHERS)
def test_so_has_every_other_network(name: str, dtype: str) -> None:
    """In half-empty populations of two back ends. Catches a module that keeps something for the next one."""

    def member(seed: int, **training: Any) -> ExperimentSpec:
        trained = {"steps": STEPS, "evaluate_every": 100, **training}
        return spec(seed, training=trained, dtype=dtype, backend=name.split("-")[0], **OTHERS[name])

    expected = alone(member(7))
    places = (1,) if name.startswith("loop") else (0, 9, 10)
    size = 3 if name.startswith("loop") else 11
    specs = {f"{place}": member(7 if place in places else 100 + place) for place in range(size)}
    found = run({**specs, "short": member(1, steps=50)}).finished
    assert all(same(found[f"{place}"], expected) for place in places)
    assert not same(found["2"], expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["compiled", "written", "loop"])
def test_companions_that_diverge_stop_or_are_cancelled_leave_no_trace(
    backend: str, dtype: str, one_chunk: None
) -> None:
    """Catches a member whose NaN reaches others, and a small chunk that does not go on where the large one was."""
    case: dict[str, Any] = {"network": {"activation": "relu"}, "dtype": dtype}
    plain = {"optimizer": {"kind": "sgd", "learning_rate": 0.05}}
    patient = {"early_stopping": {"patience": 1, "minimum_improvement": 1e6}}
    members = {
        "diverging": experiment(case, backend, 1, optimizer={"kind": "sgd", "learning_rate": 1e6}),
        "first": experiment(case, backend, 7, **plain),
        "cancelled": experiment(case, backend, 2, **plain, steps=10 * STEPS),
        "stopping": experiment(case, backend, 3, **plain, **patient),
        "short": experiment(case, backend, 4, **plain, steps=50),
        "last": experiment(case, backend, 7, **plain),
    }
    # A program of single steps is heard before each, the compiled one before each window.
    asked = 4 if backend == "compiled" else 150
    heard = run(members, Recorder(cancels=lambda r: frozenset({"cancelled"} if r.asked > asked else ())))
    expected = alone(experiment(case, backend, 7, **plain))
    assert same(heard.finished["first"], expected) and same(heard.finished["last"], expected)
    assert heard.gone == ["cancelled"]
    assert [heard.finished[name].outcome for name in ("diverging", "stopping", "short")] == [
        "diverged",
        "early_stopped",
        "completed",
    ]
    assert same(heard.finished["short"], alone(members["short"]))


@pytest.mark.parametrize("backend", ["compiled", "written", "loop"])
def test_members_may_differ_in_all_that_the_shape_leaves_free(backend: str, one_chunk: None) -> None:
    """Catches a rate, schedule, noise, training-set size or length that is taken from the first member."""
    case = CASES[0]
    steps = {"steps": STEPS}
    members = {
        "long": experiment(case, backend, 1, steps=STEPS + 100, schedule="cosine"),
        "plain": experiment(case, backend, 2),
        "fast": experiment(case, backend, 3, optimizer={"kind": "adam", "learning_rate": 0.01, "beta1": 0.5}),
        "rare": experiment(case, backend, 4, evaluate_every=170, snapshots=3),
        "large": spec(5, data={"train_size": 500, "noise_sd": 0.1}, training=steps, backend=backend),
        "larger": spec(5, data={"train_size": 600}, training=steps, backend=backend),
        "slower": experiment(case, backend, 3, optimizer={"kind": "adam", "learning_rate": 0.0001}),
    }
    found = run(members).finished
    assert all(same(found[name], alone(member)) for name, member in members.items())


def weights(case: dict[str, Any], backend: str, size: int, place: int) -> bytes:
    found = run(company(case, backend, size, (place,))).finished[f"{place}"]
    return content(found, "model.safetensors")


SMALL: dict[str, Any] = {"network": {"activation": "sigmoid"}, "dtype": "float64"}
LARGE: dict[str, Any] = {
    "network": {"width": 64},
    "dtype": "float32",
    "training": {"batch_size": 64},
    "data": {"train_size": 128},
}


def test_with_padding_per_block_only_the_last_place_has_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the boundary: blocks of all members end on it, their slices lie side by side."""
    assert weights(SMALL, "written", 32, 31) == weights(SMALL, "written", 1, 0)
    monkeypatch.setattr(layout, "BOUNDARY", 1)

    def side_by_side(slots: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> layout.Slices:
        count = slots * math.prod(shape)
        flat = torch.zeros(-(-count // 64) * 64, dtype=dtype, device=device)
        return layout.Slices(flat=flat, view=flat[:count].view(slots, *shape))

    monkeypatch.setattr(written, "slices", side_by_side)
    assert weights(SMALL, "written", 32, 31) != weights(SMALL, "written", 1, 0)


def test_a_single_slot_has_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the dummy: a batch of one takes another path through the library."""
    with_dummy = weights(LARGE, "written", 1, 0)
    monkeypatch.setattr(population, "slots_for", lambda spec, members: 1)
    assert weights(LARGE, "written", 1, 0) != with_dummy


@pytest.mark.parametrize("backend", ["compiled", "written"])
def test_a_generator_that_is_carried_from_member_to_member_has_other_bits(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of randomness as a function of seed, purpose and step."""
    carried = np.random.default_rng(0)

    def take(self: orders.Order, start: int) -> Any:
        return carried.integers(50, size=(self._window, self._rows))

    monkeypatch.setattr(orders.Order, "take", take)
    assert weights(CASES[0], backend, 5, 4) != weights(CASES[0], backend, 1, 0)


def test_evaluation_at_times_has_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of evaluation at steps: a clock that ticks with the work of all decides where to stop."""
    case: dict[str, Any] = {"network": {"activation": "relu"}, "dtype": "float32"}
    patient = {"early_stopping": {"patience": 1, "minimum_improvement": 0.001}, "steps": 3000}

    def stopped(members: int) -> bytes:
        specs = {f"{seed}": experiment(case, "written", seed, **patient) for seed in range(7, 7 + members)}
        ticks = 480 // members
        monkeypatch.setattr(
            Gradient, "evaluation_steps", lambda self: sorted({*range(0, self.steps, ticks), self.steps})
        )
        return content(run(specs).finished["7"], "model.safetensors")

    assert stopped(8) != stopped(1)


def test_a_back_end_chosen_by_load_has_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the choice by the spec alone: the same network by the code for few and for many."""
    few, many = (weights(LARGE, backend, 1, 0) for backend in ("compiled", "written"))
    assert few != many


@pytest.mark.parametrize("loss", [MeanSquaredError(), CrossEntropy()], ids=["mse", "cross-entropy"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_derivative_of_a_loss_has_the_same_bits_at_any_place(loss: Loss, dtype: torch.dtype) -> None:
    """Catches a softmax that works in blocks of rows across members."""
    rng = np.random.default_rng(0)
    for rows, outputs in itertools.product((1, 7, 50), (1, 2, 10, 33)):
        member = torch.from_numpy(rng.normal(size=(2, rows, outputs))).to(dtype)
        padded = layout.slices(32, (rows, outputs), dtype, torch.device("cpu")).view
        padded[:] = member[0]
        target = member[1].expand(32, rows, outputs)
        alone = loss.delta(padded[:2], target[:2])[0]
        assert all(torch.equal(found, alone) for found in loss.delta(padded, target))
