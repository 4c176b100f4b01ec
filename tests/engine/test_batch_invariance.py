"""A network's result has the same bits alone and in any company, at any place in it."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.populations import Recorder, alone, content, run, spec
from workers.catalogue.kinds import Loss
from workers.catalogue.losses.cross_entropy import CrossEntropy
from workers.catalogue.losses.mse import MeanSquaredError
from workers.engine import layout, population
from workers.experiments.measurement import Measurement
from workers.experiments.spec import ExperimentSpec

STEPS = 300
CASES: list[dict[str, Any]] = [
    {"network": {"activation": "tanh"}, "dtype": "float32"},
    {"network": {"activation": "relu", "width": [33, 17]}, "dtype": "float32", "training": {"batch_size": 7}},
    {"network": {"activation": "gelu", "residual": True}, "dtype": "float64"},
    {"network": {"activation": "sigmoid", "width": 64}, "dtype": "float32", "training": {"batch_size": 50}},
    {"network": {"activation": "silu", "bias": False}, "dtype": "float32", "training": {"batch_size": None}},
    {"network": {"activation": "softplus", "width": 5}, "dtype": "float64", "training": {"batch_size": 1}},
]


def experiment(case: dict[str, Any], seed: int, **training: Any) -> ExperimentSpec:
    trained = {"steps": STEPS, "evaluate_every": 100, **case.get("training", {}), **training}
    return spec(seed, network=case["network"], dtype=case["dtype"], training=trained, data=case.get("data"))


@pytest.fixture(autouse=True)
def nothing_broke(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A chunk that breaks runs its members again one by one, which would hide that it did."""
    yield
    assert caplog.get_records("call") == []


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five to eight members share a chunk of eight slots instead of running in pairs."""
    monkeypatch.setattr(population, "_most_slots", lambda spec: 8)


def company(case: dict[str, Any], size: int, places: tuple[int, ...]) -> dict[str, ExperimentSpec]:
    """Return a population with the experiment of seed 7 at some places and others elsewhere."""
    return {f"{place}": experiment(case, 7 if place in places else 100 + place) for place in range(size)}


def same(one: Measurement, other: Measurement) -> bool:
    return repr(one.curves) == repr(other.curves) and one.artifacts == other.artifacts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["network"]["activation"])
def test_a_result_has_the_same_bits_alone_and_at_any_place_of_a_population(case: dict[str, Any]) -> None:
    """31 members in 32 slots; catches any sum over members and any buffer whose slices are off the boundary."""
    places = (0, 13, 30)
    found = run(company(case, 31, places)).finished
    expected = alone(experiment(case, 7))
    assert all(same(found[f"{place}"], expected) for place in places)
    assert not same(found["1"], expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_companions_that_diverge_stop_or_are_cancelled_leave_no_trace(dtype: str, one_chunk: None) -> None:
    """Catches a member whose NaN reaches others, and a small chunk that does not go on where the large one was."""
    case: dict[str, Any] = {"network": {"activation": "relu"}, "dtype": dtype}
    plain = {"optimizer": {"kind": "sgd", "learning_rate": 0.05}}
    patient = {"early_stopping": {"patience": 1, "minimum_improvement": 1e6}}
    members = {
        "diverging": experiment(case, 1, optimizer={"kind": "sgd", "learning_rate": 1e6}),
        "first": experiment(case, 7, **plain),
        "cancelled": experiment(case, 2, **plain),
        "stopping": experiment(case, 3, **plain, **patient),
        "short": experiment(case, 4, **plain, steps=50),
        "last": experiment(case, 7, **plain),
    }
    heard = run(members, Recorder(cancels=lambda r: frozenset({"cancelled"} if r.asked > 150 else ())))
    expected = alone(experiment(case, 7, **plain))
    assert same(heard.finished["first"], expected) and same(heard.finished["last"], expected)
    assert heard.gone == ["cancelled"]
    assert [heard.finished[name].outcome for name in ("diverging", "stopping", "short")] == [
        "diverged",
        "early_stopped",
        "completed",
    ]
    assert same(heard.finished["short"], alone(members["short"]))


def test_members_may_differ_in_all_that_the_shape_leaves_free(one_chunk: None) -> None:
    """Catches a rate, schedule, noise, training-set size or length that is taken from the first member."""
    case = CASES[0]
    members = {
        "long": experiment(case, 1, steps=400, schedule="cosine"),
        "plain": experiment(case, 2),
        "fast": experiment(case, 3, optimizer={"kind": "adam", "learning_rate": 0.01, "beta1": 0.5}),
        "rare": experiment(case, 4, evaluate_every=170, snapshots=3),
        "large": spec(5, data={"train_size": 500, "noise_sd": 0.1}, training={"steps": STEPS}),
        "larger": spec(5, data={"train_size": 600}, training={"steps": STEPS}),
        "slower": experiment(case, 3, optimizer={"kind": "adam", "learning_rate": 0.0001}),
    }
    found = run(members).finished
    assert all(same(found[name], alone(member)) for name, member in members.items())


def weights(case: dict[str, Any], size: int, place: int) -> bytes:
    found = run(company(case, size, (place,))).finished[f"{place}"]
    return content(found, "model.safetensors")


UNPADDED: dict[str, Any] = {"network": {"activation": "sigmoid"}, "dtype": "float64"}
LARGE: dict[str, Any] = {
    "network": {"width": 64},
    "dtype": "float32",
    "training": {"batch_size": 64},
    "data": {"train_size": 128},
}


def test_without_padding_the_last_place_has_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the boundary: with slices side by side the bits of some case move."""
    assert weights(UNPADDED, 32, 31) == weights(UNPADDED, 1, 0)
    monkeypatch.setattr(layout, "BOUNDARY", 1)
    assert weights(UNPADDED, 32, 31) != weights(UNPADDED, 1, 0)


def test_a_single_slot_has_other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the dummy: a batch of one takes another path through the library."""
    with_dummy = weights(LARGE, 1, 0)
    monkeypatch.setattr(population, "_slots", lambda spec, members: 1)
    assert weights(LARGE, 1, 0) != with_dummy


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
