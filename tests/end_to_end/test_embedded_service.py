"""`whydeep up`: one command to a result, Ctrl-C without a trace, and what a killed start left."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Service

Start = Callable[..., Service]
pytestmark = pytest.mark.end_to_end
SMALL = {
    "spec": {
        "type": "approximation",
        "target": {"kind": "sine-sum"},
        "dataset": {"kind": "sampled", "train_size": 128, "validation_size": 16, "test_size": 64},
        "architecture": {"kind": "mlp", "width": 8, "depth": 1},
        "training": {"kind": "gradient", "steps": 50, "batch_size": 16},
    }
}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A small experiment in a file."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    return path


@pytest.mark.timeout(180)
def test_once_ends_with_the_result_and_leaves_no_process(tmp_path: Path, start: Start, example: Path) -> None:
    """Caught mutation: children not stopped (`Stack.stop` returning early) leave processes of this home."""
    service = start(tmp_path / "home", "--example", str(example), "--once")
    assert service.process.wait(timeout=90) == 0, service.log.read_text()
    printed = service.log.read_text()
    assert "succeeded" in printed
    assert "test_l2_error = " in printed
    assert service.await_nobody() == []


@pytest.mark.timeout(180)
def test_once_exits_1_when_the_example_fails(tmp_path: Path, start: Start) -> None:
    """Accepted, then without a value at half of its samples. Caught mutation: the exit code fixed to 0."""
    path = tmp_path / "without-value.json"
    target = {"kind": "expression", "expression": "log(x)", "domain": {"x": [-1, 1]}}
    path.write_text(json.dumps({"spec": {**SMALL["spec"], "target": target}}))
    service = start(tmp_path / "home", "--example", str(path), "--once")
    assert service.process.wait(timeout=90) == 1, service.log.read_text()
    assert "failed" in service.log.read_text()
    assert service.await_nobody() == []


@pytest.mark.timeout(180)
def test_once_exits_1_when_the_example_is_refused(tmp_path: Path, start: Start) -> None:
    """Caught mutation: a refusal that is printed and exits with 0."""
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({"spec": {**SMALL["spec"], "architecture": {"kind": "mlpp"}}}))
    service = start(tmp_path / "home", "--example", str(path), "--once")
    assert service.process.wait(timeout=90) == 1
    assert "mlp" in service.log.read_text()
    assert service.await_nobody() == []


@pytest.mark.timeout(180)
def test_ctrl_c_stops_everything_and_a_killed_start_is_cleared_by_the_next(tmp_path: Path, start: Start) -> None:
    """Caught mutation: `stop_leftovers` not called leaves the first start's processes beside the second's."""
    first = start(tmp_path / "home")
    first.await_url()
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    orphans = {process.pid for process in first.processes()}
    assert len(orphans) >= 4  # broker, API, two workers

    second = start(tmp_path / "home")
    second.await_url()
    assert "left running by an earlier start" in second.log.read_text()
    assert orphans.isdisjoint(process.pid for process in second.processes())

    third = start(tmp_path / "home")
    assert third.process.wait(timeout=30) == 1
    assert "is in use by process" in third.log.read_text()

    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(timeout=40) == 0, second.log.read_text()
    assert second.await_nobody() == []


@pytest.mark.timeout(180)
def test_a_component_that_does_not_import_stops_the_start_and_is_named(tmp_path: Path, start: Start) -> None:
    """Caught mutation: `import_folder` swallowing the exception."""
    folder = tmp_path / "components"
    folder.mkdir()
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    service = start(tmp_path / "home", environment={"WHYDEEP_COMPONENTS": str(folder)})
    assert service.process.wait(timeout=30) == 1
    assert "broken.py" in service.log.read_text()


@pytest.mark.timeout(180)
def test_the_address_asked_for_is_one_that_the_api_answers_to(tmp_path: Path, start: Start, example: Path) -> None:
    """Caught mutation: --host not passed on, so that the API refuses its own address as a foreign Host."""
    service = start(tmp_path / "home", "--host", "127.0.0.2", "--example", str(example), "--once")
    assert service.process.wait(timeout=90) == 0, service.log.read_text()
    assert "http://127.0.0.2:" in service.log.read_text()
