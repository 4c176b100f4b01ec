"""On a CUDA device: the results of the CPU, the same bits every time, and nothing that waits for the device.

Bits are promised within one number of slots; `python -m benchmarks.gpu` reports how far those of two numbers differ.
Alone, without the rest of the tests: python -m pytest tests/engine/test_cuda.py --confcutdir=tests/engine
"""

import gc
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.populations import Recorder, alone, curve, run, spec
from tests.engine.test_graphs import chunk, weights_of
from workers.engine import population, programs
from workers.engine.numerics import prepare_process
from workers.engine.population import Job
from workers.engine.program import StepProgram
from workers.experiments.lifecycle import StatusReason
from workers.experiments.measurement import Measurement
from workers.experiments.spec import ExperimentSpec

pytestmark = pytest.mark.gpu

Case = Mapping[str, Any]
LINE = {"target": None, "dataset": {"kind": "mnist1d", "train_size": 50, "validation_size": 0, "test_size": 20}}
FORMULA = "sin(2*x1) + x6*x7 + x4*x13 + cos(x16)"
SQUARE = {  # a regression on four times four numbers
    "target": {"kind": "expression", "expression": FORMULA, "domain": {f"x{index}": [-1, 1] for index in range(1, 17)}}
}
WRITTEN: dict[str, Case] = {
    "tanh": {"backend": "written", "network": {"activation": "tanh"}},
    "relu": {"backend": "written", "network": {"activation": "relu", "width": [33, 17]}},
    "full batch": {"backend": "written", "network": {"residual": True}, "training": {"batch_size": None}},
    "classes": {"backend": "written", "architecture": {"kind": "mlp", "width": 9, "activation": "gelu"}, **LINE},
}
LOOP: dict[str, Case] = {
    "loop": {"backend": "loop", "network": {"activation": "tanh"}},
    "random features": {"backend": "loop", "architecture": {"kind": "random-features", "width": 17}},
    "circle": {"architecture": {"kind": "cnn", "dimensions": 1, "channels": 5, "padding": "circular"}, **LINE},
    "mirror line": {"architecture": {"kind": "cnn", "dimensions": 1, "channels": 5, "padding": "reflect"}, **LINE},
    "mirror": {"architecture": {"kind": "cnn", "channels": 5, "padding": "reflect", "pooling": "average"}, **SQUARE},
    "max": {"architecture": {"kind": "cnn", "channels": 5, "pooling": "max"}, **SQUARE},
    "blur": {"architecture": {"kind": "cnn", "channels": 5, "pooling": "blur"}, **SQUARE},
    "turning": {"architecture": {"kind": "group-cnn", "channels": 3}, **SQUARE},
    "local": {"backend": "loop", "architecture": {"kind": "locally-connected", "channels": 5, "depth": 1}, **SQUARE},
}
ALL = {**WRITTEN, **LOOP}
SLOTS = 8
every = pytest.mark.parametrize("case", ALL.values(), ids=ALL)
both = pytest.mark.parametrize("case", [ALL["relu"], ALL["loop"]], ids=["written", "loop"])


def experiment(case: Case, seed: int, device: str = "cuda", dtype: str = "float32", **training: Any) -> ExperimentSpec:
    trained = {"steps": 300, "evaluate_every": 100, **case.get("training", {}), **training}
    return spec(seed, device=device, dtype=dtype, **{**case, "training": trained})


@pytest.fixture
def nothing_broke(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A chunk that breaks runs its members again one by one, which would hide that it did."""
    yield
    assert caplog.get_records("call") == []


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch, nothing_broke: None) -> None:
    """Five to eight members share a chunk of eight slots instead of running in pairs."""
    monkeypatch.setattr(programs, "most_slots", lambda spec: SLOTS)


def same(one: Measurement, other: Measurement) -> bool:
    return repr(one.curves) == repr(other.curves) and one.artifacts == other.artifacts


@every
def test_losses_agree_with_the_cpu(case: Case, nothing_broke: None) -> None:
    """Every batch and every evaluation of 50 steps in float64, to 1e-9: rounding grows from 1e-16 by less.

    Catches a buffer that no step overwrites, an update that is not carried on, a step of the warm-up left in.
    """
    steps = {"steps": 50, "evaluate_every": 10, "record_batch_loss": True}
    found, expected = (alone(experiment(case, 3, device, "float64", **steps)) for device in ("cuda", "cpu"))
    assert found.fingerprint["device"] == "cuda" and found.fingerprint["gpu"]
    for name in ("batch_loss", "train_loss", "test_loss"):
        assert curve(found, name).values == pytest.approx(curve(expected, name).values, rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every
def test_a_result_has_the_same_bits_again(case: Case, dtype: str, nothing_broke: None) -> None:
    """Catches an algorithm whose sums depend on the order in which threads come."""
    first, again = (alone(experiment(case, 7, dtype=dtype)) for _ in range(2))
    assert same(first, again)


def company(case: Case, dtype: str, size: int, place: int) -> dict[str, ExperimentSpec]:
    """Return a population whose member at `place` has seed 500: members of equal length lie in the order of seeds."""
    seeds = [100 + index if index < place else 500 if index == place else 900 + index for index in range(size)]
    found = {f"{seed}": experiment(case, seed, dtype=dtype) for seed in seeds}
    (members,) = programs.chunks_of([Job(id=name, spec=given) for name, given in found.items()])
    assert members[place].id == "500"
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", WRITTEN.values(), ids=WRITTEN)
def test_a_result_has_the_same_bits_at_any_place(case: Case, dtype: str, one_chunk: None) -> None:
    """In eight slots, at four places, beside others; then in two slots. Catches a slice off the boundary."""
    for size, places in ((SLOTS, (0, 3, 4, 7)), (2, (0, 1))):
        first, *others = [run(company(case, dtype, size, place)).finished["500"] for place in places]
        assert all(same(other, first) for other in others)


@every
def test_a_graph_computes_what_single_operations_do(
    case: Case, nothing_broke: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit. Catches a warm-up that leaves a trace, and a recorded step that reads an old place."""
    recorded = alone(experiment(case, 7, record_batch_loss=True))
    supply = StepProgram._supply

    def told_one_by_one(self: StepProgram, *given: Any) -> None:
        supply(self, *given)
        assert self._graph is not None
        self._graph = None

    monkeypatch.setattr(StepProgram, "_supply", told_one_by_one)
    assert same(alone(experiment(case, 7, record_batch_loss=True)), recorded)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_companions_that_diverge_stop_or_are_cancelled_leave_no_trace(dtype: str, one_chunk: None) -> None:
    """Three members go on to the end, so that the chunk keeps its slots. Catches NaN that reaches a companion."""
    plain = {"optimizer": {"kind": "sgd", "learning_rate": 0.05}}

    def member(seed: int, **training: Any) -> ExperimentSpec:
        return experiment(WRITTEN["relu"], seed, dtype=dtype, **{**plain, **training})

    calm = {name: member(seed) for name, seed in (("first", 7), ("last", 8), ("steady", 9), ("a", 1), ("b", 2))}
    stormy = {
        **calm,
        "a": member(1, optimizer={"kind": "sgd", "learning_rate": 1e6}),
        "b": member(2, steps=10_000),
        "stopping": member(3, early_stopping={"patience": 1, "minimum_improvement": 1e6}),
        "short": member(4, steps=50),
    }
    expected = run(calm).finished
    heard = run(stormy, Recorder(cancels=lambda heard: frozenset({"b"} if heard.asked > 150 else ())))
    assert heard.gone == ["b"] and heard.finished["a"].outcome == "diverged"
    assert all(same(heard.finished[name], expected[name]) for name in ("first", "last", "steady"))


def test_products_are_not_shortened() -> None:
    """1 + 2^-12 has more digits than TF32 keeps: times a unit matrix, it comes back whole, or as 1.

    The control: with shorter products allowed the same matrix is seen to lose them, where the device has TF32.
    """
    whole = torch.full((2, 512, 512), 1 + 2.0**-12, device="cuda")
    unit = torch.eye(512, device="cuda").expand(2, -1, -1).contiguous()
    kernel = torch.eye(512, device="cuda")[:, :, None, None]
    products: dict[str, Callable[[], torch.Tensor]] = {
        "bmm": lambda: torch.bmm(whole, unit),
        "linear": lambda: torch.nn.functional.linear(whole[0], unit[0], torch.zeros(512, device="cuda")),
        "conv2d": lambda: torch.nn.functional.conv2d(whole[:1, :, :, None].expand(-1, -1, -1, 8), kernel),
    }
    for name, product in products.items():
        assert bool((product() == whole[0, 0, 0]).all()), name
    if torch.cuda.get_device_capability() >= (8, 0):
        try:
            torch.set_float32_matmul_precision("high")
            assert bool((products["bmm"]() == 1).any())
        finally:
            prepare_process()


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """At most 512 MiB more than what is held now, and no log: what pytest keeps of one holds what the error held."""
    monkeypatch.setattr(population.log, "exception", lambda *given, **more: None)
    gc.collect()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**29) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_what_does_not_fit_is_out_of_memory_alone(little_memory: None) -> None:
    """The weights of the large one in two slots take more than there is; its companion ends as it does alone."""
    large = experiment(WRITTEN["relu"] | {"network": {"width": [8192, 8192]}}, 1)
    small = experiment(WRITTEN["relu"], 2)
    heard = run({"large": large, "small": small})
    assert heard.failed["large"][0] is StatusReason.OUT_OF_MEMORY and set(heard.failed) == {"large"}
    assert same(heard.finished["small"], alone(small))


def test_members_that_do_not_fit_together_run_one_by_one(little_memory: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 MB of weights and moments each: 64 slots are too many, two are not. Catches memory kept by the chunk."""
    members = {f"{seed}": experiment(WRITTEN["relu"] | {"network": {"width": [1024, 1024]}}, seed) for seed in range(3)}
    expected = {name: alone(member) for name, member in members.items()}
    monkeypatch.setattr(programs, "most_slots", lambda spec: 64)
    monkeypatch.setattr(programs, "_chunk_size", lambda spec, waiting: 64)
    heard = run(members)
    assert heard.failed == {}
    assert all(same(heard.finished[name], expected[name]) for name in members)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@both
def test_no_step_waits_for_the_device(case: Case) -> None:
    """Over two windows of minibatches, keeping the loss of every batch; the last line is the control."""
    found = chunk(case, 1 if case["backend"] == "loop" else 4, device="cuda")
    with found.program.context():
        found.program.advance(found.live, 0, 5)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            found.program.advance(found.live, 5, 600)
            with pytest.raises(RuntimeError, match="synchroniz"):
                torch.ones(1, device="cuda").item()
        finally:
            torch.cuda.set_sync_debug_mode("default")


@both
def test_a_graph_outlives_another(case: Case) -> None:
    """Recorded while one of either back end lives, and replayed after those are gone and their memory is used.

    Catches memory that two graphs share, and a recording that needs the mode in which the first was made.
    """
    slots = 1 if case["backend"] == "loop" else 4

    def advance(given: Any, first: int, last: int) -> None:
        with given.program.context():
            given.program.advance(given.live, first, last)

    undisturbed = chunk(case, slots, device="cuda")
    advance(undisturbed, 0, 300)
    expected = weights_of(undisturbed)
    others = [chunk(ALL["tanh"], 2, device="cuda"), chunk(ALL["loop"], 1, device="cuda")]
    for other in others:
        advance(other, 0, 3)
    found = chunk(case, slots, device="cuda")
    advance(found, 0, 10)
    del others, other, undisturbed
    torch.cuda.empty_cache()
    filling = torch.full((2**26,), float("nan"), device="cuda")
    advance(found, 10, 300)
    assert len(filling) and all(np.array_equal(*pair) for pair in zip(weights_of(found), expected, strict=True))


def test_a_program_is_freed_with_its_last_reference() -> None:
    """Its memory too, without the garbage collector; catches a graph that is held in a circle."""
    found = chunk(ALL["relu"], 2, device="cuda")
    with found.program.context():
        found.program.advance(found.live, 0, 3)
    held = sum(each.nbytes for each in found.program.memory)
    program, before = weakref.ref(found.program), torch.cuda.memory_allocated()
    gc.disable()
    try:
        del found
        assert program() is None
        assert torch.cuda.memory_allocated() <= before - held
    finally:
        gc.enable()
