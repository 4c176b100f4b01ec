"""The GPU benchmark without a GPU: the same program on the CPU, and how it judges what it would find on a device."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import __main__ as program
from benchmarks.gpu.formulations import FRAMEWORKS, sample_steps
from benchmarks.gpu.goals import broken, verdicts
from benchmarks.gpu.tables import around_table, bits_table, memory_table
from benchmarks.training.formulations import Formulation
from benchmarks.training.processes import WorkerError
from benchmarks.training.shapes import SHAPES

NAMES = ["ours-eager", "ours-graph", "torch-loop"]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The lines of one run of all parts on one shape, without JAX, which need not be there."""
    path = tmp_path_factory.mktemp("benchmark") / "lines.jsonl"
    options = ["--device", "cpu", "--smoke", "--shapes", "A-mini", "--only", ",".join(NAMES), "--out", str(path)]
    assert program.main(options) == 0
    return [json.loads(line) for line in path.read_text().splitlines()]


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in records if each["record"] == kind]


def test_every_part_runs_on_the_cpu(records: list[dict[str, Any]]) -> None:
    """Catches a part that breaks, one that is left out, and a formulation that trains something else."""
    assert of(records, "failure") == [] and of(records, "left-out") == []
    kinds = {"device", "waits", "around", "gate", "sample", "probe", "bits", "memory", "job", "calls", "goal", "end"}
    assert kinds <= {each["record"] for each in records}
    assert {(each["formulation"], each["networks"]) for each in of(records, "sample")} == {
        *((name, networks) for name in NAMES for networks in (1, 3)),
        ("ours-graph", 4),
    }
    gates = of(records, "gate")
    assert {each["formulation"] for each in gates} == set(NAMES) and all(each["passed"] for each in gates)
    # In float64 the engine and the loop never agree to the last bit over 20 steps.
    assert all(each["difference"] > 0 for each in gates if each["formulation"] != "torch-loop")


def test_the_parts_find_what_is_so_on_the_cpu(records: list[dict[str, Any]]) -> None:
    """Its bits depend on nothing; three networks are a pair and one, or one chunk. Catches a comparison with itself."""
    for each in of(records, "bits"):
        assert each["rerun_equal"] and each["places_equal"]
        assert each["graph_to_eager"] == [0, 0] and each["between_slot_counts"] == 0
    assert [(each["chunks"], each["finished"]) for each in of(records, "job")] == [([2, 1], 3), ([3], 3)]
    assert of(records, "memory")[0]["estimate_bytes"] > 4 * 4353 * 4  # of four networks the parameters alone


def test_nothing_of_a_gpu_is_claimed_without_one(records: list[dict[str, Any]]) -> None:
    """Catches a goal that a run on the CPU meets, and a wait or a peak of memory that nobody looked for."""
    assert {each["verdict"] for each in of(records, "goal")} == {"not measured"}
    assert [each["measured"] for each in of(records, "waits")] == [False]
    assert all("peak_bytes" not in each for each in of(records, "memory"))
    assert all("device_us_per_network_step" not in each for each in of(records, "sample"))


def test_without_a_device_it_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a run that passes because it measured nothing; it leaves no file that could be taken for one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert program.main(["--out", str(tmp_path / "lines")]) == 0
    assert capsys.readouterr().out == "skipped: no CUDA device\n" and list(tmp_path.iterdir()) == []


def test_on_a_cpu_only_the_smoke_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches times of a CPU under the name of a GPU."""
    with pytest.raises(SystemExit):
        program.main(["--device", "cpu"])
    assert "only --smoke" in capsys.readouterr().err


def sample(name: str, networks: int, cost: float, shape: str = "A-mini", clock: str = "device") -> dict[str, Any]:
    place = {"formulation": name, "shape": shape, "networks": networks, "round": 0}
    return {"record": "sample", **place, f"{clock}_us_per_network_step": cost}


PLAN = replace(program.QUICK, networks=(8, 64), compiled=(8, 64))


def test_goals_are_ratios_of_the_right_pairs() -> None:
    """By hand: the loop over eager 700 / 100 = 7 of the 6.4 wanted for 8, 5000 / 100 = 50 of 51.2 for 64.

    Catches a bound without K, the graph's goal on another shape, and JAX compared by events that it has not.
    """
    lines = [
        *(sample("torch-loop", 8, 700.0), sample("ours-eager", 8, 100.0), sample("ours-graph", 8, 20.0)),
        *(sample("torch-loop", 64, 5000.0), sample("ours-eager", 64, 100.0), sample("ours-graph", 64, 50.0)),
        *(sample("ours-graph", 8, 26.0, clock="wall"), sample("jax", 8, 20.0, clock="wall")),
        *(sample("ours-graph", 64, 22.0, clock="wall"), sample("jax", 64, 20.0, clock="wall")),
    ]
    found = {each.statement: each for each in verdicts(lines, PLAN, counts=True)}
    assert {statement: (each.ratio, each.word) for statement, each in found.items()} == {
        "loop / stacked eager, K=8": (7.0, "met"),
        "loop / stacked eager, K=64": (50.0, "missed"),
        "stacked eager / graph, K=8": (5.0, "met"),
        "stacked eager / graph, K=64": (2.0, "missed"),
        "engine / JAX, K=8": (1.3, "missed"),
        "engine / JAX, K=64": (1.1, "met"),
    }
    assert {each.word for each in verdicts(lines, PLAN, counts=False)} == {"not measured"}
    other = replace(PLAN, shapes=("B-full",))
    assert not any("graph" in each.statement for each in verdicts(lines, other, counts=True))


BITS = {"record": "bits", "shape": "A-mini", "dtype": "float32", "steps": 9, "slots": [2, 4]}
BITS |= {"rerun_equal": True, "places_equal": True, "graph_to_eager": [0.0, 1e-7], "between_slot_counts": 2e-7}
WAITS = {"record": "waits", "shape": "A-mini", "slots": 4, "steps": 9, "measured": True, "wait": None, "seen": True}
GATE = {"record": "gate", "formulation": "jax", "shape": "A-mini", "dtype": "float32", "difference": 1.0}
DEVICE = {"record": "device", "device": "cuda", "deterministic": True}
JOB = {"record": "job", "shape": "A-mini", "failed": []}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (BITS, None),
        (BITS | {"places_equal": False}, "bits differ"),
        (BITS | {"rerun_equal": False}, "bits differ"),
        (WAITS, None),
        (WAITS | {"wait": "called a synchronizing CUDA operation"}, "called a synchronizing"),
        (WAITS | {"seen": False}, "sees nothing"),
        (GATE | {"passed": True}, None),
        (GATE | {"passed": False}, "jax on A-mini"),
        (DEVICE, None),
        (DEVICE | {"deterministic": False}, "lower precision"),
        (JOB, None),
        (JOB | {"failed": ["internal: no"]}, "internal: no"),
        ({"record": "failure", "part": "bits", "error": "Traceback\nCUDA error"}, "bits: CUDA error"),
        ({"record": "failure", "part": "calls", "error": "no counters for the profiler"}, None),
    ],
)
def test_what_may_not_be_breaks_the_run(record: dict[str, Any], words: str | None) -> None:
    """Bits that differ between numbers of slots are reported, and break nothing. Catches a check left out."""
    found = broken([record])
    assert found == [] if words is None else words in found[0]


class FakeJournal:
    """Remembers records and progress."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def add(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def take(self, part: str, records: Iterator[dict[str, Any]]) -> None:
        self.records.extend(records)

    def say(self, text: str) -> None:
        """Nobody listens."""


class FakePool:
    """Counts how often its processes were ended, and starts none."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def process(self, framework: str) -> None:
        raise WorkerError("jax:\nno GPU found")


def breaking() -> Iterator[dict[str, Any]]:
    yield {"record": "first"}
    raise WorkerError("torch:\nCUDA error: an illegal memory access")


def test_a_part_that_breaks_leaves_the_others_a_fresh_process() -> None:
    """After an error a CUDA context gives nothing more. Catches a run that ends there, or goes on with the old one."""
    journal, pool = FakeJournal(), FakePool()
    run = program.Run(journal, pool, 60.0)
    run.take("bad", breaking)
    run.take("good", lambda: [{"record": "second"}])
    assert [each["record"] for each in journal.records] == ["first", "failure", "second"] and pool.closed == 1
    assert "illegal memory access" in broken(journal.records)[0]


def test_what_the_time_does_not_suffice_for_is_named() -> None:
    """Catches a part that is silently left out."""
    journal = FakeJournal()
    program.Run(journal, FakePool(), -1.0).take("late", lambda: [{"record": "late"}])
    assert journal.records == [{"record": "left-out", "part": "late"}]


def test_a_peer_that_cannot_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not installed, or installed for CPUs alone. Catches a peer that is silently not compared."""
    options = program.arguments(["--smoke", "--only", "jax,torch-loop"])
    monkeypatch.setattr(Formulation, "missing", lambda self: [])
    assert dict(program.absences(options, FakePool())) == {"jax": "cannot use the device: no GPU found"}
    monkeypatch.setattr(Formulation, "missing", lambda self: ["jax"] if "jax" in self.packages else [])
    assert dict(program.absences(options, FakePool())) == {"jax": "not installed: jax"}
    assert set(FRAMEWORKS) == {"jax"}


def test_the_tables_show_the_figures() -> None:
    """Three MiB of an estimate of two are 1.50 of it. Catches a ratio upside down, and bits that look equal."""
    memory = {"record": "memory", "shape": "A-mini", "slots": 4, "peak_bytes": 3 * 2**20, "estimate_bytes": 2**21}
    assert memory_table([memory]).split()[-5:] == ["A-mini", "4", "3.0", "2.0", "1.50"]
    assert bits_table([BITS]).split()[-6:] == ["9", "equal", "equal", "equal", "1.0e-07", "2.0e-07"]
    assert "first wait for the device  none" in around_table([WAITS])


def test_a_sample_of_many_networks_takes_fewer_steps() -> None:
    """So that the loop's takes as long for 64 as for one. Catches a benchmark of an hour, and a sample of no step."""
    mini, full = SHAPES["A-mini"], SHAPES["B-full"]
    assert [sample_steps("torch-loop", mini, networks, 1.0) for networks in (1, 8, 64, 512)] == [64, 8, 1, 1]
    assert [sample_steps("ours-graph", full, networks, 1.0) for networks in (1, 64, 512)] == [128, 128, 16]
