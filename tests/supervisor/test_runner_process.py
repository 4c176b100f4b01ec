"""The child process around a runner: how its death is told, what it inherits, what is killed with it.

The program here is a shell script in the runner's place, so that it dies exactly as the test wants.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from workers.supervisor.runner_process import TAIL_BYTES, RunnerGoneError, RunnerProcess, runner_environment

Start = Callable[[str], RunnerProcess]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start a shell script as a runner."""

    def started(script: str) -> RunnerProcess:
        program = tmp_path / "runner.sh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(program))
        return RunnerProcess()

    return started


def test_a_crash_is_told_with_its_signal_and_the_end_of_the_log(start: Start) -> None:
    """Catches a detail without its cause, one of unbounded length, and a NUL that PostgreSQL refuses."""
    runner = start("i=0; while [ $i -lt 500 ]; do echo line $i of many words >&2; i=$((i+1)); done\n"
                   r"printf 'the\000cause' >&2; kill -SEGV $$")  # fmt: skip
    with pytest.raises(RunnerGoneError):
        runner.receive(5.0)
    death = runner.kill()
    assert death.exit_status == -11 and not death.out_of_memory and not death.on_request
    assert death.detail.startswith("the runner was ended by SIGSEGV\n") and death.detail.endswith("thecause")
    assert len(death.detail) <= TAIL_BYTES + 40
    assert "line 499 " in death.detail and "line 0 " not in death.detail


def test_an_ordinary_exit_is_told_by_its_status(start: Start) -> None:
    """Catches a detail that speaks of signals where there was none, and a request taken for a crash."""
    runner = start("echo no such component >&2; exit 3")
    with pytest.raises(RunnerGoneError):
        runner.receive(5.0)
    assert runner.kill().detail == "the runner ended with exit status 3\nno such component"
    asked = start("kill -TERM $$")
    with pytest.raises(RunnerGoneError):
        asked.receive(5.0)
    assert asked.kill().on_request


def test_a_kill_ends_what_the_runner_started_too(start: Start) -> None:
    """Catches a kill of the one process, which leaves its children computing."""
    runner = start("sleep 1000 & sleep 1000")
    process = psutil.Process(runner.pid)
    while len(process.children()) < 2:
        time.sleep(0.01)
    children = process.children()
    assert runner.alive
    runner.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == [] and not runner.alive


def test_a_frame_for_a_dead_runner_is_refused(start: Start) -> None:
    """Catches a broken pipe that ends the worker instead of the population."""
    runner = start("exit 0")
    runner.kill()
    with pytest.raises(RunnerGoneError):
        runner.send({"do": "stop"})


def test_what_a_runner_inherits_is_on_a_list() -> None:
    """Catches a variable of the operator's that reaches code which runs other people's specs."""
    given = {"PATH": "/bin", "WHYDEEP_DATABASE_URL": "x", "AWS_SECRET_ACCESS_KEY": "x", "OMP_NUM_THREADS": "8"}
    environment = runner_environment({**given, "WHYDEEP_COMPONENTS": "/here"})
    assert environment["PATH"] == "/bin" and environment["WHYDEEP_COMPONENTS"] == "/here"
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
    assert "x" not in environment.values()
