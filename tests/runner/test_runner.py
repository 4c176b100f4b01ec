"""The runner as a process: what it answers, what it survives and when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from workers import frames

ROOT = Path(__file__).parents[2]
SPEC: dict[str, Any] = {
    "type": "approximation",
    "target": "sine-sum",
    "dataset": {"kind": "sampled", "train_size": 64, "validation_size": 16, "test_size": 64},
    "architecture": {"kind": "mlp", "width": 8, "depth": 1},
    "training": {"kind": "gradient", "steps": 200, "batch_size": 16},
}
ENDLESS = SPEC | {"training": SPEC["training"] | {"steps": 10**8, "evaluate_every": 10**6}}
ENVIRONMENT = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "WHYDEEP_REPORT_SECONDS": "0.05"}
CHATTY = '''
"""A simulation that prints, reads its input and waits."""
import os, sys, time
from dataclasses import dataclass
from workers.catalogue.kinds import Simulation, simulations
from workers.catalogue.parameters import parameter
from workers.catalogue.values import Reading

@simulations.register("chatty", source="a test")
@dataclass(frozen=True, kw_only=True)
class Chatty(Simulation):
    """Print, and hold the interpreter's lock for a while."""

    lines: int = parameter(1, "lines printed", minimum=0)
    digits: int = parameter(0, "digits of a number turned to text without letting other threads run", minimum=0)

    def metric_names(self):
        return ("heard",)

    def run(self, seed, progress):
        print("noise\\n" * self.lines, flush=True)
        os.write(1, b"more noise\\n")
        str(7 ** self.digits) if self.digits else None
        return Reading(metrics={"heard": float(len(sys.stdin.read()))})
'''


class Client:
    """The supervisor's side of the pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        assert process.stdin is not None and process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def send(self, header: dict[str, Any], *blobs: bytes) -> None:
        frames.write(self._stdin, header, blobs)

    def run(self, **specs: dict[str, Any]) -> None:
        self.send({"do": "population", "jobs": [{"id": name, "spec": spec} for name, spec in specs.items()]})

    def hear(self) -> tuple[dict[str, Any], list[bytes]]:
        message = frames.read(self._stdout)
        assert message is not None, "the runner ended"
        return message

    def hear_until(self, **wanted: Any) -> list[tuple[dict[str, Any], list[bytes]]]:
        heard = [self.hear()]
        while any(heard[-1][0].get(name) != value for name, value in wanted.items()):
            heard.append(self.hear())
        return heard

    def last_words(self) -> dict[str, str]:
        said = [header for header, _ in self.hear_until(say="done", after="population")]
        return {header["id"]: header["say"] for header in said if header["say"] not in ("progress", "done")}


@contextmanager
def runner(**environment: str) -> Iterator[Client]:
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.runner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=ENVIRONMENT | environment,
    )
    try:
        client = Client(process)
        assert client.hear()[0]["say"] == "ready"
        yield client
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A runner shared by the tests that leave it as it was."""
    with runner() as client:
        yield client


def test_a_population_is_trained_and_predicts(client: Client) -> None:
    """Catches a last word too few, and outputs that are not those of the stored model."""
    client.run(a=SPEC, b=SPEC | {"seed": 1}, wrong={"type": "approximation"}, sim=simulation(samples=100))
    heard = client.hear_until(say="done")
    ends = {header["id"]: (header, blobs) for header, blobs in heard if header["say"] in ("finished", "failed")}
    assert {name: header["say"] for name, (header, _) in ends.items()} == {
        "a": "finished",
        "b": "finished",
        "wrong": "failed",
        "sim": "finished",
    }
    assert ends["wrong"][0]["reason"] == "invalid" and "/dataset: is required" in ends["wrong"][0]["detail"]
    measurement, blobs = ends["a"][0]["measurement"], ends["a"][1]
    assert measurement["outcome"] == "completed" and measurement["stopped_at_step"] is None
    assert measurement["fingerprint"]["backend"] == "compiled"
    names = [artifact["name"] for artifact in measurement["artifacts"]]
    assert names == ["model.safetensors", "predictions.npz", "manifest.json"] and len(blobs) == 3
    client.send({"do": "predict", "id": "q", "spec": SPEC, "inputs": [[0.25], [0.5]]}, blobs[0])
    answer, _ = client.hear()
    assert answer["say"] == "predicted" and len(answer["outputs"]) == 2
    client.send({"do": "predict", "id": "q", "spec": SPEC, "inputs": [[0.25, 1.0]]}, blobs[0])
    answer, _ = client.hear()
    assert (answer["say"], answer["id"], answer["reason"]) == ("failed", "q", "invalid")


def simulation(**fields: Any) -> dict[str, Any]:
    return {"type": "simulation", "simulation": {"kind": "goe-eigenvalues", **fields}}


def test_one_member_is_cancelled_and_the_others_go_on(client: Client) -> None:
    client.run(short=SPEC, endless=ENDLESS)
    before = client.hear_until(say="progress", id="endless")
    client.send({"do": "cancel", "ids": ["endless"]})
    # The short one may end before there is anything to tell of the other.
    early = {header["id"]: header["say"] for header, _ in before if header["say"] != "progress"}
    assert early | client.last_words() == {"short": "finished", "endless": "cancelled"}


def test_a_cancel_that_came_too_late_does_not_hit_the_next_attempt(client: Client) -> None:
    client.send({"do": "cancel", "ids": ["again"]})
    client.run(again=SPEC)
    assert client.last_words() == {"again": "finished"}


def test_a_stop_drops_the_population_and_both_are_answered(client: Client) -> None:
    """Catches a stop that also drops the population after it."""
    client.run(endless=ENDLESS)
    client.hear_until(say="progress", id="endless")
    client.send({"do": "stop"})
    client.run(next=SPEC)
    said = [header for header, _ in client.hear_until(say="done", after="stop") if header["say"] != "progress"]
    assert [header["after"] for header in said] == ["population", "stop"]
    assert client.last_words() == {"next": "finished"}


def test_an_interrupt_is_the_supervisors_to_answer(client: Client) -> None:
    """A Ctrl-C reaches every process of the terminal."""
    client.run(endless=ENDLESS)
    client.hear_until(say="progress", id="endless")
    client.process.send_signal(signal.SIGINT)
    client.send({"do": "stop"})
    client.hear_until(say="done", after="stop")


def test_the_end_of_the_input_ends_it_at_once() -> None:
    """Also in the middle of a population; catches an orphan that trains on."""
    with runner() as client:
        client.run(endless=ENDLESS)
        client.hear_until(say="progress", id="endless")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert client.process.wait(timeout=1.0) == 0


def test_what_a_component_prints_and_reads_is_not_the_pipe(tmp_path: Path) -> None:
    """Catches a print between two frames, and a component that swallows the next question."""
    (tmp_path / "chatty.py").write_text(CHATTY)
    with runner(WHYDEEP_COMPONENTS=str(tmp_path)) as client:
        client.run(chatty={"type": "simulation", "simulation": {"kind": "chatty", "lines": 10_000}}, after=SPEC)
        assert client.last_words() == {"chatty": "finished", "after": "finished"}


def test_the_death_of_the_parent_ends_it_even_when_its_reader_cannot_run(tmp_path: Path) -> None:
    """A call into C that holds the interpreter's lock for long; catches reliance on the reader thread alone."""
    (tmp_path / "chatty.py").write_text(CHATTY)
    code = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from tests.runner.test_runner import runner
with runner(WHYDEEP_COMPONENTS={str(tmp_path)!r}) as client:
    client.run(long={{"type": "simulation", "simulation": {{"kind": "chatty", "digits": 30_000_000}}}})
    print(client.process.pid, flush=True)
    time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    child.wait(timeout=2.0)
