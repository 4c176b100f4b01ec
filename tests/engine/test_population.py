"""Populations: what goes wrong with one job spoils no other, and every job gets one last word."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.engine.populations import Recorder, alone, content, curve, run, spec
from workers.catalogue.datasets.sampled import Sampled
from workers.catalogue.probes.generalization_gap import GeneralizationGap
from workers.catalogue.values import Reading, Split, Subject
from workers.engine import programs, reports
from workers.engine.population import Job, run_population
from workers.engine.written import DenseProgram
from workers.experiments.codec import decode
from workers.experiments.lifecycle import StatusReason

GAP = [{"kind": "generalization-gap"}]
SIMULATION = decode({"type": "simulation", "simulation": {"kind": "goe-eigenvalues", "n": 2, "samples": 2000}})
POLE = {"kind": "expression", "expression": "1/x", "domain": {"x": [-1, 1]}}


def failing_for(seed: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Sampled.split

    def split(self: Sampled, target: Any, drawn: int) -> Split:
        if drawn == seed:
            raise error
        return draw(self, target, drawn)

    monkeypatch.setattr(Sampled, "split", split)


def test_each_kind_of_experiment_runs_beside_the_others() -> None:
    tree = {"architecture": {"kind": "decision-tree"}, "training": {"kind": "fit"}}
    gates = {"architecture": {"kind": "multiplication-tree"}, "training": None, "target": "product"}
    specs = {"sim": SIMULATION, "net": spec(), "tree": decode_(**tree), "gates": decode_(**gates, dtype="float64")}
    heard = run(specs)
    assert heard.failed == {} and set(heard.finished) == set(specs)
    backends = {name: measurement.fingerprint["backend"] for name, measurement in heard.finished.items()}
    assert backends == {"sim": "simulation", "net": "written", "tree": "fit", "gates": "measure"}
    assert curve(heard.finished["sim"], "probability_positive_definite").values[0] == pytest.approx(0.146, abs=0.03)
    # A tree with pure leaves has seen its training samples; a gate's error is of order l^2 = 1e-3.
    assert curve(heard.finished["tree"], "train_loss").values[0] < 1e-30
    assert curve(heard.finished["gates"], "test_l2_error").values[0] < 1e-3


def decode_(**members: Any) -> Any:
    """Return a small approximation with whole members replaced."""
    json = {
        "type": "approximation",
        "target": "sine-sum",
        "dataset": {"kind": "sampled", "train_size": 50, "validation_size": 16, "test_size": 64},
    }
    return decode(json | members)


def test_one_bad_member_of_a_chunk_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an error of one that ends the chunk, and a reason that blames the wrong side."""
    failing_for(2, MemoryError("60 GB"), monkeypatch)
    specs = {"good": spec(1), "large": spec(2), "wrong": spec(target=POLE, data={"design": "grid", "train_size": 51})}
    heard = run(specs)
    assert repr(heard.finished["good"]) == repr(alone(spec(1)))
    assert heard.failed["large"][0] is StatusReason.OUT_OF_MEMORY and "60 GB" in heard.failed["large"][1]
    assert heard.failed["wrong"][0] is StatusReason.INVALID and "not finite at x = 0" in heard.failed["wrong"][1]


def test_a_probe_that_breaks_fails_its_own_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for the one line of detail, without the traceback."""

    def measure(self: GeneralizationGap, subject: Subject) -> Reading:
        raise RuntimeError("cannot\nsecond line")

    monkeypatch.setattr(GeneralizationGap, "measure", measure)
    heard = run({"bad": spec(1, probes=GAP), "good": spec(2)})
    assert heard.failed == {"bad": (StatusReason.INTERNAL, "RuntimeError: cannot")}
    assert set(heard.finished) == {"good"}


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("you tried to allocate memory"), ValueError("a bug")])
def test_the_members_of_a_chunk_that_breaks_run_again_one_by_one(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a chunk that fails as a whole; also that no point of a curve is told twice."""
    step = DenseProgram.step

    def breaking(self: DenseProgram, *arguments: Any) -> None:
        if self.slots > 2 and float(self.memory[1].abs().sum()) > 0:
            raise error
        step(self, *arguments)

    monkeypatch.setattr(programs, "most_slots", lambda spec: 4)
    expected = alone(spec(1))
    monkeypatch.setattr(DenseProgram, "step", breaking)
    heard = run({"a": spec(1), "b": spec(2), "c": spec(3)})
    assert set(heard.finished) == {"a", "b", "c"}
    assert repr(heard.finished["a"]) == repr(expected)
    steps = heard.points["a", "train_loss"]
    assert steps == sorted(set(steps)) and steps[0] == 0


def test_what_does_not_fit_alone_is_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(self: DenseProgram, *arguments: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(DenseProgram, "step", breaking)
    heard = run({"a": spec(1), "b": spec(2), "sim": SIMULATION})
    assert {name: reason for name, (reason, _) in heard.failed.items()} == dict.fromkeys(
        ("a", "b"), StatusReason.OUT_OF_MEMORY
    )
    assert set(heard.finished) == {"sim"}


def test_a_recorded_result_is_not_run() -> None:
    recorded = decode({"type": "recorded", "config": {}, "metrics": {"loss": 1.0}})
    assert run({"r": recorded}).failed["r"][0] is StatusReason.INVALID


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason, detail = run({"gpu": spec(device="cuda")}).failed["gpu"]
    assert reason is StatusReason.INVALID and "no CUDA device" in detail


def test_a_cancelled_job_is_given_up_wherever_it_is() -> None:
    """One trains, one waits for its turn, one is to be probed; catches a word too few or too many."""
    specs = {
        "trains": spec(1, training={"steps": 100_000}, backend="written"),
        "probed": spec(2, probes=GAP, training={"steps": 1000}, backend="written"),
        "waits": SIMULATION,
        "kept": spec(3),
    }
    heard = run(specs, Recorder(cancels=lambda r: frozenset(set(specs) - {"kept"} if r.asked > 100 else ())))
    assert sorted(heard.gone) == ["probed", "trains", "waits"]
    assert set(heard.finished) == {"kept"} and not heard.failed


def test_a_stopped_population_says_nothing_more() -> None:
    heard = run({"a": spec(1, training={"steps": 10**6}), "b": SIMULATION}, Recorder(stops=lambda r: r.asked > 50))
    assert heard.last_words == set()


def test_every_point_of_a_curve_is_told_once() -> None:
    heard = run({"a": spec(1, training={"steps": 300, "evaluate_every": 30})})
    recorded = curve(heard.finished["a"], "test_loss").steps
    assert tuple(heard.points["a", "test_loss"]) == recorded[: len(heard.points["a", "test_loss"])]
    assert len(heard.points["a", "test_loss"]) >= len(recorded) - 1


def test_who_ends_soon_is_not_told_of_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, with a clock of a second a look. Catches a first report with the beginning, and one that never comes.

    It also catches one that is due after `report_seconds` instead of twice as long: 0.6 of all looks come too soon.
    """
    ticks = itertools.count()
    monkeypatch.setattr(reports.time, "monotonic", lambda: float(next(ticks)))
    run_population([Job(id="it", spec=spec())], Recorder(), report_seconds=1e6)
    looks = next(ticks)
    for seconds, told in ((1e6, False), (0.6 * looks, False), (0.5, True)):
        recorder = Recorder()
        run_population([Job(id="it", spec=spec())], recorder, report_seconds=seconds)
        assert bool(recorder.completed) is told and set(recorder.finished) == {"it"}


def test_another_experiments_model_is_measured_again() -> None:
    """On the data it was trained for it must give its own losses; catches another scaling or split."""
    first = spec(1, data={"standardise": True}, dtype="float64")
    found = alone(first)
    again = {"architecture": None, "training": None, "model_of": "exp_1", "seed": 1}
    same = decode_(**again, dataset={"kind": "sampled", "train_size": 50, "validation_size": 16, "test_size": 64})
    other = decode_(**again, target="product")
    source = (first, content(found, "model.safetensors"))
    heard = Recorder()
    jobs = [Job(id="same", spec=same, source=source), Job(id="other", spec=other, source=source)]
    run_population([*jobs, Job(id="lost", spec=same)], heard)
    expected = curve(found, "test_l2_error").values[-1]
    assert curve(heard.finished["same"], "test_l2_error").values == pytest.approx((expected,), rel=1e-12)
    assert content(heard.finished["same"], "model.safetensors") == source[1]
    assert "maps 1 inputs to 1 outputs" in heard.failed["other"][1]
    assert heard.failed["lost"][0] is StatusReason.INVALID


def test_every_network_trains_by_the_loop_too() -> None:
    """Equal to the written back end in float64 up to rounding, and bit for bit beside others."""
    written = alone(spec(1, dtype="float64"))
    looped = alone(spec(1, dtype="float64", backend="loop"))
    assert looped.fingerprint["backend"] == "loop"
    assert curve(looped, "test_loss").values == pytest.approx(curve(written, "test_loss").values, rel=1e-9)
    specs = {name: spec(seed, dtype="float64", backend="loop") for name, seed in (("other", 2), ("same", 1))}
    beside = run(specs).finished["same"]
    assert repr(beside) == repr(looped)


def test_untrained_networks_are_rounded_to_their_precision() -> None:
    """The loss of an initial float32 network must be that of the trained one at step 0."""
    untrained = alone(replace(spec(1), training=None))
    trained = alone(spec(1, training={"steps": 1}))
    assert curve(untrained, "test_loss").values[0] == pytest.approx(curve(trained, "test_loss").values[0], rel=1e-6)
