"""The throughput benchmark: what it counts, what it repeats, and what it refuses to report."""

import argparse
import time
from typing import Any

import pytest

from benchmarks import processor_time, served_round, throughput
from benchmarks.processor_time import ProcessorTime

ONCE = {"number": 1, "fence": 1, "worker": "w0", "started_at": "2030-01-01T00:00:00Z", "population_size": 2}


class Engine:
    """An engine that takes four seconds and remembers its seeds."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def run(self, specs: list[dict[str, Any]]) -> dict[str, Any]:
        """Take note of the specs."""
        self.seeds += [spec["seed"] for spec in specs]
        return {"seconds": 4.0, "processes": []}


def rounds(monkeypatch: pytest.MonkeyPatch, others: list[float], count: int) -> tuple[list[dict[str, Any]], Engine]:
    """Return the records of `count` rounds of 3 while others use so many CPU seconds, side after side."""
    used = iter(others)

    class Clock:
        def read(self) -> dict[str, float]:
            return {"others": next(used)}

    monkeypatch.setattr(throughput, "ProcessorTime", Clock)
    monkeypatch.setattr(throughput, "serve", lambda url, specs: {"seconds": 5.0, "seeds": [s["seed"] for s in specs]})
    monkeypatch.setattr(throughput.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(throughput, "await_quiet", lambda share, seconds: None)
    engine = Engine()
    return list(throughput.rounds("", engine, argparse.Namespace(rounds=count, experiments=3))), engine


def test_a_disturbed_round_is_kept_and_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: 5 % of 2 cores are 0.4 s in 4 s and 0.5 s in 5 s. Catches one side that is not looked at."""
    records, engine = rounds(monkeypatch, [0.41, 0.0, 0.4, 0.51, 0.4, 0.5, 9.9], count=1)
    assert [(each["record"], each["round"], each["quiet"]) for each in records] == [
        ("engine", 0, False),
        ("service", 0, False),
        ("engine", 1, False),
        ("service", 1, False),
        ("engine", 2, True),
        ("service", 2, True),
    ]
    served = [seed for each in records if each["record"] == "service" for seed in each["seeds"]]
    assert engine.seeds == served == list(range(9))  # the same work on both sides, and new work in every round


def test_it_does_not_wait_for_ever_for_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a benchmark without an end."""
    records, _ = rounds(monkeypatch, [9.9] * 100, count=2)
    assert len(records) == 2 * 2 * throughput.PATIENCE and not any(each["quiet"] for each in records)


@pytest.mark.parametrize(
    ("engine", "service", "ratio"), [((100.0, 1.0, 4.0), (5.0, 0.0, 99.0), 1.25), ((1.0, 3.0), (2.0, 4.0), 1.5)]
)
def test_the_ratio_is_that_of_the_medians(engine: tuple[float, ...], service: tuple[float, ...], ratio: float) -> None:
    """By hand. Catches means, a median of two that is one of them, and a ratio upside down."""
    samples = [{"record": "engine", "seconds": each} for each in engine]
    samples += [{"record": "service", "seconds": 0.0, "row_seconds": each} for each in service]
    found = throughput.summary(samples, "row_seconds")
    assert found["ratio"] == ratio
    assert (found["service"]["min"], found["service"]["max"]) == (min(service), max(service))


@pytest.mark.parametrize(
    "change", [{"status": "failed"}, {"attempt": ONCE | {"number": 2}}, {"attempt": ONCE | {"fence": 2}}]
)
def test_no_figure_is_given_for_work_that_failed_or_ran_twice(change: dict[str, Any]) -> None:
    """Catches a throughput of failures; a refunded attempt keeps its number and shows in the fence."""
    good = {"status": "succeeded", "attempt": ONCE}
    assert served_round._judged([good, good]) == {"workers": {"w0": 2}, "populations": [["w0", 2]]}
    with pytest.raises(SystemExit, match="first attempt"):
        served_round._judged([good, good | change])


def test_the_client_asks_again_after_a_quarter_of_what_is_left() -> None:
    """By hand: 3 of 4 done in 3 s leave 1 s. Catches a pause without bounds, and a division by nothing done."""
    assert served_round._pause(3.0, left=1, count=4) == 0.25
    assert served_round._pause(3.0, left=4, count=4) == served_round.LONGEST_PAUSE_SECONDS
    assert served_round._pause(0.1, left=1, count=256) == served_round.SHORTEST_PAUSE_SECONDS


def test_a_round_begins_when_the_machine_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a wait for a busy machine, and one without an end."""
    busy = iter([80.0, 5.0, 4.9, 80.0])
    monkeypatch.setattr(processor_time.psutil, "cpu_percent", lambda seconds: next(busy))
    processor_time.await_quiet(0.05, 60.0)
    assert list(busy) == [80.0]
    monkeypatch.setattr(processor_time.psutil, "cpu_percent", lambda seconds: time.sleep(0.02) or 80.0)
    processor_time.await_quiet(0.05, 0.05)


def test_time_of_this_process_is_its_own() -> None:
    """Catches time before the start that is counted; ticks of the clock are hundredths of a second."""
    clock = ProcessorTime()
    started = time.process_time()
    while time.process_time() - started < 0.3:
        pass
    assert 0.25 <= clock.read()["client"] <= 0.4


def test_a_server_that_is_named_by_url_counts_as_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches parts that are sought among the benchmark's own children alone: no round was quiet then."""

    class Foreign:
        pid = -1

        def __init__(self, name: str) -> None:
            self.info = {"name": name}

        def cpu_times(self) -> tuple[float, float, float]:
            return (2.0, 1.0, 9.0)  # user, system, and what its children used

    names = ("postgres", "redis-server", "compiler")
    monkeypatch.setattr(processor_time.psutil, "process_iter", lambda attributes: map(Foreign, names))
    used = processor_time._used()
    assert (used["postgres"], used["broker"]) == (3.0, 3.0)
    assert set(used) == {"client", "postgres", "broker"}


def test_the_others_have_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: of 3 busy seconds 2 are ours, and half a second of them from before. Catches ours counted twice."""
    busy, ours = iter([10.0, 13.0]), iter([{"client": 0.5}, {"client": 1.5, "api": 1.0}])
    monkeypatch.setattr(processor_time, "_busy", lambda: next(busy))
    monkeypatch.setattr(processor_time, "_used", lambda: next(ours))
    assert ProcessorTime().read() == {"client": 1.0, "api": 1.0, "others": 1.0}
