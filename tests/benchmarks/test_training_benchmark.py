"""The training benchmark at its smallest: it compares, times and writes what it promises."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.training.__main__ import main
from benchmarks.training.formulations import Formulation
from benchmarks.training.goals import Samples, verdicts
from benchmarks.training.shapes import SHAPES, Orders

NAMES = ["ours-written", "torch-loop"]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The lines of one run of two formulations on one shape."""
    path = tmp_path_factory.mktemp("benchmark") / "lines.jsonl"
    options = ["--rounds", "1", "--k", "3", "--steps-scale", "0.02", "--parts", "speed", "--shapes", "A-mini"]
    assert main([*options, "--only", ",".join(NAMES), "--out", str(path)]) == 0
    return [json.loads(line) for line in path.read_text().splitlines()]


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in records if each["record"] == kind]


def test_the_engine_passes_the_gate(records: list[dict[str, Any]]) -> None:
    """Catches another order of minibatches in the engine than in the problem, and a gate that compares nothing.

    Two formulations in float32 never agree to the last bit over 20 steps, so a difference of 0 is suspicious.
    """
    gates = {(each["formulation"], each["dtype"]): each for each in of(records, "gate")}
    assert set(gates) == {(name, dtype) for name in NAMES for dtype in ("float32", "float64")}
    assert all(each["passed"] for each in gates.values())
    assert 0 < gates["ours-written", "float64"]["difference"] < gates["ours-written", "float32"]["difference"]


def test_every_round_holds_one_sample_of_each_and_a_probe(records: list[dict[str, Any]]) -> None:
    """Catches a formulation left out of a round, and microseconds of all networks instead of one."""
    samples = of(records, "sample")
    assert sorted(each["formulation"] for each in samples) == NAMES
    for each in samples:
        expected = 1e6 * each["cpu_seconds"] / (each["steps"] * 3)
        assert math.isclose(each["cpu_us_per_network_step"], expected) and each["wall_seconds"] > 0
    (probe,) = of(records, "probe")
    assert math.isclose(probe["gflops"] * probe["cpu_seconds"], 2 * 2.048**3)


def test_the_header_says_what_the_figures_depend_on(records: list[dict[str, Any]]) -> None:
    """Catches a field that the protocol asks for and the header lacks."""
    header = records[0]
    assert header["record"] == "header" and header["threads"] == 1
    assert {"date", "cpu", "cores", "load_average", "commit", "versions", "not_installed"} <= header.keys()
    assert {"torch", "numpy", "scikit-learn", "jax"} <= header["versions"].keys()
    assert records[-1]["record"] == "end"


def sample(name: str, number: int, cost: float) -> dict[str, Any]:
    place = {"formulation": name, "shape": "A-mini", "networks": 32, "round": number}
    return {"record": "sample", **place, "cpu_us_per_network_step": cost}


def test_goals_are_judged_on_ratios_of_medians() -> None:
    """Catches means instead of medians, and a ratio upside down: 13, 3000 and 12 over 1, 1 and 100 give 13."""
    costs = {"torch-loop": (13.0, 3000.0, 12.0), "ours-written": (1.0, 1.0, 100.0)}
    lines = [sample(name, number, cost) for name, each in costs.items() for number, cost in enumerate(each)]
    (verdict,) = [each for each in verdicts(Samples(lines), ["A-mini"]) if each.goal == "T2"]
    assert (verdict.ratio, verdict.spread, verdict.word) == (13.0, (0.12, 3000.0), "met")


def test_a_goal_against_a_peer_that_is_not_installed_is_not_met() -> None:
    """Catches a goal that passes because its peer is absent."""
    lines = [sample("ours-written", 0, 1.0), sample("torch-loop", 0, 13.0)]
    found = {each.goal: each.word for each in verdicts(Samples(lines), ["A-mini"])}
    assert (found["T1"], found["T2"], found["T3"]) == ("not measured", "met", "not measured")
    absent = Formulation(module="jax_scan", name="JaxScan", packages=("torch", "no-such-package"))
    assert absent.missing() == ["no-such-package"]


def test_operations_of_a_step_are_those_of_its_products() -> None:
    """Catches a product forgotten or counted twice.

    A, 64 rows: forward and weights 2*2*64*(64 + 4096 + 64), inputs of the last two layers 2*64*(4096 + 64).
    """
    assert SHAPES["A-mini"].flops == 2 * 2 * 64 * 4224 + 2 * 64 * 4160
    assert SHAPES["B-full"].flops == 16 * (2 * 2 * 64 * (1024 + 16384 + 128) + 2 * 64 * (16384 + 128))


def test_every_network_has_an_order_of_its_own_that_visits_all_samples_once_an_epoch() -> None:
    """Catches one order for all networks, and samples drawn with replacement; asked in pieces of 5 and 11 steps."""
    orders = Orders(3, 64)
    drawn = [orders.draw(5), orders.draw(11)]
    epochs = [[index for part in drawn for index in part[:, network].ravel()] for network in range(3)]
    assert all(sorted(epoch) == list(range(1024)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_options_refuse_a_name_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a misspelt shape that measures nothing and succeeds."""
    with pytest.raises(SystemExit):
        main(["--shapes", "A-mni", "--out", str(tmp_path / "lines")])
    assert "A-mni: choose from A-mini" in capsys.readouterr().err
